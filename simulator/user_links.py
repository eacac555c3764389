"""What hangs on a user: groups, roles, password, lock, and the removal of personal data."""

from __future__ import annotations

import secrets
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, read
from simulator.groups import check_editable, find_group, membership_row
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.passwords import check_policy
from simulator.roles import ASSIGN, assign, role_ids, role_summary
from simulator.users import READ, WRITE, check_licences, find_user
from simulator.vault import LOCAL, Group, User, Vault

routes = Routes()


# -- groups
@routes.on("GET", "/api/v1/users/{id}/groups", *READ, "Administer Groups")
def groups(call: Call) -> dict[str, Any]:
    vault = call.vault
    user = find_user(vault, call.id())
    personal = vault.switches.user_groups_personal
    found = [g for g in vault.groups_with(user) if (personal or not g.personal_of) and g.enabled]
    return envelope(call, found, lambda g: membership_row(vault, g, user))


def _check_groups(vault: Vault, ids: list[int]) -> list[Group]:
    found = [find_group(vault, i) for i in ids]
    for group in found:
        if group.personal_of:
            raise ApiError("A personal group has no other members.")
        check_editable(group)
    return found


@routes.on("POST", "/api/v1/users/{id}/groups", "Administer Groups")
@routes.on("PUT", "/api/v1/users/{id}/groups", "Administer Groups")
def set_groups(call: Call) -> dict[str, bool]:
    """POST adds; PUT makes the list exact, and so takes out of every group it does not name."""
    vault = call.vault
    user = find_user(vault, call.id())
    wanted = _check_groups(vault, read(call.json, {"groupIds": "ints"}, ("groupIds",))["groupIds"])
    if call.method == "PUT":
        keep = {g.id for g in wanted}
        leaving = [vault.groups[g] for g in vault.groups_of.get(user.id, {}) if g not in keep]
        for group in leaving:
            check_editable(group)
        for group in leaving:
            vault.leave(group.id, user.id)
    for group in wanted:
        vault.join(group.id, user.id)
    vault.changed()
    return {"success": True}


@routes.on("DELETE", "/api/v1/users/{id}/groups", "Administer Groups")
def leave_groups(call: Call) -> dict[str, bool]:
    """The ids stand in the query, unlike the roles'."""
    vault = call.vault
    user = find_user(vault, call.id())
    for group in _check_groups(vault, call.numbers("groupIds")):
        vault.leave(group.id, user.id)
    vault.changed()
    return {"success": True}


# -- roles
@routes.on("GET", "/api/v1/users/{id}/roles", *READ, "View Roles")
def roles(call: Call) -> dict[str, Any]:
    vault = call.vault
    user = find_user(vault, call.id())
    ids = (
        vault.roles_of(user)
        if vault.switches.user_roles_effective
        else vault.group_roles.get(user.personal_group_id, frozenset())
    )
    return envelope(call, [vault.roles[i] for i in sorted(ids)], role_summary)


@routes.on("POST", "/api/v1/users/{id}/roles", ASSIGN)
@routes.on("PUT", "/api/v1/users/{id}/roles", ASSIGN)
@routes.on("DELETE", "/api/v1/users/{id}/roles", ASSIGN)
def change_roles(call: Call) -> dict[str, bool]:
    """POST adds, PUT sets exactly, DELETE takes a JSON body."""
    vault = call.vault
    user = find_user(vault, call.id())
    return assign(vault, vault.groups[user.personal_group_id], call.method, role_ids(call))


@routes.on("GET", "/api/v1/users/{userId}/roles-assigned", *READ, "View Roles")
def roles_assigned(call: Call) -> dict[str, Any]:
    """Each role once: whether it is direct, and the groups it comes through."""
    vault = call.vault
    user = find_user(vault, call.id("userId"))
    held = sorted(vault.roles_of(user).items())

    def row(item: tuple[int, list[Group]]) -> dict[str, Any]:
        role_id, through = item
        return {
            "roleId": role_id,
            "roleName": vault.roles[role_id].name,
            "isDirectAssignment": any(g.personal_of for g in through),
            "groups": [{"groupId": g.id, "groupName": g.name} for g in through if not g.personal_of],
        }

    return envelope(call, held, row)


# -- password and lock
@routes.on("POST", "/api/v1/users/{userId}/password-reset", WRITE)
def reset_password(call: Call) -> dict[str, bool]:
    vault = call.vault
    user = find_user(vault, call.id("userId"))
    body = read(data(call) or {}, {"password": str, "userId": int}, ("password", "userId"))
    if body["userId"] != user.id:
        raise invalid({"userId": ["The id does not match the path."]})
    if user.domain_id != LOCAL:
        raise ApiError("The password of a directory user is not kept here.")
    check_policy(vault, body["password"])
    user.password = body["password"]
    vault.changed()
    return {"success": True}


@routes.on("POST", "/api/v1/users/{userId}/lock-out", WRITE)
def lock_out(call: Call) -> dict[str, bool]:
    vault = call.vault
    user = find_user(vault, call.id("userId"))
    body = read(data(call) or {}, {"description": str, "reasonType": str})
    reason = body.get("reasonType", "Other")
    if reason not in {"SuspiciousActivity", "LoginAttemptsExceeded", "Other"}:
        raise invalid({"reasonType": [f"The value '{reason}' is not valid."]})
    user.locked, user.lock_reason = True, reason
    user.more = {**(user.more or {}), "lockOutReasonDescription": body.get("description", "")}
    vault.changed()
    return {"success": True}


@routes.on("POST", "/api/v1/users/{userId}/reset-two-factor", WRITE)
def reset_two_factor(call: Call) -> dict[str, bool]:
    find_user(call.vault, call.id("userId"))
    return {"success": True}


@routes.on("POST", "/api/v1/users/delete-pii/{id}", WRITE)
def delete_pii(call: Call) -> bool:
    """Only for a deactivated user; name, password and personal group become noise, and there is no way back."""
    vault = call.vault
    user = find_user(vault, call.id())
    if user.enabled:
        raise ApiError("Only a deactivated user's personal data can be removed.")
    vault.user_names.pop((user.domain_id, user.user_name.casefold()), None)
    noise = secrets.token_hex(8)
    user.user_name = user.display_name = noise
    user.password, user.email, user.ad_guid = secrets.token_urlsafe(24), "", ""
    vault.user_names[user.domain_id, noise] = user.id
    vault.groups[user.personal_group_id].name = noise
    vault.tree.rename_personal_folder(user)
    vault.update_user(user)
    return True


# -- many at once
def _bulk_users(call: Call) -> tuple[dict[str, Any], list[User]]:
    body = read(data(call) or {}, {"userIds": "ints", "groupId": int}, ("userIds",))
    users = [call.vault.users.get(i) for i in body["userIds"]]
    if any(u is None for u in users):
        raise missing(call.vault, "User")
    return body, [u for u in users if u is not None]


def _done(vault: Vault) -> dict[str, int]:
    vault.next_ids["bulk"] = vault.next_ids.get("bulk", 0) + 1
    vault.changed()
    return {"bulkOperationId": vault.next_ids["bulk"]}


@routes.on("POST", "/api/v1/bulk-user-operations/enable", WRITE)
@routes.on("POST", "/api/v1/bulk-user-operations/disable", WRITE)
@routes.on("POST", "/api/v1/bulk-user-operations/lock", WRITE)
@routes.on("POST", "/api/v1/bulk-user-operations/unlock", WRITE)
def bulk_state(call: Call) -> dict[str, int]:
    vault = call.vault
    verb = call.path.rsplit("/", 1)[-1].lower()
    for user in _bulk_users(call)[1]:
        if verb == "enable" and not user.enabled:
            check_licences(vault, enabling=not user.application)
        if verb in {"enable", "disable"}:
            user.enabled = verb == "enable"
            vault.update_user(user)
        else:
            user.locked, user.lock_reason = (True, "Other") if verb == "lock" else (False, None)
    return _done(vault)


@routes.on("POST", "/api/v1/bulk-user-operations/add-to-group", "Administer Groups")
@routes.on("POST", "/api/v1/bulk-user-operations/remove-from-group", "Administer Groups")
def bulk_groups(call: Call) -> dict[str, int]:
    vault = call.vault
    body, users = _bulk_users(call)
    group = _check_groups(vault, [body.get("groupId", 0)])[0]
    for user in users:
        (vault.join if call.path.lower().endswith("add-to-group") else vault.leave)(group.id, user.id)
    return _done(vault)


@routes.on("POST", "/api/v1/bulk-user-operations/force-logout", WRITE)
def bulk_logout(call: Call) -> dict[str, int]:
    for user in _bulk_users(call)[1]:
        call.vault.sessions.close(user.id)
    return _done(call.vault)
