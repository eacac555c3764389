"""What pages and the JSON API both show: plain values, gathered once, the same for people and for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from scim.console.desk import Desk
from scim.errors import ConnectorError
from scim.model import Connection, ConnectionId, Kind, UserId, UserQuery, Vault, VaultId
from scim.store.journal import Intent
from scim.store.messages import Minute, Seen
from scim.store.tokens import StoredToken

T = TypeVar("T")
PATIENCE = 4.0  # seconds that a page waits for a vault
MOST_RENAMED = 50
MOST_OPEN = 100
UNDER_WAY = 100  # as many that may be young are looked at besides
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
        source = desk.past_hours.get(name, desk.connector.messages)
        minutes = await source.minutes(since, until)
    except ConnectorError:  # before the first `setup` after an upgrade there is no such table
        minutes = {}
    return Traffic(since, until, minutes, slots)


async def seen(desk: Desk) -> dict[str, Seen]:
    try:
        return dict(await desk.connector.messages.seen())
    except ConnectorError:
        return {}


async def seen_of(desk: Desk, connection: Connection) -> Seen | None:
    """As `seen`, of one connection."""
    try:
        found: Seen | None = await desk.connector.messages.seen_of(connection.id)
    except ConnectorError:
        return None
    return found


async def breaker(desk: Desk, connection: Connection, known: Seen | None = None) -> BreakerState:
    """The mass-change breaker as it stands. Never raises: a vault that is ill must not hide the rest of a page."""
    if not connection.policies.breaker:
        return BreakerState(off=True)
    try:
        counted = await desk.connector.mass_changes(connection.id)
    except ConnectorError:
        return BreakerState()
    users = await _users(desk, connection.vault)
    return _breaker_state(desk, connection, counted.get(connection.id, (0, False)), users, known)


async def breakers(desk: Desk, connections: list[Connection], known: dict[str, Seen]) -> list[BreakerState]:
    """Of many connections: one read of all counters, one question to each vault at most."""
    watched = sorted({c.vault for c in connections if c.policies.breaker})
    counted, *users = await asyncio.gather(desk.connector.mass_changes(), *(_users(desk, vault) for vault in watched))
    of_vault = dict(zip(watched, users, strict=True))
    return [
        _breaker_state(desk, c, counted.get(c.id, (0, False)), of_vault.get(c.vault), known.get(c.id))
        for c in connections
    ]


def _breaker_state(
    desk: Desk, connection: Connection, counted: tuple[int, bool], users: int | None, known: Seen | None
) -> BreakerState:
    """A single large change is held before anything is counted, so a refusal of the last hour says "held", too."""
    if not connection.policies.breaker:
        return BreakerState(off=True)
    changes, released = counted
    limit = None if users is None else desk.connector.mass_change_limit(connection, users)
    hour = datetime.now(UTC) - timedelta(hours=1)
    lately = known is not None and known.held_at is not None and known.held_at > hour
    full = limit is not None and changes >= limit
    return BreakerState(changes, limit, released, not released and (full or lately))


async def _users(desk: Desk, vault: VaultId) -> int | None:
    """How many users a vault has, as the breaker counts them; None: it cannot be asked now."""
    try:
        async with asyncio.timeout(PATIENCE):
            session = await desk.connector.session(vault)
            return int(await session.count_users())
    except (ConnectorError, TimeoutError):
        return None


async def attention(
    desk: Desk,
    *,
    renamed: bool = False,
    connections: list[Connection] | None = None,
    known: dict[str, Seen] | None = None,
    states: list[BreakerState] | None = None,
    tokens: Mapping[ConnectionId, Sequence[StoredToken]] | None = None,
) -> Attention:
    """:param connections: and the three after it: what the caller has read already."""
    found = Attention()
    vaults, owned, left, listed, seen_by = await asyncio.gather(
        (await desk.vaults()).list(),
        _known(tokens, desk.tokens.by_connection),
        desk.connector.journal.left_open_anywhere(MOST_OPEN + UNDER_WAY),
        _known(connections, desk.connections.list),
        _known(known, lambda: seen(desk)),
    )
    states = await breakers(desk, listed, seen_by) if states is None else states
    found.held = [(c, s) for c, s in zip(listed, states, strict=True) if s.held]
    now = datetime.now(UTC)
    _unfinished(left, vaults, now, found)
    for connection in listed:
        live = [t for t in owned.get(connection.id, ()) if t.live(now)]
        found.expiring += _expiring(connection, live, now)
        what = seen_by.get(connection.id, Seen())
        if what.streak >= 10:
            found.silent.append((connection, f"{what.streak} errors in a row, the last: {what.last_error}"))
    if renamed:
        await asyncio.gather(*(_renamed(desk, vault, found) for vault in vaults))
        found.renamed.sort(key=lambda one: (one["vault"].name, one["id"]))
    return found


async def _known(value: T | None, read: Callable[[], Awaitable[T]]) -> T:
    return await read() if value is None else value


def _unfinished(left: list[Intent], vaults: list[Vault], now: datetime, found: Attention) -> None:
    """Work that nobody finishes any more; what is a moment old is under way."""
    of_id = {vault.id: vault for vault in vaults}
    for intent in left:
        old = now - intent.at > timedelta(seconds=90) or intent.state == "unknown"
        if old and intent.vault in of_id and len(found.open_rows) < MOST_OPEN:
            found.open_rows.append((of_id[intent.vault], intent))
    if len(left) == MOST_OPEN + UNDER_WAY:
        found.unread.append(f"There is more unfinished work than the {len(left)} rows that were looked at")


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
