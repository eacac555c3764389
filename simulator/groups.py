"""Groups: flat lists of users.  DELETE disables; a directory's groups keep their members to themselves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, patch, read
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.roles import ASSIGN, assign, role_ids, role_summary
from simulator.vault import LOCAL, Group, User, Vault

routes = Routes()

ADMIN = "Administer Groups"
MANAGED = "API_CannotAddRemoveUsersFromDirectoryManagedGroups"

_OWNERS: dict[str, type | str] = {
    "ownerGroupIds": "ints",
    "ownerGroupNames": "strs",
    "ownerUserIds": "ints",
    "ownerUserNames": "strs",
}
_BODY: dict[str, type | str] = {
    "name": str,
    "enabled": bool,
    "domainId": "int?",
    "adGuid": str,
    "synchronized": bool,
    "synchronizeNow": bool,
    "isPlatform": bool,
    "hasGroupOwners": "bool?",
    **_OWNERS,
}


def group_summary(vault: Vault, group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "domainId": vault.shown_domain(group.domain_id),
        "domainName": vault.domain_name(group.domain_id),
        "domainGuid": group.ad_guid,
        "enabled": group.enabled,
        "created": vault.shown_time(group.created),
        "memberCount": 1 if group.personal_of else len(vault.members.get(group.id, ())),
        "isPlatform": group.platform,
        "synchronized": group.synchronized,
        "synchronizeNow": False,
    }


def group_model(vault: Vault, group: Group) -> dict[str, Any]:
    """The single read: it alone says whether members may be edited."""
    managed = directory_managed(group)
    owners = [vault.groups[g] for g in group.owner_groups if g in vault.groups]
    return {
        "id": group.id,
        "name": group.name,
        "domainId": vault.shown_domain(group.domain_id),
        "domainName": vault.domain_name(group.domain_id),
        "enabled": group.enabled,
        "created": vault.shown_time(group.created),
        "adGuid": group.ad_guid,
        "canEditMembers": not managed and not group.personal_of and not group.system,
        "isEditable": not managed and not group.personal_of,
        "systemGroup": group.system,
        "isPlatform": group.platform,
        "synchronized": group.synchronized,
        "synchronizeNow": False,
        "hasGroupOwners": group.has_owners,
        "ipAddressRestrictions": [],
        "owners": [{"groupId": g.id, "name": g.name, "userId": g.personal_of or None} for g in owners],
        "ownerGroups": {str(g.id): g.name for g in owners if not g.personal_of},
        "ownerUsers": {str(g.personal_of): g.name for g in owners if g.personal_of},
    }


SORT_KEYS: dict[str, Callable[[Group], Any]] = {
    "id": lambda g: g.id,
    "name": lambda g: g.name.casefold(),
    "created": lambda g: g.created,
}


def directory_managed(group: Group) -> bool:
    return group.synchronized or group.domain_id != LOCAL


def find_group(vault: Vault, group_id: int) -> Group:
    group = vault.groups.get(group_id)
    if group is None or not vault.visible(group):
        raise missing(vault, "Group")
    return group


def check_editable(group: Group) -> None:
    """Raise when members may not be added or removed."""
    if directory_managed(group):
        raise ApiError("Users cannot be added to or removed from a directory managed group.", code=MANAGED)


def membership_row(vault: Vault, group: Group, user: User) -> dict[str, Any]:
    return {
        "groupId": group.id,
        "groupName": group.name,
        "groupDomainId": vault.shown_domain(group.domain_id),
        "groupDomainName": vault.domain_name(group.domain_id),
        "userId": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "userDomainId": vault.shown_domain(user.domain_id),
        "userDomainName": vault.domain_name(user.domain_id),
        "enabled": user.enabled,
    }


def matching(call: Call) -> list[Group]:
    vault, switches = call.vault, call.vault.switches
    if not call.may(ADMIN):
        if switches.denied_search == "refuse":
            call.need(ADMIN)
        return []
    text = call.text("filter.searchText").casefold()
    inactive, domain = call.flag("filter.includeInactive"), call.number("filter.domainId")
    platform = call.flag("filter.platformOnly")
    hidden = switches.personal_groups_hidden

    def build() -> list[Group]:
        found: list[Group] = []
        for group in (vault.real_groups if hidden else vault.groups).values():
            fits = (inactive or group.enabled) and (not text or text in group.name.casefold())
            if fits and (not platform or group.platform) and vault.visible(group):
                found.append(group)
        if domain is not None:
            wanted = LOCAL if domain in {LOCAL, switches.local_domain_id} else domain
            found = [g for g in found if g.domain_id == wanted]
        return found

    found: list[Group] = vault.remembered(("groups", text, inactive, domain, platform, hidden), build)
    return found


@routes.on("GET", "/api/v1/groups")
def search(call: Call) -> dict[str, Any]:
    vault = call.vault
    return envelope(call, matching(call), lambda g: group_summary(vault, g), SORT_KEYS)


@routes.on("GET", "/api/v1/groups/lookup")
def lookup(call: Call) -> dict[str, Any]:
    return envelope(call, matching(call), lambda g: {"id": g.id, "value": g.name}, SORT_KEYS)


@routes.on("GET", "/api/v1/groups/stub", ADMIN)
def stub(call: Call) -> dict[str, Any]:
    return group_model(call.vault, Group(0, "", created=time.time()))


@routes.on("GET", "/api/v1/groups/{id}", ADMIN)
def get(call: Call) -> dict[str, Any]:
    """There is no includeInactive here; whether a disabled group still answers is a switch."""
    group = find_group(call.vault, call.id())
    if not group.enabled and not call.vault.switches.get_inactive_group:
        raise missing(call.vault, "Group")
    return group_model(call.vault, group)


@routes.on("POST", "/api/v1/groups", ADMIN)
def create(call: Call) -> dict[str, Any]:
    vault = call.vault
    body = read(call.json, _BODY, ("name", "enabled"))
    domain = body.get("domainId")
    domain = LOCAL if domain in {None, LOCAL, vault.switches.local_domain_id} else domain
    if domain not in vault.domains:
        raise invalid({"domainId": [f"There is no domain {domain}."]})
    name = body["name"].strip()
    check_name(vault, name, domain, 0)
    group = Group(
        id=vault.new_id("group"),
        name=name,
        domain_id=domain,
        enabled=body["enabled"],
        created=time.time(),
        synchronized=body.get("synchronized", False),
        platform=body.get("isPlatform", False) or vault.switches.platform_groups,
        ad_guid=body.get("adGuid", ""),
        born=time.monotonic(),
    )
    _set_owners(vault, group, body)
    vault.add_group(group)
    vault.changed()
    return group_model(vault, group)


def check_name(vault: Vault, name: str, domain: int, own_id: int) -> None:
    """Names are unique in a domain; whether a disabled group keeps its name is not known."""
    for other in vault.group_named(name):
        if other.id == own_id or other.domain_id != domain:
            continue
        if other.enabled or vault.switches.group_name_after_delete == "collides":
            raise ApiError("A group with this name already exists.", status=vault.switches.duplicate_status)


def _set_owners(vault: Vault, group: Group, body: dict[str, Any]) -> None:
    if not any(name in body for name in _OWNERS):
        return
    owners = [find_group(vault, i).id for i in body.get("ownerGroupIds", ())]
    for user_id in body.get("ownerUserIds", ()):
        user = vault.users.get(user_id)
        if user is None:
            raise missing(vault, "User")
        owners.append(user.personal_group_id)
    owners += [g.id for name in body.get("ownerGroupNames", ()) for g in vault.group_named(name)]
    for name in body.get("ownerUserNames", ()):
        user = vault.user_named(LOCAL, name)
        owners += [user.personal_group_id] if user else []
    group.owner_groups = owners
    group.has_owners = bool(owners)


def _rename(vault: Vault, group: Group, name: str | None, enabled: bool) -> None:
    name = (name or "").strip()
    if not name:
        raise invalid({"name": ["The name field is required."]})
    if group.personal_of:
        raise ApiError("A personal group may not be changed.")
    if name != group.name and directory_managed(group):
        raise ApiError(
            "The name of a directory managed group comes from the directory.",
            code=vault.switches.directory_managed_code or None,
        )
    check_name(vault, name, group.domain_id, group.id)
    group.name, group.enabled = name, enabled
    vault.changed()


@routes.on("PUT", "/api/v1/groups/{id}", ADMIN)
def replace(call: Call) -> dict[str, Any]:
    vault = call.vault
    group = find_group(vault, call.id())
    body = read(call.json, {"id": int, **_BODY, "enabled": "bool?"}, ("id",))
    if body["id"] != group.id:
        raise invalid({"id": ["The id does not match the path."]})
    name = body.get("name", group.name if vault.switches.put_missing == "keep" else None)
    enabled = body.get("enabled")
    _rename(vault, group, name, group.enabled if enabled is None else enabled)
    _set_owners(vault, group, body)
    return group_model(vault, group)


@routes.on("PATCH", "/api/v1/groups/{groupId}", ADMIN)
def change(call: Call) -> dict[str, Any]:
    """{data: {name: {dirty, value}, …}}; a bare body is the users' dialect and changes nothing."""
    vault = call.vault
    group = find_group(vault, call.id("groupId"))
    inner = data(call) or {}
    shape: dict[str, type | str] = {
        "name": str,
        "enabled": bool,
        "ownerGroupIds": "ints",
        "ipAddressRestrictionIds": "ints",
    }
    dirty = patch(call, inner, shape)
    if "name" in dirty or "enabled" in dirty:
        _rename(vault, group, dirty.get("name", group.name), dirty.get("enabled", group.enabled))
    plain = read(inner, {"addedOwnerGroupIds": "ints", "removedOwnerGroupIds": "ints"})
    if dirty.get("ownerGroupIds") is not None or plain:
        owners = dirty.get("ownerGroupIds") or group.owner_groups
        gone = set(plain.get("removedOwnerGroupIds", ()))
        _set_owners(
            vault,
            group,
            {"ownerGroupIds": [o for o in [*owners, *plain.get("addedOwnerGroupIds", ())] if o not in gone]},
        )
        vault.changed()
    return group_model(vault, group)


@routes.on("DELETE", "/api/v1/groups/{id}", ADMIN)
def delete(call: Call) -> dict[str, Any]:
    """Deactivation: the group stays, with its members, and shows with includeInactive."""
    vault = call.vault
    group = find_group(vault, call.id())
    if group.personal_of or group.system:
        raise ApiError("This group may not be deleted.")
    if not group.enabled and vault.switches.second_delete == "error":
        raise ApiError("The group is already disabled.")
    group.enabled = False
    vault.changed()
    return {"id": group.id, "objectType": "Group", "responseCodes": []}


@routes.on("GET", "/api/v1/groups/{id}/roles", ADMIN, "View Roles")
def roles(call: Call) -> dict[str, Any]:
    vault = call.vault
    held = vault.group_roles.get(find_group(vault, call.id()).id, frozenset())
    return envelope(call, [vault.roles[i] for i in sorted(held)], role_summary)


@routes.on("POST", "/api/v1/groups/{id}/roles", ASSIGN)
@routes.on("DELETE", "/api/v1/groups/{id}/roles", ASSIGN)
def change_roles(call: Call) -> dict[str, bool]:
    return assign(call.vault, find_group(call.vault, call.id()), call.method, role_ids(call))


@routes.on("PUT", "/api/v1/groups/{id}/roles", ASSIGN)
@routes.on("PUT", "/api/v2/groups/{id}/roles", ASSIGN)
def set_roles(call: Call) -> Any:
    """11.2 has this under v1, 11.7 under v2: the other one is not there."""
    if call.path.startswith("/api/v1") != (call.vault.switches.version == "11.2"):
        raise LookupError(call.path)
    return assign(call.vault, find_group(call.vault, call.id()), "PUT", role_ids(call))
