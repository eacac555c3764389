"""The clients: guided set-up, watching the first calls, rights and policies, tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.administration import words
from scim.administration.verbs import Minted, add_token, remove_connection
from scim.console import views
from scim.console.desk import Desk, field, form_of
from scim.console.guides import GUIDES, Check, Guide, Paste, guide_for
from scim.console.policies import GROUPS, read_policies
from scim.content import FolderQuery
from scim.errors import ConnectorError, InvalidValue, NotFound
from scim.model import Connection, Policies, Window
from scim.names import fold
from scim.store.messages import Seen

CHOICE_SECONDS = 8.0
MOST_FOLDERS = 500  # offered to choose from; any other can be typed


PER_PAGE = 50
ENDED_SHOWN = 10  # tokens that are over: the newest; the audit trail has them all


def pages_of(rows: int) -> int:
    return max(1, -(-rows // PER_PAGE))


def page_number(text: str, rows: int) -> int:
    """The page that is asked for, within those that there are."""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(1, asked), pages_of(rows))


class ConnectionPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show_all(self, request: Request) -> Response:
        desk = self._desk
        known, numbers, tokens, vaults, connections = await asyncio.gather(
            views.seen(desk),
            views.traffic(desk, "1h"),
            desk.tokens.by_connection(),
            (await desk.vaults()).list(),
            desk.connections.list(),
        )
        names, now, rows = {vault.id: vault.name for vault in vaults}, datetime.now(UTC), []
        sought = request.query_params.get("q", "").strip()[:100]
        every = [c for c in connections if fold(sought) in fold(c.name)]
        page = page_number(request.query_params.get("page", ""), len(every))
        for connection in every[(page - 1) * PER_PAGE : page * PER_PAGE]:
            live = [token for token in tokens.get(connection.id, ()) if token.live(now)]
            seen = known.get(connection.id, Seen())
            rows.append((connection, names.get(connection.vault, "(gone)"), live, seen, numbers.pulse(connection.id)))
        return desk.page(request, "connections.html", rows=rows, guides=GUIDES, vaults=len(names), total=len(every),
                         number=page, last=pages_of(len(every)), sought=sought)  # fmt: skip

    async def new(self, request: Request) -> Response:
        return await self._new(request, {"client": request.query_params.get("client", "")})

    async def _new(self, request: Request, values: Mapping[str, Any], error: ConnectorError | None = None) -> Response:
        vaults = await (await self._desk.vaults()).list()
        return self._desk.page(request, "connection_new.html", 200 if error is None else error.status, values=values,
                               error=error, guides=GUIDES, vaults=vaults, types=words.RESOURCE_TYPES)  # fmt: skip

    async def add(self, request: Request) -> Response:
        """Makes the connection and its first token, and goes on to the values to paste."""
        desk, form = self._desk, await form_of(request)
        values = {"name": field(form, "name"), "client": field(form, "client", "other"), "vault": field(form, "vault"),
                  "read_only": "read_only" in form, "scope": form.get("scope", [])}  # fmt: skip
        try:
            vault = await (await desk.vaults()).find(str(values["vault"]))
            if vault is None:
                raise InvalidValue("Choose the vault that this connection works on")
            client = str(values["client"]) if values["client"] in GUIDES else "other"
            scope = words.scope(form["scope"]) if form.get("scope") else ()

            async def work() -> Connection:
                made = await desk.connections.add(str(values["name"]), vault.id, read_only=bool(values["read_only"]),
                                                  scope=scope)  # fmt: skip
                return await desk.connections.update(made.id, client=client)

            connection = await desk.do(request, "connection.add", work, name=str(values["name"]))
        except ConnectorError as error:
            return await self._new(request, values, error)
        return await self._with_token(request, connection, await self._mint(request, connection, await self._days()))

    async def show(self, request: Request) -> Response:
        return await self._page(request, await self._desk.connection(request))

    async def _with_token(self, request: Request, connection: Connection, minted: Minted) -> Response:
        return await self._page(request, connection, minted=minted, status=201)

    async def _page(
        self,
        request: Request,
        connection: Connection,
        *,
        minted: Minted | None = None,
        error: ConnectorError | None = None,
        status: int = 200,
    ) -> Response:
        desk, guide = self._desk, guide_for(connection.client)
        vault = await (await desk.vaults()).get(connection.vault)
        now = datetime.now(UTC)
        tokens = [(token, token.live(now)) for token in reversed(await desk.tokens.list(connection.id))]
        ended = [pair for pair in tokens if not pair[1]]
        return desk.page(
            request,
            "connection.html",
            status if error is None else error.status,
            connection=connection,
            guide=guide,
            guides=GUIDES,
            pastes=pastes_of(desk, connection, minted.text if minted else ""),
            minted=minted,
            vault=vault,
            tokens=[pair for pair in tokens if pair[1]] + ended[:ENDED_SHOWN],
            ended_more=max(0, len(ended) - ENDED_SHOWN),
            breaker=await views.breaker(desk, connection, await views.seen_of(desk, connection)),
            token_days=await self._days(),
            groups=GROUPS,
            policies=connection.policies,
            types=words.RESOURCE_TYPES,
            error=error,
        )

    async def checks(self, request: Request) -> Response:
        """The client's first calls, ticked off as they arrive."""
        connection = await self._desk.connection(request)
        _, seen, rows = await first_calls(self._desk, connection)
        return self._desk.page(request, "_checks.html", rows=rows, seen=seen, connection=connection)

    async def choices(self, request: Request) -> Response:
        """Templates and folders of the vault, for the fields that name one; typed where the vault does not answer."""
        found = await choices_of(self._desk, await self._desk.connection(request))
        return self._desk.page(request, "_choices.html", **found)

    async def edit(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        form = await form_of(request)
        try:
            changes = changed(connection, form)
            if changes:
                names = tuple(sorted(changes))
                await desk.do(request, "connection.edit", lambda: desk.connections.update(connection.id, **changes),
                              name=connection.name, object_id=connection.id, connection=connection.id,
                              changed=names)  # fmt: skip
        except ConnectorError as error:
            return await self._page(request, connection, error=error)
        return RedirectResponse(f"/console/connections/{connection.id}?done=changed#settings", 303)

    async def add_token(self, request: Request) -> Response:
        connection = await self._desk.connection(request)
        form = await form_of(request)
        days = field(form, "days")
        try:
            number = (int(days) if days.isascii() and days.isdigit() else 0) if days else await self._days()
            minted = await self._mint(request, connection, number, force="force" in form)
        except ConnectorError as error:
            return await self._page(request, connection, error=error)
        return await self._with_token(request, connection, minted)

    async def _days(self) -> int:
        """How long a new token lives, unless somebody says otherwise."""
        days: int = (await self._desk.connector.switches.read()).token_days
        return days

    async def _mint(self, request: Request, connection: Connection, days: int, *, force: bool = False) -> Minted:
        desk = self._desk
        pepper = (await desk.keys()).pepper
        return await desk.do(
            request,
            "token.add",
            lambda: add_token(desk.tokens, connection, pepper, days=days, force=force),
            name=connection.name,
            connection=connection.id,
        )

    async def revoke(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        key = request.path_params["key"]
        token = await desk.tokens.get(key)
        if token is None or token.connection != connection.id:
            raise NotFound("This connection has no such token")
        await desk.do(request, "token.revoke", lambda: desk.tokens.revoke(key), name=key, connection=connection.id)
        desk.connector.access.known.forget(key)
        return RedirectResponse(f"/console/connections/{connection.id}?done=revoked#tokens", 303)

    async def switch(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        on = bool(field(await form_of(request), "enabled"))
        action = "connection.enable" if on else "connection.disable"
        await desk.do(request, action, lambda: desk.connections.update(connection.id, enabled=on),
                      name=connection.name, object_id=connection.id, connection=connection.id)  # fmt: skip
        return RedirectResponse(f"/console/connections/{connection.id}?done={'enabled' if on else 'disabled'}", 303)

    async def remove(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        if field(await form_of(request), "sure") != connection.name:
            error = InvalidValue("Type the connection's name to delete it")
            return await self._page(request, connection, error=error)
        connections, tokens = desk.connections, desk.tokens
        await desk.do(request, "connection.remove", lambda: remove_connection(connections, tokens, connection),
                      name=connection.name, object_id=connection.id, connection=connection.id)  # fmt: skip
        return RedirectResponse("/console/connections?done=removed", 303)


def pastes_of(desk: Desk, connection: Connection, token: str = "") -> list[tuple[Paste, str]]:
    """The fields of the client's own form, each with its value; without `token` those for it stay empty of one."""
    base = str(desk.connector.base_url)
    given = {"scim": base, "scim11": base.removesuffix("/v2") + "/v1", "name": connection.name, "token": token}
    return [(paste, paste.value.format(**given)) for paste in guide_for(connection.client).pastes]


async def first_calls(desk: Desk, connection: Connection) -> tuple[Guide, Seen, list[tuple[Check, str]]]:
    """What the client is expected to do first, each with when it first succeeded; "" until it has."""
    guide = guide_for(connection.client)
    seen = await views.seen_of(desk, connection) or Seen()
    rows = [(c, min((seen.firsts[call] for call in c.calls if call in seen.firsts), default="")) for c in guide.checks]
    return guide, seen, rows


async def choices_of(desk: Desk, connection: Connection) -> dict[str, Any]:
    """`templates` and `folders` by name and path, and the `problem` when the vault does not tell them."""
    templates: list[str] = []
    folders: list[str] = []
    problem = ""
    try:
        async with asyncio.timeout(CHOICE_SECONDS):
            session = await desk.connector.session(connection.vault)
            templates = [template.name for template in await session.directory.templates()]
            found = await session.directory.find_folders(FolderQuery(window=Window(0, MOST_FOLDERS)))
            folders = [folder.path for folder in found.items]
    except ConnectorError as error:
        problem = error.detail
    except TimeoutError:
        problem = "Secret Server did not answer in time."
    return {"templates": templates, "folders": folders, "problem": problem}


def changed(connection: Connection, form: Mapping[str, list[str]]) -> dict[str, Any]:
    """What a form changes about a connection; a form that leaves a part out leaves it alone. :raises InvalidValue:"""
    values: dict[str, Any] = {}
    if "name" in form:
        values["name"] = field(form, "name")
    if "client" in form:
        values["client"] = field(form, "client") if field(form, "client") in GUIDES else "other"
    if "with_rights" in form:
        scope = tuple(form.get("scope", ()))
        values["scope"] = () if len(scope) in (0, len(words.RESOURCE_TYPES)) else words.scope(scope)
        values["sources"] = words.sources(field(form, "sources").splitlines())
        values["read_only"] = "read_only" in form
    if "with_sign_in" in form:
        values["basic"] = "basic" in form
        values |= {name: field(form, name) for name in ("entra_tenant", "entra_audience", "me_claim")}
        values["entra_subjects"] = tuple(field(form, "entra_subjects").replace(",", " ").split())
    if "with_policies" in form:
        values["policies"] = read_policies(connection.policies, form)
    same = connection.model_dump()
    return {name: value for name, value in values.items() if _plain(same.get(name)) != _plain(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return Policies.model_validate(value).model_dump(mode="json")
    return list(value) if isinstance(value, (tuple, list)) else value
