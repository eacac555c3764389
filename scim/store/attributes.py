"""Table `attributes`: what the vault cannot hold, one row an object, beside small index rows.

    partition                      key              what
    {vault}|{kind}                 {id:010d}        the object's Kept (so a page of objects is one range read)
    {vault}|{kind}|gone            {id:010d}        tombstone marker: ids to leave out of lists and totals;
                                                    of a secret: the folder with which it goes
    {vault}|{kind}|alias           {hash of name}   id of the object that goes by this name
    {vault}|{kind}|mail            {hash}|{id}      objects that hold this address besides the one the vault knows

Names and addresses are hashed: user text is never a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from scim.errors import InvalidValue
from scim.model import ConnectionId, ExternalId, Kept, Kind, VaultId
from scim.names import fold
from scim.store.changes import ChangeStore
from scim.store.table import Operation, Row, RowExists, Table

CHUNK = 15_000  # characters; a property holds 64 KiB of UTF-16
BATCH = 100  # operations of one transaction
MOST_CHUNKS = 24  # 720 kB of UTF-16 in an entity of at most 1 MiB


def digest(text: str) -> str:
    """A key for user text."""
    return hashlib.sha256(fold(text).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _key(object_id: int, kind: Kind | None = None) -> str:
    """Ids of vaults have ten digits at most, those of grants name two objects and have nineteen."""
    wide = kind in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT)
    return f"{object_id:020d}" if wide else f"{object_id:010d}"


class AttributeStore:
    """Kept attributes of one vault's objects."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.changes = ChangeStore(table)

    # -- rows --------------------------------------------------------------------------------------------------------

    async def get(self, vault: VaultId, kind: Kind, object_id: int) -> Kept | None:
        row = await self._table.get(f"{vault}|{kind}", _key(object_id, kind))
        return _read(row) if row else None

    async def range(self, vault: VaultId, kind: Kind, first: int, last: int) -> dict[int, Kept]:
        """The rows of all objects with ids in [first, last]: one bounded range read."""
        rows = self._table.query(f"{vault}|{kind}", first=_key(first, kind), last=_key(last, kind))
        return {int(row.key): _read(row) async for row in rows}

    async def save(self, vault: VaultId, kind: Kind, object_id: int, kept: Kept) -> Kept:
        """Write the whole row if it is as it was read (`kept.etag`, None: not there yet).

        :raises RowChanged, RowExists: somebody else was faster.
        """
        row = Row(f"{vault}|{kind}", _key(object_id, kind), _write(kept))
        etag = await (self._table.put(row, etag=kept.etag) if kept.etag else self._table.insert(row))
        return replace(kept, etag=etag)

    async def touch(self, vault: VaultId, kind: Kind, object_id: int, kept: Kept) -> Kept:
        """Note that the object changed, whoever else is writing: modified, seen and revision only."""
        values = {"modified": kept.modified, "seen": kept.seen, "revision": kept.revision, "owner": kept.owner}
        values |= {"created_at": kept.created_at, "adopted": kept.adopted}
        row = Row(f"{vault}|{kind}", _key(object_id, kind), {k: v for k, v in values.items() if v is not None})
        return replace(kept, etag=await self._table.merge(row))

    # -- tombstones --------------------------------------------------------------------------------------------------

    async def gone(self, vault: VaultId, kind: Kind) -> list[int]:
        """The ids of all tombstones, ascending."""
        return [int(row.key) async for row in self._table.query(f"{vault}|{kind}|gone", select=())]

    async def mark_gone(self, vault: VaultId, kind: Kind, object_id: int, when: datetime) -> None:
        await self._table.put(Row(f"{vault}|{kind}|gone", _key(object_id), {"when": when}))

    async def unmark_gone(self, vault: VaultId, kind: Kind, object_id: int) -> None:
        await self._table.delete(f"{vault}|{kind}|gone", _key(object_id))

    async def mark_gone_with(self, vault: VaultId, folder: int, secrets: Sequence[int], when: datetime) -> None:
        """These secrets go when the folder does; see scim/directory/cascade.py."""
        rows = [Row(f"{vault}|{Kind.SECRET}|gone", _key(s), {"when": when, "folder": folder}) for s in secrets]
        for start in range(0, len(rows), BATCH):
            await self._table.batch([Operation("put", row) for row in rows[start : start + BATCH]])

    async def gone_with(self, vault: VaultId, secret: int) -> int | None:
        """The folder that was about to be deleted with this secret in it."""
        row = await self._table.get(f"{vault}|{Kind.SECRET}|gone", _key(secret))
        return None if row is None else int(row.values["folder"])

    # -- names -------------------------------------------------------------------------------------------------------

    async def by_alias(self, vault: VaultId, kind: Kind, name: str) -> int | None:
        row = await self._table.get(f"{vault}|{kind}|alias", digest(name))
        return int(row.values["id"]) if row else None

    async def claim_alias(self, vault: VaultId, kind: Kind, name: str, object_id: int) -> bool:
        """Reserve a name for an object. False: another object has it."""
        try:
            await self._table.insert(Row(f"{vault}|{kind}|alias", digest(name), {"id": object_id}))
        except RowExists:
            return await self.by_alias(vault, kind, name) == object_id
        return True

    async def move_alias(self, vault: VaultId, kind: Kind, name: str, object_id: int) -> None:
        """Give a name to an object whoever had it: for its claimant, who found that its holder goes by another one."""
        await self._table.put(Row(f"{vault}|{kind}|alias", digest(name), {"id": object_id}))

    async def free_alias(self, vault: VaultId, kind: Kind, name: str) -> None:
        await self._table.delete(f"{vault}|{kind}|alias", digest(name))

    async def by_mail(self, vault: VaultId, kind: Kind, mail: str) -> list[int]:
        """Ids of objects whose document holds this address although the vault shows another one."""
        key = digest(mail)
        rows = self._table.query(f"{vault}|{kind}|mail", first=f"{key}|", last=f"{key}|~")
        return [int(row.key.partition("|")[2]) async for row in rows]

    async def index_mails(
        self, vault: VaultId, kind: Kind, object_id: int, *, old: Iterable[str], new: Iterable[str]
    ) -> None:
        """Make the index of further addresses follow a document."""
        before, after = {digest(m) for m in old}, {digest(m) for m in new}
        for key in after - before:
            await self._table.put(Row(f"{vault}|{kind}|mail", f"{key}|{_key(object_id)}", {}))
        for key in before - after:
            await self._table.delete(f"{vault}|{kind}|mail", f"{key}|{_key(object_id)}")


def _read(row: Row) -> Kept:
    values = row.values
    body = (
        orjson.loads("".join(values[f"body{i}"] for i in range(int(values.get("chunks", 0)))))
        if values.get("chunks")
        else {}
    )
    return Kept(
        document=body.get("document", {}),
        as_sent=body.get("as_sent", {}),
        external_ids={ConnectionId(c): ExternalId(e) for c, e in body.get("external_ids", {}).items()},
        mails=tuple(body.get("mails", ())),
        alias=values.get("alias"),
        owner=ConnectionId(values["owner"]) if values.get("owner") else None,
        adopted=bool(values.get("adopted", False)),
        created_at=values.get("created_at"),
        tombstone=values.get("tombstone"),
        modified=values.get("modified"),
        seen=values.get("seen", ""),
        revision=int(values.get("revision", 0)),
        etag=row.etag,
    )


def _write(kept: Kept) -> Mapping[str, Any]:
    """:raises InvalidValue: when the client's attributes do not fit into one entity."""
    body = {"document": kept.document, "as_sent": kept.as_sent, "external_ids": kept.external_ids, "mails": kept.mails}
    text = orjson.dumps(body).decode()
    chunks = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)]
    if len(chunks) > MOST_CHUNKS:
        most = CHUNK * MOST_CHUNKS // 1000
        raise InvalidValue(f"This object's attributes take more than {most} kB; keep photos and certificates elsewhere")
    values: dict[str, Any] = {f"body{i}": chunk for i, chunk in enumerate(chunks)}
    values |= {
        "chunks": len(chunks),
        "alias": kept.alias,
        "owner": kept.owner,
        "adopted": kept.adopted,
        "created_at": kept.created_at,
        "tombstone": kept.tombstone,
        "modified": kept.modified,
        "seen": kept.seen,
        "revision": kept.revision,
    }
    return {k: v for k, v in values.items() if v is not None}
