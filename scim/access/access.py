"""Step 2: who calls, from where, and how fast.

From headers to a connection, or to an error that tells a stranger no more than it must.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from scim.access.bearer import bearer
from scim.access.known import Known, KnownTokens
from scim.access.rate import Rate
from scim.access.sources import check_source, client_address
from scim.access.tokens import matches, parse
from scim.errors import StoreUnavailable, Unauthenticated
from scim.model import Connection
from scim.settings import Settings
from scim.store.connections import Connections
from scim.store.tokens import Tokens

_TOUCH_SECONDS = 3600.0

log = logging.getLogger("scim.access")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in: what a Caller is made of."""

    connection: Connection
    token_key: str
    address: str


class Access:
    """The door."""

    def __init__(
        self,
        tokens: Tokens,
        connections: Connections,
        pepper: Callable[[], Awaitable[bytes]],
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param pepper: Asked at every request, so that a renewed key is used at once; it caches."""
        self._tokens = tokens
        self._pepper = pepper
        self._clock = clock
        self.known = KnownTokens(tokens, connections, fresh_seconds=settings.connection_cache_seconds, clock=clock)
        self._rate = Rate(settings.requests_per_second, settings.burst, clock=clock)
        # what an unknown key id is compared with: the same work as for a known one, and never equal
        self._nobody = secrets.token_bytes(32)
        self._touched: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, headers: Mapping[str, str], address: str = "") -> Admitted:
        """Let a request in.

        :param address: Of the caller, where the host knows it; else it is taken from X-Forwarded-For.
        :raises Unauthenticated: No token, a wrong, expired or revoked one, or a disabled connection.
        :raises OutOfScope: The connection does not accept this source address.
        :raises TooManyRequests: The connection's rate; with retry_after.
        :raises Unavailable: Tables or keys cannot be read. An outage of ours is never a 401.
        """
        token = parse(bearer(headers))
        if token is None:
            raise Unauthenticated("This is not a token of this connector")
        known = await self.known.get(token.key_id)
        pepper = await self._pepper()
        right = matches(token, self._nobody if known is None else known.token.digest, pepper)
        if known is None or not right:
            raise Unauthenticated("The token is not valid")
        self._check_life(known)
        source = address or client_address(headers)
        check_source(known.connection, source)
        self._rate.take(known.connection.id)
        self._note_use(known, source)
        return Admitted(known.connection, token.key_id, source)

    async def close(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    @staticmethod
    def _check_life(known: Known) -> None:
        """What only the holder of the right token is told."""
        if known.token.revoked is not None:
            raise Unauthenticated("The token was revoked")
        if datetime.now(UTC) >= known.token.expires:
            raise Unauthenticated("The token has expired")
        if not known.connection.enabled:
            raise Unauthenticated("This connection is disabled")

    def _note_use(self, known: Known, address: str) -> None:
        """Write down day and address of use, at most once an hour, while the request goes on."""
        now, key_id = self._clock(), known.token.key_id
        if now - self._touched.get(key_id, -_TOUCH_SECONDS) < _TOUCH_SECONDS:
            return
        self._touched[key_id] = now
        task = asyncio.create_task(self._touch(known, address))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _touch(self, known: Known, address: str) -> None:
        try:
            await self._tokens.touch(known.token, datetime.now(UTC), address)
        except StoreUnavailable:
            log.info("the use of token %s could not be noted", known.token.key_id)
