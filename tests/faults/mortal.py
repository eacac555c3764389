"""A process that dies at a chosen step, as `kill -9` ends one: nothing is tidied up, no handler runs, no answer leaves.

Steps are calls to the vault and to the tables, in their order. From its death on, every call of the process waits for
ever; when the test has gone on without it, `bury` ends what still waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from scim.store.memory import MemoryStore, MemoryTable

READING = {"GET", "get", "query"}


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
