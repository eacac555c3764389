"""Step 3, the door: what is too big, too deep or too clever is refused before anything reads it.

Each limit is checked in linear time and without recursion (facts: filter, JSON and PATCH path bombs). A valid JSON text
that two parsers could read differently (a member named twice, NaN, integers past 64 bits, lone surrogates) is refused
too: what the guard judged must be what the vault gets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from scim.errors import InvalidFilter, InvalidPath, InvalidSyntax, TooLarge, excerpt, path_excerpt

MAX_BODY_BYTES = 1_048_576
MAX_DEPTH = 20
MAX_FILTER_BYTES = 4_096
MAX_FILTER_TERMS = 50
MAX_FILTER_LEVELS = 32
MAX_OPERATIONS = 1_000
MAX_PATH_CHARACTERS = 512
MAX_VALUES = 1_000

BOM = b"\xef\xbb\xbf"
_LONG_INTEGER = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}+(?![0-9.eE])")
_ONLY_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
_NO_DIGITS = bytes(c for c in range(256) if c not in b"0123456789")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


def parse_json(body: bytes, *, max_bytes: int = MAX_BODY_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """A request body as Python values, or the reason why not (RFC 7644 §3.12 invalidSyntax, 413 for its size).

    orjson refuses NaN, lone surrogates and invalid UTF-8 itself; depth is measured before it runs, long integers and
    members named twice are looked for beside it.
    """
    if len(body) > max_bytes:
        raise TooLarge(f"The body has {len(body)} bytes, {max_bytes} are allowed")
    if body.startswith(BOM):
        body = body[3:]
    if not body.strip():
        raise InvalidSyntax("The request has no body; a JSON object is needed")
    bare = _without_strings(body)
    if _deeper_than(bare, max_depth):
        raise InvalidSyntax(f"The JSON is nested deeper than {max_depth} levels, or its brackets do not match")
    _refuse_long_integers(bare)
    try:
        value = orjson.loads(body)
    except ValueError as error:  # orjson.JSONDecodeError is one
        _refuse_other_encodings(body)
        raise InvalidSyntax(f"The body is not JSON: {str(error)[:160]}") from error
    if _count_members(value) != bare.count(b":"):
        raise InvalidSyntax(f"The JSON names the member {excerpt(_named_twice(body))} twice in one object")
    return value


def _refuse_other_encodings(body: bytes) -> None:
    """:raises InvalidSyntax: The body is not UTF-8, which is what JSON between systems is in (RFC 8259 §8.1)."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSyntax(
            f"The body is not UTF-8: its byte {error.start + 1} cannot be read. JSON is sent in UTF-8"
        ) from None


def _without_strings(body: bytes) -> bytes:
    """What stands outside of string literals. Escapes go first, so that every quote left opens or closes a string."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b'"'.join(body.split(b'"')[::2])


def _deeper_than(bare: bytes, levels: int) -> bool:
    """Whether brackets remain after taking away the innermost pairs `levels` times: a few passes at C speed."""
    brackets = bare.translate(_AS_SQUARE, _ONLY_BRACKETS)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _refuse_long_integers(bare: bytes) -> None:
    """Integers past 64 bits, which orjson would round to floats."""
    if len(bare.translate(None, _NO_DIGITS)) < 19:
        return
    for match in _LONG_INTEGER.finditer(bare):
        digits = match.group()
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
            raise InvalidSyntax("The JSON holds an integer that does not fit into 64 bits")


def _count_members(value: Any) -> int:
    """How many name-value pairs survived parsing; the text holds one colon outside strings for each that was sent."""
    count = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            count += len(item)
            item = item.values()
        elif type(item) is not list:
            continue
        waiting += [child for child in item if type(child) is dict or type(child) is list]
    return count


def _named_twice(body: bytes) -> str:
    """Which member it was, for the words of the refusal; depth is known to be harmless here."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(name)
            seen.add(name)
        return {}

    json.loads(body, object_pairs_hook=note)
    return found[0] if found else "?"


_FILTER_PART = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[()\[\]]|[^\s()\[\]"]++', re.DOTALL)


def check_filter(text: str) -> None:
    """≤ 4 kB, ≤ 50 terms, ≤ 32 levels, counted in one pass outside of strings (facts: filter bombs)."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_FILTER_BYTES:
        raise InvalidFilter(f"The filter has {size} bytes, {MAX_FILTER_BYTES} are allowed")
    terms, level = 1, 0
    for match in _FILTER_PART.finditer(text):
        part = match.group()
        if part in {"(", "["}:
            level += 1
            if level > MAX_FILTER_LEVELS:
                raise InvalidFilter(f"The filter is nested deeper than {MAX_FILTER_LEVELS} levels")
        elif part in {")", "]"}:
            level -= 1
        elif part.lower() in {"and", "or"}:
            terms += 1
    if terms > MAX_FILTER_TERMS:
        raise InvalidFilter(f"The filter has {terms} terms, {MAX_FILTER_TERMS} are allowed")


def check_patch(body: Any) -> None:
    """≤ 1,000 operations, ≤ 1,000 values in sum, paths ≤ 512 characters (facts: PATCH path bombs). Shape is not judged.

    Works before and after normalisation. A name in a path-less value is a path, and counts as an operation. All of a
    group's members at once, `replace members`, are no more than a PUT may bring: as many as fit into a body.
    """
    operations = member(body, "operations") if isinstance(body, Mapping) else None
    if not isinstance(operations, list):
        return
    count, values = len(operations), 0
    for operation in operations:
        if count > MAX_OPERATIONS:
            break
        if not isinstance(operation, Mapping):
            continue
        path, value = member(operation, "path"), member(operation, "value")
        if isinstance(path, str):
            _check_path(path)
        elif isinstance(value, Mapping):
            count += max(len(value) - 1, 0)
            for name in value:
                _check_path(str(name))
        whole = str(member(operation, "op")).strip().lower() == "replace"
        values += 0 if whole and isinstance(path, str) and _is_members(path) else _count_values(value, whole=whole)
    if count > MAX_OPERATIONS:
        raise TooLarge(f"The PATCH has {count} operations, {MAX_OPERATIONS} are allowed: please split it")
    if values > MAX_VALUES:
        raise TooLarge(f"The PATCH has {values} members or values, {MAX_VALUES} are allowed: please split it")


def _check_path(path: str) -> None:
    if len(path) > MAX_PATH_CHARACTERS:
        raise InvalidPath(
            f"The path {path_excerpt(path)} has {len(path)} characters, {MAX_PATH_CHARACTERS} are allowed"
        )
    if "[" in path or "(" in path:
        check_filter(path)


def _count_values(value: Any, *, whole: bool) -> int:
    """The entries of a list, or of the lists in an object; with `whole` not those of its `members`, which are all."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_count_values(v, whole=False) for k, v in value.items() if not (whole and _is_members(str(k))))
    return 0


def _is_members(path: str) -> bool:
    return path.strip().lower().removeprefix("urn:ietf:params:scim:schemas:core:2.0:group:") == "members"


def member(obj: Mapping[Any, Any], name: str) -> Any:
    """A member whatever the case of its name (RFC 7643 §2.1); `name` in lower case."""
    for key, value in obj.items():
        if isinstance(key, str) and key.lower() == name:
            return value
    return None
