"""/health says that the process answers and nothing else; /health/deep, with a token, says what works and what not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.functions as func
import orjson

from scim.context import request_context
from scim.errors import ConnectorError
from scim.triggers.exchange import Outgoing, read, write
from scim.triggers.requests import refusal
from scim.triggers.trouble import tell_trouble


def health_blueprint(connector: Callable[[], Any]) -> func.Blueprint:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.function_name("health")
    @blueprint.route(route="health", methods=("GET", "HEAD"), auth_level=func.AuthLevel.ANONYMOUS)
    async def health(req: func.HttpRequest) -> func.HttpResponse:
        up = Outgoing(200, b'{"status":"up"}', media_type="application/json")
        return write(up, head=(req.method or "").upper() == "HEAD")

    @blueprint.function_name("health_deep")
    @blueprint.route(route="health/deep", methods=("GET",), auth_level=func.AuthLevel.ANONYMOUS)
    async def health_deep(req: func.HttpRequest) -> func.HttpResponse:
        incoming = read(req)
        try:
            whole = connector()
            with request_context(incoming.request_id, whole.settings.request_seconds):
                admitted = await whole.access.authenticate(incoming.headers)
                report = await whole.health(admitted.connection)
        except ConnectorError as error:
            tell_trouble(error)
            return write(refusal(error))
        status = 200 if report["status"] == "healthy" else 503
        return write(Outgoing(status, orjson.dumps(report), media_type="application/json"))

    return blueprint
