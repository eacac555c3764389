"""Secret templates over the API: list, detail, create, fields, and made-up passwords."""

from __future__ import annotations

import secrets
import string
from typing import Any

from simulator.errors import ApiError
from simulator.fields import read
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.templates import Template, TemplateField
from simulator.vault import Vault

routes = Routes()


def find_template(vault: Vault, template_id: int) -> Template:
    template = vault.tree.templates.get(template_id)
    if template is None:
        raise missing(vault, "Secret template")
    return template


def template_summary(vault: Vault, template: Template, *, counting: bool = False) -> dict[str, Any]:
    count = sum(s.template_id == template.id and s.active for s in vault.tree.secrets.values()) if counting else None
    return {
        "id": template.id,
        "name": template.name,
        "active": template.active,
        "passwordTypeId": None,
        "passwordTypeReady": False,
        "heartbeatEnabled": False,
        "secretCount": count,
    }


@routes.on("GET", "/api/v1/secret-templates")
def search(call: Call) -> dict[str, Any]:
    vault = call.vault
    text, inactive = call.text("filter.searchText").casefold(), call.flag("filter.includeInactive")
    counting = call.flag("filter.includeSecretCount")
    found = [t for t in vault.tree.templates.values() if (inactive or t.active) and text in t.name.casefold()]
    return envelope(call, found, lambda t: template_summary(vault, t, counting=counting))


@routes.on("GET", "/api/v2/secret-templates/{secretTemplateId}")
def detail(call: Call) -> dict[str, Any]:
    """Settings of the template; its fields stand in the stub of a new secret."""
    vault = call.vault
    template = find_template(vault, call.id("secretTemplateId"))
    return {
        "id": template.id,
        "name": template.name,
        "active": template.active,
        "description": "",
        "secretCount": sum(s.template_id == template.id for s in vault.tree.secrets.values()),
        "namePattern": "",
        "namePatternErrorMessage": "",
        "oneTimePasswordEnabled": False,
        "saveAllNameHistory": False,
        "validatePasswordRequirementsOnCreate": False,
        "validatePasswordRequirementsOnEdit": False,
    }


def template_field(field: TemplateField, order: int) -> dict[str, Any]:
    return {
        "secretTemplateFieldId": field.id,
        "name": field.name,
        "displayName": field.name,
        "fieldSlugName": field.slug,
        "description": field.description,
        "isPassword": field.password,
        "isNotes": field.notes,
        "isFile": field.file,
        "isUrl": field.url,
        "isRequired": field.required,
        "isList": False,
        "listType": "None",
        "editRequires": "Edit",
        "hideOnView": False,
        "isIndexable": not field.password,
        "sortOrder": order,
    }


def template_model(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "name": template.name,
        "fields": [template_field(f, n) for n, f in enumerate(template.fields, 1)],
    }


@routes.on("POST", "/api/v1/secret-templates", "Administer Secret Templates")
def create(call: Call) -> dict[str, Any]:
    vault = call.vault
    body = read(call.json, {"name": str, "fields": "objects"}, ("name",))
    if any(t.name.casefold() == body["name"].casefold() for t in vault.tree.templates.values()):
        raise ApiError("A secret template with this name already exists.", status=vault.switches.duplicate_status)
    first = max((f.id for t in vault.tree.templates.values() for f in t.fields), default=0) + 1
    fields = []
    for number, raw in enumerate(body.get("fields", ())):
        shape: dict[str, type | str] = {
            **dict.fromkeys(("name", "displayName", "fieldSlugName", "description"), str),
            **dict.fromkeys(("isPassword", "isNotes", "isFile", "isUrl", "isRequired"), bool),
        }
        row = read(raw, shape, ("name",))
        slug = row.get("fieldSlugName") or row["name"].lower().replace(" ", "-")
        fields.append(
            TemplateField(
                first + number,
                row["name"],
                slug,
                password=row.get("isPassword", False),
                notes=row.get("isNotes", False),
                file=row.get("isFile", False),
                url=row.get("isUrl", False),
                required=row.get("isRequired", False),
                description=row.get("description", ""),
            )
        )
    template = Template(max(vault.tree.templates) + 1, body["name"], fields)
    vault.tree.templates[template.id] = template
    vault.changed()
    return template_model(template)


@routes.on("GET", "/api/v1/secret-templates/fields/search")
def fields(call: Call) -> dict[str, Any]:
    vault = call.vault
    number = call.number("filter.secretTemplateId")
    chosen = [find_template(vault, number)] if number is not None else list(vault.tree.templates.values())
    rows = [(f, n) for t in chosen for n, f in enumerate(t.fields, 1)]
    return envelope(call, rows, lambda pair: _field_summary(*pair))


def _field_summary(field: TemplateField, order: int) -> dict[str, Any]:
    kinds = ((field.password, "Password"), (field.notes, "Notes"), (field.file, "File"), (field.url, "Url"))
    return {
        "id": field.id,
        "name": field.name,
        "slugName": field.slug,
        "type": next((name for is_it, name in kinds if is_it), "Text"),
        "active": True,
        "description": field.description,
        "editRequiresPermission": "Edit",
        "exposeForDisplay": False,
        "historyLength": 0,
        "required": field.required,
        "searchable": not field.password,
        "sortOrder": order,
        "viewingRequiresEdit": False,
    }


@routes.on("POST", "/api/v1/secret-templates/generate-password/{secretfieldId}")
def generate(call: Call) -> str:
    vault = call.vault
    number = call.id("secretfieldId")
    if not any(f.id == number and f.password for t in vault.tree.templates.values() for f in t.fields):
        raise missing(vault, "Password field")
    letters = string.ascii_letters + string.digits + "!@#$%"
    return "Aa1!" + "".join(secrets.choice(letters) for _ in range(12))
