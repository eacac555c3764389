"""Words that must stay true: every setting, audit action, log event and route stands in the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scim.cli.main import AUDITED
from scim.resources import REGISTRY
from scim.settings import Settings
from tests.door import function_app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
AUDIT = (ROOT / "docs" / "audit.md").read_text("utf-8")
API = (ROOT / "docs" / "api.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")

_ACTION = re.compile(
    r"(user|group|folder|folder-grant|secret|secret-grant|vault|connection|token|breaker|console|settings|tables)"
    r"(\.[a-z]+(-[a-z]+)*)+"
)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained_in_the_readme(name: str) -> None:
    """One row of the table each: name, default, meaning."""
    row = re.search(rf"^\| `SCIM_{name.upper()}` \| (?P<default>[^|]+) \| (?P<says>[^|]+) \|$", README, re.MULTILINE)
    assert row is not None, f"SCIM_{name.upper()} has no row in README.md"
    assert len(row["says"].strip()) > 10
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        assert str(default).lower() == row["default"].strip()
    elif isinstance(default, (int, float)):
        assert default == float(row["default"].strip())


def test_the_readme_explains_no_setting_that_is_not_there() -> None:
    told = set(re.findall(r"^\| `SCIM_([A-Z_]+)` \|", README, re.MULTILINE))
    assert set() == told - {name.upper() for name in Settings.model_fields}


# -- audit ------------------------------------------------------------------------------------------------------------


def literals() -> Iterator[str]:
    """Texts in the modules that write audit events, but for those that name a log event or a template."""
    homes = ("app.py", "directory/journal*.py", "console/**/*.py", "administration/*.py", "triggers/*.py")
    for path in (p for pattern in homes for p in (ROOT / "scim").glob(pattern)):
        tree = ast.parse(path.read_text("utf-8"))
        logged = {
            id(argument)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "tell"
            for argument in call.args
        }
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in logged | docstrings:
                yield node.value


def actions() -> set[str]:
    found = {t for t in literals() if _ACTION.fullmatch(t) and not t.endswith((".html", ".js", ".css", ".svg"))}
    found |= {f"{noun}.{verb}" if verb else f"tables.{noun}" for noun, verb in AUDITED}
    found |= {f"{kind}-grant.{verb}" for kind in ("folder", "secret") for verb in ("create", "change", "remove")}
    return found


def test_every_audit_action_is_explained() -> None:
    assert {"user.create", "vault.add", "folder-grant.create"} <= actions()
    told = set(re.findall(r"`([a-z.*-]+)`", AUDIT))
    assert set() == actions() - told


# -- routes -----------------------------------------------------------------------------------------------------------


def test_every_route_is_in_the_documentation() -> None:
    """Taken from the running app, not from a list."""
    missing = []
    for function in function_app(lambda: None).get_functions():
        trigger = function.get_trigger()
        if trigger is None or not hasattr(trigger, "route"):
            continue
        route = "/" + str(trigger.route).replace("/{*rest}", "").replace("{*rest}", "")
        short = route.removeprefix("/scim/v2")
        if route in {"/", "/scim/v2"}:
            continue  # what nothing else catches is 404
        if f"`{route}" not in API and f"`{short}" not in API:
            missing.append(route)
    assert [] == missing


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_resource_type_is_in_the_documentation(name: str) -> None:
    endpoint = {"PrivilegedData": "/PrivilegedData", "PrivilegedDataPermission": "/PrivilegedDataPermissions"}
    assert f"`/scim/v2{endpoint.get(name, f'/{name}s').replace('ys', 'ies')}`" in API


def test_every_event_that_an_alert_may_wait_for_is_explained() -> None:
    """Names of the log's JSON lines: what `tell` is given."""
    events = set()
    for path in (ROOT / "scim").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "tell"
            if named and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
                events.add(str(call.args[1].value))
    assert events
    assert set() == {
        event for event in events if f"`{event}`" not in OPERATIONS + AUDIT and f'"{event}"' not in OPERATIONS + AUDIT
    }


# -- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [] == [target for target in inside if not ((ROOT / page).parent / target).exists()]
