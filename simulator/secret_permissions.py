"""Who may do what with one secret.  There is no breakInheritance here: the share setting ends the inheritance first."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, patch, read
from simulator.folder_permissions import group_for, inherited
from simulator.http import Call, Routes, missing
from simulator.levels import SECRET_ROLE_IDS
from simulator.paging import envelope
from simulator.secret_rows import secret_permission_model, secret_permission_summary
from simulator.secret_search import LIST, OWNER, find_secret
from simulator.tree import Grant, Secret
from simulator.vault import LOCAL, Vault

routes = Routes()

SORT_KEYS = {"id": lambda r: r.id, "secretid": lambda r: r.on}


def _named(vault: Vault, body: dict[str, Any]) -> dict[str, Any]:
    """GroupName or userName with domainName stand for an id."""
    if body.get("groupId") or body.get("userId"):
        return body
    domain = body.get("domainName", "").casefold()
    domain_id = next((i for i, n in vault.domains.items() if n.casefold() == domain), LOCAL)
    if body.get("groupName"):
        found = [g.id for g in vault.group_named(body["groupName"]) if g.domain_id == domain_id]
        return {**body, "groupId": found[0] if found else -1}
    if body.get("userName"):
        user = vault.user_named(domain_id, body["userName"])
        return {**body, "userId": user.id if user else -1}
    return body


@routes.on("GET", "/api/v1/secret-permissions")
def search(call: Call) -> dict[str, Any]:
    vault, tree = call.vault, call.vault.tree
    secret_id, group_id, user_id = (call.number(f"filter.{n}Id") for n in ("secret", "group", "user"))
    named = _named(
        vault,
        {n: call.text(f"filter.{n}") for n in ("groupName", "userName", "domainName") if call.text(f"filter.{n}")},
    )
    if secret_id is not None:
        secret = tree.secrets.get(secret_id)
        rows = tree.secret_rows(secret) if secret and tree.secret_level(call.account, secret) >= LIST else []
    else:
        rows = vault.remembered(("secret rows", call.account.id), lambda: _all(call))
    groups = {g for g in (group_id, named.get("groupId")) if g is not None}
    groups |= {
        vault.users[u].personal_group_id if u in vault.users else -1
        for u in (user_id, named.get("userId"))
        if u is not None
    }
    if groups:
        rows = [r for r in rows if r.group_id in groups]
    domain = call.number("filter.domainId")
    if domain is not None:
        own = LOCAL if domain == vault.switches.local_domain_id else domain
        rows = [r for r in rows if vault.groups[r.group_id].domain_id == own]
    text = call.text("filter.searchText").casefold()
    if text:
        rows = [r for r in rows if text in vault.groups[r.group_id].name.casefold()]
    return envelope(call, rows, lambda r: secret_permission_summary(vault, r), SORT_KEYS)


def _all(call: Call) -> list[Grant]:
    """The given rows of the secrets the account may list."""
    tree = call.vault.tree
    return [r for r in tree.secret_grants.rows.values() if tree.secret_level(call.account, tree.secrets[r.on]) >= LIST]


def _row(call: Call, level: int = LIST) -> tuple[Secret, Grant]:
    found = call.vault.tree.secret_row(call.id())
    if found is None:
        raise missing(call.vault, "Secret permission")
    find_secret(call, found[0].id, level)
    return found


@routes.on("GET", "/api/v1/secret-permissions/{id}")
def get(call: Call) -> dict[str, Any]:
    return secret_permission_model(call.vault, _row(call)[1])


@routes.on("GET", "/api/v1/secret-permissions/stub")
def stub(call: Call) -> dict[str, Any]:
    number = call.number("secretId")
    if number is None:
        raise invalid({"secretId": ["The secretId field is required."]})
    find_secret(call, number)
    return {
        **dict.fromkeys(("id", "groupId", "userId"), 0),
        **dict.fromkeys(("groupName", "userName", "knownAs"), ""),
        "secretId": number,
        "secretAccessRoleId": SECRET_ROLE_IDS["View"],
        "secretAccessRoleName": "View",
    }


@routes.on("GET", "/api/v1/secret-permissions/role-options")
def role_options(call: Call) -> dict[str, Any]:
    """11.7 only."""
    if call.vault.switches.version != "11.7":
        raise LookupError(call.path)
    return {
        "roleOptions": [{"id": n, "name": name, "isDefault": name == "View"} for name, n in SECRET_ROLE_IDS.items()]
    }


def _role(body: dict[str, Any]) -> str:
    name = body["secretAccessRoleName"]
    if name not in SECRET_ROLE_IDS:
        raise invalid({"secretAccessRoleName": [f"The secret access role '{name}' does not exist."]})
    return str(name)


def _keep_owner(call: Call, secret: Secret, leaving: int) -> None:
    mine = {g.id for g in call.vault.groups_with(call.account)}
    rows = call.vault.tree.secret_rows(secret)
    owners = {r.group_id for r in rows if r.secret_role == "Owner"} & mine
    if leaving in owners and len(owners) == 1:
        raise ApiError("You may not remove your own owner permission.")


@routes.on("POST", "/api/v1/secret-permissions", "Own Secret")
def create(call: Call) -> dict[str, Any]:
    vault, tree = call.vault, call.vault.tree
    shape: dict[str, type | str] = {
        "secretId": int,
        "groupId": "int?",
        "userId": "int?",
        **dict.fromkeys(("groupName", "userName", "domainName", "secretAccessRoleName"), str),
    }
    body = read(call.json, shape, ("secretId", "secretAccessRoleName"))
    secret = find_secret(call, body["secretId"], OWNER)
    role, group_id = _role(body), group_for(vault, _named(vault, body))
    if secret.inherits:
        raise inherited(vault)
    if tree.secret_grants.held(secret.id, group_id):
        raise ApiError(
            "This user or group already has a permission on the secret.", status=vault.switches.duplicate_status
        )
    row = tree.grant_secret(secret, group_id, role)
    vault.changed()
    return secret_permission_model(vault, row)


@routes.on("PUT", "/api/v1/secret-permissions/{id}", "Own Secret")
def replace(call: Call) -> dict[str, Any]:
    vault = call.vault
    secret, row = _row(call, OWNER)
    body = read(
        call.json, {"id": int, "secretId": int, "secretAccessRoleName": str}, ("id", "secretId", "secretAccessRoleName")
    )
    if body["id"] != row.id or body["secretId"] != secret.id:
        raise invalid({"id": ["The id does not match the path."]})
    role = _role(body)
    if secret.inherits:
        raise inherited(vault)
    if role != "Owner":
        _keep_owner(call, secret, row.group_id)
    row.secret_role = role
    vault.changed()
    return secret_permission_model(vault, row)


@routes.on("DELETE", "/api/v1/secret-permissions/{id}", "Own Secret")
def delete(call: Call) -> dict[str, Any]:
    vault = call.vault
    secret, row = _row(call, OWNER)
    if secret.inherits:
        raise inherited(vault)
    _keep_owner(call, secret, row.group_id)
    vault.tree.secret_grants.drop(row)
    vault.changed()
    return {"id": row.id, "objectType": "SecretPermission", "responseCodes": []}


@routes.on("PATCH", "/api/v1/secrets/{secretId}/share", "Own Secret")
def share(call: Call) -> dict[str, Any]:
    """Inheritance off keeps a copy of the rows; on drops the secret's own."""
    vault, tree = call.vault, call.vault.tree
    secret = find_secret(call, call.id("secretId"), OWNER)
    wanted = patch(call, data(call) or {}, {"inheritPermissions": bool}).get("inheritPermissions")
    if wanted is True and not secret.inherits:
        if secret.folder_id not in tree.folders:
            raise ApiError("A secret without folder has nothing to inherit.")
        tree.secret_grants.clear(secret.id)
        secret.inherits = True
    elif wanted is False:
        tree.detach_secret(secret, call.account)
    vault.changed()
    return {"secretId": secret.id, "inheritPermissions": secret.inherits}


@routes.on("POST", "/api/v1/secret-permissions/is-current-user-secret-owner")
def is_owner(call: Call) -> dict[str, bool]:
    """Would these rows make the caller an owner?"""
    mine = {g.id for g in call.vault.groups_with(call.account)}
    rows = (data(call) or {}).get("groupSecretAccessRoles") or []
    owner = SECRET_ROLE_IDS["Owner"]
    return {
        "isCurrentUserSecretOwner": any(r.get("groupId") in mine and r.get("secretAccessRoleId") == owner for r in rows)
    }
