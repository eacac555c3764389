"""What may be kept of a request for people to look at: bounded, and without anything that opens a door."""

from __future__ import annotations

import re
from typing import Any

import orjson

MOST_BYTES = 16 * 1024  # larger bodies are told by their size alone: looking into them would cost the request
_MOST_TEXT = 300
_MOST_ITEMS = 25
_MOST_DEPTH = 8
HIDDEN = "•••"
_SECRET = re.compile(
    r"pass|pwd|secret|token|credential|api.?key|private.?key|otp|authorization|cookie"
    r"|(?<![a-z])fields(?![a-z])",  # of PrivilegedData: what is written into a secret
    re.IGNORECASE,
)
_FILTER = re.compile(r"[\[\s].*", re.DOTALL)  # of a PATCH path, `fields[value eq "x"]` and `password eq "x"`


def shown_body(body: bytes | None) -> str:
    """A JSON body as indented text: secrets hidden, long texts and lists cut."""
    if not body:
        return ""
    if len(body) > MOST_BYTES:
        return f"({len(body):,} bytes; bodies beyond {MOST_BYTES:,} are not kept)"
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return f"({len(body):,} bytes that are not JSON)"
    return orjson.dumps(_shown(value, 0), option=orjson.OPT_INDENT_2).decode()[:8_000]


def shown_query(query: str) -> str:
    """The raw query, cut; hidden as a whole when it speaks of a secret."""
    return HIDDEN if _SECRET.search(query) else query[:_MOST_TEXT]


def _shown(value: Any, depth: int) -> Any:
    if depth > _MOST_DEPTH:
        return "…"
    if isinstance(value, dict):
        # a PATCH operation names its attribute in `path`, beside the value
        whole = _SECRET.search(str(value.get("path", ""))) is not None
        # and an entry of a list of fields in `name`
        whole = whole or _SECRET.search(str(value.get("name", ""))) is not None
        hide = {name for name in value if _SECRET.search(str(name)) or (whole and str(name).lower() == "value")}
        items = list(value.items())[: _MOST_ITEMS * 2]
        paths = {name for name, item in items if str(name).lower() == "path" and isinstance(item, str)} - hide
        shown = {n: HIDDEN if n in hide else _shown_path(v) if n in paths else _shown(v, depth + 1) for n, v in items}
        return {_shown_path(str(name)): item for name, item in shown.items()}
    if isinstance(value, list):
        more = [f"… {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
        return [*(_shown(item, depth + 1) for item in value[:_MOST_ITEMS]), *more]
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        return value[:_MOST_TEXT] + "…"
    return value


def _shown_path(path: str) -> str:
    """A PATCH path, in `path` or as the key of a path-less value, without the filter where that holds a secret."""
    return (_FILTER.sub(f"[{HIDDEN}]", path) if _SECRET.search(path) else path)[:_MOST_TEXT]
