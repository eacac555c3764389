"""What administrators switch while the connector runs; read by every instance, at most a quarter of a minute old."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from scim.errors import StoreUnavailable
from scim.store.settings_table import SettingsTable
from scim.store.table import RowChanged
from scim.store.tokens import DEFAULT_DAYS

SECONDS = 15.0
BULK_OPERATIONS = 1_000
BULK_BYTES = 1_048_576
_NAME = "switches"


@dataclass(frozen=True, slots=True)
class Switched:
    """`messages`: what is kept of requests. "full": redacted bodies and queries; "outline": neither; "off": nothing."""

    maintenance: bool = False
    note: str = ""
    messages: Literal["full", "outline", "off"] = "full"
    message_days: int = 3
    bulk_operations: int = BULK_OPERATIONS
    bulk_bytes: int = BULK_BYTES
    vault_failures: int = 10  # unanswered calls in a row, after which a vault is left alone for seconds
    token_days: int = DEFAULT_DAYS  # of new tokens
    sweep_seconds: int | None = None  # None: as the environment says
    sessions_from: int = 0  # epoch seconds: console sessions that began before are over


class Switches:
    """The switches, through a small cache."""

    def __init__(self, rows: SettingsTable) -> None:
        self._rows = rows
        self._known = Switched()
        self._read_at = -3 * SECONDS
        self._reading: asyncio.Task[None] | None = None

    async def read(self, *, fresh: bool = False) -> Switched:
        """What holds now. While the table is away, what held last: an outage must not close the door by itself."""
        if fresh:
            document, _ = await self._rows.get(_NAME)
            self._known = _switched(document)
            return self._known
        age = time.monotonic() - self._read_at
        if age < SECONDS:
            return self._known
        self._read_at = time.monotonic()
        self._reading = asyncio.get_running_loop().create_task(self._read_again())
        if age > 2 * SECONDS:  # a busy instance goes on beside the reading, an idle one must not act on old news
            await asyncio.shield(self._reading)
        return self._known

    async def _read_again(self) -> None:
        with suppress(StoreUnavailable):
            await self.read(fresh=True)

    async def change(self, **changes: Any) -> Switched:
        """:raises StoreUnavailable: somebody else keeps changing them."""
        for _ in range(3):
            document, etag = await self._rows.get(_NAME)
            new = {**asdict(_switched(document)), **changes}
            try:
                await self._rows.put(_NAME, {**document, **new}, etag)
            except RowChanged:
                continue
            self._known, self._read_at = _switched(new), time.monotonic()
            return self._known
        raise StoreUnavailable("Somebody else keeps changing the switches; please try again", retry_after=5)


def _switched(document: dict[str, Any]) -> Switched:
    known = {field.name for field in fields(Switched)}
    return Switched(**{name: value for name, value in document.items() if name in known})
