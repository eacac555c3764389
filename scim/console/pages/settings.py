"""What can be switched while it runs, what the environment says, keys for scripts, backup and restore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.administration.console_keys import make_key
from scim.administration.settings import NUMBERS, change_settings, checked, end_sessions
from scim.administration.setup_document import add_setup, write_setup
from scim.console.desk import Desk, field, form_of
from scim.console.people import role_named
from scim.errors import ConnectorError, InvalidValue

MOST_KEYS = 100  # listed: those that are live first; `scim.cli console list` has them all


class SettingsPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def _page(self, request: Request, status: int = 200, **more: Any) -> Response:
        desk = self._desk
        switches = await desk.connector.switches.read(fresh=True)
        now = datetime.now(UTC)
        keys = [key for key in await desk.console_keys.list() if not key.once]
        keys.sort(key=lambda key: (key.expires < now, key.name))
        values = {"error": None, "key": "", "restored": None, **more}
        return desk.page(request, "settings.html", status, switches=switches, keys=keys[:MOST_KEYS],
                         more_keys=max(0, len(keys) - MOST_KEYS), numbers=NUMBERS,
                         environment=environment(desk.connector.settings), now_utc=datetime.now(UTC),
                         **values)  # fmt: skip

    async def change(self, request: Request) -> Response:
        form = await form_of(request)
        try:
            await change_switches(self._desk, request, {n: field(form, n) for n in form})
        except ConnectorError as error:
            return await self._page(request, error.status, error=error)
        return RedirectResponse("/console/settings?done=changed", 303)

    async def end_sessions(self, request: Request) -> Response:
        desk = self._desk
        await desk.do(request, "console.end-sessions", lambda: end_sessions(desk.connector.switches))
        return RedirectResponse("/console/sign-in?done=out", 303)

    async def add_key(self, request: Request) -> Response:
        desk, form = self._desk, await form_of(request)
        role, name, days = role_named(field(form, "role")), field(form, "name"), field(form, "days", "90")
        try:
            if role is None or not name or len(name) > 100 or not name.isprintable():
                raise InvalidValue("A key has a name and a role")
            if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 365):
                raise InvalidValue("A key lives between 1 and 365 days")
            pepper = (await desk.keys()).pepper
            key = await desk.do(
                request,
                "console.key.add",
                lambda: make_key(desk.console_keys, pepper, role=role.name.casefold(), name=name, days=int(days)),
                name=f"{name} ({role.title})",
            )
        except ConnectorError as error:
            return await self._page(request, error.status, error=error)
        return await self._page(request, 201, key=key)

    async def remove_key(self, request: Request) -> Response:
        desk, key = self._desk, request.path_params["key"]
        await desk.do(request, "console.key.remove", lambda: desk.console_keys.remove(key), name=key)
        return RedirectResponse("/console/settings?done=key-removed#keys", 303)

    async def backup(self, request: Request) -> Response:
        desk = self._desk
        keys = (await desk.keys()).data_keys
        document = await desk.do(request, "console.backup", lambda: write_setup(desk.connector.store, keys))
        name = f"scim-connector-{datetime.now(UTC):%Y%m%d-%H%M}.json"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), media_type="application/json",
                        headers=headers)  # fmt: skip

    async def restore(self, request: Request) -> Response:
        desk, form = self._desk, await form_of(request)
        try:
            document = orjson.loads(form.get("document", [""])[0])
            if not isinstance(document, dict):
                raise InvalidValue("This is not a set-up document of this connector")
            store, keys = desk.connector.store, (await desk.keys()).data_keys
            added = await desk.do(request, "console.restore", lambda: add_setup(store, document, keys))
        except orjson.JSONDecodeError:
            return await self._page(request, 400, error=InvalidValue("This is not JSON"))
        except ConnectorError as error:
            return await self._page(request, error.status, error=error)
        left_out = added.pop("passwords_left_out")
        return await self._page(request, restored=added, left_out=left_out)


async def change_switches(desk: Desk, request: Request, given: dict[str, str]) -> Any:
    """The form's settings; a box that is not ticked is not sent. :raises InvalidValue: naming the setting."""
    values = checked({"maintenance": "off", **given})
    switches = desk.connector.switches
    before = await switches.read(fresh=True)
    changed = tuple(sorted(name for name, value in values.items() if getattr(before, name) != value))
    return await desk.do(request, "settings.edit", lambda: change_settings(switches, values), changed=changed)


def environment(settings: Any) -> list[tuple[str, str, str]]:
    """Name, value, meaning. A secret says only whether it is there."""
    rows = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            shown = "(set)"
        elif value is None or value == "":
            shown = ""
        else:
            shown = str(value)
        rows.append((f"SCIM_{name.upper()}", shown, info.description or ""))
    return rows
