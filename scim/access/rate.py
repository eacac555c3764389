"""How fast a connection may ask: a bucket of tokens for each, so that one flood does not starve the others.

Per instance, and in memory: a limit protects this process and the vault behind it, it is no quota to be accounted for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from scim.errors import TooManyRequests
from scim.model import ConnectionId

MOST_BUCKETS = 10_000  # strangers' addresses are counted too, and there are many of them


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit, in the whole numbers that SailPoint's connectors read from x-rate-limit-* headers."""

    limit: int
    remaining: int
    reset: int  # seconds until all of it is there again


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rate:
    """Refills `per_second`, holds at most `burst`. Whole requests only."""

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError("a rate is positive, and a burst is at least one")
        self._per_second = per_second
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, who: ConnectionId | str) -> Allowance:
        """Count one request. :raises TooManyRequests: with the whole seconds after which one more will pass."""
        now = self._clock()
        bucket = self._buckets.get(who)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[who] = _Bucket(self._burst, now)
        bucket.left = min(self._burst, bucket.left + max(0.0, now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.left < 1:
            wait = max(1, math.ceil((1 - bucket.left) / self._per_second))
            raise TooManyRequests("This connection sends more requests than it may", retry_after=wait)
        bucket.left -= 1
        missing = self._burst - bucket.left
        return Allowance(int(self._burst), int(bucket.left), math.ceil(missing / self._per_second))
