"""Table `journal`, too: folders and secrets whose inheritance is being ended, with the rights that applied before.

    partition          key                    what
    detach|{vault}     {kind}|{number:010d}   written before the inheritance ends, gone when every right stands again

Where a vault keeps no copies of what a folder inherited, the rights are on nobody's record between the two but this.
The row is a lock as well: of several requests and timers one is at it, until `at` is so old that it must have died.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from scim.model import ConnectionId, Kind, VaultId
from scim.store.table import Row, Table

PIECE = 30_000  # characters; a property of Table Storage holds 32,768
Right = tuple[int, bool, str, str]
"""Holder, whether it is a group, and the levels on the folder ("" where it is a secret's right) and on secrets."""


@dataclass(frozen=True, slots=True)
class Detachment:
    """One folder or secret on its way to rights of its own."""

    vault: VaultId
    kind: Kind  # of the rights
    on: int
    name: str
    connection: ConnectionId
    request_id: str
    at: datetime  # when somebody last began to work at it
    since: datetime
    rights: tuple[Right, ...]
    etag: str = ""


class Detachments:
    """What is being detached, of every vault."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def begin(self, detachment: Detachment) -> Detachment:
        """:raises RowExists: Somebody is at it already."""
        return replace(detachment, etag=await self._table.insert(_row(detachment)))

    async def take_over(self, detachment: Detachment, at: datetime) -> Detachment:
        """Work at what somebody left, from now on. :raises RowChanged: Somebody else was faster."""
        mine = replace(detachment, at=at)
        return replace(mine, etag=await self._table.put(_row(mine), etag=detachment.etag))

    async def get(self, vault: VaultId, kind: Kind, on: int) -> Detachment | None:
        row = await self._table.get(*_keys(vault, kind, on))
        return None if row is None else _detachment(vault, row)

    async def drop(self, detachment: Detachment) -> None:
        await self._table.delete(*_keys(detachment.vault, detachment.kind, detachment.on))

    async def left(self, vault: VaultId) -> AsyncIterator[Detachment]:
        async for row in self._table.query(f"detach|{vault}"):
            yield _detachment(vault, row)


def _keys(vault: VaultId, kind: Kind, on: int) -> tuple[str, str]:
    return f"detach|{vault}", f"{kind}|{int(on):010d}"


def _row(detachment: Detachment) -> Row:
    text = orjson.dumps(detachment.rights).decode()
    pieces = {f"rights{n}": text[start : start + PIECE] for n, start in enumerate(range(0, len(text), PIECE))}
    values = {
        "connection": detachment.connection,
        "request": detachment.request_id,
        "name": detachment.name[:256],
        "at": detachment.at,
        "since": detachment.since,
    }
    return Row(*_keys(detachment.vault, detachment.kind, detachment.on), {**values, **pieces})


def _detachment(vault: VaultId, row: Row) -> Detachment:
    kind, _, number = row.key.partition("|")
    text, piece = "", 0
    while f"rights{piece}" in row.values:
        text += row.values[f"rights{piece}"]
        piece += 1
    return Detachment(
        vault=vault,
        kind=Kind(kind),
        on=int(number),
        name=row.values["name"],
        connection=ConnectionId(row.values["connection"]),
        request_id=row.values["request"],
        at=row.values["at"],
        since=row.values["since"],
        rights=tuple((int(h), bool(g), str(f), str(s)) for h, g, f, s in orjson.loads(text)),
        etag=row.etag,
    )
