"""Table `externalids`: from a client's externalId to an object's id.

An externalId belongs to the connection that set it (RFC 7643 §3.1): the partition is the connection, so no other can
find it. It is compared exactly (caseExact), hashed, and never used as an id.
"""

from __future__ import annotations

import hashlib

from scim.model import ConnectionId, ExternalId, Kind
from scim.store.table import Row, Table


def _key(external_id: ExternalId) -> str:
    return hashlib.sha256(external_id.encode("utf-8", "surrogatepass")).hexdigest()


class ExternalIds:
    """The index of external ids of every connection."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, connection: ConnectionId, kind: Kind, external_id: ExternalId) -> int | None:
        row = await self._table.get(f"{connection}|{kind}", _key(external_id))
        return int(row.values["id"]) if row else None

    async def put(self, connection: ConnectionId, kind: Kind, external_id: ExternalId, object_id: int) -> None:
        await self._table.put(Row(f"{connection}|{kind}", _key(external_id), {"id": object_id}))

    async def drop(self, connection: ConnectionId, kind: Kind, external_id: ExternalId) -> None:
        await self._table.delete(f"{connection}|{kind}", _key(external_id))
