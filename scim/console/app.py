"""The console as one ASGI application: the route table, the gate around each endpoint, the headers around all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scim.console.desk import Desk
from scim.console.gate import Gate, Hardened, not_allowed, problem
from scim.console.routes import doors
from scim.errors import ConnectorError, NotFound


def console_app(connector: Any, run_as: Callable[..., Awaitable[Any]]) -> Any:
    """:param run_as: Serves a SCIM request in a connection's name: (connector, incoming, connection)."""
    desk = Desk(connector, run_as)
    gate = Gate(desk)
    table = doors(desk)
    routes = [Route(door.path, gate.guard(door), methods=list(door.methods)) for door in table]
    methods: dict[str, tuple[str, ...]] = {}
    for door in table:
        methods[door.path] = (*methods.get(door.path, ()), *door.methods)

    async def complain(request: Request, error: ConnectorError) -> Response:
        if request.url.path.startswith("/console/api"):
            return problem(error)
        return await desk.error_page(request, error)

    async def nothing(request: Request, _: Exception) -> Response:
        return await complain(request, NotFound("There is no such page"))

    async def wrong_method(request: Request, _: Exception) -> Response:
        route = request.scope.get("route")
        return await complain(request, not_allowed(methods.get(getattr(route, "path", ""), ("GET",))))

    application = Starlette(
        routes=routes,
        exception_handlers={404: nothing, 405: wrong_method},
    )
    application.router.redirect_slashes = False
    return Hardened(_Steady(application, complain))


class _Steady:
    """An exception becomes a page without a word of it; the log has it with the request's id."""

    def __init__(self, application: Any, complain: Callable[[Request, ConnectorError], Awaitable[Response]]) -> None:
        self._application, self._complain = application, complain

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._application(scope, receive, _Late(send))
        except Exception:
            import logging

            logging.getLogger("scim.console").exception("console request failed %s", scope.get("path"))
            error = ConnectorError(
                f"This did not work, and it is our fault. Request {scope['state'].get('request_id')}"
            )
            response = await self._complain(Request(scope, receive), error)
            await response(scope, receive, send)


class _Late:
    """Holds back what Starlette's own error handling would say, because ours says it better."""

    def __init__(self, send: Any) -> None:
        self._send, self._dead = send, False

    async def __call__(self, event: Any) -> None:
        if event["type"] == "http.response.start" and event["status"] == 500:
            self._dead = True
        if not self._dead:
            await self._send(event)
