"""Step 4: the roles that a user or a group holds. A client names one by its id or its name; from here on it is the id.

So that whatever a client sends finds what it sent before: Entra adds a role by name and takes it away by name, or by
its own mark `primary` (RFC 7643 §4.1.2 leaves the vocabulary of roles to the two sides).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from scim.directory.port import Directory
from scim.errors import InvalidValue, excerpt
from scim.model import Ref, Role, RoleId
from scim.names import fold
from scim.protocol.projection import Document

Entry = dict[str, Any]
_BY_VALUE = re.compile(r'(\bvalue\s+eq\s+)("(?:[^"\\]|\\.)*")', re.IGNORECASE)


class RoleNames:
    """The roles of the vault by id and by name, read once for one request and only where a name stands."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._roles: tuple[Role, ...] | None = None

    async def into_ids(self, document: Document) -> Document:
        """The document with the id of each role as its value. :raises InvalidValue: there is no such role."""
        entries = [entry for entry in document.get("roles") or [] if isinstance(entry, dict)]
        if not entries:
            return document
        roles = await self._all()
        named = [entry | {"value": str(_role(entry.get("value") or entry.get("display"), roles))} for entry in entries]
        once = {entry["value"]: entry for entry in reversed(named)}  # of two that name one role the first counts
        return {**document, "roles": [entry for entry in named if once[entry["value"]] is entry]}

    async def patch_by_id(self, patch: dict[str, Any]) -> dict[str, Any]:
        """A PatchOp body whose operations name roles by id, whatever they named them by.

        It is the same object where there is nothing to translate. A name that no role has stays: as something to add
        it is refused later, as something to remove it is not there.
        """
        operations = patch.get("Operations")
        listed = operations if isinstance(operations, list) else []
        names = [text for operation in listed if isinstance(operation, dict) for text in _named_in(operation)]
        if all(text.isdigit() for text in names):
            return patch
        roles = await self._all()
        ids = {text: str(found.id) for text in names if (found := _named(text, roles)) is not None}
        return {**patch, "Operations": [_renamed(o, ids) if isinstance(o, dict) else o for o in listed]}

    async def _all(self) -> tuple[Role, ...]:
        if self._roles is None:
            self._roles = await self._directory.roles()
        return self._roles


def role_ids(document: Document) -> tuple[RoleId, ...]:
    """The roles that a document names, after `RoleNames.into_ids`."""
    return tuple(RoleId(int(entry["value"])) for entry in document.get("roles") or [])


def role_delta(held: Iterable[Ref] | None, document: Document) -> tuple[tuple[RoleId, ...], tuple[RoleId, ...]]:
    """Roles to give and to take, after `RoleNames.into_ids`; none where those held were not read."""
    if held is None:
        return (), ()
    wanted, there = set(role_ids(document)), {RoleId(role.id) for role in held}
    return tuple(sorted(wanted - there)), tuple(sorted(there - wanted))


def _named_in(operation: Entry) -> list[str]:
    """What an operation names roles by: in its value and in the filter of its path."""
    found: list[str] = []
    _renamed(operation, _Collected(found))
    return found


class _Collected(dict[str, str]):
    """A translation that changes nothing and notes what it was asked."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def get(self, key: str, default: Any = None) -> Any:
        self._found.append(key)
        return default


def _renamed(operation: Entry, ids: dict[str, str]) -> Entry:
    path, value = operation.get("path"), operation.get("value")
    if path is None and isinstance(value, dict):
        changed = {key: _values(item, ids) if key.casefold() == "roles" else item for key, item in value.items()}
        return {**operation, "value": changed}
    if not isinstance(path, str) or not re.match(r"(urn:[^\[]*:)?roles\b", path, re.IGNORECASE):
        return operation
    changed = {**operation, "path": _BY_VALUE.sub(lambda m: m[1] + _literal(m[2], ids), path)}
    if "value" in operation:
        changed["value"] = _values(value, ids)
    return changed


def _literal(text: str, ids: dict[str, str]) -> str:
    try:
        sought = json.loads(text, strict=False)
    except ValueError:
        return text  # the parser of filters has the words
    return json.dumps(ids.get(sought, sought))


def _values(value: Any, ids: dict[str, str]) -> Any:
    """A role, an entry that names one, or a list of such."""
    if isinstance(value, list):
        return [_values(item, ids) for item in value]
    if isinstance(value, str):
        return ids.get(value, value)
    if not isinstance(value, dict):
        return value
    return {k: ids.get(v, v) if k.casefold() == "value" and isinstance(v, str) else v for k, v in value.items()}


def _named(text: str, roles: tuple[Role, ...]) -> Role | None:
    """The role of this id, or else of this name."""
    by_id = next((role for role in roles if str(role.id) == text), None)
    return by_id or next((role for role in roles if fold(role.name) == fold(text)), None)


def _role(named: Any, roles: tuple[Role, ...]) -> RoleId:
    value = str(named or "")
    enabled = tuple(role for role in roles if role.enabled)
    found = _named(value, enabled)
    if found is not None:
        return found.id
    names = ", ".join(sorted(role.name for role in enabled)[:20])
    raise InvalidValue(f"roles: there is no role {excerpt(value)}; there are {names}")
