from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from scim.audit import chain, trail
from scim.audit.events import MOST_CHARACTERS, canonical, columns, entry, read
from scim.audit.trail import AuditTrail, search
from scim.audit.verify import verify
from scim.errors import StoreUnavailable
from scim.store.memory import MemoryStore, MemoryTable
from scim.store.table import Row, RowExists

HOUR = timedelta(hours=1)


async def everything(table, **how):
    now = datetime.now(UTC)
    return [found async for found in search(table, now - HOUR, now + HOUR, **how)]


async def test_a_recorded_event_is_there_when_record_returns(table, event):
    writer = AuditTrail(table, "i")
    made = event(steps=("POST users", "PATCH group"), changed=("emails",), upstream=2, ms=1.5, detail="Zoë 🙂")
    await writer.record(made)
    (found,) = await everything(table)
    assert made == found.event
    assert found.seq == 1


async def test_an_event_reads_back_as_it_was(event):
    made = event(normalised=("op",), status=201, object_name="\"x\" 'y'")
    assert made == read(canonical(made))
    assert made == read(canonical(made)[:-1] + ',"from_the_future":1}')


async def test_what_a_hostile_request_puts_into_an_event_stays_storable(table, event):
    writer = AuditTrail(table, "i")
    await writer.record(event(object_name="\ud800 lone", detail="x" * 10**6, steps=("y" * 5000,) * 500))
    (found,) = await everything(table)
    assert len(canonical(found.event)) <= MOST_CHARACTERS
    assert '"cut":true' in (await table.get(found.partition, chain.key(1))).values["event"]
    assert (await verify(table)).fine


async def test_fifty_parallel_records_make_one_unbroken_chain(table, event):
    writer = AuditTrail(table, "i")
    await asyncio.gather(*(writer.record(event(n)) for n in range(50)))
    assert list(range(1, 51)) == sorted(found.seq for found in await everything(table))
    assert len({found.event.request_id for found in await everything(table)}) == 50
    report = await verify(table)
    assert (report.rows, report.chains, report.findings) == (50, 1, [])


async def test_events_that_arrive_together_share_a_transaction(table, event):
    writer = AuditTrail(table, "i")
    await writer.record(event())
    before = table.calls
    await asyncio.gather(*(writer.record(event(n)) for n in range(250)))
    assert table.calls - before == 3


async def test_three_instances_never_wait_for_each_other_and_never_fork(table, event):
    writers = [AuditTrail(table, "same-name") for _ in range(3)]
    await asyncio.gather(*(writer.record(event(n)) for n in range(20) for writer in writers))
    report = await verify(table)
    assert (report.rows, report.chains, report.findings) == (60, 3, [])


async def test_order_of_recording_is_order_in_the_chain(table, event):
    writer = AuditTrail(table, "i")
    tasks = [asyncio.create_task(writer.record(event(n))) for n in range(30)]
    await asyncio.gather(*tasks)
    rows = [row async for row in table.query(chain.partition(f"{datetime.now(UTC):%Y%m%d}", writer.chain))]
    assert [f"r{n}" for n in range(30)] == [entry(row).event.request_id for row in rows]


async def test_no_table_no_record(store, table, event):
    writer = AuditTrail(table, "i")
    store.fail_next(10**6)
    with pytest.raises(StoreUnavailable):
        await writer.record(event())
    store.fail_next(0)
    await writer.record(event(1))
    assert [found.event.request_id for found in await everything(table)] == ["r1"]
    assert (await verify(table)).fine


@pytest.mark.parametrize("size", [1, 5])
async def test_a_lost_answer_forks_nothing(store, table, event, size):
    writer = AuditTrail(table, "i")
    await writer.record(event(0))
    store.fail_next(1, "lost")
    answers = await asyncio.gather(*(writer.record(event(n)) for n in range(1, size + 1)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    await asyncio.gather(*(writer.record(event(n)) for n in range(10, 15)))
    report = await verify(table)
    assert (1 + size + 5, []) == (report.rows, report.findings)


async def test_a_write_that_comes_through_late_forks_nothing(table, event):
    """The batch was given up, the chain went on reading an empty place, and then the row appeared."""
    writer = AuditTrail(table, "i")
    await writer.record(event(0))
    head = writer.head
    late = event(1)
    await writer.record(late)
    writer._head = head  # as if the answer to the second had been lost and settling had come too early
    await writer.record(event(2))
    report = await verify(table)
    assert (report.rows, report.findings) == (3, [])


async def test_a_table_that_hangs_is_an_outage_within_three_seconds(event, monkeypatch):
    monkeypatch.setattr(trail, "RECORD_SECONDS", 0.2)

    class Hanging:
        async def put(self, row, *, etag=None):
            await asyncio.sleep(60)

    writer = AuditTrail(Hanging(), "i")
    started = time.monotonic()
    answers = await asyncio.gather(*(writer.record(event(n)) for n in range(20)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert time.monotonic() - started < 1
    writer._writer.cancel()


async def test_whatever_breaks_is_told_to_who_waits(event, caplog):
    class Broken:
        async def put(self, row, *, etag=None):
            raise RuntimeError("canary-detail")

    writer = AuditTrail(Broken(), "i")
    with pytest.raises(StoreUnavailable):
        await writer.record(event())
    assert "canary-detail" not in caplog.text


async def test_a_caller_who_gave_up_before_the_write_is_not_written(table, event):
    writer = AuditTrail(table, "i")
    await writer.record(event(0))
    task = asyncio.create_task(writer.record(event(1)))
    await asyncio.sleep(0)
    task.cancel()
    await writer.record(event(2))
    assert "r2" in {found.event.request_id for found in await everything(table)}
    assert (await verify(table)).fine


# --- reads ------------------------------------------------------------------------------------------


async def test_a_read_is_written_with_the_next_record(table, event):
    writer = AuditTrail(table, "i")
    writer.note(event(1, outcome="read"))
    assert await everything(table) == []
    await writer.record(event(2))
    assert sorted(found.event.request_id for found in await everything(table)) == ["r1", "r2"]


async def test_fifty_reads_are_written_together(table, event):
    writer = AuditTrail(table, "i")
    for number in range(50):
        writer.note(event(number, outcome="read"))
    await asyncio.sleep(0.05)
    assert len(await everything(table)) == 50
    assert table.calls - 2 == 2  # the day and one transaction; two calls of this search


async def test_reads_do_not_wait_longer_than_their_time(table, event, monkeypatch):
    monkeypatch.setattr(trail, "READ_SECONDS", 0.05)
    writer = AuditTrail(table, "i")
    for number in range(2):
        writer.note(event(number, outcome="read"))
        await asyncio.sleep(0.1)
    assert len(await everything(table)) == 2


async def test_flush_writes_what_waits(table, event):
    writer = AuditTrail(table, "i")
    writer.note(event(1, outcome="read"))
    await writer.flush()
    await writer.flush()
    assert len(await everything(table)) == 1


async def test_reads_go_to_the_log_when_the_table_is_away_and_never_raise(store, table, event, caplog):
    writer = AuditTrail(table, "i")
    store.fail_next(10**6)
    for number in range(3):
        writer.note(event(number, outcome="read"))
    with pytest.raises(StoreUnavailable):
        await writer.flush()
    assert caplog.text.count('"outcome":"read"') == 3


def test_noting_without_a_loop_is_harmless_and_bounded(table, event, monkeypatch, caplog):
    monkeypatch.setattr(trail, "MOST_READS", 5)
    writer = AuditTrail(table, "i")
    for number in range(8):
        writer.note(event(number, outcome="read"))
    assert len(writer._reads) == 5
    assert caplog.text.count('"outcome":"read"') == 3


# --- anchors and days ------------------------------------------------------------------------------------------


async def test_the_head_is_anchored_and_told_to_the_log(table, event, caplog):
    caplog.set_level(logging.INFO, "scim.audit")
    writer = AuditTrail(table, "i")
    await writer.anchor()
    await writer.record(event())
    await writer.anchor()
    (row,) = [row async for row in table.query(chain.ANCHORS)]
    assert writer.head == chain.read_anchor(row)[0]
    assert f"{writer.head.seq} {writer.head.hash}" in caplog.text
    before = table.calls
    await writer.anchor()
    assert before == table.calls


async def test_a_busy_chain_is_anchored_by_itself(table, event, monkeypatch):
    monkeypatch.setattr(trail, "ANCHOR_SECONDS", 0.05)
    writer = AuditTrail(table, "i")
    await writer.record(event())
    await asyncio.sleep(0.15)
    (row,) = [row async for row in table.query(chain.ANCHORS)]
    assert writer.head == chain.read_anchor(row)[0]


async def test_a_failed_anchor_is_tried_again(store, table, event, monkeypatch):
    monkeypatch.setattr(trail, "ANCHOR_SECONDS", 0.05)
    writer = AuditTrail(table, "i")
    await writer.record(event())
    store.fail_next(1)
    await asyncio.sleep(0.1)
    await writer.record(event(1))
    await asyncio.sleep(0.15)
    (row,) = [row async for row in table.query(chain.ANCHORS)]
    assert writer.head == chain.read_anchor(row)[0]


async def test_closing_writes_anchors_and_never_raises(store, table, event):
    writer = AuditTrail(table, "i")
    writer.note(event(1, outcome="read"))
    await writer.close()
    (row,) = [row async for row in table.query(chain.ANCHORS)]
    assert chain.read_anchor(row)[0].seq == 1
    writer.note(event(2, outcome="read"))
    store.fail_next(10**6)
    await writer.close()


class Calendar(datetime):
    today = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        return cls.today


async def test_a_chain_goes_on_over_midnight_and_a_clock_that_jumps_back(table, event, monkeypatch):
    monkeypatch.setattr(trail, "datetime", Calendar)
    writer = AuditTrail(table, "i")
    for day in (1, 1, 2, 1, 2, 3):
        Calendar.today = datetime(2026, 3, day, 23, 59, tzinfo=UTC)
        await writer.record(event(at=Calendar.today))
    await writer.close()
    partitions = {row.partition async for row in table.query(None)}
    assert {"20260301", "20260302", "20260303", "anchors"} == {name.partition("|")[0] for name in partitions}
    report = await verify(table)
    assert (report.rows, report.chains, report.findings) == (6, 1, [])


# --- searching ------------------------------------------------------------------------------------------


async def test_a_search_finds_by_time_connection_object_and_outcome_over_all_writers(table, event):
    now = datetime.now(UTC)
    one, two = AuditTrail(table, "one"), AuditTrail(table, "two")
    for number in range(10):
        fields = {
            "connection": f"c{number % 2}",
            "object_id": str(number % 3),
            "at": now - timedelta(minutes=9 - number),
        }
        await (one if number % 2 else two).record(event(number, outcome="refused" if number == 4 else "done", **fields))
    found = [item.event.request_id async for item in one.search(now - HOUR, now + HOUR)]
    assert [f"r{n}" for n in range(10)] == found
    assert len(await everything(table, connection="c1")) == 5
    assert len(await everything(table, object_id="0")) == 4
    assert [item.event.request_id for item in await everything(table, outcome="refused")] == ["r4"]
    late = [item async for item in search(table, now - timedelta(minutes=3), now)]
    assert [item.event.request_id for item in late] == ["r6", "r7", "r8"]


async def test_a_search_that_cannot_read_says_so(store, table, event):
    writer = AuditTrail(table, "i")
    await writer.record(event())
    store.fail_next(1, after=1)
    with pytest.raises(StoreUnavailable):
        await everything(table)


def test_the_columns_say_what_the_event_says(event):
    made = event(connection="c", object_id="7")
    assert {"at": made.at, "connection": "c", "action": "user.create", "outcome": "done", "object": "7"} == columns(
        made
    )


# --- when the table answers oddly ----------------------------------------------------------------------------------


class Stuttering(MemoryTable):
    """Sends an insert twice, as the SDK does when the first answer is lost, and reports what the second one met."""

    async def insert(self, row):
        await super().insert(row)
        return await super().insert(row)


async def test_an_event_that_was_sent_twice_is_there_once(event):
    table = Stuttering("audit", MemoryStore().faults)
    writer = AuditTrail(table, "i")
    for number in range(3):
        await writer.record(event(number))
    report = await verify(table)
    assert (report.rows, report.findings) == (3, [])


async def test_rows_that_nobody_here_wrote_are_told_to_the_log(table, event, caplog):
    writer = AuditTrail(table, "i")
    await writer.record(event(0))
    forged = event(9)
    head = chain.link(writer.head, canonical(forged))
    name = chain.partition(f"{datetime.now(UTC):%Y%m%d}", writer.chain)
    values = {"event": canonical(forged), "hash": head.hash, **columns(forged)}
    await table.insert(Row(name, chain.key(head.seq), values))
    await writer.record(event(1))
    assert "did not write" in caplog.text
    assert writer.head.seq == 3


async def test_a_place_that_is_always_taken_ends_in_an_outage_and_no_loop(event):
    class Full(MemoryTable):
        async def insert(self, row):
            raise RowExists

    writer = AuditTrail(Full("audit", MemoryStore().faults), "i")
    with pytest.raises(StoreUnavailable):
        await writer.record(event())


async def test_when_everybody_gave_up_nothing_is_written(table, event):
    writer = AuditTrail(table, "i")
    task = asyncio.create_task(writer.record(event()))
    await asyncio.sleep(0)
    task.cancel()
    await writer.flush()
    await writer.close()
    assert writer.head.seq == 0
    assert table.rows == {}


async def test_an_oversized_burst_is_split_into_transactions_that_fit(table, event, monkeypatch):
    monkeypatch.setattr(trail, "_BATCH_CHARACTERS", 3_000)
    writer = AuditTrail(table, "i")
    await asyncio.gather(*(writer.record(event(n, detail="x" * 900)) for n in range(10)))
    report = await verify(table)
    assert (report.rows, report.findings) == (10, [])


def test_a_trail_that_outlives_its_loop_goes_on_in_the_next(table, event):
    writer = AuditTrail(table, "i")
    for number in range(3):
        asyncio.run(writer.record(event(number)))
    assert writer.head.seq == 3


async def test_an_overdue_anchor_is_written_under_a_loop_whose_handles_do_not_know_their_time(event):
    """uvloop's `call_later(0)` gives a handle without `when`: asked for it, the writer's task died for good."""
    uvloop = pytest.importorskip("uvloop")

    async def busy():
        writer = AuditTrail(MemoryStore().table("audit"), "loop")
        for n in range(3):
            writer._anchored_at -= 3600
            await writer.record(event(n))
            await asyncio.sleep(0.05)
        assert writer._anchored == writer.head
        await writer.close()

    def run():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(busy())

    await asyncio.to_thread(run)
