"""A store in memory that behaves like the service: etags, key order, atomic batches, the same refusals.

For tests of whatever is written against the port. `fail_next` makes it fail like the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from scim.errors import StoreUnavailable
from scim.store.limits import check_batch, check_key, check_name, check_row, present
from scim.store.table import Operation, Row, RowChanged, RowExists

Failure = Literal["unavailable", "lost", "slow"]


@dataclass(slots=True)
class _Faults:
    """The next `left` calls fail. "lost": the work is done, the answer is not heard. "slow": 50 ms late, but fine."""

    left: int = 0
    kind: Failure = "unavailable"
    after: int = 0

    async def before(self) -> bool:
        """True when the call must fail after its work. :raises StoreUnavailable: when it must fail at once."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.left <= 0:
            return False
        self.left -= 1
        if self.kind == "slow":
            await asyncio.sleep(0.05)
            return False
        if self.kind == "unavailable":
            raise StoreUnavailable("Table Storage does not answer (a fault asked for by a test)")
        return True


@dataclass(slots=True)
class MemoryTable:
    """One table. Rows are kept by (partition, key)."""

    name: str
    faults: _Faults
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    calls: int = 0
    _version: int = 0

    async def get(self, partition: str, key: str) -> Row | None:
        await self._begin()
        return self.rows.get((check_key(partition), check_key(key)))

    async def insert(self, row: Row) -> str:
        return await self._one(Operation("insert", row))

    async def put(self, row: Row, *, etag: str | None = None) -> str:
        return await self._one(Operation("put", row, etag))

    async def merge(self, row: Row, *, etag: str | None = None) -> str:
        return await self._one(Operation("merge", row, etag))

    async def delete(self, partition: str, key: str, *, etag: str | None = None) -> None:
        if etag is None and (partition, key) not in self.rows:
            check_key(partition), check_key(key)
            await self._begin()
            return
        await self._one(Operation("delete", Row(partition, key, {}), etag))

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
        await self._begin()
        conditions = {check_name(name): value for name, value in (where or {}).items()}
        # a copy, as a real page is: rows written while somebody reads do not disturb the reader
        ordered = [self.rows[keys] for keys in sorted(self.rows)]
        found = 0
        for row in ordered:
            if limit is not None and found >= limit:
                return
            if partition is not None and row.partition != partition:
                continue
            if partitions is not None and not partitions[0] <= row.partition <= partitions[1]:
                continue
            if (first is not None and row.key < first) or (last is not None and row.key > last):
                continue
            if any(not _same(row.values.get(name), value) for name, value in conditions.items()):
                continue
            found += 1
            yield row if select is None else Row(row.partition, row.key, _only(row.values, select), row.etag)

    async def batch(self, operations: Sequence[Operation]) -> None:
        check_batch(operations)
        if not operations:
            return
        lost = await self._begin()
        before = dict(self.rows)
        try:
            for operation in operations:
                self._apply(operation)
        except (RowExists, RowChanged):
            self.rows.clear()
            self.rows.update(before)
            raise
        self._end(lost=lost)

    async def _one(self, operation: Operation) -> str:
        check_row(operation.row)
        lost = await self._begin()
        etag = self._apply(operation)
        self._end(lost=lost)
        return etag

    async def _begin(self) -> bool:
        self.calls += 1
        await asyncio.sleep(0)  # a real call gives others a turn; races show only if this one does too
        return await self.faults.before()

    @staticmethod
    def _end(*, lost: bool) -> None:
        if lost:
            raise StoreUnavailable("Table Storage's answer was lost (a fault asked for by a test)")

    def _apply(self, operation: Operation) -> str:
        row = operation.row
        keys = (row.partition, row.key)
        there = self.rows.get(keys)
        if operation.verb == "insert" and there is not None:
            raise RowExists
        if operation.etag is not None and (there is None or there.etag != operation.etag):
            raise RowChanged
        if operation.verb == "delete":
            if there is None:
                raise RowChanged
            del self.rows[keys]
            return ""
        values = present(row.values)
        if operation.verb == "merge" and there is not None:
            values = {**there.values, **values}
        self._version += 1
        etag = f'W/"memory-{self._version}"'
        self.rows[keys] = Row(row.partition, row.key, values, etag)
        return etag


class MemoryStore:
    """The connector's tables in one process. Tables come into being when they are first named."""

    def __init__(self) -> None:
        self.tables: dict[str, MemoryTable] = {}
        self.faults = _Faults()

    def table(self, name: str) -> MemoryTable:
        if name not in self.tables:
            self.tables[name] = MemoryTable(name, self.faults)
        return self.tables[name]

    def fail_next(self, times: int, kind: str = "unavailable", *, after: int = 0) -> None:
        """The next `times` calls to any table fail, once `after` more have gone well. `times` 0 ends it.

        Kinds: "unavailable" (nothing happens), "lost" (a write happens, its answer is lost), "slow" (late, but fine).
        """
        if kind not in {"unavailable", "lost", "slow"}:
            raise ValueError("no such kind of failure")
        self.faults.left, self.faults.kind, self.faults.after = times, cast("Failure", kind), after

    async def ensure_tables(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)


def _only(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _same(stored: object, wanted: object) -> bool:
    """Equal in value and kind: to the service, true is not 1."""
    return type(stored) is type(wanted) and stored == wanted
