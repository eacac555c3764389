"""The composition root: journal(guard(attributes(secretserver))) → resources → triggers. Adapters are named only here.

One Connector per process. What holds connections to the outside is made on first use, in the loop that uses it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from pydantic import SecretStr, ValidationError

from scim.access.access import Access
from scim.access.grants import Granted, Grants
from scim.access.keys import KeyRing
from scim.access.managed_identity import ManagedIdentity
from scim.access.scope import permit
from scim.audit.events import AuditEvent
from scim.audit.trail import AuditTrail
from scim.audit.watch import look
from scim.context import tell
from scim.directory.attributes import WithAttributes
from scim.directory.breaker import Breaker
from scim.directory.guard import Guard
from scim.directory.journal import Journal
from scim.directory.port import Directory
from scim.directory.principals import ProtectedPrincipals
from scim.directory.resume import resume
from scim.directory.sweep import sweep
from scim.directory.visible import HiddenIds
from scim.errors import ConnectorError, Unavailable
from scim.gauges import gauges
from scim.health import vault_report
from scim.metrics import Metrics
from scim.model import Caller, Connection, ConnectionId, UserQuery, Vault, VaultId, Window
from scim.protocol.service import Dialect, Service
from scim.resources.snapshots import Snapshots
from scim.resources.store import DirectoryResources
from scim.secretserver.directory import SecretServerDirectory
from scim.settings import Settings
from scim.store.assertions import Assertions
from scim.store.attributes import AttributeStore
from scim.store.azure_tables import AzureStore
from scim.store.connections import Connections
from scim.store.external_ids import ExternalIds
from scim.store.journal import Intent, JournalStore
from scim.store.messages import Messages
from scim.store.recorder import Recorder
from scim.store.schema import prepare
from scim.store.seal import Seal
from scim.store.settings_table import SettingsTable
from scim.store.switches import Switches
from scim.store.table import Store
from scim.store.tokens import Tokens
from scim.store.vaults import Vaults

log = logging.getLogger("scim.app")

VAULT_SECONDS = 60.0  # after this a vault's row is read again: a new credential or URL takes effect
COUNT_SECONDS = 900.0
PURGE_SECONDS = 6 * 3600.0


@dataclass(slots=True)
class VaultSession:
    """What a process keeps for one vault: its client with the token, and the lists that live for minutes."""

    vault: Vault
    directory: SecretServerDirectory
    protected: ProtectedPrincipals
    hidden: HiddenIds
    credential_mark: object
    checked_at: float = field(default_factory=time.monotonic)
    _users: int = 0
    _counted_at: float = -COUNT_SECONDS

    async def count_users(self) -> int:
        """How many users clients see, at most a quarter of an hour old: the base of the mass-change breaker."""
        if time.monotonic() - self._counted_at > COUNT_SECONDS:
            found = await self.directory.find_users(UserQuery(window=Window(0, 1)))
            self._users = max(0, found.total - len(await self.hidden.ids()))
            self._counted_at = time.monotonic()
        return self._users

    async def warm(self) -> None:
        """Everything a first write would have to wait for."""
        await self.directory.warm()
        await asyncio.gather(self.protected.get(), self.count_users())


class Connector:
    """The whole connector in one process. Triggers are given this object and nothing below it."""

    def __init__(self, settings: Settings, store: Store, keys: KeyRing) -> None:
        self.settings, self.store, self.keys = settings, store, keys
        self.base_url = f"{settings.public_url.rstrip('/')}/scim/v2"
        self.tokens = Tokens(store.table("tokens"))
        self.connections = Connections(store.table("connections"))
        self.access = Access(self.tokens, self.connections, self._pepper, settings, older_peppers=self._older_peppers)
        self.grants = Grants(self.access, Assertions(store.table("tokens")))
        self.trail = AuditTrail(store.table("audit"), os.environ.get("WEBSITE_INSTANCE_ID") or socket.gethostname())
        self.journal = JournalStore(store.table("journal"))
        self.attributes = AttributeStore(store.table("attributes"))
        self.external_ids = ExternalIds(store.table("externalids"))
        self.messages = Messages(store.table("messages"))
        self.recorder = Recorder(self.messages)
        self.switches = Switches(SettingsTable(store.table("settings")))
        self._sessions: dict[VaultId, VaultSession] = {}
        self._opening: dict[VaultId, asyncio.Lock] = {}
        self._services: dict[Dialect, Service] = {}
        self._snapshots: dict[ConnectionId, Snapshots] = {}
        self._purged_at = -PURGE_SECONDS
        self.metrics = Metrics()
        self.open_directory = partial(open_directory, settings=settings)

    # -- one request -------------------------------------------------------------------------------------------------

    async def service(self, connection: Connection) -> Service:
        """The protocol in this connection's dialect."""
        policies = connection.policies
        dialect = Dialect(policies.strict, policies.patch_answer == "resource", policies.rename == "refuse")
        if dialect not in self._services:
            keys = await self.keys.keys()
            self._services[dialect] = Service(dialect, secret=keys.cursor_secret.hex())
        return self._services[dialect]

    async def directory(self, caller: Caller) -> Directory:
        """The directory as this caller may use it: announced, judged, made whole."""
        session = await self.session(caller.connection.vault)
        whole = WithAttributes(session.directory, caller, self.attributes, self.external_ids, session.hidden)
        breaker = self.breaker(caller.connection, session)
        return Journal(Guard(whole, caller, session.protected, breaker), caller, self.journal, self.trail)

    async def resources(self, caller: Caller, service: Service) -> DirectoryResources:
        walks = self._snapshots.setdefault(caller.connection.id, Snapshots())
        return DirectoryResources(await self.directory(caller), caller, service, self.base_url, walks)

    def breaker(self, connection: Connection, session: VaultSession) -> Breaker:
        return Breaker(self.store.table("settings"), connection, session.count_users)

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
        session = self._sessions.get(vault_id)
        if session is not None and time.monotonic() - session.checked_at < VAULT_SECONDS:
            return session
        async with self._opening.setdefault(vault_id, asyncio.Lock()):
            session = self._sessions.get(vault_id)
            if session is not None and time.monotonic() - session.checked_at < VAULT_SECONDS:
                return session
            return await self._open(vault_id, session)

    async def _open(self, vault_id: VaultId, old: VaultSession | None) -> VaultSession:
        vaults = await self.vaults()
        vault = await vaults.get(vault_id)
        if vault is None:
            raise Unavailable("The vault of this connection is not configured any more; an administrator has to look")
        mark = await vaults.credential_set_at(vault_id)
        if old is not None and old.vault == vault and old.credential_mark == mark:
            old.checked_at = time.monotonic()
            return old
        directory = self.open_directory(vault, await vaults.credential(vault_id))
        protected = ProtectedPrincipals(vault, directory.powerful, seconds=self.settings.protected_seconds)
        session = VaultSession(vault, directory, protected, HiddenIds(self.attributes, vault_id), mark)
        self._sessions[vault_id] = session
        if old is not None:
            await old.directory.aclose()
        return session

    @property
    def open_sessions(self) -> tuple[VaultSession, ...]:
        return tuple(self._sessions.values())

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

    async def upkeep(self) -> dict[str, int]:
        """Finish or close what crashes left open, renew the guard's lists, anchor the audit trail."""
        done: dict[str, int] = {}
        connections = {c.id: c for c in await self.connections.list()}
        await prepare(self.store)
        for vault in await (await self.vaults()).list():
            try:
                session = await self.session(vault.id)
                found = await session.directory.health()
                if found.problem is not None:
                    tell(log, "vault.unreachable", vault=vault.name, detail=found.problem)
                await session.protected.get()
                done[vault.name] = await resume(self.journal, self.trail, vault.id, self._as(connections))
                await self._sweep(session)
            except ConnectorError as error:
                tell(log, "upkeep.failed", vault=vault.name, detail=error.detail)
        await self.trail.anchor()
        await look(self.store.table("audit"), SettingsTable(self.store.table("settings")))
        await self._forget_old_messages()
        return done

    async def _sweep(self, session: VaultSession) -> None:
        """Notice what was changed in the vault itself, for delta queries; cheap while nothing is due."""
        if self.settings.sweep_seconds > 0:
            every = timedelta(seconds=self.settings.sweep_seconds)
            found = await sweep(session.directory, self.attributes, session.vault.id, every=every)
            if found:
                tell(log, "vault.swept", vault=session.vault.name, **found)

    async def _forget_old_messages(self) -> None:
        if time.monotonic() - self._purged_at < PURGE_SECONDS:
            return
        self._purged_at = time.monotonic()
        switches = await self.switches.read()
        await self.messages.purge(datetime.now(UTC) - timedelta(days=switches.message_days))

    def _as(self, connections: Mapping[ConnectionId, Connection]) -> Callable[[Intent], Awaitable[Directory | None]]:
        """The directory as the connection of an unfinished intent had it; None when that connection is gone."""

        async def directory(intent: Intent) -> Directory | None:
            connection = connections.get(intent.connection)
            if connection is None:
                return None
            return await self.directory(Caller(connection, intent.request_id, route="timer", method="RESUME"))

        return directory

    async def check_open(self) -> None:
        """:raises Unavailable: while an administrator has put the connector into maintenance."""
        switches = await self.switches.read()
        self.recorder.detail = switches.messages
        if switches.maintenance:
            raise Unavailable(f"The connector is in maintenance: {switches.note or 'please try again later'}")

    async def probe(self, vault: Vault, credential: SecretStr) -> Mapping[str, Any]:
        """Log in to a vault with these credentials and tell who one is there."""
        return await _probe(vault, self.open_directory(vault, credential))

    def rehearsal(self) -> Any:
        """A connector that reads everything and changes nothing, with the plan of what it would have done."""
        from scim.rehearsal import Rehearsal  # it is made of this module

        return Rehearsal(self)

    async def _pepper(self) -> bytes:
        return (await self.keys.keys()).pepper

    async def _older_peppers(self) -> tuple[bytes, ...]:
        return (await self.keys.keys()).older_peppers

    async def close(self) -> None:
        """Let go of everything; audit first."""
        await self.trail.close()
        await self.recorder.close()
        for session in self._sessions.values():
            await session.directory.aclose()
        self._sessions.clear()
        await self.store.close()


def open_directory(vault: Vault, credential: SecretStr, settings: Settings) -> SecretServerDirectory:
    """A vault's adapter. Opens nothing yet."""
    return SecretServerDirectory.connect(
        vault,
        credential,
        insecure=settings.insecure_vault_urls,
        concurrency=settings.vault_concurrency,
        connect_seconds=settings.connect_seconds,
        read_seconds=settings.read_seconds,
        scan_rows=settings.scan_rows,
        memberships_seconds=settings.memberships_seconds,
    )


async def probe_vault(vault: Vault, credential: SecretStr) -> Mapping[str, Any]:
    """Log in to a vault and tell who the connector is there; for `vault test`."""
    return await _probe(vault, open_directory(vault, credential, Settings()))


async def _probe(vault: Vault, directory: SecretServerDirectory) -> Mapping[str, Any]:
    try:
        return vault_report(vault, await directory.health())
    finally:
        await directory.aclose()


def open_store(settings: Settings) -> tuple[Store, ManagedIdentity | None]:
    """The tables that the settings name. :raises Unavailable: they name none."""
    if settings.tables_connection_string is not None:
        return AzureStore(connection_string=settings.tables_connection_string.get_secret_value()), None
    if settings.tables_endpoint is None:
        raise Unavailable("SCIM_TABLES_ENDPOINT is missing: the connector does not know where its tables are")
    identity = ManagedIdentity(settings.identity_client_id)
    return AzureStore(endpoint=settings.tables_endpoint, credential=identity), identity


@cache
def connector() -> Connector:
    """The connector of this process, from the environment.

    :raises Unavailable: A setting is missing or wrong; the detail names it. Asked again at the next request.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"SCIM_{str(e['loc'][0]).upper()} {e['msg']}" for e in error.errors(include_input=False))
        raise Unavailable(f"The connector is not configured: {wrong}") from None
    if not settings.public_url:
        host = os.environ.get("WEBSITE_HOSTNAME")
        if not host:
            raise Unavailable("SCIM_PUBLIC_URL is missing: the connector does not know its own address")
        settings = settings.model_copy(update={"public_url": f"https://{host}"})
    logging.getLogger("scim").setLevel(settings.log_level)
    store, identity = open_store(settings)
    return Connector(settings, store, KeyRing(settings, identity or ManagedIdentity(settings.identity_client_id)))
