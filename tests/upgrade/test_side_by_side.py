"""This release and the one before it share tables, tokens and clients while instances change over (N and N-1)."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from scim.store.azure_tables import AzureStore
from scim.store.table import Row
from tests.clients.replay import Replay, load
from tests.clients.test_dialogs import NAMES, client
from tests.conftest import KEYS, ROOT, Stack, start_stack, stop_stack
from tests.served import App
from tests.upgrade.releases import Turns, environment_of, take_out

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.xdist_group("upgrade")]


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, App, App]]:
    """The stack of this release with the previous one's app beside it: (stack, previous, this)."""
    source = take_out(tmp_path_factory.mktemp("previous"))
    place = tmp_path_factory.mktemp("beside")
    fresh = {
        "SCIM_MEMBERSHIPS_SECONDS": "0"
    }  # each process keeps memberships of its own: they must not be the difference
    stack, process = start_stack(place, "--users", "60", "--groups", "8", "--folders", "30", "--secrets", "60",
                                 **KEYS, **fresh)  # fmt: skip
    try:
        environment = environment_of(stack)
        previous = App(source, environment)
        this = App(ROOT, environment, httpx.URL(stack.scim).port or 0)
        with previous.served(place / "previous.log"):
            yield stack, previous, this
    finally:
        stop_stack(process)


Both = tuple[Stack, App, App]


@pytest.mark.parametrize("way", ["previous", "in turns"])
@pytest.mark.parametrize("name", NAMES)
def test_a_client_cannot_tell_which_release_answers(name: str, way: str, side_by_side: Both) -> None:
    """Every dialog goes as its client expects, wholly at the release before and with each request at the other one."""
    stack, previous, this = side_by_side
    ports = (previous.port,) if way == "previous" else (this.port, previous.port)
    dialog, run = load(name), secrets.token_hex(3)
    with client(stack, dialog, run) as signed_in:
        http = httpx.Client(
            base_url=signed_in.base_url,
            headers=signed_in.headers,
            auth=signed_in.auth,
            timeout=60,
            transport=Turns(*ports),
        )
        with http:
            replay = Replay(http, stack, run)
            for step in dialog["steps"]:
                replay.step(step)


def test_a_token_of_either_release_opens_both_and_a_revocation_closes_both(side_by_side: Both) -> None:
    _, previous, this = side_by_side
    for maker, revoker in ((previous, this), (this, previous)):
        name = f"tokens-{secrets.token_hex(3)}"
        maker.cli("connection", "add", name, "--vault", "demo")
        made = json.loads(maker.cli("--json", "token", "add", name))
        for release in (previous, this):
            assert 200 == _users(release, made["token"])
        revoker.cli("token", "revoke", made["token"].split("_")[1])
        until = time.monotonic() + 60
        while any(_users(release, made["token"]) != 401 for release in (previous, this)):
            assert time.monotonic() < until, "a revoked token opens a release after a minute"
            time.sleep(1)


def _users(release: App, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{release.port}/scim/v2/Users?count=1"
    return httpx.get(url, headers=headers, timeout=30, trust_env=False).status_code


@pytest.mark.parametrize("begins", ["previous", "this"])
def test_what_one_release_began_the_other_finishes(begins: str, side_by_side: Both) -> None:
    """A leaver whose disabling was cut off is disabled by the other release's timer; no intent stays open."""
    stack, previous, this = side_by_side
    one, other = (previous, this) if begins == "previous" else (this, previous)
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/scim+json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{one.port}/scim/v2", headers=headers, timeout=60) as http:
        body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"cut.{secrets.token_hex(3)}"}
        made = http.post("/Users", json=body).json()
        stack.faults({"match": "^(DELETE|PUT|PATCH) /api/v1/users", "do": "503", "retry_after": 3600, "times": 50})
        assert 503 == http.delete(f"/Users/{made['id']}").status_code
        stack.faults()
    assert stack.vault_user(made["id"])["enabled"]
    assert 0 < asyncio.run(_age(stack))
    other.fire_timer()
    until = time.monotonic() + 30
    while stack.vault_user(made["id"])["enabled"] or asyncio.run(_age(stack)):
        assert time.monotonic() < until, "the other release did not finish it"
        time.sleep(0.5)


async def _age(stack: Stack) -> int:
    """Make every announcement ten minutes older; how many there were."""
    store = AzureStore(connection_string=stack.tables)
    try:
        table, count = store.table("journal"), 0
        async for row in table.query(None):
            if row.partition.startswith("open|"):
                values = {**row.values, "at": row.values["at"] - timedelta(minutes=10)}
                await table.put(replace(row, values=values))
                count += 1
        return count
    finally:
        await store.close()


@pytest.mark.parametrize("changes", ["previous", "this"])
def test_what_a_release_does_not_know_survives_its_writes(changes: str, side_by_side: Both) -> None:
    stack, previous, this = side_by_side
    release = previous if changes == "previous" else this
    name = f"future-{secrets.token_hex(3)}"
    release.cli("connection", "add", name, "--vault", "demo")
    asyncio.run(_add_column(stack, name))
    release.cli("connection", "edit", name, "--read-only")
    row = asyncio.run(_connection_row(stack, name))
    assert 7 == row.values["future_column"]
    assert json.loads(row.values["document"])["read_only"] is True


async def _connection_row(stack: Stack, name: str) -> Row:
    store = AzureStore(connection_string=stack.tables)
    try:
        found = [row async for row in store.table("connections").query(None) if "document" in row.values]
    finally:
        await store.close()
    return next(row for row in found if json.loads(row.values["document"]).get("name") == name)


async def _add_column(stack: Stack, name: str) -> None:
    row = await _connection_row(stack, name)
    store = AzureStore(connection_string=stack.tables)
    try:
        await store.table("connections").merge(Row(row.partition, row.key, {"future_column": 7}))
    finally:
        await store.close()


def test_a_copy_that_the_previous_release_made_is_restored_by_this_one(side_by_side: Both, tmp_path: Any) -> None:
    stack, previous, this = side_by_side
    copy = tmp_path / "copy"
    previous.cli("backup", str(copy))
    name = f"later-{secrets.token_hex(3)}"
    this.cli("connection", "add", name, "--vault", "demo")
    this.cli("restore", str(copy), "--replace")
    assert name not in this.cli("connection", "list")
    for release in (previous, this):
        assert 200 == _users(release, stack.token)
