"""Roles: read, create, rename, disable (there is no DELETE); their permissions; who holds them."""

from __future__ import annotations

import time
from typing import Any

from simulator.errors import ApiError
from simulator.fields import data, patch, read
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.vault import Group, Role, Vault

routes = Routes()

READ = ("View Roles", "Administer Role Permissions", "Administer Role Assignment")
WRITE = "Administer Role Permissions"
ASSIGN = "Administer Role Assignment"


def role_model(vault: Vault, role: Role) -> dict[str, Any]:
    return {
        "id": role.id,
        "name": role.name,
        "enabled": role.enabled,
        "isSystem": role.system,
        "created": vault.shown_time(role.created),
    }


def role_summary(role: Role) -> dict[str, Any]:
    """The row on users and groups, which says roleId where RoleModel says id."""
    return {"roleId": role.id, "name": role.name}


def find_role(vault: Vault, role_id: int) -> Role:
    role = vault.roles.get(role_id)
    if role is None:
        raise missing(vault, "Role")
    return role


def role_ids(call: Call) -> frozenset[int]:
    """The body {roleIds: []}; one unknown id refuses the whole list."""
    wanted = read(call.json, {"roleIds": "ints"}, ("roleIds",))["roleIds"]
    for role_id in wanted:
        find_role(call.vault, role_id)
    return frozenset(wanted)


def assign(vault: Vault, group: Group, change: str, wanted: frozenset[int]) -> dict[str, bool]:
    """Add, remove or set the roles of a (personal) group."""
    held = vault.group_roles.get(group.id, frozenset())
    vault.group_roles[group.id] = {"POST": held | wanted, "DELETE": held - wanted, "PUT": wanted}[change]
    vault.changed()
    return {"success": True}


@routes.on("GET", "/api/v1/roles")
def search(call: Call) -> dict[str, Any]:
    """No text search; userId beats groupId; disabled roles only with includeInactive."""
    vault = call.vault
    if not call.may(*READ):
        if vault.switches.denied_search == "refuse":
            call.need(*READ)
        return envelope(call, [], lambda r: role_model(vault, r))
    inactive = call.flag("filter.includeInactive")
    user_id, group_id = call.number("filter.userId"), call.number("filter.groupId")
    found = [r for r in vault.roles.values() if inactive or r.enabled]
    if user_id is not None:
        user = vault.users.get(user_id)
        held = vault.group_roles.get(user.personal_group_id, frozenset()) if user else frozenset()
        found = [r for r in found if r.id in held]
    elif group_id is not None:
        held = vault.group_roles.get(group_id, frozenset())
        found = [r for r in found if r.id in held]
    return envelope(call, found, lambda r: role_model(vault, r))


@routes.on("GET", "/api/v1/roles/stub", WRITE)
def stub(call: Call) -> dict[str, Any]:
    return {"id": 0, "name": "", "enabled": True, "isSystem": False, "created": call.vault.shown_time(time.time())}


@routes.on("GET", "/api/v1/roles/{id}", *READ)
def get(call: Call) -> dict[str, Any]:
    return role_model(call.vault, find_role(call.vault, call.id()))


@routes.on("POST", "/api/v1/roles", WRITE)
def create(call: Call) -> dict[str, Any]:
    vault = call.vault
    body = read(call.json, {"name": str, "enabled": bool}, ("name", "enabled"))
    _free(vault, body["name"], 0)
    role = Role(vault.new_id("role"), body["name"].strip(), body["enabled"], created=time.time())
    vault.roles[role.id] = role
    vault.changed()
    return role_model(vault, role)


def _free(vault: Vault, name: str, own_id: int) -> None:
    if any(r.name.casefold() == name.strip().casefold() and r.id != own_id for r in vault.roles.values()):
        raise ApiError("A role with this name already exists.", status=vault.switches.duplicate_status)


@routes.on("PATCH", "/api/v1/roles/{id}", WRITE)
def change(call: Call) -> dict[str, Any]:
    vault = call.vault
    role = find_role(vault, call.id())
    dirty = patch(call, data(call) or {}, {"name": str, "enabled": bool})
    if "name" in dirty:
        if not (dirty["name"] or "").strip():
            raise ApiError("The name may not be empty.")
        _free(vault, dirty["name"], role.id)
    if role.system and dirty:
        raise ApiError("A system role may not be changed.")
    role.name = dirty.get("name", role.name).strip()
    role.enabled = dirty.get("enabled", role.enabled)
    vault.changed()
    return role_model(vault, role)


def _permission(vault: Vault, number: int) -> dict[str, Any]:
    return {"rolePermissionId": number, "name": vault.permission_names[number], "roleType": "GlobalRoleType"}


@routes.on("GET", "/api/v1/roles/{id}/permissions", *READ)
def permissions(call: Call) -> dict[str, Any]:
    vault = call.vault
    held = sorted(find_role(vault, call.id()).permissions)
    return envelope(call, held, lambda n: _permission(vault, n))


@routes.on("GET", "/api/v1/roles/{id}/permissions/unassigned", *READ)
def unassigned(call: Call) -> dict[str, Any]:
    vault = call.vault
    held = find_role(vault, call.id()).permissions
    return envelope(call, [n for n in vault.permission_names if n not in held], lambda n: _permission(vault, n))


@routes.on("GET", "/api/v1/rolepermissions/unassigned", *READ)
def unassigned_anywhere(call: Call) -> dict[str, Any]:
    vault = call.vault
    used = {p for r in vault.roles.values() for p in r.permissions}
    return {"permissions": [name for number, name in vault.permission_names.items() if number not in used]}


@routes.on("PUT", "/api/v1/roles/{id}/permissions", WRITE)
def set_permissions(call: Call) -> dict[str, bool]:
    """The exact set."""
    vault = call.vault
    role = find_role(vault, call.id())
    wanted = read(call.json, {"rolePermissionIds": "ints"}, ("rolePermissionIds",))["rolePermissionIds"]
    if unknown := [n for n in wanted if n not in vault.permission_names]:
        raise ApiError(f"Unknown role permission: {unknown[0]}.")
    role.permissions = set(wanted)
    vault.changed()
    return {"success": True}


@routes.on("GET", "/api/v1/roles/{id}/groups", *READ)
def groups(call: Call) -> dict[str, Any]:
    """Groups that hold the role, personal groups among them; this page alone repeats its filter."""
    vault = call.vault
    role = find_role(vault, call.id())
    inactive = call.flag("filter.includeInactiveUsersForGroup")
    domain = call.number("filter.userDomainId")

    def build() -> list[Group]:
        holding = (vault.groups[g] for g, held in vault.group_roles.items() if role.id in held)
        return sorted((g for g in holding if inactive or g.enabled), key=lambda g: g.id)

    found = vault.remembered(("role groups", role.id, inactive), build)
    if domain is not None:
        found = [g for g in found if vault.shown_domain(g.domain_id) == domain or g.domain_id == domain]
    answer = envelope(call, found, lambda g: _holder(vault, g))
    answer["filter"] = {"includeInactiveUsersForGroup": inactive, "userDomainId": domain}
    return answer


def _holder(vault: Vault, group: Group) -> dict[str, Any]:
    display = vault.users[group.personal_of].display_name if group.personal_of else group.name
    return {
        "groupId": group.id,
        "name": group.name,
        "displayName": display,
        "domainName": vault.domain_name(group.domain_id),
        "enabled": group.enabled,
        "personal": bool(group.personal_of),
        "created": vault.shown_time(group.created),
    }


@routes.on("PATCH", "/api/v1/roles/{roleId}/groups", ASSIGN)
def change_groups(call: Call) -> dict[str, bool]:
    """A user is named by its personal group here."""
    vault = call.vault
    role = find_role(vault, call.id("roleId"))
    dirty = patch(call, data(call) or {}, {"groupIdsToAdd": "ints", "groupIdsToRemove": "ints"})
    lists = [
        (verb, dirty.get(name) or []) for verb, name in (("POST", "groupIdsToAdd"), ("DELETE", "groupIdsToRemove"))
    ]
    for _, ids in lists:
        for group_id in ids:
            if group_id not in vault.groups:
                raise missing(vault, "Group")
    for verb, ids in lists:
        for group_id in ids:
            assign(vault, vault.groups[group_id], verb, frozenset({role.id}))
    return {"success": True}
