"""Table `externalids`: from a client's externalId to an object's id.

An externalId belongs to the connection that set it (RFC 7643 §3.1): the partition is the connection, so no other can
find it. It is compared exactly (caseExact), hashed, and never used as an id.

Who shall have one takes it first: of parallel requests that give one externalId to several objects, one acts. A row
that is taken names no object until the object's own row is saved.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scim.model import ConnectionId, ExternalId, Kind
from scim.store.table import Row, RowChanged, RowExists, Table

TAKING = timedelta(minutes=2)  # a row taken longer ago than this belongs to a request that died


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has an external id: the object `object_id`; or, where that is 0, the request that `by` tells, since `at`."""

    partition: str
    key: str
    etag: str
    object_id: int
    by: str = ""
    at: datetime | None = None

    def under_way(self, by: str) -> bool:
        """Whether another request than `by` is about to have it."""
        lately = self.at is not None and datetime.now(UTC) - self.at < TAKING
        return not self.object_id and lately and self.by != _key(by)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ExternalIds:
    """The index of external ids of every connection."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, connection: ConnectionId, kind: Kind, external_id: ExternalId) -> int | None:
        row = await self._table.get(f"{connection}|{kind}", _key(external_id))
        return (int(row.values["id"]) or None) if row else None

    async def take(self, connection: ConnectionId, kind: Kind, external_id: ExternalId, by: str) -> Holder | None:
        """Take it for what the request `by` makes or changes. None: done; else who has it, or had it once."""
        partition, key = f"{connection}|{kind}", _key(external_id)
        while True:
            try:
                await self._table.insert(Row(partition, key, _taken(by)))
            except RowExists:
                row = await self._table.get(partition, key)
                if row is not None:
                    values = row.values
                    return Holder(partition, key, row.etag, int(values["id"]), values.get("by", ""), values.get("at"))
            else:
                return None

    async def take_over(self, holder: Holder, by: str) -> None:
        """Take what nobody living has any more. :raises RowChanged: somebody else was faster."""
        await self._table.put(Row(holder.partition, holder.key, _taken(by)), etag=holder.etag)

    async def give_back(self, connection: ConnectionId, kind: Kind, external_id: ExternalId, by: str) -> None:
        """The request `by` came to nothing. What somebody else has by now stays theirs."""
        row = await self._table.get(f"{connection}|{kind}", _key(external_id))
        if row is None or int(row.values["id"]) or row.values.get("by") != _key(by):
            return
        try:
            await self._table.delete(row.partition, row.key, etag=row.etag)
        except RowChanged:
            return

    async def put(self, connection: ConnectionId, kind: Kind, external_id: ExternalId, object_id: int) -> None:
        """The object has it from now on."""
        await self._table.put(Row(f"{connection}|{kind}", _key(external_id), {"id": object_id}))


def _taken(by: str) -> dict[str, object]:
    return {"id": 0, "by": _key(by), "at": datetime.now(UTC)}
