"""Opening and changing secrets.  Whoever reads one here leaves a view on record, and may check it out."""

from __future__ import annotations

import time
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import read
from simulator.http import Call, Routes, denied, missing
from simulator.secret_rows import secret_summary
from simulator.secret_search import EDIT, VIEW, find_secret, known_folder
from simulator.secret_templates import find_template
from simulator.templates import Template, TemplateField, template_name
from simulator.tree import Secret
from simulator.vault import NEVER, Vault

routes = Routes()

COMMENT = "API_ValidateSecretAccessCommentRequired"

_BODY: dict[str, type | str] = {
    "name": str,
    "secretTemplateId": int,
    "items": "objects",
    "siteId": int,
    "folderId": "int?",
    "enableInheritPermissions": "bool?",
    "checkOutEnabled": bool,
    "checkOutIntervalMinutes": "int?",
    "requiresComment": bool,
}
_ITEM: dict[str, type | str] = {"fieldId": int, "slug": str, "fieldName": str, "itemValue": str, "itemId": int}


def secret_model(vault: Vault, secret: Secret) -> dict[str, Any]:
    """With all field values: only for those who open the secret."""
    template = vault.tree.templates.get(secret.template_id) or Template(0, "")
    taken = vault.users.get(secret.checked_out_by) if secret.checked_out_by else None
    return {
        "id": secret.id,
        "name": secret.name,
        "active": secret.active,
        "folderId": secret.folder_id,
        "siteId": secret.site_id,
        "secretTemplateId": secret.template_id,
        "secretTemplateName": template_name(vault, secret.template_id),
        "items": [_item(secret, f) for f in template.fields],
        "enableInheritPermissions": secret.inherits,
        "enableInheritSecretPolicy": False,
        "secretPolicyId": -1,
        "checkOutEnabled": secret.check_out,
        "checkOutIntervalMinutes": secret.check_out_minutes,
        "checkOutMinutesRemaining": secret.check_out_minutes if taken else 0,
        "checkOutChangePasswordEnabled": False,
        "checkedOut": bool(taken),
        "checkOutUserId": taken.id if taken else -1,
        "checkOutUserDisplayName": taken.display_name if taken else "",
        "requiresComment": secret.requires_comment,
        "requiresApprovalForAccess": False,
        "isRestricted": secret.check_out or secret.requires_comment,
        "isDoubleLock": False,
        "doubleLockId": 0,
        "isOutOfSync": False,
        "outOfSyncReason": "",
        "autoChangeEnabled": False,
        "autoChangeNextPassword": "",
        "failedPasswordChangeAttempts": 0,
        "lastHeartBeatCheck": NEVER,
        "lastHeartBeatStatus": "Pending",
        "lastPasswordChangeAttempt": NEVER,
        "launcherConnectAsSecretId": None,
        "jumpboxRouteId": None,
        "accessRequestWorkflowMapId": None,
        "passwordTypeWebScriptId": -1,
        "proxyEnabled": False,
        "sessionRecordingEnabled": False,
        "allowOwnersUnrestrictedSshCommands": False,
        "restrictSshCommands": False,
        "webLauncherRequiresIncognitoMode": False,
        "responseCodes": [],
    }


def _item(secret: Secret, field: TemplateField) -> dict[str, Any]:
    return {
        "itemId": secret.id * 100 + field.id % 100 if secret.id else 0,
        "fieldId": field.id,
        "fieldName": field.name,
        "slug": field.slug,
        "fieldDescription": field.description,
        "itemValue": secret.values.get(field.id, ""),
        "filename": "",
        "isFile": field.file,
        "isNotes": field.notes,
        "isPassword": field.password,
        "isList": False,
        "listType": "None",
    }


def take_out(call: Call, secret: Secret, how: str, body: dict[str, Any]) -> None:
    """Pass the secret's own hurdles, then put the view on record."""
    comment = body.get("comment") or call.text("autoComment")
    if secret.requires_comment and not comment:
        raise ApiError("This secret requires a comment when viewed.", code=COMMENT)
    if secret.check_out:
        other = secret.checked_out_by not in {0, call.account.id}
        if other and not (call.flag("forceCheckIn") or body.get("forceCheckIn")):
            raise ApiError("The secret is checked out by another user.")
        if not (call.flag("noAutoCheckout") or body.get("noAutoCheckout")):
            secret.checked_out_by = call.account.id
            call.vault.changed()
    call.vault.tree.saw(secret, call.account, how)


@routes.on("GET", "/api/v2/secrets/{id}")
@routes.on("GET", "/api/v1/secrets/{id}")
def get(call: Call) -> dict[str, Any]:
    if call.path.lower().startswith("/api/v1") and not call.vault.switches.v1_secrets:
        raise LookupError(call.path)
    secret = find_secret(call, call.id(), VIEW, inactive=call.flag("includeInactive"))
    take_out(call, secret, "get", {})
    return secret_model(call.vault, secret)


@routes.on("POST", "/api/v1/secrets/{id}/restricted")
def get_restricted(call: Call) -> dict[str, Any]:
    """The way to give a comment."""
    shape: dict[str, type | str] = {
        "comment": str,
        "forceCheckIn": bool,
        "includeInactive": bool,
        "noAutoCheckout": bool,
    }
    body = read(call.json, shape)
    secret = find_secret(call, call.id(), VIEW, inactive=body.get("includeInactive", False))
    take_out(call, secret, "restricted", body)
    return secret_model(call.vault, secret)


@routes.on("POST", "/api/v1/secrets/{id}/check-out")
def check_out(call: Call) -> dict[str, Any]:
    secret = find_secret(call, call.id(), VIEW, inactive=False)
    if secret.check_out:
        if secret.checked_out_by not in {0, call.account.id}:
            raise ApiError("The secret is checked out by another user.")
        secret.checked_out_by = call.account.id
        call.vault.changed()
    return {"responseCodes": []}


@routes.on("POST", "/api/v1/secrets/{id}/check-in")
def check_in(call: Call) -> dict[str, Any]:
    secret = find_secret(call, call.id(), VIEW)
    forced = bool(call.body) and bool(call.json.get("forceCheckIn"))
    if secret.checked_out_by not in {0, call.account.id} and not forced:
        raise ApiError("The secret is checked out by another user.")
    secret.checked_out_by = 0
    call.vault.changed()
    return secret_summary(call.vault, secret)


# -- fields
def find_field(call: Call, secret: Secret, slug: str) -> TemplateField:
    template = find_template(call.vault, secret.template_id)
    for field in template.fields:
        if field.slug == slug.lower():
            return field
    raise missing(call.vault, "Secret field")


@routes.on("GET", "/api/v1/secrets/{id}/fields/{slug}")
def read_field(call: Call) -> str:
    secret = find_secret(call, call.id(), VIEW, inactive=call.flag("includeInactive"))
    field = find_field(call, secret, call.params["slug"])
    take_out(call, secret, f"field {field.slug}", {})
    return secret.values.get(field.id, "")


@routes.on("PUT", "/api/v1/secrets/{id}/fields/{slug}", "Edit Secret")
def write_field(call: Call) -> str:
    """Text fields by JSON; files would come as multipart, which is not done here."""
    secret = find_secret(call, call.id(), EDIT, inactive=False)
    field = find_field(call, secret, call.params["slug"])
    if field.file:
        raise ApiError("File fields are not simulated.")
    secret.values[field.id] = read(call.json, {"value": str}, ("value",), empty=("value",))["value"]
    call.vault.changed()
    return secret.values[field.id]


# -- create, replace, deactivate
@routes.on("GET", "/api/v1/secrets/stub")
def stub(call: Call) -> dict[str, Any]:
    """An empty secret of a template: this is where its fields are read from."""
    number = call.number("secretTemplateId")
    if number is None:
        raise invalid({"secretTemplateId": ["The secretTemplateId field is required."]})
    template = find_template(call.vault, number)
    folder = call.number("folderId")
    return secret_model(call.vault, Secret(0, "", template.id, -1 if folder is None else folder))


def _values(template: Template, items: list[dict[str, Any]]) -> dict[int, str]:
    """Items name their field by id, slug or name."""
    found: dict[int, str] = {}
    for raw in items:
        item = read(raw, _ITEM)
        field = next(
            (
                f
                for f in template.fields
                if f.id == item.get("fieldId")
                or f.slug == item.get("slug", "").lower()
                or f.name == item.get("fieldName")
            ),
            None,
        )
        if field is None:
            raise invalid({"items": ["An item names no field of the template."]})
        found[field.id] = item.get("itemValue", "")
    lacking = [f.name for f in template.fields if f.required and not found.get(f.id)]
    if lacking:
        raise invalid({"items": [f"The field {name} is required." for name in lacking]})
    return found


@routes.on("POST", "/api/v1/secrets", "Add Secret")
def create(call: Call) -> dict[str, Any]:
    vault, tree = call.vault, call.vault.tree
    body = read(call.json, _BODY, ("name", "secretTemplateId", "items"))
    template = find_template(vault, body["secretTemplateId"])
    if body.get("siteId", 0 if vault.switches.site_required else 1) != 1:
        raise invalid({"siteId": ["The site does not exist."]})
    folder_id = known_folder(call, body.get("folderId"))
    values = _values(template, body["items"])
    inherits = folder_id != -1 and body.get("enableInheritPermissions") is not False
    secret = Secret(
        tree.new_id("secret"),
        body["name"].strip(),
        template.id,
        folder_id,
        inherits=inherits,
        created=time.time(),
        values=values,
        check_out=body.get("checkOutEnabled", False),
        check_out_minutes=body.get("checkOutIntervalMinutes") or 30,
        requires_comment=body.get("requiresComment", False),
    )
    tree.add_secret(secret)
    if not inherits:
        tree.grant_secret(secret, call.account.personal_group_id, "Owner")
    vault.changed()
    return secret_model(vault, secret)


@routes.on("PUT", "/api/v1/secrets/{id}", "Edit Secret")
def replace(call: Call) -> dict[str, Any]:
    """Name and the full list of items are required; the rest falls back when left out."""
    vault = call.vault
    shape: dict[str, type | str] = {
        "id": int,
        "active": bool,
        "comment": str,
        "includeInactive": bool,
        "forceCheckIn": bool,
        **_BODY,
    }
    body = read(call.json, shape, ("id", "name", "items"))
    secret = find_secret(call, call.id(), EDIT, inactive=body.get("includeInactive", False))
    if body["id"] != secret.id:
        raise invalid({"id": ["The id does not match the path."]})
    if secret.requires_comment and not body.get("comment"):
        raise ApiError("This secret requires a comment when viewed.", code=COMMENT)
    template = find_template(vault, secret.template_id)
    values = _values(template, body["items"])
    reset = vault.switches.put_missing == "reset"
    folder_id = body.get("folderId", -1 if reset else secret.folder_id)
    if (folder_id or -1) != secret.folder_id:
        vault.tree.move_secret(secret, known_folder(call, folder_id))
    secret.name, secret.values = body["name"].strip(), values
    secret.check_out = body.get("checkOutEnabled", False if reset else secret.check_out)
    secret.requires_comment = body.get("requiresComment", False if reset else secret.requires_comment)
    active = body.get("active", False if reset else secret.active)
    if secret.active and not active:
        call.need("Deactivate Secret", "Delete Secret")
    secret.active = active
    vault.changed()
    return secret_model(vault, secret)


@routes.on("DELETE", "/api/v1/secrets/{id}", "Deactivate Secret", "Delete Secret")
def delete(call: Call) -> dict[str, Any]:
    """Deactivates; erasing is something else and not in this API."""
    vault = call.vault
    secret = find_secret(call, call.id())
    if vault.tree.secret_level(call.account, secret) < EDIT:
        raise denied(vault)
    if not secret.active and vault.switches.second_delete == "error":
        raise ApiError("The secret is already deactivated.")
    secret.active, secret.checked_out_by = False, 0
    vault.changed()
    return {"id": secret.id, "objectType": "Secret", "responseCodes": []}
