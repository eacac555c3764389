"""A SCIM request by hand, in a connection's name: as a plan that changes nothing, or for real."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response

from scim.console.desk import Desk, field, form_of
from scim.errors import InvalidValue
from scim.model import Connection
from scim.store.redaction import shown_body

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


EXAMPLES: tuple[tuple[str, dict[str, str]], ...] = (
    ("Find a user", {"method": "GET", "target": '/Users?filter=userName eq "ada@example.com"', "body": ""}),
    ("First ten users", {"method": "GET", "target": "/Users?count=10", "body": ""}),
    (
        "Create a user",
        {
            "method": "POST",
            "target": "/Users",
            "body": _text(
                {
                    "schemas": [USER],
                    "userName": "ada@example.com",
                    "displayName": "Ada Byron",
                    "name": {"givenName": "Ada", "familyName": "Byron"},
                    "emails": [{"value": "ada@example.com", "primary": True}],
                    "active": True,
                }
            ),
        },
    ),
    (
        "Disable a user",
        {
            "method": "PATCH",
            "target": "/Users/ID",
            "body": _text({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}),
        },
    ),
    (
        "Create a group",
        {
            "method": "POST",
            "target": "/Groups",
            "body": _text({"schemas": [GROUP], "displayName": "Operators", "members": []}),
        },
    ),
    ("What this server can do", {"method": "GET", "target": "/ServiceProviderConfig", "body": ""}),
)


@dataclass(frozen=True, slots=True)
class HandMade:
    """A request as the trigger would have read it."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str


class TryPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        connections = await self._desk.connections.list()
        examples = [(title, orjson.dumps(values).decode()) for title, values in EXAMPLES]
        chosen = request.query_params.get("connection", "")
        return self._desk.page(request, "try.html", connections=connections, chosen=chosen, examples=examples,
                               methods=METHODS, first=EXAMPLES[1][1])  # fmt: skip

    async def plan(self, request: Request) -> Response:
        """Judged and planned like the real thing, below it nothing: no table, no vault, no audit row is written."""
        desk = self._desk
        connection, made = await self._asked(request)
        shown = await plan_request(desk, connection, made)
        return desk.page(request, "_tried.html", planned=True, **shown)

    async def run(self, request: Request) -> Response:
        desk = self._desk
        connection, made = await self._asked(request)

        async def work() -> Any:
            return await desk.run_as(desk.connector, made, connection)

        name = f"{made.method} {made.path} as {connection.name}"
        outgoing, context = await desk.do(request, "console.try", work, name=name, connection=connection.id)
        shown = tried(made, outgoing, context, [])
        return desk.page(request, "_tried.html", planned=False, **shown)

    async def _asked(self, request: Request) -> tuple[Connection, HandMade]:
        form = await form_of(request)
        connection = await self._desk.connections.get(field(form, "connection"))  # type: ignore[arg-type]
        if connection is None:
            raise InvalidValue("Choose a connection")
        body = form.get("body", [""])[0]
        return connection, hand_made(field(form, "method"), field(form, "target"), body)


async def plan_request(desk: Desk, connection: Connection, made: HandMade) -> dict[str, Any]:
    rehearsal = desk.connector.rehearsal()
    rehearsal.recorder.note = _forget  # a plan is no message
    outgoing, context = await desk.run_as(rehearsal, made, connection)
    return tried(made, outgoing, context, rehearsal.plan)


def _forget(*_: object) -> None:
    """Nothing happened."""


def tried(made: HandMade, outgoing: Any, context: Any, plan: list[Any]) -> dict[str, Any]:
    return {
        "made": made,
        "status": outgoing.status,
        "answer": shown_body(outgoing.body),
        "headers": {n: v for n, v in outgoing.headers.items() if n.lower() in {"location", "etag", "retry-after"}},
        "normalised": list(context.normalised),
        "notes": list(context.notes),
        "upstream": [(c.method, c.path, c.status, c.ms) for c in context.upstream],
        "longest": max((c.ms for c in context.upstream), default=1.0) or 1.0,
        "plan": plan,
        "request_id": made.request_id,
    }


def hand_made(method: str, target: str, body: str) -> HandMade:
    """:raises InvalidValue: what is no address below the SCIM base."""
    if method not in METHODS:
        raise InvalidValue(f"The method is one of {', '.join(METHODS)}")
    target = target.strip()
    for prefix in ("/scim/v2", "scim/v2"):
        target = target.removeprefix(prefix)
    parts = urlsplit(target if target.startswith("/") else f"/{target}")
    if "://" in parts.path or parts.netloc or len(target) > 8_000 or not target.isprintable():
        raise InvalidValue("The address starts with a resource, e.g. /Users")
    if len(body) > 200_000:
        raise InvalidValue("The body is too long for this page")
    headers = {"content-type": "application/scim+json", "user-agent": "console"}
    query = parts.query.replace(" ", "%20").replace('"', "%22")
    return HandMade(method, f"/scim/v2{unquote(parts.path)}", query, headers, body.encode(), secrets.token_hex(8))
