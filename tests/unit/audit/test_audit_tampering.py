"""Somebody with write access to the storage account changes the past. Each way of it is found."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import orjson
import pytest

from scim.audit import chain, trail
from scim.audit.chain import Head
from scim.audit.events import canonical, columns, read
from scim.audit.trail import AuditTrail
from scim.audit.verify import logged_heads, verify
from scim.errors import StoreUnavailable
from scim.store.table import Row


class Burglar:
    """Rewrites rows of a trail of ten events, the way the table service would let him."""

    def __init__(self, table, name: str) -> None:
        self.table, self.name = table, name

    async def row(self, seq: int) -> Row:
        return await self.table.get(self.name, chain.key(seq))

    async def change(self, seq: int, **values: object) -> None:
        await self.table.merge(Row(self.name, chain.key(seq), values))

    async def remove(self, *seqs: int) -> None:
        for seq in seqs:
            await self.table.delete(self.name, chain.key(seq))

    async def forge(self, seq: int, like: Row) -> None:
        """A row with a hash that fits what stands before it: hashing needs no secret."""
        before = chain.genesis(self.name[9:]) if seq == 1 else Head(seq - 1, (await self.row(seq - 1)).values["hash"])
        event = dataclasses.replace(read(like.values["event"]), object_name="forged")
        text = canonical(event)
        values = {"event": text, "hash": chain.link(before, text).hash, **columns(event)}
        await self.table.put(Row(self.name, chain.key(seq), values))

    async def rewrite(self, first: int) -> None:
        """Forge one event and make the whole rest fit."""
        await self.forge(first, await self.row(first))
        head = Head(first, (await self.row(first)).values["hash"])
        for seq in range(first + 1, 11):
            row = await self.row(seq)
            head = chain.link(head, row.values["event"])
            await self.change(seq, hash=head.hash)


@pytest.fixture
async def burglar(table, event):
    writer = AuditTrail(table, "i")
    for number in range(10):
        await writer.record(event(number, connection=f"c{number}", outcome="read" if number == 3 else "done"))
    await writer.anchor()
    assert (await verify(table)).fine
    ((name, _),) = [(row.key, row) async for row in table.query(chain.ANCHORS)]
    return Burglar(table, name)


async def findings(table, **how):
    return [(finding.kind, finding.seq) for finding in (await verify(table, **how)).findings]


async def test_an_edited_event_is_found_where_it_stands(burglar, table):
    text = (await burglar.row(5)).values["event"]
    await burglar.change(5, event=text.replace('"r4"', '"rX"'))
    assert await findings(table) == [("edited", 5)]


async def test_an_edited_hash_is_found(burglar, table):
    await burglar.change(5, hash="0" * 64)
    assert ("edited", 5) in await findings(table)


@pytest.mark.parametrize(
    ("column", "value"), [("connection", "x"), ("outcome", "read"), ("object", "9"), ("action", "x")]
)
async def test_an_edited_column_is_found_though_the_hash_fits(burglar, table, column, value):
    """Searches read the columns: an event must not be hidden from them."""
    await burglar.change(5, **{column: value})
    assert await findings(table) == [("edited", 5)]


@pytest.mark.parametrize("seq", [1, 2, 6, 9])
async def test_a_removed_event_is_found(burglar, table, seq):
    await burglar.remove(seq)
    assert [("missing", seq + 1)] == await findings(table)


async def test_several_removed_events_are_one_gap(burglar, table):
    await burglar.remove(4, 5, 6)
    assert await findings(table) == [("missing", 7)]


async def test_a_forged_event_in_a_gap_is_found_by_its_successor(burglar, table):
    row = await burglar.row(6)
    await burglar.remove(6)
    await burglar.forge(6, row)
    assert await findings(table) == [("edited", 7)]


async def test_two_events_that_changed_places_are_found(burglar, table):
    one, two = await burglar.row(4), await burglar.row(5)
    await burglar.change(4, **two.values)
    await burglar.change(5, **one.values)
    assert {("edited", 4), ("edited", 5)} <= set(await findings(table))


@pytest.mark.parametrize("left", [0, 5, 9])
async def test_a_cut_tail_is_found_by_the_anchor(burglar, table, left):
    await burglar.remove(*range(left + 1, 11))
    assert [("cut", left)] == await findings(table)


async def test_a_rewritten_rest_is_found_by_the_anchor(burglar, table):
    await burglar.rewrite(5)
    assert await findings(table) == [("edited", 10)]


async def test_a_rewritten_anchor_too_is_found_by_the_log(burglar, table):
    anchor = await table.get(chain.ANCHORS, burglar.name)
    heads = logged_heads([f"2026 INFO audit head {burglar.name} {anchor.values['seq']} {anchor.values['hash']}\n", "x"])
    assert await findings(table, heads=heads) == []
    await burglar.rewrite(5)
    await table.merge(Row(chain.ANCHORS, burglar.name, {"hash": (await burglar.row(10)).values["hash"]}))
    assert await findings(table) == []
    assert await findings(table, heads=heads) == [("edited", 10)]


async def test_a_chain_that_vanished_with_its_anchor_is_found_by_the_log(burglar, table):
    heads = {burglar.name: Head(10, "0" * 64)}
    await burglar.remove(*range(1, 11))
    await table.delete(chain.ANCHORS, burglar.name)
    assert await findings(table, heads=heads) == [("anchor", 0), ("cut", 0)]


async def test_a_removed_anchor_is_found(burglar, table):
    await table.delete(chain.ANCHORS, burglar.name)
    assert await findings(table) == [("anchor", 1)]


async def test_an_anchor_that_says_nothing_is_found(burglar, table):
    await table.put(Row(chain.ANCHORS, burglar.name, {"seq": 10}))
    assert ("anchor", 0) in await findings(table)


async def test_an_invented_chain_is_found(burglar, table):
    forger = Burglar(table, "20260101|i-deadbeef")
    await forger.forge(1, await burglar.row(1))
    assert await findings(table) == [("anchor", 1)]


async def test_rows_do_not_move_to_another_chain(burglar, table):
    other = "20260101|i-deadbeef"
    for seq in range(1, 11):
        await table.put(Row(other, chain.key(seq), (await burglar.row(seq)).values))
    await table.put(Row(chain.ANCHORS, other, (await table.get(chain.ANCHORS, burglar.name)).values))
    assert ("edited", 1) in await findings(table)


@pytest.mark.parametrize(("partition", "key"), [("elsewhere", "1"), ("20260101|x", "one"), ("2026|x", "000000000001")])
async def test_a_row_that_no_writer_makes_is_found(burglar, table, partition, key):
    await table.put(Row(partition, key, {"event": "{}"}))
    assert await findings(table) == [("added", 0)]


async def test_a_row_that_is_no_event_is_found(burglar, table):
    row = await burglar.row(9)
    before = Head(9, row.values["hash"])
    await table.put(Row(burglar.name, chain.key(10), {"event": "[", "hash": chain.link(before, "[").hash}))
    assert ("edited", 10) in await findings(table)


class Calendar(datetime):
    today = datetime(2026, 3, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        return cls.today


async def test_days_that_were_deleted_on_purpose_are_no_finding(table, event, monkeypatch):
    monkeypatch.setattr(trail, "datetime", Calendar)
    writer = AuditTrail(table, "i")
    for day in (1, 2, 3):
        Calendar.today = datetime(2026, 3, day, tzinfo=UTC)
        await writer.record(event(day))
    await writer.close()
    for row in [row async for row in table.query(None)]:
        if "20260301" in (row.partition[:8], row.key[:8]):
            await table.delete(row.partition, row.key)
    assert await findings(table) == [("missing", 2)]
    assert await findings(table, first_day="20260302") == []
    await table.delete(f"20260303|{writer.chain}", chain.key(3))
    assert await findings(table, first_day="20260302") == [("cut", 2)]


async def test_an_endless_list_of_findings_ends(table, event, monkeypatch):
    from scim.audit import verify as module

    monkeypatch.setattr(module, "MOST_FINDINGS", 3)
    for number in range(9):
        await table.put(Row("elsewhere", str(number), {"event": orjson.dumps({}).decode()}))
    assert len(await findings(table)) == 3


async def test_a_trail_that_cannot_be_read_is_not_called_fine(store, table, burglar):
    store.fail_next(1, after=1)
    with pytest.raises(StoreUnavailable):
        await verify(table)
