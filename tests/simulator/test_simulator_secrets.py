"""Secrets, their rows, templates and reports."""

import pytest


async def _secret(desk, name="db-1", **more):
    stub = await desk.ok("GET", "/v1/secrets/stub", secretTemplateId=9)
    items = [{**i, "itemValue": "Value-1"} for i in stub["items"] if not i["isFile"]]
    body = {"name": name, "secretTemplateId": 9, "siteId": 1, "items": items, **more}
    return await desk.ok("POST", "/v1/secrets", body)


def _views(desk):
    return [v["how"] for v in desk.vault.tree.views]


@pytest.fixture
async def secret(desk):
    body = {"folderName": "Safe", "folderTypeId": 1, "parentFolderId": -1}
    folder = await desk.ok("POST", "/v1/folders", body)
    return await _secret(desk, folderId=folder["id"])


async def test_lists_leave_no_view_and_opening_does(desk, secret):
    found = await desk.ok("GET", "/v2/secrets", params={"filter.searchText": "DB-1", "take": 50})
    assert [r["id"] for r in found["records"]] == [secret["id"]]
    assert "Value-1" not in str(found)
    await desk.ok("GET", f"/v1/secrets/{secret['id']}/summary")
    await desk.ok("GET", f"/v1/secrets/{secret['id']}/state")
    await desk.ok("GET", "/v1/secrets/lookup", params={"filter.searchText": "db-1"})
    assert _views(desk) == []
    await desk.ok("GET", f"/v2/secrets/{secret['id']}")
    assert await desk.ok("GET", f"/v1/secrets/{secret['id']}/fields/password") == "Value-1"
    views = (await desk.sim("GET", "/state"))["secret_views"]
    assert [(v["secretId"], v["userId"], v["how"]) for v in views] == [
        (secret["id"], 1, "get"),
        (secret["id"], 1, "field password"),
    ]


async def test_search_filters(desk, secret):
    folder = secret["folderId"]
    query = {
        "filter.folderId": folder,
        "filter.secretTemplateIds": 9,
        "filter.isExactMatch": "true",
        "filter.searchText": "db-1",
    }
    assert (await desk.ok("GET", "/v2/secrets", params=query))["total"] == 1
    assert (await desk.ok("GET", "/v2/secrets", params={**query, "filter.secretTemplateIds": 6001}))["total"] == 0
    assert await desk.ok("GET", "/v2/secrets/search-total", params={"filter.folderId": folder}) == "1"
    quick = await desk.ok("GET", "/v2/secrets", params={"filter.doNotCalculateTotal": "true", "take": 3})
    assert (quick["total"], quick["hasNext"]) == (0, True)
    await desk.ok("GET", "/v1/secrets", take=1)
    await desk.sim("PUT", "/switches", {"v1_secrets": False})
    assert (await desk.call("GET", "/v1/secrets")).status_code == 404


async def test_check_out_and_comment_stand_in_the_way(desk, secret):
    await desk.sim(
        "POST",
        "/act",
        {"do": "protect_secret", "secretId": secret["id"], "requiresComment": True, "checkOutEnabled": True},
    )
    path = f"/v2/secrets/{secret['id']}"
    assert (await desk.refused("GET", path))["errorCode"] == "API_ValidateSecretAccessCommentRequired"
    assert (await desk.ok("GET", f"/v1/secrets/{secret['id']}/state"))["secretState"] == "RequiresCheckoutAndComment"
    opened = await desk.ok("POST", f"/v1/secrets/{secret['id']}/restricted", {"comment": "because"})
    assert (opened["checkedOut"], opened["checkOutUserId"]) == (True, 1)
    assert (await desk.ok("GET", "/v2/secrets", params={"filter.searchText": "db-1"}))["total"] == 0
    listed = await desk.ok(
        "GET", "/v2/secrets", params={"filter.searchText": "db-1", "filter.includeRestricted": "true"}
    )
    assert listed["records"][0]["checkedOut"] is True
    await desk.ok("POST", f"/v1/secrets/{secret['id']}/check-in", {})
    desk.vault.tree.secrets[secret["id"]].checked_out_by = 2
    await desk.refused("POST", f"/v1/secrets/{secret['id']}/restricted", {"comment": "because"})


async def test_create_needs_template_site_and_required_items(desk):
    await desk.refused("POST", "/v1/secrets", {"name": "x", "secretTemplateId": 9, "items": [], "siteId": 1})
    await desk.refused("POST", "/v1/secrets", {"name": "x", "secretTemplateId": 1, "items": [], "siteId": 1})
    full = [{"slug": s, "itemValue": "v"} for s in ("url", "username", "password")]
    await desk.refused("POST", "/v1/secrets", {"name": "x", "secretTemplateId": 9, "items": full})
    made = await desk.ok("POST", "/v1/secrets", {"name": "x", "secretTemplateId": 9, "items": full, "siteId": 1})
    assert (made["folderId"], made["enableInheritPermissions"]) == (-1, False)


async def test_move_change_and_deactivate(desk, secret):
    patch = {"data": {"folder": {"dirty": True, "value": -1}, "name": {"dirty": True, "value": "db-2"}}}
    await desk.refused(
        "PATCH", f"/v1/secrets/{secret['id']}/general", {"data": {"folder": {"dirty": True, "value": 9999}}}
    )
    await desk.sim("POST", "/act", {"do": "move_secret", "secretId": secret["id"], "folderId": secret["folderId"]})
    await desk.ok(
        "PATCH", f"/v1/secrets/{secret['id']}/share", {"data": {"inheritPermissions": {"dirty": True, "value": False}}}
    )
    assert (await desk.ok("PATCH", f"/v2/secrets/{secret['id']}/general", patch))["name"] == "db-2"
    await desk.ok("PATCH", f"/v1/secrets/{secret['id']}/general", {"data": {"name": {"dirty": True, "value": "db-3"}}})
    body = {"id": secret["id"], "name": "db-4", "items": secret["items"], "active": True}
    assert (await desk.ok("PUT", f"/v1/secrets/{secret['id']}", body))["name"] == "db-4"
    assert await desk.ok("PUT", f"/v1/secrets/{secret['id']}/fields/username", {"value": "u"}) == "u"
    await desk.ok("DELETE", f"/v1/secrets/{secret['id']}")
    await desk.refused("DELETE", f"/v1/secrets/{secret['id']}")
    assert (await desk.ok("GET", "/v2/secrets", params={"filter.searchText": "db-4"}))["total"] == 0
    query = {"filter.searchText": "db-4", "filter.includeInactive": "true"}
    assert (await desk.ok("GET", "/v2/secrets", params=query))["total"] == 1


async def test_rows_need_the_inheritance_ended_first(desk, secret):
    grant = {"secretId": secret["id"], "groupId": 3, "secretAccessRoleName": "View"}
    assert (await desk.refused("POST", "/v1/secret-permissions", grant))["message"] == "API_PermissionsAreInherited"
    rows = await desk.ok("GET", "/v1/secret-permissions", params={"filter.secretId": secret["id"]})
    assert [r["secretAccessRoleName"] for r in rows["records"]] == ["Owner"]
    share = {"data": {"inheritPermissions": {"dirty": True, "value": False}}}
    assert await desk.ok("PATCH", f"/v1/secrets/{secret['id']}/share", share) == {
        "secretId": secret["id"],
        "inheritPermissions": False,
    }
    row = await desk.ok("POST", "/v1/secret-permissions", grant)
    path = f"/v1/secret-permissions/{row['id']}"
    await desk.ok("PUT", path, {"id": row["id"], "secretId": secret["id"], "secretAccessRoleName": "Edit"})
    assert (await desk.ok("GET", path))["secretAccessRoleName"] == "Edit"
    await desk.ok("DELETE", path)
    name = desk.vault.users[5].user_name
    named = {"secretId": secret["id"], "userName": name, "domainName": "corp.example", "secretAccessRoleName": "List"}
    domain = "corp.example" if desk.vault.users[5].domain_id == 1 else "Local"
    await desk.ok("POST", "/v1/secret-permissions", {**named, "domainName": domain})
    found = await desk.ok("GET", "/v1/secret-permissions", params={"filter.userId": 5})
    assert [r["secretId"] for r in found["records"]] == [secret["id"]]
    options = await desk.ok("GET", "/v1/secret-permissions/role-options")
    assert {o["name"] for o in options["roleOptions"]} == {"List", "View", "Edit", "Owner"}


async def test_without_own_right_nothing_is_shown(start):
    desk = await start(permissions=("View Users",))
    assert (await desk.ok("GET", "/v2/secrets"))["total"] == 0
    first = next(iter(desk.vault.tree.secrets))
    assert (await desk.call("GET", f"/v2/secrets/{first}")).status_code == 403


async def test_templates_and_made_up_passwords(desk):
    names = {t["id"]: t["name"] for t in (await desk.ok("GET", "/v1/secret-templates"))["records"]}
    assert names[9] == "Web Password"
    assert set(names) == {9, 6001, 6003, 6017}
    assert (await desk.ok("GET", "/v2/secret-templates/9"))["name"] == "Web Password"
    stub = await desk.ok("GET", "/v1/secrets/stub", secretTemplateId=6003)
    field = next(i for i in stub["items"] if i["isPassword"])
    assert len(await desk.ok("POST", f"/v1/secret-templates/generate-password/{field['fieldId']}")) >= 12
    body = {"name": "Own kind", "fields": [{"name": "Key", "isPassword": True, "isRequired": True}]}
    made = await desk.ok("POST", "/v1/secret-templates", body)
    assert made["fields"][0]["fieldSlugName"] == "key"
    found = await desk.ok("GET", "/v1/secret-templates/fields/search", params={"filter.secretTemplateId": made["id"]})
    assert found["records"][0]["type"] == "Password"


async def test_known_reports_run_once_they_are_created(desk):
    await desk.refused("POST", "/v1/reports/execute", {"name": "SCIM All Users", "useDefaultParameters": True})
    body = {"categoryId": 2, "name": "SCIM All Users", "description": "", "reportSql": "SELECT 1"}
    report = await desk.ok("POST", "/v1/reports", body)
    await desk.refused("POST", "/v1/reports", body)
    run = await desk.ok("POST", "/v1/reports/execute", {"id": report["id"], "useDefaultParameters": True})
    assert run["totalRowCount"] == str(len(run["rows"]))
    assert "svc-scim" not in [r[1] for r in run["rows"]], "the account has no e-mail, and the report drops such users"
    await desk.refused("POST", "/v1/reports/execute", {"previewSql": "SELECT * FROM tbUser"})
    other = await desk.ok("POST", "/v1/reports", {**body, "name": "Mine"})
    await desk.refused("POST", "/v1/reports/execute", {"id": other["id"]})
    await desk.ok("DELETE", f"/v2/reports/{report['id']}")
    await desk.refused("POST", "/v1/reports/execute", {"name": "SCIM All Users"})


async def test_all_reports_are_there_by_switch(start):
    desk = await start(switches={"reports_present": True}, secret_permissions=8)
    listed = (await desk.ok("GET", "/v1/reports", take=50))["records"]
    assert len(listed) == 9
    for report in listed:
        run = await desk.ok("POST", "/v1/reports/execute", {"name": report["name"]})
        assert all(len(row) == len(run["columns"]) for row in run["rows"])
        assert run["rows"]
