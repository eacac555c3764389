"""A canary in every secret; then everything said, kept and logged is searched for them, with faults on, at DEBUG.

Over HTTP, with a stack of its own whose secrets hold a unique marker each.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scim.store.azure_tables import AzureStore
from tests.conftest import ROOT, Stack, start_stack, stop_stack
from tests.door import group, patch, user

pytestmark = pytest.mark.stack
MARK = "Canary-" + secrets.token_hex(6)
USER_PASSWORD = f"{MARK}-user-Aa1!"
OTHER_PASSWORD = f"{MARK}-other-Aa1!"
BAD_TOKEN = f"ssc_{MARK}"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    directory = tmp_path_factory.mktemp("canary")
    sizes = ("--users", "10", "--groups", "3", "--log", "--local-dir", str(directory / "local"))
    stack, process = start_stack(directory, *sizes, SCIM_LOG_LEVEL="DEBUG", AZURE_LOG_LEVEL="debug")
    yield stack, directory
    stop_stack(process)


async def dump(stack: Stack) -> str:
    """Every row of every table, as text."""
    store = AzureStore(connection_string=stack.tables)
    found = []
    for name in (
        "connections",
        "tokens",
        "vaults",
        "attributes",
        "externalids",
        "journal",
        "audit",
        "settings",
        "messages",
    ):
        rows = [row async for row in store.table(name).query(None)]
        found += [f"{name} {row.partition} {row.key} {dict(row.values)!r}" for row in rows]
    await store.close()
    return "\n".join(found)


def everything_at_once(stack: Stack) -> list[httpx.Response]:
    """A broad set of requests, good and bad, each with a secret where one belongs or does not belong."""
    client = stack.client
    name = f"canary-{secrets.token_hex(3)}"
    said = [client.post("/Users", json=user(name, password=USER_PASSWORD, externalId=name, displayName="C"))]
    made = said[0].json()["id"]
    path = f"/Users/{made}"
    said += [
        client.get(path),
        client.get(path, params={"attributes": "password"}),
        client.get("/Users", params={"filter": f'password eq "{USER_PASSWORD}"'}),
        client.get("/Users", params={"count": 5}),
        client.patch(path, json=patch({"op": "replace", "path": "password", "value": OTHER_PASSWORD})),
        client.patch(path, json=patch({"op": "replace", "value": {"password": OTHER_PASSWORD}})),
        client.put(path, json=user(name, password=USER_PASSWORD, displayName="D")),
        client.post("/Users", json=user(name, password=USER_PASSWORD)),
        client.post("/Users", json=user(f"{name}2", password=MARK)),
        client.post("/Users", json=user(f"{name}3", password={"value": USER_PASSWORD})),
        client.post("/Users", content=json.dumps(user(name, password=USER_PASSWORD))[:-1].encode()),
        client.patch(path, json=patch({"op": "replace", "path": "password", "value": {"value": USER_PASSWORD}})),
        client.patch(path, json=patch({"op": "replace", "path": "password", "value": [USER_PASSWORD]})),
        client.post("/Groups", json=group(f"{name} group", made)),
        client.get("/Users", headers={"Authorization": f"Bearer {BAD_TOKEN}"}),
        client.get(
            "/Users", headers={"Authorization": "Basic " + base64.b64encode(f"a:{BAD_TOKEN}".encode()).decode()}
        ),
        client.get("/Users", headers={"Cookie": f"session={MARK}-cookie"}),
        client.get(f"{stack.scim.removesuffix('/scim/v2')}/health/deep"),
        client.get("/Schemas"),
        client.get("/Me"),
    ]
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    one = {"method": "POST", "path": "/Users", "bulkId": "b", "data": user(f"{name}4", password=USER_PASSWORD)}
    said.append(client.post("/Bulk", json={"schemas": schemas, "Operations": [one]}))
    return said


FAULTS: list[dict[str, Any]] = [
    {"match": "^POST /api/v1/users", "do": "500"},
    {"match": "^POST /api/v1/users", "do": "drop-after"},
    {"match": "^POST /api/v1/users", "do": "bad-json"},
    {"match": "^(PATCH|PUT) /api/v1/users", "do": "html"},
    {"match": "^(PATCH|PUT) /api/v1/users", "do": "400"},
    {"match": "oauth2/token", "do": "401"},
]


async def test_no_secret_is_answered_logged_or_kept(told: tuple[Stack, Path]) -> None:
    """Token, vault password, users' passwords, cookies, upstream tokens, keys: 0 hits in answers, logs and tables."""
    stack, directory = told
    said = everything_at_once(stack)
    assert 201 == said[0].status_code, said[0].text
    for fault in FAULTS:
        stack.faults({**fault, "times": 2})
        if "oauth2" in fault["match"]:
            stack.act("expire_tokens")
        name = f"fault-{secrets.token_hex(3)}"
        said.append(stack.client.post("/Users", json=user(name, password=USER_PASSWORD)))
        said.append(stack.client.put(f"/Users/{said[0].json()['id']}", json=user("x", password=OTHER_PASSWORD)))
        stack.faults()
    base = stack.scim.removesuffix("/scim/v2")
    stack.client.post(f"{base}/admin/functions/timer_upkeep", json={})
    await wait_until_written(stack)
    logs = "\n".join(p.read_text("utf-8", "replace") for p in (directory / "local").rglob("*.log"))
    places = {
        "answers": "\n".join(f"{a.status_code} {dict(a.headers)} {a.text}" for a in said),
        "logs": logs,
        "tables": await dump(stack),
    }
    assert "POST" in logs
    wanted = forms(stack)
    for place, text in places.items():
        hits = [what for what, marks in wanted.items() if any(mark in text for mark in marks)]
        assert [] == hits, f"found in {place}"


async def wait_until_written(stack: Stack) -> None:
    """Messages and reads are written behind the answers, every two seconds."""
    for _ in range(40):
        await asyncio.sleep(0.25)
        if "canary-" in await dump(stack):
            await asyncio.sleep(2.2)
            return


def forms(stack: Stack) -> dict[str, list[str]]:
    """Each secret and the forms in which it could leak."""
    environment = dict(
        line.split("=", 1)
        for line in Path(f"/proc/{stack.pids['host']}/environ").read_text("utf-8", "replace").split("\0")
        if "=" in line
    )
    token = stack.token.split("_", 2)[2]
    upstream = upstream_tokens(stack)
    assert upstream
    return {
        "the connection's token": [stack.token, token, token[:20], b64(stack.token)],
        "the pepper": [environment["SCIM_PEPPER"], environment["SCIM_PEPPER"].rstrip("=")],
        "the data key": [environment["SCIM_DATA_KEY"].rstrip("=")],
        "the vault's password": ["simulator-only", b64("simulator-only")],
        "users' passwords": [USER_PASSWORD, OTHER_PASSWORD, b64(USER_PASSWORD)],
        "what was shown as a token": [BAD_TOKEN],
        "a cookie": [f"{MARK}-cookie"],
        "upstream tokens": upstream,
    }


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()[:40]


def upstream_tokens(stack: Stack) -> list[str]:
    """Tokens of the connector's account: asked of the vault as the connector does, for their shape is the same."""
    form = {"grant_type": "password", "username": "svc-scim", "password": "simulator-only"}
    answer = httpx.post(f"{stack.secret_server}/oauth2/token", data=form, trust_env=False)
    return [answer.json()["access_token"]]


def test_the_command_line_shows_a_token_once_and_never_again(told: tuple[Stack, Path]) -> None:
    stack, _ = told
    environ = Path(f"/proc/{stack.pids['host']}/environ").read_text("utf-8").split("\0")
    environment = dict(line.split("=", 1) for line in environ if "=" in line)
    asked = (["token", "list", "demo"], ["connection", "show", "demo"], ["vault", "show", "demo"], ["vault", "list"])
    first, *others = run_cli(environment, ["token", "add", "demo", "--force"], *asked)
    token = first["answer"]["token"]
    assert len(asked) == len(others)
    for answer in others:
        text = json.dumps(answer)
        assert 0 == answer["exit"]
        assert token not in text
        assert "simulator-only" not in text


def run_cli(environment: dict[str, str], *commands: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "scim.cli", "batch"],
        cwd=ROOT,
        env={**os.environ, **environment},
        input="\n".join(json.dumps({"argv": words, "stdin": ""}) for words in commands),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
