"""How folders and their permission rows look in answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.levels import FOLDER_ROLE_IDS, SECRET_ROLE_IDS

if TYPE_CHECKING:
    from simulator.tree import Folder, Grant
    from simulator.vault import Vault


def folder_summary(vault: Vault, folder: Folder) -> dict[str, Any]:
    return {
        "id": folder.id,
        "folderName": folder.name,
        "folderPath": vault.tree.path(folder),
        "parentFolderId": folder.parent_id,
        "folderTypeId": folder.type_id,
        "secretPolicyId": folder.policy_id,
        "inheritSecretPolicy": folder.inherits_policy,
        "inheritPermissions": folder.inherits,
    }


def holder(vault: Vault, grant: Grant) -> dict[str, Any]:
    """Whom a row is for.  A person's row names both the user and the personal group; a group's row has no user."""
    group = vault.groups[grant.group_id]
    user = vault.users.get(group.personal_of) if group.personal_of else None
    return {
        "groupId": group.id,
        "groupName": group.name,
        "userId": user.id if user else None,
        "userName": user.user_name if user else "",
        "domainName": vault.domain_name(group.domain_id),
        "knownAs": user.display_name if user else group.name,
    }


def permission_summary(vault: Vault, grant: Grant) -> dict[str, Any]:
    """A search row: null for the other kind of holder."""
    row = holder(vault, grant)
    if row["userId"] is not None:
        row["groupId"] = None if vault.switches.user_rows == "user" else row["groupId"]
    return {
        "id": grant.id,
        "folderId": grant.on,
        **row,
        "folderAccessRoleId": FOLDER_ROLE_IDS[grant.folder_role],
        "folderAccessRoleName": grant.folder_role,
        "secretAccessRoleId": SECRET_ROLE_IDS.get(grant.secret_role),
        "secretAccessRoleName": grant.secret_role,
    }


def permission_model(vault: Vault, grant: Grant) -> dict[str, Any]:
    """The single row, whose ids may not be null: 0 stands for nobody."""
    row = {**permission_summary(vault, grant), **holder(vault, grant)}
    row.pop("domainName")
    return {**row, "userId": row["userId"] or 0}
