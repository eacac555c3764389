"""What a page may show a moment late: read by one for all who look within some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """An answer that is at most `seconds` old. A failed reading is nobody's answer but of those who waited for it."""

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._kept: tuple[float, T] | None = None
        self._reading = asyncio.Lock()

    async def get(self) -> T:
        async with self._reading:  # who comes meanwhile finds what this one reads
            if self._kept is None or time.monotonic() - self._kept[0] >= self._seconds:
                begun = time.monotonic()
                self._kept = (begun, await self._read())
            return self._kept[1]
