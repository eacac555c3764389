"""Of parallel or repeated creations of one name, one acts and the others get its result. A rename is no creation, but
waits at the same door.

An insert-if-absent decides. Whoever comes second with the very same request waits for the first one's result; with
another request it is told that the name is taken. A claim whose outcome was lost is taken over by the repeated request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scim.errors import OutcomeUnknown, Uniqueness, excerpt
from scim.model import ConnectionId, Kind, VaultId
from scim.store.journal import Claim, JournalStore
from scim.store.table import RowChanged, RowExists

PATIENCE = 20.0  # seconds that a second request waits for the first one
STALE = timedelta(minutes=2)  # an open claim older than this belongs to an instance that is gone
REPLAY = timedelta(minutes=15)  # how long a recovered creation answers its repetitions


class Claims:
    """The right of one request to create one name."""

    def __init__(self, store: JournalStore, vault: VaultId, connection: ConnectionId) -> None:
        self._store, self._vault, self._connection = store, vault, connection

    async def take(self, kind: Kind, name: str, stamp: str) -> tuple[Claim, datetime | None]:
        """A claim to act on (state "open"; with the time of the attempt it resumes), or one that is done.

        :raises Uniqueness: another request is creating the name right now.
        :raises OutcomeUnknown: the first one is not through in time.
        """
        until = time.monotonic() + PATIENCE
        waited = False
        while time.monotonic() < until:
            try:
                return await self._store.claim(self._vault, kind, name, self._connection, stamp), None
            except RowExists:
                held = await self._store.claimed(self._vault, kind, name)
            if held is None:
                continue
            same = held.stamp == stamp and held.connection == self._connection
            age = datetime.now(UTC) - held.at
            if held.state == "open" and age < STALE:
                if not same:
                    raise Uniqueness(f"Another request is creating {excerpt(name)} right now")
                waited = True
                await asyncio.sleep(0.05)
                continue
            if held.state == "done" and same and (waited or (held.recovered and age < REPLAY)):
                return held, None
            resumes = (held.since or held.at) if same and held.state in ("open", "unknown") else None
            taken = replace(
                held,
                connection=self._connection,
                stamp=stamp,
                state="open",
                at=datetime.now(UTC),
                since=resumes,
                object_id=0,
                recovered=False,
            )
            try:
                return await self._store.settle(taken), resumes
            except RowChanged:
                continue
        raise OutcomeUnknown(f"The creation of {excerpt(name)} is still under way; please send it again", retry_after=5)

    @asynccontextmanager
    async def held(self, kind: Kind, name: str, stamp: str) -> AsyncIterator[None]:
        """Give an object a name while nobody else creates one of that name, or gives it to another.

        :raises Uniqueness: another request is doing so right now.
        """
        claim, _ = await self.take(kind, name, stamp)
        try:
            yield
        finally:
            await self.settle(
                claim, "failed"
            )  # never "done": there is nothing to replay, the next one looks for itself

    async def made_lately(self, kind: Kind, name: str, stamp: str) -> int:
        """What this very request made within the last quarter of an hour, and was answered; 0 for nothing."""
        held = await self._store.claimed(self._vault, kind, name)
        if held is None or held.state != "done" or held.recovered:
            return 0
        same = held.stamp == stamp and held.connection == self._connection
        return held.object_id if same and datetime.now(UTC) - held.at < REPLAY else 0

    async def settle(self, claim: Claim, state: str, object_id: int = 0, *, recovered: bool = False) -> None:
        try:
            await self._store.settle(replace(claim, state=state, object_id=object_id, recovered=recovered))  # type: ignore[arg-type]
        except RowChanged:  # somebody took a claim over that had gone stale; theirs counts
            return
