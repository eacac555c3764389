"""The mass-change breaker: an emptied group at the identity platform must not suspend a company.

Per connection and rolling hour, more than max(floor, percent of the vault's users) disables, deletes and removals of
members wait for a human. Counters live in the settings table, so that all instances count together; a failure to count
holds the change (closed in the dangerous direction).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import orjson

from scim.context import tell
from scim.errors import Held
from scim.model import Connection, ConnectionId, Policies
from scim.store.table import Row, RowChanged, RowExists, Table

HOUR = 3600
MINUTE = 60
RETRY_AFTER = 1800
_PREFIX = "breaker|"

log = logging.getLogger("scim.breaker")


class Breaker:
    """Counts one connection's dangerous changes.

    Row `breaker|{connection}` / `hour`: {"minutes": JSON {minute: count}, "released_until": epoch seconds}.
    """

    def __init__(self, table: Table, connection: Connection, users: Callable[[], Awaitable[int]]) -> None:
        self._table, self._connection, self._users = table, connection, users

    async def admit(self, changes: int) -> None:
        """Count dangerous changes before they happen. :raises Held: when they are one too many."""
        policies = self._connection.policies
        if not policies.breaker or changes <= 0:
            return
        limit = limit_of(policies, await self._users())
        for attempt in range(12):
            row = await self._table.get(self._partition, "hour")
            now = time.time()
            minutes = _recent(row, now)
            released = bool(row) and float(row.values.get("released_until", 0)) > now if row else False
            if not released and sum(minutes.values()) + changes > limit:
                tell(log, "breaker.open", connection=self._connection.name, changes=sum(minutes.values()), limit=limit)
                raise Held(
                    f"Held by the mass-change breaker: this connection has disabled, deleted or removed "
                    f"{sum(minutes.values())} in the last hour and {changes} more would pass the limit of {limit}. "
                    f"An administrator must release it",
                    retry_after=RETRY_AFTER,
                )
            minute = str(int(now) // MINUTE)
            minutes[minute] = minutes.get(minute, 0) + changes
            if await self._write(row, minutes):
                return
            await asyncio.sleep(0.01 * (attempt + 1))
        raise Held("The mass-change breaker could not count this change; please send it again", retry_after=5)

    async def release(self, seconds: int = HOUR) -> None:
        """A human's word: let this connection's changes pass for a while."""
        await self._table.merge(Row(self._partition, "hour", {"released_until": time.time() + seconds}))

    async def counted(self) -> tuple[int, bool]:
        """Changes in the last hour, and whether a release is in force."""
        return _counted(await self._table.get(self._partition, "hour"))

    @property
    def _partition(self) -> str:
        return f"{_PREFIX}{self._connection.id}"

    async def _write(self, row: Row | None, minutes: dict[str, int]) -> bool:
        values = {"minutes": orjson.dumps(minutes).decode()}
        try:
            if row is None:
                await self._table.insert(Row(self._partition, "hour", values))
            else:
                kept = {**row.values, **values}
                await self._table.put(Row(self._partition, "hour", kept), etag=row.etag)
        except (RowExists, RowChanged):
            return False
        return True


async def all_counted(table: Table, only: ConnectionId | None = None) -> dict[str, tuple[int, bool]]:
    """Connection id → as `counted`, of every connection that was ever counted; the others are (0, False). One read."""
    span = (_PREFIX, f"{_PREFIX}~") if only is None else (f"{_PREFIX}{only}", f"{_PREFIX}{only}")
    rows = table.query(None, partitions=span, first="hour", last="hour")
    return {row.partition.removeprefix(_PREFIX): _counted(row) async for row in rows}


def limit_of(policies: Policies, users: int) -> int:
    """So many changes an hour pass, in a vault of so many users."""
    return max(policies.breaker_floor, users * policies.breaker_percent // 100)


def _counted(row: Row | None) -> tuple[int, bool]:
    now = time.time()
    released = row is not None and float(row.values.get("released_until", 0)) > now
    return sum(_recent(row, now).values()), released


def _recent(row: Row | None, now: float) -> dict[str, int]:
    if row is None:
        return {}
    first = (int(now) - HOUR) // MINUTE
    return {m: n for m, n in orjson.loads(row.values.get("minutes", "{}")).items() if int(m) > first}
