"""Promises that are read off the source: no filter made from text, no weak generator, no forgotten secret type."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scim.settings import Settings
from scim.store.range_read import _literal as literal
from scim.store.range_read import condition

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "scim").rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


RANGE_READ = ROOT / "scim" / "store" / "range_read.py"


def test_filters_are_made_in_one_place() -> None:
    """`x' or PartitionKey eq 'tok` returned two rows when filters were texts of their callers (durabletask PR 1369)."""
    asking = {p for p in SOURCES for _, name in calls(p) if "query_entities" in name}
    writing = {p for p in SOURCES if "$filter" in p.read_text("utf-8")}
    assert (set(), {RANGE_READ}) == (asking, writing)
    callers = {p.name for p in SOURCES for _, name in calls(p) if name.endswith("range_read.condition")}
    callers |= {
        p.name for p in SOURCES for _, name in calls(p) if name == "condition" and p.parent == RANGE_READ.parent
    }
    assert {"azure_tables.py"} == callers


def test_every_value_of_a_filter_is_written_by_its_type() -> None:
    """In that place: of what stands in a condition only the fixed words come from elsewhere than `_literal`."""
    made = next(
        node
        for node in ast.walk(ast.parse(RANGE_READ.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "condition"
    )
    texts = [ast.unparse(node) for node in ast.walk(made) if isinstance(node, ast.JoinedStr)]
    assert ["f'{name} {verb} {_literal(value)}'"] == texts


HOSTILE = ["'", "''", "x' or PartitionKey eq 'tok", "x'' or 1 eq 1 or ''", "\\'", "%27", "\u2019", "'\n'", "a\u0000'"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_one_text_in_a_filter(text: str) -> None:
    """OData's only way out of a quoted text is a single quote; every quote inside is doubled."""
    written = condition(text, None, None, None, {"value": text})
    left, right = f"PartitionKey eq {literal(text)}", f"value eq {literal(text)}"
    assert f"{left} and {right}" == written
    assert "" == re.sub(r"'(?:[^']|'')*'", "", literal(text)), "nothing stands outside of the quotes"
    with pytest.raises(ValueError, match="name"):
        condition("p", None, None, None, {text: 1})


def test_secrets_come_from_the_systems_generator() -> None:
    """Only `secrets` (Passbolt, 1Password CVE-2020-10256): the linter's S311, and nobody switches it off silently."""
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "S311", "--no-cache", "scim"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == run.returncode, run.stdout
    excused = {p.relative_to(ROOT).as_posix() for p in SOURCES if "noqa: S311" in p.read_text("utf-8")}
    assert excused <= {"scim/secretserver/client.py"}, "the jitter of retries guards nothing; anything else might"


def test_digests_are_compared_in_constant_time() -> None:
    """Nothing that is called digest, token or signature is compared with == (Passbolt)."""
    wrong = []
    for path in (ROOT / "scim" / "access").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(o, (ast.Eq, ast.NotEq)) for o in node.ops):
                sides = [ast.unparse(s).casefold() for s in (node.left, *node.comparators)]
                if (
                    any(word in side for side in sides for word in ("digest", "signature", ".secret", "password"))
                    and "len(" not in sides[0]
                ):
                    wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert [] == wrong


def test_nothing_is_evaluated() -> None:
    """No eval, exec, pickle, yaml.load, shell or format string that a client writes."""
    forbidden = {
        "eval",
        "exec",
        "pickle.loads",
        "pickle.load",
        "yaml.load",
        "os.system",
        "subprocess.run",
        "subprocess.Popen",
        "marshal.loads",
    }
    wrong = [f"{p.relative_to(ROOT)}:{c.lineno} {n}" for p in SOURCES for c, n in calls(p) if n in forbidden]
    assert [] == wrong


def test_outbound_clients_believe_no_proxy_and_follow_no_redirect() -> None:
    """httpx believes the environment by default: a proxy there would read the answers (SSRF)."""
    wrong = []
    for path in SOURCES:
        for call, name in calls(path):
            if name in {"httpx.AsyncClient", "httpx.Client"}:
                given = {k.arg: ast.unparse(k.value) for k in call.keywords}
                if given.get("trust_env") != "False" or given.get("follow_redirects") == "True":
                    wrong.append(f"{path.relative_to(ROOT)}:{call.lineno}")
            if name.startswith("httpx.") and name.split(".")[1] in {"get", "post", "request", "put"}:
                wrong.append(f"{path.relative_to(ROOT)}:{call.lineno} {name}")
    assert [] == wrong


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_that_is_a_secret_never_shows_itself(name: str) -> None:
    """pepper, keys, tokens and connection strings are SecretStr, whose text is stars."""
    words = ("pepper", "data_key", "secret", "metrics_token", "connection_string", "password")
    if any(word in name for word in words):
        assert "SecretStr" in str(Settings.model_fields[name].annotation)
