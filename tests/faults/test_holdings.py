"""Folders, secrets, rights and roles behind a vault and tables that fail, and in a process that dies.

The same promises as for people (test_unknown_is_never_absent.py, test_crash.py), for every read and every kind of
write of this family: no empty list, no 404 and no other resource; and after the same request repeated, or the timer,
the vault and the client's view are what one undisturbed request gives, once, with nothing left open in the journal.

The normal suite takes a few of the interruptions of each, never the same ones for two neighbours; the slow tests take
all of them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

import pytest

from tests.faults.dialogue import done_right, told_truth
from tests.faults.holdings import HOLDINGS, READS, WRITES, in_the_vault, world
from tests.faults.interruptions import (
    FOR_EVER,
    KINDS,
    every_call_fails,
    every_table_call_fails,
    faulty_tables,
    faulty_vault,
    lines,
)
from tests.faults.mortal import deaths, killed

FEW = list(WRITES)[::4]
SLOW_KINDS = ("slow", "hang", "drip")
SHORT = {"request_seconds": 2.0, "connect_seconds": 0.05, "read_seconds": 0.05}
CHANGING = ("drop-after", "drop-before", "bad-json", "503")


# -- reads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(6))
async def test_no_fault_makes_a_read_of_holdings_empty(number: int) -> None:
    """Every call behind every sixth read, in one way each; all reads in all ways are in the slow test."""
    w = await world()
    turns = itertools.cycle((*KINDS, "400")[number:] + KINDS[:number])
    for name in list(READS)[number::6]:
        await every_call_fails(w, READS[name], lambda: [next(turns)])


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", READS)
async def test_no_fault_of_any_kind_makes_a_read_of_holdings_empty(name: str) -> None:
    await every_call_fails(await world(), READS[name], lambda: [*KINDS, "400"])


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", READS)
async def test_no_fault_of_the_tables_makes_a_read_of_holdings_empty(name: str) -> None:
    await every_table_call_fails(await world(), READS[name])


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", SLOW_KINDS)
@pytest.mark.parametrize("name", READS)
async def test_a_vault_that_is_slow_for_ever_is_an_outage_in_time(name: str, kind: str) -> None:
    w = await world(**SHORT)
    w.door.restart()
    w.door.calls()
    right = await READS[name](w)
    for pattern in lines(w.door.calls()):
        w.door.restart()
        w.door.fail({"match": pattern, "do": kind, "ms": 400})
        begun = time.monotonic()
        told_truth(await READS[name](w), right, f"{name}: {kind} at {pattern}")
        assert time.monotonic() - begun < 3


# -- writes ----------------------------------------------------------------------------------------------------------


def is_change(pattern: str) -> bool:
    return not pattern.startswith("^GET") and "oauth2" not in pattern and "reports" not in pattern


@pytest.mark.parametrize("write", FEW)
async def test_a_lost_answer_is_finished_by_the_same_request(write: str) -> None:
    def kinds(pattern: str) -> Iterable[str]:
        return ("drop-after",) if is_change(pattern) else ()

    assert [] == await faulty_vault(write, kinds, HOLDINGS)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_meets_any_fault_anywhere_is_completed_by_its_repetition(write: str) -> None:
    turns = itertools.cycle(KINDS)
    reading = len(KINDS) // 2

    def kinds(pattern: str) -> Iterable[str]:
        return KINDS if is_change(pattern) else [next(turns) for _ in range(reading)]

    assert [] == await faulty_vault(write, kinds, HOLDINGS)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["unavailable", "lost"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_loses_its_tables_is_completed_by_its_repetition(write: str, kind: str) -> None:
    assert [] == await faulty_tables(write, kind, HOLDINGS)


@pytest.mark.parametrize("write", FEW)
async def test_a_write_that_loses_its_tables_now_and_then_is_completed_by_its_repetition(write: str) -> None:
    kind = ("unavailable", "lost")[FEW.index(write) % 2]
    assert [] == await faulty_tables(write, kind, HOLDINGS, every=5, first=FEW.index(write) % 5)


async def test_without_tables_nothing_is_changed() -> None:
    """No intent, no change: 503 and not one call that changes anything, for every kind of write."""
    w = await world()
    await w.client.get("/Containers")
    before = in_the_vault(w.door)
    for write, send in WRITES.items():
        w.door.calls()
        w.door.store.fail_next(FOR_EVER)
        answer = await send(w)
        assert 503 == answer.status_code, write
        told_truth(answer, None, write)
        w.door.heal()
        assert [] == [c for c in w.door.changes() if "reports" not in c["path"]], write
    assert before == in_the_vault(w.door)


# -- death -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", FEW)
async def test_a_process_killed_at_some_step_leaves_what_the_same_request_completes(write: str) -> None:
    right = await done_right(write, HOLDINGS)
    wrong: list[str] = []
    chosen = (await deaths(write, HOLDINGS))[FEW.index(write) % 6 :: 6]
    for number, (at, after) in enumerate(chosen):
        wrong += await killed(write, at, right, after=after, timer_first=number % 2 == 0, play=HOLDINGS)
    assert [] == wrong


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("timer_first", [False, True])
@pytest.mark.parametrize("write", WRITES)
async def test_a_process_killed_at_every_step_whoever_comes_first_afterwards(write: str, timer_first: bool) -> None:
    right = await done_right(write, HOLDINGS)
    wrong: list[str] = []
    for at, after in await deaths(write, HOLDINGS):
        wrong += await killed(write, at, right, after=after, timer_first=timer_first, play=HOLDINGS)
    assert [] == wrong
