"""Folders, secrets, rights and roles behind a vault and tables that fail, and in a process that dies.

The same promises as for people (test_unknown_is_never_absent.py, test_crash.py), for every read and every kind of
write of this family: no empty list, no 404 and no other resource; and after the same request repeated, or the timer,
the vault and the client's view are what one undisturbed request gives, once, with nothing left open in the journal.

The normal suite takes a few of the interruptions of each, never the same ones for two neighbours; the slow tests take
all of them.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.faults.dialogue import Play, done_right, told_truth
from tests.faults.holdings import (
    ENDING,
    FORGETFUL,
    HOLDINGS,
    READS,
    TO_THE_ROOT,
    WRITES,
    Made,
    forgetful_world,
    in_the_vault,
    in_view,
    repetitions,
    right,
    world,
)
from tests.faults.interruptions import (
    FOR_EVER,
    KINDS,
    every_call_fails,
    every_table_call_fails,
    faulty_tables,
    faulty_vault,
    lines,
)
from tests.faults.mortal import DEEP, Death, MortalStore, MortalVault, deaths, killed, life

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


# -- rights that nobody's record holds -------------------------------------------------------------------------------


@pytest.mark.parametrize("write", FORGETFUL.writes)
async def test_a_vault_that_copies_no_rows_leads_to_the_same_rights(write: str) -> None:
    """Whose right it was before the inheritance ended keeps it, as where the vault itself copies them."""
    copied, forgetful = Play(FORGETFUL.writes, world, in_the_vault, in_view, repetitions), FORGETFUL
    right, found = await done_right(write, copied), await done_right(write, forgetful)
    assert right.vault == found.vault
    assert right.view == found.view


@pytest.mark.parametrize("timer_first", [False, True])
@pytest.mark.parametrize("write", ENDING)
async def test_a_process_killed_while_inheritance_ends_costs_nobody_a_right(write: str, timer_first: bool) -> None:
    """Killed at any step, in a vault that copies no rows: the same request gives them back, and so does the timer.

    Here from the first change on, at every third step; the slow test takes them all.
    """
    right = await done_right(write, FORGETFUL)
    wrong: list[str] = []
    for at, after in (await deaths(write, FORGETFUL))[list(ENDING).index(write) % 3 :: 3]:
        wrong += await killed(write, at, right, after=after, timer_first=timer_first, play=FORGETFUL)
    assert [] == wrong


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("write", "timer_first"), [*itertools.product(ENDING, (False, True)), *((write, True) for write in TO_THE_ROOT)]
)
async def test_a_process_killed_at_any_step_while_inheritance_ends_costs_nobody_a_right(
    write: str, timer_first: bool
) -> None:
    right = await done_right(write, FORGETFUL)
    wrong: list[str] = []
    for at, after in await deaths(write, FORGETFUL):
        wrong += await killed(write, at, right, after=after, timer_first=timer_first, play=FORGETFUL)
    assert [] == wrong


@pytest.mark.parametrize("write", TO_THE_ROOT)
async def test_a_process_killed_while_a_folder_moves_to_the_root_costs_nobody_a_right(write: str) -> None:
    """There nothing is above it any more: the timer gives back what it had."""
    right = await done_right(write, FORGETFUL)
    wrong: list[str] = []
    for at, after in (await deaths(write, FORGETFUL))[::3]:
        wrong += await killed(write, at, right, after=after, timer_first=True, play=FORGETFUL)
    assert [] == wrong


@pytest.mark.parametrize("write", ENDING)
async def test_a_lost_answer_while_inheritance_ends_is_finished_by_the_same_request(write: str) -> None:
    def kinds(pattern: str) -> Iterable[str]:
        return ("drop-after", "drop-before") if is_change(pattern) else ()

    assert [] == await faulty_vault(write, kinds, FORGETFUL)


async def interrupted() -> Made:
    """The right of user 7 below is being changed when the process dies: between the end of the inheritance, which takes
    all rights with it in this vault, and the first right that is given back.
    """
    write = "change a right below"
    end = (await life(write, FORGETFUL)).index("PATCH")
    w = await forgetful_world()
    death = Death()
    w.door.restart(MortalStore(w.door.store, death), MortalVault(w.door.transport, death))
    await w.client.get(DEEP)
    death.order(end, after=True)
    change = asyncio.ensure_future(WRITES[write](w))
    await asyncio.wait_for(death.came.wait(), 30)
    death.bury()
    change.cancel()
    await asyncio.gather(change, return_exceptions=True)
    assert {1} == holders(w), "the vault's own record has nobody else any more"
    w.door.restart()
    return w


def holders(w: Made) -> set[int]:
    """Users with a row on the inner folder, groups left aside."""
    return {r["userId"] for r in w.door.state()["folder_permissions"] if r["folderId"] == int(w.inner) and r["userId"]}


async def test_what_is_known_to_have_been_there_is_never_said_to_be_absent() -> None:
    """While rights are being given back, reads and writes of them are an outage of a moment, not a 404 or less."""
    w = await interrupted()
    told_truth(await w.client.get(f"/ContainerPermissions/{w.inherited}"), None)
    query = {"filter": f'container.value eq "{w.inner}"'}
    told_truth(await w.client.get("/ContainerPermissions", params=query), None)
    told_truth(await w.client.delete(f"/ContainerPermissions/{w.inherited}"), None)
    before = in_the_vault(w.door)
    told_truth(await WRITES["create a right below"](w), None)
    assert before == in_the_vault(w.door)
    w.door.age(3)
    told_truth(await w.client.get(f"/ContainerPermissions/{w.inherited}"), None)
    told_truth(await w.client.get("/ContainerPermissions", params=query), None)
    assert before == in_the_vault(w.door), "a read changes nothing"
    answer = await WRITES["change a right below"](w)
    assert (200, ["Owner"]) == (answer.status_code, answer.json()["rights"])
    assert {1, 7} == holders(w)
    listed = (await w.client.get("/ContainerPermissions", params=query)).json()
    assert 2 == listed["totalResults"]
    told = [e.detail for e in await w.door.audit() if e.action == "folder-grant.change"]
    assert "every right that applied before stands at itself" in told[-1]


async def test_what_cannot_be_given_back_within_a_day_is_told_for_those_who_do_it_by_hand() -> None:
    w = await interrupted()
    w.door.fail({"match": "^POST /api/v1/folder-permissions", "do": "403"})
    await w.door.upkeep()
    assert [row for row in w.door.rows("journal") if row.partition.startswith("detach|")]
    table = w.door.store.table("journal")
    for key, row in list(table.rows.items()):
        if row.partition.startswith("detach|"):
            table.rows[key] = replace(row, values={**row.values, "since": row.values["since"] - timedelta(days=1)})
    await w.door.upkeep()
    assert [] == [row for row in w.door.rows("journal") if row.partition.startswith("detach|")]
    told = [e for e in await w.door.audit() if e.action == "resume.inheritance.end"]
    assert ["unknown"] == [e.outcome for e in told]
    assert "user 7 (View / View)" in told[0].detail
    assert f"group {w.others} (Edit / Edit)" in told[0].detail


async def test_a_right_that_is_taken_away_afterwards_is_not_given_back() -> None:
    """The record of what was there ends with the first write after it."""
    w = await interrupted()
    w.door.age(3)
    assert 204 == (await w.client.delete(f"/ContainerPermissions/{w.inherited}")).status_code
    assert {1} == holders(w)
    await w.door.upkeep()
    assert {1} == holders(w)


async def test_the_timer_tells_what_it_gave_back() -> None:
    w = await interrupted()
    await w.door.upkeep()
    assert {1, 7} == holders(w)
    told = [e for e in await w.door.audit() if e.action == "resume.inheritance.end"]
    assert ["done"] == [e.outcome for e in told]
    assert ["\\Box\\Inner"] == [e.object_name for e in told]
    assert [] == [row for row in w.door.rows("journal") if row.partition.startswith("detach|")]


async def test_a_right_that_the_vault_refuses_to_give_back_keeps_nobody_from_another() -> None:
    """It is told and left out."""
    w = await interrupted()
    w.door.fail({"match": "^POST /api/v1/folder-permissions", "do": "400", "times": 1})
    await w.door.upkeep()
    assert {1} == holders(w)
    rows = [r["groupId"] for r in w.door.state()["folder_permissions"] if r["folderId"] == int(w.inner)]
    assert int(w.others) in rows
    told = [e.detail for e in await w.door.audit() if e.action == "resume.inheritance.end"]
    assert ["Secret Server refuses to give its right again to user 7"] == [d.partition("; ")[2] for d in told]


@pytest.mark.parametrize("rows", ["copied", "none"])
async def test_many_who_end_one_inheritance_at_a_time_all_get_what_they_asked_for(rows: str) -> None:
    """One of them ends it, the others wait for that; nobody is given back what another takes away meanwhile."""
    w = await world()
    people = [n for n in w.door.vault.users if n > 3 and n != 7 and w.door.vault.users[n].enabled][:4]
    w.door.vault.switches.set("rows_after_break", rows)
    give = [w.client.post("/ContainerPermissions", json=right(w.inner, user=str(n))) for n in people]
    take = w.client.delete(f"/ContainerPermissions/{w.inherited}")
    answers = await asyncio.gather(*give[:2], take, *give[2:])
    assert [201, 201, 204, 201, 201] == [a.status_code for a in answers], [a.text for a in answers]
    assert {1, *people} == holders(w)
    groups = [r["groupId"] for r in w.door.state()["folder_permissions"] if r["folderId"] == int(w.inner)]
    assert len(groups) == len(set(groups))
    assert int(w.others) in groups
    assert [] == [row for row in w.door.rows("journal") if row.partition.startswith("detach|")]
