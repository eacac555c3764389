"""How secrets and their permission rows look in lists: never with a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.folder_rows import holder
from simulator.levels import SECRET_ROLE_IDS
from simulator.templates import template_name

if TYPE_CHECKING:
    from simulator.tree import Grant, Secret
    from simulator.vault import Vault


def secret_summary(vault: Vault, secret: Secret) -> dict[str, Any]:
    tree = vault.tree
    folder = tree.folders.get(secret.folder_id)
    taken = vault.users.get(secret.checked_out_by) if secret.checked_out_by else None
    return {
        "id": secret.id,
        "name": secret.name,
        "active": secret.active,
        "folderId": secret.folder_id,
        "folderPath": tree.path(folder) if folder else "",
        "siteId": secret.site_id,
        "secretTemplateId": secret.template_id,
        "secretTemplateName": template_name(vault, secret.template_id),
        "inheritsPermissions": secret.inherits,
        "checkOutEnabled": secret.check_out,
        "checkedOut": bool(taken),
        "checkOutUserId": taken.id if taken else -1,
        "checkOutUserName": taken.user_name if taken else "",
        "requiresComment": secret.requires_comment,
        "requiresApproval": False,
        "isRestricted": secret.check_out or secret.requires_comment,
        "doubleLockEnabled": False,
        "autoChangeEnabled": False,
        "hasLauncher": False,
        "hidePassword": False,
        "isOutOfSync": False,
        "outOfSyncReason": "",
        "lastHeartBeatStatus": "Pending",
        "lastPasswordChangeAttempt": None,
        "lastAccessed": vault.shown_time(secret.last_accessed) if secret.last_accessed else None,
        "createDate": vault.shown_time(secret.created),
        "daysUntilExpiration": None,
        "extendedFields": [],
        "responseCodes": [],
    }


def secret_permission_summary(vault: Vault, grant: Grant) -> dict[str, Any]:
    row = holder(vault, grant)
    if row["userId"] is not None and vault.switches.user_rows == "user":
        row["groupId"] = None
    return {
        "id": grant.id,
        "secretId": grant.on,
        **row,
        "secretAccessRoleId": SECRET_ROLE_IDS.get(grant.secret_role),
        "secretAccessRoleName": grant.secret_role,
    }


def secret_permission_model(vault: Vault, grant: Grant) -> dict[str, Any]:
    row = {**secret_permission_summary(vault, grant), **holder(vault, grant)}
    row.pop("domainName")
    return {**row, "userId": row["userId"] or 0}
