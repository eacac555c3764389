"""What the console shows of a request, made from what went in and out; bodies follow when they are written."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import orjson

from scim.context import RequestContext
from scim.store.messages import Message
from scim.store.redaction import shown_query
from scim.triggers.exchange import Incoming, Outgoing


def message_of(
    connector: Any,
    context: RequestContext,
    incoming: Incoming,
    outgoing: Outgoing,
    admitted: Any,
    route: str,
    started: float,
) -> Message:
    """:param admitted: None for a caller that was not let in."""
    full = connector.recorder.detail == "full"
    connection = None if admitted is None else admitted.connection
    ended = outgoing.status >= 400
    return Message(
        at=datetime.now(UTC),
        request_id=context.request_id,
        connection="" if connection is None else str(connection.id),
        connection_name="" if connection is None else connection.name,
        token_key="" if admitted is None else admitted.token_key,
        address="" if admitted is None else admitted.address,
        agent=incoming.headers.get("user-agent", "")[:120],
        method=incoming.method,
        route=route,
        path=incoming.path[:200] if full else "",
        query=shown_query(incoming.raw_query) if full else "",
        status=outgoing.status,
        ms=round((time.perf_counter() - started) * 1000, 1),
        detail=_detail(outgoing) if ended else "",
        normalised=tuple(context.normalised[:20]),
        notes=tuple(context.notes[:20]),
        upstream=tuple((c.method, c.path, c.status, round(c.ms, 1)) for c in context.upstream[:40]),
    )


def _detail(outgoing: Outgoing) -> str:
    try:
        return str(orjson.loads(outgoing.body or b"{}").get("detail", ""))[:300]
    except (orjson.JSONDecodeError, AttributeError):
        return ""
