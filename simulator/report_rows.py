"""What the reports of the vendor's SCIM connector give.  The names are the vendor's, the columns are ours.

The vendor's user reports leave out disabled users and users without e-mail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.folder_rows import holder
from simulator.vault import Group, Vault

Table = tuple[list[str], list[list[Any]]]


def _users(vault: Vault) -> Table:
    people = [u for u in vault.users.values() if u.enabled and u.email]
    rows = [[u.id, u.user_name, u.display_name, u.email, u.enabled, vault.domain_name(u.domain_id)] for u in people]
    return ["UserId", "UserName", "DisplayName", "EmailAddress", "Enabled", "Domain"], rows


def _live(vault: Vault) -> list[Group]:
    return [g for g in vault.real_groups.values() if g.enabled]


def _memberships(vault: Vault) -> Table:
    rows = [
        [u.id, u.user_name, g.id, g.name] for g in _live(vault) for u in vault.members_of(g) if u.enabled and u.email
    ]
    return ["UserId", "UserName", "GroupId", "GroupName"], rows


def _groups(vault: Vault) -> Table:
    rows = [[g.id, g.name, vault.domain_name(g.domain_id), g.synchronized] for g in _live(vault)]
    return ["GroupId", "GroupName", "Domain", "Synchronized"], rows


def _folders(vault: Vault) -> Table:
    tree = vault.tree
    rows = [[f.id, f.name, tree.path(f), f.parent_id, f.inherits] for f in tree.folders.values()]
    return ["FolderId", "FolderName", "FolderPath", "ParentFolderId", "InheritPermissions"], rows


def _secrets(vault: Vault) -> Table:
    rows = [[s.id, s.name, s.folder_id, s.template_id] for s in vault.tree.secrets.values() if s.active]
    return ["SecretId", "SecretName", "FolderId", "SecretTemplateId"], rows


def _folder_permissions(vault: Vault) -> Table:
    rows = []
    for folder in vault.tree.folders.values():
        for row in vault.tree.folder_rows(folder):
            who = holder(vault, row)
            rows.append([row.id, folder.id, who["groupId"], who["userId"], row.folder_role, row.secret_role])
    return ["FolderPermissionId", "FolderId", "GroupId", "UserId", "FolderAccessRole", "SecretAccessRole"], rows


def _secret_permissions(vault: Vault) -> Table:
    rows = []
    for row in vault.tree.secret_grants.rows.values():
        who = holder(vault, row)
        rows.append([row.id, row.on, who["groupId"], who["userId"], row.secret_role])
    return ["SecretPermissionId", "SecretId", "GroupId", "UserId", "SecretAccessRole"], rows


def _roles(vault: Vault) -> Table:
    return ["RoleId", "RoleName", "Enabled"], [[r.id, r.name, r.enabled] for r in vault.roles.values()]


def _user_roles(vault: Vault) -> Table:
    rows = []
    for group_id, held in vault.group_roles.items():
        for user in vault.members_of(vault.groups[group_id]):
            if user.enabled:
                rows += [[user.id, user.user_name, r, vault.roles[r].name] for r in sorted(held)]
    return ["UserId", "UserName", "RoleId", "RoleName"], rows


REPORTS: dict[str, Callable[[Vault], Table]] = {
    "SCIM All Users": _users,
    "SCIM User Groups": _memberships,
    "SCIM Groups": _groups,
    "SCIM Folders": _folders,
    "SCIM Secrets": _secrets,
    "SCIM Folders Permission": _folder_permissions,
    "SCIM Secrets Permission": _secret_permissions,
    "SS Report All Role": _roles,
    "SS Report All User Roles": _user_roles,
}
