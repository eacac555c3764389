"""The rows behind a whole directory: joining what the vault shows with what the attributes table keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scim.directory.port_vault import VaultDirectory
from scim.directory.visible import HiddenIds, among
from scim.errors import ChangedMeanwhile, ConnectorError, OutcomeUnknown, Uniqueness, excerpt
from scim.model import (
    NOTHING_KEPT,
    Caller,
    ConnectionId,
    ExternalId,
    Group,
    Kept,
    Kind,
    NewGroup,
    NewUser,
    Ref,
    User,
    UserId,
)
from scim.names import fold
from scim.store.attributes import AttributeStore
from scim.store.external_ids import ExternalIds
from scim.store.table import RowChanged, RowExists

ANY_ZONE = timedelta(hours=15)  # a vault's times may lack their zone
CLOCKS = timedelta(minutes=2)  # by how much the clocks of two instances may differ
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

    async def _own(self) -> frozenset[UserId]:
        """The connector's own account, where it is out of sight (docs/decisions/0010)."""
        if self._policies.show_own_account:
            return frozenset()
        return frozenset({await self._inner.own_account()})

    async def _in_sight(self, users: Collection[Ref] | None) -> tuple[Ref, ...] | None:
        """Without those whose `$ref` would be a 404: leavers and the connector's own account."""
        if not users:
            return None if users is None else ()
        own, gone = await asyncio.gather(self._own(), self._hidden.ids())
        return tuple(ref for ref in users if ref.id not in own and not among(gone, ref.id))

    async def _join(self, user: User, kept: Kept | None) -> User | None:
        """The whole user, or None for a tombstone."""
        if kept is None:
            return user
        if kept.tombstone:
            if not user.enabled:
                return None
            # somebody gave the account back in the vault itself: an enabled account must never be out of sight
            await self._attributes.unmark_gone(self._vault, Kind.USER, user.id)
            self._hidden.discard(user.id)
            kept = await self._attributes.save(
                self._vault, Kind.USER, user.id, replace(kept, tombstone=None, modified=now(), revision=revision())
            )
        if kept.seen and kept.seen != user.fingerprint:
            # changed in the vault itself: true from the moment that we notice
            kept = replace(kept, seen=user.fingerprint, modified=now(), revision=revision())
            kept = await self._attributes.touch(self._vault, Kind.USER, user.id, kept)
        return replace(user, kept=kept)

    async def _join_group(self, group: Group, kept: Kept | None) -> Group:
        group = replace(group, members=await self._in_sight(group.members))
        if kept is None:
            return group
        if kept.seen and kept.seen != group.fingerprint:
            kept = replace(kept, seen=group.fingerprint, modified=now(), revision=revision())
            kept = await self._attributes.touch(self._vault, Kind.GROUP, group.id, kept)
        return replace(group, kept=kept)

    def _is_ours_unfinished(self, created: datetime | None, kept: Kept | None, new: NewUser | NewGroup) -> bool:
        """Whether this is what an earlier attempt of the same request made before its answer was lost.

        Nothing is kept of it yet, or just what that attempt kept: by this connection, since then, as the same person.
        """
        if new.resumes is None:
            return False
        if kept is None:
            return created is not None and created > new.resumes - ANY_ZONE
        since = new.resumes - CLOCKS
        ours = kept.owner == self._connection.id and kept.tombstone is None
        written = any(when is not None and when > since for when in (kept.created_at, kept.modified))
        return ours and written and kept.external_ids.get(self._connection.id) == new.external_id

    def _external(self, kept: Kept, change: ExternalId | bool | None) -> dict[ConnectionId, ExternalId]:
        ids = dict(kept.external_ids)
        if isinstance(change, str):
            ids[self._connection.id] = ExternalId(change)
        elif change is None:
            ids.pop(self._connection.id, None)
        return ids

    # -- external ids: taken before the vault is touched, and written with the row -----------------------------------

    @asynccontextmanager
    async def _having(
        self, kind: Kind, external_id: ExternalId | bool | None, object_id: int | None, by: str = ""
    ) -> AsyncIterator[None]:
        """Do something that ends with an object's row and its external id; with none given, nothing is taken.

        :param object_id: Who may have it already.
        :param by: What tells this request from others that would have it: what it creates; else the object's id.
        :raises Uniqueness: another living object of this connection has it, or is about to.
        """
        wanted = external_id if isinstance(external_id, str) else None
        holder = await self._take_external_id(kind, wanted, by or str(object_id))
        if holder is not None and holder != object_id:
            raise Uniqueness(f"Another {kind} of this connection has the externalId {excerpt(external_id)}")
        async with self._giving_back(kind, wanted, by or str(object_id)):
            yield

    @asynccontextmanager
    async def _giving_back(self, kind: Kind, external_id: ExternalId | None, by: str) -> AsyncIterator[None]:
        """What comes to nothing keeps nobody from the external id; what nobody knows the outcome of still does."""
        try:
            yield
        except OutcomeUnknown:
            raise
        except ConnectorError:
            if external_id is not None:
                await self._external_ids.give_back(self._connection.id, kind, external_id, by)
            raise

    async def _take_external_id(self, kind: Kind, external_id: ExternalId | None, by: str) -> int | None:
        """Take it for what this request makes or changes. The id of the living object that has it, if one does.

        :raises Uniqueness: another request is giving it to another object right now.
        """
        if external_id is None:
            return None
        held = await self._external_ids.take(self._connection.id, kind, external_id, by)
        if held is None:
            return None
        if held.object_id and await self._has(kind, held.object_id, external_id):
            return held.object_id
        try:
            if not held.under_way(by):
                await self._external_ids.take_over(held, by)
                return None
        except RowChanged:
            pass
        raise Uniqueness(f"Another request is giving the externalId {excerpt(external_id)} to a {kind} right now")

    async def _has(self, kind: Kind, object_id: int, external_id: ExternalId) -> bool:
        """Whether the object lives and has the external id of this connection."""
        kept = await self._attributes.get(self._vault, kind, object_id)
        living = kept is not None and kept.tombstone is None
        return living and kept is not None and kept.external_ids.get(self._connection.id) == external_id

    async def _save_user(self, user: User, kept: Kept, *, before: Kept) -> User:
        old, new = _beside(before), _beside(kept)
        await self._attributes.index_mails(self._vault, Kind.USER, user.id, old=(), new=new - old)
        saved = await self._save(Kind.USER, user.id, kept, before)
        await self._attributes.index_mails(self._vault, Kind.USER, user.id, old=old - new, new=())
        return replace(user, kept=saved)

    async def _save_group(self, group: Group, kept: Kept, *, before: Kept) -> Group:
        return replace(group, kept=await self._save(Kind.GROUP, group.id, kept, before))

    async def _save(self, kind: Kind, object_id: int, kept: Kept, before: Kept) -> Kept:
        """The index of external ids and the row. An index entry too many is harmless, look-ups check it.

        One too few is not: nobody would write it again when the row says already what was asked for. A creation is
        repeated as a whole, so there the two are written side by side.
        """
        mine = kept.external_ids.get(self._connection.id)
        indexed = before.external_ids.get(self._connection.id) if before.tombstone is None else None
        try:
            if mine is not None and mine != indexed and kept.tombstone is None:
                indexing = self._external_ids.put(self._connection.id, kind, mine, object_id)
                if before is NOTHING_KEPT:
                    saving = self._attributes.save(self._vault, kind, object_id, kept)
                    return (await asyncio.gather(saving, indexing))[0]
                await indexing
            return await self._attributes.save(self._vault, kind, object_id, kept)
        except (RowChanged, RowExists):
            raise ChangedMeanwhile(f"Another request changed the {kind} at the same time", retry_after=1) from None


def _beside(kept: Kept) -> set[str]:
    """Addresses of the document that the vault itself does not show."""
    shown = fold(str(kept.as_sent.get("email", "")))
    return set() if kept.tombstone else {m for m in kept.mails if fold(m) != shown}
