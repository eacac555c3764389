"""What every page works with: the connector, the templates, the person who asks, and the audit trail of his doings."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from scim.access.keys import Keys
from scim.access.sources import client_address
from scim.administration.console_keys import find_key
from scim.administration.deeds import Deed, told
from scim.console import drawing
from scim.console.lately import Lately
from scim.console.people import Cookies, Person, role_named
from scim.errors import ConnectorError, InvalidValue, NotFound, Unauthenticated
from scim.model import Connection, ConnectionId, Vault
from scim.store.connections import Connections
from scim.store.console_keys import ConsoleKeys
from scim.store.past_hours import PastHours
from scim.store.tokens import StoredToken, Tokens
from scim.store.vaults import Vaults

T = TypeVar("T")
AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "WEBSITE_OWNER_NAME", "IDENTITY_ENDPOINT", "MSI_ENDPOINT",
         "CONTAINER_APP_NAME", "KUBERNETES_SERVICE_HOST", "WEBSITE_RESOURCE_GROUP")  # fmt: skip
"""One of them means that this is somebody's cloud: the development identity does not exist there."""

TOKENS_SECONDS = 30.0  # that Overview may be late in counting tokens about to end

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Desk:
    """One per process. `run_as` serves a SCIM request in a connection's name (triggers own that way)."""

    def __init__(self, connector: Any, run_as: Callable[..., Awaitable[Any]]) -> None:
        self.connector, self.run_as = connector, run_as
        self.environment = Environment(loader=PackageLoader("scim.console"), autoescape=True, trim_blocks=True,
                                       lstrip_blocks=True)  # fmt: skip
        self.environment.globals.update(drawing.GLOBALS)
        self.environment.filters.update(drawing.FILTERS)
        self._cookies: tuple[Keys, Cookies] | None = None
        self.attempts = Attempts()

    # -- the connector's parts, with their types ---------------------------------------------------------------------

    @property
    def connections(self) -> Connections:
        return cast("Connections", self.connector.connections)

    @property
    def tokens(self) -> Tokens:
        return cast("Tokens", self.connector.tokens)

    @property
    def console_keys(self) -> ConsoleKeys:
        return ConsoleKeys(self.connector.store.table("settings"))

    @cached_property
    def past_hours(self) -> Mapping[str, PastHours]:
        """By the name of a stretch of time; the last hour is read as it is."""
        return {"6h": PastHours(self.connector.messages, 5), "24h": PastHours(self.connector.messages, 15)}

    @cached_property
    def tokens_lately(self) -> Lately[Mapping[ConnectionId, Sequence[StoredToken]]]:
        """For what renews itself; a page that a person opens reads them anew."""
        return Lately(self.tokens.by_connection, TOKENS_SECONDS)

    async def vaults(self) -> Vaults:
        return cast("Vaults", await self.connector.vaults())

    async def keys(self) -> Keys:
        return cast("Keys", await self.connector.keys.keys())

    async def connection(self, request: Request) -> Connection:
        """The one in the path. :raises NotFound:"""
        found = await self.connections.get(request.path_params["id"])
        if found is None:
            raise NotFound("There is no such connection any more")
        return found

    async def vault(self, request: Request) -> Vault:
        """The one in the path. :raises NotFound:"""
        found = await (await self.vaults()).get(request.path_params["id"])
        if found is None:
            raise NotFound("There is no such vault any more")
        return found

    # -- who asks ----------------------------------------------------------------------------------------------------

    async def cookies(self) -> Cookies:
        keys = await self.keys()
        if self._cookies is None or self._cookies[0] is not keys:
            self._cookies = (keys, Cookies(keys.data_keys))
        return self._cookies[1]

    async def key_holder(self, header: str) -> Person:
        """:raises Unauthenticated: for anything but a live console key."""
        scheme, _, text = header.partition(" ")
        peppers = (await self.keys()).peppers
        key = await find_key(self.console_keys, peppers, text.strip()) if scheme.casefold() == "bearer" else None
        role = role_named(key.role) if key is not None else None
        if key is None or role is None:
            raise Unauthenticated("This is not a console key of this connector, or it has expired")
        return Person(key.name, role, "key")

    def development(self, request: Request) -> bool:
        """Whether the development identity exists: switched on, nowhere near a cloud, and asked from this machine."""
        settings = self.connector.settings
        here = urlsplit(settings.public_url).hostname in LOOPBACK
        asked = urlsplit(f"//{request.headers.get('host', '')}").hostname in LOOPBACK
        return bool(settings.console_development and here and asked and not any(os.environ.get(n) for n in AZURE))

    # -- doing and telling -------------------------------------------------------------------------------------------

    async def do(
        self,
        request: Request,
        action: str,
        work: Callable[[], Awaitable[T]],
        *,
        name: str = "",
        object_id: str = "",
        connection: str = "",
        changed: tuple[str, ...] = (),
    ) -> T:
        """Carry out what a person asked for, between two rows of the audit trail."""
        person: Person = request.state.person
        deed = Deed(
            action=action,
            who=f"{person.name} ({person.way})",
            way=f"console {request.method} {request.scope['route'].path}",
            name=name[:200],
            object_id=object_id,
            request_id=str(getattr(request.state, "request_id", "")),
            address=client_address(request.headers),
            connection=connection,
            changed=changed,
        )
        return await told(self.connector.trail, deed, work)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def page(self, request: Request, template: str, code: int = 200, **values: Any) -> HTMLResponse:
        text = self.environment.get_template(template).render(
            person=getattr(request.state, "person", None), path=request.url.path, query=request.query_params, **values
        )
        return HTMLResponse(text, code)

    async def error_page(self, request: Request, error: ConnectorError) -> Response:
        """In the middle of a page when a part of one asked; else a page of its own."""
        part = request.headers.get("hx-request") is not None
        try:
            template = "_problem.html" if part else "error.html"
            response = self.page(request, template, 200 if part else error.status, error=error)
        except ConnectorError:  # not even the keys can be read
            return Response(error.detail, error.status, media_type="text/plain")
        return response


class Attempts:
    """Wrong sign-ins of this process: after a few, one waits. Keyed by what was tried, bounded in size."""

    SECONDS, ROOM = 900.0, 2_000

    def __init__(self) -> None:
        self._failed: dict[str, list[float]] = {}

    def wait(self, key: str, now: float, most: int) -> bool:
        """Whether this key has failed as often as it may within a quarter of an hour."""
        recent = [at for at in self._failed.get(key, ()) if now - at < self.SECONDS]
        return len(recent) >= most

    def failed(self, key: str, now: float) -> None:
        if len(self._failed) >= self.ROOM:
            self._failed.pop(next(iter(self._failed)))
        recent = [at for at in self._failed.get(key, ()) if now - at < self.SECONDS]
        self._failed[key] = [*recent, now]


async def form_of(request: Request) -> Mapping[str, list[str]]:
    """The fields of a posted form; values of one name in order."""
    from urllib.parse import parse_qs

    text = (await request.body()).decode("utf-8", "replace")
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        raise InvalidValue("This form has more fields than any of ours") from None


def field(form: Mapping[str, list[str]], name: str, default: str = "") -> str:
    return form.get(name, [default])[0].strip()
