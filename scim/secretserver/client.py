"""Step 7, the wire side: one vault, spoken to over httpx with a budget for everything.

A call is authorised, sent, retried where that is safe, read whole, judged and parsed here; what it means is said by
the modules above. BUDGETS (facts 2.5): connect 5 s, answer begins within 10 s, the whole within the request's own
deadline; at most three attempts, for repeatable operations only and within the retry budget; Retry-After is waited
for up to 10 s; bodies up to 32 MiB; so many calls in flight per vault.

The requests go straight to httpx's transport: httpx.AsyncClient adds redirects, cookies, proxies and auth flows, none
of which is wanted here. On loopback at concurrency 1 / 16 a call costs 0.61 / 0.58 ms CPU, of which the transport
takes 0.51 / 0.43 (one run of `tests/unit/secretserver/cost.py` against the simulator, on two shared cores).
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import ValidationError

from scim import context
from scim.errors import (
    ConnectorError,
    OutcomeUnknown,
    Unavailable,
    VaultBusy,
    VaultMisbehaved,
    VaultRefusedUs,
    VaultUnreachable,
)
from scim.reach import loopback_allowed
from scim.secretserver import answers, wire
from scim.secretserver.authentication import Authentication, Credentials, Reply
from scim.secretserver.connection import base_url, open_transport, refused_address, was_sent, was_slow
from scim.secretserver.limits import Breaker, RetryBudget
from scim.secretserver.operations import LOG_OUT, Operation

_log = logging.getLogger(__name__)

A = TypeVar("A", bound=wire.Body)
Query = Sequence[tuple[str, str]]

ATTEMPTS = 3
PATIENCE_SECONDS = 10
LARGEST_BODY = 32 * 1024 * 1024
ALONE_SECONDS = 60.0
"""The deadline of a call that no request stands behind (warm-up, timers)."""


class NoAnswer(VaultUnreachable):
    """The connection failed or took too long. `sent`: the vault may have acted on it all the same."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail, retry_after=15)
        self.sent = sent


class _Lane:
    """What is bound to one event loop: the connections and the queue before them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: httpx.AsyncBaseTransport, width: int) -> None:
        self.loop = loop
        self.transport = transport
        self.queue = asyncio.Semaphore(width)


@dataclass(slots=True)
class _Trip:
    """How far one round trip came. `begun` is when it left the queue; `status` 0 where no answer began."""

    begun: float
    sent: bool = False
    status: int = 0


class VaultClient:
    """One vault's REST API.

    :param transport: Another way for the bytes, e.g. httpx.ASGITransport in tests.
    :raises ValueError: When `url` is not an https URL (or http with `insecure`).
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        insecure: bool = False,
        concurrency: int = 32,
        connect_seconds: float = 5.0,
        read_seconds: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        base = base_url(url, insecure=insecure) if url or credentials.kind != "platform" else ""
        if credentials.kind == "platform":
            base_url(credentials.platform_url, insecure=insecure)
        self._concurrency, self._loopback = concurrency, loopback_allowed(insecure)
        self._start_seconds = connect_seconds + read_seconds
        self._timeouts = {"connect": connect_seconds, "read": read_seconds, "write": read_seconds, "pool": None}
        self._transport = transport
        self._sleep = sleep
        self._lane: _Lane | None = None
        self._retries = RetryBudget()
        self.breaker = Breaker(clock=clock)
        self.authentication = Authentication(base, credentials, self.exchange, insecure=insecure, clock=clock)

    async def call(
        self,
        operation: Operation,
        answer: type[A],
        *ids: int,
        query: Query = (),
        body: object = None,
        repeatable: bool | None = None,
    ) -> A:
        """Send one request and read its answer.

        :param ids: What stands in the braces of the operation's path, in order.
        :param repeatable: Overrides the operation's own word, e.g. for a PATCH that sets a password.
        :raises OutcomeUnknown: When an unrepeatable write was sent and its answer lost or unreadable.
        """
        path = "/api" + operation.at(*ids)
        if query:
            path += "?" + urlencode(query, quote_via=quote)
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        again = operation.repeatable if repeatable is None else repeatable
        self._retries.earn()
        attempt = 1
        while True:
            try:
                reply = await self._authorised(operation, path, content)
                return self._read(operation, answer, reply)
            except ConnectorError as error:
                if not again:
                    raise _without_repeat(operation, error) from error
                wait = self._pause(error, attempt)
                if wait is None:
                    raise
                _log.info("%s %s is tried again in %.1f s", operation.method, operation.path, wait)
            await self._sleep(wait)
            attempt += 1

    async def exchange(
        self, operation: Operation, url: str, headers: list[tuple[str, str]], content: bytes | None
    ) -> Reply:
        """One round trip: queue, send, read to the end. Whatever comes back is a Reply, whatever does not raises.

        :raises NoAnswer: No connection, a broken one, or too slow.
        """
        lane = self._open_lane()
        request = context.current()
        left = request.remaining() - 0.5 if request else ALONE_SECONDS
        trace = request.trace.call(operation.method, operation.path) if request and request.trace else None
        sending = httpx.Request(
            operation.method,
            url,
            headers=self._headers(headers, trace or request),
            content=content,
            extensions={"timeout": self._timeouts},
        )
        trip = _Trip(time.perf_counter())
        try:
            async with asyncio.timeout_at(lane.loop.time() + left) as limit, lane.queue:
                return await self._carry(lane, sending, trip, limit)
        except TimeoutError as error:
            raise NoAnswer("Secret Server took too long to answer", sent=trip.sent) from error
        finally:
            self._count(operation, trip, request)
            if trace is not None:
                trace.end(trip.status)

    async def _carry(self, lane: _Lane, sending: httpx.Request, trip: _Trip, limit: asyncio.Timeout) -> Reply:
        """Out of the queue, there and back. Until the answer begins a shorter limit holds than for all of it."""
        probe = self.breaker.enter()
        ends = limit.when() or 0.0
        try:
            trip.begun, trip.sent = time.perf_counter(), True
            limit.reschedule(min(ends, lane.loop.time() + self._start_seconds))
            answer = await lane.transport.handle_async_request(sending)
            trip.status = answer.status_code
            limit.reschedule(ends)
            body = await _read_body(answer)
            self.breaker.answered()
        except (TimeoutError, httpx.HTTPError, OSError) as error:
            self.breaker.failed()
            raise NoAnswer(_what_failed(error), sent=was_sent(error)) from error
        except asyncio.CancelledError:
            # our own time limit counts against the vault, a client that went away does not
            if limit.expired() and time.perf_counter() - trip.begun > 1:
                self.breaker.failed()
            raise
        finally:
            if probe:
                self.breaker.abandoned()
        kind, wait = answer.headers.get("content-type", "").lower(), answer.headers.get("retry-after", "")
        return Reply(trip.status, kind, wait, body)

    async def aclose(self) -> None:
        """Log out, as far as that is possible, and close the connections."""
        token = self.authentication.forget()
        lane, self._lane = self._lane, None
        if lane is None or lane.loop is not asyncio.get_running_loop():
            return
        self._lane = lane
        if token is not None:
            try:
                headers = [("Authorization", f"Bearer {token.value}")]
                await self.exchange(LOG_OUT, token.base + "/api" + LOG_OUT.path, headers, b"")
            except Unavailable:
                _log.info("the log-out was not answered")
        self._lane = None
        if lane.transport is not self._transport:
            await lane.transport.aclose()

    async def _authorised(self, operation: Operation, path: str, content: bytes | None) -> Reply:
        """With a token; a refused one is replaced once."""
        token = await self.authentication.token()
        reply = await self._send(operation, token.base + path, token.value, content)
        if reply.status == 401:
            token = await self.authentication.replacement(token)
            reply = await self._send(operation, token.base + path, token.value, content)
        return reply

    async def _send(self, operation: Operation, url: str, token: str, content: bytes | None) -> Reply:
        headers = [("Authorization", f"Bearer {token}"), ("Accept", "application/json")]
        if content is not None:
            headers.append(("Content-Type", "application/json"))
        return await self.exchange(operation, url, headers, content)

    def _read(self, operation: Operation, answer: type[A], reply: Reply) -> A:
        if not 200 <= reply.status < 300:
            raise answers.refusal(operation, reply.status, reply.content_type, reply.body, reply.retry_after)
        if "json" not in reply.content_type:
            raise VaultMisbehaved(f"Secret Server answered {operation.method} {operation.path} with 200 and no JSON")
        try:
            return answer.model_validate_json(reply.body)
        except ValidationError as error:
            places = ", ".join(".".join(str(p) for p in e["loc"]) or "body" for e in error.errors()[:3])
            raise VaultMisbehaved(
                f"Secret Server's answer to {operation.method} {operation.path} is not understood at: {places[:120]}"
            ) from None

    def _pause(self, error: ConnectorError, attempt: int) -> float | None:
        """How long to wait before the next attempt; None: there is none."""
        if attempt >= ATTEMPTS or not isinstance(error, (VaultUnreachable, VaultBusy)):
            return None
        told = error.told if isinstance(error, answers.Busy) else None
        if told is not None and told > PATIENCE_SECONDS:
            return None
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        wait = told + 0.3 * jitter if told is not None else 0.1 * 3 ** (attempt - 1) * (0.5 + jitter)
        request = context.current()
        if request is not None and request.remaining() < wait + 1:
            return None
        return wait if self._retries.spend() else None

    def _open_lane(self) -> _Lane:
        loop = asyncio.get_running_loop()
        lane = self._lane
        if lane is None or lane.loop is not loop:
            transport = self._transport or open_transport(self._concurrency, loopback=self._loopback)
            lane = self._lane = _Lane(loop, transport, self._concurrency)
        return lane

    @staticmethod
    def _headers(
        headers: list[tuple[str, str]], around: context.RequestContext | context.CallTrace | None
    ) -> list[tuple[str, str]]:
        out = [*headers, ("User-Agent", "scim-connector")]
        if around is not None and around.traceparent:
            out.append(("traceparent", around.traceparent))
        return out

    @staticmethod
    def _count(operation: Operation, trip: _Trip, request: context.RequestContext | None) -> None:
        ms = (time.perf_counter() - trip.begun) * 1000
        if request is not None:
            request.upstream.append(context.UpstreamCall(operation.method, operation.path, trip.status, ms))
        _log.debug("%s %s -> %d in %.1f ms", operation.method, operation.path, trip.status, ms)


async def _read_body(answer: httpx.Response) -> bytes:
    """The decoded body, within the limit even where compression hid its size."""
    parts, size = [], 0
    try:
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > LARGEST_BODY:
                raise VaultMisbehaved("Secret Server's answer is larger than 32 MiB")
            parts.append(part)
    finally:
        await answer.aclose()
    return b"".join(parts)


def _what_failed(error: BaseException) -> str:
    if refusal := refused_address(error):
        return refusal
    if was_slow(error):
        return "Secret Server took too long to answer"
    return "Secret Server cannot be reached, or broke the connection"


def _without_repeat(operation: Operation, error: ConnectorError) -> ConnectorError:
    """An unrepeatable write: a client error stays one, what was not sent stays so, all else is unknown."""
    lost = isinstance(error, VaultMisbehaved) or (isinstance(error, NoAnswer) and error.sent)
    lost = lost or (isinstance(error, VaultUnreachable) and not isinstance(error, NoAnswer))
    if lost and not isinstance(error, (answers.UnknownRoute, VaultRefusedUs)):
        return OutcomeUnknown(
            f"The answer to {operation.method} {operation.path} was lost; sending the same request again finishes it",
            retry_after=5,
        )
    return error
