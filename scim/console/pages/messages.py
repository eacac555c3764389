"""What clients ask and what they are told, live: asked for every two seconds, as the host cannot stream."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from scim.console.desk import Desk
from scim.errors import ConnectorError, NotFound
from scim.store.messages import Message

PAGE = 60


class MessagePages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        connections = await self._desk.connections.list()
        switches = await self._desk.connector.switches.read()
        return self._desk.page(request, "messages.html", connections=connections, chosen=conditions(request),
                               switches=switches)  # fmt: skip

    async def rows(self, request: Request) -> Response:
        chosen, before = conditions(request), request.query_params.get("before", "")[:120]
        problem = ""
        found: list[Message] = []
        try:
            found = await self._desk.connector.messages.newest(PAGE, before=before, **chosen)
        except ConnectorError as error:
            problem = error.detail
        newest = request.query_params.get("newest", "")
        template = "_message_page.html" if before else "_message_rows.html"
        return self._desk.page(request, template, rows=found, newest=newest, chosen=chosen, problem=problem,
                               more=len(found) == PAGE)  # fmt: skip

    async def one(self, request: Request) -> Response:
        message = await message_of(self._desk, request)
        longest = max((call[3] for call in message.upstream), default=1.0) or 1.0
        return self._desk.page(request, "message.html", message=message, longest=longest)


async def message_of(desk: Desk, request: Request) -> Message:
    """The one in the path. :raises NotFound:"""
    message: Message | None = await desk.connector.messages.get(request.path_params["key"][:120])
    if message is None:
        raise NotFound("This message is gone: messages are kept for a few days only")
    return message


def conditions(request: Request) -> dict[str, str]:
    asked = request.query_params
    outcome = asked.get("outcome", "")
    return {
        "connection": asked.get("connection", "")[:64],
        "outcome": outcome if outcome in {"ok", "refused", "failed"} else "",
        "resource": asked.get("resource", "")[:64],
    }
