"""What /metrics says of this moment: what waits for a human, and how this process is. Part of the composition root."""

from __future__ import annotations

from typing import Any

from scim.errors import ConnectorError
from scim.metrics import Gauge, Labels

_MOST_COUNTED = 1_000


async def gauges(connector: Any) -> list[Gauge]:
    """What waits for a human, and how this process is. Tables that cannot be read are a number too."""
    trail, sessions = connector.trail, connector.sessions.opened
    circuits: dict[Labels, float] = {(("vault", s.vault.name),): float(s.directory.circuit_open) for s in sessions}
    found = [
        Gauge("scim_audit_backlog", "Audit events that are not written yet.", {(): float(trail.backlog)}),
        Gauge("scim_vault_circuit_open", "1: the vault did not answer ten times in a row.", circuits),
    ]
    reachable = 1.0
    try:
        found += await _waiting(connector)
    except ConnectorError:
        reachable = 0.0
    return [Gauge("scim_storage_reachable", "Whether the tables could be read.", {(): reachable}), *found]


async def _waiting(connector: Any) -> list[Gauge]:
    journal: dict[Labels, float] = {}
    for vault in await (await connector.vaults()).list():
        journal[("vault", vault.name),] = float(await connector.journal.count_open(vault.id, _MOST_COUNTED))
    changes: dict[Labels, float] = {}
    released: dict[Labels, float] = {}
    known = await connector.mass_changes()
    for connection in await connector.connections.list():
        label = (("connection", connection.name),)
        counted, free = known.get(connection.id, (0, False))
        changes[label], released[label] = float(counted), float(free)
    return [
        Gauge("scim_journal_open", "Announced writes without outcome.", journal),
        Gauge("scim_breaker_changes", "Disables, deletes and member removals of the last hour.", changes),
        Gauge("scim_breaker_released", "1: a person lets changes pass.", released),
    ]
