"""What administrators set up, as one document for the console and its API: vaults, connections, tokens.

For a copy of everything the connector keeps there is backup.py. Here passwords stay sealed and tokens stay hashes, so
the document is of use only together with the keys it was made under (scim-data-key, scim-pepper). It carries a mark of
its vaults under the data key: in a document that somebody changed, or that has none, the passwords are left out, for
a changed address would take them to where they do not belong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from scim.errors import InvalidValue
from scim.store.table import Row, RowExists, Store

TABLES = ("vaults", "connections", "tokens")
WHAT, VERSION = "scim-connector set-up", 1


async def write_setup(store: Store, data_keys: Sequence[bytes]) -> dict[str, Any]:
    """A document of plain JSON values."""
    tables: dict[str, Any] = {}
    for name in TABLES:
        rows = store.table(name).query(None)
        tables[name] = [
            {"partition": row.partition, "key": row.key, "values": {k: _out(v) for k, v in row.values.items()}}
            async for row in rows
        ]
    made = datetime.now(UTC).isoformat()
    return {"what": WHAT, "version": VERSION, "made": made, **tables, "mark": _mark(tables["vaults"], data_keys[0])}


async def add_setup(store: Store, document: Mapping[str, Any], data_keys: Sequence[bytes]) -> dict[str, int]:
    """Add what is missing; nothing that is there is changed. How many rows were added to each table, and how many
    vaults came without their password, because the document is not as it was written here (`passwords_left_out`).

    :raises InvalidValue: this is not such a document; nothing was added.
    """
    if document.get("what") != WHAT or document.get("version") != VERSION:
        raise InvalidValue("This is not a set-up document of this connector")
    plan = {name: [_row(row) for row in _rows(document, name)] for name in TABLES}
    mark = str(document.get("mark", ""))
    genuine = any(hmac.compare_digest(mark, _mark(_rows(document, "vaults"), key)) for key in data_keys)
    added = {**dict.fromkeys(TABLES, 0), "passwords_left_out": 0}
    for name, rows in plan.items():
        for row in rows:
            left_out = not genuine and "credential" in row.values
            values = {n: v for n, v in row.values.items() if not (left_out and n == "credential")}
            try:
                await store.table(name).insert(Row(row.partition, row.key, values))
            except RowExists:
                continue
            added[name] += 1
            added["passwords_left_out"] += left_out
    return added


def _mark(rows: Sequence[Any], data_key: bytes) -> str:
    key = hmac.new(data_key, b"scim-connector set-up document v1", hashlib.sha256).digest()
    return hmac.new(key, orjson.dumps(rows, option=orjson.OPT_SORT_KEYS), hashlib.sha256).hexdigest()


def _rows(document: Mapping[str, Any], name: str) -> list[Any]:
    rows = document.get(name, [])
    if not isinstance(rows, list):
        raise InvalidValue(f"The document's {name} cannot be read")
    return rows


def _row(row: Any) -> Row:
    try:
        values = {str(name): _in(value) for name, value in row["values"].items()}
        return Row(str(row["partition"]), str(row["key"]), values)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        raise InvalidValue("A row of the document cannot be read") from None


def _out(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return {"time": value.isoformat()} if isinstance(value, datetime) else value


def _in(value: Any) -> Any:
    if isinstance(value, dict):
        if "bytes" in value:
            return base64.b64decode(value["bytes"], validate=True)
        return datetime.fromisoformat(value["time"])
    if not isinstance(value, (str, int, float, bool)):
        raise TypeError
    return value
