"""The trail backwards: newest first, a stretch at a time, so that a page of a long trail costs a page.

Table Storage reads forwards only. The anchors know between which numbers a partition lies, so it is read in stretches
from its end, each chain in proportion to its share of the day; a search that begins within a day finds its place by
halving. What few rows can meet (one object, refusals) is asked of many days at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scim.audit import chain
from scim.audit.events import Entry, entry
from scim.store.table import Table

FIRST = 200  # rows of all chains together that are read at first: a page, and what it passes over
LEAST = 20  # of one chain
LONGEST = 20_000  # rows that one question may walk: well within the service's five seconds
AT_ONCE = 5  # chains that are begun together
FEW = 500  # more than that are no few, and are read as they come
_RARE = {"refused", "failed", "unknown"}
_SLACK = timedelta(minutes=10)  # how far beyond `since` a chain is read, should the clock have been set
_LATE = timedelta(seconds=10)  # a read waits two seconds for company and a row three for the table: so far, rows of one
# chain are out of the order of time


class NotFurther(Exception):
    """A search was given up for its time. `until`: where the next one goes on."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


@dataclass(frozen=True, slots=True)
class _Part:
    """One chain's rows of one day: the numbers in (before, head], and perhaps some more if it is still written."""

    name: str
    before: int
    head: int
    anchored: datetime

    @property
    def rows(self) -> int:
        return max(1, self.head - self.before)


@dataclass(frozen=True, slots=True)
class _Sought:
    """What the store compares, and between which times."""

    where: dict[str, str]
    since: datetime
    until: datetime


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
    :raises NotFurther: There are older days that were not looked at. Its `until` is before the given one, always.
    """
    begun = time.monotonic()
    conditions = (("connection", connection), ("object", object_id), ("outcome", outcome))
    sought = _Sought({name: value for name, value in conditions if value is not None}, since, until)
    few = object_id is not None or outcome in _RARE
    days = await _days(table, since, until)
    at = 0
    while at < len(days):
        midnight = datetime.strptime(days[at][0], "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
        if midnight < until and patience is not None and time.monotonic() - begun > patience:
            raise NotFurther(midnight)
        together = _together(days[at:]) if few else 0
        found = await _few(table, days[at + together - 1][0], days[at][0], sought) if together else None
        entries = _as_told(found) if found is not None else _day(table, days[at][1], sought)
        try:
            async for one in entries:
                if since <= one.event.at < until:
                    yield one
        finally:
            await entries.aclose()
        at += together if found is not None else 1


async def _days(table: Table, since: datetime, until: datetime) -> list[tuple[str, list[_Part]]]:
    """The days that have rows, the last first. A row is stored under the day of its writing, which may be the next."""
    keys = (f"{since.astimezone(UTC):%Y%m%d}", f"{until.astimezone(UTC) + timedelta(days=1):%Y%m%d}|~")
    days: dict[str, list[_Part]] = {}
    async for row in table.query(chain.ANCHORS, first=keys[0], last=keys[1]):
        head, before = chain.read_anchor(row)
        part = _Part(row.key, before.seq, head.seq, row.values["anchored"])
        days.setdefault(row.key.partition("|")[0], []).append(part)
    return sorted(days.items(), reverse=True)


# -- few rows of many -------------------------------------------------------------------------------------------------


def _together(days: list[tuple[str, list[_Part]]]) -> int:
    """How many of these days one question may walk; 0: not even the first."""
    walked = 0
    for count, (_, parts) in enumerate(days):
        walked += sum(part.rows for part in parts)
        if walked > LONGEST:
            return count
    return len(days)


async def _few(table: Table, first_day: str, last_day: str, sought: _Sought) -> list[Entry] | None:
    """What meets the conditions in these days, the newest first; None: it is more than a few."""
    rows = table.query(
        None,
        partitions=(f"{first_day}|", f"{last_day}|~"),
        where=sought.where,
        select=("event", "hash"),
        limit=FEW + 1,
    )
    found = [entry(row) async for row in rows]
    return None if len(found) > FEW else sorted(found, key=_order, reverse=True)


async def _as_told(entries: list[Entry]) -> AsyncGenerator[Entry]:
    for one in entries:
        yield one


# -- a day, chain by chain --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chain:
    """A chain on its way back. `newest`: none of its entries that are not told yet is newer."""

    entries: AsyncGenerator[Entry]
    newest: datetime
    next: Entry | None = None

    async def advance(self) -> None:
        self.next = await anext(self.entries, None)
        if self.next is not None:
            self.newest = self.next.event.at


async def _day(table: Table, parts: list[_Part], sought: _Sought) -> AsyncGenerator[Entry]:
    """The entries of several chains in order of time. A chain that ended earlier is begun when its time has come."""
    whole = sum(part.rows for part in parts)
    begun = await asyncio.gather(
        *(_begin(table, part, max(LEAST, FIRST * part.rows // whole), sought) for part in parts)
    )
    waiting = list(begun)
    try:
        while waiting:
            front = max((one.newest for one in waiting if one.next is not None), default=sought.since)
            due = [one for one in waiting if one.next is None and one.newest >= front]
            due = sorted(due, key=lambda one: one.newest, reverse=True)[:AT_ONCE]
            if due:
                await asyncio.gather(*(one.advance() for one in due))
                waiting = [one for one in waiting if one.next is not None or one not in due]
                continue
            first = max(waiting, key=lambda one: (one.next is not None, one.newest))
            if first.next is None:  # what is left is older than what is sought
                return
            yield first.next
            await first.advance()
            if first.next is None:
                waiting.remove(first)
    finally:
        for one in begun:
            await one.entries.aclose()


async def _begin(table: Table, part: _Part, stretch: int, sought: _Sought) -> _Chain:
    """A chain, and how new its newest entry may be: as its anchor, or some seconds newer if a clock was set."""
    until, newest = sought.until, min(sought.until, part.anchored + _LATE)
    if until <= part.anchored:
        top, last = await _place(table, part, until)
        return _Chain(_backwards(table, part.name, part.before, top, last, stretch, sought), newest)
    top = await _end(table, part)
    return _Chain(
        _backwards(table, part.name, part.before, top, None, stretch, sought), newest if top == part.head else until
    )


async def _backwards(
    table: Table, name: str, before: int, top: int, last: str | None, stretch: int, sought: _Sought
) -> AsyncGenerator[Entry]:
    """One chain's entries by time, the last first; from `top` on, or from its end where there is no `last`."""
    if last is not None and top <= before:
        return
    held: list[Entry] = []  # rows that an earlier one may still come before
    while True:
        first = max(before, top - stretch)
        rows = table.query(
            name, first=chain.key(first + 1), last=last, where=sought.where or None, select=("event", "hash")
        )
        read = [entry(row) async for row in rows]
        held = sorted(held + read, key=_order)
        ended = first <= before or (bool(read) and read[0].event.at < sought.since - _SLACK)
        waited = len(held)
        while held and (ended or (read and held[-1].event.at >= read[0].event.at + _LATE)):
            yield held.pop()
        if ended:
            return
        little = len(read) < stretch // 4 or len(held) == waited
        stretch = min(LONGEST, stretch * (4 if little else 2))
        top, last = first, chain.key(first)


def _order(one: Entry) -> tuple[datetime, str, int]:
    return one.event.at, one.partition, one.seq


async def _place(table: Table, part: _Part, until: datetime) -> tuple[int, str | None]:
    """A number that no entry before `until` comes after, and nearly the first such; found by halving."""
    low, high = part.before, part.head + 1
    middle = low + 1  # at first whether any row is early enough: the day after `until` is looked at, too
    while high > low + 1 and (middle == low + 1 or high - low > FIRST // 2):
        row = await table.get(part.name, chain.key(middle))
        at = row.values.get("at") if row is not None else None
        if not isinstance(at, datetime):  # a gap is for `verify` to tell: nothing may be passed over for it
            break
        low, high = (low, middle) if at >= until + _LATE else (middle, high)
        middle = (low + high) // 2
    # without a last key the end of the chain is read, too: what was written after its anchor
    return (part.head, None) if high > part.head else (high - 1, chain.key(high - 1))


async def _end(table: Table, part: _Part) -> int:
    """The last number, or nearly: an anchor is a minute old, and a busy minute writes thousands of rows."""
    if await table.get(part.name, chain.key(part.head + 1)) is None:
        return part.head
    head, step = part.head + 1, FIRST
    while step >= FIRST:
        if await table.get(part.name, chain.key(head + step)) is not None:
            head, step = head + step, step * 2
        else:
            step //= 2
    return head
