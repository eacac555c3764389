"""Every route against the API document: requests as a client would send them, answers as the document has them."""

import pytest

from simulator.routes import ROUTES
from tests.simulator.openapi import OpenApiValidator, document_path

DOCUMENT = document_path()
needs_document = pytest.mark.skipif(DOCUMENT is None, reason="no API document: set SCIM_OPENAPI to its path")


@pytest.fixture(scope="module")
def validator():
    return OpenApiValidator(DOCUMENT)


@needs_document
def test_every_route_is_in_the_document(validator):
    for route in ROUTES:
        path = route.template
        for name, value in (("{slug}", "password"), ("{adGuid}", "x"), ("{platformUserId}", "x")):
            path = path.replace(name, value)
        while "{" in path:
            path = path[: path.index("{")] + "1" + path[path.index("}") + 1 :]
        validator.operation(route.method, path)


def _dirty(value):
    return {"dirty": True, "value": value}


WALK = [
    (
        "GET",
        "/v1/users",
        {"filter.searchText": "a", "filter.includeInactive": "true", "filter.domainId": "-1", "skip": "0", "take": "5"},
        None,
    ),
    ("GET", "/v1/users/lookup", {"sortBy[0].name": "id", "sortBy[0].direction": "asc", "take": "5"}, None),
    ("GET", "/v1/users/stub", {}, None),
    ("GET", "/v1/users/current", {}, None),
    ("GET", "/v1/users/{user}", {"includeInactive": "true"}, None),
    (
        "POST",
        "/v1/users",
        {},
        {
            "userName": "walker",
            "displayName": "W",
            "password": "Abcdefg1",
            "enabled": True,
            "emailAddress": "w@x.example",
        },
    ),
    ("PUT", "/v1/users/{user}", {}, {"id": "{user}", "displayName": "W", "emailAddress": "", "enabled": True}),
    ("PATCH", "/v1/users/{user}", {}, {"displayName": _dirty("W"), "enabled": _dirty(True)}),
    ("GET", "/v1/users/{user}/groups", {"take": "5"}, None),
    ("POST", "/v1/users/{user}/groups", {}, {"groupIds": ["{group}"]}),
    ("PUT", "/v1/users/{user}/groups", {}, {"groupIds": ["{group}"]}),
    ("DELETE", "/v1/users/{user}/groups", {"groupIds": "{group}"}, None),
    ("GET", "/v1/users/{user}/roles", {}, None),
    ("GET", "/v1/users/{user}/roles-assigned", {}, None),
    ("POST", "/v1/users/{user}/roles", {}, {"roleIds": ["{role}"]}),
    ("PUT", "/v1/users/{user}/roles", {}, {"roleIds": ["{role}"]}),
    ("DELETE", "/v1/users/{user}/roles", {}, {"roleIds": ["{role}"]}),
    ("POST", "/v1/users/{user}/password-reset", {}, {"data": {"userId": "{user}", "password": "Abcdefg1"}}),
    ("POST", "/v1/users/{user}/lock-out", {}, {"data": {"reasonType": "Other", "description": "x"}}),
    ("POST", "/v1/users/{user}/reset-two-factor", {}, {"data": {"twoFactorType": "Oath"}}),
    ("POST", "/v1/bulk-user-operations/unlock", {}, {"data": {"userIds": ["{user}"]}}),
    ("POST", "/v1/bulk-user-operations/lock", {}, {"data": {"userIds": ["{user}"]}}),
    ("POST", "/v1/bulk-user-operations/force-logout", {}, {"data": {"userIds": ["{user}"]}}),
    ("POST", "/v1/bulk-user-operations/add-to-group", {}, {"data": {"userIds": ["{user}"], "groupId": "{group}"}}),
    ("POST", "/v1/bulk-user-operations/remove-from-group", {}, {"data": {"userIds": ["{user}"], "groupId": "{group}"}}),
    ("POST", "/v1/bulk-user-operations/disable", {}, {"data": {"userIds": ["{user}"]}}),
    ("POST", "/v1/bulk-user-operations/enable", {}, {"data": {"userIds": ["{user}"]}}),
    ("POST", "/v1/users/change-password", {}, {"currentPassword": "simulator-only", "newPassword": "Abcdefg1"}),
    ("DELETE", "/v1/users/{user}", {}, None),
    ("POST", "/v1/users/delete-pii/{user}", {}, None),
    ("GET", "/v1/groups", {"filter.searchText": "a", "filter.includeInactive": "true", "take": "5"}, None),
    ("GET", "/v1/groups/lookup", {"filter.domainId": "-1"}, None),
    ("GET", "/v1/groups/stub", {}, None),
    ("GET", "/v1/groups/{group}", {}, None),
    ("POST", "/v1/groups", {}, {"name": "Walkers", "enabled": True}),
    ("PUT", "/v1/groups/{group}", {}, {"id": "{group}", "name": "Walkers two", "enabled": True, "domainId": None}),
    (
        "PATCH",
        "/v1/groups/{group}",
        {},
        {"data": {"name": _dirty("Walkers three"), "ownerGroupIds": _dirty(["{group}"])}},
    ),
    ("GET", "/v1/groups/{group}/users", {"filter.includeInactiveUsersForGroup": "true"}, None),
    ("POST", "/v1/groups/{group}/users", {}, {"userId": 4}),
    ("PATCH", "/v1/groups/{group}/users", {}, {"addedUserIds": [5], "removeUserIds": [6]}),
    ("PUT", "/v1/groups/{group}/users", {}, {"userIds": [4, 5]}),
    ("GET", "/v1/groups/{group}/users/4", {}, None),
    ("GET", "/v1/groups/{group}/users/search", {"filter.assigned": "false", "filter.searchTerm": "a"}, None),
    ("GET", "/v1/groups/{group}/users-lookup", {}, None),
    ("DELETE", "/v1/groups/{group}/users/4", {}, None),
    ("GET", "/v1/groups/{group}/roles", {}, None),
    ("POST", "/v1/groups/{group}/roles", {}, {"roleIds": ["{role}"]}),
    ("PUT", "/v2/groups/{group}/roles", {}, {"roleIds": ["{role}"]}),
    ("DELETE", "/v1/groups/{group}/roles", {}, {"roleIds": ["{role}"]}),
    ("DELETE", "/v1/groups/{group}", {}, None),
    ("GET", "/v1/roles", {"filter.includeInactive": "true", "filter.userId": "4"}, None),
    ("GET", "/v1/roles/stub", {}, None),
    ("GET", "/v1/roles/{role}", {}, None),
    ("POST", "/v1/roles", {}, {"name": "Walking", "enabled": True}),
    ("PATCH", "/v1/roles/{role}", {}, {"data": {"enabled": _dirty(True)}}),
    ("GET", "/v1/roles/{role}/permissions", {}, None),
    ("PUT", "/v1/roles/{role}/permissions", {}, {"rolePermissionIds": [1]}),
    ("GET", "/v1/roles/{role}/permissions/unassigned", {}, None),
    ("GET", "/v1/rolepermissions/unassigned", {}, None),
    ("GET", "/v1/roles/{role}/groups", {"take": "5"}, None),
    (
        "PATCH",
        "/v1/roles/{role}/groups",
        {},
        {"data": {"groupIdsToAdd": _dirty(["{group}"]), "groupIdsToRemove": _dirty([])}},
    ),
    ("GET", "/v1/folders", {"filter.searchText": "a", "filter.permissionRequired": "View", "take": "5"}, None),
    (
        "GET",
        "/v1/folders/lookup",
        {"filter.parentFolderId": "{folder}", "filter.limitToDirectDescendents": "true"},
        None,
    ),
    ("GET", "/v1/folders/stub", {}, None),
    ("GET", "/v1/folders/{folder}", {"getAllChildren": "true", "includeAssociatedTemplates": "true"}, None),
    ("GET", "/v1/folder-details/{folder}", {"returnEmptyInsteadOfNoAccessException": "true"}, None),
    (
        "POST",
        "/v1/folders",
        {},
        {"folderName": "New", "folderTypeId": 1, "parentFolderId": "{folder}", "inheritPermissions": True},
    ),
    (
        "PUT",
        "/v1/folders/{folder}",
        {},
        {"id": "{folder}", "folderName": "Other", "folderTypeId": 1, "parentFolderId": -1},
    ),
    (
        "PATCH",
        "/v1/folder/{folder}",
        {},
        {"data": {"folderName": _dirty("Another"), "enableInheritPermissions": _dirty(False)}},
    ),
    ("GET", "/v1/folder-permissions", {"filter.folderId": "{folder}", "take": "5"}, None),
    ("GET", "/v1/folder-permissions/stub", {"folderId": "{folder}"}, None),
    (
        "POST",
        "/v1/folder-permissions",
        {},
        {
            "folderId": "{folder}",
            "groupId": None,
            "userId": 7,
            "folderAccessRoleName": "View",
            "breakInheritance": False,
        },
    ),
    ("GET", "/v1/folder-permissions/{row}", {}, None),
    (
        "PUT",
        "/v1/folder-permissions/{row}",
        {},
        {"id": "{row}", "folderId": "{folder}", "folderAccessRoleName": "Owner", "breakInheritance": False},
    ),
    (
        "PATCH",
        "/v1/folder/{folder}/permissions",
        {},
        {"data": {"addOrUpdateItems": [{"userId": 8, "folderAccessRoleId": 21}], "removeItems": [{"userId": 7}]}},
    ),
    (
        "GET",
        "/v2/secrets",
        {
            "filter.searchText": "a",
            "filter.includeRestricted": "true",
            "filter.permissionRequired": "List",
            "take": "5",
        },
        None,
    ),
    ("GET", "/v2/secrets/search-total", {}, None),
    ("GET", "/v1/secrets", {"take": "1"}, None),
    ("GET", "/v1/secrets/lookup", {"filter.folderId": "{folder}"}, None),
    ("GET", "/v1/secrets/lookup/{secret}", {}, None),
    ("GET", "/v1/secrets/stub", {"secretTemplateId": "9"}, None),
    ("GET", "/v2/secrets/{secret}", {}, None),
    ("GET", "/v1/secrets/{secret}", {}, None),
    ("GET", "/v1/secrets/{secret}/summary", {}, None),
    ("GET", "/v1/secrets/{secret}/settings", {}, None),
    ("GET", "/v1/secrets/{secret}/state", {}, None),
    ("GET", "/v1/secrets/{secret}/fields/username", {}, None),
    ("PUT", "/v1/secrets/{secret}/fields/username", {}, {"value": "x"}),
    ("POST", "/v1/secrets/{secret}/restricted", {}, {"comment": "x"}),
    ("POST", "/v1/secrets/{secret}/check-out", {}, None),
    ("POST", "/v1/secrets/{secret}/check-in", {}, {"forceCheckIn": True}),
    (
        "PATCH",
        "/v1/secrets/{secret}/general",
        {},
        {"data": {"name": _dirty("new-name"), "secretFields": [{"dirty": True, "slug": "notes", "value": "n"}]}},
    ),
    ("PATCH", "/v2/secrets/{secret}/general", {}, {"data": {"active": _dirty(True)}}),
    ("PATCH", "/v2/secrets/{secret}/security-general", {}, {"data": {"requiresComment": _dirty(False)}}),
    (
        "PATCH",
        "/v3/secrets/{secret}/security-checkout",
        {},
        {"data": {"checkOutEnabled": _dirty(True), "checkOutIntervalMinutes": _dirty(None)}},
    ),
    ("GET", "/v1/secret-permissions", {"filter.secretId": "{secret}"}, None),
    ("GET", "/v1/secret-permissions/stub", {"secretId": "{secret}"}, None),
    ("GET", "/v1/secret-permissions/role-options", {}, None),
    ("PATCH", "/v1/secrets/{secret}/share", {}, {"data": {"inheritPermissions": _dirty(False)}}),
    ("POST", "/v1/secret-permissions", {}, {"secretId": "{secret}", "userId": 9, "secretAccessRoleName": "List"}),
    ("GET", "/v1/secret-permissions/{grant}", {}, None),
    (
        "PUT",
        "/v1/secret-permissions/{grant}",
        {},
        {"id": "{grant}", "secretId": "{secret}", "secretAccessRoleName": "Owner"},
    ),
    (
        "POST",
        "/v1/secret-permissions/is-current-user-secret-owner",
        {},
        {"data": {"groupSecretAccessRoles": [{"groupId": 1, "secretAccessRoleId": 34}]}},
    ),
    ("DELETE", "/v1/secret-permissions/{grant}", {}, None),
    ("DELETE", "/v1/folder-permissions/{row}", {"breakInheritance": "false"}, None),
    ("PUT", "/v1/secrets/{secret}", {}, {"id": "{secret}", "name": "n", "active": True, "items": "{items}"}),
    (
        "POST",
        "/v1/secrets",
        {},
        {"name": "n", "secretTemplateId": 9, "siteId": 1, "folderId": None, "items": "{items}"},
    ),
    ("DELETE", "/v1/secrets/{secret}", {}, None),
    ("GET", "/v1/secret-templates", {"filter.searchText": "a"}, None),
    ("POST", "/v1/secret-templates", {}, {"name": "Walk", "fields": [{"name": "Key", "isPassword": True}]}),
    ("GET", "/v2/secret-templates/9", {}, None),
    ("GET", "/v1/secret-templates/fields/search", {"filter.secretTemplateId": "9"}, None),
    ("POST", "/v1/secret-templates/generate-password/40", {}, None),
    ("GET", "/v1/domains", {}, None),
    ("GET", "/v1/sites", {}, None),
    ("GET", "/v1/configuration/local-user-passwords", {}, None),
    ("PATCH", "/v1/configuration/local-user-passwords", {}, {"data": {"passwordMinimumLength": _dirty(8)}}),
    ("GET", "/v1/reports", {"filter.searchText": "SCIM"}, None),
    ("GET", "/v1/reports/lookup", {"filter.reportName": "SCIM"}, None),
    ("GET", "/v1/reports/categories", {}, None),
    ("POST", "/v1/reports", {}, {"categoryId": 7, "name": "Mine", "description": "d", "reportSql": "SELECT 1"}),
    ("GET", "/v1/reports/101", {}, None),
    ("PUT", "/v1/reports/101", {}, {"id": 101, "description": "x"}),
    ("POST", "/v1/reports/execute", {}, {"name": "SCIM Folders Permission", "useDefaultParameters": True}),
    ("DELETE", "/v1/reports/101", {}, None),
    ("PUT", "/v1/reports/101/undelete", {}, None),
    ("DELETE", "/v2/reports/101", {}, None),
    ("GET", "/v1/healthcheck", {}, None),
    ("GET", "/v1/version", {}, None),
    ("DELETE", "/v1/folders/{folder}", {}, None),
    ("POST", "/v1/oauth-expiration", {}, None),
]


def _filled(value, names):
    """Placeholders replaced by what the vault really has."""
    if isinstance(value, dict):
        return {k: _filled(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


@needs_document
async def test_a_walk_over_all_routes_matches_the_document(validator, start):
    from simulator.permissions import NAMES

    desk = await start(switches={"reports_present": True, "delete_nonempty_folder": "cascade"}, permissions=NAMES)
    user = await desk.create("subject")
    group = await desk.ok("POST", "/v1/groups", {"name": "Subject", "enabled": True})
    role = await desk.ok("POST", "/v1/roles", {"name": "Subject", "enabled": True})
    folder = await desk.ok("POST", "/v1/folders", {"folderName": "Subject", "folderTypeId": 1, "parentFolderId": -1})
    row = await desk.ok(
        "POST", "/v1/folder-permissions", {"folderId": folder["id"], "groupId": 3, "folderAccessRoleName": "View"}
    )
    items = [
        {"fieldId": 38, "itemValue": "u"},
        {"slug": "username", "itemValue": "n"},
        {"slug": "password", "itemValue": "p"},
    ]
    secret = await desk.ok("POST", "/v1/secrets", {"name": "s", "secretTemplateId": 9, "siteId": 1, "items": items})
    grant = await desk.ok(
        "POST", "/v1/secret-permissions", {"secretId": secret["id"], "groupId": 3, "secretAccessRoleName": "View"}
    )
    made = {"user": user, "group": group, "role": role, "folder": folder, "row": row, "secret": secret, "grant": grant}
    names = {f"{{{k}}}": v["id"] for k, v in made.items()} | {"{items}": items}
    walked = set()
    for method, template, query, body in WALK:
        path = template
        for placeholder, value in names.items():
            path = path.replace(placeholder, str(value))
        pairs = [(k, str(_filled(v, names))) for k, v in query.items()]
        sent = _filled(body, names)
        validator.check_request(method, path, pairs, sent)
        answer = await desk.http.request(method, f"/api{path}", params=pairs or None, json=sent)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        validator.check_response(method, f"/api{path}", 200, answer.json())
        found = desk.app._router.find(method, f"/api{path}")
        walked.add((found[0].method, found[0].template))
    public = {
        "/oauth2/token",
        "/health",
        "/identity/api/oauth2/token/xpmplatform",
        "/vaultbroker/api/vaults",
        "/api/v1/groups/{id}/roles",
    }
    left = {(r.method, r.template) for r in ROUTES if r.template not in public} - walked
    assert not left, f"routes that nobody walked: {sorted(left)}"


@needs_document
def test_the_validator_refuses_what_the_document_does_not_have(validator):
    with pytest.raises(AssertionError, match="not in the document"):
        validator.check_request("GET", "/v1/nothing", [], None)
    with pytest.raises(AssertionError, match="not documented"):
        validator.check_request("DELETE", "/v1/roles/3", [], None)
    with pytest.raises(AssertionError, match="no query parameter"):
        validator.check_request("GET", "/api/v1/users", [("filter.name", "x")], None)
    with pytest.raises(AssertionError, match="not an integer"):
        validator.check_request("GET", "/api/v1/users", [("take", "x")], None)
    with pytest.raises(AssertionError, match="userName"):
        validator.check_request("PATCH", "/v1/users/3", [], {"userName": {"dirty": True, "value": "x"}})
    with pytest.raises(AssertionError, match="password"):
        validator.check_request("POST", "/v1/users", [], {"userName": "x", "displayName": "x"})
    with pytest.raises(AssertionError, match="type"):
        validator.check_response("GET", "/v1/users/3", 200, {"emailAddress": None})
    with pytest.raises(AssertionError, match="takes no body"):
        validator.check_request("DELETE", "/v1/users/3", [], {"id": 3})
    validator.check_request("DELETE", "/v1/users/3/roles", [], {"roleIds": [1]})
