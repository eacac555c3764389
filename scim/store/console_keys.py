"""Table `settings`, partition `console`: codes that let an administrator in once, and keys that let scripts in.

    partition   key                what
    console     key|{key id}       digest of the key, role, name, expiry, whether it works only once

As with tokens, only a keyed hash is kept; whoever reads the table cannot sign in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scim.errors import NotFound
from scim.store.table import Row, RowChanged, Table

_PARTITION = "console"


@dataclass(frozen=True, slots=True)
class ConsoleKey:
    """`once`: a sign-in code. The digest stays out of repr."""

    key_id: str
    digest: bytes = field(repr=False)
    role: str
    name: str
    expires: datetime
    once: bool
    created: datetime
    etag: str = field(default="", repr=False)


class ConsoleKeys:
    """Codes and keys of the console."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def add(self, key_id: str, digest: bytes, *, role: str, name: str, life: timedelta, once: bool) -> ConsoleKey:
        now = datetime.now(UTC)
        key = ConsoleKey(key_id, digest, role, name, now + life, once, now)
        values = {"digest": digest, "role": role, "name": name, "expires": key.expires, "once": once, "created": now}
        await self._table.insert(Row(_PARTITION, f"key|{key_id}", values))
        return key

    async def get(self, key_id: str) -> ConsoleKey | None:
        """One that has not expired."""
        if not key_id.isalnum() or not key_id.isascii():
            return None
        row = await self._table.get(_PARTITION, f"key|{key_id}")
        key = None if row is None else _read(row)
        return key if key is not None and datetime.now(UTC) < key.expires else None

    async def list(self) -> list[ConsoleKey]:
        rows = self._table.query(_PARTITION, first="key|", last="key|~")
        found = [key async for row in rows if (key := _read(row)) is not None]
        return sorted(found, key=lambda key: key.created)

    async def use_up(self, key: ConsoleKey) -> bool:
        """Take a code away. False: somebody else did, a moment ago."""
        try:
            await self._table.delete(_PARTITION, f"key|{key.key_id}", etag=key.etag)
        except RowChanged:
            return False
        return True

    async def remove(self, key_id: str) -> None:
        """:raises NotFound:"""
        if not key_id.isalnum() or await self._table.get(_PARTITION, f"key|{key_id}") is None:
            raise NotFound("There is no console key with this id")
        await self._table.delete(_PARTITION, f"key|{key_id}")


def _read(row: Row) -> ConsoleKey | None:
    v = row.values
    digest, expires, role = v.get("digest"), v.get("expires"), v.get("role")
    if not isinstance(digest, bytes) or not isinstance(expires, datetime) or not isinstance(role, str):
        return None
    key_id, created = row.key.removeprefix("key|"), v.get("created") or expires
    return ConsoleKey(key_id, digest, role, str(v.get("name", "")), expires, bool(v.get("once")), created, row.etag)
