"""The rows behind a whole directory: joining what the vault shows with what the attributes table keeps."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from scim.directory.port import VaultDirectory
from scim.directory.visible import HiddenIds
from scim.errors import ChangedMeanwhile, Uniqueness
from scim.model import Caller, ConnectionId, ExternalId, Group, Kept, Kind, User, fold
from scim.store.attributes import AttributeStore
from scim.store.external_ids import ExternalIds
from scim.store.table import RowChanged, RowExists

FEW = 8  # up to this many rows are read one by one, beyond it as one range


def now() -> datetime:
    return datetime.now(UTC)


def revision() -> int:
    """A number that no earlier state of an object had."""
    return time.time_ns() // 1000


class KeptRows:
    """What the halves of the wrapper share: the inner directory, the tables, and who asks."""

    def __init__(
        self,
        inner: VaultDirectory,
        caller: Caller,
        attributes: AttributeStore,
        external_ids: ExternalIds,
        hidden: HiddenIds,
    ) -> None:
        self._inner, self._attributes, self._external_ids, self._hidden = inner, attributes, external_ids, hidden
        self._connection = caller.connection
        self._vault = caller.connection.vault
        self._policies = caller.connection.policies

    async def _join(self, user: User, kept: Kept | None) -> User | None:
        """The whole user, or None for a tombstone."""
        if kept is None:
            return user
        if kept.tombstone:
            if not user.enabled:
                return None
            # somebody gave the account back in the vault itself: an enabled account must never be out of sight
            kept = await self._attributes.save(
                self._vault, Kind.USER, user.id, replace(kept, tombstone=None, modified=now(), revision=revision())
            )
            await self._attributes.unmark_gone(self._vault, Kind.USER, user.id)
            self._hidden.discard(user.id)
        if kept.seen and kept.seen != user.fingerprint:
            # changed in the vault itself: true from the moment that we notice
            kept = replace(kept, seen=user.fingerprint, modified=now(), revision=revision())
            kept = await self._attributes.touch(self._vault, Kind.USER, user.id, kept)
        return replace(user, kept=kept)

    async def _join_group(self, group: Group, kept: Kept | None) -> Group:
        if kept is None:
            return group
        if kept.seen and kept.seen != group.fingerprint:
            kept = replace(kept, seen=group.fingerprint, modified=now(), revision=revision())
            kept = await self._attributes.touch(self._vault, Kind.GROUP, group.id, kept)
        return replace(group, kept=kept)

    def _external(self, kept: Kept, change: ExternalId | bool | None) -> dict[ConnectionId, ExternalId]:
        ids = dict(kept.external_ids)
        if isinstance(change, str):
            ids[self._connection.id] = ExternalId(change)
        elif change is None:
            ids.pop(self._connection.id, None)
        return ids

    async def _free_external_id(self, kind: Kind, external_id: ExternalId | None, object_id: int | None) -> None:
        """:raises Uniqueness: another living object of this connection has the external id."""
        if external_id is None:
            return
        holder = await self._external_ids.find(self._connection.id, kind, external_id)
        if holder is None or holder == object_id:
            return
        kept = await self._attributes.get(self._vault, kind, holder)
        if kept and kept.tombstone is None and kept.external_ids.get(self._connection.id) == external_id:
            raise Uniqueness(f"Another {kind} of this connection has the externalId {external_id[:64]!r}")

    async def _save_user(self, user: User, kept: Kept, *, before: Kept) -> User:
        saved = await self._save(Kind.USER, user.id, kept, before)
        await self._attributes.index_mails(self._vault, Kind.USER, user.id, old=_beside(before), new=_beside(kept))
        return replace(user, kept=saved)

    async def _save_group(self, group: Group, kept: Kept, *, before: Kept) -> Group:
        return replace(group, kept=await self._save(Kind.GROUP, group.id, kept, before))

    async def _save(self, kind: Kind, object_id: int, kept: Kept, before: Kept) -> Kept:
        """The row and, side by side, the index of external ids; a stale index entry is harmless, look-ups check it."""
        mine = kept.external_ids.get(self._connection.id)
        indexed = before.external_ids.get(self._connection.id) if before.tombstone is None else None
        try:
            if mine is None or mine == indexed or kept.tombstone is not None:
                return await self._attributes.save(self._vault, kind, object_id, kept)
            saved, _ = await asyncio.gather(
                self._attributes.save(self._vault, kind, object_id, kept),
                self._external_ids.put(self._connection.id, kind, mine, object_id),
            )
        except (RowChanged, RowExists):
            raise ChangedMeanwhile(f"Another request changed the {kind} at the same time", retry_after=1) from None
        return saved


def _beside(kept: Kept) -> set[str]:
    """Addresses of the document that the vault itself does not show."""
    shown = fold(str(kept.as_sent.get("email", "")))
    return set() if kept.tombstone else {m for m in kept.mails if fold(m) != shown}
