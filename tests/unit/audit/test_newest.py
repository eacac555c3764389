"""The trail backwards: in order, whole across pages, and at the cost of what is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from scim.audit import chain, newest
from scim.audit.events import canonical, columns
from scim.audit.newest import search_newest
from scim.console.pages.audit import PAGE, Search, page_of
from scim.store.table import Operation, Row

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


async def write(table, name, events):
    """Events as one process wrote them, in the order of writing, with the anchor after each day's last."""
    head = before = chain.genesis(name)
    day, rows = "", []
    for event in events:
        today = f"{event.at:%Y%m%d}"
        if day and today != day:
            await close(table, chain.partition(day, name), head, before, rows)
            before, rows = head, []
        day, text = today, canonical(event)
        head = chain.link(head, text)
        rows.append(
            Row(
                chain.partition(day, name),
                chain.key(head.seq),
                {"event": text, "hash": head.hash, **columns(event)},
            )
        )
    await close(table, chain.partition(day, name), head, before, rows)


async def close(table, partition, head, before, rows):
    for start in range(0, len(rows), 100):
        await table.batch([Operation("insert", row) for row in rows[start : start + 100]])
    await table.put(chain.anchor_row(partition, head, before, max(row.values["at"] for row in rows)))


def desk_of(store):
    return SimpleNamespace(connector=SimpleNamespace(store=store))


async def pages(store, since, until, patience=60.0):
    """Every page of a search, one after the other."""
    found = []
    for _ in range(1_000):
        page = await page_of(desk_of(store), Search(since, until, reads=True), patience)
        found.append(page)
        if page.until is None:
            return found
        assert page.until < until, "the next page would be this one again"
        until = page.until
    raise AssertionError("the search does not end")


@pytest.fixture
def counted(table, monkeypatch):
    """How many rows are read, and in how many questions."""
    count = SimpleNamespace(rows=0, questions=0)
    query = type(table).query

    async def counting(self, *arguments, **named):
        count.questions += 1
        async for row in query(self, *arguments, **named):
            count.rows += 1
            yield row

    monkeypatch.setattr(type(table), "query", counting)
    return count


async def test_pages_one_after_the_other_show_each_row_once(store, table, event):
    """Rows of one moment in several chains, and reads that were written after younger records, included."""
    wanted = set()
    for writer in range(4):
        events = []
        for number in range(300):
            at = NOON + timedelta(seconds=number // 2)  # each moment twice in each chain
            late = timedelta(seconds=3) if number % 10 == 0 else timedelta()
            events.append(event(number, at=at - late, object_id=f"{writer}-{number}"))
        wanted |= {one.object_id for one in events}
        await write(table, f"writer{writer}", events)
    shown = await pages(store, NOON - timedelta(days=1), NOON + timedelta(days=1))
    ids = [entry.event.object_id for page in shown for entry in page.rows]
    assert sorted(wanted) == sorted(ids)
    times = [entry.event.at for page in shown for entry in page.rows]
    assert sorted(times, reverse=True) == times
    assert all(len(page.rows) <= PAGE + 8 for page in shown)


async def test_a_page_from_the_middle_of_a_day_costs_what_one_from_its_end_costs(table, event, counted):
    for writer in range(3):
        events = [event(i, at=NOON - timedelta(hours=10) + timedelta(seconds=7 * i)) for i in range(5_000)]
        await write(table, f"writer{writer}", events)
    costs = []
    for until in (NOON + timedelta(hours=3), NOON - timedelta(hours=1), NOON - timedelta(hours=7)):
        counted.rows = table.calls = 0
        entries = search_newest(table, NOON - timedelta(days=2), until)
        found = [(await anext(entries)).event.at for _ in range(100)]
        await entries.aclose()
        assert until - timedelta(minutes=10) < max(found) < until or until > NOON
        costs.append((counted.rows, table.calls))
    assert all(rows <= 800 and calls <= 40 for rows, calls in costs), costs


async def test_a_search_that_is_given_up_goes_on_from_where_it_came_and_ends(store, table, event, counted):
    """However slow the table is: what a page looked at is not looked at again by the next one."""
    events = [event(i, at=NOON - timedelta(days=3) + timedelta(minutes=1) * i) for i in range(4_000)]
    await write(table, "writer", events)
    shown = await pages(store, NOON - timedelta(days=30), NOON + timedelta(days=1), patience=0.0)
    assert len(events) == sum(page.looked for page in shown)
    assert counted.rows < 10 * len(events)


async def test_a_search_never_ends_where_it_began(store, table, event):
    """Even when reading the anchors took all its time."""
    await write(table, "writer", [event(i, at=NOON + timedelta(days=i)) for i in range(3)])
    shown = await pages(store, NOON - timedelta(days=1), NOON + timedelta(days=2, hours=1), patience=0.0)
    assert [NOON + timedelta(days=i) for i in (2, 1, 0)] == [e.event.at for page in shown for e in page.rows]


@pytest.mark.parametrize("where", [{"object_id": "7"}, {"outcome": "failed"}])
async def test_few_rows_of_many_days_are_few_questions(table, event, counted, where):
    wanted = []
    for writer in range(4):
        events = []
        for number in range(3_000):
            rare = number % 200 == 0
            events.append(
                event(
                    number,
                    at=NOON - timedelta(days=30) + timedelta(minutes=14 * number),
                    object_id="7" if rare else "8",
                    outcome="failed" if rare else "done",
                )
            )
        wanted += [one.at for one in events[::200]]
        await write(table, f"writer{writer}", events)
    counted.questions = counted.rows = 0
    found = [e async for e in search_newest(table, NOON - timedelta(days=31), NOON + timedelta(days=1), **where)]
    assert sorted(wanted, reverse=True) == [entry.event.at for entry in found]
    assert counted.questions <= 3
    assert counted.rows <= len(wanted) + 4 * 31


async def test_what_is_rare_only_by_its_name_is_read_as_it_comes(table, event, counted):
    """A platform that is refused all day: a page of its rows must not cost the day."""
    events = [
        event(i, at=NOON - timedelta(hours=11) + timedelta(seconds=5 * i), outcome="refused") for i in range(9_000)
    ]
    await write(table, "writer", events)
    counted.rows = 0
    entries = search_newest(table, NOON - timedelta(days=1), NOON + timedelta(days=1), outcome="refused")
    found = [(await anext(entries)).event.at for _ in range(100)]
    await entries.aclose()
    assert [one.at for one in events[:-101:-1]] == found
    assert counted.rows <= newest.FEW + newest.FIRST + 10


async def test_chains_that_ended_earlier_are_not_read(table, event, counted):
    for writer in range(60):
        begin = NOON - timedelta(hours=10) + timedelta(minutes=10 * writer)
        events = [event(i, at=begin + timedelta(seconds=i)) for i in range(200)]
        await write(table, f"writer{writer:02d}", events)
    counted.questions = 0
    entries = search_newest(table, NOON - timedelta(days=1), NOON + timedelta(days=1))
    for _ in range(100):
        await anext(entries)
    await entries.aclose()
    assert counted.questions <= 1 + 3 * newest.AT_ONCE


async def test_what_was_written_after_the_last_anchor_is_found(table, event, counted):
    """However much it is, for the price of a page: a process that died did not anchor its last minute."""
    events = [event(i, at=NOON + timedelta(seconds=i)) for i in range(3_000)]
    await write(table, "writer", events)
    (anchor,) = [row async for row in table.query(chain.ANCHORS)]
    await table.put(Row(anchor.partition, anchor.key, {**anchor.values, "seq": 10, "anchored": NOON}))
    found = [e.event.at async for e in search_newest(table, NOON - timedelta(days=1), NOON + timedelta(days=1))]
    assert [one.at for one in reversed(events)] == found
    counted.rows = 0
    entries = search_newest(table, NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert events[-1].at == (await anext(entries)).event.at
    await entries.aclose()
    assert counted.rows <= 3 * newest.FIRST
