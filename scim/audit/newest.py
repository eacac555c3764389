"""The trail backwards: newest first, a stretch at a time, so that a page of a long trail costs a page.

Table Storage reads forwards only. The anchors know between which numbers a partition lies, so it is read in stretches
from its end; a stretch grows while little in it meets the search.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta

from scim.audit import chain
from scim.audit.events import Entry, entry
from scim.store.table import Table

STRETCH = 150
LONGEST = 20_000
_SLACK = timedelta(minutes=10)  # rows of one chain are in order of writing, which is nearly that of time


class NotFurther(Exception):
    """A search was given up for its time. `until`: where the next one goes on."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


async def search_newest(
    table: Table,
    since: datetime,
    until: datetime,
    *,
    connection: str | None = None,
    object_id: str | None = None,
    outcome: str | None = None,
    patience: float | None = None,
) -> AsyncIterator[Entry]:
    """Entries of all writers in [since, until), the newest first.

    :param patience: Seconds after which no further day is begun.
    :raises NotFurther: There are older days that were not looked at.
    """
    begun = time.monotonic()
    conditions = (("connection", connection), ("object", object_id), ("outcome", outcome))
    where = {name: value for name, value in conditions if value is not None}
    days = (f"{since.astimezone(UTC):%Y%m%d}", f"{until.astimezone(UTC) + timedelta(days=1):%Y%m%d}|~")
    by_day: dict[str, list[tuple[str, int, int]]] = {}
    async for row in table.query(chain.ANCHORS, first=days[0], last=days[1]):
        head, before = chain.read_anchor(row)
        by_day.setdefault(row.key.partition("|")[0], []).append((row.key, before.seq, head.seq))
    for day in sorted(by_day, reverse=True):
        if patience is not None and time.monotonic() - begun > patience:
            raise NotFurther(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1))
        readers = [_backwards(table, name, first, head, since, where) for name, first, head in by_day[day]]
        try:
            async for found in _merged(readers):
                if since <= found.event.at < until:
                    yield found
        finally:
            for reader in readers:
                await reader.aclose()


async def _backwards(
    table: Table, name: str, before: int, head: int, since: datetime, where: dict[str, str]
) -> AsyncGenerator[Entry]:
    """One partition's entries, the last first. The first stretch has no end, so that nothing is left out there."""
    last: str | None = None
    # a search for one object or outcome finds few: then a day is one question, and not many stretches of nothing
    rare = "object" in where or "outcome" in where
    top, stretch = (head, LONGEST) if rare else (await _end(table, name, head), STRETCH)
    while True:
        first = max(before, top - stretch)
        rows = [
            entry(row)
            async for row in table.query(
                name, first=chain.key(first + 1), last=last, where=where or None, select=("event", "hash")
            )
        ]
        for found in reversed(rows):
            yield found
        if first <= before or (rows and rows[0].event.at < since - _SLACK):
            return
        if len(rows) < stretch // 4:
            stretch = min(LONGEST, stretch * 4)
        top, last = first, chain.key(first)


async def _end(table: Table, name: str, head: int) -> int:
    """Nearly the last number: an anchor is a minute old, and a busy minute writes thousands of rows."""
    step = STRETCH
    while step >= STRETCH:
        if await table.get(name, chain.key(head + step)) is not None:
            head, step = head + step, step * 2
        else:
            step //= 2
    return head


async def _merged(readers: list[AsyncGenerator[Entry]]) -> AsyncGenerator[Entry]:
    firsts = await asyncio.gather(*(anext(reader, None) for reader in readers))
    waiting = [(first, reader) for first, reader in zip(firsts, readers, strict=True) if first is not None]
    while waiting:
        index = max(range(len(waiting)), key=lambda i: waiting[i][0].event.at)
        found, reader = waiting[index]
        yield found
        following = await anext(reader, None)
        if following is None:
            waiting.pop(index)
        else:
            waiting[index] = (following, reader)
