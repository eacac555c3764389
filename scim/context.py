"""What travels with one request without being passed by hand: its id, its deadline, and the upstream calls it made.

Step 1 opens a context, step 7 counts in it, step 1 logs it. Imports nothing from scim but errors.

Also how a thing that people should hear of is told to the log: one line of JSON with an `event`, which alerts wait for.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Protocol

import orjson

from scim.errors import Unavailable

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One round trip to a vault: what was asked (never with a query string or body), what came, how long it took."""

    method: str
    path: str
    status: int  # 0: no answer
    ms: float


class CallTrace(Protocol):
    """The span of one call to a vault (scim/telemetry.py). `traceparent` is what the vault is told of it."""

    traceparent: str

    def end(self, status: int) -> None: ...


class Trace(Protocol):
    """The span of a request, which calls to a vault hang on."""

    def call(self, method: str, path: str) -> CallTrace: ...


@dataclass(slots=True)
class RequestContext:
    request_id: str
    deadline: float  # time.monotonic() at which the answer must be out
    traceparent: str = ""
    trace: Trace | None = None  # where OpenTelemetry is switched on
    upstream: list[UpstreamCall] = field(default_factory=list)
    normalised: list[str] = field(default_factory=list)  # what the dialects changed, for the audit row
    notes: list[str] = field(default_factory=list)  # what guard and attributes decided beside the request's words

    def remaining(self) -> float:
        """Seconds left. :raises Unavailable: when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unavailable("The request's time budget is used up; please send it again", retry_after=30)
        return left


_current: ContextVar[RequestContext | None] = ContextVar("scim_request", default=None)


def current() -> RequestContext | None:
    return _current.get()


@contextmanager
def request_context(request_id: str, seconds: float, traceparent: str = "") -> Iterator[RequestContext]:
    """Open the context of one request or one timer run. A traceparent of another form (W3C) is dropped."""
    trace = traceparent if _TRACEPARENT.fullmatch(traceparent) else ""
    context = RequestContext(request_id, time.monotonic() + seconds, trace)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def apart() -> Iterator[None]:
    """One operation of several in a request: with remarks and upstream calls of its own, which the request gets too."""
    whole = _current.get()
    if whole is None:
        yield
        return
    part = replace(whole, upstream=[], notes=[], normalised=list(whole.normalised))
    token = _current.set(part)
    try:
        yield
    finally:
        _current.reset(token)
        whole.upstream += part.upstream
        whole.notes += [said for said in part.notes if said not in whole.notes]


RECOVERED = "the answer to the first attempt was lost; its result was found and completed"


def note(text: str) -> None:
    """Add a remark for the audit row of the request under way."""
    context = _current.get()
    if context is not None and text not in context.notes:
        context.notes.append(text)


def tell(log: logging.Logger, event: str, **fields: str | int) -> None:
    """One warning as a line of JSON. `event` is noun and state, e.g. "breaker.open"; docs/operations.md lists them all.

    Fields hold names and words of ours, never what a client sent as a secret.
    """
    log.warning("%s", orjson.dumps({"event": event, **fields}).decode())
