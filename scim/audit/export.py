"""The audit trail for people (CSV) and for programs (JSON lines, the faithful form)."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator

import orjson

from scim.audit.events import Entry, canonical

COLUMNS = (
    "at",
    "connection_name",
    "connection",
    "action",
    "outcome",
    "status",
    "kind",
    "object_id",
    "object_name",
    "changed",
    "detail",
    "steps",
    "method",
    "route",
    "address",
    "token_key",
    "request_id",
    "normalised",
    "upstream",
    "ms",
)
_PLACE = ("partition", "seq", "hash")
# spreadsheets take a cell that starts with one of these for a formula; the wide forms count in some of them
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def as_csv(entries: AsyncIterator[Entry]) -> AsyncGenerator[str]:
    """Lines of a table: a heading, then an entry each. Every cell is quoted, none is a formula."""
    yield _line((*COLUMNS, *_PLACE))
    async for entry in entries:
        event = [getattr(entry.event, name) for name in COLUMNS]
        yield _line((*event, entry.partition, entry.seq, entry.hash))


async def as_jsonl(entries: AsyncIterator[Entry]) -> AsyncGenerator[str]:
    """A JSON object an entry: the event as it was hashed, its place and its hash."""
    async for entry in entries:
        event = orjson.loads(canonical(entry.event))
        place = {"partition": entry.partition, "seq": entry.seq, "hash": entry.hash}
        yield orjson.dumps({**place, **event}).decode() + "\n"


def harmless(text: str) -> str:
    """The text as a spreadsheet may have it: what would be a formula gets an apostrophe in front."""
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _line(cells: tuple[object, ...]) -> str:
    page = io.StringIO()
    csv.writer(page, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([harmless(_text(cell)) for cell in cells])
    return page.getvalue()


def _text(cell: object) -> str:
    if isinstance(cell, tuple):
        return "; ".join(str(part) for part in cell)
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)
