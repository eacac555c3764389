"""Passwords that nobody knows: for accounts that are created without one."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable

from scim.errors import VaultMisbehaved, VaultRefusedUs
from scim.secretserver import operations, wire
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import Flight

LENGTH = 40
POLICY_SECONDS = 900.0
SYMBOLS = "!#$%*+-.:=?@^_~"
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
ALPHABET = "".join(CLASSES)


def random_password(length: int) -> str:
    """Uniform among all passwords of that length that have all four classes: drawn whole, and drawn again if not."""
    while True:
        password = "".join(secrets.choice(ALPHABET) for _ in range(length))
        if all(any(c in kind for c in password) for kind in CLASSES):
            return password


class Passwords:
    """Follows the vault's policy for local user passwords (`GET /v1/configuration/local-user-passwords`).

    All four classes are always in, which no policy forbids; only the length is asked for. An account that may not
    read the configuration gets the default: 40 characters of all classes, 240 bits.
    """

    def __init__(self, client: VaultClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._flight: Flight[int] = Flight(seconds=20)
        self._length = LENGTH
        self._read_at: float | None = None

    async def generate(self) -> str:
        return random_password(await self.length())

    async def length(self) -> int:
        if self._read_at is None or self._clock() - self._read_at > POLICY_SECONDS:
            return await self._flight.join(self._read)
        return self._length

    async def _read(self) -> int:
        try:
            policy = await self._client.call(operations.PASSWORD_POLICY, wire.PasswordPolicy)
            self._length = min(max(LENGTH, policy.password_minimum_length), 256)
        except (VaultRefusedUs, VaultMisbehaved):
            if self._client.authentication.refused:
                raise
            self._length = LENGTH
        self._read_at = self._clock()
        return self._length
