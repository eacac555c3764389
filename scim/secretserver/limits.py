"""How much we ask of a vault that does not answer: a retry budget, and a breaker that closes by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from scim.errors import VaultUnreachable


class RetryBudget:
    """Retries add at most a tenth to the load: every request earns a twentieth of one, few can be saved up.

    A fresh budget allows five, so that a lone request survives a blip; 100 requests can then add ten at most.
    """

    EARNED = 0.05
    START = 5.0
    MOST = 10.0

    def __init__(self) -> None:
        self._tokens = self.START

    def earn(self) -> None:
        self._tokens = min(self.MOST, self._tokens + self.EARNED)

    def spend(self) -> bool:
        """Whether one more retry is allowed; then it is taken from the budget."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Breaker:
    """Open after so many connection failures in a row; five seconds later one request may try, and decides.

    Only missing answers count: a 500 is an answer, and 429 has its own rules.
    """

    def __init__(
        self, *, failures: int = 10, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opens_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._failures >= self.limit

    def enter(self) -> bool:
        """Ask before each request; the answer says whether this one is the probe.

        :raises VaultUnreachable: While the breaker is open.
        """
        if self._failures < self.limit:
            return False
        left = self._opens_at - self._clock()
        if left > 0 or self._probing:
            raise VaultUnreachable(
                "Secret Server does not answer; it is tried again every few seconds", retry_after=max(1, round(left))
            )
        self._probing = True
        return True

    def answered(self) -> None:
        self._failures = 0
        self._probing = False

    def failed(self) -> None:
        self._failures += 1
        self._probing = False
        if self._failures >= self.limit:
            self._opens_at = self._clock() + self._seconds

    def abandoned(self) -> None:
        """The request ended without telling anything about the vault (cancelled, out of time in the queue)."""
        self._probing = False
