"""A reading of the vault that is kept for a while: built once for all who need it, touched up by our own writes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from scim.secretserver.flight import Flight

T = TypeVar("T")


class Kept(Generic[T]):
    """At most `seconds` old. What we write while it is being built is applied to what comes out: a reader sees his
    own writes. After `drop` nothing that was begun before is kept.
    """

    def __init__(self, seconds: float, build_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._flight: Flight[T] = Flight(build_seconds)
        self._value: T | None = None
        self._until = 0.0
        self._epoch = 0
        self._meanwhile: list[Callable[[T], None]] | None = None

    @property
    def value(self) -> T | None:
        """The reading if there is one that is not too old."""
        return self._value if self._clock() < self._until else None

    async def get(self, build: Callable[[], Awaitable[T]]) -> T:
        value = self.value
        if value is not None:
            return value

        async def work() -> T:
            epoch, begun = self._epoch, self._clock()
            self._meanwhile = []
            try:
                built = await build()
                for change in self._meanwhile:
                    change(built)
            finally:
                self._meanwhile = None
            if epoch == self._epoch:
                self._value, self._until = built, begun + self._seconds
            return built

        return await self._flight.join(work)

    def apply(self, change: Callable[[T], None]) -> None:
        """Carry a write of ours into the reading. Changes must bear repetition."""
        if self._value is not None:
            change(self._value)
        if self._meanwhile is not None:
            self._meanwhile.append(change)

    def drop(self) -> None:
        self._value = None
        self._epoch += 1
        self._flight.forget()
