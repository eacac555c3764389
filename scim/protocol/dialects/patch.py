"""PATCH bodies (RFC 7644 §3.5.2) of every dialect → operations that mean what the client meant.

What the core tolerates by policy is left to it: unknown attributes, dotted and URN keys, value paths that create.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scim.errors import InvalidPath, InvalidSyntax, InvalidValue, excerpt
from scim.protocol.dialects.body import remark_soft_delete
from scim.protocol.dialects.filters import repair_path
from scim.protocol.dialects.path import Target, read_target
from scim.protocol.dialects.values import NOTHING, clean_attribute, clean_list, clean_simple, role_text
from scim.protocol.dialects.vocabulary import (
    BY_VALUE,
    COMPLEX_SINGLE,
    ENTERPRISE,
    MULTI_VALUED,
    PATCH_OP,
    REFERENCES,
    SIMPLE,
    STRING_LISTS,
    Notes,
    named,
    read_only_names,
    require_object,
)
from scim.protocol.limits import check_patch

Operation = dict[str, Any]


def normalise_patch(resource_type: str, body: Any, notes: Notes, *, strict: bool = False) -> dict[str, Any]:
    """A PatchOp with `Operations`, each with lower-case `op` and only the members the RFC knows."""
    sent = require_object(body)
    check_patch(sent)
    key = named(sent, "operations")
    if key is None:
        return dict(sent)  # the core has the words
    operations = sent[key]
    if isinstance(operations, dict) and not strict:
        notes.say("single operation not in an array")
        operations = [operations]
    if not isinstance(operations, list):
        raise InvalidValue("Operations must be an array of PATCH operations")
    if key != "Operations":
        notes.say("Operations in another case")
    done: list[Operation] = []
    for index, operation in enumerate(operations):
        members = _members(operation, index, notes)
        _refuse_null_removal(resource_type, members)
        done.extend(_strict(members) if strict else _tolerant(resource_type, members, notes))
    rest = {name: value for name, value in sent.items() if name != key}
    if not strict:
        _remark(resource_type, done, notes)
        rest = {"schemas": _patch_schemas(rest, notes)}
    return {**rest, "Operations": done}


def _patch_schemas(rest: dict[str, Any], notes: Notes) -> list[str]:
    key = named(rest, "schemas")
    if key is None or rest[key] != [PATCH_OP]:
        notes.say("schemas filled in")
    return [PATCH_OP]


def _members(operation: Any, index: int, notes: Notes) -> Operation:
    """Entra sends Add, Replace, Remove; members' names are compared without case (RFC 7643 §2.1)."""
    if not isinstance(operation, dict):
        raise InvalidSyntax(f"Operation {index + 1} must be a JSON object")
    require_object(operation, f"Operation {index + 1}")
    members: Operation = {}
    for name in ("op", "path", "value"):
        key = named(operation, name)
        if key is not None:
            members[name] = operation[key]
    op = members.get("op")
    if not isinstance(op, str):
        raise InvalidValue(f"Operation {index + 1} needs an op: add, remove or replace")
    if op.strip().lower() not in ("add", "remove", "replace"):
        raise InvalidValue(f"Operation {index + 1} has the op {excerpt(op)}; there are add, remove and replace")
    if op != op.strip().lower():
        notes.say("op in capitals")
        members["op"] = op.strip().lower()
    return members


def _refuse_null_removal(resource_type: str, members: Operation) -> None:
    """:raises InvalidValue: A removal whose value is null: the client meant something, and would lose the whole list.

    Without any value it is "all of them" (RFC 7644 §3.5.2.2).
    """
    if members["op"] != "remove" or "value" not in members:
        return
    path, value = members.get("path"), members["value"]
    named_there = value if isinstance(value, dict) else {}
    pairs = [(path, value)] if isinstance(path, str) and path.strip() else []
    for text, removed in [*pairs, *named_there.items()]:
        target = read_target(str(text), resource_type)
        null = removed is None or (isinstance(removed, list) and removed and all(item is None for item in removed))
        lists = MULTI_VALUED.get(resource_type, frozenset()) | STRING_LISTS
        if null and target.whole and target.attribute in lists:
            name = target.text.rpartition(":")[2]
            raise InvalidValue(
                f"{name}: the value to remove is null. Name the values to remove, or leave `value` out to remove all"
            )


def _strict(members: Operation) -> list[Operation]:
    """The interoperability profile refuses a path-less add or replace; the rest is the core's strict policy."""
    if not members.get("path") and members["op"] != "remove":
        raise InvalidPath("This connection is strict: every PATCH operation needs a path")
    return [members]


def _tolerant(resource_type: str, members: Operation, notes: Notes) -> list[Operation]:
    path = members.get("path")
    if path is None or (isinstance(path, str) and not path.strip()):
        members = {name: value for name, value in members.items() if name != "path"}
        return list(_without_path(resource_type, members, notes))
    if not isinstance(path, str):
        raise InvalidPath("The path of a PATCH operation must be a string")
    target = read_target(repair_path(path, resource_type, notes), resource_type)
    if target.text != path:
        notes.say("path respelt")
    members = {**members, "path": target.text}
    if members.get("op") == "remove":
        if target.whole and target.attribute == "rights" and members.get("value"):
            return _rights_to_remove(members["value"], notes)
        return [_remove(resource_type, target, members, notes)]
    if "value" in members:
        return [_write(resource_type, target, members, notes)]
    return [members]


def _rights_to_remove(value: Any, notes: Notes) -> list[Operation]:
    """`remove` of `rights` with the rights as its value: one operation each, as RFC 7644 §3.5.2.2 spells it."""
    words = value if isinstance(value, list) else [value]
    if any(not isinstance(word, str) or not word for word in words):
        raise InvalidValue("rights: the value of a remove is the right, or a list of rights, to take away")
    notes.say("rights to remove named by value")
    return [{"op": "remove", "path": f"rights[value eq {json.dumps(word)}]"} for word in words]


def _without_path(resource_type: str, members: Operation, notes: Notes) -> Iterator[Operation]:
    """Okta's activation, Entra's one big replace: keys that need a path of their own become operations, in order."""
    op, value = members.get("op"), members.get("value")
    if not isinstance(value, dict):
        yield members
        return
    if op == "remove":
        yield from _remove_without_path(resource_type, members, value, notes)
        return
    together: dict[str, Any] = {}
    produced = False
    for key, item in value.items():
        if key.lower() == "schemas" or key.lower() in read_only_names(resource_type):
            notes.say("read-only attributes ignored")
            continue
        target = read_target(repair_path(key, resource_type, notes), resource_type)
        own = _own_operation(resource_type, op, target, item, notes)
        if own is None:
            together[target.text] = _cleaned(resource_type, target, item, notes) if item is not None else None
            continue
        if together:
            yield {"op": op, "value": together}
            together = {}
        produced = True
        yield from own
    if together or not produced:
        yield {"op": op, "value": together}


def _own_operation(resource_type: str, op: Any, target: Target, item: Any, notes: Notes) -> list[Operation] | None:
    """What one key of a path-less value becomes when it cannot stay there: value paths, and a manager taken away."""
    if target.filter is not None:
        notes.say("value path among the keys of a path-less operation")
        return [_write(resource_type, target, {"op": op, "path": target.text, "value": item}, notes)]
    if target.whole and item is not None and _cleaned(resource_type, target, item, notes) is NOTHING:
        return [{"op": "remove", "path": target.text}]
    if target.schema == ENTERPRISE.lower() and not target.attribute and isinstance(item, dict):
        manager = named(item, "manager")
        if manager is not None and clean_attribute("User", "manager", item[manager], Notes()) is NOTHING:
            rest = {key: value for key, value in item.items() if key != manager}
            rest = _cleaned(resource_type, target, rest, notes)
            kept = [{"op": op, "value": {target.text: rest}}] if rest else []
            return [*kept, {"op": "remove", "path": f"{ENTERPRISE}:manager"}]
    return None


def _remove_without_path(
    resource_type: str, members: Operation, value: dict[str, Any], notes: Notes
) -> Iterator[Operation]:
    """`remove {"members": […]}`; anything else without a path is the core's to refuse (noTarget)."""
    lists = MULTI_VALUED.get(resource_type, frozenset())
    if not value or not all(key.lower() in lists for key in value):
        yield members
        return
    notes.say("removal without a path")
    for key, item in value.items():
        target = read_target(key, resource_type)
        yield _remove(resource_type, target, {"op": "remove", "path": key, "value": item}, notes)


def _remove(resource_type: str, target: Target, members: Operation, notes: Notes) -> Operation:
    """Entra names what to remove in `value`; the RFC reads the path only, and would empty the whole list."""
    without = {name: value for name, value in members.items() if name != "value"}
    if members.get("value") is None:
        return without
    attribute, value = target.attribute, members["value"]
    if target.whole and attribute in MULTI_VALUED.get(resource_type, ()):
        selectors = _selectors(attribute, value, notes)
        if selectors != value:
            notes.say("removal by value respelt")
        return {**without, "value": selectors}
    if target.whole and attribute in STRING_LISTS:
        texts = value if isinstance(value, list) else [value]
        return {**without, "value": [{"value": text} if isinstance(text, str) else text for text in texts]}
    single = SIMPLE | COMPLEX_SINGLE | REFERENCES.get(resource_type, frozenset()) | {"manager"}
    if not target.whole or attribute in single:
        notes.say("value of a removal ignored: its path says what")
        return without
    return members


def _selectors(attribute: str, value: Any, notes: Notes) -> Any:
    """The entries to remove, each by what identifies it: `$ref`, `display` and nulls would make it match nothing.

    An empty array stays: the core reads it as "nothing to remove", so the operation changes nothing.
    """
    if isinstance(value, dict):
        inner = named(value, attribute)
        value = value[inner] if inner is not None else value
    entries = clean_list(attribute, [] if value in ({}, None) else value, notes)
    if not isinstance(entries, list):
        raise InvalidValue(f"The value of a removal from {attribute} must be an array")
    selectors = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise InvalidValue(f"An entry to remove from {attribute} must be an object or an id")
        named_by = named(entry, "value")
        shown_as = named(entry, "display") if attribute == "roles" and named_by is None else None
        if shown_as is not None:
            kept = {"value": entry[shown_as]}  # its name: the resource knows roles by that as well
        elif attribute in BY_VALUE or named_by is not None:
            kept = {key: item for key, item in entry.items() if key == named_by}
            if attribute not in BY_VALUE:
                kept |= {key: item for key, item in entry.items() if key.lower() == "type"}
        else:
            kept = {k: v for k, v in entry.items() if k.lower() not in {"$ref", "display", "primary"}}
        if not kept or any(isinstance(item, (dict, list)) for item in kept.values()):
            raise InvalidValue(f"An entry to remove from {attribute} does not say which one: it has no value")
        selectors.append(kept)
    return selectors


def _write(resource_type: str, target: Target, members: Operation, notes: Notes) -> Operation:
    """An add or a replace with a path."""
    value = members["value"]
    if value is None:
        return members
    cleaned = _cleaned(resource_type, target, value, notes)
    empty_manager = target.attribute == "manager" and target.sub == "value" and cleaned == ""
    if cleaned is NOTHING or empty_manager:
        notes.say("empty reference read as none")
        path = target.text.removesuffix(".value") if empty_manager else target.text
        return {"op": "remove", "path": path}
    if target.filter is not None and not target.sub and isinstance(cleaned, str) and target.attribute != "addresses":
        notes.say("value path without a sub-attribute")  # emails[type eq "work"] = "x"
        return {**members, "path": target.text + ".value", "value": cleaned}
    return {**members, "value": cleaned}


def _cleaned(resource_type: str, target: Target, value: Any, notes: Notes) -> Any:
    """The value that stands at a target."""
    if target.whole:
        name = target.attribute or target.schema
        if name in MULTI_VALUED.get(resource_type, ()) and isinstance(value, dict):
            inner = named(value, name)  # `members` with `{"members": […]}`
            value = value[inner] if inner is not None else value
        return clean_attribute(resource_type, name, value, notes)
    if target.sub:
        value = clean_simple(target.sub, value, notes)
        if target.sub == "value" and target.attribute in {"roles", "entitlements"}:
            text, _ = role_text(value)
            if text is not None:
                notes.say("role sent as JSON text")
                return text
        return value
    if isinstance(value, list) and len(value) == 1:
        notes.say("value path given an array")
        value = value[0]
    if isinstance(value, dict) and target.attribute in MULTI_VALUED.get(resource_type, ()):
        return clean_list(target.attribute, [value], notes)[0]
    return value


def _remark(resource_type: str, operations: list[Operation], notes: Notes) -> None:
    """Entra's soft delete: a prefixed userName and `active` false in one PATCH."""
    if resource_type != "User":
        return
    written: dict[str, Any] = {}
    for operation in operations:
        path, value = operation.get("path"), operation.get("value")
        pairs = {path: value} if isinstance(path, str) else value if isinstance(value, dict) else {}
        written |= {key.lower(): item for key, item in pairs.items()}
    if written.get("active") is False:
        remark_soft_delete(written.get("username"), notes)
