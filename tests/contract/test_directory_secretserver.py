"""SecretServerDirectory over the simulator: the contract, what each method costs, and the vaults we do not know yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from scim.errors import BadRequest, Mutability, NotFound, Uniqueness, VaultMisbehaved, VaultRefusedUs
from scim.model import (
    GroupChange,
    GroupId,
    GroupQuery,
    NewGroup,
    NewUser,
    Ref,
    UserChange,
    UserId,
    UserQuery,
    Window,
)
from simulator.vault import Group
from tests.contract.directory_contract import DirectoryContract
from tests.unit.secretserver.desk import Desk

MILD: dict[str, Any] = {
    "missing_status": 404,
    "duplicate_status": 409,
    "time_format": "zone",
    "local_domain_id": 0,
    "second_delete": "ok",
    "get_inactive_needs_flag": False,
    "version_shape": "plain",
    "expires_in": "string",
    "unknown_path": "json",
}
ODD: dict[str, Any] = {
    "max_take": 7,
    "default_order": "unstable",
    "user_groups_personal": True,
    "personal_groups_hidden": False,
    "local_domain_id": 0,
    "denied_status": 400,
    "time_format": "plain",
    "version": "11.2",
    "get_inactive_group": False,
    "platform_groups": True,
}
SHY: dict[str, Any] = {"sort_names": "name", "max_take": 500, "over_max_take": "refuse"}


class TestSecretServer(DirectoryContract):
    @pytest.fixture(params=["default", "mild", "odd"])
    async def directory(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        switches = {"default": {}, "mild": MILD, "odd": ODD}[request.param]
        desk = Desk(users=12, groups=4, switches=switches)
        yield desk.directory
        await desk.directory.aclose()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A vault of 40 people, whose directory is warm and whose journal is empty."""
    desk = Desk(users=40, groups=6)
    await desk.directory.warm()
    desk.calls()
    yield desk
    await desk.directory.aclose()


def local(desk: Desk) -> UserId:
    """Somebody without a directory and without power."""
    found = [u for u in desk.vault.users.values() if u.domain_id == -1 and u.enabled and u.id > 3]
    return UserId(found[0].id)


def managed(desk: Desk) -> UserId:
    return UserId(next(u.id for u in desk.vault.users.values() if u.domain_id != -1 and u.enabled))


class TestCosts:
    async def test_a_user_with_groups_and_roles_is_three_calls(self, desk: Desk) -> None:
        await desk.directory.user(local(desk), groups=True, roles=True)
        assert len(desk.calls()) == 3

    async def test_a_user_alone_is_one_call(self, desk: Desk) -> None:
        await desk.directory.user(local(desk))
        assert len(desk.calls()) == 1

    async def test_a_hit_by_name_is_three_calls_with_groups_and_roles_and_a_miss_is_one(self, desk: Desk) -> None:
        login = desk.vault.users[local(desk)].user_name
        await desk.directory.find_users(UserQuery(name=login, groups=True, roles=True))
        assert len(desk.calls()) == 3
        await desk.directory.find_users(UserQuery(name="nobody", groups=True, roles=True))
        assert len(desk.calls()) == 1

    async def test_a_whole_walk_with_groups_and_roles_costs_by_page_group_and_role(self) -> None:
        desk = Desk(users=950, groups=15)
        directory, total, seen = desk.directory, 1, 0
        while seen < total:
            page = await directory.find_users(UserQuery(window=Window(seen, 100), groups=True, roles=True))
            total, seen = page.total, seen + len(page.items)
        groups = len([g for g in desk.vault.groups.values() if not g.personal_of])
        calls = [call for call in desk.calls() if "oauth2" not in call]
        assert len(calls) <= total / 100 + groups + len(desk.vault.roles) + 10

    async def test_lists_are_right_about_everybody(self) -> None:
        desk = Desk(users=120, groups=8)
        for user in list(desk.vault.users.values())[10:40:7]:
            desk.vault.group_roles[user.personal_group_id] = frozenset({1, 3})
        page = await desk.directory.find_users(UserQuery(window=Window(0, 200), groups=True, roles=True))
        for user in page.items:
            real = desk.vault.users[user.id]
            roles = sorted(desk.vault.group_roles.get(real.personal_group_id, ()))
            assert roles == [ref.id for ref in user.roles or ()]
            inside = sorted(g for g in desk.vault.groups_of.get(user.id, {}) if desk.vault.groups[g].enabled)
            assert inside == [ref.id for ref in user.groups or ()]

    async def test_writes_of_users_are_one_call_each(self, desk: Desk) -> None:
        user = await desk.directory.create_user(NewUser("zoe", "Zoe", "zoe@x.example"))
        assert desk.calls() == ["POST /v1/users"]
        user = await desk.directory.change_user(user, UserChange(display_name="Z", password=SecretStr("Abcdefg-123")))
        assert [f"PATCH /v1/users/{user.id}"] == desk.calls()
        await desk.directory.change_user(user, UserChange(display_name="Z", email="zoe@x.example"))
        assert desk.calls() == []
        await desk.directory.remove_user(user)
        assert [f"DELETE /v1/users/{user.id}"] == desk.calls()
        assert await desk.directory.leave_groups(user) == ()
        assert [f"PUT /v1/users/{user.id}/groups"] == desk.calls()

    async def test_a_disabled_user_is_removed_without_a_call(self, desk: Desk) -> None:
        user = await desk.directory.create_user(NewUser("zoe", "Zoe", "", enabled=False))
        desk.calls()
        await desk.directory.remove_user(user)
        assert desk.calls() == []

    async def test_a_group_is_one_call_and_two_with_members(self, desk: Desk) -> None:
        group = (await desk.directory.find_groups(GroupQuery(window=Window(0, 1)))).items[0]
        desk.calls()
        await desk.directory.group(group.id)
        assert len(desk.calls()) == 1
        await desk.directory.group(group.id, members=True)
        assert len(desk.calls()) == 2

    @pytest.mark.parametrize("size", [1, 1000])
    async def test_up_to_a_thousand_members_are_changed_in_one_call(self, size: int) -> None:
        desk = Desk(users=1100, groups=1)
        people = [UserId(u) for u in list(desk.vault.users)[5 : 5 + size]]
        group = await desk.directory.create_group(NewGroup("Everybody else"))
        desk.calls()
        half = size // 2
        await desk.directory.change_group(
            group, GroupChange(add_members=tuple(people[half:]), remove_members=tuple(people[:half]))
        )
        assert [f"PATCH /v1/groups/{group.id}/users"] == desk.calls()
        assert set(people[half:]) == set(desk.vault.members[group.id])

    async def test_more_members_than_that_are_split(self) -> None:
        desk = Desk(users=2300, groups=1)
        people = tuple(UserId(u) for u in list(desk.vault.users)[3:2253])
        group = await desk.directory.create_group(NewGroup("Everybody else"))
        desk.calls()
        await desk.directory.change_group(group, GroupChange(add_members=people))
        patches = [call for call in desk.calls() if call.startswith("PATCH")]
        assert len(patches) == 3
        assert set(people) == set(desk.vault.members[group.id])

    async def test_is_member_is_one_call(self, desk: Desk) -> None:
        await desk.directory.is_member(GroupId(1), local(desk))
        assert len(desk.calls()) == 1

    async def test_many_ids_keep_the_url_short(self) -> None:
        desk = Desk(users=400)
        ids = tuple(UserId(u) for u in desk.vault.users)
        found = await desk.directory.find_users(UserQuery(ids=ids))
        assert list(ids) == [user.id for user in found.items]
        longest = max(len(call["path"] + call["query"]) for call in desk._sim("GET", "/calls")["calls"])
        assert longest < 2000


class TestDirectoryManaged:
    @pytest.mark.parametrize(
        "change",
        [UserChange(display_name="X"), UserChange(email="x@x.example"), UserChange(password=SecretStr("Abcdefg-1"))],
    )
    async def test_what_the_directory_owns_is_refused_before_any_call(self, desk: Desk, change: UserChange) -> None:
        user = await desk.directory.user(managed(desk))
        desk.calls()
        with pytest.raises(Mutability):
            await desk.directory.change_user(user, change)
        assert desk.calls() == []

    @pytest.mark.parametrize("switch", ["refuse", "accept"])
    async def test_disabling_a_directory_user_is_left_to_the_vault(self, desk: Desk, switch: str) -> None:
        desk.switch(directory_managed=switch)
        user = await desk.directory.user(managed(desk))
        if switch == "accept":
            await desk.directory.remove_user(user)
            assert not desk.vault.users[user.id].enabled
        else:
            with pytest.raises(Mutability):
                await desk.directory.remove_user(user)
            with pytest.raises(Mutability):
                await desk.directory.change_user(user, UserChange(enabled=False))

    async def test_a_directory_user_names_its_directory_and_a_local_one_has_none(self, desk: Desk) -> None:
        for domain in (-1, 0):
            desk.switch(local_domain_id=domain)
            assert (await desk.directory.user(local(desk))).domain is None
        user = await desk.connect().user(managed(desk))
        assert Ref(1, "corp.example") == user.domain

    async def test_members_of_a_directory_group_are_not_ours(self, desk: Desk) -> None:
        theirs = next(g for g in desk.vault.groups.values() if g.synchronized)
        group = await desk.directory.group(GroupId(theirs.id))
        assert group.directory_managed
        desk.calls()
        for change in (GroupChange(add_members=(local(desk),)), GroupChange(name="ours")):
            with pytest.raises(Mutability):
                await desk.directory.change_group(group, change)
        with pytest.raises(Mutability):
            await desk.directory.remove_group(group)
        assert desk.calls() == []

    async def test_leaving_groups_leaves_and_reports_those_of_a_directory(self, desk: Desk) -> None:
        theirs = next(g for g in desk.vault.groups.values() if g.synchronized)
        ours = await desk.directory.create_group(NewGroup("Ours", (local(desk),)))
        desk.vault.join(theirs.id, local(desk))
        left = await desk.directory.leave_groups(await desk.directory.user(local(desk)))
        assert [theirs.id] == [ref.id for ref in left]
        assert not await desk.directory.is_member(ours.id, local(desk))


class TestPersonalGroups:
    @pytest.mark.parametrize("hidden", [True, False])
    @pytest.mark.parametrize("listed", [True, False])
    async def test_they_are_seen_nowhere(self, *, hidden: bool, listed: bool) -> None:
        desk = Desk(users=8, groups=3)
        desk.switch(personal_groups_hidden=hidden, user_groups_personal=listed)
        real = sorted(g.id for g in desk.vault.groups.values() if not g.personal_of and g.enabled)
        someone = desk.vault.users[local(desk)]
        directory = desk.directory
        for query in (GroupQuery(), GroupQuery(window=Window(0, 100))):
            found = await directory.find_groups(query)
            assert (len(real), real) == (found.total, [group.id for group in found.items])
        with pytest.raises(NotFound):
            await desk.connect().group(GroupId(someone.personal_group_id))
        with pytest.raises(NotFound):
            await directory.group(GroupId(someone.personal_group_id), members=True)
        assert (await directory.find_groups(GroupQuery(name=someone.user_name))).total == 0
        inside = sorted(desk.vault.groups_of.get(someone.id, {}))
        other = desk.connect()
        found_users = await other.find_users(UserQuery(name=someone.user_name, groups=True))
        assert inside == [ref.id for ref in found_users.items[0].groups or ()]
        assert inside == [ref.id for ref in (await other.user(UserId(someone.id), groups=True)).groups or ()]
        member = await other.find_groups(GroupQuery(member=UserId(someone.id)))
        assert inside == [group.id for group in member.items]

    @pytest.mark.parametrize("naming", ["Personal group of {0}", "{0}", "someone"])
    async def test_roles_on_lists_are_right_whatever_they_are_called(self, naming: str) -> None:
        desk = Desk(users=30, groups=2)
        for group in desk.vault.groups.values():
            if group.personal_of:
                group.name = naming.format(desk.vault.users[group.personal_of].user_name)
        page = await desk.directory.find_users(UserQuery(window=Window(0, 50), roles=True))
        for user in page.items:
            real = desk.vault.group_roles.get(desk.vault.users[user.id].personal_group_id, ())
            assert sorted(real) == [ref.id for ref in user.roles or ()]

    async def test_a_misleading_name_found_out_later_ends_the_use_of_names(self) -> None:
        desk = Desk(users=30, groups=2)
        directory = desk.directory
        await directory.find_users(UserQuery(window=Window(0, 50), roles=True))
        victim = next(u for u in desk.vault.users.values() if u.id > 10)
        desk.vault.groups[victim.personal_group_id].name = "renamed"
        desk.vault.changed()
        directory._memberships.drop()
        await directory.user(UserId(victim.id))
        page = await directory.find_users(UserQuery(window=Window(0, 50), roles=True))
        for user in page.items:
            real = desk.vault.group_roles.get(desk.vault.users[user.id].personal_group_id, ())
            assert sorted(real) == [ref.id for ref in user.roles or ()]


class TestPowerful:
    async def test_administrators_are_found_through_roles_users_groups_and_personal_groups(self, desk: Desk) -> None:
        vault, directory = desk.vault, desk.directory
        through_group, direct = local(desk), UserId(local(desk) + 1)
        club = vault.add_group(Group(vault.new_id("group"), "Club"))
        vault.group_roles[club.id] = frozenset({1})
        vault.join(club.id, through_group)
        vault.group_roles[vault.users[direct].personal_group_id] = frozenset({1, 2})
        vault.changed()
        found = await directory.powerful()
        assert vault.account_id == found.own
        assert {found.own, 2, through_group, direct} <= found.users
        assert club.id in found.groups
        assert vault.users[direct].personal_group_id in found.personal_groups
        assert vault.users[vault.account_id].personal_group_id in found.personal_groups
        assert {"Administrator", "SCIM Connector"} == {vault.roles[r].name for r in found.roles}

    async def test_an_account_that_may_not_read_roles_gets_no_list(self) -> None:
        desk = Desk(users=5, permissions=("View Users", "Administer Users", "Administer Groups"))
        for status in (403, 400):
            desk.switch(denied_status=status)
            with pytest.raises(VaultRefusedUs):
                await desk.directory.powerful()


class TestUnknownIsNeverAbsent:
    @pytest.mark.parametrize("denied", ["omit", "refuse"])
    async def test_an_account_that_may_not_search_gets_no_empty_list(self, denied: str) -> None:
        desk = Desk(users=5, permissions=("Administer Folders",), switches={"denied_search": denied})
        directory = desk.directory
        for ask in (
            directory.find_users(UserQuery(name="admin")),
            directory.find_users(UserQuery(window=Window(0, 10))),
            directory.find_users(UserQuery(ids=tuple(UserId(i) for i in range(1, 6)))),
            directory.find_groups(GroupQuery(name="x")),
            directory.find_groups(GroupQuery(window=Window(0, 10))),
            directory.user(UserId(2)),
            directory.group(GroupId(3)),
            directory.roles(),
        ):
            with pytest.raises(VaultRefusedUs):
                await ask

    @pytest.mark.parametrize("path", ["html", "json"])
    async def test_a_wrong_base_url_finds_nobody_missing(self, path: str) -> None:
        desk = Desk(users=5, switches={"unknown_path": path})
        directory = desk.directory
        await directory.user(UserId(1))
        token = directory.client.authentication._token
        object.__setattr__(token, "base", "http://vault/wrong")
        for ask in (
            directory.user(UserId(1)),
            directory.group(GroupId(3)),
            directory.find_users(UserQuery(name="admin")),
        ):
            with pytest.raises(VaultMisbehaved):
                await ask

    async def test_a_vault_that_cannot_sort_by_id_still_gives_whole_lists_and_refuses_windows(self) -> None:
        desk = Desk(users=20, groups=3, switches=SHY)
        found = await desk.directory.find_users(UserQuery())
        assert sorted(desk.vault.users) == [user.id for user in found.items]
        with pytest.raises(VaultMisbehaved):
            await desk.directory.find_users(UserQuery(window=Window(5, 5)))

    async def test_a_vault_that_ignores_the_sort_is_found_out(self) -> None:
        switches = {"sort_names": "name", "unknown_sort": "ignore", "default_order": "id"}
        desk = Desk(users=20, switches=switches)
        page = await desk.directory.find_users(UserQuery(window=Window(5, 5)))
        assert sorted(desk.vault.users)[5:10] == [user.id for user in page.items]

    async def test_pages_in_no_order_are_refused(self) -> None:
        switches = {"sort_names": "name", "unknown_sort": "ignore"}
        desk = Desk(users=60, switches=switches)
        for user in list(desk.vault.users.values()):
            desk.vault.users[user.id] = desk.vault.users.pop(user.id)
        turned = dict(reversed(desk.vault.users.items()))
        desk.vault.users.clear()
        desk.vault.users.update(turned)
        with pytest.raises(VaultMisbehaved):
            await desk.directory.find_users(UserQuery(window=Window(0, 20)))
        found = await desk.directory.find_users(UserQuery())
        assert sorted(desk.vault.users) == [user.id for user in found.items]

    async def test_external_ids_and_cursors_are_not_guessed(self, desk: Desk) -> None:
        for query in (UserQuery(external_id="x"), UserQuery(after=UserId(3)), UserQuery(before=UserId(3))):
            with pytest.raises(ValueError, match="attributes"):
                await desk.directory.find_users(query)


class TestLimits:
    async def test_a_licence_that_is_used_up_is_the_clients_affair_and_not_retried(self, desk: Desk) -> None:
        desk.switch(licences=1)
        with pytest.raises(BadRequest, match="licence"):
            await desk.directory.create_user(NewUser("zoe", "Zoe", ""))
        assert len(desk.calls()) == 1

    async def test_a_disabled_group_keeps_its_name_and_can_be_brought_back(self, desk: Desk) -> None:
        group = await desk.directory.create_group(NewGroup("Phoenix", (local(desk),)))
        assert await desk.directory.disabled_group("phoenix") is None
        await desk.directory.remove_group(group)
        await desk.directory.remove_group(group)
        with pytest.raises(Uniqueness):
            await desk.directory.create_group(NewGroup("Phoenix"))
        ashes = await desk.directory.disabled_group("PHOENIX")
        assert ashes is not None
        back = await desk.directory.enable_group(ashes)
        assert (group.id, True) == (back.id, back.enabled)
        assert [local(desk)] == [ref.id for ref in (await desk.directory.group(group.id, members=True)).members or ()]

    async def test_health_names_the_account_its_permissions_and_the_version(self, desk: Desk) -> None:
        health = await desk.directory.health()
        assert health.reachable
        assert health.credentials
        assert health.account is not None
        assert (health.account.name, health.version) == ("svc-scim", "11.7.000002")
        assert "Administer Users" in health.account.permissions
        bad = await desk.connect(password="wrong").health()
        assert (bad.credentials, bad.account) == (False, None)
