"""The question for a range of rows and its answer, written and read as text.

The SDK takes each row apart three times (its generic deserialiser, its entity, its datetime): 0.06 ms of CPU a row,
which is 120 ms for a list of 2,000. Read at once it is 0.005 ms. Pipeline, retries and authorisation stay the SDK's.

Values are put into the filter by `_literal` alone, which writes each by its type; what is text stays one quoted text
(OData: a quote in it is doubled). Names of properties are checked, they are never a caller's.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from scim.store.limits import check_name
from scim.store.table import Row

ACCEPT = "application/json;odata=minimalmetadata"  # without metadata times, 64-bit numbers and bytes are bare strings
_KEYS = ("PartitionKey", "RowKey")


def condition(
    partition: str | None,
    partitions: tuple[str, str] | None,
    first: str | None,
    last: str | None,
    where: Mapping[str, Any],
) -> str:
    """The filter; "" for the whole table. :raises ValueError: a name that is none."""
    lowest, highest = partitions or (None, None)
    parts = (
        ("PartitionKey", "eq", partition),
        ("PartitionKey", "ge", lowest),
        ("PartitionKey", "le", highest),
        ("RowKey", "ge", first),
        ("RowKey", "le", last),
        *((check_name(name), "eq", value) for name, value in where.items()),
    )
    return " and ".join(f"{name} {verb} {_literal(value)}" for name, verb, value in parts if value is not None)


def query_string(text: str, select: Sequence[str] | None, most: int, after: tuple[str, str]) -> str:
    """What follows the `?`. `after`: the continuation, two texts that the service gave."""
    given = {"$filter": text, "$top": str(most), "NextPartitionKey": after[0], "NextRowKey": after[1]}
    if select is not None:
        given["$select"] = ",".join((*_KEYS, *(check_name(name) for name in select)))
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value)


def rows(body: bytes) -> list[Row]:
    """The rows of an answer. :raises KeyError, TypeError, ValueError: it is no answer of a table service."""
    return [_row(entity) for entity in orjson.loads(body)["value"]]


def _row(entity: dict[str, Any]) -> Row:
    """What has a dot in its name tells about a property: no property has one."""
    etag, partition, key = entity.pop("odata.etag", None), entity.pop("PartitionKey"), entity.pop("RowKey")
    entity.pop("Timestamp", None)
    for told in [name for name in entity if "." in name]:
        kind, name = entity.pop(told), told.removesuffix("@odata.type")
        if kind in _READ and name in entity:
            entity[name] = _READ[kind](entity[name])
    return Row(partition, key, entity, str(etag or ""))


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


_READ: dict[str, Callable[[Any], Any]] = {
    "Edm.DateTime": _moment,
    "Edm.Int64": int,
    "Edm.Double": float,
    "Edm.Binary": base64.b64decode,
}


def _literal(value: object) -> str:
    """:raises TypeError: no table holds such a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**31) <= value < 2**31 else f"{value}L"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"datetime'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    raise TypeError(f"a table holds no {type(value).__name__}")
