"""Table `attributes`, for delta queries: what is known to have changed, and what the last sweep saw.

    partition                      key                what
    {vault}|{kind}|changed         {id:020d}          {"at": when}: one row an object that changed since the first sweep
    {vault}|{kind}|feed            {ms:015d}|{id}     one row a change, in the order of time: what changed since …;
                                                      trimmed daily to the newest row of each object
    {vault}|{kind}|seen            {bucket:020d}      what the last sweep saw of the objects of one bucket, packed

"Changed" is written by our own writes at once, and by the sweep for what somebody changed in the vault itself.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson

from scim.model import Kind, VaultId
from scim.store.table import Operation, Row, RowChanged, Table

CHUNK = 60_000  # bytes; a binary property holds 64 KiB
PER_BUCKET = 512
SETTLED = timedelta(hours=1)


def _key(number: int) -> str:
    return f"{number:020d}"


def _milliseconds(when: datetime) -> str:
    return f"{max(0, int(when.timestamp() * 1000)):015d}"


def bucket_of(kind: Kind, number: int) -> int:
    """Objects that are near each other share a bucket; grants go by their object."""
    if kind in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT):
        return (number >> 32) // 32
    return number // PER_BUCKET


class ChangeStore:
    """Times of change of one kind of object, beside what the attributes rows keep."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def note(self, vault: VaultId, kind: Kind, number: int, at: datetime) -> None:
        feed = Row(f"{vault}|{kind}|feed", f"{_milliseconds(at)}|{number}", {})
        changed = Row(f"{vault}|{kind}|changed", _key(number), {"at": at})
        await asyncio.gather(self._table.put(changed), self._table.put(feed))

    async def forget(self, vault: VaultId, kind: Kind, number: int) -> None:
        await self._table.delete(f"{vault}|{kind}|changed", _key(number))

    async def between(self, vault: VaultId, kind: Kind, first: int, last: int) -> dict[int, datetime]:
        """When the objects with ids in [first, last] changed, as far as that is known: one range read."""
        rows = self._table.query(f"{vault}|{kind}|changed", first=_key(first), last=_key(last))
        return {int(row.key): row.values["at"] async for row in rows}

    async def since(self, vault: VaultId, kind: Kind, when: datetime) -> set[int]:
        """What changed at `when` or later; some of it may be gone since."""
        rows = self._table.query(f"{vault}|{kind}|feed", first=_milliseconds(when), last="~", select=())
        return {int(row.key.partition("|")[2]) async for row in rows}

    async def trim(self, vault: VaultId, kind: Kind) -> int:
        """Take out of the feed what no delta needs: all but the newest row of an object, and objects that are gone.

        A delta since any moment is the same before and after, less what is gone anyway.

        :return: How many rows were taken out.
        """
        partition = f"{vault}|{kind}|feed"
        young = _milliseconds(datetime.now(UTC) - SETTLED)  # a row whose twin in `changed` is being written stays
        there = {int(row.key) async for row in self._table.query(f"{vault}|{kind}|changed", select=())}
        newest: dict[int, str] = {}
        useless: list[str] = []
        async for row in self._table.query(partition, select=()):
            number = int(row.key.partition("|")[2])
            if number in newest:
                useless.append(newest[number])
            newest[number] = row.key
        useless += [key for number, key in newest.items() if number not in there and key < young]
        for begin in range(0, len(useless), 100):
            rows = [Operation("delete", Row(partition, key, {})) for key in useless[begin : begin + 100]]
            with suppress(RowChanged):  # another instance is at it
                await self._table.batch(rows)
        return len(useless)

    # -- the sweep ---------------------------------------------------------------------------------------------------

    async def sweep(
        self, vault: VaultId, kind: Kind, found: Iterable[tuple[int, str]], ours: Collection[int] = ()
    ) -> list[int]:
        """Compare fingerprints with the last sweep's and note what differs. The first sweep notes nothing.

        :param ours: Objects that are as our own last write left them: their time is known better.
        :return: The objects that had changed.
        """
        buckets: dict[int, dict[str, str]] = {}
        for number, print_ in found:
            buckets.setdefault(bucket_of(kind, number), {})[str(number)] = print_[:8]
        partition = f"{vault}|{kind}|seen"
        first, old = True, set[int]()
        changed: list[int] = []
        now = datetime.now(UTC)
        async for row in self._table.query(partition):
            first = False
            number = int(row.key)
            old.add(number)
            before, after = _unpack(row), buckets.get(number, {})
            if before == after:
                buckets.pop(number, None)
                continue
            changed += await self._differences(vault, kind, before, after, ours, now)
        if not first:
            for number in buckets.keys() - old:
                changed += await self._differences(vault, kind, {}, buckets[number], ours, now)
        for number, after in buckets.items():
            await self._table.put(Row(partition, _key(number), _pack(after)))
        await self._table.put(Row(f"{vault}|{kind}|sweep", "last", {"at": now}))
        return changed

    async def swept_at(self, vault: VaultId, kind: Kind) -> datetime | None:
        row = await self._table.get(f"{vault}|{kind}|sweep", "last")
        return row.values["at"] if row else None

    async def _differences(
        self,
        vault: VaultId,
        kind: Kind,
        before: Mapping[str, str],
        after: Mapping[str, str],
        ours: Collection[int],
        now: datetime,
    ) -> list[int]:
        changed = [int(n) for n, print_ in after.items() if before.get(n) != print_ and int(n) not in ours]
        for number in changed:
            await self.note(vault, kind, number, now)
        for gone in before.keys() - after.keys():
            await self.forget(vault, kind, int(gone))
        return changed


def _pack(seen: Mapping[str, str]) -> dict[str, bytes | int]:
    data = zlib.compress(orjson.dumps(seen), 6)
    parts = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)]
    values: dict[str, bytes | int] = {f"part{i}": part for i, part in enumerate(parts)}
    return values | {"parts": len(parts)}


def _unpack(row: Row) -> dict[str, str]:
    data = b"".join(row.values[f"part{i}"] for i in range(int(row.values.get("parts", 0))))
    return dict(orjson.loads(zlib.decompress(data))) if data else {}
