"""The JSON API's last part: requests by hand, settings, keys for scripts, sessions, backup and restore."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from scim.administration.console_keys import PREFIX, make_key
from scim.administration.settings import change_settings, checked, end_sessions
from scim.administration.setup_document import add_setup, write_setup
from scim.console import bodies
from scim.console.api_answer import answer
from scim.console.desk import Desk
from scim.console.pages.settings import environment
from scim.console.pages.trying import hand_made, plan_request, tried
from scim.errors import InvalidValue
from scim.model import Connection


class ApiRest:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # -- requests by hand --------------------------------------------------------------------------------------------

    async def plan(self, request: Request) -> Response:
        connection, made = await self._attempt(request)
        return answer(_outcome(await plan_request(self._desk, connection, made)))

    async def run(self, request: Request) -> Response:
        desk = self._desk
        connection, made = await self._attempt(request)
        outgoing, context = await desk.do(
            request,
            "console.try",
            lambda: desk.run_as(desk.connector, made, connection),
            name=f"{made.method} {made.path} as {connection.name}",
            connection=connection.id,
        )
        return answer(_outcome(tried(made, outgoing, context, [])))

    async def _attempt(self, request: Request) -> tuple[Connection, Any]:
        body = await bodies.body_of(request, bodies.Attempt)
        connection = await self._desk.connections.need(body.connection)
        text = "" if body.body is None else orjson.dumps(body.body).decode()
        return connection, hand_made(body.method, body.target, text)

    # -- settings ----------------------------------------------------------------------------------------------------

    async def settings(self, _: Request) -> Response:
        connector = self._desk.connector
        rows = [
            {"name": name, "value": value, "meaning": text} for name, value, text in environment(connector.settings)
        ]
        return answer({**asdict(await connector.switches.read(fresh=True)), "environment": rows})

    async def change_settings(self, request: Request) -> Response:
        desk = self._desk
        values = checked(bodies.given(await bodies.body_of(request, bodies.SwitchChange)))
        switches = desk.connector.switches
        await desk.do(
            request, "settings.edit", lambda: change_settings(switches, values), changed=tuple(sorted(values))
        )
        return answer(await switches.read(fresh=True))

    # -- keys and sessions -------------------------------------------------------------------------------------------

    async def keys(self, _: Request) -> Response:
        """Without their text, which nobody has; sign-in codes are none."""
        now = datetime.now(UTC)
        names = ("key_id", "name", "role", "created", "expires")
        found = [key for key in await self._desk.console_keys.list() if not key.once]
        rows = [{**{name: getattr(key, name) for name in names}, "live": now < key.expires} for key in found]
        return answer({"keys": rows})

    async def add_key(self, request: Request) -> Response:
        desk, body = self._desk, await bodies.body_of(request, bodies.NewKey)
        pepper = (await desk.keys()).pepper
        text = await desk.do(
            request,
            "console.key.add",
            lambda: make_key(desk.console_keys, pepper, role=body.role, name=body.name, days=body.days),
            name=f"{body.name} ({body.role})",
        )
        return answer({"key": text, "key_id": text.removeprefix(PREFIX).partition("_")[0]}, 201)

    async def remove_key(self, request: Request) -> Response:
        desk, key = self._desk, request.path_params["key"]
        await desk.do(request, "console.key.remove", lambda: desk.console_keys.remove(key), name=key)
        return Response(status_code=204)

    async def end_sessions(self, request: Request) -> Response:
        desk = self._desk
        await desk.do(request, "console.end-sessions", lambda: end_sessions(desk.connector.switches))
        return Response(status_code=204)

    # -- backup ------------------------------------------------------------------------------------------------------

    async def backup(self, request: Request) -> Response:
        desk = self._desk
        keys = (await desk.keys()).data_keys
        return answer(await desk.do(request, "console.backup", lambda: write_setup(desk.connector.store, keys)))

    async def restore(self, request: Request) -> Response:
        desk = self._desk
        try:
            document = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            raise InvalidValue("This is not JSON") from None
        if not isinstance(document, dict):
            raise InvalidValue("This is not a set-up document of this connector")
        store, keys = desk.connector.store, (await desk.keys()).data_keys
        return answer(await desk.do(request, "console.restore", lambda: add_setup(store, document, keys)))


def _outcome(shown: dict[str, Any]) -> dict[str, Any]:
    names = ("request_id", "status", "headers", "answer", "normalised", "notes", "upstream")
    return {**{name: shown[name] for name in names}, "plan": [asdict(step) for step in shown["plan"]]}
