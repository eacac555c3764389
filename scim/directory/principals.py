"""The list the guard lives by: who holds power over a vault. Kept for minutes; without a fresh one no write passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scim.errors import ConnectorError, Unavailable
from scim.model import GroupId, Principals, RoleId, UserId, Vault


class ProtectedPrincipals:
    """One vault's protected principals: those that the vault reveals, and those that an administrator listed.

    A list is renewed after two thirds of its life, beside the request that notices; the old one serves until its end. A
    gate without its list is open, so past that end every write waits (reliability: fails closed).
    """

    def __init__(self, vault: Vault, load: Callable[[], Awaitable[Principals]], *, seconds: float) -> None:
        self._vault, self._load, self._seconds = vault, load, seconds
        self._list: Principals | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[Principals] | None = None

    async def get(self) -> Principals:
        """:raises Unavailable: when the list cannot be read and the last one is too old."""
        age = time.monotonic() - self._read_at
        if self._list is not None and age < self._seconds:
            if age > self._seconds * 2 / 3:
                self._start()
            return self._list
        try:
            return await asyncio.shield(self._start())
        except ConnectorError as error:
            raise Unavailable(
                f"Nothing is changed while the list of protected accounts cannot be read: {error.detail}",
                retry_after=error.retry_after or 30,
            ) from error

    def _start(self) -> asyncio.Task[Principals]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._reading

    async def _read(self) -> Principals:
        found = await self._load()
        self._list = replace(
            found,
            users=found.users | {found.own} | {UserId(i) for i in self._vault.protected_users},
            groups=found.groups | {GroupId(i) for i in self._vault.protected_groups},
            roles=found.roles | {RoleId(i) for i in self._vault.protected_roles},
        )
        self._read_at = time.monotonic()
        return self._list
