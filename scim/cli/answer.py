"""What a command answers: data for programs, and the same for people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` goes out with --json, `text` without it. `note` is said on stderr, out of the way of a pipe.

    `lines` go out as they come, instead of both: an export may be larger than memory.
    """

    data: Any
    text: str
    note: str = ""
    lines: AsyncIterator[str] | None = None


def as_json(data: object) -> str:
    return orjson.dumps(data, option=orjson.OPT_UTC_Z).decode()


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows under their headings; says so when there are none."""
    if not rows:
        return "none"
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    lines = [[column.upper() for column in columns], *cells]
    padded = (zip(line, widths, strict=True) for line in lines)
    return "\n".join("  ".join(cell.ljust(width) for cell, width in line).rstrip() for line in padded)


def sheet(values: Mapping[str, Any]) -> str:
    """One thing, a field a line."""
    width = max(len(name) for name in values)
    return "\n".join(f"{name.ljust(width)}  {_cell(value)}" for name, value in values.items())


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M")
        case list() | tuple():
            return ", ".join(_cell(v) for v in value) or "-"
        case dict():
            return ", ".join(f"{k}={_cell(v)}" for k, v in value.items()) or "-"
        case _:
            return str(value)
