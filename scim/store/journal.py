"""Table `journal`: what was announced and is not yet finished, and who may create a name.

    partition          key                          what
    open|{vault}       {ns:020d}-{request}-{n}      an intent: written before the vault is touched, gone when it is done
    create|{vault}     {kind}|{hash of name}        a claim: of parallel or repeated creations of one name, one acts

Finished work is told by the audit trail; a row that stays here is work that a crash or a lost answer left open.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from scim.model import ConnectionId, Kind, VaultId
from scim.store.attributes import digest
from scim.store.table import Row, Table

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Intent:
    """One announced change. `plan` is what shall change, without secrets; `state` is "open" or "unknown"."""

    vault: VaultId
    key: str
    connection: ConnectionId
    request_id: str
    action: str
    kind: Kind
    object_id: int
    object_name: str
    at: datetime
    plan: Mapping[str, Any]
    state: Literal["open", "unknown"] = "open"
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to create a name. `stamp` tells the same request from another one for the same name."""

    partition: str
    key: str
    connection: str
    stamp: str
    state: Literal["open", "unknown", "done", "failed"]
    at: datetime
    since: datetime | None = None  # when the first of several attempts was announced whose outcome nobody knows
    object_id: int = 0
    recovered: bool = False
    etag: str = ""


class JournalStore:
    """Intents and claims of every vault."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # -- intents -----------------------------------------------------------------------------------------------------

    async def open(self, intent: Intent) -> Intent:
        key = f"{time.time_ns():020d}-{intent.request_id}-{next(_numbers)}"
        values = {
            "connection": intent.connection,
            "request": intent.request_id,
            "action": intent.action,
            "kind": str(intent.kind),
            "object": intent.object_id,
            "name": intent.object_name[:256],
            "at": intent.at,
            "plan": orjson.dumps(intent.plan).decode()[:30_000],
            "state": "open",
        }
        await self._table.insert(Row(f"open|{intent.vault}", key, values))
        return replace(intent, key=key)

    async def leave_unknown(self, intent: Intent, steps: tuple[str, ...]) -> None:
        values = {"state": "unknown", "steps": orjson.dumps(steps).decode()[:30_000]}
        await self._table.merge(Row(f"open|{intent.vault}", intent.key, values))

    async def close(self, intent: Intent) -> None:
        await self._table.delete(f"open|{intent.vault}", intent.key)

    async def count_open(self, vault: VaultId, most: int) -> int:
        """How many intents there are, up to `most`."""
        return sum([1 async for _ in self._table.query(f"open|{vault}", select=(), limit=most)])

    async def left_open(self, vault: VaultId) -> AsyncIterator[Intent]:
        """Oldest first."""
        async for row in self._table.query(f"open|{vault}"):
            yield _intent(vault, row)

    async def left_open_anywhere(self, most: int) -> list[Intent]:
        """Of every vault, the oldest of each first; one read of at most so many."""
        rows = self._table.query(None, partitions=("open|", "open|~"), limit=most)
        return [_intent(VaultId(row.partition.removeprefix("open|")), row) async for row in rows]

    # -- claims ------------------------------------------------------------------------------------------------------

    async def claim(self, vault: VaultId, kind: Kind, name: str, connection: ConnectionId, stamp: str) -> Claim:
        """:raises RowExists: somebody claimed the name before."""
        claim = Claim(f"create|{vault}", f"{kind}|{digest(name)}", connection, stamp, "open", datetime.now(UTC))
        return replace(claim, etag=await self._table.insert(_claim_row(claim)))

    async def claimed(self, vault: VaultId, kind: Kind, name: str) -> Claim | None:
        row = await self._table.get(f"create|{vault}", f"{kind}|{digest(name)}")
        return _claim(row) if row else None

    async def settle(self, claim: Claim) -> Claim:
        """Write a claim's new state if it is still as it was read. :raises RowChanged: it is not."""
        return replace(claim, etag=await self._table.put(_claim_row(claim), etag=claim.etag))

    async def stale_claims(self, vault: VaultId, before: datetime) -> AsyncIterator[Claim]:
        async for row in self._table.query(f"create|{vault}"):
            claim = _claim(row)
            if claim.at < before:
                yield claim

    async def drop_claim(self, claim: Claim) -> None:
        await self._table.delete(claim.partition, claim.key, etag=claim.etag)


def _intent(vault: VaultId, row: Row) -> Intent:
    values = row.values
    return Intent(
        vault=vault,
        key=row.key,
        connection=ConnectionId(values["connection"]),
        request_id=values["request"],
        action=values["action"],
        kind=Kind(values["kind"]),
        object_id=int(values["object"]),
        object_name=values["name"],
        at=values["at"],
        plan=_loads(values.get("plan", "{}")),
        state=values["state"],
        steps=tuple(orjson.loads(values.get("steps", "[]"))),
    )


def _loads(text: str) -> Mapping[str, Any]:
    try:
        return dict(orjson.loads(text))
    except orjson.JSONDecodeError:  # a plan cut at the size limit of a property
        return {}


def _claim_row(claim: Claim) -> Row:
    values = {
        "connection": claim.connection,
        "stamp": claim.stamp,
        "state": claim.state,
        "at": claim.at,
        "since": claim.since,
        "object": claim.object_id,
        "recovered": claim.recovered,
    }
    return Row(claim.partition, claim.key, values)


def _claim(row: Row) -> Claim:
    values = row.values
    return Claim(
        partition=row.partition,
        key=row.key,
        connection=values["connection"],
        stamp=values["stamp"],
        state=values["state"],
        at=values["at"],
        since=values.get("since"),
        object_id=int(values["object"]),
        recovered=bool(values["recovered"]),
        etag=row.etag,
    )
