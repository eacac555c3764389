"""What runs by the clock, in whichever instance the timer wakes: finish, notice, renew, anchor, forget."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from scim.audit.watch import look
from scim.connector import Connector
from scim.context import tell
from scim.directory.port import Directory
from scim.directory.resume import resume, resume_detaching
from scim.directory.sweep import sweep, trim
from scim.errors import ConnectorError
from scim.model import Caller, Connection, ConnectionId
from scim.sessions import VaultSession
from scim.store.journal import Intent
from scim.store.schema import prepare
from scim.store.settings_table import SettingsTable

PURGE_EVERY = timedelta(hours=6)
TRIM_EVERY = timedelta(days=1)

log = logging.getLogger("scim.upkeep")


async def upkeep(connector: Connector) -> dict[str, int]:
    """Finish or close what crashes left open, renew the guard's lists, sweep, anchor the audit trail, forget messages.

    A vault that is ill does not keep the others from theirs.

    :return: vault name → how many announced writes were finished or closed.
    """
    done: dict[str, int] = {}
    connections = {c.id: c for c in await connector.connections.list()}
    await prepare(connector.store)
    for vault in await (await connector.vaults()).list():
        try:
            session = await connector.session(vault.id)
            found = await session.directory.health()
            if found.problem is not None:
                tell(log, "vault.unreachable", vault=vault.name, detail=found.problem)
            await session.protected.get()
            given_back = await resume_detaching(session.directory, connector.detachments, connector.trail, vault.id)
            closed = await resume(connector.journal, connector.trail, vault.id, _as(connector, connections))
            done[vault.name] = given_back + closed
            await _sweep(connector, session)
        except ConnectorError as error:
            tell(log, "upkeep.failed", vault=vault.name, detail=error.detail)
    await connector.trail.anchor()
    settings = SettingsTable(connector.store.table("settings"))
    await look(connector.store.table("audit"), settings)
    await _forget_old_messages(connector, settings)
    if await settings.due("feeds-trimmed", TRIM_EVERY):
        for vault in await (await connector.vaults()).list():
            await trim(connector.attributes, vault.id)
    return done


def _as(
    connector: Connector, connections: Mapping[ConnectionId, Connection]
) -> Callable[[Intent], Awaitable[Directory | None]]:
    """The directory as the connection of an unfinished intent had it; None when that connection is gone."""

    async def directory(intent: Intent) -> Directory | None:
        connection = connections.get(intent.connection)
        if connection is None:
            return None
        return await connector.directory(Caller(connection, intent.request_id, route="timer", method="RESUME"))

    return directory


async def _sweep(connector: Connector, session: VaultSession) -> None:
    """Notice what was changed in the vault itself, for delta queries; cheap while nothing is due."""
    switched = (await connector.switches.read()).sweep_seconds
    seconds = connector.settings.sweep_seconds if switched is None else switched
    if seconds > 0:
        every = timedelta(seconds=seconds)
        found = await sweep(session.directory, connector.attributes, session.vault.id, every=every)
        if found:
            tell(log, "vault.swept", vault=session.vault.name, **found)


async def _forget_old_messages(connector: Connector, settings: SettingsTable) -> None:
    """Messages are a view of a few days; one instance clears up, a few times a day."""
    if await settings.due("messages-purged", PURGE_EVERY):
        switches = await connector.switches.read()
        await connector.messages.purge(datetime.now(UTC) - timedelta(days=switches.message_days))
