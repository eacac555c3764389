"""Whole resources: the bodies of POST and PUT (RFC 7644 §3.3, §3.5.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from scim.errors import InvalidValue
from scim.protocol.dialects.path import canonical_schema
from scim.protocol.dialects.values import NOTHING, clean_attribute
from scim.protocol.dialects.vocabulary import (
    ENTERPRISE,
    ENTERPRISE_NAMES,
    SCHEMAS,
    Notes,
    is_known_schema,
    is_urn,
    named,
    read_only_names,
    require_object,
)

_HEX = frozenset("0123456789abcdefABCDEF")


def normalise_resource(
    method: str, resource_type: str, body: Any, notes: Notes, extensions: Collection[str] = ()
) -> dict[str, Any]:
    """A representation without what clients add to it: nulls, read-only members, foreign schemas, odd shapes."""
    sent = require_object(body)
    kept = {name: value for name, value in sent.items() if name.lower() not in read_only_names(resource_type)}
    if len(kept) != len(sent):
        notes.say("read-only attributes ignored")
    if resource_type == "Container":
        _check_parent(kept)
    bare = _without_nulls(kept)
    if bare != kept:
        notes.say("nulls dropped")
    if resource_type == "User":
        bare = _into_enterprise(bare, notes)
    result: dict[str, Any] = {}
    for name, value in bare.items():
        if is_urn(name) and not is_known_schema(name, extensions):
            notes.say("unknown schema ignored")
            continue
        if name.lower() == "schemas":
            continue
        cleaned = clean_attribute(resource_type, name.lower(), value, notes)
        if cleaned is not NOTHING:
            result[canonical_schema(name)] = _without_nulls(cleaned)
    schemas = _schemas(resource_type, bare, result, notes, extensions)
    _remark(method, resource_type, result, notes)
    return {"schemas": schemas, **result}


def _check_parent(body: dict[str, Any]) -> None:
    """:raises InvalidValue: A parent by its read-only display name alone: the container would stand at the root."""
    key = named(body, "parent")
    parent = body.get(key) if key is not None else None
    if not isinstance(parent, dict) or not any(parent.values()):
        return
    if not any(parent.get(found) for name in ("value", "$ref", "name") if (found := named(parent, name))):
        raise InvalidValue("parent: it has no value, so nobody knows where the container shall stand")


def _without_nulls(value: Any) -> Any:
    """Null, absent and unassigned are one (RFC 7643 §2.5). Depth was limited before parsing."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _into_enterprise(body: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Bare `department` and `manager` (Entra's older documents, OneLogin's template) belong to the extension."""
    bare = {name: ENTERPRISE_NAMES[name.lower()] for name in body if name.lower() in ENTERPRISE_NAMES}
    if not bare:
        return body
    notes.say("enterprise attribute without its schema")
    key = named(body, ENTERPRISE.lower()) or ENTERPRISE
    extension = body.get(key, {})
    if not isinstance(extension, dict):
        return body
    extension = dict(extension)
    for sent, name in bare.items():
        if named(extension, name.lower()) is None:
            extension[name] = body[sent]
    return {**{name: value for name, value in body.items() if name not in bare}, key: extension}


def _schemas(
    resource_type: str, body: dict[str, Any], kept: dict[str, Any], notes: Notes, extensions: Collection[str]
) -> list[Any]:
    """The core schema and those of the extensions that are there; BeyondTrust's connector sends none at all."""
    key = named(body, "schemas")
    sent = body[key] if key is not None else []
    listed = [sent] if isinstance(sent, str) else sent if isinstance(sent, list) else []
    result: list[str] = []
    for urn in listed:
        if isinstance(urn, str) and is_known_schema(urn, extensions):
            result.append(canonical_schema(urn))
        else:
            notes.say("unknown schema ignored")
    core = SCHEMAS.get(resource_type)
    if resource_type in {"Role", "Entitlement"} and any(urn.endswith(f":{resource_type}") for urn in result):
        core = None  # a draft's schema or Okta's: both are in use
    needed = ([core] if core else []) + [name for name in kept if is_urn(name)]
    missing = [urn for urn in needed if urn not in result]
    if missing:
        notes.say("schemas filled in")
    if core in missing:
        result.insert(0, missing.pop(0))
    return list(dict.fromkeys(result + missing))


def _remark(method: str, resource_type: str, body: dict[str, Any], notes: Notes) -> None:
    """What the reader of the audit row should know, though nothing was changed."""
    if resource_type != "User":
        return
    active, user_name = named(body, "active"), named(body, "username")
    if method.upper() == "PUT" and active is None:
        notes.say("PUT without active: left as it is")
    if active is not None and body[active] is False and user_name is not None:
        remark_soft_delete(body[user_name], notes)


def remark_soft_delete(name: Any, notes: Notes) -> None:
    if isinstance(name, str) and soft_deleted_name(name) is not None:
        notes.say("user name carries Entra's soft-delete prefix")


def soft_deleted_name(name: str) -> str | None:
    """The name without the object id that Entra puts in front of it on soft delete; None when there is none.

    Entra sends `<32 hex digits><old name>` as userName together with `active` false.
    """
    if len(name) > 32 and _HEX.issuperset(name[:32]) and any(c.isalpha() or c == "@" for c in name[32:]):
        return name[32:]
    return None
