"""Is it well, since when, and what waits for a human."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.console import views
from scim.console.desk import Desk
from scim.console.drawing import percentile, slots
from scim.errors import ConnectorError
from scim.model import Connection, Vault
from scim.store.messages import Seen

MOST_LISTED = 50  # of each kind; a page of hundreds is read by nobody


class Overview:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        return self._desk.page(request, "overview.html", range=_range(request))

    async def live(self, request: Request) -> Response:
        """The part that renews itself."""
        desk, name = self._desk, _range(request)
        numbers, known, connections, switches, tokens = await asyncio.gather(
            views.traffic(desk, name),
            views.seen(desk),
            desk.connections.list(),
            desk.connector.switches.read(),
            desk.tokens_lately.get(),
        )
        states = await views.breakers(desk, connections, known)
        waiting = await views.attention(desk, connections=connections, known=known, states=states, tokens=tokens)
        shown = _first(list(zip(connections, states, strict=True)), known)
        whole = numbers.total
        return desk.page(
            request,
            "_overview.html",
            range=name,
            ranges=views.RANGES,
            numbers=numbers,
            whole=whole,
            p50=percentile(whole.times, 0.5),
            p95=percentile(whole.times, 0.95),
            slots=slots(numbers.minutes, numbers.since, numbers.until, numbers.slots),
            waiting=waiting,
            switches=switches,
            rows=[(c, known.get(c.id), s, numbers.pulse(c.id)) for c, s in shown],
            connections=len(connections),
            strangers=numbers.pulse(""),
            vaults=[] if connections else await (await desk.vaults()).list(),
        )

    async def vaults(self, request: Request) -> Response:
        """Signs in nowhere anew: asks with the sessions that are open."""
        return self._desk.page(request, "_vault_health.html", rows=await vaults_now(self._desk))

    async def attention(self, request: Request) -> Response:
        waiting = await views.attention(self._desk, renamed=True)
        named = {
            "held": "Held changes:",
            "silent": "Connections where nothing succeeds:",
            "expiring": "Tokens that end:",
            "open_rows": "Unfinished work:",
            "renamed": "Accounts:",
        }
        more = [(name, what) for name, what in named.items() if len(getattr(waiting, name)) > MOST_LISTED]
        return self._desk.page(request, "attention.html", waiting=waiting, most=MOST_LISTED, more=more)

    async def release(self, request: Request) -> Response:
        desk = self._desk
        connection = await desk.connection(request)
        await desk.do(request, "breaker.release", lambda: views.release(desk, connection),
                      name=connection.name, object_id=connection.id, connection=connection.id)  # fmt: skip
        return RedirectResponse("/console/attention?done=released", 303)


async def vaults_now(desk: Desk) -> list[tuple[Vault, object]]:
    """Each vault with its Health; with an error; or with None when it did not answer in time."""
    vaults = await (await desk.vaults()).list()
    return list(zip(vaults, await asyncio.gather(*(_report(desk, vault.id) for vault in vaults)), strict=True))


async def _report(desk: Desk, vault_id: str) -> object:
    try:
        async with asyncio.timeout(views.PATIENCE):
            session = await desk.connector.session(vault_id)
            return await session.directory.health()
    except ConnectorError as error:
        return error
    except TimeoutError:
        return None


def _first(
    found: list[tuple[Connection, views.BreakerState]], known: Mapping[str, Seen]
) -> list[tuple[Connection, views.BreakerState]]:
    """A page of them: all when they are few; else what is held, what goes wrong, and the latest seen come first."""
    if len(found) <= MOST_LISTED:
        return found

    def weight(one: tuple[Connection, views.BreakerState]) -> tuple[bool, int, float]:
        seen = known.get(one[0].id, Seen())
        return one[1].held, seen.streak, seen.last_at.timestamp() if seen.last_at else 0.0

    return sorted(found, key=weight, reverse=True)[:MOST_LISTED]


def _range(request: Request) -> str:
    name = request.query_params.get("range", "1h")
    return name if name in views.RANGES else "1h"
