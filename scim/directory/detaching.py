"""Ending an inheritance so that nobody loses a right, whatever the vault does and whoever dies on the way.

Whether a folder or secret keeps rows for what it inherited is not known for every vault (facts 8, 12.1). So the rights
that apply are written down before the inheritance ends, what is missing afterwards is given again, and only then the
record goes. What a crash leaves of it is finished by the next write of these rights, or by the timer. Until then those
rights are neither there nor absent: who asks is told to come back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from scim.content import Folder, FolderLevel, Grant, Levels, Secret, SecretLevel, spoken
from scim.context import note
from scim.directory.kept import KeptRows, now
from scim.directory.port_vault import VaultDirectory
from scim.errors import BadRequest, ChangedMeanwhile, NotFound
from scim.model import FolderId, Kind, Ref, SecretId, VaultId
from scim.store.detachments import Detachment, Detachments
from scim.store.table import RowChanged, RowExists

UNDER_WAY = timedelta(minutes=2)
"""No request takes so long: a record that is older was left by one that died."""
PATIENCE, LOOK_AGAIN = 2.0, 0.2
"""Seconds that a request waits for another one that ends the same inheritance, which takes half a second."""
MOST_TOLD = 200


class Detaching(KeptRows):
    """What the wrapper's half about holdings does before and after an inheritance ends."""

    _detachments: Detachments
    _request_id: str
    _reads: bool  # a GET

    async def _detach(self, kind: Kind, on: int) -> None:
        """End the inheritance of one object; every right that applied to it stands at itself afterwards."""
        detachment = await self._begun(kind, on)
        if detachment is None:
            return
        try:
            await self._give_back(detachment, ended=False)
        except BadRequest:  # refused, so nothing ended
            await self._detachments.drop(detachment)
            raise

    async def _begun(self, kind: Kind, on: int) -> Detachment | None:
        """Write down which rights apply to something that inherits them; None where it does not, or no more."""
        for _ in range(3):
            await self._none_under_way(kind, on)
            thing = await _thing(self._inner, kind, on)
            if not thing.inherits:
                return None
            rights, when = await self._inner.rights_on(thing), now()
            new = Detachment(
                vault=self._vault,
                kind=kind,
                on=on,
                name=thing.path if isinstance(thing, Folder) else thing.name,
                connection=self._connection.id,
                request_id=self._request_id,
                at=when,
                since=when,
                rights=tuple((g.holder.id, g.to_group, g.levels.folder or "", g.levels.secret) for g in rights),
            )
            try:
                return await self._detachments.begin(new)
            except RowExists:  # somebody else began meanwhile
                continue
        raise _under_way(new.name)

    async def _give_back(self, detachment: Detachment, *, ended: bool) -> None:
        refused = await _given_back(self._inner, detachment, ended=ended)
        if refused:
            note(refused)
        await self._detachments.drop(detachment)

    async def _none_under_way(self, kind: Kind, on: int, *, finishing: bool = True) -> bool:
        """Wait a moment for who is ending the inheritance here, or finish what he left. :return: whether there was
        nothing left.

        :param finishing: False for reads, of which no journal tells: they change nothing.
        :raises ChangedMeanwhile: Another request is at it, or the next write or the timer has to finish it.
        """
        until = time.monotonic() + PATIENCE
        while (left := await self._detachments.get(self._vault, kind, on)) is not None:
            if _left_over(left):
                break
            if time.monotonic() > until:
                raise _under_way(left.name)
            await asyncio.sleep(LOOK_AGAIN)
        if left is None:
            return True
        if not finishing:
            raise _under_way(left.name)
        said = await finish(self._inner, self._detachments, left)
        note(f"an earlier request had left the end of the inheritance of {spoken(left.name)} unfinished: {said}")
        return False


def _under_way(name: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"The inheritance of {spoken(name)} is being ended at this moment, and its rights are given to itself; please "
        f"come back",
        retry_after=30,
    )


def _left_over(detachment: Detachment) -> bool:
    return datetime.now(UTC) - detachment.at >= UNDER_WAY


async def left_over(detachments: Detachments, vault: VaultId) -> AsyncIterator[Detachment]:
    """What nobody is at any more."""
    async for detachment in detachments.left(vault):
        if _left_over(detachment):
            yield detachment


async def finish(directory: VaultDirectory, detachments: Detachments, left: Detachment) -> str:
    """What became of it, in words; what is missing is given again.

    :raises ChangedMeanwhile: Somebody else is finishing it.
    """
    try:
        left = await detachments.take_over(left, now())
    except RowChanged:
        raise _under_way(left.name) from None
    try:
        thing = await _thing(directory, left.kind, left.on)
    except NotFound:
        said = "unknown, checked: it is not there any more"
    else:
        if thing.inherits:
            said = "not done: it inherits its rights as before"
        else:
            refused = await _given_back(directory, left, ended=True)
            said = f"finished: every right that applied before stands at itself{'; ' if refused else ''}{refused}"
    await detachments.drop(left)
    return said


def had(detachment: Detachment) -> str:
    """Who had which right before, in words for the audit trail: what a person needs who gives them back by hand."""
    rights = [
        f"{'group' if to_group else 'user'} {holder} ({' / '.join(filter(None, (folder, secret)))})"
        for holder, to_group, folder, secret in detachment.rights
    ]
    more = f" and {len(rights) - MOST_TOLD} more" if len(rights) > MOST_TOLD else ""
    return ", ".join(rights[:MOST_TOLD]) + more


async def _given_back(directory: VaultDirectory, detachment: Detachment, *, ended: bool) -> str:
    """:param ended: Whether it has ended by our own doing; else we end it, and who was faster has the rest to do.

    :return: Whom the vault refuses a right that he had, in words; mostly nobody.
    """
    on = Ref(detachment.on, detachment.name)
    before = [
        Grant(
            detachment.kind,
            on,
            Ref(holder, ""),
            to_group,
            Levels(FolderLevel(folder) if folder else None, SecretLevel(secret)),
        )
        for holder, to_group, folder, secret in detachment.rights
    ]
    refused = await directory.end_inheritance(detachment.kind, detachment.on, before, ended=ended)
    whom = ", ".join(f"{'group' if g.to_group else 'user'} {g.holder.id}" for g in refused[:20])
    return f"Secret Server refuses to give its right again to {whom}" if whom else ""


async def _thing(directory: VaultDirectory, kind: Kind, on: int) -> Folder | Secret:
    if kind is Kind.FOLDER_GRANT:
        return await directory.folder(FolderId(on))
    return await directory.secret(SecretId(on))
