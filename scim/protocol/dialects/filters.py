"""Filters as clients write them → filters as RFC 7644 §3.4.2.2 has them, by one pass over tokens.

Seen: single-quoted values (the PAM draft's own examples), unquoted values and `+` for space (BeyondTrust's ISC
connector), `container eq 1` (Thycotic 2.5), `members eq "x"`, `manager eq "x"` and `roles[primary eq "True"]` (Entra),
capital operators. Double-quoted literals are kept as they are; what is not understood is left for the parser to refuse.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from scim.errors import InvalidFilter
from scim.protocol.dialects.place_filters import read_place
from scim.protocol.dialects.vocabulary import (
    COMPARED_AS_BOOLEANS,
    COMPARED_BY_VALUE,
    ENTERPRISE,
    ENTERPRISE_NAMES,
    OUR_NAMES,
    OURS,
    Notes,
    is_urn,
)
from scim.protocol.limits import check_filter

OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"})
_TOKEN = re.compile(r'(\s++)|("(?:[^"\\]++|\\.)*+"?)|([()\[\]])|([^\s()\[\]"]++)', re.DOTALL)
_SPACE, _STRING, _BRACKET, _WORD = 1, 2, 3, 4
_AFTER_QUOTE = frozenset(" \t\r\n)]")


def repair_filter(text: str, resource_type: str | None, notes: Notes) -> str:
    """One filter. :raises InvalidFilter: when it is over the limits or a single quote is never closed."""
    check_filter(text)
    return _Repair(_spaced(text, notes), resource_type, notes).run()


def repair_path(path: str, resource_type: str, notes: Notes) -> str:
    """A PATCH path: the filter between its brackets is repaired like any other."""
    if "[" not in path and "'" not in path:
        return path
    check_filter(path)
    return _Repair(path, resource_type, notes).run()


def _spaced(text: str, notes: Notes) -> str:
    """`container.value+eq+1`: where an attribute's name contains `+`, it stands for space outside of literals."""
    first = _TOKEN.match(text.lstrip(" \t\r\n("))
    if first is None or first.lastindex != _WORD or "+" not in first.group().strip("+"):
        return text
    notes.say("plus signs in the filter read as spaces")
    parts = [m.group() if m.lastindex == _STRING else m.group().replace("+", " ") for m in _TOKEN.finditer(text)]
    return "".join(parts)


@dataclass
class _Repair:
    """A machine with four states: a name, an operator, a value, or a conjunction comes next."""

    text: str
    resource_type: str | None
    notes: Notes
    out: list[str] = field(default_factory=list)
    state: str = "name"
    depth: int = 0  # inside of how many value-path brackets
    name: str = ""
    operator: str = ""
    name_at: int = 0  # where the name stands in `out`

    def run(self) -> str:
        position = 0
        while position < len(self.text):
            if self.state == "value" and self.text[position] == "'":
                position = self._single_quoted(position)
                continue
            match = _TOKEN.match(self.text, position)
            assert match is not None  # every character belongs to one of the four groups
            position = match.end()
            piece = match.group()
            if match.lastindex == _SPACE:
                self.out.append(piece)
            elif match.lastindex == _BRACKET:
                self._bracket(piece)
            elif match.lastindex == _STRING:
                self._string(piece)
            else:
                self._word(piece)
        return "".join(self.out)

    def _bracket(self, piece: str) -> None:
        self.out.append(piece)
        if piece == "[":
            self.depth += 1
        elif piece == "]":
            self.depth -= 1
        self.state = "name" if piece in "([" else "next"

    def _string(self, piece: str) -> None:
        if self.state == "value" and self._leaf() in COMPARED_AS_BOOLEANS and piece[1:-1].lower() in {"true", "false"}:
            self.notes.say("boolean sent as text")
            piece = piece[1:-1].lower()
        if self.state == "value" and self.resource_type is not None and not self.depth:
            self._place(piece, self.resource_type)
        else:
            self.out.append(piece)
        self.state = "next"

    def _place(self, literal: str, resource_type: str) -> None:
        """A literal, where the comparison may be with a folder."""
        place = read_place(resource_type, self._bare(), self.operator, literal, self.notes)
        if place.root:
            parent = re.sub(r"\.value$", "", self.out[self.name_at], flags=re.IGNORECASE)
            self.out[self.name_at :] = [f"not ({parent} pr)" if self.operator == "eq" else f"{parent} pr"]
            return
        if place.path:
            self.out[self.name_at] = re.sub(r"(?<![^:])name$", "path", self.out[self.name_at], flags=re.IGNORECASE)
        self.out.append(place.literal)

    def _word(self, piece: str) -> None:
        low = piece.lower()
        if self.state == "value":
            literal = self._unquoted(piece)
            if literal.startswith('"'):
                self._string(literal)
            else:
                self.out.append(literal)
                self.state = "next"
        elif self.state == "operator" and low in OPERATORS:
            self._compare(low, piece)
        elif self.state == "operator" and low == "pr":
            self._present(piece)
        elif self.state == "next" and low in {"and", "or"}:
            self.out.append(self._lowered(piece))
            self.state = "name"
        elif low == "not" and self.state == "name":
            self.out.append(self._lowered(piece))
        else:
            self.name, self.name_at = piece, len(self.out)
            self.out.append(piece)
            self.state = "operator"

    def _compare(self, operator: str, piece: str) -> None:
        self._qualify()
        whole = "." not in self._bare()
        if self.depth == 0 and whole and self._leaf() in COMPARED_BY_VALUE:
            self.out[self.name_at] += ".value"
            self.notes.say("complex attribute compared by its value")
        self.out.append(operator if piece == operator else self._lowered(piece))
        self.operator, self.state = operator, "value"

    def _present(self, piece: str) -> None:
        self._qualify()
        self.out.append(self._lowered(piece))
        self.state = "next"

    def _qualify(self) -> None:
        """`manager eq "x"` (Entra): an attribute of an extension without its URN."""
        if self.depth:
            return
        head, dot, tail = self.name.partition(".")
        ours = OUR_NAMES.get(self.resource_type or "", {}).get(head.lower())
        if ours is not None:
            self.out[self.name_at] = self.name = f"{OURS}{self.resource_type}:{ours}{dot}{tail}"
            self.notes.say("attribute of our extension without its schema")
            return
        canonical = ENTERPRISE_NAMES.get(head.lower()) if self.resource_type in {None, "User"} else None
        if canonical is None:
            return
        if canonical == "manager" and tail.lower() == "managerid":
            tail = "value"
        self.out[self.name_at] = self.name = f"{ENTERPRISE}:{canonical}{dot}{tail}"
        self.notes.say("enterprise attribute without its schema")

    def _bare(self) -> str:
        """The name without its URN, in lower case."""
        return (self.name.rpartition(":")[2] if is_urn(self.name) else self.name).lower()

    def _leaf(self) -> str:
        """The attribute, or the sub-attribute where there is one."""
        return self._bare().rpartition(".")[2]

    def _lowered(self, piece: str) -> str:
        if piece != piece.lower():
            self.notes.say("operators in capitals")
        return piece.lower()

    def _unquoted(self, piece: str) -> str:
        low = piece.lower()
        if low in {"true", "false", "null"}:
            return self._lowered(piece)
        if low in {"and", "or"}:  # the value is missing: the parser has the words
            return piece
        self.notes.say("filter value without quotes")
        return json.dumps(piece, ensure_ascii=False)

    def _single_quoted(self, start: int) -> int:
        """`'x'` → `"x"`; an apostrophe inside (O'Brien) does not end it unless a space or a bracket follows."""
        end = self.text.find("'", start + 1)
        while end != -1 and (self.text[end - 1] == "\\" or not self._closes(end)):
            end = self.text.find("'", end + 1)
        if end == -1:
            raise InvalidFilter("A value in the filter starts with a single quote that is never closed")
        value = self.text[start + 1 : end].replace("\\'", "'").replace("\\\\", "\\")
        self.notes.say("filter value in single quotes")
        self._string(json.dumps(value, ensure_ascii=False))
        return end + 1

    def _closes(self, end: int) -> bool:
        return end + 1 == len(self.text) or self.text[end + 1] in _AFTER_QUOTE


def tokens(text: str) -> list[str]:
    """The words, literals and brackets of a filter, without the space between them."""
    return [match.group() for match in _TOKEN.finditer(text) if match.lastindex != _SPACE]
