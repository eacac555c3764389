"""Step 2: who calls, from where, and how fast.

From headers to a connection, or to an error that tells a stranger no more than it must. The one door: whatever a client
shows (a token, an access token of ours, a token of Entra, HTTP Basic) is looked at here, and the same rules follow.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scim.access import oauth
from scim.access.basic import basic, has_basic
from scim.access.bearer import bearer
from scim.access.entra import Claimed, Entra, is_signed_token
from scim.access.jwks import KeySets
from scim.access.known import Known, KnownConnections, KnownTokens
from scim.access.rate import Allowance, Rate
from scim.access.sources import check_source, client_address
from scim.access.tokens import Token, digest, matches, parse
from scim.errors import StoreUnavailable, Unauthenticated, WrongToken
from scim.model import Connection
from scim.names import fold
from scim.settings import Settings
from scim.store.connections import Connections
from scim.store.seal import key_id
from scim.store.tokens import Tokens

_TOUCH_SECONDS = 3600.0
_MOVE_SECONDS = 60.0  # between two attempts to take a token to a new pepper

log = logging.getLogger("scim.access")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in: what a Caller is made of."""

    connection: Connection
    token_key: str
    address: str
    person: str = ""  # the userName that a person's token names, for /Me; "" for a client
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client showed, found to be right. `known` None: no stored token stands behind it."""

    connection: Connection
    key_id: str
    known: Known | None = None
    person: str = ""


class Access:
    """The door."""

    def __init__(
        self,
        tokens: Tokens,
        connections: Connections,
        pepper: Callable[[], Awaitable[bytes]],
        settings: Settings,
        *,
        older_peppers: Callable[[], Awaitable[tuple[bytes, ...]]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param pepper: Asked at every request, so that a renewed key is used at once; it caches.

        :param older_peppers: Those that still prove a token while the pepper is rotated.
        """
        self._tokens = tokens
        self._pepper, self._older_peppers = pepper, older_peppers
        self._clock = clock
        fresh = settings.connection_cache_seconds
        self.known = KnownTokens(tokens, connections, fresh_seconds=fresh, clock=clock)
        self.connections = KnownConnections(connections, fresh_seconds=fresh, clock=clock)
        keys = KeySets(settings.entra_authority, clock=clock)
        self.entra = Entra(keys, authority=settings.entra_authority, sts=settings.entra_sts)
        self._rate = Rate(settings.requests_per_second, settings.burst, clock=clock)
        # what an unknown key id is compared with: the same work as for a known one, and never equal
        self._nobody = secrets.token_bytes(32)
        self._touched: dict[str, float] = {}
        self._moved: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, headers: Mapping[str, str], address: str = "") -> Admitted:
        """Let a request in.

        :param address: Of the caller, where the host knows it; else it is taken from X-Forwarded-For.
        :raises Unauthenticated: No token, a wrong, expired or revoked one, or a disabled connection.
        :raises OutOfScope: The connection does not accept this source address.
        :raises TooManyRequests: The connection's rate; with retry_after.
        :raises Unavailable: Tables or keys cannot be read. An outage of ours is never a 401.
        """
        proof = await self._proof(headers)
        if not proof.connection.enabled:
            raise Unauthenticated("This connection is disabled")
        source = address or client_address(headers)
        check_source(proof.connection, source)
        allowance = self._rate.take(proof.connection.id)
        if proof.known is not None:
            self._note_use(proof.known, source)
        return Admitted(proof.connection, proof.key_id, source, proof.person, allowance)

    async def close(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    # -- what may be shown -------------------------------------------------------------------------------------------

    async def _proof(self, headers: Mapping[str, str]) -> Proof:
        if has_basic(headers):
            return await self._by_basic(*basic(headers))
        text = bearer(headers)
        token = parse(text)
        if token is not None:
            return await self._by_token(token)
        if is_signed_token(text):
            return await (self._by_access_token(text) if oauth.is_ours(text) else self._by_entra(text))
        raise Unauthenticated("This is not a token of this connector")

    async def _by_token(self, token: Token) -> Proof:
        known = await self.prove(token)
        if known.token.kind != "bearer":
            raise Unauthenticated("This is a client secret: exchange it for an access token at /oauth/token")
        return Proof(known.connection, token.key_id, known)

    async def _by_basic(self, name: str, password: str) -> Proof:
        token = parse(password)
        if token is None:
            raise Unauthenticated("The password is not a token of this connector")
        known = await self.prove(token)
        if not is_named(known.connection, name):
            raise Unauthenticated("The token is not valid")
        if not known.connection.basic:
            raise Unauthenticated("HTTP Basic is not switched on for this connection")
        return Proof(known.connection, token.key_id, known)

    async def _by_access_token(self, text: str) -> Proof:
        access = oauth.read(text, await self._pepper(), *await self._older())
        if access.key_id:
            known = await self.known.get(access.key_id)
            if known is None or known.connection.id != access.connection:
                raise Unauthenticated("The client secret of this access token is gone")
            check_life(known)
            return Proof(known.connection, access.key_id, known)
        connection = await self.connections.get(access.connection)
        federated = connection is not None and connection.entra_tenant.lower() == access.tenant.lower()
        if connection is None or not federated or not oauth.still_named(connection, access.who):
            raise Unauthenticated("The federation that this access token came from is gone")
        return Proof(connection, f"entra:{access.who}")

    async def _by_entra(self, text: str) -> Proof:
        connection, claimed = await self.entra.find(text, await self.connections.all())
        return Proof(connection, f"entra:{claimed.who}", person=claimed.person)

    # -- tokens, also for /oauth/token -------------------------------------------------------------------------------

    async def prove(self, token: Token) -> Known:
        """The row behind a token. :raises Unauthenticated: wrong, expired or revoked. :raises Unavailable:"""
        known = await self.known.get(token.key_id)
        peppers = (await self._pepper(), *await self._older())
        stored = self._nobody if known is None else known.token.digest
        right = [pepper for pepper in peppers if matches(token, stored, pepper)]
        if known is None or not right:
            raise WrongToken("The token is not valid")
        check_life(known)
        if len(peppers) > 1 and known.token.pepper_id != key_id(peppers[0]).hex():
            self._move(known, token, peppers[0])
        return known

    async def _older(self) -> tuple[bytes, ...]:
        return () if self._older_peppers is None else await self._older_peppers()

    async def prove_assertion(self, text: str, connection: Connection) -> Claimed:
        """What an assertion of Entra proves about a client that names its connection."""
        return await self.entra.check(text, connection)

    async def issue(self, token: oauth.AccessToken) -> str:
        return oauth.issue(token, await self._pepper())

    # -- notes -------------------------------------------------------------------------------------------------------

    def _note_use(self, known: Known, address: str) -> None:
        """Write down day and address of use, at most once an hour, while the request goes on."""
        now, key_id = self._clock(), known.token.key_id
        if now - self._touched.get(key_id, -_TOUCH_SECONDS) < _TOUCH_SECONDS:
            return
        self._touched[key_id] = now
        self._later(self._touch(known, address))

    def _move(self, known: Known, token: Token, pepper: bytes) -> None:
        """Take a proven token to the new pepper, beside the request. Nobody else can: its text is kept nowhere."""
        now = self._clock()
        if now - self._moved.get(token.key_id, -_MOVE_SECONDS) >= _MOVE_SECONDS:
            self._moved[token.key_id] = now
            self._later(self._rehash(known, token, pepper))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _touch(self, known: Known, address: str) -> None:
        try:
            await self._tokens.touch(known.token, datetime.now(UTC), address)
        except StoreUnavailable:
            log.info("the use of token %s could not be noted", known.token.key_id)

    async def _rehash(self, known: Known, token: Token, pepper: bytes) -> None:
        try:
            await self._tokens.rehash(known.token, digest(token, pepper), key_id(pepper).hex())
        except StoreUnavailable:
            log.info("token %s could not be moved to the new pepper yet", known.token.key_id)
        else:
            self.known.forget(known.token.key_id)


def is_named(connection: Connection, text: str) -> bool:
    return text == connection.id or fold(text) == fold(connection.name)


def check_life(known: Known) -> None:
    """What only the holder of the right token is told. :raises Unauthenticated:"""
    if known.token.revoked is not None:
        raise Unauthenticated("The token was revoked")
    if datetime.now(UTC) >= known.token.expires:
        raise Unauthenticated("The token has expired")
