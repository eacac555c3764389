"""Writing the audit trail: durable before it answers, one chain per process, concurrent events in one transaction.

    partition            key             what
    {day}|{chain}        {number:012d}   event (canonical JSON), its hash, and columns to search by
    anchors              {day}|{chain}   the head of that partition, at most a minute old, and where the day began

A chain belongs to one process, so writers never wait for each other and never fork. Each hash covers the one before it;
an anchor says how far a chain had come, so that a cut tail is noticed; the same head goes to the log, which is another
place with other administrators.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scim.audit import chain
from scim.audit.events import AuditEvent, Entry, canonical, columns, entry
from scim.errors import StoreUnavailable
from scim.store.table import Operation, Row, RowExists, Table

RECORD_SECONDS = 3.0
ANCHOR_SECONDS = 60.0
READ_SECONDS = 2.0
READ_BATCH = 50
MOST_READS = 2_000  # that wait while the table is away; beyond it the oldest go to the log only
_BATCH_ROWS = 100
_BATCH_CHARACTERS = 1_000_000  # UTF-16 on the service's side, and 4 MiB is its limit

log = logging.getLogger("scim.audit")


@dataclass(slots=True)
class _Waiting:
    """An event on its way. `done` is None for a read, which nobody waits for."""

    event: AuditEvent
    done: asyncio.Future[None] | None


class AuditTrail:
    """The trail as one process writes it."""

    def __init__(self, table: Table, instance_id: str) -> None:
        """:param instance_id: Names the writer to people; a random part makes the chain this process's alone."""
        safe = "".join(c for c in instance_id if c.isascii() and (c.isalnum() or c in "-_"))[:40]
        self.chain = f"{safe or 'instance'}-{secrets.token_hex(4)}"
        self._table = table
        self._head = chain.genesis(self.chain)
        self._before = self._head  # the head that the current day began with
        self._day = ""
        self._uncertain = False  # an answer was lost: what is written must be looked at before going on
        self._tried: deque[str] = deque(maxlen=16)  # heads that this process meant to write
        self._waiting: deque[_Waiting] = deque()
        self._reads: deque[_Waiting] = deque()
        self._lost = 0  # reads that went to the log, because the table did not take them
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._anchored_at = time.monotonic()
        self._anchored = self._head
        self._anchor_timer: asyncio.TimerHandle | None = None
        self._anchor_due = 0.0
        self._anchor_task: asyncio.Task[None] | None = None

    @property
    def head(self) -> chain.Head:
        """How far this chain has come."""
        return self._head

    @property
    def backlog(self) -> int:
        """Events that are not written yet."""
        return len(self._waiting) + len(self._reads)

    async def record(self, event: AuditEvent) -> None:
        """Return when the event is stored.

        :raises StoreUnavailable: Within 3 s, when it cannot be known to be stored. (It may be, if an answer was lost.)
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, done))
        self._write()
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                await done
        except TimeoutError:
            raise StoreUnavailable("The audit trail cannot be written in time") from None

    def note(self, event: AuditEvent) -> None:
        """Keep a read. Written with the next record, when 50 have come together, or after 2 s. Never raises."""
        if len(self._reads) >= MOST_READS:
            self._to_log(self._reads.popleft().event)
        self._reads.append(_Waiting(event, None))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if len(self._reads) >= READ_BATCH:
            self._write()
        elif self._timer is None or self._timer.cancelled() or self._timer.when() < loop.time():
            self._timer = loop.call_later(READ_SECONDS, self._write)

    async def flush(self) -> None:
        """Write what waits. :raises StoreUnavailable: when some of it could only go to the log."""
        lost = self._lost
        self._write()
        if self._writer is not None:
            await self._writer
        if self._lost > lost:
            raise StoreUnavailable("The audit trail cannot be written")

    async def anchor(self) -> None:
        """Store the head in the anchors partition, and tell the log. :raises StoreUnavailable:"""
        head, before, day = self._head, self._before, self._day
        if head.seq == 0 or head == self._anchored:
            return
        name = chain.partition(day, self.chain)
        log.info("audit head %s %d %s", name, head.seq, head.hash)
        await self._table.put(chain.anchor_row(name, head, before, datetime.now(UTC)))
        self._anchored, self._anchored_at = head, time.monotonic()

    async def close(self) -> None:
        """Write and anchor what there is, as far as that can be done."""
        for timer in (self._timer, self._anchor_timer):
            if timer is not None:
                timer.cancel()
        try:
            await self.flush()
            await self.anchor()
        except StoreUnavailable:
            log.warning("audit: the last events could not be written or anchored")

    def search(
        self,
        since: datetime,
        until: datetime,
        *,
        connection: str | None = None,
        object_id: str | None = None,
        outcome: str | None = None,
    ) -> AsyncIterator[Entry]:
        """Entries of all writers in [since, until): each chain in its own order, the chains merged by time."""
        return search(self._table, since, until, connection=connection, object_id=object_id, outcome=outcome)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Start the writer unless it runs: one at a time, which is what keeps the chain in order."""
        running = self._writer is not None and not self._writer.done()
        if running and self._writer is not None and self._writer.get_loop() is asyncio.get_running_loop():
            return
        self._writer = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        # one turn for others: requests that arrive together share a transaction
        await asyncio.sleep(0)
        while self._waiting or self._reads:
            batch = self._take()
            try:
                await self._commit([item.event for item in batch])
            except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it was
                self._fail(batch, error)
                continue
            for item in batch:
                if item.done is not None and not item.done.done():
                    item.done.set_result(None)
        self._anchor_when_due()

    def _take(self) -> list[_Waiting]:
        """The next events to write together: those that somebody waits for first."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < _BATCH_ROWS:
            item = self._waiting.popleft()
            if item.done is None or not item.done.done():  # who stopped waiting was told that nothing is known
                batch.append(item)
        while self._reads and len(batch) < _BATCH_ROWS:
            batch.append(self._reads.popleft())
        return batch

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        known = error if isinstance(error, StoreUnavailable) else StoreUnavailable("The audit trail cannot be written")
        if not isinstance(error, StoreUnavailable):
            log.error("audit: writing failed with %s", type(error).__name__)
        for item in batch:
            if item.done is None:
                self._lost += 1
                self._to_log(item.event)
            elif not item.done.done():
                item.done.set_exception(known)

    async def _commit(self, events: list[AuditEvent]) -> None:
        """Write events as the next links. State changes only when they are known to be stored."""
        if not events:
            return
        if self._uncertain:
            await self._settle()
        texts = [canonical(event) for event in events]
        first = 0
        while first < len(events):
            last = first + 1
            size = len(texts[first])
            while last < len(events) and size + len(texts[last]) <= _BATCH_CHARACTERS:
                size += len(texts[last])
                last += 1
            await self._append(events[first:last], texts[first:last])
            first = last

    async def _append(self, events: list[AuditEvent], texts: list[str]) -> None:
        await self._open_day()
        for attempt in (1, 2):
            head, rows = self._head, []
            name = chain.partition(self._day, self.chain)
            for event, text in zip(events, texts, strict=True):
                head = chain.link(head, text)
                rows.append(Row(name, chain.key(head.seq), {"event": text, "hash": head.hash, **columns(event)}))
            self._uncertain = True
            self._tried.append(head.hash)
            try:
                if len(rows) == 1:
                    await self._table.insert(rows[0])  # half the cost of a transaction
                else:
                    await self._table.batch([Operation("insert", row) for row in rows])
            except RowExists:
                # the SDK sent this one twice, or one that was given up came through after all
                if await self._settle() == head:
                    return
                if attempt == 2:
                    raise StoreUnavailable("The audit trail cannot be continued") from None
                continue
            self._head, self._uncertain = head, False
            return

    async def _settle(self) -> chain.Head:
        """Find out how far the chain really is, after a write whose end is not known."""
        name = chain.partition(self._day, self.chain)
        found = self._head
        async for row in self._table.query(name, first=chain.key(self._head.seq + 1)):
            found = chain.Head(int(row.key), str(row.values["hash"]))
        if found != self._head and found.hash not in self._tried:
            log.error("audit: %s holds rows that its writer did not write", name)
        self._head = found
        self._uncertain = False
        return self._head

    async def _open_day(self) -> None:
        """Announce a partition before its first row, so that search and verify know of it.

        Days only go forward: were the clock set back, the chain would run through partitions in the wrong order.
        """
        today = max(self._day, f"{datetime.now(UTC):%Y%m%d}")
        if today == self._day:
            return
        if self._day:
            await self.anchor()
        name = chain.partition(today, self.chain)
        await self._table.put(chain.anchor_row(name, self._head, self._head, datetime.now(UTC)))
        self._day, self._before = today, self._head

    # -- anchoring ---------------------------------------------------------------------------------------------------

    def _anchor_when_due(self) -> None:
        if self._head == self._anchored:
            return
        loop = asyncio.get_running_loop()
        if self._anchor_due > loop.time():  # not asked of the timer: uvloop's may be a handle that does not know
            return
        wait = max(0.0, self._anchored_at + ANCHOR_SECONDS - time.monotonic())
        self._anchor_due = loop.time() + wait
        self._anchor_timer = loop.call_later(wait, self._anchor_soon)

    def _anchor_soon(self) -> None:
        self._anchor_task = asyncio.get_running_loop().create_task(self._anchor_quietly())

    async def _anchor_quietly(self) -> None:
        try:
            await self.anchor()
        except StoreUnavailable:
            log.warning("audit: the head could not be anchored; the next minute tries again")
            self._anchored_at = time.monotonic()

    @staticmethod
    def _to_log(event: AuditEvent) -> None:
        """The second sink, for reads that the table cannot take."""
        log.warning("audit read %s", canonical(event))


async def search(
    table: Table,
    since: datetime,
    until: datetime,
    *,
    connection: str | None = None,
    object_id: str | None = None,
    outcome: str | None = None,
) -> AsyncIterator[Entry]:
    """Entries of all writers in [since, until): each chain in its own order, the chains merged by time."""
    conditions = (("connection", connection), ("object", object_id), ("outcome", outcome))
    where = {name: value for name, value in conditions if value is not None}
    # an event is stored under the day of its writing, which may be the next one
    days = (f"{since.astimezone(UTC):%Y%m%d}", f"{until.astimezone(UTC) + timedelta(days=1):%Y%m%d}|~")
    anchors = table.query(chain.ANCHORS, first=days[0], last=days[1])
    by_day: dict[str, list[str]] = {}
    async for row in anchors:
        by_day.setdefault(row.key.partition("|")[0], []).append(row.key)
    for day in sorted(by_day):
        async with aclosing(_merged(table, by_day[day], where)) as entries:
            async for found in entries:
                if since <= found.event.at < until:
                    yield found


async def _merged(table: Table, names: list[str], where: dict[str, str]) -> AsyncGenerator[Entry]:
    """The entries of several partitions in order of time. One row of each is in hand at any moment."""
    readers = [table.query(name, where=where) for name in names]
    waiting: list[tuple[Entry, AsyncIterator[Row]]] = []
    for reader in readers:
        row = await anext(reader, None)
        if row is not None:
            waiting.append((entry(row), reader))
    while waiting:
        index = min(range(len(waiting)), key=lambda i: waiting[i][0].event.at)
        found, reader = waiting[index]
        yield found
        row = await anext(reader, None)
        if row is None:
            waiting.pop(index)
        else:
            waiting[index] = (entry(row), reader)
