"""The one gate: protected principals, ownership, adoption, domains, passwords, the mass-change breaker.

The real steps over memory tables and the simulator in process; what counts is the simulated vault's state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from scim.context import request_context
from scim.directory.port import Directory
from scim.errors import Forbidden, Held, InvalidValue, NotFound, NotOurs, Protected
from scim.model import GroupChange, GroupQuery, NewGroup, NewUser, Policies, RoleId, UserChange, UserId, UserQuery
from tests.inprocess import InProcess

HOUR = timedelta(hours=1)
EPOCH = datetime.now(UTC) - HOUR
Write = Callable[[Directory, int], Awaitable[Any]]


async def world(**options: Any) -> InProcess:
    return InProcess(users=options.pop("users", 12), groups=options.pop("groups", 3), **options)


async def directory(inside: InProcess, name: str = "test", **changes: Any) -> Directory:
    return await inside.connector.directory(await inside.caller(name, **changes))


async def named(directory: Directory, name: str) -> Any:
    return (await directory.find_users(UserQuery(name=name))).items[0]


async def admins(directory: Directory) -> Any:
    return (await directory.find_groups(GroupQuery(name="Vault Administrators"))).items[0]


async def rename(d: Directory, _: int) -> Any:
    return await d.change_user(await named(d, "admin"), UserChange(display_name="x"))


async def disable(d: Directory, _: int) -> Any:
    return await d.change_user(await named(d, "admin"), UserChange(enabled=False))


async def password(d: Directory, _: int) -> Any:
    return await d.change_user(await named(d, "admin"), UserChange(password=SecretStr("Abcdef123456")))


async def delete(d: Directory, _: int) -> Any:
    return await d.remove_user(await named(d, "admin"))


async def join_admins(d: Directory, other: int) -> Any:
    return await d.change_group(await admins(d), GroupChange(add_members=(UserId(other),)))


async def leave_admins(d: Directory, _: int) -> Any:
    admin = await named(d, "admin")
    return await d.change_group(await admins(d), GroupChange(remove_members=(admin.id,)))


async def rename_admins(d: Directory, _: int) -> Any:
    return await d.change_group(await admins(d), GroupChange(name="Harmless"))


async def delete_admins(d: Directory, _: int) -> Any:
    return await d.remove_group(await admins(d))


async def admin_into_new_group(d: Directory, _: int) -> Any:
    return await d.create_group(NewGroup("Trap", members=((await named(d, "admin")).id,)))


async def admin_into_old_group(d: Directory, _: int) -> Any:
    groups = [g for g in (await d.find_groups(GroupQuery())).items if g.domain is None]
    ours = next(g for g in groups if g.name != "Vault Administrators")
    return await d.change_group(ours, GroupChange(add_members=((await named(d, "admin")).id,)))


async def grant_administrator(d: Directory, other: int) -> Any:
    user = await d.user(UserId(other), roles=True)
    return await d.change_user(user, UserChange(add_roles=(RoleId(1),)))


async def born_administrator(d: Directory, _: int) -> Any:
    return await d.create_user(NewUser("newadmin", "New", "", roles=(RoleId(1),)))


WRITES: list[Write] = [
    rename, disable, password, delete, join_admins, leave_admins, rename_admins, delete_admins,
    admin_into_new_group, admin_into_old_group, grant_administrator, born_administrator,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES, ids=lambda w: w.__name__)
async def test_no_write_reaches_a_protected_principal(write: Write) -> None:
    """403, the vault as it was, and the refusal in the audit trail."""
    inside = await world()
    d = await directory(inside)
    with request_context("test", 30):
        other = next(u.id for u in (await d.find_users(UserQuery())).items if u.domain is None and u.login != "admin")
        before = await inside.state("users", "groups", "group_members", "user_roles")
        with pytest.raises(Protected):
            await write(d, other)
        assert before == await inside.state("users", "groups", "group_members", "user_roles")
        events = [entry async for entry in inside.connector.trail.search(EPOCH, datetime.now(UTC) + HOUR)]
    assert "refused" == events[-1].event.outcome


async def test_the_connectors_own_account_is_out_of_sight_and_out_of_reach() -> None:
    """Not in lists, not by id, not by name; and not as a member."""
    inside = await world()
    d = await directory(inside)
    with request_context("test", 30):
        own = inside.simulator.vault.account_id
        with pytest.raises(NotFound):
            await d.user(UserId(own))
        assert 0 == (await d.find_users(UserQuery(name="svc-scim"))).total
        group = await d.create_group(NewGroup("Ours"))
        with pytest.raises(Protected):
            await d.change_group(group, GroupChange(add_members=(UserId(own),)))


async def test_an_existing_account_is_adopted_at_its_first_write_and_keeps_its_password() -> None:
    """What Entra and Okta do after a match; the journal says so."""
    inside = await world()
    d = await directory(inside)
    with request_context("test", 30) as context:
        user = next(u for u in (await d.find_users(UserQuery())).items if u.domain is None and u.login != "admin")
        secret = SecretStr("Another-Pass-123")
        changed = await d.change_user(user, UserChange(display_name="Adopted", password=secret))
        assert "Adopted" == changed.display_name
        assert changed.kept.adopted
        assert "adopted" in context.notes
        assert secret.get_secret_value() != inside.simulator.vault.users[user.id].password
        with pytest.raises(Forbidden):
            await d.change_user(changed, UserChange(password=secret))


async def test_managed_only_refuses_what_the_connection_did_not_create() -> None:
    inside = await world(policies=Policies(adoption="managed-only"))
    d = await directory(inside)
    with request_context("test", 30):
        user = next(u for u in (await d.find_users(UserQuery())).items if u.domain is None and u.login != "admin")
        with pytest.raises(NotOurs):
            await d.change_user(user, UserChange(display_name="x"))
        own = await d.create_user(NewUser("own", "Own", ""))
        assert "Mine" == (await d.change_user(own, UserChange(display_name="Mine"))).display_name


async def test_one_connection_cannot_change_what_another_one_made() -> None:
    inside = await world()
    first, second = await directory(inside, "first"), await directory(inside, "second")
    with request_context("test", 30):
        user = await first.create_user(NewUser("theirs", "Theirs", ""))
        seen = await second.user(user.id)
        with pytest.raises(NotOurs):
            await second.remove_user(seen)
        shared = await directory(inside, "third", policies=Policies(adoption="shared"))
        assert "Shared" == (await shared.change_user(seen, UserChange(display_name="Shared"))).display_name


@pytest.mark.parametrize("mail", ["ann@evil.example", "ann@sub.corp.example", "ann@evilcorp.example"])
async def test_addresses_outside_the_allowed_domains_are_refused(mail: str) -> None:
    inside = await world(policies=Policies(mail_domains=("corp.example",)))
    d = await directory(inside)
    with request_context("test", 30):
        with pytest.raises(InvalidValue):
            await d.create_user(NewUser("ann", "Ann", mail, mails=(mail,)))
        good = ("ann@corp.example",)
        assert "ann" == (await d.create_user(NewUser("ann", "Ann", good[0], mails=good))).login


async def test_the_breaker_holds_what_passes_its_limit_until_somebody_releases_it() -> None:
    """More than max(10, 10 %) disables of accounts that were there before wait for a human; others go on."""
    inside = await world(users=60)
    caller = await inside.caller("entra")
    d = await inside.connector.directory(caller)
    with request_context("test", 60):
        everyone = [u for u in (await d.find_users(UserQuery())).items if u.domain is None and u.enabled]
        victims = [u for u in everyone if u.login != "admin"]
        disabled = 0
        with pytest.raises(Held):  # noqa: PT012  -- which of them is held is the question
            for user in victims:
                await d.change_user(user, UserChange(enabled=False))
                disabled += 1
        assert 10 == disabled
        made = await d.create_user(NewUser("fresh", "Fresh", ""))
        assert not (await d.change_user(made, UserChange(enabled=False))).enabled
        other = await directory(inside, "okta")
        assert not (await other.change_user(victims[20], UserChange(enabled=False))).enabled
        session = await inside.connector.session(caller.connection.vault)
        await inside.connector.breaker(caller.connection, session).release()
        assert not (await d.change_user(victims[30], UserChange(enabled=False))).enabled


async def test_emptying_a_group_counts_every_member() -> None:
    inside = await world(users=60)
    d = await directory(inside)
    with request_context("test", 60):
        everyone = [u.id for u in (await d.find_users(UserQuery())).items if u.domain is None and u.login != "admin"]
        group = next(
            g for g in (await d.find_groups(GroupQuery())).items
            if g.domain is None and g.name != "Vault Administrators"
        )  # fmt: skip
        await d.change_group(group, GroupChange(add_members=tuple(everyone[:30])))
        with pytest.raises(Held):
            await d.change_group(group, GroupChange(remove_members=tuple(everyone[:30])))
        assert {int(i) for i in everyone[:30]} <= {m.id for m in (await d.group(group.id, members=True)).members or ()}
