"""How bytes travel: the transport below the client, and whether a request that failed had been sent."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

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


def open_transport(connections: int) -> httpx.AsyncBaseTransport:
    """A keep-alive pool for one vault, without cookies, proxies of the environment or redirects."""
    tls = ssl.create_default_context()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=tls)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("User-Agent",),
        )

    return AiohttpTransport(client=session, trust_env=False)


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
