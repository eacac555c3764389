"""The way of one SCIM request through the steps: who calls, what is meant, the operation, the answer, one log line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import orjson
from scim2_models import SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from scim.context import RequestContext, request_context
from scim.errors import ConnectorError, NotAllowed, Unavailable
from scim.model import Caller
from scim.protocol.bulk import check_bulk
from scim.protocol.dialects import (
    normalise_body,
    normalise_bulk,
    normalise_path,
    normalise_query,
    normalise_search,
    resource_type_of,
)
from scim.protocol.handler import Handler
from scim.protocol.limits import check_patch, parse_json
from scim.protocol.service import Service
from scim.triggers.exchange import WITH_BODY, Incoming, Outgoing, check_body, media_type

PREFIX = "/scim/v2"
log = logging.getLogger("scim.requests")


async def answer(connector: Any, incoming: Incoming) -> Outgoing:
    """Serve one request. Whatever happens, the answer is SCIM JSON (RFC 7644 §3.12)."""
    request_id = incoming.request_id
    started = time.perf_counter()
    traceparent = incoming.headers.get("traceparent", "")
    with request_context(request_id, connector.settings.request_seconds, traceparent) as context:
        who = "-"
        try:
            async with asyncio.timeout(connector.settings.request_seconds):
                admitted = await connector.access.authenticate(incoming.headers)
                who = admitted.connection.name
                outgoing = await _serve(connector, incoming, admitted, context)
        except TimeoutError:
            outgoing = refusal(Unavailable("The request took longer than its time budget; please send it again"))
        except (ConnectorError, SCIMException) as error:
            outgoing = refusal(error)
        except Exception as error:
            log.exception("request failed request=%s", request_id)
            outgoing = refusal(error)
        outgoing.media_type = media_type(incoming.headers)
        outgoing.headers["X-Request-Id"] = request_id
        log_line(context, incoming, outgoing, who, started)
        return outgoing


async def _serve(connector: Any, incoming: Incoming, admitted: Any, context: RequestContext) -> Outgoing:
    check_body(incoming, connector.settings.max_body_bytes)
    path = normalise_path(incoming.path[len(PREFIX) :])
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
    request, refused = understood(incoming, path, context, strict=connection.policies.strict)
    request.base_url = connector.base_url
    request.subject = connector.permit(connection)
    handler = Handler(service, await connector.resources(caller, service))
    handler.deadline, handler.refused = context.deadline, refused
    response: ScimResponse = await getattr(handler, target.operation.value)(request)
    if target.operation in (Operation.query, Operation.search, Operation.search_with_body, Operation.bulk):
        connector.note_read(
            caller, target.operation.value, int(response.status), len(context.upstream), context.normalised
        )
    return outgoing_of(response)


def understood(
    incoming: Incoming, path: str, context: RequestContext, *, strict: bool
) -> tuple[ScimRequest, Mapping[int, ConnectorError]]:
    """The request in one spelling, whatever dialect it came in; what was changed is noted for the audit row.

    The second part says which operations of a bulk could not be understood, by position.
    """
    refused: Mapping[int, ConnectorError] = {}
    method = "GET" if incoming.method == "HEAD" else incoming.method
    resource_type = resource_type_of(path)
    query, notes = normalise_query(incoming.raw_query, resource_type=resource_type, strict=strict)
    body = incoming.body
    if method in WITH_BODY:
        value = parse_json(body)
        value, more, refused = _spoken(method, path, resource_type, value, strict=strict)
        notes += more
        body = orjson.dumps(value) if more or path == "/Bulk" else body
    context.normalised.extend(notes)
    return ScimRequest(method, "", path, query, dict(incoming.headers), body), refused


def _spoken(
    method: str, path: str, resource_type: str | None, value: Any, *, strict: bool
) -> tuple[Any, tuple[str, ...], Mapping[int, ConnectorError]]:
    if path == "/Bulk":
        check_bulk(value)
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
    allowed = tuple(getattr(error, "allowed", ()))
    if isinstance(error, SCIMException) and error.status == 405:
        error = NotAllowed(f"This endpoint answers to {', '.join(allowed)} only", allowed=allowed)
    scim_error = Service.error_of(error)
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, int(retry_after)))
    if scim_error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="SCIM"'
    if allowed:
        headers["Allow"] = ", ".join(allowed)
    return Outgoing(int(scim_error.status or 500), orjson.dumps(scim_error.model_dump()), headers)


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
