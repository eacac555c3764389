"""Groups, members and roles."""

import pytest


async def _group(desk, name="Team A", **more):
    return await desk.ok("POST", "/v1/groups", {"name": name, "enabled": True, **more})


async def _members(desk, group_id, **query):
    query = {"take": 100, **query}
    page = await desk.ok("GET", f"/v1/groups/{group_id}/users", params=query)
    return [r["userId"] for r in page["records"]]


async def test_personal_groups_are_hidden_from_searches(desk):
    found = await desk.ok("GET", "/v1/groups", take=1000)
    assert found["total"] == len(desk.vault.real_groups)
    await desk.sim("PUT", "/switches", {"personal_groups_hidden": False})
    assert (await desk.ok("GET", "/v1/groups", take=1000))["total"] == len(desk.vault.groups)


async def test_members_by_difference_tolerate_repeats_and_refuse_strangers(desk):
    group = await _group(desk)
    path = f"/v1/groups/{group['id']}/users"
    assert await desk.ok("PATCH", path, {"addedUserIds": [3, 4, 5]}) == {"success": True}
    await desk.ok("PATCH", path, {"addedUserIds": [3], "removeUserIds": [5, 9]})
    assert await _members(desk, group["id"]) == [3, 4]
    await desk.refused("PATCH", path, {"addedUserIds": [7, 999999]})
    assert await _members(desk, group["id"]) == [3, 4]
    await desk.sim("PUT", "/switches", {"members_unknown_user": "skip"})
    await desk.ok("PATCH", path, {"addedUserIds": [7, 999999]})
    assert await _members(desk, group["id"]) == [3, 4, 7]


@pytest.mark.parametrize("body", [{"data": {"addedUserIds": [3]}}, {"removedUserIds": [3]}, {"addUserIds": [4]}])
async def test_another_spelling_of_members_does_nothing(desk, body):
    group = await _group(desk)
    await desk.ok("PATCH", f"/v1/groups/{group['id']}/users", body)
    assert await _members(desk, group["id"]) == []


async def test_put_members_is_exact_and_single_calls_work(desk):
    group = await _group(desk)
    path = f"/v1/groups/{group['id']}/users"
    assert (await desk.ok("POST", path, {"userId": 3}))["userId"] == 3
    await desk.ok("PUT", path, {"userIds": [4, 5]})
    assert await _members(desk, group["id"]) == [4, 5]
    assert (await desk.ok("GET", f"{path}/4"))["groupName"] == "Team A"
    await desk.ok("DELETE", f"{path}/4")
    await desk.refused("DELETE", f"{path}/4")
    found = await desk.ok("GET", f"{path}/search", params={"filter.assigned": "true"})
    assert (found["totalAssigned"], found["users"]["total"]) == (1, 1)


async def test_disabled_members_are_left_out_unless_asked_for(desk):
    group = await _group(desk)
    await desk.ok("PUT", f"/v1/groups/{group['id']}/users", {"userIds": [8, 9]})
    await desk.ok("DELETE", "/v1/users/8")
    assert await _members(desk, group["id"]) == [9]
    assert await _members(desk, group["id"], **{"filter.includeInactiveUsersForGroup": "true"}) == [8, 9]


async def test_a_directorys_group_keeps_its_members(desk):
    managed = next(g for g in desk.vault.real_groups.values() if g.synchronized)
    before = await _members(desk, managed.id)
    refusal = await desk.refused("PATCH", f"/v1/groups/{managed.id}/users", {"addedUserIds": [9]})
    assert refusal["errorCode"] == "API_CannotAddRemoveUsersFromDirectoryManagedGroups"
    assert await _members(desk, managed.id) == before
    assert (await desk.ok("GET", f"/v1/groups/{managed.id}"))["canEditMembers"] is False
    rows = (await desk.ok("GET", "/v1/groups", take=100))["records"]
    assert not any("canEditMembers" in r for r in rows)


async def test_patch_wants_data_and_delete_disables(desk):
    group = await _group(desk)
    path = f"/v1/groups/{group['id']}"
    await desk.ok("PATCH", path, {"name": {"dirty": True, "value": "Bare"}})
    assert (await desk.ok("GET", path))["name"] == "Team A"
    await desk.ok("PATCH", path, {"data": {"name": {"dirty": True, "value": "Team B"}}})
    assert (await desk.ok("GET", path))["name"] == "Team B"
    await desk.ok("DELETE", path)
    assert (await desk.ok("GET", "/v1/groups", params={"filter.searchText": "Team B"}))["total"] == 0
    query = {"filter.searchText": "Team B", "filter.includeInactive": "true"}
    assert (await desk.ok("GET", "/v1/groups", params=query))["total"] == 1
    await desk.refused("DELETE", path)


async def test_the_name_of_a_disabled_group_collides_or_frees(desk):
    group = await _group(desk)
    await desk.refused("POST", "/v1/groups", {"name": "TEAM a", "enabled": True})
    await desk.ok("DELETE", f"/v1/groups/{group['id']}")
    await desk.refused("POST", "/v1/groups", {"name": "Team A", "enabled": True})
    await desk.sim("PUT", "/switches", {"group_name_after_delete": "frees"})
    await _group(desk)


async def test_put_a_group_and_name_owners(desk):
    group = await _group(desk, ownerUserIds=[3])
    assert list(group["ownerUsers"]) == ["3"]
    path = f"/v1/groups/{group['id']}"
    changed = await desk.ok("PUT", path, {"id": group["id"], "name": "Team C", "enabled": False})
    assert (changed["name"], changed["enabled"]) == ("Team C", False)
    await desk.refused("PUT", path, {"id": group["id"]})


async def test_setting_group_roles_moved_from_v1_to_v2(desk):
    group = await _group(desk)
    ids = {r.name: r.id for r in desk.vault.roles.values()}
    body = {"roleIds": [ids["Read Only User"]]}
    assert (await desk.call("PUT", f"/v1/groups/{group['id']}/roles", body)).status_code == 404
    await desk.ok("PUT", f"/v2/groups/{group['id']}/roles", body)
    await desk.sim("PUT", "/switches", {"version": "11.2"})
    assert (await desk.call("PUT", f"/v2/groups/{group['id']}/roles", body)).status_code == 404
    await desk.ok("PUT", f"/v1/groups/{group['id']}/roles", body)
    assert (await desk.ok("GET", f"/v1/groups/{group['id']}/roles"))["total"] == 1
    await desk.ok("DELETE", f"/v1/groups/{group['id']}/roles", body)
    assert (await desk.ok("GET", f"/v1/groups/{group['id']}/roles"))["total"] == 0


async def test_roles_are_made_renamed_and_disabled_but_not_deleted(start):
    desk = await start(permissions=("Administer Role Permissions", "Administer Role Assignment", "View Users"))
    role = await desk.ok("POST", "/v1/roles", {"name": "Auditors", "enabled": True})
    path = f"/v1/roles/{role['id']}"
    await desk.refused("POST", "/v1/roles", {"name": "auditors", "enabled": True})
    assert (await desk.call("DELETE", path)).status_code == 405
    await desk.ok("PATCH", path, {"name": {"dirty": True, "value": "Bare"}})
    changed = await desk.ok("PATCH", path, {"data": {"enabled": {"dirty": True, "value": False}}})
    assert (changed["name"], changed["enabled"]) == ("Auditors", False)
    assert role["id"] not in [r["id"] for r in (await desk.ok("GET", "/v1/roles"))["records"]]
    free = await desk.ok("GET", f"{path}/permissions/unassigned", take=100)
    wanted = [p["rolePermissionId"] for p in free["records"]][:2]
    await desk.ok("PUT", f"{path}/permissions", {"rolePermissionIds": wanted})
    assert (await desk.ok("GET", f"{path}/permissions"))["total"] == 2
    personal = desk.vault.users[3].personal_group_id
    await desk.ok("PATCH", f"{path}/groups", {"data": {"groupIdsToAdd": {"dirty": True, "value": [personal]}}})
    holders = await desk.ok("GET", f"{path}/groups")
    assert [(r["groupId"], r["personal"]) for r in holders["records"]] == [(personal, True)]
    assert "filter" in holders
    query = {"filter.userId": 3, "filter.groupId": 1, "filter.includeInactive": "true"}
    found = await desk.ok("GET", "/v1/roles", params=query)
    assert {r["name"] for r in found["records"]} == {"User", "Auditors"}


async def test_a_group_confers_its_role(desk):
    admins = next(g for g in desk.vault.real_groups.values() if g.name == "Vault Administrators")
    await desk.ok("PATCH", f"/v1/groups/{admins.id}/users", {"addedUserIds": [5]})
    rows = (await desk.ok("GET", "/v1/users/5/roles-assigned"))["records"]
    administrator = next(r for r in rows if r["roleName"] == "Administrator")
    assert administrator["isDirectAssignment"] is False
    assert administrator["groups"] == [{"groupId": admins.id, "groupName": "Vault Administrators"}]
