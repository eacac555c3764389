"""/metrics for Prometheus, behind a token of its own. Without that token in the settings there is nothing here."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import azure.functions as func

from scim.context import request_context
from scim.errors import ConnectorError, NotFound, Unauthenticated
from scim.triggers.exchange import ALL_METHODS, Incoming, Outgoing, read, write
from scim.triggers.requests import refusal

SECONDS = 10.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_blueprint(connector: Callable[[], Any]) -> func.Blueprint:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.function_name("metrics")
    @blueprint.route(route="metrics", methods=ALL_METHODS, auth_level=func.AuthLevel.ANONYMOUS)
    async def metrics(req: func.HttpRequest) -> func.HttpResponse:
        incoming = read(req)
        try:
            whole = connector()
            check_token(whole.settings.metrics_token, incoming)
            with request_context(incoming.request_id, SECONDS):
                text = await whole.metrics_text()
        except ConnectorError as error:
            return write(refusal(error), head=incoming.method == "HEAD")
        return write(Outgoing(200, text.encode(), media_type=CONTENT_TYPE), head=incoming.method == "HEAD")

    return blueprint


def check_token(token: Any, incoming: Incoming) -> None:
    """:raises NotFound: no token is set. :raises Unauthenticated: another one was sent."""
    wanted = "" if token is None else token.get_secret_value()
    if not wanted or incoming.method not in ("GET", "HEAD"):
        raise NotFound("There is nothing here; SCIM 2.0 is under /scim/v2")
    scheme, _, sent = incoming.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(sent.strip().encode("utf-8", "surrogatepass"), wanted.encode())
    if scheme.casefold() != "bearer" or not right:
        raise Unauthenticated("Send the metrics token: Authorization: Bearer <token>")
