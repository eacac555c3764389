"""What every Directory promises: inherit it, give a `directory` fixture, and be held to scim/directory/port.py.

    class TestMine(DirectoryContract):
        @pytest.fixture
        async def directory(self): ...

The directory may hold other objects already; whatever a test needs it makes itself.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from pydantic import SecretStr

from scim.errors import InvalidValue, NotFound, Uniqueness
from scim.model import (
    GroupChange,
    GroupId,
    GroupQuery,
    NewGroup,
    NewUser,
    RoleId,
    User,
    UserChange,
    UserId,
    UserQuery,
    Window,
)

NOBODY = UserId(1_999_999_999)
NOTHING = GroupId(1_999_999_999)
_numbers = itertools.count(1)


def unused(stem: str) -> str:
    return f"{stem}{next(_numbers)}"


class DirectoryContract:
    @pytest.fixture
    async def directory(self) -> Any:
        raise NotImplementedError

    async def person(self, directory: Any, name: str | None = None, **more: Any) -> User:
        name = name or unused("contract.person")
        return await directory.create_user(NewUser(name, name.title(), f"{name}@mail.example", **more))

    # --- users ------------------------------------------------------------------------------------------------------

    async def test_a_created_user_is_read_back_as_it_was_made(self, directory: Any) -> None:
        made = await directory.create_user(NewUser(unused("ann"), "Ann Lee", "ann@mail.example", enabled=False))
        read = await directory.user(made.id)
        assert (made.login, "Ann Lee", "ann@mail.example", False) == (
            read.login,
            read.display_name,
            read.email,
            read.enabled,
        )
        assert made.version == read.version

    async def test_a_missing_user_is_not_found(self, directory: Any) -> None:
        with pytest.raises(NotFound):
            await directory.user(NOBODY)
        with pytest.raises(NotFound):
            await directory.user(NOBODY, groups=True, roles=True)

    async def test_a_taken_name_is_refused_in_any_case_and_nothing_is_made(self, directory: Any) -> None:
        made = await self.person(directory)
        before = (await directory.find_users(UserQuery(window=Window(0, 1)))).total
        with pytest.raises(Uniqueness):
            await self.person(directory, made.login.upper())
        assert before == (await directory.find_users(UserQuery(window=Window(0, 1)))).total

    async def test_a_weak_password_is_refused_by_its_name(self, directory: Any) -> None:
        with pytest.raises(InvalidValue, match="password"):
            await self.person(directory, password=SecretStr("x"))

    async def test_a_name_is_found_whole_and_in_any_case(self, directory: Any) -> None:
        name = unused("contract.exact")
        made, longer = await self.person(directory, name), await self.person(directory, "x" + name)
        found = await directory.find_users(UserQuery(name=name.upper()))
        assert [made.id] == [user.id for user in found.items]
        assert found.total == 1
        assert longer.id not in {user.id for user in found.items}

    async def test_mail_and_display_name_are_found_whole(self, directory: Any) -> None:
        made = await self.person(directory)
        await self.person(directory, made.login + "er")
        for query in (UserQuery(email=made.email.upper()), UserQuery(display_name=made.display_name.lower())):
            found = await directory.find_users(query)
            assert [made.id] == [user.id for user in found.items]

    async def test_every_condition_must_hold(self, directory: Any) -> None:
        made, other = await self.person(directory), await self.person(directory)
        assert (await directory.find_users(UserQuery(name=made.login, email=other.email))).total == 0
        assert (await directory.find_users(UserQuery(ids=(other.id,), name=made.login))).total == 0
        assert (await directory.find_users(UserQuery(ids=(made.id, other.id), name=made.login))).total == 1

    async def test_nobody_of_that_name_is_an_empty_page(self, directory: Any) -> None:
        found = await directory.find_users(UserQuery(name=unused("nobody-at-all")))
        assert (found.total, found.items) == (0, ())

    @pytest.mark.parametrize("count", [1, 2, 5])
    async def test_users_by_id_come_in_order_without_those_that_are_not_there(self, directory: Any, count: int) -> None:
        made = [await self.person(directory) for _ in range(count)]
        ids = [NOBODY, *(user.id for user in reversed(made))]
        found = await directory.find_users(UserQuery(ids=tuple(ids)))
        assert sorted(user.id for user in made) == [user.id for user in found.items]

    async def test_disabled_users_are_found_and_read(self, directory: Any) -> None:
        made = await self.person(directory, enabled=False)
        assert not (await directory.user(made.id)).enabled
        for query in (UserQuery(name=made.login), UserQuery(ids=(made.id,)), UserQuery(email=made.email)):
            assert [made.id] == [user.id for user in (await directory.find_users(query)).items]

    async def test_windows_cover_the_list_once_in_id_order(self, directory: Any) -> None:
        for _ in range(3):
            await self.person(directory)
        whole = await directory.find_users(UserQuery())
        ids: list[int] = []
        while True:
            page = await directory.find_users(UserQuery(window=Window(len(ids), 4)))
            assert whole.total == page.total
            ids += [user.id for user in page.items]
            assert page.more == (len(ids) < page.total)
            if not page.more:
                break
        assert sorted(set(ids)) == ids == [user.id for user in whole.items]

    async def test_a_window_behind_the_end_or_of_no_rows_still_counts(self, directory: Any) -> None:
        total = (await directory.find_users(UserQuery())).total
        for window in (Window(total + 10, 5), Window(0, 0)):
            page = await directory.find_users(UserQuery(window=window))
            assert (total, ()) == (page.total, page.items)

    async def test_a_change_is_answered_and_kept(self, directory: Any) -> None:
        made = await self.person(directory)
        changed = await directory.change_user(
            made, UserChange(display_name="Other", email="o@x.example", enabled=False)
        )
        read = await directory.user(made.id)
        for user in (changed, read):
            assert (user.display_name, user.email, user.enabled) == ("Other", "o@x.example", False)
        assert made.login == read.login

    async def test_a_change_to_what_is_there_does_no_harm(self, directory: Any) -> None:
        made = await self.person(directory)
        same = await directory.change_user(made, UserChange(display_name=made.display_name, enabled=made.enabled))
        assert made.version == same.version

    async def test_removing_disables_and_may_be_repeated(self, directory: Any) -> None:
        made = await self.person(directory)
        await directory.remove_user(made)
        await directory.remove_user(made)
        assert not (await directory.user(made.id)).enabled

    async def test_groups_and_roles_are_unknown_until_asked_for(self, directory: Any) -> None:
        made = await self.person(directory)
        plain = await directory.user(made.id)
        assert (plain.groups, plain.roles) == (None, None)
        whole = await directory.user(made.id, groups=True, roles=True)
        assert whole.groups == ()
        assert whole.roles is not None

    async def test_lists_say_of_groups_and_roles_what_single_reads_say(self, directory: Any) -> None:
        people = [await self.person(directory) for _ in range(3)]
        await directory.create_group(NewGroup(unused("contract team "), tuple(user.id for user in people[:2])))
        await directory.change_user(
            await directory.user(people[0].id, roles=True), UserChange(add_roles=((await directory.roles())[-1].id,))
        )
        ids = tuple(user.id for user in people)
        found = await directory.find_users(UserQuery(ids=ids, groups=True, roles=True))
        for user in found.items:
            single = await directory.user(user.id, groups=True, roles=True)
            assert (single.groups, single.roles) == (user.groups, user.roles)

    # --- groups -----------------------------------------------------------------------------------------------------

    async def test_a_created_group_has_its_members(self, directory: Any) -> None:
        people = [await self.person(directory) for _ in range(2)]
        name = unused("contract team ")
        made = await directory.create_group(NewGroup(name, tuple(user.id for user in people)))
        read = await directory.group(made.id, members=True)
        assert name == read.name
        assert [user.id for user in people] == [ref.id for ref in read.members]
        assert (await directory.group(made.id)).members is None

    async def test_a_missing_group_is_not_found(self, directory: Any) -> None:
        for members in (False, True):
            with pytest.raises(NotFound):
                await directory.group(NOTHING, members=members)

    async def test_a_taken_group_name_is_refused(self, directory: Any) -> None:
        made = await directory.create_group(NewGroup(unused("contract team ")))
        with pytest.raises(Uniqueness):
            await directory.create_group(NewGroup(made.name.upper()))
        other = await directory.create_group(NewGroup(unused("contract team ")))
        with pytest.raises(Uniqueness):
            await directory.change_group(other, GroupChange(name=made.name))

    async def test_groups_are_found_by_name_id_member_and_window(self, directory: Any) -> None:
        user = await self.person(directory)
        made = await directory.create_group(NewGroup(unused("contract team "), (user.id,)))
        await directory.create_group(NewGroup(made.name + "x"))
        for query in (
            GroupQuery(name=made.name.upper()),
            GroupQuery(ids=(made.id, NOTHING)),
            GroupQuery(member=user.id),
            GroupQuery(name=made.name, member=user.id),
        ):
            found = await directory.find_groups(query)
            assert (1, [made.id]) == (found.total, [group.id for group in found.items])
        every = await directory.find_groups(GroupQuery())
        page = await directory.find_groups(GroupQuery(window=Window(1, 1)))
        assert [every.items[1].id] == [group.id for group in page.items]
        assert every.total == page.total
        whole = await directory.find_groups(GroupQuery(name=made.name, members=True))
        assert [user.id] == [ref.id for ref in whole.items[0].members]
        assert (await directory.find_groups(GroupQuery(member=NOBODY))).total == 0

    async def test_membership_changes_bear_repetition(self, directory: Any) -> None:
        inside, outside = await self.person(directory), await self.person(directory)
        group = await directory.create_group(NewGroup(unused("contract team "), (inside.id,)))
        for _ in range(2):
            await directory.change_group(group, GroupChange(add_members=(inside.id,), remove_members=(outside.id,)))
        assert await directory.is_member(group.id, inside.id)
        assert not await directory.is_member(group.id, outside.id)

    async def test_twenty_parallel_adds_lose_nobody(self, directory: Any) -> None:
        people = [await self.person(directory) for _ in range(20)]
        group = await directory.create_group(NewGroup(unused("contract team ")))
        await asyncio.gather(*(directory.change_group(group, GroupChange(add_members=(user.id,))) for user in people))
        read = await directory.group(group.id, members=True)
        assert [user.id for user in people] == [ref.id for ref in read.members]

    async def test_a_stranger_among_the_members_is_named_and_nothing_happens(self, directory: Any) -> None:
        user = await self.person(directory)
        group = await directory.create_group(NewGroup(unused("contract team ")))
        with pytest.raises(InvalidValue, match="members"):
            await directory.change_group(group, GroupChange(name="never", add_members=(user.id, NOBODY)))
        read = await directory.group(group.id, members=True)
        assert (group.name, ()) == (read.name, read.members)
        name = unused("contract team ")
        with pytest.raises(InvalidValue, match="members"):
            await directory.create_group(NewGroup(name, (NOBODY,)))
        assert (await directory.find_groups(GroupQuery(name=name))).total == 0

    async def test_a_group_is_renamed(self, directory: Any) -> None:
        group = await directory.create_group(NewGroup(unused("contract team ")))
        name = unused("contract renamed ")
        assert name == (await directory.change_group(group, GroupChange(name=name))).name
        assert name == (await directory.group(group.id)).name

    async def test_a_removed_group_is_gone_from_everywhere(self, directory: Any) -> None:
        user = await self.person(directory)
        group = await directory.create_group(NewGroup(unused("contract team "), (user.id,)))
        await directory.find_users(UserQuery(ids=(user.id, UserId(1)), groups=True))
        await directory.remove_group(group)
        with pytest.raises(NotFound):
            await directory.group(group.id)
        for query in (GroupQuery(name=group.name), GroupQuery(ids=(group.id,)), GroupQuery(member=user.id)):
            assert (await directory.find_groups(query)).total == 0
        assert (await directory.user(user.id, groups=True)).groups == ()

    async def test_who_writes_reads_it_in_the_next_list(self, directory: Any) -> None:
        people = [await self.person(directory) for _ in range(2)]
        ids = tuple(user.id for user in people)
        role = (await directory.roles())[-1].id

        async def shown() -> list[tuple[list[int], bool]]:
            page = await directory.find_users(UserQuery(ids=ids, groups=True, roles=True))
            return [([g.id for g in user.groups], role in {r.id for r in user.roles}) for user in page.items]

        assert await shown() == [([], False)] * 2
        group = await directory.create_group(NewGroup(unused("contract team "), (ids[0],)))
        loaded = await directory.user(ids[0], roles=True)
        loaded = await directory.change_user(loaded, UserChange(add_roles=(role,)))
        assert [([group.id], True), ([], False)] == await shown()
        await directory.change_group(group, GroupChange(add_members=(ids[1],), remove_members=(ids[0],)))
        await directory.change_user(loaded, UserChange(remove_roles=(role,)))
        assert [([], False), ([group.id], False)] == await shown()

    # --- roles ------------------------------------------------------------------------------------------------------

    async def test_roles_are_given_taken_and_their_holders_known(self, directory: Any) -> None:
        role = (await directory.roles())[-1]
        user = await directory.user((await self.person(directory)).id, roles=True)
        given = await directory.change_user(user, UserChange(add_roles=(role.id,)))
        assert role.id in {ref.id for ref in given.roles}
        assert role.name in {ref.name for ref in given.roles}
        users, _ = await directory.role_holders(role.id)
        assert user.id in {ref.id for ref in users}
        taken = await directory.change_user(given, UserChange(remove_roles=(role.id,)))
        assert user.roles == taken.roles == (await directory.user(user.id, roles=True)).roles

    async def test_an_unknown_role_is_refused_before_anything_is_written(self, directory: Any) -> None:
        user = await self.person(directory)
        unknown = RoleId(1_999_999_999)
        with pytest.raises(InvalidValue, match="roles"):
            await directory.change_user(user, UserChange(display_name="never", add_roles=(unknown,)))
        assert user.display_name == (await directory.user(user.id)).display_name
        name = unused("contract.person")
        with pytest.raises(InvalidValue, match="roles"):
            await self.person(directory, name, roles=(unknown,))
        assert (await directory.find_users(UserQuery(name=name))).total == 0

    async def test_roles_given_at_creation_are_exactly_those(self, directory: Any) -> None:
        role = (await directory.roles())[-1]
        made = await self.person(directory, roles=(role.id,))
        assert (role.id,) == tuple(ref.id for ref in made.roles)
        assert made.roles == (await directory.user(made.id, roles=True)).roles

    async def test_roles_come_in_id_order(self, directory: Any) -> None:
        ids = [role.id for role in await directory.roles()]
        assert sorted(set(ids)) == ids
        assert ids

    async def test_the_powerful_are_ids_and_include_ourselves(self, directory: Any) -> None:
        powerful = await directory.powerful()
        assert powerful.own in powerful.users
        user = await self.person(directory)
        assert user.id not in powerful.users
