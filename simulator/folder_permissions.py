"""Who may do what in a folder.  Writing on an inheriting folder ends the inheritance, unless told not to."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, patch, read
from simulator.folder_rows import permission_model, permission_summary
from simulator.folders import OWNER, VIEW, find_folder, set_inheritance
from simulator.http import Call, Routes, missing
from simulator.levels import FOLDER_RANKS, FOLDER_ROLE_IDS, FOLDER_ROLES, SECRET_ROLE_IDS, SECRET_ROLES
from simulator.paging import envelope
from simulator.tree import PERSONAL_FOLDER_TYPE, Folder, Grant
from simulator.vault import LOCAL, Vault

routes = Routes()

INHERITED = "API_PermissionsAreInherited"
SORT_KEYS = {"id": lambda r: r.id, "folderid": lambda r: r.on}


def inherited(vault: Vault) -> ApiError:
    """The code stands where one would look for the text."""
    if vault.switches.inherited_error == "message":
        return ApiError(INHERITED)
    return ApiError("The permissions are inherited.", code=INHERITED)


def group_for(vault: Vault, body: dict[str, Any]) -> int:
    """The group a row is for; groupId wins over userId, which stands for the personal group."""
    group_id, user_id = body.get("groupId"), body.get("userId")
    if group_id:
        if group_id not in vault.groups:
            raise missing(vault, "Group")
        return int(group_id)
    if user_id:
        if user_id not in vault.users:
            raise missing(vault, "User")
        return vault.users[user_id].personal_group_id
    raise invalid({"groupId": ["Either groupId or userId is required."]})


@routes.on("GET", "/api/v1/folder-permissions")
def search(call: Call) -> dict[str, Any]:
    vault, tree = call.vault, call.vault.tree
    folder_id, group_id, user_id = (call.number(f"filter.{n}Id") for n in ("folder", "group", "user"))
    if folder_id is None and group_id is None and user_id is None and not vault.switches.folder_permissions_unfiltered:
        raise invalid({"filter.folderId": ["The folderId field is required."]})
    wanted = _groups_wanted(vault, group_id, user_id)

    def build() -> list[Grant]:
        if folder_id is not None:
            folder = tree.folders.get(folder_id)
            rows = _rows(vault, folder) if folder and _visible(call, folder) else []
            return [r for r in rows if wanted is None or r.group_id in wanted]
        found = _explicit(vault, wanted)
        return [r for r in found if _visible(call, tree.folders[r.on])]

    rows = vault.remembered(("folder rows", call.account.id, folder_id, wanted), build)
    rows = _narrowed(call, rows)
    return envelope(call, rows, lambda r: permission_summary(vault, r), SORT_KEYS)


def _groups_wanted(vault: Vault, group_id: int | None, user_id: int | None) -> frozenset[int] | None:
    if group_id is None and user_id is None:
        return None
    user = vault.users.get(user_id) if user_id is not None else None
    return frozenset({g for g in (group_id, user.personal_group_id if user else None) if g is not None})


def _visible(call: Call, folder: Folder) -> bool:
    return call.vault.tree.folder_level(call.account, folder) >= VIEW


def _rows(vault: Vault, folder: Folder) -> list[Grant]:
    """How rows of an inheriting folder are presented is not known: a switch."""
    if not folder.inherits or vault.switches.inherited_rows == "own":
        return vault.tree.folder_rows(folder)
    if vault.switches.inherited_rows == "parent":
        return list(vault.tree.folder_grants.of.get(vault.tree.source(folder).id, {}).values())
    return []


def _explicit(vault: Vault, wanted: frozenset[int] | None) -> list[Grant]:
    """Rows across all folders: the given ones, and what inheriting folders below them show."""
    tree = vault.tree
    if wanted is None:
        found = list(tree.folder_grants.rows.values())
    else:
        found = [r for g in sorted(wanted) for r in tree.folder_grants.by_group.get(g, {}).values()]
    if vault.switches.inherited_rows == "own":
        sources = {r.on for r in found}
        for folder in tree.folders.values():
            if folder.inherits and tree.source(folder).id in sources:
                found += [r for r in tree.folder_rows(folder) if wanted is None or r.group_id in wanted]
    return found


def _narrowed(call: Call, rows: list[Grant]) -> list[Grant]:
    vault = call.vault
    for name, level in (("Viewers", "View"), ("Editors", "Edit"), ("Owners", "Owner")):
        if call.flag(f"filter.exclude{name}"):
            rows = [r for r in rows if r.folder_role != level]
    domain = call.number("filter.domainId")
    if domain is not None:
        own = LOCAL if domain == vault.switches.local_domain_id else domain
        rows = [r for r in rows if vault.groups[r.group_id].domain_id == own]
    text = call.text("filter.searchText").casefold()
    if text:
        rows = [r for r in rows if text in vault.groups[r.group_id].name.casefold()]
    return rows


def _row(call: Call, level: int = VIEW) -> tuple[Folder, Grant]:
    found = call.vault.tree.folder_row(call.id())
    if found is None:
        raise missing(call.vault, "Folder permission")
    find_folder(call, found[0].id, level)
    return found


@routes.on("GET", "/api/v1/folder-permissions/{id}")
def get(call: Call) -> dict[str, Any]:
    return permission_model(call.vault, _row(call)[1])


@routes.on("GET", "/api/v1/folder-permissions/stub")
def stub(call: Call) -> dict[str, Any]:
    """The document says folderId, vendor examples send filter.folderId."""
    number = call.number("folderId")
    number = call.number("filter.folderId") if number is None else number
    if number is None:
        raise invalid({"folderId": ["The folderId field is required."]})
    folder = find_folder(call, number)
    return {
        **dict.fromkeys(("id", "groupId", "userId"), 0),
        **dict.fromkeys(("groupName", "userName", "knownAs"), ""),
        "folderId": folder.id,
        "folderAccessRoleId": FOLDER_ROLE_IDS["View"],
        "folderAccessRoleName": "View",
        "secretAccessRoleId": SECRET_ROLE_IDS["View"],
        "secretAccessRoleName": "View",
    }


def _roles(body: dict[str, Any]) -> tuple[str, str]:
    """The two access role names, in the vendor's spelling and in no other."""
    folder_role, secret_role = body.get("folderAccessRoleName") or "", body.get("secretAccessRoleName") or "None"
    if folder_role not in FOLDER_ROLE_IDS:
        raise invalid({"folderAccessRoleName": [f"The folder access role '{folder_role}' does not exist."]})
    if secret_role not in {*SECRET_ROLE_IDS, "None"}:
        raise invalid({"secretAccessRoleName": [f"The secret access role '{secret_role}' does not exist."]})
    return folder_role, secret_role


def _open(call: Call, folder: Folder, breaking: bool | None) -> None:
    """Make the folder's own rows writable, or say that they are inherited."""
    vault = call.vault
    if folder.type_id == PERSONAL_FOLDER_TYPE:
        raise ApiError("A personal folder's permissions may not be changed.")
    if folder.inherits:
        if not (vault.switches.break_inheritance_default if breaking is None else breaking):
            raise inherited(vault)
        vault.tree.detach_folder(folder, call.account)


def _keep_owner(call: Call, folder: Folder, leaving: set[int], *, allowed: bool = False) -> None:
    """The caller may not take its own owner right away."""
    tree = call.vault.tree
    mine = {g.id for g in call.vault.groups_with(call.account)}
    rows = tree.folder_rows(folder)
    before = any(r.folder_role == "Owner" and r.group_id in mine for r in rows)
    after = any(r.folder_role == "Owner" and r.group_id in mine and r.group_id not in leaving for r in rows)
    if before and not after and not allowed:
        raise ApiError("You may not remove your own owner permission.")


@routes.on("POST", "/api/v1/folder-permissions")
def create(call: Call) -> dict[str, Any]:
    vault, tree = call.vault, call.vault.tree
    shape: dict[str, type | str] = {
        "folderId": int,
        "groupId": "int?",
        "userId": "int?",
        "folderAccessRoleName": str,
        "secretAccessRoleName": str,
        "breakInheritance": bool,
    }
    body = read(call.json, shape, ("folderId", "folderAccessRoleName"))
    folder = find_folder(call, body["folderId"], OWNER)
    group_id, roles = group_for(vault, body), _roles(body)
    if any(r.group_id == group_id for r in tree.folder_rows(folder)):
        raise ApiError(
            "This user or group already has a permission on the folder.", status=vault.switches.duplicate_status
        )
    _open(call, folder, body.get("breakInheritance"))
    row = tree.grant_folder(folder, group_id, *roles)
    vault.changed()
    return permission_model(vault, row)


@routes.on("PUT", "/api/v1/folder-permissions/{id}")
def replace(call: Call) -> dict[str, Any]:
    vault = call.vault
    folder, row = _row(call, OWNER)
    shape: dict[str, type | str] = {
        "id": int,
        "folderId": int,
        "folderAccessRoleName": str,
        "secretAccessRoleName": str,
        "breakInheritance": bool,
    }
    body = read(call.json, shape, ("id", "folderId", "folderAccessRoleName"))
    if body["id"] != row.id or body["folderId"] != folder.id:
        raise invalid({"id": ["The id does not match the path."]})
    roles = _roles(body)
    if roles[0] != "Owner":
        _keep_owner(call, folder, {row.group_id})
    _open(call, folder, body.get("breakInheritance"))
    own = vault.tree.folder_grants.held(folder.id, row.group_id)
    assert own is not None
    own.folder_role, own.secret_role = roles
    vault.changed()
    return permission_model(vault, own)


@routes.on("DELETE", "/api/v1/folder-permissions/{id}")
def delete(call: Call) -> dict[str, Any]:
    vault = call.vault
    folder, row = _row(call, OWNER)
    _keep_owner(call, folder, {row.group_id})
    given = call.text("breakInheritance")
    _open(call, folder, call.flag("breakInheritance") if given else None)
    own = vault.tree.folder_grants.held(folder.id, row.group_id)
    if own:
        vault.tree.folder_grants.drop(own)
    vault.changed()
    return {"id": row.id, "objectType": "FolderPermission", "responseCodes": []}


@routes.on("PATCH", "/api/v1/folder/{folderId}/permissions")
def change(call: Call) -> dict[str, bool]:
    """Many rows at once, by role ids instead of names."""
    vault, tree = call.vault, call.vault.tree
    folder = find_folder(call, call.id("folderId"), OWNER)
    inner = data(call) or {}
    body = read(inner, {"addOrUpdateItems": "objects", "removeItems": "objects", "allowRemoveOwner": bool})
    inheriting = patch(call, inner, {"inheritPermissions": bool}).get("inheritPermissions")
    adding = [_item(vault, item) for item in body.get("addOrUpdateItems", ())]
    leaving = {group_for(vault, item) for item in body.get("removeItems", ())}
    lowered = {g for g, folder_role, _ in adding if FOLDER_RANKS[folder_role] < FOLDER_RANKS["Owner"]}
    if leaving or lowered:
        _keep_owner(call, folder, leaving | lowered, allowed=body.get("allowRemoveOwner", False))
    set_inheritance(call, folder, inheriting)
    if adding or leaving:
        if folder.inherits:
            raise inherited(vault)
        _open(call, folder, breaking=False)
    for group_id in leaving:
        held = tree.folder_grants.held(folder.id, group_id)
        if held:
            tree.folder_grants.drop(held)
    for group_id, folder_role, secret_role in adding:
        held = tree.folder_grants.held(folder.id, group_id)
        if held:
            held.folder_role, held.secret_role = folder_role, secret_role
        else:
            tree.grant_folder(folder, group_id, folder_role, secret_role)
    vault.changed()
    return {"success": True}


def _item(vault: Vault, item: dict[str, Any]) -> tuple[int, str, str]:
    shape: dict[str, type | str] = {
        "groupId": "int?",
        "userId": "int?",
        "folderAccessRoleId": int,
        "secretAccessRoleId": "int?",
    }
    body = read(item, shape, ("folderAccessRoleId",))
    folder_role = FOLDER_ROLES.get(body["folderAccessRoleId"])
    number = body.get("secretAccessRoleId")
    secret_role = "None" if number is None else SECRET_ROLES.get(number)
    if folder_role is None or secret_role is None:
        raise invalid({"folderAccessRoleId": ["There is no such access role."]})
    return group_for(vault, body), folder_role, secret_role
