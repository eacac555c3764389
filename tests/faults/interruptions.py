"""What may come between: each call behind a request failing in each way there is, and each access to the tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.dialogue import PEOPLE, Play, Request, done_right, settled, steady, told_truth

KINDS = ("429", "503", "500", "html", "401", "403", "drop-before", "drop-after", "bad-json", "truncated")
FOR_EVER = 10**6


def lines(calls: list[dict[str, Any]]) -> list[str]:
    """Each kind of call once, as a pattern of its request line with ids left open."""
    found = dict.fromkeys(f"{c['method']} {c['path']}" for c in calls)
    patterns = (re.sub(r"\\?/\d+", r"/\\d+", re.escape(line)) for line in found)
    return list(dict.fromkeys(f"^{p}(\\?|$)" for p in patterns))


async def every_call_fails(w: Any, read: Request, kinds: Callable[[], Iterable[str]]) -> None:
    """A read with each of its calls failing: the right answer or an outage, nothing else."""
    w.door.restart()
    w.door.calls()
    right = await read(w)
    assert 200 == right.status_code, right.text
    for pattern, kind in [(p, k) for p in lines(w.door.calls()) for k in kinds()]:
        w.door.restart()
        w.door.fail({"match": pattern, "do": kind, "retry_after": 1})
        told_truth(await read(w), right, f"{kind} at {pattern}")
    w.door.heal()
    w.door.restart()
    assert steady(right.json()) == steady((await read(w)).json())


async def every_table_call_fails(w: Any, read: Request) -> None:
    w.door.restart()
    before = w.door.table_calls()
    right = await read(w)
    count = w.door.table_calls() - before
    assert count > 0
    for after, times in itertools.product(range(count), (1, FOR_EVER)):
        w.door.restart()
        w.door.store.fail_next(times, after=after)
        told_truth(await read(w), right, f"{times} failures after {after} calls")
        w.door.heal()


async def faulty_vault(write: str, kinds: Callable[[str], Iterable[str]], play: Play = PEOPLE) -> list[str]:
    """A write with each of its calls failing in some ways; what is wrong after its repetition."""
    right = await done_right(write, play)
    wrong: list[str] = []
    for number, pattern in enumerate(lines(right.calls)):
        for kind in kinds(pattern):
            w = await play.world(write)
            w.door.restart()
            w.door.fail({"match": pattern, "do": kind, "retry_after": 1})
            first = await play.writes[write](w)
            if first.status_code >= 300:
                told_truth(first, None, f"{kind} at {pattern}")
            found = await settled(w, write, first.status_code, right, timer_first=number % 2 == 0, play=play)
            wrong += [f"{kind} at {pattern}: {problem}" for problem in found]
    return wrong


async def faulty_tables(write: str, kind: str, play: Play = PEOPLE, *, every: int = 1, first: int = 0) -> list[str]:
    """A write with each of its table calls failing: once, or all of them from there on while the request lasts."""
    right = await done_right(write, play)
    wrong: list[str] = []
    for after in range(first, right.table_calls, every):
        times = FOR_EVER if after % 2 else 1
        w = await play.world(write)
        w.door.restart()
        await w.client.get("/ServiceProviderConfig")
        w.door.store.fail_next(times, kind, after=after)
        answer = await play.writes[write](w)
        if answer.status_code >= 300:
            told_truth(answer, None, f"{times} × {kind} after {after} table calls")
        found = await settled(w, write, answer.status_code, right, timer_first=after % 2 == 0, play=play)
        wrong += [f"{times} × {kind} after {after} table calls: {problem}" for problem in found]
    return wrong
