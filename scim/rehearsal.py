"""The connector with nothing at stake: tables that forget, a vault that is only read. Behind the console's dry run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from scim.audit.events import AuditEvent
from scim.audit.trail import AuditTrail
from scim.connector import Connector
from scim.directory.port_vault import OpenVault
from scim.directory.rehearsed import Rehearsed, Step
from scim.directory.visible import HiddenIds
from scim.model import VaultId
from scim.sessions import VaultSession
from scim.store.overlay import OverlayStore


class Rehearsal(Connector):
    """Serves one request as the real connector would, and keeps the plan of what would have reached the vault."""

    def __init__(self, real: Connector) -> None:
        super().__init__(real.settings, OverlayStore(real.store), real.keys, real.open_vault)
        self._real = real
        self.plan: list[Step] = []
        # an anchored head of a trail that is not stored would look like a trail that was cut
        self.trail = cast("AuditTrail", _Silent())

    async def session(self, vault_id: VaultId) -> VaultSession:
        session = await self._real.session(vault_id)
        directory = cast("OpenVault", Rehearsed(session.directory, self.plan))
        return replace(session, directory=directory, hidden=HiddenIds(self.attributes, vault_id))


class _Silent:
    """An audit trail that tells nobody: nothing happened."""

    async def record(self, event: AuditEvent) -> None: ...

    def note(self, event: AuditEvent) -> None: ...

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
