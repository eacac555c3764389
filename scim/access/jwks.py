"""The public keys that Entra signs with, per tenant, by key id.

An unknown key id makes us look again, but never more than twice a minute: else anybody could have us hammer Entra with
invented ids. What was read within that half minute is the truth; a key that is not in it does not exist.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from scim.errors import Unavailable

FRESH_SECONDS = 24 * 3600.0  # Entra rolls its keys over weeks, and wants them looked up daily
LOOK_SECONDS = 30.0  # between two looks at one tenant's keys
KEPT_SECONDS = 3 * 24 * 3600.0  # known keys serve so long while Entra cannot be reached
MOST_BYTES = 1024 * 1024
LEAST_BITS = 2048

log = logging.getLogger("scim.access")


@dataclass(slots=True)
class _Keys:
    by_id: dict[str, RSAPublicKey] = field(default_factory=dict)
    read_at: float | None = None
    tried_at: float | None = None


class KeySets:
    """Key sets of tenants. `authority` is where they are published."""

    def __init__(
        self,
        authority: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._authority = authority.rstrip("/")
        self._clock = clock
        self._transport = transport
        self._keys: dict[str, _Keys] = {}
        self._locks: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}

    async def key(self, tenant: str, key_id: str) -> RSAPublicKey | None:
        """None: the tenant has no such key, for certain.

        :param tenant: Configured by an administrator, never taken from a token: it becomes part of a URL.
        :raises Unavailable: nobody knows.
        """
        kept = self._keys.setdefault(tenant, _Keys())
        if key_id in kept.by_id and self._younger(kept.read_at, FRESH_SECONDS):
            return kept.by_id[key_id]
        async with self._locks.setdefault((asyncio.get_running_loop(), tenant), asyncio.Lock()):
            if not self._younger(kept.tried_at, LOOK_SECONDS):
                kept.tried_at = self._clock()
                await self._look(tenant, kept)
        if key_id in kept.by_id and self._younger(kept.read_at, KEPT_SECONDS):
            return kept.by_id[key_id]
        if self._younger(kept.read_at, LOOK_SECONDS):
            return None
        raise Unavailable("The signing keys of Entra cannot be read", retry_after=int(LOOK_SECONDS))

    def _younger(self, moment: float | None, seconds: float) -> bool:
        return moment is not None and self._clock() - moment < seconds

    async def _look(self, tenant: str, kept: _Keys) -> None:
        started = self._clock()
        try:
            found = read_keys(await self._fetch(f"{self._authority}/{tenant}/discovery/v2.0/keys"))
        except (httpx.HTTPError, ValueError) as error:
            log.warning('{"event":"entra.keys_unreadable","tenant":"%s","kind":"%s"}', tenant, type(error).__name__)
            return
        kept.by_id, kept.read_at = found, started

    async def _fetch(self, url: str) -> Any:
        # trust_env off and no redirects: the keys come from the authority and from nobody else
        async with (
            httpx.AsyncClient(timeout=5.0, trust_env=False, transport=self._transport) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ValueError("not 200")
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise ValueError("too long")
        return httpx.Response(200, content=body).json()


def read_keys(document: Any) -> dict[str, RSAPublicKey]:
    """The usable keys of a JWK set (RFC 7517): RSA, for signatures, of a decent length. Others are passed over.

    :raises ValueError: there is none.
    """
    found: dict[str, RSAPublicKey] = {}
    entries = document.get("keys") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        key_id = entry.get("kid")
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(key_id, str) and key_id and isinstance(key, RSAPublicKey) and key.key_size >= LEAST_BITS:
            found[key_id] = key
    if not found:
        raise ValueError("no usable key")
    return found
