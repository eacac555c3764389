"""What administrators switch while the connector runs; read by every instance, at most a quarter of a minute old."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from scim.errors import StoreUnavailable
from scim.store.settings_table import SettingsTable
from scim.store.table import RowChanged

SECONDS = 15.0
_NAME = "switches"


@dataclass(frozen=True, slots=True)
class Switched:
    """`messages`: what is kept of requests. "full": redacted bodies and queries; "outline": neither; "off": nothing."""

    maintenance: bool = False
    note: str = ""
    messages: Literal["full", "outline", "off"] = "full"
    message_days: int = 3
    sessions_from: int = 0  # epoch seconds: console sessions that began before are over


class Switches:
    """The switches, through a small cache."""

    def __init__(self, rows: SettingsTable) -> None:
        self._rows = rows
        self._known = Switched()
        self._read_at = -SECONDS

    async def read(self, *, fresh: bool = False) -> Switched:
        """What holds now. While the table is away, what held last: an outage must not close the door by itself."""
        if not fresh and time.monotonic() - self._read_at < SECONDS:
            return self._known
        self._read_at = time.monotonic()  # others go on with what is known while this one asks
        try:
            document, _ = await self._rows.get(_NAME)
        except StoreUnavailable:
            if fresh:
                raise
            return self._known
        self._known = _switched(document)
        return self._known

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
