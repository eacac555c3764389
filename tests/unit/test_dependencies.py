"""The dependency rule: imports point down the way of a request. Each edge that is allowed says why.

A new import either fits a line here or gets one, with its reason; that is the moment to ask whether it should exist.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS = "the connector's own words, which everybody speaks"
ONE_RULE = "names are compared by one rule, wherever they are"

MAY: dict[str, dict[str, str]] = {
    "errors": {},
    "model": {},
    "names": {},
    "content": {"model": "folders, secrets and grants are made of the same ids and references"},
    "settings": {},
    "reach": {},
    "context": {"errors": "a deadline that has passed is an error"},
    "store": {
        "errors": WORDS,
        "model": WORDS,
        "names": ONE_RULE,
        "reach": "a vault is stored with an address that one may have",
    },
    "audit": {
        "errors": WORDS,
        "context": "what happens in the background is told in the log",
        "store": "events are rows",
    },
    "protocol": {"errors": WORDS},
    "directory": {
        "names": ONE_RULE,
        "errors": WORDS,
        "model": WORDS,
        "content": WORDS,
        "context": "what guard and journal decide is noted for the audit",
        "store": "intents, kept attributes and counters are rows",
        "audit": "the journal's outcomes are audit events",
    },
    "secretserver": {
        "names": ONE_RULE,
        "errors": WORDS,
        "model": WORDS,
        "content": WORDS,
        "context": "calls are counted, and keep to the request's deadline",
        "directory.port_vault": "the face that it implements",
        "reach": "and connected to at no other, whatever a name says by then",
    },
    "access": {
        "names": ONE_RULE,
        "errors": WORDS,
        "model": WORDS,
        "settings": "rates, caches and where keys come from",
        "store": "tokens and connections are rows",
    },
    "resources": {
        "names": ONE_RULE,
        "errors": WORDS,
        "model": WORDS,
        "content": WORDS,
        "context": "what was left out by policy is noted for the audit",
        "protocol": "SCIM documents and schemas",
        "directory.port": "what it may ask of a vault",
    },
    "health": {"model": WORDS, "directory.port_vault": "what a vault's adapter found out about itself"},
    "sessions": {
        "errors": WORDS,
        "model": WORDS,
        "store": "vaults and their credentials are rows",
        "directory": "the faces of what is kept open, and the lists that guard and reads take from it",
    },
    "administration": {
        "errors": WORDS,
        "model": WORDS,
        "store": "what an administrator changes are rows",
        "audit": "and every change is an event",
        "access": "tokens are made where they are checked",
        "content": "the levels that a permission map may name",
    },
    "console": {
        "names": ONE_RULE,
        "errors": WORDS,
        "model": WORDS,
        "store": "what it shows are rows",
        "audit": "and events",
        "access": "who may sign in, and keys",
        "administration": "the verbs that it shares with the command line",
        "content": "what it asks a vault for, to offer it",
    },
    "sync": {"errors": WORDS, "model": WORDS, "store": "", "audit": "", "directory.port": "", "access": ""},
    "triggers": {
        "errors": WORDS,
        "model": WORDS,
        "context": "opens and reads the request's context",
        "access": "the door that a request comes through",
        "protocol": "the protocol that it speaks then",
        "store.messages": "what the console shows of a request is written down where the request ends",
        "store.redaction": "nothing that opens a door is kept of it",
        "console.app": "the application behind the console's trigger, imported at the first visit",
    },
    "telemetry": {"context": "the request that a span is about, and the face that calls hang on"},
    "metrics": {"context": "what a request cost is counted where it is known"},
    "gauges": {
        "errors": WORDS,
        "metrics": "what is read at this moment is shown with what was counted",
    },
}
"""What a module of scim may import from scim. Not listed: those that put all together."""

WHOLE = {"app", "cli", "connector", "rehearsal", "upkeep"}

HOMES: dict[str, dict[str, str]] = {
    "azure.functions": {"triggers": "step 1 speaks the host's language", "function_app": "it registers triggers"},
    "azure.data": {"store": "the one adapter to Table Storage"},
    "azure.core": {"store": "errors and transport of the table client", "access": "the shape of a managed identity"},
    "httpx": {
        "secretserver": "the way to a vault",
        "access": "signing keys, Key Vault and the managed identity's endpoint",
        "sync": "the outbound client",
    },
    "httpx_aiohttp": {"secretserver": "the faster way to a vault"},
    "scim2_models": {
        "protocol": "the standard's models",
        "resources": "filters and requests of the standard",
        "triggers": "errors of the library become answers in the last place that can",
    },
    "scim2_server": {
        "protocol": "the standard's operations",
        "resources": "its storage contract",
        "triggers": "a request is handed to the protocol in the library's own envelope",
    },
    "msal": {"access": "tokens of people and of the managed identity", "app": "and where that is put together"},
    "jwt": {"access": "what an identity provider signed"},
    "opentelemetry": {"telemetry": "the one place that speaks it, imported by switch"},
    "starlette": {"console": "pages for people"},
    "jinja2": {"console": "pages for people"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of scim, as `access.tokens`."""
    for path in sorted((ROOT / "scim").rglob("*.py")):
        parts = path.relative_to(ROOT / "scim").with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), path


@cache
def imports(path: Path) -> tuple[str, ...]:
    """What a module imports, wherever in it; not what it needs for types only."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for part in block.body
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "scim")


def fits(name: str, allowed: dict[str, str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("home", sorted({name.partition(".")[0] for name, _ in modules()} - WHOLE - {""}))
def test_imports_point_down_the_way_of_a_request(home: str) -> None:
    assert home in MAY, f"scim/{home} is new: say what it may import, and why"
    wrong = set()
    for name, path in modules():
        if name.partition(".")[0] != home:
            continue
        for found in imports(path):
            inner = found.removeprefix("scim.")
            if found.startswith("scim.") and inner.partition(".")[0] != home and not fits(inner, MAY[home]):
                wrong.add(f"{name} imports {found}")
    assert set() == wrong


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_has_one_home(library: str) -> None:
    wrong = set()
    for name, path in [*modules(), ("function_app", ROOT / "function_app.py")]:
        if any(fits(found, {library: ""}) for found in imports(path)) and not fits(name, HOMES[library]):
            wrong.add(name)
    assert set() == wrong


def test_only_the_composition_root_sees_everything() -> None:
    """Adapters are named in app alone, and nothing but the entry points imports what puts all together."""
    tops = {f"scim.{whole}": "" for whole in WHOLE}
    users = {name for name, path in modules() if any(fits(f, tops) for f in imports(path))}
    assert set() == {name for name in users if name.partition(".")[0] not in WHOLE}
    namers = {name for name, path in modules() if any(fits(f, {"scim.secretserver": ""}) for f in imports(path))}
    assert {"app"} == {name for name in namers if name.partition(".")[0] != "secretserver"}


@pytest.mark.parametrize("folder", ["simulator", "local"])
def test_what_is_never_deployed_imports_nothing_from_the_connector(folder: str) -> None:
    """A simulator built from the connector's own code would repeat its misunderstandings."""
    wrong = set()
    for path in (ROOT / folder).rglob("*.py"):
        wrong |= {f"{path.name}: {f}" for f in imports(path) if f == "scim" or f.startswith("scim.")}
    assert set() == wrong


def test_the_connector_imports_nothing_that_is_never_deployed() -> None:
    outside = {"simulator": "", "local": "", "tests": "", "bench": ""}
    wrong = {f"{name}: {f}" for name, path in modules() for f in imports(path) if fits(f, outside)}
    assert set() == wrong


def test_handlers_reach_a_vault_only_through_journal_and_guard() -> None:
    """Nothing above the directory imports an adapter or the inner faces."""
    inner = {f"scim.directory.{n}": "" for n in ("attributes", "whole_users", "whole_groups", "whole_holdings", "kept")}
    inner |= {"scim.secretserver": ""}
    allowed = {*WHOLE, "directory", "secretserver"}
    wrong = {
        f"{name}: {f}"
        for name, path in modules()
        for f in imports(path)
        if name.partition(".")[0] not in allowed and fits(f, inner)
    }
    assert set() == wrong


def test_every_reason_is_still_needed() -> None:
    """A line that nothing needs any more is taken away, so that the next import is asked for again."""
    unused = []
    for home, allowed in MAY.items():
        found = {f.removeprefix("scim.") for n, p in modules() if n.partition(".")[0] == home for f in imports(p)}
        if not found:
            continue  # not built yet
        unused += [f"{home} → {one}" for one in allowed if not any(fits(f, {one: ""}) for f in found)]
    assert [] == unused
