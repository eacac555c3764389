"""The connector in one process: what a request needs, put together for its caller.

Made by `scim/app.py`, which alone names adapters. What holds connections to the outside is made on first use, in the
loop that uses it. What runs by the clock is in `scim/upkeep.py`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import SecretStr

from scim.access.access import Access
from scim.access.grants import Granted, Grants
from scim.access.keys import KeyRing
from scim.access.scope import permit
from scim.audit.events import AuditEvent
from scim.audit.trail import AuditTrail
from scim.context import RequestContext
from scim.directory.attributes import WithAttributes
from scim.directory.breaker import Breaker, all_counted, limit_of
from scim.directory.guard import Guard
from scim.directory.journal import Journal
from scim.directory.port import Directory
from scim.directory.port_vault import OpenVault
from scim.directory.rehearsed import Step
from scim.errors import ConnectorError, Unavailable, Unimplemented
from scim.gauges import gauges
from scim.health import vault_report
from scim.metrics import Metrics
from scim.model import Caller, Connection, ConnectionId, Vault, VaultId
from scim.protocol.bulk import BulkLimits
from scim.protocol.service import Dialect, Service
from scim.resources.snapshots import Snapshots
from scim.resources.store import DirectoryResources
from scim.sessions import Open, VaultSession, VaultSessions
from scim.settings import Settings
from scim.store.assertions import Assertions
from scim.store.attributes import AttributeStore
from scim.store.connections import Connections
from scim.store.detachments import Detachments
from scim.store.external_ids import ExternalIds
from scim.store.journal import JournalStore
from scim.store.messages import Messages
from scim.store.recorder import Recorder
from scim.store.seal import Seal
from scim.store.settings_table import SettingsTable
from scim.store.switches import Switches
from scim.store.table import Store
from scim.store.tokens import Tokens
from scim.store.vaults import Vaults


class RequestTrace(Protocol):
    """The span of one request."""

    def end(self, method: str, route: str, status: int, connection: str, context: RequestContext) -> None: ...


class Tracing(Protocol):
    """Where spans are made (`scim/telemetry.py`)."""

    def begin(self, method: str, context: RequestContext) -> RequestTrace: ...

    def close(self) -> None: ...


class Rehearsing(Protocol):
    """A connector with the plan of what it would have done (`scim/rehearsal.py`)."""

    plan: list[Step]
    recorder: Recorder


Rehearse = Callable[["Connector"], Rehearsing]


class Connector:
    """The whole connector in one process. Triggers are given this object and nothing below it."""

    def __init__(
        self, settings: Settings, store: Store, keys: KeyRing, open_vault: Open, rehearse: Rehearse | None = None
    ) -> None:
        """:param rehearse: Makes a connector that changes nothing out of this one; without it there are no plans."""
        self.settings, self.store, self.keys, self.open_vault = settings, store, keys, open_vault
        self.base_url = f"{settings.public_url.rstrip('/')}/scim/v2"
        self.tokens = Tokens(store.table("tokens"))
        self.connections = Connections(store.table("connections"))
        self.access = Access(self.tokens, self.connections, self._pepper, settings, older_peppers=self._older_peppers)
        self.grants = Grants(self.access, Assertions(store.table("tokens")))
        self.trail = AuditTrail(store.table("audit"), os.environ.get("WEBSITE_INSTANCE_ID") or socket.gethostname())
        self.journal = JournalStore(store.table("journal"))
        self.detachments = Detachments(store.table("journal"))
        self.attributes = AttributeStore(store.table("attributes"))
        self.external_ids = ExternalIds(store.table("externalids"))
        self.messages = Messages(store.table("messages"))
        self.recorder = Recorder(self.messages)
        self.switches = Switches(SettingsTable(store.table("settings")))
        self.sessions = VaultSessions(
            open_vault, self.vaults, self.attributes, protected_seconds=settings.protected_seconds
        )
        self._services: dict[Dialect, Service] = {}
        self._snapshots: dict[ConnectionId, Snapshots] = {}
        self.metrics = Metrics()
        self.tracing: Tracing | None = None  # by switch; set by the composition root
        self._rehearse = rehearse

    # -- one request -------------------------------------------------------------------------------------------------

    async def service(self, connection: Connection) -> Service:
        """The protocol in this connection's dialect."""
        policies = connection.policies
        dialect = Dialect(
            strict=policies.strict,
            patch_answers_resource=policies.patch_answer == "resource",
            rename_refused=policies.rename == "refuse",
            person_attributes=frozenset(name.casefold() for name in policies.person_attributes),
        )
        if dialect not in self._services:
            keys = await self.keys.keys()
            self._services[dialect] = Service(dialect, secret=keys.cursor_secret.hex())
        return self._services[dialect]

    async def directory(self, caller: Caller) -> Directory:
        """The directory as this caller may use it: announced, judged, made whole."""
        session = await self.session(caller.connection.vault)
        kept = self.attributes, self.external_ids, session.hidden, self.detachments
        whole = WithAttributes(session.directory, caller, *kept)
        breaker = self.breaker(caller.connection, session)
        return Journal(Guard(whole, caller, session.protected, breaker), caller, self.journal, self.trail)

    async def resources(self, caller: Caller, service: Service) -> DirectoryResources:
        walks = self._snapshots.setdefault(caller.connection.id, Snapshots())
        return DirectoryResources(await self.directory(caller), caller, service, self.base_url, walks)

    def breaker(self, connection: Connection, session: VaultSession) -> Breaker:
        return Breaker(self.store.table("settings"), connection, session.count_users)

    async def mass_changes(self, only: ConnectionId | None = None) -> dict[str, tuple[int, bool]]:
        """Connection id → changes of the last hour and whether a release is in force; who is not there made none."""
        return await all_counted(self.store.table("settings"), only)

    @staticmethod
    def mass_change_limit(connection: Connection, users: int) -> int:
        return limit_of(connection.policies, users)

    def note_read(self, caller: Caller, operation: str, status: int, upstream: int, normalised: list[str]) -> None:
        """Every call is audited; a read's row is written in batches, after the answer."""
        self.trail.note(
            AuditEvent(
                at=datetime.now(UTC),
                request_id=caller.request_id,
                action=f"read.{operation}",
                outcome="read",
                connection=caller.connection.id,
                connection_name=caller.connection.name,
                token_key=caller.token_key,
                address=caller.address,
                method=caller.method,
                route=caller.route,
                status=status,
                normalised=tuple(normalised),
                upstream=upstream,
            )
        )

    def note_grant(self, granted: Granted, request_id: str) -> None:
        """An access token was issued: who got it, by which secret, from where."""
        self.trail.note(
            AuditEvent(
                at=datetime.now(UTC),
                request_id=request_id,
                action="token.issue",
                outcome="done",
                connection=granted.connection.id,
                connection_name=granted.connection.name,
                token_key=granted.key_id,
                address=granted.address,
                method="POST",
                route="/oauth/token",
                status=200,
            )
        )

    @staticmethod
    def permit(connection: Connection) -> Any:
        """The scope check that the protocol asks for each operation: (method, resource type) or Forbidden."""

        def check(method: str, resource_type: str) -> None:
            permit(connection, method, resource_type)

        return check

    # -- vaults ------------------------------------------------------------------------------------------------------

    async def vaults(self) -> Vaults:
        keys = await self.keys.keys()
        return Vaults(self.store.table("vaults"), Seal(keys.data_keys))

    async def session(self, vault_id: VaultId) -> VaultSession:
        """The open session with a vault. :raises Unavailable: the vault is not configured any more."""
        session = await self.sessions.get(vault_id)
        session.directory.tolerate((await self.switches.read()).vault_failures)
        return session

    # -- health and upkeep -------------------------------------------------------------------------------------------

    async def health(self, connection: Connection) -> dict[str, Any]:
        """What works and what does not, for one connection and its vault. Also warms what a first write needs."""
        session = await self.session(connection.vault)
        report = vault_report(session.vault, await session.directory.health())
        try:
            await session.warm()
        except ConnectorError as error:
            report |= {"status": "unhealthy", "problem": error.detail}
        return {"status": report.pop("status"), "connection": connection.name, "storage": "reachable", "vault": report}

    async def metrics_text(self) -> str:
        """For Prometheus: what this process counted, and what waits for a human."""
        return self.metrics.text(await gauges(self))

    async def check_open(self) -> None:
        """:raises Unavailable: while an administrator has put the connector into maintenance."""
        switches = await self.switches.read()
        self.recorder.detail = switches.messages
        if switches.maintenance:
            raise Unavailable(f"The connector is in maintenance: {switches.note or 'please try again later'}")

    async def bulk_limits(self) -> BulkLimits:
        switched = await self.switches.read()
        return BulkLimits(switched.bulk_operations, switched.bulk_bytes)

    async def probe(self, vault: Vault, credential: SecretStr) -> Mapping[str, Any]:
        """Log in to a vault with these credentials and tell who one is there."""
        return await probe(vault, self.open_vault(vault, credential))

    def rehearsal(self) -> Rehearsing:
        """A connector that reads everything and changes nothing, with the plan of what it would have done."""
        if self._rehearse is None:
            raise Unimplemented("Nothing can be planned here")
        return self._rehearse(self)

    async def _pepper(self) -> bytes:
        return (await self.keys.keys()).pepper

    async def _older_peppers(self) -> tuple[bytes, ...]:
        return (await self.keys.keys()).older_peppers

    async def close(self) -> None:
        """Let go of everything; audit first."""
        await self.trail.close()
        await self.recorder.close()
        await self.sessions.close()
        if self.tracing is not None:
            self.tracing.close()
        await self.store.close()


async def probe(vault: Vault, opened: OpenVault) -> Mapping[str, Any]:
    """How a vault is and who the connector is there, as /health/deep shows it; the vault is closed afterwards."""
    try:
        return vault_report(vault, await opened.health())
    finally:
        await opened.aclose()
