"""What a row may look like in Azure Table Storage, checked before anything is sent.

The service refuses most of this itself, but late, after a round trip, and with a message about another thing. The
memory store would not refuse it at all. Checking in one place keeps the two alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scim.store.table import Operation, Row

KEY_BYTES = 1024  # of UTF-16, so 512 characters
PROPERTY_BYTES = 64 * 1024
ROW_BYTES = 1024 * 1024
PROPERTIES = 252
BATCH_ROWS = 100
BATCH_BYTES = 4 * 1024 * 1024

_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_RESERVED = {"PartitionKey", "RowKey", "Timestamp"}


def check_key(key: str) -> str:
    r"""The key itself. :raises ValueError: for / \ # ? and control characters, and beyond 1 KiB of UTF-16."""
    if _FORBIDDEN.search(key):
        raise ValueError("a key holds a character that Table Storage refuses")
    if _utf16(key) > KEY_BYTES:
        raise ValueError("a key is longer than 1 KiB")
    return key


def check_name(name: str) -> str:
    """The name of a property. :raises ValueError: when it is not an identifier or belongs to the service."""
    if name in _RESERVED or not _NAME.fullmatch(name):
        raise ValueError("not a usable property name")
    return name


def check_row(row: Row) -> int:
    """The row's size in bytes, as the service counts it.

    :raises ValueError: When keys, names, types or sizes are not what the service takes.
    """
    check_key(row.partition)
    check_key(row.key)
    if len(row.values) > PROPERTIES:
        raise ValueError(f"a row has more than {PROPERTIES} properties")
    size = 4 + _utf16(row.partition) + _utf16(row.key)
    for name, value in row.values.items():
        if value is not None:
            size += 8 + _utf16(check_name(name)) + _size(name, value)
    if size > ROW_BYTES:
        raise ValueError("a row is larger than 1 MiB")
    return size


def check_batch(operations: Sequence[Operation]) -> None:
    """:raises ValueError: When the operations cannot be one transaction."""
    if len(operations) > BATCH_ROWS:
        raise ValueError(f"a batch has more than {BATCH_ROWS} operations")
    if len({operation.row.partition for operation in operations}) > 1:
        raise ValueError("a batch touches more than one partition")
    if len({operation.row.key for operation in operations}) < len(operations):
        raise ValueError("a batch touches a row twice")
    if sum(check_row(operation.row) for operation in operations) > BATCH_BYTES:
        raise ValueError("a batch is larger than 4 MiB")


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are stored: None is left out."""
    return {name: value for name, value in values.items() if value is not None}


def _size(name: str, value: object) -> int:
    match value:
        case bool():
            return 1
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{name} does not fit 64 bits")
            return 8
        case float():
            return 8
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{name} is a time without a zone")
            return 8
        case str():
            size = 4 + _utf16(value)
        case bytes():
            size = 4 + len(value)
        case _:
            raise ValueError(f"{name} has a type that a row cannot hold")
    if size - 4 > PROPERTY_BYTES:
        raise ValueError(f"{name} is larger than 64 KiB")
    return size


def _utf16(text: str) -> int:
    """Bytes in UTF-16, by which the service measures. Lone surrogates count too; the service gets no say on them."""
    return len(text.encode("utf-16-le", "surrogatepass"))
