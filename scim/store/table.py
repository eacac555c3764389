"""The small port that every table module is written against.

Keys are strings that the table modules build themselves from ids and hashes: user text is never a key, and in a filter
it is never more than one quoted text (range_read.py writes each value by its type). Two stores implement the port and
pass the same contract: `azure_tables.py` (Azure Table Storage, Azurite) and `memory.py` (tests of pure logic).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


class RowExists(Exception):
    """insert: a row with these keys is there."""


class RowChanged(Exception):
    """put, merge or delete with an etag: somebody else was faster, or the row is gone."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entity. Values are str, int (64 bit), float, bool, bytes or an aware datetime; None is left out."""

    partition: str
    key: str
    values: Mapping[str, Any]
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a batch; all steps of a batch share a partition and happen together or not at all."""

    verb: Literal["insert", "put", "merge", "delete"]
    row: Row
    etag: str | None = None


class Table(Protocol):
    """Every method raises StoreUnavailable when the service does not answer properly within its budget."""

    async def get(self, partition: str, key: str) -> Row | None: ...

    async def insert(self, row: Row) -> str:
        """Add a row and return its etag. :raises RowExists:"""
        ...

    async def put(self, row: Row, *, etag: str | None = None) -> str:
        """Write the whole row; with an etag only if it is unchanged. :raises RowChanged:"""
        ...

    async def merge(self, row: Row, *, etag: str | None = None) -> str:
        """Write the given values and leave the row's others. Without etag the row is made when missing."""
        ...

    async def delete(self, partition: str, key: str, *, etag: str | None = None) -> None:
        """Remove a row; a missing one is a success without etag. :raises RowChanged:"""
        ...

    def query(
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
        """Rows of one partition in key order, keys within [first, last], whose values equal `where`.

        `partition` None with `partitions` reads those from the first to the last, in their order: small ones that are
        neighbours by design. None without walks the whole table: for administration and sweeps. Neither is for the
        path of a SCIM request.
        """
        ...

    async def batch(self, operations: Sequence[Operation]) -> None:
        """At most 100 operations in one partition, atomically. :raises RowExists, RowChanged:"""
        ...


class Store(Protocol):
    """The connector's tables by name.

    connections, tokens, vaults, attributes, externalids, journal, audit, settings, messages.
    """

    def table(self, name: str) -> Table: ...

    async def ensure_tables(self) -> None:
        """Create the tables that are missing (on the emulator and at first start)."""
        ...

    async def close(self) -> None: ...
