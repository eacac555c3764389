"""Query strings and .search bodies (RFC 7644 §3.4.2, §3.4.3) in one spelling.

Seen: `StartIndex`/`Count` and `attributes[0]=id` (Thycotic's own docs), `itemsPerPage` (BeyondTrust's ISC connector),
`+` for space, empty values, and Entra's option flags wherever its tenant URL put them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from scim.errors import InvalidFilter, InvalidSyntax, InvalidValue
from scim.protocol.dialects.filters import repair_filter
from scim.protocol.dialects.path import FLAGS
from scim.protocol.dialects.vocabulary import SEARCH_REQUEST, Notes, named, require_object
from scim.protocol.limits import check_filter

MAX_QUERY_CHARACTERS = 16_384
_NAMES = {
    name.lower(): name
    for name in ("filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes")
}
_LISTS = frozenset({"attributes", "excludedAttributes"})


def normalise_query(
    raw_query: str, *, resource_type: str | None, strict: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The parameters of a raw query string, and notes on what was changed. Unknown parameters are left out.

    :raises InvalidSyntax: not UTF-8, or too long
    :raises InvalidValue: a parameter given twice with different values
    :raises InvalidFilter: a filter over the limits
    """
    if len(raw_query) > MAX_QUERY_CHARACTERS:
        raise InvalidSyntax(f"The query has {len(raw_query)} characters, {MAX_QUERY_CHARACTERS} are allowed")
    notes = Notes()
    found: dict[str, list[str]] = {}
    aliased: list[str] = []
    for pair in raw_query.lstrip("?").split("&"):
        raw_name, _, raw_value = pair.partition("=")
        name = _name(_decode(raw_name), notes)
        value = _without_flag(_decode(raw_value))
        if name is None or not (
            value.strip() or name == "cursor"
        ):  # an empty cursor asks for the first page (RFC 9865 §2.1)
            continue
        if name == "itemsPerPage":
            aliased.append(value)
        else:
            found.setdefault(name, []).append(value)
    if aliased:
        notes.say("itemsPerPage read as count")
        found.setdefault("count", aliased)
    query = {name: _one(name, values) for name, values in found.items()}
    if not strict and query.get("sortOrder", "") != query.get("sortOrder", "").lower():
        notes.say("sort order in capitals")
        query["sortOrder"] = query["sortOrder"].lower()
    if "filter" in query:
        if strict:
            check_filter(query["filter"])
        else:
            query["filter"] = repair_filter(query["filter"], resource_type, notes)
    return query, notes.take()


def _decode(text: str) -> str:
    """Percent-decoding as forms do it; a byte sequence that is no UTF-8 is refused, never replaced."""
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeError as error:
        raise InvalidSyntax("The query string is not UTF-8") from error


def _name(sent: str, notes: Notes) -> str | None:
    """The canonical parameter name, "itemsPerPage", or None for what is not a SCIM parameter."""
    name = sent.strip()
    low = name.lower()
    if not low:
        return None
    if low.startswith(FLAGS):
        notes.say("Entra's option flag ignored")
        return None
    head, bracket, index = low.partition("[")
    if bracket and index.endswith("]") and _NAMES.get(head) in _LISTS:
        notes.say("attributes listed one by one")
        return _NAMES[head]
    if low == "itemsperpage":
        return "itemsPerPage"
    canonical = _NAMES.get(low)
    if canonical is None:
        notes.say("unknown query parameter ignored")
    elif canonical != name:
        notes.say("query parameter in another case")
    return canonical


def _without_flag(value: str) -> str:
    """`startIndex=1?aadOptscim062020`: the tenant URL's flag glued to the last value."""
    low = value.lower()
    for flag in FLAGS:
        if low.endswith(("?" + flag, "/" + flag)):
            return value[: -len(flag) - 1]
    return value


def _one(name: str, values: list[str]) -> str:
    """One value of what was sent: lists are joined, a repeat of the same is harmless, a contradiction is not."""
    if name in _LISTS:
        parts = [part.strip() for value in values for part in value.split(",")]
        return ",".join(dict.fromkeys(part for part in parts if part))
    if any(value != values[0] for value in values):
        error = InvalidFilter if name == "filter" else InvalidValue
        raise error(f"{name} is given {len(values)} times with different values")
    return values[0] if name in {"filter", "cursor"} else values[0].strip()


def normalise_search(
    body: Any, *, resource_type: str | None = None, strict: bool = False
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of POST /.search (RFC 7644 §3.4.3): the same repairs as a query string, on JSON."""
    sent = require_object(body)
    notes = Notes()
    result: dict[str, Any] = {}
    for name, value in sent.items():
        low = name.lower()
        if low == "schemas":
            continue
        canonical = "count" if low == "itemsperpage" else _NAMES.get(low)
        if canonical is None:
            if strict:
                result[name] = value
            else:
                notes.say("unknown search member ignored")
        elif value is not None and (low != "itemsperpage" or named(sent, "count") is None):
            if canonical != name:
                notes.say("search member in another case")
            result[canonical] = _search_value(canonical, value, notes)
    text = result.get("filter")
    if text is not None and not isinstance(text, str):
        raise InvalidFilter("The filter must be a string")
    if text is not None:
        if strict:
            check_filter(text)
        else:
            result["filter"] = repair_filter(text, resource_type, notes)
    schemas = named(sent, "schemas")
    if schemas is None and not strict:
        notes.say("schemas filled in")
    kept = sent[schemas] if schemas is not None and strict else [SEARCH_REQUEST]
    return {"schemas": kept, **result}, notes.take()


def _search_value(name: str, value: Any, notes: Notes) -> Any:
    """Numbers that came as text, lists that came as one string."""
    if name in _LISTS and isinstance(value, str):
        notes.say("attributes sent as one string")
        return [part.strip() for part in value.split(",") if part.strip()]
    if name == "sortOrder" and isinstance(value, str) and value != value.lower():
        notes.say("sort order in capitals")
        return value.lower()
    if name in {"startIndex", "count"} and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        text = value.strip()
        if len(text) < 19 and text.isascii():
            notes.say("number sent as text")
            return int(text)
    return value
