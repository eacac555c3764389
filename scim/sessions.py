"""What one process keeps open to its vaults: a client that is signed in, and the lists that live for minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from scim.directory.port_vault import OpenVault
from scim.directory.principals import ProtectedPrincipals
from scim.directory.visible import HiddenIds
from scim.errors import Unavailable
from scim.model import UserQuery, Vault, VaultId, Window
from scim.store.attributes import AttributeStore
from scim.store.vaults import Vaults

VAULT_SECONDS = 60.0  # after this a vault's row is read again: a new credential or URL takes effect
COUNT_SECONDS = 900.0

Open = Callable[[Vault, SecretStr], OpenVault]
"""Makes a vault's adapter. Sends nothing yet."""


@dataclass(slots=True)
class VaultSession:
    """One vault, open. A rehearsal has sessions of its own that share what was read and nothing else."""

    vault: Vault
    directory: OpenVault
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

    def fresh(self) -> bool:
        return time.monotonic() - self.checked_at < VAULT_SECONDS


class VaultSessions:
    """The open sessions by vault, each opened once however many requests wait for it."""

    def __init__(
        self,
        open_vault: Open,
        vaults: Callable[[], Awaitable[Vaults]],
        attributes: AttributeStore,
        *,
        protected_seconds: float,
    ) -> None:
        self._open_vault, self._vaults = open_vault, vaults
        self._attributes, self._protected_seconds = attributes, protected_seconds
        self._sessions: dict[VaultId, VaultSession] = {}
        self._opening: dict[VaultId, asyncio.Lock] = {}

    async def get(self, vault_id: VaultId) -> VaultSession:
        """:raises Unavailable: the vault is not configured any more."""
        session = self._sessions.get(vault_id)
        if session is not None and session.fresh():
            return session
        async with self._opening.setdefault(vault_id, asyncio.Lock()):
            session = self._sessions.get(vault_id)
            if session is not None and session.fresh():
                return session
            return await self._open(vault_id, session)

    async def _open(self, vault_id: VaultId, old: VaultSession | None) -> VaultSession:
        vaults = await self._vaults()
        vault = await vaults.get(vault_id)
        if vault is None:
            raise Unavailable("The vault of this connection is not configured any more; an administrator has to look")
        mark = await vaults.credential_set_at(vault_id)
        if old is not None and old.vault == vault and old.credential_mark == mark:
            old.checked_at = time.monotonic()
            return old
        directory = self._open_vault(vault, await vaults.credential(vault_id))
        protected = ProtectedPrincipals(vault, directory.powerful, seconds=self._protected_seconds)
        session = VaultSession(vault, directory, protected, HiddenIds(self._attributes, vault_id), mark)
        self._sessions[vault_id] = session
        if old is not None:
            await old.directory.aclose()
        return session

    @property
    def opened(self) -> tuple[VaultSession, ...]:
        return tuple(self._sessions.values())

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.directory.aclose()
        self._sessions.clear()
