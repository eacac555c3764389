"""Of one userName there is one user, and of one externalId one object, whoever comes and goes at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scim.context import request_context
from scim.errors import ConnectorError, Uniqueness
from scim.model import ConnectionId, ExternalId, GroupQuery, Kind, NewGroup, User, UserChange, UserQuery
from tests.inprocess import InProcess
from tests.unit.directory.people import accounts, create, leave, named, rename


async def test_a_returning_person_gets_the_old_account_back_without_its_groups() -> None:
    inside = InProcess(bare=True)
    first = await create(inside, "ann", "e1")
    with request_context("leave", 30):
        directory = await inside.connector.directory(await inside.caller())
        group = await directory.create_group(NewGroup("DBA", members=(first.id,)))
    await leave(inside, first)
    assert [] == await named(inside, "ann")
    again = await create(inside, "ann", "e1")
    assert (first.id, True) == (again.id, again.enabled)
    assert [] == [m for m in (await inside.state())["group_members"] if m["groupId"] == group.id]


@pytest.mark.parametrize(("external_id", "connection"), [("e2", "test"), ("e1", "other"), (None, "other")])
async def test_a_leaver_keeps_no_stranger_from_the_name(external_id: str | None, connection: str) -> None:
    """RFC 7644 §3.6: what was deleted is no conflict. The stranger gets an account of their own (decision 0002)."""
    inside = InProcess(bare=True)
    first = await create(inside, "ann@corp.example", "e1")
    await leave(inside, first)
    stranger = await create(inside, "ann@corp.example", external_id, connection=connection)
    assert first.id != stranger.id
    assert ("ann@corp.example", "ann.2@corp.example") == (stranger.name, stranger.login)
    assert not (await accounts(inside, "ann@corp.example"))[0]["enabled"], "the leaver's account stays as it was"
    assert [stranger.id] == await named(inside, "ann@corp.example")
    with pytest.raises(Uniqueness):
        await create(inside, "ann@corp.example", "e1")


async def test_a_leaver_returns_to_the_login_after_a_stranger_of_that_name_has_left() -> None:
    inside = InProcess(bare=True)
    first = await create(inside, "ann", "e1")
    await leave(inside, first)
    second = await create(inside, "ann", "e2")
    await leave(inside, second)
    back = await create(inside, "ann", "e1")
    assert (first.id, "ann", "ann") == (back.id, back.name, back.login)
    assert [first.id] == await named(inside, "ann")
    with pytest.raises(Uniqueness):
        await create(inside, "ann", "e2")


async def test_a_leaver_given_back_in_the_vault_does_not_share_the_name_that_somebody_has_by_now() -> None:
    inside = InProcess(bare=True)
    first = await create(inside, "ann", "e1")
    await leave(inside, first)
    second = await create(inside, "ann", "e2")
    await inside.ask("POST", "/_sim/act", {"do": "enable_user", "userId": int(first.id)})
    with request_context("look", 30):
        directory = await inside.connector.directory(await inside.caller())
        assert f"ann.deleted.{int(first.id)}" == (await directory.user(first.id)).name
    assert [second.id] == await named(inside, "ann")


async def test_nobody_is_renamed_back_to_a_name_that_somebody_has_by_now() -> None:
    """Entra's soft delete and restore does it: the old name, a new one, and the old name again."""
    inside = InProcess(bare=True)
    ann = await create(inside, "ann")
    await rename(inside, ann.id, "ann.dale")
    other = await create(inside, "ann")
    for name in ("ann", "Ann"):
        with pytest.raises(Uniqueness):
            await rename(inside, ann.id, name)
    assert ([other.id], [ann.id]) == (await named(inside, "ann"), await named(inside, "ann.dale"))
    await leave(inside, other)
    assert "ann" == (await rename(inside, ann.id, "ann")).name
    assert ([ann.id], []) == (await named(inside, "ann"), await named(inside, "ann.dale"))


async def test_a_name_that_was_given_up_is_free_for_a_new_login() -> None:
    """Even where a crash left its alias behind."""
    inside = InProcess(bare=True)
    ann = await create(inside, "ann")
    await rename(inside, ann.id, "bea")
    await rename(inside, ann.id, "cleo")
    await inside.connector.attributes.claim_alias((await inside.caller()).connection.vault, Kind.USER, "bea", ann.id)
    bea = await create(inside, "bea")
    assert ("bea", "bea") == (bea.name, bea.login)
    assert ([bea.id], [ann.id]) == (await named(inside, "bea"), await named(inside, "cleo"))


@pytest.mark.parametrize("turn", range(4))
async def test_of_those_who_would_have_a_name_at_once_one_has_it(turn: int) -> None:
    """Creations and renames, of people whose login it is and of others."""
    inside = InProcess(bare=True)
    ann, bob, cleo = [await create(inside, name) for name in ("ann", "bob", "cleo")]
    await rename(inside, ann.id, "ann.dale")
    would = [
        rename(inside, ann.id, "ann"),
        rename(inside, bob.id, "ann"),
        rename(inside, cleo.id, "Ann"),
        create(inside, "ann", "e7"),
    ]
    done = await asyncio.gather(*would[turn:], *would[:turn], return_exceptions=True)
    assert 1 == len(await named(inside, "ann"))
    assert all(isinstance(d, (User, ConnectorError)) for d in done), done
    assert {d.id for d in done if isinstance(d, User)} == set(await named(inside, "ann"))


@pytest.mark.parametrize("kind", ["user", "group"])
async def test_of_parallel_creations_with_one_external_id_one_is_done(kind: str) -> None:
    inside = InProcess(bare=True)
    await create(inside, "warm")

    async def one(number: int) -> Any:
        if kind == "user":
            return await create(inside, f"n{number}", "e1")
        with request_context(f"g{number}", 30):
            directory = await inside.connector.directory(await inside.caller())
            return await directory.create_group(NewGroup(f"n{number}", external_id=ExternalId("e1")))

    done = await asyncio.gather(*(one(n) for n in range(10)), return_exceptions=True)
    made = [d for d in done if not isinstance(d, BaseException)]
    assert 1 == len(made)
    assert all(isinstance(d, Uniqueness) for d in done if d is not made[0])
    with request_context("look", 30):
        directory = await inside.connector.directory(await inside.caller())
        query: Any = UserQuery if kind == "user" else GroupQuery
        found = await getattr(directory, f"find_{kind}s")(query(external_id=ExternalId("e1")))
        assert [made[0].id] == [x.id for x in found.items]


async def test_an_external_id_is_free_again_when_its_creation_comes_to_nothing() -> None:
    inside = InProcess(bare=True)
    await create(inside, "ann")
    with pytest.raises(Uniqueness):
        await create(inside, "ann", "e1")
    bob = await create(inside, "bob", "e1")
    with request_context("change", 30):
        directory = await inside.connector.directory(await inside.caller())
        ann = (await directory.find_users(UserQuery(name="ann"))).items[0]
        with pytest.raises(Uniqueness):
            await directory.change_user(ann, UserChange(external_id=ExternalId("e1")))
        await directory.change_user(await directory.user(bob.id), UserChange(external_id=None))
        changed = await directory.change_user(ann, UserChange(external_id=ExternalId("e1")))
    assert "e1" == changed.kept.external_ids[ConnectionId("test")]
