"""What a person does in the vault itself, past the API: `POST /_sim/act {"do": ..., ...}`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simulator.errors import ApiError
from simulator.folder_rows import folder_summary
from simulator.groups import group_summary
from simulator.levels import FOLDER_ROLE_IDS, SECRET_ROLE_IDS
from simulator.passwords import policy
from simulator.tree import ROOT, Folder, Secret
from simulator.users import user_model
from simulator.vault import LOCAL, Group, User, Vault

Deed = Callable[[Vault, dict[str, Any]], Any]


def act(vault: Vault, body: dict[str, Any]) -> dict[str, Any]:
    """Do one deed; the body names it and carries Secret Server's ids: userId, groupId, roleId, folderId, secretId."""
    deed = DEEDS.get(str(body.get("do")))
    if deed is None:
        raise ApiError(f"do is one of {', '.join(sorted(DEEDS))}.")
    result = deed(vault, body)
    vault.changed()
    return {"done": body["do"], "result": result}


def _user(vault: Vault, body: dict[str, Any]) -> User:
    if "userName" in body and "userId" not in body:
        found = vault.user_named(body.get("domainId", LOCAL), body["userName"])
    else:
        found = vault.users.get(body["userId"])
    if found is None:
        raise ApiError("There is no such user.")
    return found


def _group(vault: Vault, body: dict[str, Any]) -> Group:
    group = vault.groups.get(body["groupId"])
    if group is None:
        raise ApiError("There is no such group.")
    return group


def _folder(vault: Vault, body: dict[str, Any]) -> Folder:
    folder = vault.tree.folders.get(body["folderId"])
    if folder is None:
        raise ApiError("There is no such folder.")
    return folder


def _secret(vault: Vault, body: dict[str, Any]) -> Secret:
    secret = vault.tree.secrets.get(body["secretId"])
    if secret is None:
        raise ApiError("There is no such secret.")
    return secret


def _set_user(name: str, value: Any = None, key: str = "") -> Deed:
    def deed(vault: Vault, body: dict[str, Any]) -> Any:
        user = _user(vault, body)
        setattr(user, name, body[key] if key else value)
        vault.update_user(user)
        return user_model(vault, user)

    return deed


def _create_user(vault: Vault, body: dict[str, Any]) -> Any:
    domain = body.get("domainId", LOCAL)
    if vault.user_named(domain, body["userName"]):
        raise ApiError("The name is taken.")
    user = User(
        vault.new_id("user"),
        body["userName"],
        body.get("displayName", body["userName"]),
        body.get("emailAddress", ""),
        domain_id=domain,
        enabled=body.get("enabled", True),
        created=time.time(),
        password=body.get("password", "Human-made-1"),
        application=body.get("isApplicationAccount", False),
    )
    vault.add_user(user, frozenset({vault.default_role_id}))
    return user_model(vault, user)


def _create_group(vault: Vault, body: dict[str, Any]) -> Any:
    group = Group(
        vault.new_id("group"),
        body["name"],
        domain_id=body.get("domainId", LOCAL),
        created=time.time(),
        synchronized=body.get("synchronized", False),
    )
    return group_summary(vault, vault.add_group(group))


def _lock(vault: Vault, body: dict[str, Any]) -> Any:
    user = _user(vault, body)
    user.locked, user.lock_reason = body.get("locked", True), "Other"
    return user_model(vault, user)


def _member(vault: Vault, body: dict[str, Any]) -> Any:
    group, user = _group(vault, body), _user(vault, body)
    (vault.join if body["do"] == "add_member" else vault.leave)(group.id, user.id)
    return group_summary(vault, group)


def _set_group(vault: Vault, body: dict[str, Any]) -> Any:
    group = _group(vault, body)
    if body["do"] == "rename_group":
        group.name = body["name"]
    else:
        group.enabled = body["do"] == "enable_group"
    return group_summary(vault, group)


def _role(vault: Vault, body: dict[str, Any]) -> Any:
    group = vault.groups[_user(vault, body).personal_group_id] if "userId" in body else _group(vault, body)
    held = vault.group_roles.get(group.id, frozenset())
    change = frozenset({body["roleId"]})
    vault.group_roles[group.id] = held | change if body["do"] == "assign_role" else held - change
    return sorted(vault.group_roles[group.id])


def _expire(vault: Vault, body: dict[str, Any]) -> Any:
    vault.sessions.close(body.get("userId"))
    return len(vault.sessions.access)


def _account_password(vault: Vault, body: dict[str, Any]) -> Any:
    """Sessions that are open stay open, as after a rotation in the vault."""
    vault.users[vault.account_id].password = body["password"]
    return vault.account_id


def _password_policy(vault: Vault, body: dict[str, Any]) -> Any:
    """Change rules of the local password policy: {"rules": {"passwordRequireUppercase": false}}."""
    rules = policy(vault)
    rules.update({name: value for name, value in body["rules"].items() if name in rules})
    return rules


def _permissions(vault: Vault, body: dict[str, Any]) -> Any:
    """Narrow or widen what the calling account may do; null gives it back what its roles say."""
    wanted = body["permissions"]
    vault.options.permissions = None if wanted is None else tuple(wanted)
    return wanted


def _change_folder(vault: Vault, body: dict[str, Any]) -> Any:
    folder, tree = _folder(vault, body), vault.tree
    match body["do"]:
        case "break_inheritance":
            tree.detach_folder(folder)
        case "restore_inheritance":
            tree.attach_folder(folder)
        case "move_folder":
            tree.move_folder(folder, body.get("parentFolderId", ROOT))
        case "rename_folder":
            folder.name = body["folderName"]
        case _:
            tree.drop_folder(folder)
            return None
    return folder_summary(vault, folder)


def _grant_folder(vault: Vault, body: dict[str, Any]) -> Any:
    folder, tree = _folder(vault, body), vault.tree
    group_id = _user(vault, body).personal_group_id if "userId" in body else _group(vault, body).id
    held = tree.folder_grants.held(folder.id, group_id)
    if held:
        tree.folder_grants.drop(held)
    if body["do"] == "revoke_folder":
        return held.id if held else None
    folder_role, secret_role = body.get("folderAccessRoleName", "View"), body.get("secretAccessRoleName", "View")
    if folder_role not in FOLDER_ROLE_IDS or secret_role not in {*SECRET_ROLE_IDS, "None"}:
        raise ApiError("There is no such access role.")
    return tree.grant_folder(folder, group_id, folder_role, secret_role).id


def _change_secret(vault: Vault, body: dict[str, Any]) -> Any:
    secret = _secret(vault, body)
    if body["do"] == "move_secret":
        vault.tree.move_secret(secret, body.get("folderId", ROOT))
    elif body["do"] == "protect_secret":
        secret.check_out = body.get("checkOutEnabled", secret.check_out)
        secret.requires_comment = body.get("requiresComment", secret.requires_comment)
    else:
        secret.active = body["do"] == "activate_secret"
    return secret.id


DEEDS: dict[str, Deed] = {
    "enable_user": _set_user("enabled", value=True),
    "disable_user": _set_user("enabled", value=False),
    "rename_display": _set_user("display_name", key="displayName"),
    "set_email": _set_user("email", key="emailAddress"),
    "create_user": _create_user,
    "lock_user": _lock,
    "create_group": _create_group,
    **dict.fromkeys(("add_member", "remove_member"), _member),
    **dict.fromkeys(("rename_group", "enable_group", "disable_group"), _set_group),
    **dict.fromkeys(("assign_role", "unassign_role"), _role),
    "expire_tokens": _expire,
    "password_policy": _password_policy,
    "change_account_password": _account_password,
    "set_account_permissions": _permissions,
    **dict.fromkeys(
        ("break_inheritance", "restore_inheritance", "move_folder", "rename_folder", "delete_folder"), _change_folder
    ),
    **dict.fromkeys(("grant_folder", "revoke_folder"), _grant_folder),
    **dict.fromkeys(("move_secret", "protect_secret", "activate_secret", "deactivate_secret"), _change_secret),
}
