"""Finding secrets without opening one: search, total, lookup, summary.  Nothing here leaves a view on record."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError, invalid
from simulator.http import Call, Routes, denied, missing
from simulator.levels import SECRET_RANKS
from simulator.paging import envelope
from simulator.secret_rows import secret_summary
from simulator.tree import Secret

routes = Routes()

LIST, VIEW, EDIT, OWNER = 1, 2, 3, 4
SORT_KEYS = {"id": lambda s: s.id, "name": lambda s: s.name.casefold()}


def find_secret(call: Call, secret_id: int, level: int = LIST, *, inactive: bool = True) -> Secret:
    """A secret with at least this right for the account; deactivated ones only where they are meant."""
    vault = call.vault
    secret = vault.tree.secrets.get(secret_id)
    if secret is None or (not secret.active and not inactive):
        raise missing(vault, "Secret")
    if vault.tree.secret_level(call.account, secret) < level or not call.may("View Secret", "Own Secret"):
        raise denied(vault)
    return secret


def matching(call: Call) -> list[Secret]:
    """The filters of /v2/secrets that decide which rows there are."""
    vault, tree = call.vault, call.vault.tree
    if not call.may("View Secret", "Own Secret"):
        return []
    wanted = call.text("filter.permissionRequired") or "List"
    rank = SECRET_RANKS.get(wanted.capitalize(), 0)
    if not rank:
        raise invalid({"filter.permissionRequired": [f"The value '{wanted}' is not valid."]})
    folder_id, deep = call.number("filter.folderId"), call.flag("filter.includeSubFolders")
    templates = {*call.numbers("filter.secretTemplateIds"), *call.numbers("filter.secretTemplateId")}
    ids, site = set(call.numbers("filter.secretIds")), call.number("filter.siteId")
    text, exact = call.text("filter.searchText").casefold(), call.flag("filter.isExactMatch")
    active, inactive = call.flag("filter.includeActive", True), call.flag("filter.includeInactive")
    restricted = call.flag("filter.includeRestricted") or vault.switches.restricted_in_search == "always"
    scope, taken = (call.text("filter.scope") or "All").lower(), call.flag("filter.onlyCheckedOutSecrets")
    if scope not in {"all", "recent", "favorites"}:
        raise invalid({"filter.scope": [f"The value '{scope}' is not valid."]})

    def fits(secret: Secret) -> bool:
        name = secret.name.casefold()
        return (
            (active if secret.active else inactive)
            and (not text or (text == name if exact else text in name))
            and (not templates or secret.template_id in templates)
            and (not ids or secret.id in ids)
            and (site is None or secret.site_id == site)
            and (restricted or not (secret.check_out or secret.requires_comment))
            and (not taken or secret.checked_out_by != 0)
            and tree.secret_level(call.account, secret) >= rank
        )

    def build() -> list[Secret]:
        if folder_id is not None:
            folders = [folder_id, *(f.id for f in tree.below(folder_id))] if deep else [folder_id]
            found = [tree.secrets[s] for f in folders for s in tree.secrets_in.get(f, ())]
        else:
            found = list(tree.secrets.values())
        return sorted((s for s in found if fits(s)), key=lambda s: s.id)

    if scope != "all":
        seen = {v["secretId"] for v in tree.views if v["userId"] == call.account.id} if scope == "recent" else set()
        return [s for s in build() if s.id in seen]
    found: list[Secret] = vault.remembered(("secrets", call.account.id, _filters(call)), build)
    return found


def _filters(call: Call) -> tuple[Any, ...]:
    return tuple(sorted((n, tuple(v)) for n, v in call.query.items() if n.startswith("filter.")))


@routes.on("GET", "/api/v2/secrets")
@routes.on("GET", "/api/v1/secrets")
def search(call: Call) -> dict[str, Any]:
    vault = call.vault
    if call.path.lower() == "/api/v1/secrets" and not vault.switches.v1_secrets:
        raise LookupError(call.path)
    found = envelope(call, matching(call), lambda s: secret_summary(vault, s), SORT_KEYS)
    if call.flag("filter.doNotCalculateTotal") and vault.switches.secret_search_total:
        found["total"] = found["pageCount"] = found["batchCount"] = 0
    return found


@routes.on("GET", "/api/v2/secrets/search-total")
def total(call: Call) -> str:
    return str(len(matching(call)))


@routes.on("GET", "/api/v1/secrets/lookup")
def lookup(call: Call) -> dict[str, Any]:
    return envelope(call, matching(call), lambda s: {"id": s.id, "value": s.name}, SORT_KEYS)


@routes.on("GET", "/api/v1/secrets/lookup/{id}")
def lookup_one(call: Call) -> dict[str, Any]:
    secret = find_secret(call, call.id())
    return {"id": secret.id, "value": secret.name}


@routes.on("GET", "/api/v1/secrets/{id}/summary")
def summary(call: Call) -> dict[str, Any]:
    return secret_summary(call.vault, find_secret(call, call.id()))


@routes.on("GET", "/api/v1/secrets/{id}/state")
def state(call: Call) -> dict[str, Any]:
    """What stands between the caller and the secret."""
    vault, tree = call.vault, call.vault.tree
    secret = find_secret(call, call.id())
    folder = tree.folders.get(secret.folder_id)
    level = tree.secret_level(call.account, secret)
    mine = secret.checked_out_by == call.account.id
    return {
        "id": secret.id,
        "secretName": secret.name,
        "folderId": secret.folder_id,
        "folderName": folder.name if folder else "",
        "isActive": secret.active,
        "role": next(n for n, r in SECRET_RANKS.items() if r == level and n),
        "secretState": obstacle(secret, level, mine=mine),
        "actions": ["Edit", "Copy"] if level >= EDIT else [],
        "availableActions": {"extendCheckOut": False},
        "isCheckedOut": bool(secret.checked_out_by),
        "isCheckedOutByCurrentUser": mine,
        "checkedOutUserId": secret.checked_out_by or -1,
        "checkedOutUserDisplayName": vault.users[secret.checked_out_by].display_name if secret.checked_out_by else "",
        "checkOutIntervalMinutes": secret.check_out_minutes,
        "checkOutMinutesRemaining": secret.check_out_minutes if secret.checked_out_by else 0,
        "passwordChangePending": False,
    }


def obstacle(secret: Secret, level: int, *, mine: bool) -> str:
    if not secret.active:
        return "RequiresUndelete"
    if level < VIEW:
        return "CannotView"
    out = secret.check_out and not mine
    if out and secret.requires_comment:
        return "RequiresCheckoutAndComment"
    if out:
        return "RequiresCheckout"
    return "RequiresComment" if secret.requires_comment else "None"


@routes.on("GET", "/api/v1/secrets/{id}/settings")
def settings(call: Call) -> dict[str, Any]:
    if not call.may("View Advanced Secret Options"):
        raise denied(call.vault)
    find_secret(call, call.id(), VIEW)
    return {
        "expirationType": "Template",
        "expirationDayInterval": 0,
        "expirationTemplateText": "",
        "sendEmailWhenChanged": False,
        "sendEmailWhenHeartbeatFails": False,
        "sendEmailWhenViewed": False,
    }


def known_folder(call: Call, folder_id: int | None) -> int:
    """The folder of a new or moved secret, where the account may add; -1 for none, if that is allowed."""
    vault, tree = call.vault, call.vault.tree
    if folder_id is None or folder_id < 0:
        if not vault.switches.folderless_secrets:
            raise ApiError("A secret must be in a folder.")
        return -1
    folder = tree.folders.get(folder_id)
    if folder is None:
        raise missing(vault, "Folder")
    if tree.folder_level(call.account, folder) < 2:
        raise denied(vault)
    return folder_id
