"""Table `messages`: what clients asked lately and what they were told, for people who watch. No evidence: audit is.

    partition            key                     what
    m|{day}              {time, backwards}-{id}  one message as JSON, newest first, and columns to filter by
    t|{hour}             {minute}|{instance}     numbers of one minute of one instance
    s                    {connection}            when a connection was last seen, its errors in a row, its first calls

Rows are bounded and short-lived; writing them never delays or fails a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from scim.store.table import Operation, Row, RowChanged, RowExists, Table

_END = 10**20 - 1  # counting backwards from here, the newest row has the smallest key
MOST_CHARACTERS = 30_000
MEANT = ("Held by the mass-change", "The connector is in maintenance")
HELD = "Held by the mass-change"  # how the breaker's refusal begins


@dataclass(frozen=True, slots=True)
class Message:
    """One request of a client, with its answer. Secrets are taken out before it is made (redaction.py)."""

    at: datetime
    request_id: str
    connection: str = ""  # id; "" for a caller that was not let in
    connection_name: str = ""
    token_key: str = ""
    address: str = ""
    agent: str = ""
    method: str = ""
    route: str = ""
    path: str = ""
    query: str = ""
    status: int = 0
    ms: float = 0.0
    received: str = ""
    answered: str = ""
    detail: str = ""
    normalised: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    upstream: tuple[tuple[str, str, int, float], ...] = ()  # method, path, status, ms

    @property
    def resource(self) -> str:
        """`Users` of `/Users/{id}`."""
        return self.route.strip("/").partition("/")[0]

    @property
    def outcome(self) -> str:
        """ok, refused (the client's affair, or a human's: held, maintenance) or failed (ours)."""
        if self.status < 400:
            return "ok"
        return "refused" if self.status < 500 or self.detail.startswith(MEANT) else "failed"

    @property
    def key(self) -> str:
        return f"{_END - int(self.at.timestamp() * 1_000_000_000):020d}-{self.request_id}"


@dataclass(slots=True)
class Minute:
    """What one minute looked like: of one instance as it is written, of all as it is read."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    upstream: int = 0
    dropped: int = 0  # messages that were counted and not kept
    times: list[float] = field(default_factory=list)  # a sample of milliseconds
    by_connection: dict[str, list[int]] = field(default_factory=dict)  # id → [requests, refused, failed]

    def add(self, message: Message, *, sample: int = 64) -> None:
        refused, failed = message.outcome == "refused", message.outcome == "failed"
        self.requests += 1
        self.refused += refused
        self.failed += failed
        self.upstream += len(message.upstream)
        counts = self.by_connection.setdefault(message.connection, [0, 0, 0])
        counts[0] += 1
        counts[1] += refused
        counts[2] += failed
        if len(self.times) < sample:
            self.times.append(message.ms)
        else:  # keep a spread of the minute, not only its beginning
            self.times[self.requests % sample] = message.ms

    def as_row(self) -> dict[str, Any]:
        """What `merge` takes."""
        return asdict(self)

    def merge(self, other: Mapping[str, Any]) -> None:
        for name in ("requests", "refused", "failed", "upstream", "dropped"):
            setattr(self, name, getattr(self, name) + int(other.get(name, 0)))
        self.times.extend(float(ms) for ms in other.get("times", ()))
        for connection, numbers in dict(other.get("by_connection", {})).items():
            mine = self.by_connection.setdefault(connection, [0, 0, 0])
            mine[:] = [a + int(b) for a, b in zip(mine, numbers, strict=True)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one connection's traffic. `firsts`: `POST /Users` → when it first succeeded."""

    last_at: datetime | None = None
    last_status: int = 0
    last_good: datetime | None = None
    streak: int = 0  # errors in a row, as far as instances have told each other
    last_error: str = ""
    agent: str = ""
    held_at: datetime | None = None  # when the mass-change breaker last held something
    firsts: Mapping[str, str] = field(default_factory=dict)


class Messages:
    """The rows, written in batches and read newest first."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # -- messages ----------------------------------------------------------------------------------------------------

    async def write(self, messages: Iterable[Message]) -> None:
        """At most a few hundred at a time. Written twice, a row is the same row."""
        by_day: dict[str, list[Operation]] = {}
        for message in messages:
            by_day.setdefault(f"m|{message.at:%Y%m%d}", []).append(Operation("put", _row(message)))
        for operations in by_day.values():
            for start in range(0, len(operations), 50):
                await self._table.batch(operations[start : start + 50])

    async def newest(
        self,
        limit: int,
        *,
        days: int = 2,
        connection: str = "",
        outcome: str = "",
        resource: str = "",
        before: str = "",
    ) -> list[Message]:
        """The newest that meet every condition. `before`: a key, for the page after it."""
        where = {n: v for n, v in (("connection", connection), ("outcome", outcome), ("resource", resource)) if v}
        found: list[Message] = []
        today = datetime.now(UTC)
        for back in range(days):
            rows = self._table.query(
                f"m|{today - timedelta(days=back):%Y%m%d}",
                first=f"{before}~" if before else None,
                where=where,
                limit=limit - len(found),
            )
            found += [message async for row in rows if (message := read(row)) is not None]
            if len(found) >= limit:
                break
        return found

    async def get(self, key: str) -> Message | None:
        """One message by its key."""
        stamp = key.partition("-")[0]
        if not stamp.isdigit() or len(stamp) != 20:
            return None
        at = datetime.fromtimestamp((_END - int(stamp)) / 1_000_000_000, UTC)
        row = await self._table.get(f"m|{at:%Y%m%d}", key)
        return read(row) if row is not None else None

    async def purge(self, before: datetime) -> int:
        """Forget what is older; how many rows it were. A day at a time, a hundred rows a call."""
        gone = 0
        for back in range(1, 8):
            day = before - timedelta(days=back)
            partitions = [f"m|{day:%Y%m%d}", *(f"t|{day:%Y%m%d}{hour:02d}" for hour in range(24))]
            for partition in partitions:
                gone += await self._forget(partition)
        return gone

    async def _forget(self, partition: str) -> int:
        rows: list[Operation] = []
        gone = 0
        async for row in self._table.query(partition, select=()):
            rows.append(Operation("delete", Row(partition, row.key, {}), None))
            if len(rows) == 100:
                await self._table.batch(rows)
                gone, rows = gone + 100, []
        if rows:
            await self._table.batch(rows)
        return gone + len(rows)

    # -- numbers -----------------------------------------------------------------------------------------------------

    async def write_minute(self, minute: datetime, instance: str, numbers: Minute) -> None:
        row = Row(
            f"t|{minute:%Y%m%d%H}", f"{minute:%M}|{instance}", {"numbers": orjson.dumps(asdict(numbers)).decode()}
        )
        await self._table.put(row)

    async def minutes(self, since: datetime, until: datetime) -> dict[datetime, Minute]:
        """Minute → numbers of all instances; a minute without traffic is not there. One read."""
        hours = (f"t|{since.astimezone(UTC):%Y%m%d%H}", f"t|{until.astimezone(UTC):%Y%m%d%H}")
        found: dict[datetime, Minute] = {}
        async for row in self._table.query(None, partitions=hours):
            at = datetime.strptime(f"{row.partition[2:]}{row.key[:2]}", "%Y%m%d%H%M").replace(tzinfo=UTC)
            if since <= at < until:
                found.setdefault(at, Minute()).merge(orjson.loads(row.values["numbers"]))
        return found

    # -- connections -------------------------------------------------------------------------------------------------

    async def seen(self) -> dict[str, Seen]:
        """Connection id → what is known of it."""
        return {row.key: _seen(row) async for row in self._table.query("s")}

    async def seen_of(self, connection: str) -> Seen | None:
        row = await self._table.get("s", connection)
        return _seen(row) if row is not None else None

    async def see(self, connection: str, messages: list[Message]) -> None:
        """Add what one instance saw. Instances that write at once are merged, a lost race is tried again."""
        for _ in range(4):
            row = await self._table.get("s", connection)
            values = _told(_seen(row) if row else Seen(), messages)
            try:
                if row is None:
                    await self._table.insert(Row("s", connection, values))
                else:
                    await self._table.put(Row("s", connection, values), etag=row.etag)
            except (RowChanged, RowExists):
                continue
            return


def _row(message: Message) -> Row:
    text = orjson.dumps(asdict(message)).decode()
    if len(text) > MOST_CHARACTERS:
        text = orjson.dumps({**asdict(message), "received": "(too long to keep)", "answered": ""}).decode()
    values = {
        "message": text[:MOST_CHARACTERS],
        "connection": message.connection,
        "outcome": message.outcome,
        "resource": message.resource,
    }
    return Row(f"m|{message.at:%Y%m%d}", message.key, values)


def read(row: Row) -> Message | None:
    try:
        values = orjson.loads(row.values["message"])
        values["at"] = datetime.fromisoformat(values["at"])
        for name in ("normalised", "notes"):
            values[name] = tuple(values.get(name) or ())
        values["upstream"] = tuple(tuple(call) for call in values.get("upstream") or ())
        return Message(**values)
    except (ValueError, KeyError, TypeError):
        return None  # a newer version's row, or a cut one: it is only a view


def _seen(row: Row) -> Seen:
    v = row.values
    return Seen(
        last_at=v.get("last_at"),
        last_status=int(v.get("last_status", 0)),
        last_good=v.get("last_good"),
        streak=int(v.get("streak", 0)),
        last_error=str(v.get("last_error", "")),
        agent=str(v.get("agent", "")),
        held_at=v.get("held_at"),
        firsts=orjson.loads(v.get("firsts", "{}")),
    )


def _told(seen: Seen, messages: list[Message]) -> dict[str, Any]:
    firsts, streak, good, error = dict(seen.firsts), seen.streak, seen.last_good, seen.last_error
    held = seen.held_at
    for message in messages:
        if message.outcome == "ok":
            streak, good = 0, message.at
            name = f"{message.method} {message.route}"
            if len(firsts) < 60:
                firsts.setdefault(name, message.at.isoformat(timespec="seconds"))
                if message.query and "filter" in message.query:
                    firsts.setdefault(f"{name} filter", message.at.isoformat(timespec="seconds"))
        elif message.status != 404:  # identity platforms look for people who are not there yet
            streak, error = streak + 1, f"{message.status} {message.method} {message.route}: {message.detail}"[:300]
        if message.detail.startswith(HELD):
            held = message.at
    last = messages[-1]
    values = {
        "last_at": max(last.at, seen.last_at) if seen.last_at else last.at,
        "last_status": last.status,
        "last_good": good,
        "streak": streak,
        "last_error": error,
        "agent": last.agent or seen.agent,
        "held_at": held,
        "firsts": orjson.dumps(firsts).decode(),
    }
    return {name: value for name, value in values.items() if value is not None}
