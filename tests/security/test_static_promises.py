"""Promises that are read off the source: no filter made from text, no weak generator, no forgotten secret type."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scim.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "scim").rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def test_no_text_is_ever_put_into_a_table_filter() -> None:
    """`x' or PartitionKey eq 'tok` returned two rows when it was: values travel as parameters (durabletask PR 1369)."""
    wrong = []
    for path in SOURCES:
        for call, name in calls(path):
            if not name.endswith(("query_entities", "query_entities_async")):
                continue
            given = [
                *call.args,
                *(k.value for k in call.keywords if k.arg not in {"parameters", "select", "results_per_page"}),
            ]
            for argument in given:
                for node in ast.walk(argument):
                    put_together = isinstance(node, ast.JoinedStr) or (
                        isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add))
                    )
                    formatted = isinstance(node, ast.Attribute) and node.attr == "format"
                    if put_together or formatted:
                        wrong.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert [] == wrong


def test_filters_are_made_in_one_place() -> None:
    homes = {p.relative_to(ROOT).as_posix() for p in SOURCES for _, name in calls(p) if name.endswith("query_entities")}
    assert homes == {"scim/store/azure_tables.py"}


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
