"""Which tokens and connections this process knows, and for how long it may believe that.

A row is believed for half a minute, so that a revocation holds everywhere within one. When the tables cannot be read,
what was good before serves until it is five minutes old; then requests get 503. Never 401: an identity platform that is
told its credentials are wrong stops its job and calls an administrator, for an outage that is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from scim.errors import StoreUnavailable
from scim.model import Connection, ConnectionId
from scim.names import fold
from scim.store.connections import Connections
from scim.store.tokens import StoredToken, Tokens

OUTAGE_SECONDS = 300.0
MOST_FRESH_SECONDS = 55.0  # promise: revoked within 60 s
_ABSENT_SECONDS = 5.0
_MOST_ABSENT = 1024
_RETRY_SECONDS = 2.0  # while the tables are away: how often somebody waits for them instead of using what is known

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Known:
    """A token's row and the connection it lets in, as they were read together."""

    token: StoredToken
    connection: Connection


@dataclass(slots=True)
class _Kept(Generic[V]):
    known: V
    read_at: float
    retry_at: float = 0.0


class KnownRows(Generic[V]):
    """What the tables say under a key, read through a cache. Callers of one key share one read."""

    def __init__(
        self,
        load: Callable[[str], Awaitable[V | None]],
        *,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param load: Reads the tables; None where there is nothing, for certain."""
        self._from_tables = load
        self._fresh = min(fresh_seconds, MOST_FRESH_SECONDS)
        self._clock = clock
        self._kept: dict[str, _Kept[V]] = {}
        self._absent: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[V | None]] = {}

    async def get(self, key: str) -> V | None:
        """None: there is no such row, for certain. :raises StoreUnavailable: nobody knows."""
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None and (now - kept.read_at < self._fresh or now < kept.retry_at):
            if now - kept.read_at < OUTAGE_SECONDS:
                return kept.known
        elif kept is None and now < self._absent.get(key, 0.0):
            return None
        try:
            return await self._read(key)
        except StoreUnavailable:
            kept = self._kept.get(key)
            if kept is None or self._clock() - kept.read_at >= OUTAGE_SECONDS:
                raise
            kept.retry_at = self._clock() + _RETRY_SECONDS
            return kept.known

    def forget(self, key: str) -> None:
        """Read it anew next time: after a revocation made through this very process."""
        self._kept.pop(key, None)
        self._absent.pop(key, None)

    async def _read(self, key: str) -> V | None:
        task = self._reading.get(key)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._reading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(lambda done: self._finished(key, done))
        # shielded: a caller who hangs up must not fail the others
        return await asyncio.shield(task)

    def _finished(self, key: str, task: asyncio.Task[V | None]) -> None:
        if self._reading.get(key) is task:
            del self._reading[key]
        if not task.cancelled():
            task.exception()  # heard, should every caller have gone

    async def _load(self, key: str) -> V | None:
        started = self._clock()  # what is read is at least as young as this
        known = await self._from_tables(key)
        if known is None:
            self._kept.pop(key, None)
            while len(self._absent) >= _MOST_ABSENT:
                del self._absent[next(iter(self._absent))]
            self._absent[key] = started + _ABSENT_SECONDS
            return None
        self._absent.pop(key, None)
        self._kept[key] = _Kept(known, started)
        return known


class KnownTokens(KnownRows[Known]):
    """Tokens by key id, each with its connection."""

    def __init__(
        self,
        tokens: Tokens,
        connections: Connections,
        *,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        async def load(key_id: str) -> Known | None:
            token = await tokens.get(key_id)
            connection = None if token is None else await connections.get(token.connection)
            return None if token is None or connection is None else Known(token, connection)

        super().__init__(load, fresh_seconds=fresh_seconds, clock=clock)


class KnownConnections(KnownRows[Connection]):
    """Connections by id: for access tokens that no stored token stands behind."""

    def __init__(
        self, connections: Connections, *, fresh_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        async def load(connection_id: str) -> Connection | None:
            return await connections.get(ConnectionId(connection_id))

        async def load_all(_: str) -> tuple[Connection, ...]:
            return tuple(await connections.list())

        super().__init__(load, fresh_seconds=fresh_seconds, clock=clock)
        self._all: KnownRows[tuple[Connection, ...]] = KnownRows(load_all, fresh_seconds=fresh_seconds, clock=clock)

    async def all(self) -> tuple[Connection, ...]:
        """Every connection. :raises StoreUnavailable:"""
        return await self._all.get("all") or ()

    async def named(self, text: str) -> Connection | None:
        """By id or name, whatever the name's case."""
        found = [c for c in await self.all() if c.id == text or fold(c.name) == fold(text)]
        return found[0] if len(found) == 1 else next((c for c in found if c.id == text), None)
