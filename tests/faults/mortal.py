"""A process that dies at a chosen step, as `kill -9` ends one: nothing is tidied up, no handler runs, no answer leaves.

Steps are calls to the vault and to the tables, in their order. From its death on, every call of the process waits for
ever; when the test has gone on without it, `bury` ends what still waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from scim.store.memory import MemoryStore, MemoryTable
from tests.faults.dialogue import PEOPLE, Play, Right, settled

READING = {"GET", "get", "query"}
DEEP = "http://connector.invalid/health/deep"  # warms what a first write would have to wait for


class Death:
    """Until it is ordered, steps are only written down."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.came = asyncio.Event()
        self._at, self._after, self._buried = -1, False, False

    def order(self, at: int, *, after: bool) -> None:
        """Come at the step of this number, counted from now; `after`: when it was done, before anybody hears of it."""
        self._at, self._after = len(self.steps) + at, after

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        await self._if_dead()
        number = len(self.steps)
        self.steps.append(name)
        if number == self._at and not self._after:
            self.came.set()
        await self._if_dead()
        try:
            return await work()
        finally:  # a refusal is an answer, too, and is not heard any more
            if number == self._at:
                self.came.set()
            await self._if_dead()

    async def _if_dead(self) -> None:
        if self._buried:
            raise asyncio.CancelledError
        if self.came.is_set():
            await asyncio.Event().wait()

    def bury(self) -> None:
        self._buried = True


class MortalVault(httpx.AsyncBaseTransport):
    """The way to the vault of a process that may die."""

    def __init__(self, inner: httpx.AsyncBaseTransport, death: Death) -> None:
        self._inner, self._death = inner, death

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer: httpx.Response = await self._death.step(
            request.method, lambda: self._inner.handle_async_request(request)
        )
        return answer


class MortalStore:
    """The tables as seen by a process that may die."""

    def __init__(self, inner: MemoryStore, death: Death) -> None:
        self._inner, self._death = inner, death

    def table(self, name: str) -> Any:
        return _MortalTable(self._inner.table(name), self._death)

    async def ensure_tables(self) -> None: ...

    async def close(self) -> None: ...


class _MortalTable:
    def __init__(self, inner: MemoryTable, death: Death) -> None:
        self._inner, self._death = inner, death

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._inner, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._death.step(name, lambda: work(*arguments, **named))

        return call

    async def query(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async def read() -> list[Any]:
            return [row async for row in self._inner.query(*arguments, **named)]

        for row in await self._death.step("query", read):
            yield row


async def life(write: str, play: Play = PEOPLE) -> list[str]:
    """The steps of a write in a process whose caches are filled."""
    w = await play.world(write)
    death = Death()
    w.door.restart(MortalStore(w.door.store, death), MortalVault(w.door.transport, death))
    await w.client.get(DEEP)
    death.steps.clear()
    assert (await play.writes[write](w)).status_code < 300
    return list(death.steps)


async def killed(
    write: str, at: int, right: Right, *, after: bool, timer_first: bool, play: Play = PEOPLE
) -> list[str]:
    w = await play.world(write)
    death = Death()
    w.door.restart(MortalStore(w.door.store, death), MortalVault(w.door.transport, death))
    await w.client.get(DEEP)
    death.order(at, after=after)
    since = datetime.now(UTC)
    request = asyncio.ensure_future(play.writes[write](w))
    dead = asyncio.ensure_future(death.came.wait())
    await asyncio.wait({request, dead}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    dead.cancel()
    assert death.came.is_set(), f"nobody died at step {at} of {write}"
    w.door.restart()
    # a creation that is written down as done lacks nothing but its answer: then its name is taken (RFC 7644 §3.3)
    told = 200 if {"done"} & {row.values["state"] for row in w.door.claims(since)} else 503
    wrong = await settled(w, write, told, right, timer_first=timer_first, play=play)
    death.bury()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    return [f"killed {'after' if after else 'before'} step {at} ({death.steps[-1]}): {problem}" for problem in wrong]


async def deaths(write: str, play: Play = PEOPLE) -> list[tuple[int, bool]]:
    """Before each step, and after each that changes something."""
    steps = await life(write, play)
    before = [(number, False) for number in range(len(steps))]
    return before + [(number, True) for number, name in enumerate(steps) if name not in READING]
