"""Folders in filters: by the spellings that clients create them with → by what our documents show.

A container at the root has no parent, where clients create it with "-1" or an empty one; a name that holds a backslash
is a path, as it is in a creation. Backslashes come as JSON wants them, doubled once more, or as they stand. What can
match nothing, whatever there is, is refused in words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from scim.errors import InvalidFilter
from scim.protocol.dialects.vocabulary import Notes

EXACT = frozenset({"eq", "ne"})
AT_ROOT = frozenset({"", "-1", "0"})
PATHS = {"Container": frozenset({"name", "path"}), "PrivilegedData": frozenset({"path"})}
PARENT = frozenset({"parent", "parent.value"})
IDS = {
    "Container": PARENT,
    "ContainerPermission": frozenset({"container", "container.value", "container.name", "container.display"}),
    "PrivilegedData": frozenset({"folder", "folder.value"}),
}
"""Compared with an id or a folder's own name: a path is neither."""
_LONE = re.compile(r'(?<!\\)(?:\\\\)*\\(?![\\"])')


@dataclass(frozen=True, slots=True)
class Place:
    """How a comparison is to be read: with this literal, as one of `path`, or as one with the root."""

    literal: str
    path: bool = False
    root: bool = False


def read_place(resource_type: str, name: str, operator: str, literal: str, notes: Notes) -> Place:
    """:param name: The attribute without its URN, in lower case.

    :raises InvalidFilter: A path where none is compared.
    """
    paths, ids = PATHS.get(resource_type, frozenset()), IDS.get(resource_type, frozenset())
    if name not in paths | ids or not literal.startswith('"'):
        return Place(literal)
    value = _text(literal, notes)
    if value is None:
        return Place(literal)
    if resource_type == "Container" and name in PARENT and operator in EXACT and value.strip().strip("\\") in AT_ROOT:
        notes.say("the root named as a parent")
        return Place(literal, root=True)
    if name in ids:
        if "\\" in value:
            raise InvalidFilter(
                f"{name}: it is compared with the container's id or its own name, and this is a path. Find the "
                f"container with path eq on /Containers, and compare its id"
            )
        return Place(literal)
    if name == "name" and "\\" not in value:
        return Place(literal)
    return Place(json.dumps(_path(value, operator), ensure_ascii=False), path=True)


def _text(literal: str, notes: Notes) -> str | None:
    """What a literal says. Where its backslashes make no sense as JSON's, or a character that no name has, they are a
    path's as they stand.
    """
    try:
        value = str(json.loads(literal))
    except ValueError:
        value = "\0"
    if not any(letter < " " for letter in value):
        return value
    if not _LONE.search(literal[1:-1]):
        return None  # the parser has the words
    notes.say("backslashes in a filter's path read as they stand")
    return literal[1:-1]


def _path(value: str, operator: str) -> str:
    value = re.sub(r"\\{2,}", r"\\", value)
    return "\\" + value.strip("\\") if operator in EXACT else value
