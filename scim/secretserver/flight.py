"""Single flight: work that many requests need at once is done once, and belongs to none of them.

The work runs in a task of its own, with its own deadline; whoever waits for it keeps his. A waiter that is cancelled
or out of time takes nothing away from the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from scim import context
from scim.errors import VaultBusy

T = TypeVar("T")


class Flight(Generic[T]):
    """At most one running piece of work.

    >>> flight: Flight[int] = Flight(seconds=30)
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._task: asyncio.Task[T] | None = None

    def start(self, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """The running task, or a new one. Calls that it makes are counted for the request that began it."""
        task = self._task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._task = asyncio.create_task(self._run(work))
            task.add_done_callback(_seen)
        return task

    async def join(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for the work, at most as long as the request has.

        :raises VaultBusy: When the request's time ends first; the work goes on and the next request finds it done.
        """
        task = self.start(work)
        request = context.current()
        done, _ = await asyncio.wait({task}, timeout=request.remaining() - 0.5 if request else None)
        if not done:
            raise VaultBusy("Secret Server is still being read; please ask again", retry_after=10)
        return task.result()

    def forget(self) -> None:
        """The next call starts anew; what runs is left to finish for those who wait for it."""
        self._task = None

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        with detached(self._seconds):
            return await work()


async def abreast(work: Iterable[Callable[[], Awaitable[T]]], width: int = 8) -> list[T]:
    """The results of many pieces of work in their order, a few at a time, so that other requests get their turn.

    The first failure ends it all: what is still running is cancelled.
    """
    queue = asyncio.Semaphore(width)

    async def one(piece: Callable[[], Awaitable[T]]) -> T:
        async with queue:
            return await piece()

    tasks = [asyncio.ensure_future(one(piece)) for piece in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


@contextmanager
def detached(seconds: float) -> Iterator[None]:
    """A context of its own deadline that still counts its calls for the request it came from."""
    request = context.current()
    with context.request_context(request.request_id if request else "background", seconds) as own:
        if request is not None:
            own.upstream = request.upstream
            own.traceparent, own.trace = request.traceparent, request.trace
        own.deadline = time.monotonic() + seconds
        yield


def _seen(task: asyncio.Task[T]) -> None:
    """An error that nobody waited for is not worth a warning: the next request meets it again."""
    if not task.cancelled():
        task.exception()
