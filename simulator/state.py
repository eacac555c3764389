"""The whole vault as JSON, with Secret Server's property names: what is, not what was answered; no secret values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from simulator.folder_rows import folder_summary, permission_summary
from simulator.groups import group_summary
from simulator.roles import role_model
from simulator.secret_rows import secret_permission_summary, secret_summary
from simulator.users import user_model
from simulator.vault import Group, Vault


def state(vault: Vault, only: set[str]) -> bytes:
    parts: dict[str, Callable[[], Any]] = {
        "users": lambda: [user_model(vault, u) for u in vault.users.values()],
        "groups": lambda: [_group(vault, g) for g in vault.groups.values()],
        "group_members": lambda: _members(vault),
        "roles": lambda: [_role(vault, r) for r in vault.roles.values()],
        "user_roles": lambda: _held(vault, direct=True),
        "group_roles": lambda: _held(vault, direct=False),
        "folders": lambda: [folder_summary(vault, f) for f in vault.tree.folders.values()],
        "folder_permissions": lambda: [permission_summary(vault, r) for r in vault.tree.folder_grants.rows.values()],
        "secrets": lambda: [secret_summary(vault, s) for s in vault.tree.secrets.values()],
        "secret_permissions": lambda: [
            secret_permission_summary(vault, r) for r in vault.tree.secret_grants.rows.values()
        ],
        "secret_views": lambda: vault.tree.views,
        "logins": lambda: vault.logins,
        "domains": lambda: [{"domainId": i, "domainName": n} for i, n in vault.domains.items()],
        "account": lambda: {"userId": vault.account_id},
    }
    chosen = {name: build() for name, build in parts.items() if not only or name in only}
    return orjson.dumps(chosen, option=orjson.OPT_NON_STR_KEYS)


def _group(vault: Vault, group: Group) -> dict[str, Any]:
    return {**group_summary(vault, group), "personal": bool(group.personal_of), "userId": group.personal_of or None}


def _role(vault: Vault, role: Any) -> dict[str, Any]:
    names = [vault.permission_names[p] for p in sorted(role.permissions)]
    return {**role_model(vault, role), "permissions": names}


def _members(vault: Vault) -> list[dict[str, int]]:
    """Personal groups are left out: their one member is in the group's row."""
    return [{"groupId": g, "userId": u} for g, users in vault.members.items() for u in users]


def _held(vault: Vault, *, direct: bool) -> list[dict[str, int]]:
    rows = []
    for group_id, held in vault.group_roles.items():
        owner = vault.groups[group_id].personal_of
        if bool(owner) == direct:
            rows += [{"userId" if direct else "groupId": owner or group_id, "roleId": r} for r in sorted(held)]
    return rows
