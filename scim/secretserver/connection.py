"""How bytes travel: the transport below the client, and whether a request that failed had been sent."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from scim import reach

NOT_OPENED = "The address of Secret Server leads to where no vault may be, and no connection was opened"
KEEP_ALIVE_SECONDS = 30.0
"""Shorter than what IIS (120 s) and Azure's load balancers (240 s) keep: a dead connection is rarely met."""


def base_url(url: str, *, insecure: bool) -> str:
    """The vault's base: `https://host/SecretServer` on-premises, `https://tenant.secretservercloud.com` in the cloud.

    :raises ValueError: When it is no such URL. `insecure` allows http, for the simulator on loopback.
    """
    text = url.strip().rstrip("/").removesuffix("/api")
    parts = urlsplit(text)
    schemes = ("https", "http") if insecure else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"a vault's URL starts with {' or '.join(s + '://' for s in schemes)}")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("a vault's URL has no query, fragment or credentials")
    return text


class Resolver(AbstractResolver):
    """The system's answers, without the addresses at which no vault may be. What it returns is what is connected to."""

    def __init__(self, *, loopback: bool, inner: AbstractResolver | None = None) -> None:
        self._loopback, self._inner = loopback, inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """:raises reach.Refused: nothing is left."""
        found = await self._inner.resolve(host, port, family)
        judged = [(one, reach.refusal(ip_address(one["host"]), loopback=self._loopback)) for one in found]
        allowed = [one for one, why in judged if not why]
        if judged and not allowed:
            raise reach.Refused(f"{NOT_OPENED}: {judged[0][1]}")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


class Transport(AiohttpTransport):
    """Looks at addresses that need no resolving, too: they come from a table, and from the Platform."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession], *, loopback: bool) -> None:
        super().__init__(client=session, trust_env=False)
        self._loopback = loopback

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if why := reach.host_refusal(request.url.host, loopback=self._loopback):
            raise httpx.ConnectError(why) from reach.Refused(f"{NOT_OPENED}: {why}")
        return await super().handle_async_request(request)


def open_transport(connections: int, *, loopback: bool = False) -> httpx.AsyncBaseTransport:
    """A keep-alive pool for one vault, without cookies, proxies of the environment or redirects.

    :param loopback: Whether this very machine may be connected to.
    """
    tls = ssl.create_default_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=tls, resolver=Resolver(loopback=loopback)
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("User-Agent",),
        )

    return Transport(session, loopback=loopback)


def refused_address(error: BaseException) -> str:
    """What to say when it was us who opened no connection; "" when it was not."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, reach.Refused):
            return str(at)
        at = at.__cause__
    return ""


def was_sent(error: BaseException) -> bool:
    """Whether the vault may have received the request: when in doubt, yes.

    httpx-aiohttp reports a connection that broke after sending as ConnectTimeout too, so its cause decides.
    """
    cause = error.__cause__
    if isinstance(cause, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return False
    if cause is not None and isinstance(cause, aiohttp.ClientError):
        return True
    return not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))


def was_slow(error: BaseException) -> bool:
    """Whether time ran out, as against a connection that was refused or broke."""
    cause = error.__cause__
    if cause is not None and isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, TimeoutError)
    return isinstance(error, (TimeoutError, httpx.TimeoutException))
