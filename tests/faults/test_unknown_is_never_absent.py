"""Unknown is never absent: whatever fails behind a read or a write, no client is told that something is not there.

Through the whole app in process. For each request the calls that it makes are learned from a fault-free run of a fresh
process (nothing is cached), then each of them fails in each way there is.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.door import Door
from tests.faults.dialogue import WRITES, Request, in_the_vault, told_truth, world
from tests.faults.interruptions import (
    FOR_EVER,
    KINDS,
    every_call_fails,
    every_table_call_fails,
    faulty_tables,
    faulty_vault,
    lines,
)

SLOW_KINDS = ("slow", "hang", "drip")
SHORT = {"request_seconds": 2.0, "connect_seconds": 0.05, "read_seconds": 0.05}


def get(path: str, **query: Any) -> Request:
    return lambda w: w.client.get(path.format(w=w), params=query)


def found_by(path: str, text: str, **query: Any) -> Request:
    return lambda w: w.client.get(path, params={"filter": text.format(w=w), **query})


def searched(path: str, **body: Any) -> Request:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
    return lambda w: w.client.post(path, json={"schemas": schemas, **body})


READS: dict[str, Request] = {
    "user": get("/Users/7"),
    "user of ours": get("/Users/{w.user}"),
    "user, some attributes": get("/Users/7", attributes="userName,groups"),
    "user by name": found_by("/Users", 'userName eq "known"'),
    "nobody by name": found_by("/Users", 'userName eq "nobody-at-all"'),
    "user by external id": found_by("/Users", 'externalId eq "x-known"'),
    "user by mail": found_by("/Users", 'emails.value eq "known@corp.example"'),
    "users by display name": found_by("/Users", 'displayName sw "K"'),
    "page of users": get("/Users", startIndex=3, count=5),
    "sorted users": get("/Users", sortBy="userName", count=5),
    "users with a cursor": get("/Users", cursor="", count=4),
    "searched users": searched("/Users/.search", filter='userName eq "known"'),
    "everything": searched("/.search", filter='userName eq "known"'),
    "group": get("/Groups/{w.group}"),
    "group without members": get("/Groups/{w.group}", excludedAttributes="members"),
    "group by name": found_by("/Groups", 'displayName eq "Known"'),
    "group by external id": found_by("/Groups", 'externalId eq "g-known"'),
    "groups of a member": found_by("/Groups", 'members.value eq "{w.user}"'),
    "reference check": found_by("/Groups", 'id eq "{w.group}" and members[value eq "{w.user}"]', attributes="id"),
    "page of groups": get("/Groups", count=5),
    "schemas": get("/Schemas"),
}


# -- reads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READS)
async def test_no_fault_of_the_vault_makes_a_read_empty(name: str) -> None:
    """Every call behind every read, in three of the ways that answer at once: 0 empty lists, 0 × 404, 0 × 401."""
    turns = itertools.cycle((*KINDS, "400"))
    await faulty_reads(name, lambda: [next(turns), next(turns), next(turns)])


@pytest.mark.slow
@pytest.mark.parametrize("name", READS)
async def test_no_fault_of_the_vault_whatever_it_is_makes_a_read_empty(name: str) -> None:
    await faulty_reads(name, lambda: [*KINDS, "400"])


async def faulty_reads(name: str, kinds: Callable[[], list[str]]) -> None:
    await every_call_fails(await world(), READS[name], kinds)


@pytest.mark.parametrize("kind", SLOW_KINDS)
async def test_a_vault_that_is_slow_for_ever_is_an_outage_in_time(kind: str) -> None:
    """Hanging, dripping and late answers end within the request's budget, which is two seconds here."""
    w = await world(**SHORT)
    for name in ("user", "nobody by name", "users by display name", "page of users", "group", "reference check"):
        w.door.restart()
        w.door.calls()
        right = await READS[name](w)
        last = [p for p in lines(w.door.calls()) if "oauth2" not in p][-1]
        w.door.restart()
        w.door.fail({"match": last, "do": kind, "ms": 400})
        begun = time.monotonic()
        told_truth(await READS[name](w), right, f"{name}: {kind} at {last}")
        assert time.monotonic() - begun < 3
        w.door.heal()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW_KINDS)
@pytest.mark.parametrize("name", READS)
async def test_every_call_of_a_vault_that_is_slow_for_ever_is_an_outage_in_time(name: str, kind: str) -> None:
    w = await world(**SHORT)
    w.door.restart()
    w.door.calls()
    right = await READS[name](w)
    for pattern in lines(w.door.calls()):
        w.door.restart()
        w.door.fail({"match": pattern, "do": kind, "ms": 400})
        begun = time.monotonic()
        told_truth(await READS[name](w), right, f"{name}: {kind} at {pattern}")
        assert time.monotonic() - begun < 3


async def test_an_answer_of_fifty_megabytes_is_refused() -> None:
    w = await world()
    for name in ("user", "page of users", "group by name"):
        w.door.heal()
        right = await READS[name](w)
        w.door.restart()
        w.door.fail({"match": "^GET /api/v1/(users|groups)", "do": "huge"})
        told_truth(await READS[name](w), right, name)


@pytest.mark.parametrize("name", READS)
async def test_no_fault_of_the_tables_makes_a_read_empty(name: str) -> None:
    """Each table call behind a read fails once, then all from it on: never an empty list, 404 or 401."""
    await every_table_call_fails(await world(), READS[name])


# -- writes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_meets_a_fault_is_completed_by_its_repetition(write: str) -> None:
    """Each call behind a write fails in one way, what changes something in four; the slow test takes all ways."""
    turns = itertools.cycle(KINDS)
    often = ("drop-after", "drop-before", "bad-json", "503")
    assert [] == await faulty_vault(write, lambda call: [next(turns)] if call.startswith("^GET") else often)


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_meets_any_fault_anywhere_is_completed_by_its_repetition(write: str) -> None:
    assert [] == await faulty_vault(write, lambda _: KINDS)


@pytest.mark.parametrize("kind", ["unavailable", "lost"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_loses_its_tables_is_completed_by_its_repetition(write: str, kind: str) -> None:
    """Each table call fails: once, or all of them from there on, for as long as the request lasts."""
    assert [] == await faulty_tables(write, kind)


@pytest.mark.parametrize("write", WRITES)
async def test_without_tables_nothing_is_changed(write: str) -> None:
    """No intent, no change: 503 and not one call that changes anything, also with a warm process."""
    w = await world(write)
    await w.client.get("/Users")
    w.door.calls()
    before = in_the_vault(w.door)
    w.door.store.fail_next(FOR_EVER)
    answer = await WRITES[write](w)
    assert 503 == answer.status_code
    told_truth(answer, None, write)
    assert [] == w.door.changes()
    assert before == in_the_vault(w.door)


# -- our own account -------------------------------------------------------------------------------------------------


def log_ins(door: Door) -> int:
    return sum("oauth2/token" in c["path"] for c in door.calls())


async def test_wrong_credentials_cost_three_log_ins_and_are_our_outage() -> None:
    """A thousand requests with a wrong password: at most three log-ins, 503 for all, and health says why."""
    door = Door(users=5)
    client = await door.client()
    door.sim("POST", "/act", {"do": "change_account_password", "password": "rotated-by-hand"})
    door.calls()
    answers = [await client.get("/Users/5") for _ in range(50)]
    answers += await asyncio.gather(*(client.get("/Users", params={"count": 1}) for _ in range(950)))
    assert {503} == {a.status_code for a in answers}
    told_truth(answers[-1], None, "wrong credentials")
    assert log_ins(door) <= 3
    health = await client.get("http://connector.invalid/health/deep")
    assert 503 == health.status_code
    assert not health.json()["vault"]["credentials"]
    assert log_ins(door) <= 3


async def test_fifty_requests_at_the_end_of_a_token_cost_one_log_in() -> None:
    door = Door(users=60)
    client = await door.client()
    assert 200 == (await client.get("/Users/5")).status_code
    door.sim("POST", "/act", {"do": "expire_tokens"})
    door.calls()
    answers = await asyncio.gather(*(client.get(f"/Users/{i}") for i in range(5, 55)))
    assert [200] * 50 == [a.status_code for a in answers]
    assert 1 == log_ins(door)


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [("3600", 3600, 3600), ("99999999", 3600, 3600), ("-5", 1, 1), ("soon", 1, 60), ("0", 1, 1)],
)
async def test_what_the_vault_says_of_its_return_is_passed_on_within_reason(told: str, least: int, most: int) -> None:
    """Retry-After of the vault: whole seconds from 1 to 3600, whatever it wrote, and no waiting that helps nobody."""
    door = Door(users=5)
    client = await door.client()
    await client.get("/Users/5")
    door.fail({"match": "^GET /api/v1/users", "do": "429", "retry_after": told})
    begun = time.monotonic()
    answer = await client.get("/Users/5")
    assert time.monotonic() - begun < 1
    assert answer.status_code in {429, 503}
    assert least <= int(answer.headers["retry-after"]) <= most


async def test_a_short_wait_that_the_vault_asks_for_is_waited_for_once() -> None:
    door = Door(users=5, patient=True)
    client = await door.client()
    await client.get("/Users/5")
    door.fail({"match": "^GET /api/v1/users/5", "do": "429", "retry_after": "2", "times": 1})
    begun = time.monotonic()
    assert 200 == (await client.get("/Users/5")).status_code
    assert 2.0 <= time.monotonic() - begun <= 3.0


async def test_a_vault_that_is_not_there_is_an_outage() -> None:
    """Nobody listens: 503, and never an empty list."""
    door = Door(users=5)
    client = await door.client()

    class Nobody(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("connection refused")

    door.restart(transport=Nobody())
    for path in ("/Users", "/Users/5", "/Groups", "/Groups/3", '/Users?filter=userName eq "x"'):
        told_truth(await client.get(path), None, path)
