"""What pages and the JSON API both show: plain values, gathered once, the same for people and for programs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scim.console.desk import Desk
from scim.errors import ConnectorError
from scim.model import Connection, Kind, UserId, UserQuery, Vault
from scim.store.journal import Intent
from scim.store.messages import Minute, Seen
from scim.store.tokens import StoredToken

PATIENCE = 4.0  # seconds that a page waits for a vault
MOST_RENAMED = 50
MOST_OPEN = 100
RANGES = {"1h": (timedelta(hours=1), 60), "6h": (timedelta(hours=6), 72), "24h": (timedelta(hours=24), 96)}


@dataclass(frozen=True, slots=True)
class BreakerState:
    """`limit` None: the vault could not be asked how many users there are."""

    changes: int = 0
    limit: int | None = None
    released: bool = False
    held: bool = False
    off: bool = False


@dataclass(slots=True)
class Traffic:
    """Numbers of a stretch of time."""

    since: datetime
    until: datetime
    minutes: dict[datetime, Minute]
    slots: int

    @property
    def total(self) -> Minute:
        whole = Minute()
        for minute in self.minutes.values():
            whole.requests += minute.requests
            whole.refused += minute.refused
            whole.failed += minute.failed
            whole.upstream += minute.upstream
            whole.dropped += minute.dropped
            whole.times.extend(minute.times)
        return whole

    @property
    def last_failure(self) -> datetime | None:
        failed = [at for at, minute in self.minutes.items() if minute.failed]
        return max(failed) if failed else None

    def pulse(self, connection: str, slots: int = 40) -> list[list[int]]:
        width = (self.until - self.since) / slots
        found = [[0, 0, 0] for _ in range(slots)]
        for at, minute in self.minutes.items():
            numbers = minute.by_connection.get(connection)
            place = int((at - self.since) / width)
            if numbers is not None and 0 <= place < slots:
                found[place] = [a + b for a, b in zip(found[place], numbers, strict=True)]
        return found


@dataclass(slots=True)
class Attention:
    """What waits for a human."""

    held: list[tuple[Connection, BreakerState]] = field(default_factory=list)
    open_rows: list[tuple[Vault, Intent]] = field(default_factory=list)
    expiring: list[tuple[Connection, StoredToken]] = field(default_factory=list)
    silent: list[tuple[Connection, str]] = field(default_factory=list)  # connection and what is odd about it
    renamed: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # what could not be looked at, in words

    @property
    def count(self) -> int:
        return len(self.held) + len(self.open_rows) + len(self.expiring) + len(self.silent)


async def traffic(desk: Desk, name: str) -> Traffic:
    length, slots = RANGES.get(name, RANGES["1h"])
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    since = until - length
    try:
        minutes = await desk.connector.messages.minutes(since, until)
    except ConnectorError:  # before the first `setup` after an upgrade there is no such table
        minutes = {}
    return Traffic(since, until, minutes, slots)


async def seen(desk: Desk) -> dict[str, Seen]:
    try:
        return dict(await desk.connector.messages.seen())
    except ConnectorError:
        return {}


async def breaker(desk: Desk, connection: Connection, known: Seen | None = None) -> BreakerState:
    """The mass-change breaker as it stands. Never raises: a vault that is ill must not hide the rest of a page.

    A single large change is held before anything is counted, so a refusal of the last hour says "held", too.
    """
    if not connection.policies.breaker:
        return BreakerState(off=True)
    try:
        async with asyncio.timeout(PATIENCE):
            session = await desk.connector.session(connection.vault)
            changes, limit, released = await desk.connector.breaker(connection, session).state()
    except (ConnectorError, TimeoutError):
        return BreakerState()
    hour = datetime.now(UTC) - timedelta(hours=1)
    lately = known is not None and known.held_at is not None and known.held_at > hour
    return BreakerState(changes, limit, released, not released and (changes >= limit or lately))


async def breakers(desk: Desk, connections: list[Connection], known: dict[str, Seen]) -> list[BreakerState]:
    return list(await asyncio.gather(*(breaker(desk, c, known.get(c.id)) for c in connections)))


async def attention(
    desk: Desk,
    *,
    renamed: bool = False,
    connections: list[Connection] | None = None,
    known: dict[str, Seen] | None = None,
    states: list[BreakerState] | None = None,
) -> Attention:
    """:param connections: and the two after it: what the caller has read already."""
    found = Attention()
    connections = await desk.connections.list() if connections is None else connections
    known = await seen(desk) if known is None else known
    states = await breakers(desk, connections, known) if states is None else states
    vaults, tokens = await (await desk.vaults()).list(), await desk.tokens.by_connection()
    found.held = [(c, s) for c, s in zip(connections, states, strict=True) if s.held]
    now = datetime.now(UTC)
    for vault in vaults:
        async for intent in desk.connector.journal.left_open(vault.id):
            if now - intent.at > timedelta(seconds=90) or intent.state == "unknown":
                found.open_rows.append((vault, intent))
            if len(found.open_rows) >= MOST_OPEN:
                break
    for connection in connections:
        live = [t for t in tokens.get(connection.id, ()) if t.live(now)]
        found.expiring += _expiring(connection, live, now)
        what = known.get(connection.id, Seen())
        if what.streak >= 10:
            found.silent.append((connection, f"{what.streak} errors in a row, the last: {what.last_error}"))
    if renamed:
        for vault in vaults:
            await _renamed(desk, vault, found)
    return found


def _expiring(connection: Connection, live: list[StoredToken], now: datetime) -> list[tuple[Connection, StoredToken]]:
    """The last token of an enabled connection, when it ends within a month and no newer one is there."""
    if not connection.enabled or not live:
        return []
    last = max(live, key=lambda token: token.expires)
    return [(connection, last)] if last.expires - now < timedelta(days=30) else []


async def _renamed(desk: Desk, vault: Vault, found: Attention) -> None:
    """Accounts whose login in the vault is not the name that the identity platform knows."""
    partition = f"{vault.id}|{Kind.USER}|alias"
    table = desk.connector.store.table("attributes")
    ids = [UserId(row.values["id"]) async for row in table.query(partition, limit=MOST_RENAMED)]
    if not ids:
        return
    try:
        async with asyncio.timeout(PATIENCE):
            session = await desk.connector.session(vault.id)
            users = (await session.directory.find_users(UserQuery(ids=tuple(ids)))).items
    except (ConnectorError, TimeoutError):
        found.unread.append(f"{vault.name} does not answer: its renamed accounts are not shown")
        return
    attributes = desk.connector.attributes
    rows = await asyncio.gather(*(attributes.get(vault.id, Kind.USER, user.id) for user in users))
    for user, kept in zip(users, rows, strict=True):
        if kept is not None and kept.alias and kept.alias != user.login:
            found.renamed.append({"vault": vault, "id": int(user.id), "login": user.login, "name": kept.alias})


async def release(desk: Desk, connection: Connection) -> None:
    """Let this connection's held changes pass for an hour."""
    session = await desk.connector.session(connection.vault)
    await desk.connector.breaker(connection, session).release()
