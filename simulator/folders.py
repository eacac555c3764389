"""Folders: search, read, create, move, rename, delete.  What the account may not view is silently absent."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, patch, read
from simulator.folder_rows import folder_summary
from simulator.http import Call, Routes, denied, missing
from simulator.levels import FOLDER_RANKS
from simulator.paging import envelope
from simulator.secret_templates import template_summary
from simulator.tree import PERSONAL_FOLDER_TYPE, ROOT, Folder
from simulator.vault import Vault

routes = Routes()

VIEW, ADD, EDIT, OWNER = 1, 2, 3, 4
SORT_KEYS = {"id": lambda f: f.id, "foldername": lambda f: f.name.casefold()}

_BODY: dict[str, type | str] = {
    "folderName": str,
    "folderTypeId": int,
    "parentFolderId": int,
    "inheritPermissions": "bool?",
    "inheritSecretPolicy": "bool?",
    "secretPolicyId": int,
}


def find_folder(call: Call, folder_id: int, level: int = VIEW) -> Folder:
    """A folder on which the account has at least this level; an invisible one is denied, not missing."""
    tree = call.vault.tree
    folder = tree.folders.get(folder_id)
    if folder is None:
        raise missing(call.vault, "Folder")
    if tree.folder_level(call.account, folder) < level:
        raise denied(call.vault)
    return folder


def folder_model(vault: Vault, folder: Folder, children: str = "none", *, templates: bool = False) -> dict[str, Any]:
    """`children` is none, direct or all."""
    tree = vault.tree
    below = [tree.folders[c] for c in tree.children.get(folder.id, ())] if children != "none" else []
    deeper = "all" if children == "all" else "none"
    allowed = [tree.templates[t] for t in folder.templates if t in tree.templates]
    return {
        **folder_summary(vault, folder),
        "childFolders": [folder_model(vault, c, deeper) for c in below],
        "secretTemplates": [template_summary(vault, t) for t in allowed] if templates else [],
    }


def matching(call: Call) -> list[Folder]:
    """ParentFolderId means all descendants; text is looked for in the name alone."""
    vault, tree = call.vault, call.vault.tree
    parent = call.number("filter.parentFolderId")
    direct = call.flag("filter.limitToDirectDescendents")
    roots = call.flag("filter.onlyIncludeRootFolders")
    kind = call.number("filter.folderTypeId")
    text = call.text("filter.searchText").casefold()
    wanted = call.text("filter.permissionRequired") or "View"
    ranks = {name.replace(" ", "").lower(): rank for name, rank in FOLDER_RANKS.items() if name}
    rank = ranks.get(wanted.replace(" ", "").lower())
    if rank is None:
        raise invalid({"filter.permissionRequired": [f"The value '{wanted}' is not valid."]})

    def build() -> list[Folder]:
        if roots or (direct and parent is not None):
            found = [tree.folders[f] for f in tree.children.get(ROOT if roots or parent is None else parent, ())]
        elif parent is not None:
            found = sorted(tree.below(parent), key=lambda f: f.id)
        else:
            found = list(tree.folders.values())
        if text:
            found = [f for f in found if text in f.name.casefold()]
        if kind is not None:
            found = [f for f in found if f.type_id == kind]
        if vault.switches.folder_visibility:
            found = [f for f in found if tree.folder_level(call.account, f) >= rank]
        return found

    found: list[Folder] = vault.remembered(("folders", call.account.id, parent, direct, roots, kind, text, rank), build)
    return found


@routes.on("GET", "/api/v1/folders")
def search(call: Call) -> dict[str, Any]:
    vault = call.vault
    return envelope(call, matching(call), lambda f: folder_summary(vault, f), SORT_KEYS)


@routes.on("GET", "/api/v1/folders/lookup")
def lookup(call: Call) -> dict[str, Any]:
    tree = call.vault.tree
    return envelope(call, matching(call), lambda f: {"id": f.id, "value": tree.path(f)}, SORT_KEYS)


@routes.on("GET", "/api/v1/folders/stub")
def stub(call: Call) -> dict[str, Any]:
    return {**folder_model(call.vault, Folder(0, "", inherits=True, inherits_policy=True)), "folderPath": ""}


@routes.on("GET", "/api/v1/folders/{id}")
def get(call: Call) -> dict[str, Any]:
    """With id 0, folderPath names the folder."""
    vault, tree = call.vault, call.vault.tree
    number = call.id()
    path = call.text("folderPath").casefold()
    if number == 0 and path:
        number = next((f.id for f in tree.folders.values() if tree.path(f).casefold() == path), 0)
    folder = find_folder(call, number)
    children = "all" if call.flag("getAllChildren") else "none"
    return folder_model(vault, folder, children, templates=call.flag("includeAssociatedTemplates"))


@routes.on("GET", "/api/v1/folder-details/{id}")
def details(call: Call) -> dict[str, Any]:
    """The allowed actions; with the flag, an invisible folder is an empty answer instead of a refusal."""
    tree = call.vault.tree
    try:
        folder = find_folder(call, call.id())
    except ApiError:
        if call.flag("returnEmptyInsteadOfNoAccessException"):
            return {"id": call.id(), "name": "", "actions": [], "allowedTemplates": [], "folderWarning": ""}
        raise
    level = tree.folder_level(call.account, folder)
    actions = [
        (ADD, "AddSecret"),
        (EDIT, "CreateSubfolder"),
        (EDIT, "EditFolder"),
        (EDIT, "MoveFolder"),
        (OWNER, "DeleteFolder"),
    ]
    return {
        "id": folder.id,
        "name": folder.name,
        "actions": [name for needed, name in actions if level >= needed],
        "allowedTemplates": [
            {"id": t.id, "name": t.name}
            for t in tree.templates.values()
            if not folder.templates or t.id in folder.templates
        ],
        "folderWarning": "",
    }


def _free(vault: Vault, name: str, parent_id: int, own_id: int) -> None:
    siblings = (vault.tree.folders[f] for f in vault.tree.children.get(parent_id, ()))
    if any(s.name.casefold() == name.casefold() and s.id != own_id for s in siblings):
        raise ApiError("A folder with this name already exists here.", status=vault.switches.duplicate_status)


def _check_name(name: str | None) -> str:
    name = (name or "").strip()
    if not name or any(c in name for c in '\\/:*?"<>|'):
        raise invalid({"folderName": ["The folder name is empty or has a character that is not allowed."]})
    return name


@routes.on("POST", "/api/v1/folders", "Administer Folders")
def create(call: Call) -> dict[str, Any]:
    """InheritPermissions left out means true, except at the root, where there is nothing to inherit."""
    vault, tree = call.vault, call.vault.tree
    body = read(call.json, _BODY, ("folderName", "folderTypeId", "parentFolderId"))
    parent_id = body["parentFolderId"]
    if body["folderTypeId"] not in {1, 2, 3}:
        raise invalid({"folderTypeId": ["The value is not valid."]})
    at_root = parent_id == ROOT
    if at_root:
        call.need("Create Root Folders")
    else:
        find_folder(call, parent_id, EDIT)
    name = _check_name(body["folderName"])
    _free(vault, name, parent_id, 0)
    inherits = not at_root and body.get("inheritPermissions") is not False
    below_owner = at_root or tree.folder_level(call.account, tree.folders[parent_id]) >= OWNER
    if not inherits and not below_owner:
        raise denied(vault)  # Edit makes subfolders, but inheriting ones only
    policy = body.get("inheritSecretPolicy")
    folder = Folder(
        tree.new_id("folder"),
        name,
        parent_id,
        type_id=body["folderTypeId"],
        inherits=inherits,
        inherits_policy=not at_root if policy is None else policy,
        policy_id=body.get("secretPolicyId", -1),
    )
    tree.add_folder(folder)
    if not inherits:
        tree.grant_folder(folder, call.account.personal_group_id, "Owner", "Owner")
    vault.changed()
    return folder_model(vault, folder)


def _move(call: Call, folder: Folder, parent_id: int) -> None:
    tree = call.vault.tree
    if parent_id == folder.parent_id:
        return
    if parent_id == ROOT:
        call.need("Create Root Folders")
        tree.detach_folder(folder, call.account)
    else:
        parent = find_folder(call, parent_id, EDIT)
        if parent is folder or any(f is parent for f in tree.below(folder.id)):
            raise ApiError("A folder may not be moved below itself.")
    _free(call.vault, folder.name, parent_id, folder.id)
    tree.move_folder(folder, parent_id)


def set_inheritance(call: Call, folder: Folder, wanted: bool | None) -> None:
    tree = call.vault.tree
    if wanted is None or wanted == folder.inherits:
        return
    if tree.folder_level(call.account, folder) < OWNER:
        raise denied(call.vault)
    if wanted and folder.parent_id == ROOT:
        raise ApiError("A root folder has nothing to inherit.")
    if folder.type_id == PERSONAL_FOLDER_TYPE:
        raise ApiError("A personal folder's permissions may not be changed.")
    if wanted:
        tree.attach_folder(folder)
    else:
        tree.detach_folder(folder, call.account)
    call.vault.changed()


@routes.on("PUT", "/api/v1/folders/{id}", "Administer Folders")
def replace(call: Call) -> dict[str, Any]:
    """A move is another parentFolderId."""
    vault = call.vault
    folder = find_folder(call, call.id(), EDIT)
    body = read(call.json, {"id": int, **_BODY}, ("id", "folderTypeId", "folderName"))
    if body["id"] != folder.id:
        raise invalid({"id": ["The id does not match the path."]})
    _check_own(folder)
    name = _check_name(body["folderName"])
    _free(vault, name, folder.parent_id, folder.id)
    _move(call, folder, body.get("parentFolderId", folder.parent_id))
    folder.name = name
    vault.changed()
    reset = vault.switches.put_missing == "reset"
    wanted = body.get("inheritPermissions")
    set_inheritance(
        call, folder, wanted if wanted is not None or folder.parent_id == ROOT else (False if reset else None)
    )
    folder.inherits_policy = bool(body.get("inheritSecretPolicy", False if reset else folder.inherits_policy))
    vault.changed()
    return folder_model(vault, folder)


def _check_own(folder: Folder) -> None:
    if folder.type_id == PERSONAL_FOLDER_TYPE:
        raise ApiError("A personal folder may not be changed.")


@routes.on("PATCH", "/api/v1/folder/{id}", "Administer Folders")
def change(call: Call) -> dict[str, Any]:
    """The path is singular.  {data: {folderName: {dirty, value}, …}}."""
    vault, tree = call.vault, call.vault.tree
    folder = find_folder(call, call.id(), EDIT)
    inner = data(call) or {}
    shape: dict[str, type | str] = {
        "folderName": str,
        "enableInheritPermissions": bool,
        "enableInheritSecretPolicy": bool,
        "secretPolicy": "int?",
    }
    dirty = patch(call, inner, shape)
    if dirty:
        _check_own(folder)
    if "folderName" in dirty:
        name = _check_name(dirty["folderName"])
        _free(vault, name, folder.parent_id, folder.id)
        folder.name = name
    set_inheritance(call, folder, dirty.get("enableInheritPermissions"))
    folder.inherits_policy = dirty.get("enableInheritSecretPolicy", folder.inherits_policy)
    if "secretPolicy" in dirty:
        folder.policy_id = dirty["secretPolicy"] if dirty["secretPolicy"] is not None else -1
    templates = read(inner, {"allowedTemplates": "ints"}).get("allowedTemplates")
    if templates is not None:
        folder.templates = [t for t in templates if t in tree.templates]
    vault.changed()
    level = tree.folder_level(call.account, folder)
    return {
        "folderName": folder.name,
        "parentFolderId": folder.parent_id,
        "enableInheritPermissions": folder.inherits,
        "enableInheritSecretPolicy": folder.inherits_policy,
        "hasEdit": level >= EDIT,
        "hasOwner": level >= OWNER,
        "isPersonalFolder": folder.type_id == PERSONAL_FOLDER_TYPE,
        "allowedTemplates": [str(t) for t in folder.templates],
        "parentFolderPolicyName": "",
        "secretPolicies": [],
        "secretPolicy": "",
        "secretTemplates": [],
    }


@routes.on("DELETE", "/api/v1/folders/{id}", "Administer Folders")
def delete(call: Call) -> dict[str, Any]:
    """Gone for good: there is no inactive folder.  Whether content prevents it is a switch."""
    vault, tree = call.vault, call.vault.tree
    folder = find_folder(call, call.id(), OWNER)
    _check_own(folder)
    full = bool(tree.children.get(folder.id)) or any(tree.secrets[s].active for s in tree.secrets_in.get(folder.id, ()))
    if full and vault.switches.delete_nonempty_folder == "refuse":
        raise ApiError("The folder is not empty.")
    tree.drop_folder(folder)
    vault.changed()
    return {"id": folder.id, "objectType": "Folder", "responseCodes": []}
