"""Step 1 for people: one trigger for the whole web console, with an ASGI application behind it.

The application is imported at the first visit, so that a SCIM request never waits for templates to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import azure.functions as func

from scim.context import request_context
from scim.errors import ConnectorError
from scim.triggers.exchange import ALL_METHODS, Incoming, read
from scim.triggers.requests import answer_as
from scim.triggers.trouble import tell_trouble

SECONDS = 60.0
_PLAIN = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}


def console_blueprint(connector: Callable[[], Any]) -> func.Blueprint:
    """Sorts before `scim_*`: the host takes the first route that fits, by the function's name."""
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    made: list[Any] = []

    @blueprint.function_name("console")
    @blueprint.route(route="console/{*rest}", methods=ALL_METHODS, auth_level=func.AuthLevel.ANONYMOUS)
    async def console(req: func.HttpRequest) -> func.HttpResponse:
        incoming = read(req)
        try:
            whole = connector()
            if not made:
                from scim.console.app import console_app

                made.append(console_app(whole, answer_as))
            with request_context(incoming.request_id, SECONDS):
                return await serve(made[0], incoming)
        except ConnectorError as error:  # settings or keys: there is nothing that could draw a page
            tell_trouble(error)
            return func.HttpResponse(error.detail, status_code=error.status, headers=_PLAIN, mimetype="text/plain")

    return blueprint


async def serve(application: Any, incoming: Incoming) -> func.HttpResponse:
    """One request through an ASGI application. Every Set-Cookie header of the answer survives."""
    status, headers, body = 500, [], bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": incoming.body, "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        nonlocal status, headers
        if event["type"] == "http.response.start":
            status, headers = event["status"], event.get("headers", [])
        else:
            body.extend(event.get("body", b""))

    await application(_scope(incoming), receive, send)
    response = func.HttpResponse(bytes(body), status_code=status)
    for name, value in headers:
        text = name.decode("latin-1")
        if text == "set-cookie":
            response.headers.add("Set-Cookie", value.decode("latin-1"))
        elif text != "content-length":  # the host counts for itself
            response.headers[text] = value.decode("latin-1")
    return response


def _scope(incoming: Incoming) -> dict[str, Any]:
    host = incoming.headers.get("host", "")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": incoming.method,
        "scheme": "http" if host.partition(":")[0] in {"127.0.0.1", "localhost"} else "https",
        "path": incoming.path,
        "raw_path": quote(incoming.path).encode(),
        "query_string": incoming.raw_query.encode(),
        "root_path": "",
        "headers": [(n.encode("latin-1"), v.encode("utf-8", "replace")) for n, v in incoming.headers.items()],
        "server": None,
        "client": None,
        "state": {"request_id": incoming.request_id},
    }
