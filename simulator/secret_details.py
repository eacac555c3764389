"""Partial changes of a secret, in the dialect {data: {field: {dirty, value}}}: general, security, check-out."""

from __future__ import annotations

from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import data, patch, read
from simulator.http import Call, Routes
from simulator.secret_search import EDIT, OWNER, find_secret, known_folder
from simulator.secret_templates import find_template
from simulator.secrets import find_field
from simulator.templates import template_name
from simulator.tree import Secret
from simulator.vault import NEVER, Vault

routes = Routes()


@routes.on("PATCH", "/api/v1/secrets/{id}/general", "Edit Secret")
@routes.on("PATCH", "/api/v2/secrets/{id}/general", "Edit Secret")
def general(call: Call) -> dict[str, Any]:
    """Name, folder, active, site and fields; moving needs the right to add in the other folder."""
    vault, tree = call.vault, call.vault.tree
    secret = find_secret(call, call.id(), EDIT)
    inner = data(call) or {}
    shape: dict[str, type | str] = {
        "name": str,
        "folder": "int?",
        "active": bool,
        "site": "int?",
        "template": "int?",
        "secretPolicy": "int?",
    }
    dirty = patch(call, inner, shape)
    fields = [read(f, {"dirty": bool, "slug": str, "value": str}, ("slug",)) for f in inner.get("secretFields") or ()]
    chosen = [(find_field(call, secret, f["slug"]), f.get("value", "")) for f in fields if f.get("dirty")]
    if "name" in dirty and not (dirty["name"] or "").strip():
        raise invalid({"name": ["The name field is required."]})
    if dirty.get("site") not in {None, 1}:
        raise invalid({"site": ["The site does not exist."]})
    if dirty.get("active") is False:
        call.need("Deactivate Secret", "Delete Secret")
    if "folder" in dirty:
        tree.move_secret(secret, known_folder(call, dirty["folder"]))
    if dirty.get("template"):
        secret.template_id = find_template(vault, dirty["template"]).id
    secret.name = (dirty.get("name") or secret.name).strip()
    secret.active = dirty.get("active", secret.active)
    for field, value in chosen:
        secret.values[field.id] = value
    vault.changed()
    return _general_view(vault, secret) if call.path.lower().startswith("/api/v1") else _general(vault, secret)


def _general(vault: Vault, secret: Secret) -> dict[str, Any]:
    """11.2's names; the field values are not in it."""
    return {
        "id": secret.id,
        "name": secret.name,
        "active": secret.active,
        "folder": str(secret.folder_id),
        "site": str(secret.site_id),
        "template": template_name(vault, secret.template_id),
        "secretPolicy": "",
        "fields": [],
        "launchers": [],
        "heartbeatEnabled": False,
        "isFavorite": False,
        "isOutOfSync": False,
        "isTotpEnabled": False,
        "lastHeartBeatCheck": NEVER,
        "lastHeartBeatStatus": "Pending",
        "outOfSyncReason": "",
    }


def _general_view(vault: Vault, secret: Secret) -> dict[str, Any]:
    plain = _general(vault, secret)
    shown = {
        "name": secret.name,
        "active": secret.active,
        "folder": plain["folder"],
        "site": plain["site"],
        "template": str(secret.template_id),
    }
    view = {
        name: {"name": name, "label": name.capitalize(), "value": value, "readOnly": False}
        for name, value in shown.items()
    }
    return {"id": secret.id, "isFavorite": False, "isTotpEnabled": False, "fields": [], "launchers": [], **view}


def _security(secret: Secret) -> dict[str, Any]:
    return {
        "checkOutEnabled": secret.check_out,
        "checkOutIntervalMinutes": secret.check_out_minutes,
        "checkOutChangePasswordEnabled": False,
        "requiresComment": secret.requires_comment,
        "isDoubleLock": False,
        "proxyEnabled": False,
        "sessionRecordingEnabled": False,
        "hideLauncherPassword": False,
        "requireApprovalType": "None",
    }


@routes.on("PATCH", "/api/v2/secrets/{id}/security-general", "Edit Secret")
def security(call: Call) -> dict[str, Any]:
    secret = find_secret(call, call.id(), OWNER)
    dirty = patch(call, data(call) or {}, {"requiresComment": bool})
    secret.requires_comment = dirty.get("requiresComment", secret.requires_comment)
    call.vault.changed()
    return _security(secret)


@routes.on("PATCH", "/api/v3/secrets/{id}/security-checkout", "Edit Secret")
def security_checkout(call: Call) -> dict[str, Any]:
    secret = find_secret(call, call.id(), OWNER)
    dirty = patch(call, data(call) or {}, {"checkOutEnabled": bool, "checkOutIntervalMinutes": "int?"})
    minutes = dirty.get("checkOutIntervalMinutes")
    if minutes is not None and minutes <= 0:
        raise ApiError("The interval must be positive.")
    secret.check_out = dirty.get("checkOutEnabled", secret.check_out)
    secret.check_out_minutes = minutes or secret.check_out_minutes
    call.vault.changed()
    return {"success": True, "model": _security(secret)}
