"""The value of one attribute, as clients send it → as the schema has it. Used by whole bodies and by PATCH alike.

Nothing here decides what a value means; only its shape changes. Nothing is changed in place.
"""

from __future__ import annotations

from typing import Any

from scim.errors import ConnectorError
from scim.protocol.dialects.vocabulary import (
    BOOLEANS,
    BY_VALUE,
    ENTERPRISE,
    MULTI_VALUED,
    REFERENCES,
    SIMPLE,
    STRING_LISTS,
    Notes,
    named,
)
from scim.protocol.limits import member, parse_json

NOTHING: Any = object()  # the attribute is to be unassigned


def clean_attribute(resource_type: str, name: str, value: Any, notes: Notes) -> Any:
    """The value of a whole attribute; `name` in lower case, without URN. NOTHING where it says "no value"."""
    if name in MULTI_VALUED.get(resource_type, ()):
        return clean_list(name, value, notes)
    if name in REFERENCES.get(resource_type, ()):
        return clean_reference(value, notes)
    if name in STRING_LISTS:
        return _string_list(value, notes)
    if name == "manager" and resource_type == "User":
        return clean_manager(value, notes)
    if name in SIMPLE:
        return clean_simple(name, value, notes)
    if name == ENTERPRISE.lower() and isinstance(value, dict):
        return clean_enterprise(value, notes)
    return value


def clean_simple(name: str, value: Any, notes: Notes) -> Any:
    """A plain value: Entra's oldest dialect wraps it as `[{"$ref": null, "value": x}]`, and booleans come as text."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        inner = value[0]
        if "value" in inner and inner.keys() <= {"value", "$ref"}:
            notes.say("plain value sent in an array")
            value = inner["value"]
    if name in BOOLEANS and isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        notes.say("boolean sent as text")  # Entra sends "True" and "False"
        return value.strip().lower() == "true"
    return value


def clean_list(name: str, value: Any, notes: Notes) -> Any:
    """A list of complex values: a single object, a bare string, or a list of strings are read as such a list."""
    if value is None:
        return value
    if not isinstance(value, list):
        if not isinstance(value, (dict, str, int)) or isinstance(value, bool):
            return value
        notes.say("list sent as a single value")
        value = [] if value == "" else [value]
    if name == "addresses":  # an address has no `value` that a bare string could be
        return [_entry(name, item, notes) if isinstance(item, dict) else item for item in value if item is not None]
    return [_entry(name, item, notes) for item in value if item is not None and item != ""]


def _entry(name: str, item: Any, notes: Notes) -> Any:
    if isinstance(item, str) or _is_number(item):
        notes.say("list entries sent as bare values")
        item = {"value": str(item)}
    if not isinstance(item, dict):
        return item
    entry = {key: value for key, value in item.items() if value is not None}
    if len(entry) != len(item):
        notes.say("nulls dropped")
    primary = named(entry, "primary")
    if primary is not None:
        entry[primary] = clean_simple("primary", entry[primary], notes)
    if name in BY_VALUE:
        entry = _with_value(entry, notes)
    if name in {"roles", "entitlements"}:
        entry = _role_from_text(entry, notes)
    display = named(entry, "display") if name == "roles" and len(entry) > 1 else None  # the vault's, and read-only
    if display is not None:
        entry = {key: value for key, value in entry.items() if key != display}
    return entry


def _with_value(entry: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """A reference whose id is a number, or that carries only a `$ref`."""
    key = named(entry, "value")
    reference = named(entry, "$ref")
    if reference is not None and entry[reference] == "":
        entry = {k: v for k, v in entry.items() if k != reference}
        reference = None
    if key is not None and _is_number(entry[key]):
        notes.say("ids sent as numbers")
        return {**entry, key: str(entry[key])}
    if key is None and reference is not None and isinstance(entry[reference], str):
        last = entry[reference].rstrip("/").rpartition("/")
        if last[1] and last[2]:
            notes.say("id taken from $ref")
            return {"value": last[2], **entry}
    return entry


def _role_from_text(entry: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Entra's app roles: `value` is JSON text, `{"id", "value", "displayName"}`."""
    key = named(entry, "value")
    if key is None:
        return entry
    value, display = role_text(entry[key])
    if value is None:
        return entry
    notes.say("role sent as JSON text")
    if display and named(entry, "display") is None:
        return {**entry, key: value, "display": display}
    return {**entry, key: value}


def role_text(text: Any) -> tuple[str | None, str | None]:
    """Value and display name of a role that was sent as JSON text; (None, None) for any other text."""
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None, None
    try:
        role = parse_json(text.encode("utf-8", "surrogatepass"), max_bytes=4096, max_depth=3)
    except ConnectorError:
        return None, None
    value = member(role, "value")
    display = member(role, "displayname")
    if not isinstance(value, str) or value.lstrip().startswith("{"):
        return None, None
    return value, display if isinstance(display, str) else None


def clean_reference(value: Any, notes: Notes) -> Any:
    """A complex attribute that names one other object: `"27"`, `27`, `[{…}]` or `{"value": 27}`."""
    if isinstance(value, list) and len(value) <= 1:
        notes.say("reference sent in an array")
        value = value[0] if value else ""
    if isinstance(value, str) or _is_number(value):
        if value == "":
            notes.say("empty reference read as none")
            return NOTHING
        notes.say("reference sent as a bare id")
        return {"value": str(value)}
    if not isinstance(value, dict):
        return value
    entry = {k: v for k, v in value.items() if v is not None}
    if len(entry) != len(value):
        notes.say("nulls dropped")
    if all(v == "" for v in entry.values()):
        notes.say("empty reference read as none")
        return NOTHING
    return _with_value(entry, notes)


def clean_manager(value: Any, notes: Notes) -> Any:
    """Entra: a bare id, an array of `{$ref, value}`, `""` or `{"value": ""}` to remove. OneLogin: `managerId`."""
    if isinstance(value, dict):
        read_only = {"displayname", "display"}
        kept = {k: v for k, v in value.items() if k.lower() not in read_only}
        old = named(kept, "managerid")
        if old is not None:
            notes.say("managerId read as manager.value")
            inner = kept.pop(old)
            if named(kept, "value") is None:
                kept["value"] = inner
        key = named(kept, "value")
        if key is not None and kept[key] in ("", None):
            notes.say("empty reference read as none")
            return NOTHING
        value = kept
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        notes.say("reference sent in an array")
        return clean_manager(value[0], notes)
    return clean_reference(value, notes)


def clean_enterprise(value: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """The enterprise extension as one object; an emptied manager stays in it as null."""
    cleaned: dict[str, Any] = {}
    for key, item in value.items():
        result = clean_attribute("User", key.lower(), item, notes) if item is not None else None
        cleaned[key] = None if result is NOTHING else result
    return cleaned


def _string_list(value: Any, notes: Notes) -> Any:
    if isinstance(value, str):
        notes.say("list sent as a single value")
        return [value] if value else []
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
