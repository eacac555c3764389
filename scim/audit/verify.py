"""Checking the audit trail: has anybody edited, removed, added, moved or cut rows?

One walk over the table, holding one head per chain. What it cannot see: rows cut from, or added to, the very end of a
chain after its last anchor (a minute at most), and a trail that somebody rewrote together with its anchors. For the
second, hold it against the heads in the log, which `verify` takes as `heads`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from scim.audit import chain
from scim.audit.chain import Head
from scim.audit.events import columns, read
from scim.store.table import Row, Table

Kind = Literal["edited", "missing", "added", "cut", "anchor"]

MOST_FINDINGS = 100
_PARTITION = re.compile(r"(\d{8})\|([A-Za-z0-9_-]+)")
_LOGGED = re.compile(r"audit head (\d{8}\|[A-Za-z0-9_-]+) (\d+) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: Kind
    partition: str
    seq: int
    detail: str


@dataclass(slots=True)
class Report:
    """`rows` events in `chains` chains were looked at. Fine when there are no findings."""

    rows: int = 0
    chains: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class _Walk:
    anchors: dict[str, tuple[Head, Head]]
    heads: Mapping[str, Head]
    first_day: str
    report: Report = field(default_factory=Report)
    last: dict[str, Head] = field(default_factory=dict)  # chain → the last good link
    reached: dict[str, int] = field(default_factory=dict)  # partition → the last number in it

    def complain(self, kind: Kind, name: str, seq: int, detail: str) -> None:
        if len(self.report.findings) < MOST_FINDINGS:
            self.report.findings.append(Finding(kind, name, seq, detail))


async def verify(table: Table, *, heads: Mapping[str, Head] | None = None, first_day: str = "") -> Report:
    """Walk the whole trail. :raises StoreUnavailable: unknown is never fine.

    :param heads: Heads that were kept elsewhere, by partition (see `logged_heads`).
    :param first_day: yyyymmdd: where older days were deleted on purpose, believe what the anchors say of their end.
    """
    anchors: dict[str, tuple[Head, Head]] = {}
    walk = _Walk(anchors, heads or {}, first_day)
    async for row in table.query(chain.ANCHORS):
        try:
            anchors[row.key] = chain.read_anchor(row)
        except (KeyError, ValueError):
            walk.complain("anchor", row.key, 0, "the anchor cannot be read")
    # anchors are read before the rows: what is written meanwhile lies beyond them, and is no finding
    async for row in table.query(None):
        if row.partition != chain.ANCHORS and row.partition >= first_day:
            _look_at(walk, row)
    for name in sorted({*anchors, *walk.heads}):
        if name >= first_day:
            _look_at_end(walk, name)
    walk.report.chains = len(walk.last)
    return walk.report


async def verify_since(table: Table, first_day: str) -> Report:
    """Walk the chains of some days only, by the partitions that anchors know of: what the timer does, beside requests.

    A partition that was added without an anchor is seen by `verify` alone.
    """
    anchors: dict[str, tuple[Head, Head]] = {}
    walk = _Walk(anchors, {}, first_day)
    async for row in table.query(chain.ANCHORS, first=first_day):
        try:
            anchors[row.key] = chain.read_anchor(row)
        except (KeyError, ValueError):
            walk.complain("anchor", row.key, 0, "the anchor cannot be read")
    for name in sorted(anchors):
        async for row in table.query(name):
            _look_at(walk, row)
        _look_at_end(walk, name)
    walk.report.chains = len(walk.last)
    return walk.report


def logged_heads(lines: Iterable[str]) -> dict[str, Head]:
    """The furthest head of each partition in a log."""
    found: dict[str, Head] = {}
    for line in lines:
        for name, seq, digest in _LOGGED.findall(line):
            if name not in found or int(seq) > found[name].seq:
                found[name] = Head(int(seq), digest)
    return found


def _look_at(walk: _Walk, row: Row) -> None:
    walk.report.rows += 1
    place = _PARTITION.fullmatch(row.partition)
    if place is None or not row.key.isdigit():
        walk.complain("added", row.partition, 0, "a row that no writer makes")
        return
    name, seq = place[2], int(row.key)
    anchored = walk.anchors.get(row.partition)
    if anchored is None and row.partition not in walk.reached:
        walk.complain("anchor", row.partition, seq, "no anchor: it was removed, or these rows were added")
    before = walk.last.get(name)
    if before is None:
        before = anchored[1] if anchored is not None and walk.first_day else chain.genesis(name)
    walk.reached[row.partition] = seq
    stored = str(row.values.get("hash", ""))
    if seq != before.seq + 1:
        walk.complain("missing", row.partition, seq, f"number {before.seq + 1} should come here")
        walk.last[name] = Head(seq, stored)  # go on from here, so that one gap is one finding
    else:
        made = chain.link(before, str(row.values.get("event", "")))
        if made.hash != stored:
            walk.complain("edited", row.partition, seq, "the event and its hash do not fit what stands before them")
        elif not _columns_fit(row):
            walk.complain("edited", row.partition, seq, "the columns do not fit the event")
        walk.last[name] = Head(seq, stored)
    witnesses = (("anchor", anchored[0] if anchored else None), ("log", walk.heads.get(row.partition)))
    for witness, head in witnesses:
        if head is not None and head.seq == seq and head.hash != stored:
            walk.complain("edited", row.partition, seq, f"the trail was rewritten: the {witness} holds another hash")


def _look_at_end(walk: _Walk, name: str) -> None:
    anchored = walk.anchors.get(name)
    if anchored is None:
        walk.complain("anchor", name, 0, "the log knows of this partition, the table does not")
    reached = walk.reached.get(name, anchored[1].seq if anchored else 0)
    promised = max(anchored[0].seq if anchored else 0, walk.heads[name].seq if name in walk.heads else 0)
    if reached < promised:
        walk.complain("cut", name, reached, f"the trail ends at {reached}, but had come to {promised}")


def _columns_fit(row: Row) -> bool:
    try:
        wanted = columns(read(row.values["event"]))
    except (ValueError, KeyError, TypeError, orjson.JSONDecodeError):
        return False
    return all(row.values.get(name) == value for name, value in wanted.items())
