"""Users and their sharp edges."""

import asyncio

import pytest


async def test_search_is_contains_over_three_fields(desk):
    ann = await desk.create("ann", emailAddress="a.smith@else.example")
    joanne = await desk.create("joanne")
    other = await desk.create("bob", emailAddress="ANN@corp.example")
    found = await desk.ok("GET", "/v1/users", params={"filter.searchText": "ann", "take": 999999999})
    assert {ann["id"], joanne["id"], other["id"]} <= {r["id"] for r in found["records"]}
    query = {"filter.searchText": "ann", "filter.searchFields": "userName", "take": 100}
    narrowed = {r["id"] for r in (await desk.ok("GET", "/v1/users", params=query))["records"]}
    assert other["id"] not in narrowed
    assert ann["id"] in narrowed


async def test_disabled_users_show_with_include_inactive_only(desk):
    ann = await desk.create("zz-ann")
    assert await desk.ok("DELETE", f"/v1/users/{ann['id']}") == {
        "id": ann["id"],
        "objectType": "User",
        "responseCodes": [],
    }
    assert (await desk.ok("GET", "/v1/users", params={"filter.searchText": "zz-ann"}))["total"] == 0
    query = {"filter.searchText": "zz-ann", "filter.includeInactive": "True"}
    assert (await desk.ok("GET", "/v1/users", params=query))["records"][0]["enabled"] is False
    await desk.refused("GET", f"/v1/users/{ann['id']}")
    assert (await desk.ok("GET", f"/v1/users/{ann['id']}", includeInactive="true"))["enabled"] is False
    assert "already" in (await desk.refused("DELETE", f"/v1/users/{ann['id']}"))["message"]
    assert "already exists" in (await desk.refused("POST", "/v1/users", _body("ZZ-Ann")))["message"]


def _body(name, **more):
    return {"userName": name, "displayName": "X", "password": "Abcdefg1", "enabled": True, **more}


async def test_names_are_taken_within_one_domain(desk):
    await desk.create("twin")
    twin = await desk.create("twin", domainId=1)
    assert twin["domainId"] == 1
    await desk.refused("POST", "/v1/users", _body("TWIN"))
    both = await desk.ok("GET", "/v1/users", params={"filter.searchText": "twin"})
    assert both["total"] == 2
    local = await desk.ok("GET", "/v1/users", params={"filter.searchText": "twin", "filter.domainId": -1})
    assert [r["domainId"] for r in local["records"]] == [-1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userName": "x"},
        {"userName": " ", "displayName": "x", "password": "Abcdefg1"},
        {"userName": "x", "displayName": "x", "password": "short"},
        {"userName": "x", "displayName": "x", "password": "alllowercase1"},
        {"userName": "x", "displayName": "x", "password": "Abcdefg1", "enabled": "yes"},
        {"userName": "x", "displayName": "x", "password": "Abcdefg1", "domainId": 99},
        {"userName": 1, "displayName": "x", "password": "Abcdefg1"},
        [],
    ],
)
async def test_a_bad_user_changes_nothing(desk, body):
    before = await desk.sim("GET", "/state")
    await desk.refused("POST", "/v1/users", body)
    assert await desk.sim("GET", "/state") == before


async def test_the_password_policy_is_the_tenants(desk):
    desk.vault.options.permissions = ("Administer Users", "Administer Configuration", "View Users")
    desk.vault.changed()
    policy = await desk.ok("GET", "/v1/configuration/local-user-passwords")
    assert policy["passwordMinimumLength"] == 8
    change = {"data": {"passwordMinimumLength": {"dirty": True, "value": 20}}}
    await desk.ok("PATCH", "/v1/configuration/local-user-passwords", change)
    refusal = await desk.refused("POST", "/v1/users", _body("x"))
    assert "20 characters" in refusal["modelState"]["password"][0]


async def test_enabled_left_out_is_false(desk):
    body = _body("quiet")
    del body["enabled"]
    assert (await desk.ok("POST", "/v1/users", body))["enabled"] is False


async def test_patch_takes_bare_dirty_fields(desk):
    ann = await desk.create()
    changed = await desk.ok(
        "PATCH",
        f"/v1/users/{ann['id']}",
        {
            "enabled": {"dirty": True, "value": False},
            "displayName": {"dirty": False, "value": "No"},
            "userName": {"dirty": True, "value": "no"},
        },
    )
    assert (changed["enabled"], changed["displayName"], changed["userName"]) == (False, "Ann", "ann")


@pytest.mark.parametrize("body", [{"data": {"enabled": {"dirty": True, "value": False}}}, {"enabled": False}, {}])
async def test_another_dialect_changes_nothing_and_is_200(desk, body):
    ann = await desk.create()
    assert (await desk.ok("PATCH", f"/v1/users/{ann['id']}", body))["enabled"] is True
    if body:
        await desk.sim("PUT", "/switches", {"wrong_wrapper": "refuse"})
        await desk.refused("PATCH", f"/v1/users/{ann['id']}", body)


async def test_put_replaces_and_resets_what_is_left_out(desk):
    ann = await desk.create(emailAddress="a@b.example")
    path = f"/v1/users/{ann['id']}"
    await desk.refused("PUT", path, {"id": ann["id"] + 1, "displayName": "A"})
    changed = await desk.ok("PUT", path, {"id": ann["id"], "displayName": "Ann B", "userName": "other"})
    assert (changed["displayName"], changed["emailAddress"], changed["enabled"], changed["userName"]) == (
        "Ann B",
        "",
        False,
        "ann",
    )
    await desk.sim("PUT", "/switches", {"put_missing": "keep"})
    await desk.ok("PUT", path, {"id": ann["id"], "enabled": True})
    assert (await desk.ok("GET", path))["displayName"] == "Ann B"


async def test_a_directorys_user_is_read_only(desk):
    managed = next(u for u in desk.vault.users.values() if u.domain_id == 1)
    patch = {"displayName": {"dirty": True, "value": "Other"}}
    assert "directory" in (await desk.refused("PATCH", f"/v1/users/{managed.id}", patch))["message"]
    await desk.sim("PUT", "/switches", {"directory_managed": "accept"})
    assert (await desk.ok("PATCH", f"/v1/users/{managed.id}", patch))["displayName"] == "Other"


async def test_licences_run_out_on_create_and_on_enable(start):
    desk = await start(users=3, switches={"licences": 5})
    ann = await desk.create()
    await desk.refused("POST", "/v1/users", _body("bob"))
    await desk.ok("POST", "/v1/users", _body("robot", isApplicationAccount=True))
    bob = await desk.create("bob", enabled=False)
    await desk.refused("PATCH", f"/v1/users/{bob['id']}", {"enabled": {"dirty": True, "value": True}})
    await desk.ok("DELETE", f"/v1/users/{ann['id']}")
    await desk.ok("PATCH", f"/v1/users/{bob['id']}", {"enabled": {"dirty": True, "value": True}})
    await desk.sim("PUT", "/switches", {"application_accounts": 1})
    refusal = await desk.refused("POST", "/v1/users", _body("robot2", isApplicationAccount=True))
    assert refusal["errorCode"] == "API_MetApplicationAPILimit"


async def test_paging_sorting_and_limits(desk):
    page = await desk.ok("GET", "/v1/users")
    assert (page["take"], page["hasNext"], page["nextSkip"]) == (10, True, 10)
    walked, skip = [], 0
    while True:
        query = {"skip": skip, "take": 7, "sortBy[0].name": "id", "sortBy[0].direction": "desc"}
        page = await desk.ok("GET", "/v1/users", params=query)
        walked += [r["id"] for r in page["records"]]
        if not page["hasNext"]:
            break
        skip = page["nextSkip"]
    assert walked == sorted((u.id for u in desk.vault.users.values()), reverse=True)
    await desk.refused("GET", "/v1/users", params={"sortBy[0].name": "shoeSize"})
    await desk.sim("PUT", "/switches", {"unknown_sort": "ignore", "max_take": 5})
    assert len((await desk.ok("GET", "/v1/users", params={"sortBy[0].name": "shoeSize", "take": 100}))["records"]) == 5
    await desk.refused("GET", "/v1/users", take="many")
    older = await desk.ok("GET", "/v1/users", params={"paging.take": 2, "paging.filter.searchText": "corp.example"})
    assert len(older["records"]) == 2


async def test_user_ids_filter_repeats_its_key(desk):
    found = await desk.ok("GET", "/v1/users", params=[("filter.userIds", 3), ("filter.userIds", 5)])
    assert [r["id"] for r in found["records"]] == [3, 5]


async def test_missing_ids_follow_the_switch(desk):
    assert (await desk.call("GET", "/v1/users/999999")).status_code == 400
    await desk.sim("PUT", "/switches", {"missing_status": 404})
    assert (await desk.call("GET", "/v1/users/999999")).status_code == 404


async def test_new_users_hold_the_role_user_through_their_personal_group(desk):
    ann = await desk.create()
    roles = await desk.ok("GET", f"/v1/users/{ann['id']}/roles-assigned")
    assert [(r["roleName"], r["isDirectAssignment"], r["groups"]) for r in roles["records"]] == [("User", True, [])]
    state = await desk.sim("GET", "/state")
    group = next(g for g in state["groups"] if g["id"] == ann["personalGroupId"])
    assert (group["personal"], group["name"], group["userId"]) == (True, "ann", ann["id"])


async def test_role_calls_post_put_and_delete_with_body(desk):
    ann = await desk.create()
    path = f"/v1/users/{ann['id']}/roles"
    ids = {r.name: r.id for r in desk.vault.roles.values()}
    await desk.ok("POST", path, {"roleIds": [ids["Read Only User"]]})
    await desk.ok("DELETE", path, {"roleIds": [ids["User"]]})
    assert [r["name"] for r in (await desk.ok("GET", path))["records"]] == ["Read Only User"]
    await desk.ok("PUT", path, {"roleIds": [ids["User"]]})
    assert [r["name"] for r in (await desk.ok("GET", path))["records"]] == ["User"]
    await desk.refused("POST", path, {"roleIds": [999]})


async def test_group_calls_on_a_user(desk):
    ann = await desk.create()
    path = f"/v1/users/{ann['id']}/groups"
    local = [g.id for g in desk.vault.real_groups.values() if not g.synchronized][1:4]
    await desk.ok("POST", path, {"groupIds": local[:2]})
    await desk.ok("PUT", path, {"groupIds": local[1:]})
    assert {r["groupId"] for r in (await desk.ok("GET", path))["records"]} == set(local[1:])
    await desk.ok("DELETE", path, params=[("groupIds", g) for g in local[1:]])
    assert (await desk.ok("GET", path))["total"] == 0


async def test_personal_data_goes_only_from_the_deactivated(desk):
    ann = await desk.create(emailAddress="a@b.example")
    path = f"/v1/users/delete-pii/{ann['id']}"
    await desk.refused("POST", path)
    await desk.ok("DELETE", f"/v1/users/{ann['id']}")
    assert await desk.ok("POST", path) is True
    gone = await desk.ok("GET", f"/v1/users/{ann['id']}", includeInactive="true")
    assert gone["emailAddress"] == ""
    assert "ann" not in gone["userName"]
    await desk.create("ann")


async def test_bulk_password_and_lock(desk):
    users = [(await desk.create(n))["id"] for n in ("u1", "u2")]
    await desk.ok("POST", "/v1/bulk-user-operations/disable", {"data": {"userIds": users}})
    assert not any(desk.vault.users[u].enabled for u in users)
    await desk.ok("POST", "/v1/bulk-user-operations/enable", {"data": {"userIds": users}})
    group = next(g.id for g in desk.vault.real_groups.values())
    await desk.ok("POST", "/v1/bulk-user-operations/add-to-group", {"data": {"userIds": users, "groupId": group}})
    assert set(users) <= set(desk.vault.members[group])
    await desk.ok("POST", "/v1/bulk-user-operations/remove-from-group", {"data": {"userIds": users, "groupId": group}})
    await desk.ok(
        "POST", f"/v1/users/{users[0]}/password-reset", {"data": {"password": "Another-1x", "userId": users[0]}}
    )
    await desk.ok("POST", f"/v1/users/{users[0]}/lock-out", {"data": {"reasonType": "Other", "description": "why"}})
    assert (await desk.ok("GET", f"/v1/users/{users[0]}"))["isLockedOut"] is True
    await desk.ok("PATCH", f"/v1/users/{users[0]}", {"isLockedOut": {"dirty": True, "value": False}})
    assert (await desk.log_in(username="u1", password="Another-1x")).status_code == 200


async def test_a_lagging_vault_finds_new_users_late(start):
    desk = await start(switches={"lag_ms": 80})
    ann = await desk.create("laggard")
    await desk.refused("GET", f"/v1/users/{ann['id']}")
    assert (await desk.ok("GET", "/v1/users", params={"filter.searchText": "laggard"}))["total"] == 0
    await asyncio.sleep(0.1)
    assert (await desk.ok("GET", "/v1/users", params={"filter.searchText": "laggard"}))["total"] == 1
