"""The directories a vault synchronises with: names for the domain ids that single reads carry."""

from __future__ import annotations

import time
from collections.abc import Callable

from scim.errors import VaultMisbehaved, VaultRefusedUs
from scim.model import Ref
from scim.secretserver import operations, wire
from scim.secretserver.flight import Flight
from scim.secretserver.paging import Listing, Pager

KEPT_SECONDS = 900.0
DOMAINS = Listing(operations.LIST_DOMAINS, wire.Page[wire.Domain], "domainId")


class Domains:
    def __init__(self, pager: Pager, clock: Callable[[], float] = time.monotonic) -> None:
        self._pager = pager
        self._clock = clock
        self._flight: Flight[dict[int, str]] = Flight(seconds=20)
        self._names: dict[int, str] = {}
        self._read_at: float | None = None

    def learn(self, domain: Ref | None) -> None:
        if domain is not None and domain.name:
            self._names[domain.id] = domain.name

    async def ref(self, domain_id: int | None) -> Ref | None:
        """None for a local account. The name is empty where our account may not read the list of domains."""
        if domain_id is None or domain_id in wire.LOCAL_DOMAINS:
            return None
        if domain_id not in self._names and (self._read_at is None or self._clock() - self._read_at > KEPT_SECONDS):
            await self._flight.join(self._read)
        return Ref(domain_id, self._names.get(domain_id, ""))

    async def _read(self) -> dict[int, str]:
        try:
            rows = await self._pager.walk(DOMAINS)
            self._names.update((row.domain_id, row.domain_name or "") for row in rows)
        except (VaultRefusedUs, VaultMisbehaved):
            pass  # only a label is missing
        self._read_at = self._clock()
        return self._names
