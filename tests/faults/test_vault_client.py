"""Every fault behind every call behind every read: an error or the right answer, never an empty one, never NotFound.

And for writes: what really happened in the vault, whatever we were told.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scim import context
from scim.errors import OutcomeUnknown, Unavailable, VaultBusy, VaultMisbehaved, VaultRefusedUs
from scim.model import (
    GroupChange,
    GroupId,
    GroupQuery,
    NewGroup,
    NewUser,
    RoleId,
    UserChange,
    UserId,
    UserQuery,
    Window,
)
from scim.secretserver.directory import SecretServerDirectory
from scim.secretserver.limits import RetryBudget
from tests.unit.secretserver.desk import Desk, no_sleep

Read = Callable[[SecretServerDirectory], Awaitable[Any]]
SOMEBODY, SOME_GROUP = UserId(6), GroupId(3)

READS: dict[str, Read] = {
    "user": lambda d: d.user(SOMEBODY, groups=True, roles=True),
    "user by name": lambda d: d.find_users(UserQuery(name="admin", groups=True, roles=True)),
    "users by mail": lambda d: d.find_users(UserQuery(email="admin@corp.example")),
    "users by id": lambda d: d.find_users(UserQuery(ids=tuple(UserId(i) for i in range(1, 6)))),
    "nobody by name": lambda d: d.find_users(UserQuery(name="nobody")),
    "window of users": lambda d: d.find_users(UserQuery(window=Window(0, 10), groups=True, roles=True)),
    "all users": lambda d: d.find_users(UserQuery()),
    "group": lambda d: d.group(SOME_GROUP, members=True),
    "group by name": lambda d: d.find_groups(GroupQuery(name="Vault Administrators")),
    "groups of a member": lambda d: d.find_groups(GroupQuery(member=SOMEBODY, members=True)),
    "window of groups": lambda d: d.find_groups(GroupQuery(window=Window(0, 10))),
    "is member": lambda d: d.is_member(SOME_GROUP, SOMEBODY),
    "roles": lambda d: d.roles(),
    "role holders": lambda d: d.role_holders(RoleId(1)),
    "powerful": lambda d: d.powerful(),
}
KINDS = ["400", "401", "403", "429", "500", "503", "html", "drop-before", "drop-after", "bad-json", "truncated", "huge"]


def behind(desk: Desk) -> list[str]:
    """The kinds of calls since the last time, as patterns of request lines with their ids left open."""
    found = dict.fromkeys(call for call in desk.calls() if "oauth2" not in call)
    lines = (call.replace(" ", " /api", 1) for call in found)
    return list(dict.fromkeys("^" + re.sub(r"\\/\d+", r"/\\d+", re.escape(line)) + r"(\?|$)" for line in lines))


@pytest.mark.parametrize("name", READS)
async def test_a_fault_behind_a_read_is_never_an_empty_answer(name: str) -> None:
    desk = Desk(users=8, groups=2, checked=False)
    read = READS[name]
    right = await read(desk.connect())
    patterns = behind(desk)
    assert patterns
    for pattern in patterns:
        for kind in KINDS:
            if kind == "huge" and pattern is not patterns[0]:
                continue
            desk.fail(pattern, kind, retry_after=1)
            directory = desk.connect(sleep=no_sleep)
            try:
                found = await read(directory)
            except (Unavailable, VaultMisbehaved):
                continue
            assert right == found, f"{kind} at {pattern}"


@pytest.mark.parametrize("name", READS)
async def test_a_vault_that_hangs_or_drips_is_an_error_in_time(name: str) -> None:
    desk = Desk(users=8, groups=3)
    for kind in ("hang", "drip"):
        directory = desk.connect(sleep=no_sleep, connect_seconds=0.02, read_seconds=0.03)
        await directory.client.authentication.token()
        desk.fail("^GET ", kind)
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            await READS[name](directory)
        assert time.monotonic() - begun < 3
        desk.heal()


@pytest.mark.parametrize("kind", ["429", "500", "503", "drop-before", "drop-after", "truncated"])
async def test_a_passing_fault_is_not_seen_by_readers(kind: str) -> None:
    desk = Desk(users=8, groups=3)
    for read in READS.values():
        right = await read(desk.connect())
        desk.fail("^GET ", kind, times=1, retry_after=1)
        assert right == await read(desk.connect(sleep=no_sleep))


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [
        ("drop-before", OutcomeUnknown, 0),
        ("drop-after", OutcomeUnknown, 1),
        ("truncated", OutcomeUnknown, 1),
        ("bad-json", OutcomeUnknown, 1),
        ("html", OutcomeUnknown, 0),
        ("500", OutcomeUnknown, 0),
        ("429", VaultBusy, 0),
        ("503", VaultBusy, 0),
        ("403", VaultRefusedUs, 0),
        ("401", VaultRefusedUs, 0),
    ],
)
async def test_a_create_whose_answer_is_lost_is_not_repeated(kind: str, error: type[Exception], made: int) -> None:
    desk = Desk(users=8)
    directory = desk.connect(sleep=no_sleep)
    for path, create in (
        ("users", lambda: directory.create_user(NewUser("zoe", "Zoe", ""))),
        ("groups", lambda: directory.create_group(NewGroup("Zoes"))),
    ):
        desk.calls()
        desk.fail(f"^POST /api/v1/{path}", kind)
        with pytest.raises(error):
            await create()
        desk.heal()
        assert (2 if kind == "401" else 1) == desk.calls().count(f"POST /v1/{path}")
    assert made == sum(user.user_name == "zoe" for user in desk.vault.users.values())
    assert made == sum(group.name == "Zoes" for group in desk.vault.groups.values())


@pytest.mark.parametrize("kind", ["drop-before", "drop-after", "500", "503", "truncated"])
async def test_repeatable_writes_bear_a_lost_answer(kind: str) -> None:
    desk = Desk(users=8, groups=3)
    directory = desk.connect(sleep=no_sleep)
    user = await directory.create_user(NewUser("zoe", "Zoe", ""))
    group = await directory.create_group(NewGroup("Zoes"))
    role = (await directory.roles())[2].id
    writes: dict[str, Callable[[], Awaitable[Any]]] = {
        "^PATCH /api/v1/users/": lambda: directory.change_user(user, UserChange(display_name="Z")),
        "^PATCH /api/v1/groups/.*/users": lambda: directory.change_group(group, GroupChange(add_members=(user.id,))),
        "^POST /api/v1/users/.*/roles": lambda: directory.change_user(user, UserChange(add_roles=(role,))),
        "^PUT /api/v1/users/.*/groups": lambda: directory.leave_groups(user),
        "^DELETE /api/v1/users/": lambda: directory.remove_user(user),
        "^DELETE /api/v1/groups/": lambda: directory.remove_group(group),
    }
    for match, write in writes.items():
        directory.client._retries = RetryBudget()  # a lone blip each, not six in a row
        desk.fail(match, kind, times=1)
        await write()
        desk.heal()
    real = desk.vault.users[user.id]
    assert (real.display_name, real.enabled) == ("Z", False)
    assert role in desk.vault.group_roles[real.personal_group_id]
    assert desk.vault.members[group.id] == {}
    assert not desk.vault.groups[group.id].enabled


async def test_a_password_is_not_sent_twice_blindly() -> None:
    desk = Desk(users=8)
    directory = desk.connect(sleep=no_sleep)
    user = await directory.create_user(NewUser("zoe", "Zoe", ""))
    desk.fail("^PATCH /api/v1/users/", "drop-after")
    from pydantic import SecretStr

    desk.calls()
    with pytest.raises(OutcomeUnknown):
        await directory.change_user(user, UserChange(password=SecretStr("Abcdefg-123")))
    assert len(desk.calls()) == 1


async def test_after_a_membership_change_of_unknown_outcome_lists_are_read_anew() -> None:
    desk = Desk(users=8, groups=3)
    directory = desk.connect(sleep=no_sleep)
    group = await directory.create_group(NewGroup("Zoes"))
    await directory.find_users(UserQuery(window=Window(0, 5), groups=True))
    desk.fail("^PATCH /api/v1/groups", "drop-after")
    with pytest.raises(Unavailable):
        await directory.change_group(group, GroupChange(add_members=(SOMEBODY,)))
    desk.heal()
    page = await directory.find_users(UserQuery(window=Window(0, 10), groups=True))
    shown = next(user for user in page.items if user.id == SOMEBODY)
    assert group.id in {ref.id for ref in shown.groups or ()}


async def test_fifty_requests_meet_the_end_of_all_sessions_and_succeed_with_one_log_in() -> None:
    desk = Desk(users=8)
    directory = desk.directory
    await directory.user(SOMEBODY)
    desk.calls()
    desk.vault.sessions.access.clear()
    await asyncio.gather(*(directory.user(SOMEBODY) for _ in range(50)))
    calls = desk.calls()
    assert calls.count("POST /oauth2/token") == 1
    assert len(calls) <= 101


async def test_a_wrong_password_never_locks_our_account() -> None:
    desk = Desk(users=8, switches={"lockout_after": 4})
    directory = desk.connect(password="wrong", sleep=no_sleep)
    for _ in range(20):
        found = await asyncio.gather(*(directory.user(SOMEBODY) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(error, VaultRefusedUs) for error in found)
    assert desk.calls().count("POST /oauth2/token") == 3
    assert not desk.vault.users[1].locked


async def test_a_request_out_of_time_is_an_error_and_the_shared_work_goes_on() -> None:
    desk = Desk(users=60, groups=20, latency_ms=30)
    directory = desk.directory
    await directory.user(SOMEBODY)
    query = UserQuery(window=Window(0, 5), groups=True)
    with context.request_context("r", 0.62), pytest.raises(Unavailable):
        await directory.find_users(query)
    await asyncio.sleep(0.6)
    desk.calls()
    await directory.find_users(query)
    assert len(desk.calls()) == 1
