"""A copy of the tables as files, and the way back.

    directory/
      manifest.json      format, when, which keys were in force (their ids, which give nothing away), rows and checksums
      connections.jsonl  a row a line: {"p": partition, "k": key, "v": {name: value}}; also tokens, vaults, …

Not copied: `audit`, which has an export of its own and belongs to the place where it was written, and `messages`, which
live for days and hold what people sent. Credentials are copied as they lie there, sealed: the files are useless without
the data key, and the data key is not in them. They hold names of people all the same.

Not restored: the journal. It is copied for people to read; to repeat today what was under way on the day of the copy
would undo what happened since. Nor keys and codes of the console: one that was taken away must not come back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from scim.access.keys import Keys
from scim.errors import ConnectorError, InvalidValue, Uniqueness
from scim.store.seal import key_id
from scim.store.table import Operation, Row, Store, Table

FORMAT = 1
COPIED = ("connections", "tokens", "vaults", "attributes", "externalids", "journal", "settings")
RESTORED = tuple(name for name in COPIED if name != "journal")
_NOT_RESTORED = {("settings", "console")}  # table and partition
_BATCH = 100
_BATCH_CHARACTERS = 1_000_000


class BackupUnusable(ConnectorError):
    """The files are not what the manifest says, or not a backup at all. Nothing was written."""

    status = 400


@dataclass(frozen=True, slots=True)
class Restored:
    rows: dict[str, int]
    kept_revoked: int  # tokens that were revoked after the copy was made, and stay revoked
    warnings: tuple[str, ...]


# -- out -------------------------------------------------------------------------------------------------------------


async def back_up(store: Store, directory: Path, keys: Keys) -> dict[str, int]:
    """Copy the tables into a directory that is new or empty; rows by table. The manifest is written last.

    :raises InvalidValue: there is something in the directory. :raises StoreUnavailable: the copy is not whole.
    """
    _make_room(directory)
    tables: dict[str, dict[str, Any]] = {}
    for name in COPIED:
        path = directory / f"{name}.jsonl"
        path.touch(mode=0o600)
        with path.open("wb") as file:
            tables[name] = await _copy(store.table(name), file)
    manifest = {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "pepper": key_id(keys.pepper).hex(),
        "data_keys": [key_id(key).hex() for key in keys.data_keys],
        "tables": tables,
    }
    (directory / "manifest.json").touch(mode=0o600)
    (directory / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return {name: table["rows"] for name, table in tables.items()}


def _make_room(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise InvalidValue(f"{directory} is not empty; a backup wants a directory of its own")


async def _copy(table: Table, file: BinaryIO) -> dict[str, Any]:
    rows, checksum = 0, hashlib.sha256()
    async for row in table.query(None):
        line = _line(row)
        file.write(line)
        checksum.update(line)
        rows += 1
    return {"rows": rows, "sha256": checksum.hexdigest()}


def _line(row: Row) -> bytes:
    values = {name: _out(value) for name, value in row.values.items()}
    return orjson.dumps({"p": row.partition, "k": row.key, "v": values}) + b"\n"


def _out(value: Any) -> Any:
    """JSON has no bytes and no times: they are marked."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.astimezone(UTC).isoformat()}
    return value


# -- back ------------------------------------------------------------------------------------------------------------


def check(directory: Path) -> dict[str, Any]:
    """The manifest, after every file was held against it. :raises BackupUnusable:"""
    try:
        manifest = orjson.loads((directory / "manifest.json").read_bytes())
        if manifest["format"] != FORMAT:
            raise BackupUnusable(f"This backup has the format {manifest['format']}, and format {FORMAT} can be read")
        for name in COPIED:
            rows, checksum = 0, hashlib.sha256()
            with (directory / f"{name}.jsonl").open("rb") as file:
                for line in file:
                    checksum.update(line)
                    rows += 1
            if {"rows": rows, "sha256": checksum.hexdigest()} != manifest["tables"][name]:
                raise BackupUnusable(f"{name}.jsonl is not the file that was written: its checksum is another one")
    except (OSError, KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise BackupUnusable(f"This is no whole backup ({type(error).__name__})") from None
    return dict(manifest)


async def restore(store: Store, directory: Path, keys: Keys, *, replace: bool = False) -> Restored:
    """Put the rows of a backup back. With `replace` rows that are not in it are removed; without, the tables are empty.

    :raises BackupUnusable: :raises Uniqueness: the tables hold rows, and `replace` was not said.
    """
    manifest = check(directory)
    await store.ensure_tables()
    if not replace:
        for name in RESTORED:
            async for row in store.table(name).query(None, limit=1_000):
                if row.partition != "schema" and (name, row.partition) not in _NOT_RESTORED:
                    raise Uniqueness(f"The table {name} holds rows: restore into empty tables, or say --replace")
    revoked: dict[tuple[str, str], datetime] = {}
    if replace:
        async for row in store.table("tokens").query(None):
            if isinstance(row.values.get("revoked"), datetime):
                revoked[row.partition, row.key] = row.values["revoked"]
    done = {name: await _put_back(store.table(name), directory / f"{name}.jsonl", revoked) for name in RESTORED}
    known = {(row.partition, row.key) for row in _rows(directory / "tokens.jsonl") if "revoked" not in row.values}
    return Restored(done, len(known & revoked.keys()), tuple(_warnings(manifest, keys)))


async def _put_back(table: Table, path: Path, revoked: dict[tuple[str, str], datetime]) -> int:
    left = {partition for name, partition in _NOT_RESTORED if name == path.stem}
    there = {(row.partition, row.key) async for row in table.query(None, select=()) if row.partition not in left}
    waiting: dict[str, list[Operation]] = {}
    size, count = 0, 0
    for row in _rows(path):
        if row.partition in left:
            continue
        values = dict(row.values)
        if path.stem == "tokens" and (row.partition, row.key) in revoked:
            values["revoked"] = revoked[row.partition, row.key]
        there.discard((row.partition, row.key))
        waiting.setdefault(row.partition, []).append(Operation("put", Row(row.partition, row.key, values)))
        size += sum(len(v) for v in values.values() if isinstance(v, (str, bytes)))
        count += 1
        if size > _BATCH_CHARACTERS or len(waiting[row.partition]) == _BATCH:
            await _flush(table, waiting)
            size = 0
    await _flush(table, waiting)
    for partition, key in there:
        await table.delete(partition, key)
    return count


async def _flush(table: Table, waiting: dict[str, list[Operation]]) -> None:
    for operations in waiting.values():
        for start in range(0, len(operations), _BATCH):
            await table.batch(operations[start : start + _BATCH])
    waiting.clear()


def _rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield Row(row["p"], row["k"], {name: _in(value) for name, value in row["v"].items()})


def _in(value: Any) -> Any:
    match value:
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"time": text}:
            return datetime.fromisoformat(text)
    return value


def _warnings(manifest: dict[str, Any], keys: Keys) -> Sequence[str]:
    found = []
    if manifest["pepper"] not in {key_id(pepper).hex() for pepper in keys.peppers}:
        found.append("tokens were hashed with another pepper than the ones in force: they will be refused")
    if not set(manifest["data_keys"]) & {key_id(key).hex() for key in keys.data_keys}:
        found.append("credentials were sealed with another data key: set them again with `vault credential`")
    return found
