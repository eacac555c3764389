"""How rows hold on to each other. Used by the one who writes and by the one who checks, so that both mean the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim.store.table import Row

ANCHORS = "anchors"  # the partition of the heads


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain. `seq` 0: nothing is written yet."""

    seq: int
    hash: str


def genesis(chain: str) -> Head:
    """Where a chain starts: its name is in the first hash, so that rows cannot move to another chain."""
    return Head(0, hashlib.sha256(f"scim-audit|{chain}".encode()).hexdigest())


def link(head: Head, text: str) -> Head:
    """The head after an event, given as its canonical text."""
    seq = head.seq + 1
    return Head(seq, hashlib.sha256(f"{head.hash}|{seq}|{text}".encode()).hexdigest())


def partition(day: str, chain: str) -> str:
    """Rows of one chain and one UTC day (yyyymmdd), so that a search by time reads only the days it asks for."""
    return f"{day}|{chain}"


def key(seq: int) -> str:
    return f"{seq:012d}"


def anchor_row(name: str, head: Head, before: Head, at: datetime) -> Row:
    """The head of a partition, kept in another one; `before` is the head that the day began with."""
    values: dict[str, Any] = {
        "seq": head.seq,
        "hash": head.hash,
        "before_seq": before.seq,
        "before_hash": before.hash,
        "anchored": at,
    }
    return Row(ANCHORS, name, values)


def read_anchor(row: Row) -> tuple[Head, Head]:
    """(head, head before the day). :raises KeyError, ValueError:"""
    values = row.values
    return Head(int(values["seq"]), str(values["hash"])), Head(int(values["before_seq"]), str(values["before_hash"]))
