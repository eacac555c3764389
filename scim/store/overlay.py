"""A store that reads the real tables and writes to memory: for rehearsing a request without leaving a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from scim.store.memory import MemoryStore, MemoryTable
from scim.store.table import Operation, Row, Store, Table


class OverlayTable:
    """Rows are copied into memory when they are first looked at; from then on only the copy counts."""

    def __init__(self, inner: Table, copy: MemoryTable) -> None:
        self._inner, self._copy = inner, copy
        self._known: set[tuple[str, str]] = set()

    async def get(self, partition: str, key: str) -> Row | None:
        await self._pull(partition, key)
        return await self._copy.get(partition, key)

    async def insert(self, row: Row) -> str:
        await self._pull(row.partition, row.key)
        return await self._copy.insert(row)

    async def put(self, row: Row, *, etag: str | None = None) -> str:
        await self._pull(row.partition, row.key)
        return await self._copy.put(row, etag=etag)

    async def merge(self, row: Row, *, etag: str | None = None) -> str:
        await self._pull(row.partition, row.key)
        return await self._copy.merge(row, etag=etag)

    async def delete(self, partition: str, key: str, *, etag: str | None = None) -> None:
        await self._pull(partition, key)
        await self._copy.delete(partition, key, etag=etag)

    async def query(
        self,
        partition: str | None,
        *,
        first: str | None = None,
        last: str | None = None,
        where: Mapping[str, Any] | None = None,
        select: Sequence[str] | None = None,
        limit: int | None = None,
        partitions: tuple[str, str] | None = None,
    ) -> AsyncIterator[Row]:
        asked: dict[str, Any] = {"first": first, "last": last, "where": where, "limit": limit}
        asked["partitions"] = partitions
        # whole rows, because a part of one must not stand for it later
        async for row in self._inner.query(partition, **asked):
            self._adopt(row)
        rows = self._copy.query(partition, select=select, **asked)
        async for row in rows:
            yield row

    async def batch(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            await self._pull(operation.row.partition, operation.row.key)
        await self._copy.batch(operations)

    async def _pull(self, partition: str, key: str) -> None:
        if (partition, key) in self._known:
            return
        row = await self._inner.get(partition, key)
        if row is None:
            self._known.add((partition, key))
        else:
            self._adopt(row)

    def _adopt(self, row: Row) -> None:
        place = (row.partition, row.key)
        if place not in self._known:
            self._known.add(place)
            self._copy.rows[place] = row


class OverlayStore:
    """The tables of another store, never written."""

    def __init__(self, inner: Store) -> None:
        self._inner, self._memory = inner, MemoryStore()
        self._tables: dict[str, OverlayTable] = {}

    def table(self, name: str) -> OverlayTable:
        if name not in self._tables:
            self._tables[name] = OverlayTable(self._inner.table(name), self._memory.table(name))
        return self._tables[name]

    async def ensure_tables(self) -> None:
        """They are the other store's affair."""

    async def close(self) -> None:
        """The other store stays open."""
