"""Which tokens and connections this process knows, and for how long it may believe that.

A row is believed for half a minute, so that a revocation holds everywhere within one. When the tables cannot be read,
what was good before serves until it is five minutes old; then requests get 503. Never 401: an identity platform that is
told its credentials are wrong stops its job and calls an administrator, for an outage that is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from scim.errors import StoreUnavailable
from scim.model import Connection
from scim.store.connections import Connections
from scim.store.tokens import StoredToken, Tokens

OUTAGE_SECONDS = 300.0
MOST_FRESH_SECONDS = 55.0  # promise: revoked within 60 s
_ABSENT_SECONDS = 5.0
_MOST_ABSENT = 1024
_RETRY_SECONDS = 2.0  # while the tables are away: how often somebody waits for them instead of using what is known


@dataclass(frozen=True, slots=True)
class Known:
    """A token's row and the connection it lets in, as they were read together."""

    token: StoredToken
    connection: Connection


@dataclass(slots=True)
class _Kept:
    known: Known
    read_at: float
    retry_at: float = 0.0


class KnownTokens:
    """Tokens by key id, read through a cache. Callers of one key id share one read."""

    def __init__(
        self,
        tokens: Tokens,
        connections: Connections,
        *,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._connections = connections
        self._fresh = min(fresh_seconds, MOST_FRESH_SECONDS)
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._absent: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[Known | None]] = {}

    async def get(self, key_id: str) -> Known | None:
        """None: there is no such token, for certain. :raises StoreUnavailable: nobody knows."""
        now = self._clock()
        kept = self._kept.get(key_id)
        if kept is not None and (now - kept.read_at < self._fresh or now < kept.retry_at):
            if now - kept.read_at < OUTAGE_SECONDS:
                return kept.known
        elif kept is None and now < self._absent.get(key_id, 0.0):
            return None
        try:
            return await self._read(key_id)
        except StoreUnavailable:
            kept = self._kept.get(key_id)
            if kept is None or self._clock() - kept.read_at >= OUTAGE_SECONDS:
                raise
            kept.retry_at = self._clock() + _RETRY_SECONDS
            return kept.known

    def forget(self, key_id: str) -> None:
        """Read it anew next time: after a revocation made through this very process."""
        self._kept.pop(key_id, None)
        self._absent.pop(key_id, None)

    async def _read(self, key_id: str) -> Known | None:
        task = self._reading.get(key_id)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._reading[key_id] = asyncio.create_task(self._load(key_id))
            task.add_done_callback(lambda done: self._finished(key_id, done))
        # shielded: a caller who hangs up must not fail the others
        return await asyncio.shield(task)

    def _finished(self, key_id: str, task: asyncio.Task[Known | None]) -> None:
        if self._reading.get(key_id) is task:
            del self._reading[key_id]
        if not task.cancelled():
            task.exception()  # heard, should every caller have gone

    async def _load(self, key_id: str) -> Known | None:
        started = self._clock()  # what is read is at least as young as this
        token = await self._tokens.get(key_id)
        connection = None if token is None else await self._connections.get(token.connection)
        if token is None or connection is None:
            self._kept.pop(key_id, None)
            while len(self._absent) >= _MOST_ABSENT:
                del self._absent[next(iter(self._absent))]
            self._absent[key_id] = started + _ABSENT_SECONDS
            return None
        self._absent.pop(key_id, None)
        known = Known(token, connection)
        self._kept[key_id] = _Kept(known, started)
        return known
