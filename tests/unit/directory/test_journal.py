"""Say before you do, do once, tell what you did: intents, lost answers, parallel creations, resumed work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scim.context import request_context
from scim.directory import resume as resume_module
from scim.errors import ConnectorError, OutcomeUnknown, StoreUnavailable, Uniqueness
from scim.model import GroupChange, NewGroup, UserChange, UserId, UserQuery
from scim.upkeep import upkeep
from tests.inprocess import InProcess
from tests.unit.directory.people import accounts, create

HOUR = timedelta(hours=1)


async def events(inside: InProcess) -> list[Any]:
    found = inside.connector.trail.search(datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR)
    return [entry.event async for entry in found]


async def one_fault(inside: InProcess, kind: str) -> None:
    rule = {"match": "^POST /api/v1/users", "times": 1, "do": kind}
    await inside.ask("PUT", "/_sim/faults", {"rules": [rule]})


async def test_a_write_that_cannot_be_announced_does_not_reach_the_vault() -> None:
    inside = InProcess(bare=True)
    await create(inside, "warm")
    before = await inside.state("users")
    inside.store.fail_next(50, "unavailable")
    with pytest.raises(StoreUnavailable):
        await create(inside, "ann")
    assert before == await inside.state("users")


async def test_every_write_leaves_one_outcome_and_no_open_intent() -> None:
    inside = InProcess(bare=True)
    user = await create(inside, "ann", "e1")
    with request_context("change", 30):
        caller = await inside.caller()
        directory = await inside.connector.directory(caller)
        user = await directory.change_user(user, UserChange(display_name="Ann"))
        await directory.remove_user(user)
        assert [] == [i async for i in inside.connector.journal.left_open(caller.connection.vault)]
    told = [(e.action, e.outcome) for e in await events(inside)]
    assert [("user.create", "done"), ("user.change", "done"), ("user.delete", "done")] == told


async def test_fifty_parallel_identical_creations_make_one_account() -> None:
    """All of them are told the same id."""
    inside = InProcess(bare=True)
    await create(inside, "warm")
    users = await asyncio.gather(*(create(inside, "ann", "e1") for _ in range(50)))
    assert 1 == len({u.id for u in users})
    assert 1 == len(await accounts(inside, "ann"))


async def test_a_different_creation_of_the_same_name_at_the_same_time_is_refused() -> None:
    inside = InProcess(bare=True)
    await create(inside, "warm")
    done = await asyncio.gather(create(inside, "ann", "e1"), create(inside, "ann", "e2"), return_exceptions=True)
    assert 1 == len([d for d in done if isinstance(d, Uniqueness)])
    assert 1 == len(await accounts(inside, "ann"))


async def test_a_lost_answer_is_found_and_the_request_repeated_gets_the_same_account() -> None:
    """The vault committed and the connection broke: five repetitions, twenty at once, one account."""
    inside = InProcess(bare=True)
    await create(inside, "warm")
    await one_fault(inside, "drop-after")
    results: list[Any] = []
    for _ in range(6):
        try:
            results.append(await create(inside, "ann", "e1"))
        except ConnectorError as error:
            results.append(error)
    results += await asyncio.gather(*(create(inside, "ann", "e1") for _ in range(20)))
    ids = {r.id for r in results if not isinstance(r, Exception)}
    assert 1 == len(ids)
    assert len([r for r in results if isinstance(r, Exception)]) <= 1
    assert 1 == len(await accounts(inside, "ann"))
    found = (await accounts(inside, "ann"))[0]
    assert found["id"] in ids


async def test_a_lost_answer_before_the_vault_acted_is_repaired_by_the_same_request() -> None:
    inside = InProcess(bare=True)
    await create(inside, "warm")
    await one_fault(inside, "drop-before")
    with pytest.raises(OutcomeUnknown):
        await create(inside, "ann", "e1")
    assert "ann" == (await create(inside, "ann", "e1")).login
    assert 1 == len(await accounts(inside, "ann"))


async def test_a_clean_creation_repeated_later_is_a_conflict() -> None:
    """RFC 7644 §3.3; the client looks the account up and goes on."""
    inside = InProcess(bare=True)
    await create(inside, "ann", "e1")
    with pytest.raises(Uniqueness):
        await create(inside, "ann", "e1")


async def test_an_account_that_a_person_enables_in_the_vault_is_seen_again() -> None:
    """An enabled account out of sight would escape every review."""
    inside = InProcess(bare=True)
    user = await create(inside, "ann", "e1")
    with request_context("leave", 30):
        directory = await inside.connector.directory(await inside.caller())
        await directory.remove_user(user)
        await inside.ask("POST", "/_sim/act", {"do": "enable_user", "userId": int(user.id)})
        assert (await directory.user(user.id)).enabled
        assert 1 == (await directory.find_users(UserQuery(name="ann"))).total


async def test_the_timer_finishes_a_removal_that_a_crash_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the vault disabled the account and before anything was kept."""
    inside = InProcess(bare=True)
    user = await create(inside, "ann", "e1")
    caller = await inside.caller()
    await inside.connector.connections.insert(caller.connection)
    await inside.ask("PUT", "/_sim/faults", {"rules": [{"match": "^PUT /api/v1/users", "do": "503"}]})
    with request_context("crash", 30):
        directory = await inside.connector.directory(caller)
        with pytest.raises(ConnectorError):
            await directory.remove_user(user)
        assert 1 == len([i async for i in inside.connector.journal.left_open(caller.connection.vault)])
    await inside.ask("PUT", "/_sim/faults", {"rules": []})
    monkeypatch.setattr(resume_module, "OPEN_FOR", timedelta(0))
    with request_context("timer", 60):
        done = await upkeep(inside.connector)
        assert {"vault": 1} == done
        assert [] == [i async for i in inside.connector.journal.left_open(caller.connection.vault)]
        assert 0 == (await directory.find_users(UserQuery(name="ann"))).total
    assert not (await accounts(inside, "ann"))[0]["enabled"]


async def test_twenty_parallel_additions_lose_no_member() -> None:
    inside = InProcess(users=40, groups=1)
    with request_context("read", 30):
        directory = await inside.connector.directory(await inside.caller())
        users = [
            u.id for u in (await directory.find_users(UserQuery())).items if u.domain is None and u.login != "admin"
        ]
        group = await directory.create_group(NewGroup("Many"))

    async def add(user: UserId) -> None:
        with request_context(f"add-{user}", 30):
            inner = await inside.connector.directory(await inside.caller())
            await inner.change_group(await inner.group(group.id), GroupChange(add_members=(user,)))

    await asyncio.gather(*(add(u) for u in users[:20]))
    members = {m["userId"] for m in (await inside.state())["group_members"] if m["groupId"] == group.id}
    assert {int(u) for u in users[:20]} == members


async def test_a_rename_keeps_the_login_and_answers_to_the_new_name_only() -> None:
    inside = InProcess(bare=True)
    user = await create(inside, "ann")
    with request_context("rename", 30):
        directory = await inside.connector.directory(await inside.caller())
        renamed = await directory.change_user(user, UserChange(name="ann.dale"))
        assert ("ann.dale", "ann") == (renamed.name, renamed.login)
        assert 0 == (await directory.find_users(UserQuery(name="ann"))).total
        assert [user.id] == [u.id for u in (await directory.find_users(UserQuery(name="ANN.Dale"))).items]
    another = await create(inside, "ann")
    assert ("ann", "ann.2") == (another.name, another.login)
