"""Collects messages of this process and writes them behind the requests: every two seconds, never in their way."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import replace
from datetime import datetime
from typing import Literal

from scim.errors import ConnectorError
from scim.store.messages import Message, Messages, Minute
from scim.store.redaction import shown_body

log = logging.getLogger("scim.recorder")

SECONDS = 2.0
MOST_KEPT = 60  # of one flush; the rest is counted
MOST_WAITING = 5_000
MOST_STRANGERS = 20  # of one flush, from callers that were not let in: nobody fills our tables from outside

Detail = Literal["full", "outline", "off"]


class Recorder:
    """One process's ear. `detail` is what an administrator wants kept."""

    def __init__(self, rows: Messages) -> None:
        self._rows = rows
        self.detail: Detail = "full"
        self.instance = secrets.token_hex(4)
        self._waiting: list[Message] = []
        self._bodies: dict[int, tuple[bytes | None, bytes | None]] = {}  # of the waiting ones that will be kept
        self._minutes: dict[datetime, Minute] = {}  # the last few, each written again as it grows
        self._changed: set[datetime] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, message: Message, received: bytes | None = None, answered: bytes | None = None) -> None:
        """Never raises, never waits. Bodies are looked into when they are written, and only those that are."""
        minute = message.at.replace(second=0, microsecond=0)
        self._minutes.setdefault(minute, Minute()).add(message)
        self._changed.add(minute)
        if len(self._waiting) >= MOST_WAITING:
            return
        room = MOST_KEPT if message.outcome == "ok" else 2 * MOST_KEPT
        if len(self._bodies) < room and self.detail == "full":
            self._bodies[id(message)] = (received, answered)
        self._waiting.append(message)
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.cancelled() or self._timer.when() <= loop.time():
            self._timer = loop.call_later(SECONDS, self._write)

    def _write(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self.flush())

    async def flush(self) -> None:
        """Write what there is. What cannot be written is forgotten: the audit trail has its own, stricter way."""
        messages, self._waiting = self._waiting, []
        bodies, self._bodies = self._bodies, {}
        changed, self._changed = self._changed, set()
        started = time.monotonic()
        try:
            kept = self._kept(messages)
            if changed and len(kept) < len(messages) and self.detail != "off":
                self._minutes[max(changed)].dropped += len(messages) - len(kept)
            await self._rows.write([_with_bodies(m, *bodies.get(id(m), (None, None))) for m in kept])
            for name in {m.connection for m in messages if m.connection}:
                await self._rows.see(name, [m for m in messages if m.connection == name])
            for minute in changed:
                await self._rows.write_minute(minute, self.instance, self._minutes[minute])
            for minute in sorted(self._minutes)[:-3]:
                del self._minutes[minute]
        except ConnectorError as error:
            log.info("messages: %d not kept (%s)", len(messages), error.detail)
        except Exception as error:  # noqa: BLE001  # watching must never hurt what is watched
            log.warning("messages: %d not kept (%s)", len(messages), type(error).__name__)
        if time.monotonic() - started > SECONDS:
            log.info("messages: writing takes longer than the pause between two writes")

    def _kept(self, messages: list[Message]) -> list[Message]:
        """Of too many, what went wrong comes first: that is what people look for."""
        if self.detail == "off":
            return []
        strangers = [m for m in messages if not m.connection][:MOST_STRANGERS]
        known = sorted((m for m in messages if m.connection), key=lambda m: m.outcome == "ok")
        return [*known, *strangers][:MOST_KEPT]

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.flush()


def _with_bodies(message: Message, received: bytes | None, answered: bytes | None) -> Message:
    """Secrets are taken out here, before anything is written."""
    return replace(
        message,
        received=message.received or shown_body(received),
        answered=message.answered or shown_body(answered),
    )
