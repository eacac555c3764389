"""Step 1 of /oauth/token: a client asks for an access token (RFC 6749 §4.4). Errors are OAuth's, not SCIM's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import azure.functions as func
import orjson

from scim.access.oauth import GrantRefused
from scim.context import request_context
from scim.errors import ConnectorError, TooManyRequests, Unavailable
from scim.triggers.exchange import ALL_METHODS, Incoming, Outgoing, read, write
from scim.triggers.trouble import tell_trouble

SECONDS = 20.0

log = logging.getLogger("scim.requests")


def oauth_blueprint(connector: Callable[[], Any]) -> func.Blueprint:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.function_name("oauth_token")
    @blueprint.route(route="oauth/token", methods=ALL_METHODS, auth_level=func.AuthLevel.ANONYMOUS)
    async def oauth_token(req: func.HttpRequest) -> func.HttpResponse:
        incoming = read(req)
        try:
            outgoing = await answer(connector(), incoming)
        except ConnectorError as error:  # the connector itself could not be made: settings
            tell_trouble(error)
            outgoing = refusal(error, incoming)
        return write(outgoing, head=incoming.method == "HEAD")

    return blueprint


async def answer(connector: Any, incoming: Incoming) -> Outgoing:
    """Serve one request for a token."""
    request_id = incoming.request_id
    if incoming.method != "POST":
        outgoing = _outgoing(405, {"error": "invalid_request", "error_description": "POST a form here"})
        outgoing.headers["Allow"] = "POST"
        return outgoing
    with request_context(request_id, SECONDS):
        try:
            async with asyncio.timeout(SECONDS):
                granted = await connector.grants.grant(incoming.headers, incoming.body)
            connector.note_grant(granted, request_id)
            outgoing = _outgoing(200, granted.answer)
        except TimeoutError:
            outgoing = refusal(Unavailable("The request took too long; please send it again"), incoming)
        except ConnectorError as error:
            tell_trouble(error)
            outgoing = refusal(error, incoming)
        except Exception as error:
            log.exception("token request failed request=%s", request_id)
            outgoing = refusal(error, incoming)
    outgoing.headers["X-Request-Id"] = request_id
    code = "" if outgoing.status == 200 else orjson.loads(outgoing.body or b"{}").get("error", "")
    log.info('{"event":"token.request","status":%d,"error":"%s","requestId":"%s"}', outgoing.status, code, request_id)
    return outgoing


def refusal(error: Exception, incoming: Incoming) -> Outgoing:
    """RFC 6749 §5.2: invalid_client is a 401, with a challenge where the client used the header."""
    status, code, detail = 500, "server_error", "An internal error happened; the request id leads to it in the log"
    if isinstance(error, GrantRefused):
        status, code, detail = error.status, error.code, error.detail
    elif isinstance(error, ConnectorError):
        status, detail = error.status, error.detail
        code = "slow_down" if isinstance(error, TooManyRequests) else "temporarily_unavailable"
    outgoing = _outgoing(status, {"error": code, "error_description": detail})
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        outgoing.headers["Retry-After"] = str(max(1, int(retry_after)))
    if status == 401 and "authorization" in incoming.headers:
        outgoing.headers["WWW-Authenticate"] = 'Basic realm="SCIM"'
    return outgoing


def _outgoing(status: int, body: Any) -> Outgoing:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Outgoing(status, orjson.dumps(body), headers, media_type="application/json")
