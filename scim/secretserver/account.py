"""The account that the connector uses, and what the vault tells it about itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scim.errors import VaultRefusedUs
from scim.model import UserId
from scim.secretserver import operations, wire
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import Flight

KEPT_SECONDS = 900.0

READS_USERS = ("viewusers", "administerusers", "unlimitedadministrator")
READS_GROUPS = ("viewgroups", "administergroups", "unlimitedadministrator")
READS_ROLES = ("viewroles", "administerroleassignment", "administerrolepermissions", "unlimitedadministrator")


@dataclass(frozen=True, slots=True)
class Self:
    """`GET /v1/users/current`."""

    id: UserId
    name: str
    permissions: tuple[str, ...]

    def may(self, *wanted: str) -> bool:
        """Whether one of the permissions is held, spelling aside; yes when the vault does not tell them."""
        held = {"".join(p.split()).lower() for p in self.permissions}
        return not held or bool(held & set(wanted))


class Account:
    """Kept for a quarter of an hour."""

    def __init__(self, client: VaultClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._flight: Flight[Self] = Flight(seconds=20)
        self._self: Self | None = None
        self._read_at = 0.0

    async def read(self) -> Self:
        if self._self is None or self._clock() - self._read_at > KEPT_SECONDS:
            return await self._flight.join(self.read_again)
        return self._self

    async def read_again(self) -> Self:
        found = await self._client.call(operations.CURRENT_USER, wire.CurrentUser)
        names = tuple(p.name for p in found.permissions or () if p.name)
        self._self, self._read_at = Self(UserId(found.id), found.user_name or "", names), self._clock()
        return self._self

    async def trust_nothing_found(self, what: str, wanted: tuple[str, ...]) -> None:
        """Called before an empty search is believed: searches leave out what the account may not see (facts 12.5).

        :raises VaultRefusedUs: When the account lacks every permission that opens such searches.
        """
        if not (await self.read()).may(*wanted):
            raise VaultRefusedUs(f"Our account in Secret Server may not search {what}: an empty answer means nothing")
