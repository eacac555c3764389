"""Who is in a group: one by one, by difference, or as an exact list."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError
from simulator.fields import read
from simulator.groups import ADMIN, check_editable, find_group, membership_row
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.vault import LOCAL, Group, User, Vault

routes = Routes()

SORT_KEYS = {
    "userid": lambda u: u.id,
    "username": lambda u: u.user_name.casefold(),
    "displayname": lambda u: u.display_name.casefold(),
}


@routes.on("GET", "/api/v1/groups/{id}/users", ADMIN)
def members(call: Call) -> dict[str, Any]:
    """Disabled members are left out unless asked for."""
    vault = call.vault
    group = find_group(vault, call.id())
    inactive = call.flag("filter.includeInactiveUsersForGroup")
    domain = call.number("filter.userDomainId")

    def build() -> list[User]:
        found = [u for u in vault.members_of(group) if inactive or u.enabled]
        if domain is not None:
            wanted = LOCAL if domain in {LOCAL, vault.switches.local_domain_id} else domain
            found = [u for u in found if u.domain_id == wanted]
        return sorted(found, key=lambda u: u.id)

    found = vault.remembered(("members", group.id, inactive, domain), build)
    return envelope(call, found, lambda u: membership_row(vault, group, u), SORT_KEYS)


@routes.on("GET", "/api/v1/groups/{id}/users-lookup", ADMIN)
def lookup(call: Call) -> dict[str, Any]:
    vault = call.vault
    return {"users": [u.display_name for u in vault.members_of(find_group(vault, call.id())) if u.enabled]}


@routes.on("GET", "/api/v1/groups/{id}/users/search", ADMIN)
def search(call: Call) -> dict[str, Any]:
    """11.7: members and non-members together; the page lies under `users`."""
    vault = call.vault
    if vault.switches.version != "11.7":
        raise LookupError(call.path)
    group = find_group(vault, call.id())
    term = call.text("filter.searchTerm")
    inside = vault.members.get(group.id, {})
    candidates = [vault.users[i] for i in vault.haystack.find(term)] if term else list(vault.users.values())
    candidates = [u for u in candidates if u.enabled]
    assigned = call.text("filter.assigned")
    found = [u for u in candidates if not assigned or (u.id in inside) == call.flag("filter.assigned")]

    def row(user: User) -> dict[str, Any]:
        return {
            "userId": user.id,
            "userName": user.user_name,
            "displayName": user.display_name,
            "domainName": vault.domain_name(user.domain_id),
            "enabled": user.enabled,
            "groupId": group.id,
            "assigned": user.id in inside,
        }

    count = sum(u.id in inside for u in candidates)
    page = envelope(call, found, row, SORT_KEYS)
    return {"success": True, "totalAssigned": count, "totalUnassigned": len(candidates) - count, "users": page}


def _row(vault: Vault, group: Group, user: User) -> dict[str, Any]:
    full = membership_row(vault, group, user)
    return {k: full[k] for k in ("groupId", "groupName", "groupDomainId", "userId", "userName", "userDomainId")}


@routes.on("GET", "/api/v1/groups/{id}/users/{userId}", ADMIN)
def member(call: Call) -> dict[str, Any]:
    vault = call.vault
    group = find_group(vault, call.id())
    for user in vault.members_of(group):
        if user.id == call.id("userId"):
            return _row(vault, group, user)
    raise missing(vault, "Group member")


def _editable(call: Call, name: str) -> Group:
    group = find_group(call.vault, call.id(name))
    if group.personal_of:
        raise ApiError("A personal group has no other members.")
    check_editable(group)
    return group


def _known(vault: Vault, ids: list[int]) -> list[int]:
    """The ids that are users; by default one stranger refuses the whole request, before anything is done."""
    strangers = [i for i in ids if i not in vault.users]
    if strangers and vault.switches.members_unknown_user == "refuse":
        raise ApiError(f"User {strangers[0]} not found.")
    return [i for i in ids if i in vault.users]


@routes.on("POST", "/api/v1/groups/{id}/users", ADMIN)
def add(call: Call) -> dict[str, Any]:
    vault = call.vault
    group = _editable(call, "id")
    user_id = read(call.json, {"userId": int}, ("userId",))["userId"]
    user = vault.users.get(user_id)
    if user is None:
        raise missing(vault, "User")
    vault.join(group.id, user.id)
    vault.changed()
    return _row(vault, group, user)


@routes.on("PATCH", "/api/v1/groups/{id}/users", ADMIN)
def change(call: Call) -> dict[str, bool]:
    """AddedUserIds and removeUserIds, in this spelling and without wrapper; repeats and absentees are no error."""
    vault = call.vault
    group = _editable(call, "id")
    body = read(call.json, {"addedUserIds": "ints", "removeUserIds": "ints"})
    if not body and vault.switches.wrong_wrapper == "refuse":
        raise ApiError("The request names nobody to add or remove.")
    added, removed = _known(vault, body.get("addedUserIds") or []), _known(vault, body.get("removeUserIds") or [])
    for user_id in added:
        vault.join(group.id, user_id)
    for user_id in removed:
        vault.leave(group.id, user_id)
    vault.changed()
    return {"success": True}


@routes.on("PUT", "/api/v1/groups/{groupId}/users", ADMIN)
def replace(call: Call) -> dict[str, bool]:
    """The exact membership: whoever is not named is out."""
    vault = call.vault
    group = _editable(call, "groupId")
    wanted = _known(vault, read(call.json, {"userIds": "ints"}, ("userIds",))["userIds"])
    keep = set(wanted)
    for user_id in [u for u in vault.members.get(group.id, ()) if u not in keep]:
        vault.leave(group.id, user_id)
    for user_id in wanted:
        vault.join(group.id, user_id)
    vault.changed()
    return {"success": True}


@routes.on("DELETE", "/api/v1/groups/{id}/users/{userId}", ADMIN)
def remove(call: Call) -> dict[str, Any]:
    vault = call.vault
    group = _editable(call, "id")
    user_id = call.id("userId")
    if user_id not in vault.members.get(group.id, ()):
        raise missing(vault, "Group member")
    vault.leave(group.id, user_id)
    vault.changed()
    return {"id": user_id, "objectType": "GroupUser", "responseCodes": []}
