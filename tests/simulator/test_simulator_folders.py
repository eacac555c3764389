"""Folders and the rights on them."""

import pytest


async def _folder(desk, name, parent=-1, **more):
    body = {"folderName": name, "folderTypeId": 1, "parentFolderId": parent, **more}
    return await desk.ok("POST", "/v1/folders", body)


async def _rows(desk, folder_id, **query):
    page = await desk.ok("GET", "/v1/folder-permissions", params={"filter.folderId": folder_id, "take": 100, **query})
    return page["records"]


def _grant(folder_id, **more):
    return {"folderId": folder_id, "folderAccessRoleName": "View", "secretAccessRoleName": "List", **more}


@pytest.fixture
async def tree(desk):
    """A root folder `Top`, and `Sub` below it, which inherits."""
    top = await _folder(desk, "Top")
    sub = await _folder(desk, "Sub", top["id"])
    return desk, top, sub


async def test_inheritance_left_out_is_true_except_at_the_root(tree):
    _, top, sub = tree
    assert (top["inheritPermissions"], top["inheritSecretPolicy"]) == (False, False)
    assert (sub["inheritPermissions"], sub["folderPath"]) == (True, "\\Top\\Sub")


async def test_search_by_name_parent_and_depth(tree):
    desk, top, sub = tree
    deep = await _folder(desk, "Deep sub", sub["id"])
    below = await desk.ok("GET", "/v1/folders", params={"filter.parentFolderId": top["id"]})
    assert {r["id"] for r in below["records"]} == {sub["id"], deep["id"]}
    query = {"filter.parentFolderId": top["id"], "filter.limitToDirectDescendents": "true"}
    assert [r["id"] for r in (await desk.ok("GET", "/v1/folders", params=query))["records"]] == [sub["id"]]
    named = await desk.ok("GET", "/v1/folders", params={"filter.searchText": "SUB", "take": 100})
    assert {sub["id"], deep["id"]} <= {r["id"] for r in named["records"]}
    roots = await desk.ok("GET", "/v1/folders", params={"filter.onlyIncludeRootFolders": "true", "take": 100})
    assert all(r["parentFolderId"] == -1 for r in roots["records"])
    full = await desk.ok("GET", f"/v1/folders/{top['id']}", getAllChildren="true")
    assert full["childFolders"][0]["childFolders"][0]["id"] == deep["id"]
    by_path = await desk.ok("GET", "/v1/folders/0", folderPath="\\top\\sub")
    assert by_path["id"] == sub["id"]


async def test_a_grant_that_says_nothing_detaches_the_folder(tree):
    """The default of breakInheritance is true: the folder leaves its parent and keeps a copy of the rows."""
    desk, top, sub = tree
    await desk.ok("POST", "/v1/folder-permissions", _grant(sub["id"], userId=3))
    assert (await desk.ok("GET", f"/v1/folders/{sub['id']}"))["inheritPermissions"] is False
    assert {r["userId"] for r in await _rows(desk, sub["id"])} == {1, 3}
    await desk.ok("POST", "/v1/folder-permissions", _grant(top["id"], userId=4))
    assert {r["userId"] for r in await _rows(desk, sub["id"])} == {1, 3}


async def test_with_break_inheritance_false_the_rows_are_inherited(tree):
    desk, _, sub = tree
    before = await desk.sim("GET", "/state")
    body = _grant(sub["id"], userId=3, breakInheritance=False)
    assert (await desk.refused("POST", "/v1/folder-permissions", body))["message"] == "API_PermissionsAreInherited"
    row = (await _rows(desk, sub["id"]))[0]
    assert row["folderId"] == sub["id"]
    change = {"id": row["id"], "folderId": sub["id"], "folderAccessRoleName": "Owner", "breakInheritance": False}
    await desk.refused("PUT", f"/v1/folder-permissions/{row['id']}", change)
    assert await desk.sim("GET", "/state") == before
    await desk.sim("PUT", "/switches", {"inherited_error": "errorCode"})
    assert (await desk.refused("POST", "/v1/folder-permissions", body))["errorCode"] == "API_PermissionsAreInherited"


async def test_rows_of_an_inheriting_folder_follow_the_switch(tree):
    desk, top, sub = tree
    own = await _rows(desk, sub["id"])
    parents = await _rows(desk, top["id"])
    assert own[0]["id"] != parents[0]["id"]
    assert (await _rows(desk, sub["id"]))[0]["id"] == own[0]["id"]
    assert (await desk.ok("GET", f"/v1/folder-permissions/{own[0]['id']}"))["folderId"] == sub["id"]
    await desk.sim("PUT", "/switches", {"inherited_rows": "parent"})
    assert await _rows(desk, sub["id"]) == parents
    await desk.sim("PUT", "/switches", {"inherited_rows": "none"})
    assert await _rows(desk, sub["id"]) == []


async def test_change_and_remove_a_row(tree):
    desk, top, _ = tree
    row = await desk.ok("POST", "/v1/folder-permissions", _grant(top["id"], groupId=3, breakInheritance=False))
    path = f"/v1/folder-permissions/{row['id']}"
    body = {
        "id": row["id"],
        "folderId": top["id"],
        "folderAccessRoleName": "Add Secret",
        "secretAccessRoleName": "None",
    }
    changed = await desk.ok("PUT", path, body)
    assert (changed["folderAccessRoleName"], changed["secretAccessRoleId"]) == ("Add Secret", None)
    await desk.refused("PUT", path, {**body, "folderAccessRoleName": "AddSecret"})
    await desk.refused("POST", "/v1/folder-permissions", _grant(top["id"], groupId=3))
    assert (await desk.ok("DELETE", path, breakInheritance="false"))["objectType"] == "FolderPermission"
    await desk.refused("GET", path)


async def test_the_caller_keeps_its_owner_right(tree):
    desk, top, _ = tree
    mine = next(r for r in await _rows(desk, top["id"]) if r["userId"] == 1)
    await desk.refused("DELETE", f"/v1/folder-permissions/{mine['id']}")
    path = f"/v1/folder/{top['id']}/permissions"
    await desk.refused("PATCH", path, {"data": {"removeItems": [{"userId": 1}]}})
    assert await desk.ok("PATCH", path, {"data": {"removeItems": [{"userId": 1}], "allowRemoveOwner": True}}) == {
        "success": True
    }
    assert (await desk.call("GET", f"/v1/folders/{top['id']}")).status_code == 403


async def test_bulk_permissions_take_role_ids_and_the_data_wrapper(tree):
    desk, top, sub = tree
    sample = (await _rows(desk, top["id"]))[0]
    item = {
        "userId": 3,
        "folderAccessRoleId": sample["folderAccessRoleId"],
        "secretAccessRoleId": sample["secretAccessRoleId"],
    }
    path = f"/v1/folder/{top['id']}/permissions"
    await desk.ok("PATCH", path, {"addOrUpdateItems": [item]})
    assert len(await _rows(desk, top["id"])) == 1
    await desk.ok("PATCH", path, {"data": {"addOrUpdateItems": [item]}})
    assert {r["userId"]: r["folderAccessRoleName"] for r in await _rows(desk, top["id"])} == {1: "Owner", 3: "Owner"}
    below = f"/v1/folder/{sub['id']}/permissions"
    await desk.refused("PATCH", below, {"data": {"addOrUpdateItems": [item]}})
    off = {"inheritPermissions": {"dirty": True, "value": False}, "removeItems": [{"userId": 3}]}
    await desk.ok("PATCH", below, {"data": off})
    assert {r["userId"] for r in await _rows(desk, sub["id"])} == {1}


async def test_an_unfiltered_list_of_rows_is_refused_unless_switched_on(desk):
    await desk.refused("GET", "/v1/folder-permissions")
    await desk.sim("PUT", "/switches", {"folder_permissions_unfiltered": True})
    assert (await desk.ok("GET", "/v1/folder-permissions", take=1))["total"] > 1
    by_user = await desk.ok("GET", "/v1/folder-permissions", params={"filter.userId": 1, "take": 100})
    assert {r["userId"] for r in by_user["records"]} == {1}


async def test_move_rename_and_delete(tree):
    desk, top, sub = tree
    body = {"id": sub["id"], "folderTypeId": 1, "folderName": "Moved", "parentFolderId": -1}
    moved = await desk.ok("PUT", f"/v1/folders/{sub['id']}", body)
    assert (moved["folderPath"], moved["inheritPermissions"]) == ("\\Moved", False)
    changed = await desk.ok(
        "PATCH", f"/v1/folder/{sub['id']}", {"data": {"folderName": {"dirty": True, "value": "Named"}}}
    )
    assert changed["folderName"] == "Named"
    below = await _folder(desk, "Below", top["id"])
    await desk.refused(
        "PUT",
        f"/v1/folders/{top['id']}",
        {"id": top["id"], "folderTypeId": 1, "folderName": "T", "parentFolderId": below["id"]},
    )
    await desk.refused("DELETE", f"/v1/folders/{top['id']}")
    await desk.sim("PUT", "/switches", {"delete_nonempty_folder": "cascade"})
    await desk.ok("DELETE", f"/v1/folders/{top['id']}")
    await desk.refused("GET", f"/v1/folders/{below['id']}")


async def test_what_may_not_be_viewed_is_silently_absent(start):
    desk = await start(folders=30, hidden_folders=2)
    visible = await desk.ok("GET", "/v1/folders", take=1000)
    assert 0 < visible["total"] < len(desk.vault.tree.folders)
    hidden = next(f for f in desk.vault.tree.folders.values() if f.parent_id == -1)
    assert (await desk.call("GET", f"/v1/folders/{hidden.id}")).status_code == 403
    assert await _rows(desk, hidden.id) == []
    query = {"returnEmptyInsteadOfNoAccessException": "true"}
    assert (await desk.ok("GET", f"/v1/folder-details/{hidden.id}", params=query))["actions"] == []


async def test_personal_folders_belong_to_their_owner(desk):
    ann = await desk.create()
    folder = desk.vault.tree.personal[ann["id"]]
    rows = [r for r in (await desk.sim("GET", "/state"))["folder_permissions"] if r["folderId"] == folder]
    assert [(r["userId"], r["folderAccessRoleName"]) for r in rows] == [(ann["id"], "Owner")]
    assert (await desk.call("GET", f"/v1/folders/{folder}")).status_code == 403
    await desk.sim(
        "POST", "/act", {"do": "grant_folder", "folderId": folder, "userId": 1, "folderAccessRoleName": "Owner"}
    )
    await desk.refused("POST", "/v1/folder-permissions", _grant(folder, userId=3))
    await desk.refused("DELETE", f"/v1/folders/{folder}")


async def test_edit_lets_make_inheriting_subfolders_only(desk):
    folder = await _folder(desk, "Theirs")
    await desk.sim(
        "POST", "/act", {"do": "grant_folder", "folderId": folder["id"], "userId": 1, "folderAccessRoleName": "Edit"}
    )
    await desk.refused(
        "POST",
        "/v1/folders",
        {"folderName": "x", "folderTypeId": 1, "parentFolderId": folder["id"], "inheritPermissions": False},
    )
    await _folder(desk, "x", folder["id"])
    await desk.refused("POST", "/v1/folder-permissions", _grant(folder["id"], userId=3))
    await desk.refused("POST", "/v1/folders", {"folderName": "X", "folderTypeId": 1, "parentFolderId": folder["id"]})
