"""The way of one SCIM request through the steps: who calls, what is meant, the operation, the answer, one log line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import orjson
from scim2_models import SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from scim.access.access import Admitted
from scim.access.rate import Allowance
from scim.context import RequestContext, apart, request_context
from scim.errors import ConnectorError, NotAllowed, OutOfScope, Unavailable
from scim.model import Caller, Connection
from scim.protocol.bulk import BulkLimits, check_bulk
from scim.protocol.dialects import (
    normalise_body,
    normalise_bulk,
    normalise_path,
    normalise_query,
    normalise_search,
    path_behind_flag,
    resource_type_of,
)
from scim.protocol.handler import Handler
from scim.protocol.limits import BOM, check_patch, parse_json
from scim.protocol.service import Service
from scim.triggers.exchange import WITH_BODY, Incoming, Outgoing, check_body, media_type
from scim.triggers.record import message_of
from scim.triggers.trouble import tell_trouble

PREFIX = "/scim/v2"
OPEN_TO_PEOPLE = ("Me", "ServiceProviderConfig", "ResourceTypes", "Schemas")
log = logging.getLogger("scim.requests")


class Edge(Protocol):
    """Another language than SCIM 2.0, spoken with the client: translated on the way in and on the way out."""

    def inward(self, incoming: Incoming) -> Incoming: ...

    def outward(self, incoming: Incoming, outgoing: Outgoing, base_url: str) -> Outgoing: ...


async def answer(connector: Any, incoming: Incoming, edge: Edge | None = None) -> Outgoing:
    """Serve one request. Whatever happens, the answer is SCIM JSON (RFC 7644 §3.12), in the words of the edge."""
    traceparent = incoming.headers.get("traceparent", "")
    with request_context(incoming.request_id, connector.settings.request_seconds, traceparent) as context:

        async def admit() -> Any:
            admitted = await connector.access.authenticate(incoming.headers)
            await connector.check_open()
            return admitted

        return await _answer(connector, incoming, context, admit, edge)


async def answer_as(connector: Any, incoming: Incoming, connection: Connection) -> tuple[Outgoing, RequestContext]:
    """Serve a request that an administrator makes in a connection's name. The caller has checked his right to do so."""
    with request_context(incoming.request_id, connector.settings.request_seconds) as context:

        async def admit() -> Admitted:
            return Admitted(connection, "console", "")

        return await _answer(connector, incoming, context, admit), context


async def _answer(
    connector: Any,
    incoming: Incoming,
    context: RequestContext,
    admit: Callable[[], Awaitable[Any]],
    edge: Edge | None = None,
) -> Outgoing:
    started = time.perf_counter()
    trace = None if connector.tracing is None else connector.tracing.begin(incoming.method, context)
    admitted = None
    try:
        async with asyncio.timeout(connector.settings.request_seconds):
            admitted = await admit()
            check_body(incoming, connector.settings.max_body_bytes)
            spoken = incoming if edge is None else edge.inward(incoming)
            outgoing = await _serve(connector, spoken, admitted, context)
    except TimeoutError:
        outgoing = refusal(Unavailable("The request took longer than its time budget; please send it again"))
    except (ConnectorError, SCIMException) as error:
        tell_trouble(error)
        outgoing = refusal(error)
    except Exception as error:
        log.exception("request failed request=%s", context.request_id)
        outgoing = refusal(error)
    outgoing.media_type = media_type(incoming.headers)
    outgoing.headers["X-Request-Id"] = context.request_id
    if admitted is not None and admitted.allowance is not None:
        outgoing.headers |= rate_headers(admitted.allowance)
    if edge is not None:
        outgoing = edge.outward(incoming, outgoing, connector.base_url)
    log_line(context, incoming, outgoing, "-" if admitted is None else admitted.connection.name, started)
    _watch(connector, context, incoming, outgoing, admitted, started, trace)
    return outgoing


def _watch(
    connector: Any,
    context: RequestContext,
    incoming: Incoming,
    outgoing: Outgoing,
    admitted: Any,
    started: float,
    trace: Any,
) -> None:
    """Let console and metrics see it. Whatever goes wrong here is nothing to the client."""
    try:
        route = route_of(normalise_path(incoming.path[len(PREFIX) :]))
        message = message_of(connector, context, incoming, outgoing, admitted, route, started)
        received = None if admitted is None else incoming.body
        connector.recorder.note(message, received, outgoing.body)
        shown = "-" if admitted is None else route  # strangers must not make up names for series
        ms = (time.perf_counter() - started) * 1000
        connector.metrics.note(incoming.method, shown, outgoing.status, ms, context.upstream)
        if trace is not None:
            who = "-" if admitted is None else admitted.connection.name
            trace.end(incoming.method, shown, outgoing.status, who, context)
    except Exception as error:  # noqa: BLE001  # watching must never hurt what is watched
        log.info("a message was not recorded (%s)", type(error).__name__)


async def _serve(connector: Any, incoming: Incoming, admitted: Any, context: RequestContext) -> Outgoing:
    sent, query = path_behind_flag(incoming.path[len(PREFIX) :], incoming.raw_query)
    incoming, path = replace(incoming, raw_query=query), normalise_path(sent)
    check_person(admitted.person, incoming.method, path)
    connection = admitted.connection
    caller = Caller(
        connection=connection,
        request_id=context.request_id,
        token_key=admitted.token_key,
        address=admitted.address,
        method=incoming.method,
        route=route_of(path),
    )
    method = "GET" if incoming.method == "HEAD" else incoming.method
    service = await connector.service(connection)
    target = service.match(ScimRequest(method, connector.base_url, path))  # 404 and 405 come before any body
    service.check_writable(target)
    limits = await connector.bulk_limits()
    request, refused = understood(incoming, path, context, strict=connection.policies.strict, bulk=limits)
    request.base_url = connector.base_url
    request.subject = connector.permit(connection)
    handler = Handler(service, await connector.resources(caller, service))
    handler.deadline, handler.refused, handler.apart = context.deadline, refused, apart
    handler.bulk_limits = limits
    if admitted.person and path == "/Me":
        request.path = await handler.path_of_user(admitted.person)
    response: ScimResponse = await getattr(handler, target.operation.value)(request)
    if target.operation in (Operation.query, Operation.search, Operation.search_with_body, Operation.bulk):
        connector.note_read(
            caller, target.operation.value, int(response.status), len(context.upstream), context.normalised
        )
    if path == "/Me" and "Content-Location" in response.headers:
        response.headers["Location"] = response.headers["Content-Location"]  # RFC 7644 §3.11
    return outgoing_of(response)


def check_person(person: str, method: str, path: str) -> None:
    """People read themselves; provisioning is for applications. :raises OutOfScope:"""
    if person and (method not in ("GET", "HEAD") or path.split("/")[1] not in OPEN_TO_PEOPLE):
        raise OutOfScope("A person's token reads /Me; everything else is for provisioning clients")


def understood(
    incoming: Incoming, path: str, context: RequestContext, *, strict: bool, bulk: BulkLimits
) -> tuple[ScimRequest, Mapping[int, ConnectorError]]:
    """The request in one spelling, whatever dialect it came in; what was changed is noted for the audit row.

    The second part says which operations of a bulk could not be understood, by position.
    """
    refused: Mapping[int, ConnectorError] = {}
    method = "GET" if incoming.method == "HEAD" else incoming.method
    resource_type = resource_type_of(path)
    query, notes = normalise_query(incoming.raw_query, resource_type=resource_type, strict=strict)
    body = incoming.body.removeprefix(BOM)  # RFC 8259 §8.1 lets a reader overlook it
    if method in WITH_BODY:
        value = parse_json(body)
        if path == "/Bulk":
            check_bulk(value, len(body), bulk)
        value, more, refused = _spoken(method, path, resource_type, value, strict=strict)
        notes += more
        body = orjson.dumps(value) if more or path == "/Bulk" else body
    context.normalised.extend(notes)
    return ScimRequest(method, "", path, query, dict(incoming.headers), body), refused


def _spoken(
    method: str, path: str, resource_type: str | None, value: Any, *, strict: bool
) -> tuple[Any, tuple[str, ...], Mapping[int, ConnectorError]]:
    if path == "/Bulk":
        return normalise_bulk(value, strict=strict)
    if path.endswith("/.search"):
        return *normalise_search(value, resource_type=resource_type, strict=strict), {}
    if resource_type is None:
        return value, (), {}
    value, notes = normalise_body(method, resource_type, value, strict=strict)
    if method == "PATCH":
        check_patch(value)
    return value, notes, {}


def outgoing_of(response: ScimResponse) -> Outgoing:
    body = None if response.body is None else orjson.dumps(response.body)
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-type"}
    return Outgoing(int(response.status), body, headers)


def refusal(error: Exception) -> Outgoing:
    """An error as RFC 7644 §3.12 wants it, with Retry-After, Allow and the challenge where they belong."""
    allowed: tuple[str, ...] = tuple(getattr(error, "allowed", ()))
    if isinstance(error, SCIMException) and error.status == 405:
        error = NotAllowed(f"This endpoint answers to {', '.join(allowed)} only", allowed=allowed)
    scim_error = Service.error_of(error)
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, int(retry_after)))
    if scim_error.status == 429:  # SailPoint's connectors look here
        headers |= {"x-rate-limit-remaining": "0", "x-rate-limit-retry-after-seconds": headers.get("Retry-After", "1")}
    if scim_error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="SCIM"'
    if allowed:
        headers["Allow"] = ", ".join(allowed)
    return Outgoing(int(scim_error.status or 500), orjson.dumps(scim_error.model_dump()), headers)


def rate_headers(allowance: Allowance) -> dict[str, str]:
    """What is left of the connection's rate, as SailPoint's SCIM connectors read it."""
    return {
        "x-rate-limit-limit": str(allowance.limit),
        "x-rate-limit-remaining": str(allowance.remaining),
        "x-rate-limit-reset": str(allowance.reset),
    }


def route_of(path: str) -> str:
    """The template of a path: ids are people, and logs are read by many."""
    parts = path.strip("/").split("/")
    if len(parts) > 1 and parts[1] != ".search" and parts[0] not in ("Schemas", "ResourceTypes"):
        parts[1] = "{id}"
    return "/" + "/".join(parts)


def log_line(context: RequestContext, incoming: Incoming, outgoing: Outgoing, who: str, started: float) -> None:
    """One line a request, readable in the portal and by queries. No query, no body, no header."""
    log.info(
        "%s",
        orjson.dumps(
            {
                "connection": who,
                "method": incoming.method,
                "route": route_of(normalise_path(incoming.path[len(PREFIX) :])) if incoming.path else "",
                "status": outgoing.status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
                "upstream": len(context.upstream),
                "requestId": context.request_id,
            }
        ).decode(),
    )
