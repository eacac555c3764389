"""Groups made whole: external ids, true times of change, and names that come back to life."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from scim.context import RECOVERED, note
from scim.directory.kept import FEW, KeptRows, now, revision
from scim.directory.visible import among
from scim.errors import OutcomeUnknown, Uniqueness, UnknownMembers, excerpt
from scim.model import (
    NOTHING_KEPT,
    ExternalId,
    Found,
    Group,
    GroupChange,
    GroupId,
    GroupQuery,
    Kept,
    Kind,
    NewGroup,
    UserId,
    UserQuery,
)
from scim.names import fold, lookalike


class WholeGroups(KeptRows):
    """The group half of the wrapper."""

    # -- groups ------------------------------------------------------------------------------------------------------

    async def group(self, group_id: GroupId, *, members: bool = False) -> Group:
        group, kept = await asyncio.gather(
            self._inner.group(group_id, members=members), self._attributes.get(self._vault, Kind.GROUP, group_id)
        )
        return await self._join_group(group, kept)

    async def find_groups(self, query: GroupQuery) -> Found[Group]:
        if query.external_id is not None:
            return await self._by_external_id(query, query.external_id)
        if query.limit is not None:
            return await self._next_to(query, query.limit)
        page = await self._inner.find_groups(query)
        ids = [g.id for g in page.items]
        if len(ids) <= FEW:
            rows = await asyncio.gather(*(self._attributes.get(self._vault, Kind.GROUP, i) for i in ids))
            kept = {int(i): k for i, k in zip(ids, rows, strict=True) if k}
        else:
            kept = await self._attributes.range(self._vault, Kind.GROUP, min(ids), max(ids))
        return replace(page, items=tuple([await self._join_group(g, kept.get(g.id)) for g in page.items]))

    async def _next_to(self, query: GroupQuery, limit: int) -> Found[Group]:
        """The groups right after or before an id, for cursors: groups are few enough to look at all of them."""
        every = (await self._inner.find_groups(GroupQuery())).items
        if query.before is not None:
            near = [g for g in every if g.id < query.before]
            page, more = near[-limit:] if limit else [], len(near) > limit
        else:
            near = [g for g in every if g.id > (query.after or 0)]
            page, more = near[:limit], len(near) > limit
        if not page:
            return Found(len(every), ())
        found = await self.find_groups(GroupQuery(ids=tuple(g.id for g in page), members=query.members))
        return Found(len(every), found.items, more)

    async def _by_external_id(self, query: GroupQuery, external_id: ExternalId) -> Found[Group]:
        found = await self._external_ids.find(self._connection.id, Kind.GROUP, external_id)
        if found is None or (query.ids is not None and GroupId(found) not in query.ids):
            return Found(0, ())
        page = await self.find_groups(replace(query, external_id=None, ids=(GroupId(found),)))
        mine = tuple(g for g in page.items if g.kept.external_ids.get(self._connection.id) == external_id)
        return Found(len(mine), mine)

    async def create_group(self, new: NewGroup) -> Group:
        await self._refuse_leavers(new.members)
        await self._refuse_lookalike(new.name)
        for group in (await self._inner.find_groups(GroupQuery(name=new.name))).items:
            if fold(group.name) == fold(new.name):
                return await self._finished(group, new)
        async with self._having(Kind.GROUP, new.external_id, None, by=new.name):
            return await self._first_kept_group(await self._new_or_revived_group(new), new)

    async def _finished(self, group: Group, new: NewGroup) -> Group:
        """What an earlier attempt of this request began. :raises Uniqueness: it is another group of that name."""
        kept = await self._attributes.get(self._vault, Kind.GROUP, group.id)
        if new.resumes and kept and kept.tombstone and kept.owner == self._connection.id:
            group = await self._emptied(group)  # it was being given back
            return await self._first_kept_group(await self._filled(group, new), new)
        created = group.created or (await self._inner.group(group.id)).created
        if not self._is_ours_unfinished(created, kept, new):
            raise Uniqueness(f"A group with the displayName {excerpt(new.name)} exists already")
        note(RECOVERED)
        return await self._first_kept_group(await self._filled(group, new), new)

    async def _filled(self, group: Group, new: NewGroup) -> Group:
        change = GroupChange(add_members=new.members)
        return await self._inner.change_group(group, change) if new.members else group

    async def _first_kept_group(self, group: Group, new: NewGroup) -> Group:
        before = await self._attributes.get(self._vault, Kind.GROUP, group.id) or NOTHING_KEPT
        when = group.created or now()
        kept = Kept(
            document=new.document,
            external_ids={self._connection.id: new.external_id} if new.external_id else {},
            owner=self._connection.id,
            created_at=now(),
            modified=when if before is NOTHING_KEPT else now(),
            seen=group.fingerprint,
            revision=revision(),
            etag=before.etag,
        )
        return await self._save_group(group, kept, before=NOTHING_KEPT)

    async def _new_or_revived_group(self, new: NewGroup) -> Group:
        try:
            return await self._inner.create_group(new)
        except OutcomeUnknown:
            found = (await self._inner.find_groups(GroupQuery(name=new.name))).items
            if not found:
                raise
            note(RECOVERED)
            return await self._filled(found[0], new)
        except Uniqueness:
            gone = await self._inner.disabled_group(new.name)
            kept = await self._attributes.get(self._vault, Kind.GROUP, gone.id) if gone else None
            if gone is None or kept is None or kept.tombstone is None or kept.owner != self._connection.id:
                raise
            # our own leaver: give the name back its group, without the members it had
            old = await self._inner.group(gone.id, members=True) if gone.enabled else await self._emptied(gone)
            return await self._inner.change_group(old, GroupChange(add_members=new.members)) if new.members else old

    async def _emptied(self, gone: Group) -> Group:
        await self._inner.enable_group(gone)
        group = await self._inner.group(gone.id, members=True)
        stale = tuple(UserId(m.id) for m in group.members or ())
        return await self._inner.change_group(group, GroupChange(remove_members=stale)) if stale else group

    async def _refuse_leavers(self, members: Sequence[UserId]) -> None:
        """:raises UnknownMembers: Among them is who was deleted: back with a new account, they would hold the group."""
        if not members:
            return
        hidden = await self._hidden.ids()
        gone = tuple(m for m in members if among(hidden, m))
        if gone:  # somebody may have given the account back in the vault itself
            found = await self._inner.find_users(UserQuery(ids=gone))
            back = {user.id for user in found.items if user.enabled}
            gone = tuple(m for m in gone if m not in back)
        if gone:
            raise UnknownMembers.of(gone)

    async def _refuse_lookalike(self, name: str, but: GroupId | None = None) -> None:
        """:raises Uniqueness: A group of another spelling reads the same. A call more, for such names only."""
        plain = lookalike(name)
        if plain in ("", name.strip()):
            return
        others = await self._inner.find_groups(GroupQuery(name=plain))
        if any(g.id != but and fold(g.name) != fold(name) for g in others.items):
            raise Uniqueness(f"A group with the displayName {excerpt(plain)} exists already, which reads the same")

    async def change_group(self, group: Group, change: GroupChange) -> Group:
        await self._refuse_leavers(change.add_members)
        if change.name is not None:
            await self._refuse_lookalike(change.name, group.id)
        if change.name is not None and fold(change.name) != fold(group.name):
            others = await self._inner.find_groups(GroupQuery(name=change.name))
            if any(g.id != group.id and fold(g.name) == fold(change.name) for g in others.items):
                raise Uniqueness(f"A group with the displayName {excerpt(change.name)} exists already")
        async with self._having(Kind.GROUP, change.external_id, group.id):
            return group if await self._changes_nothing(group, change) else await self._changed_group(group, change)

    async def _changed_group(self, group: Group, change: GroupChange) -> Group:
        changed = await self._inner.change_group(group, change)
        before = group.kept
        kept = replace(
            before,
            owner=before.owner or self._connection.id,
            adopted=before.adopted or before.owner is None,
            modified=now(),
            seen=changed.fingerprint,
            revision=revision(),
        )
        if change.document is None and change.external_id is False:
            # membership commutes: parallel changes must not wait for each other's row
            return replace(changed, kept=await self._attributes.touch(self._vault, Kind.GROUP, group.id, kept))
        kept = replace(
            kept,
            document=before.document if change.document is None else change.document,
            external_ids=self._external(before, change.external_id),
        )
        return await self._save_group(changed, kept, before=before)

    async def _changes_nothing(self, group: Group, change: GroupChange) -> bool:
        """Whether only members are named that are in or out already: then nothing is modified (RFC 7644 §3.5.2)."""
        if change != GroupChange(add_members=change.add_members, remove_members=change.remove_members):
            return False
        return await self._inner.members_are_so(group, change.add_members, change.remove_members)

    async def remove_group(self, group: Group) -> None:
        await self._inner.remove_group(group)
        kept = replace(group.kept, owner=group.kept.owner or self._connection.id, tombstone=now(), modified=now())
        gone = replace(kept, revision=revision())
        await self._save_group(replace(group, enabled=False), gone, before=group.kept)

    async def is_member(self, group_id: GroupId, user_id: UserId) -> bool:
        return await self._inner.is_member(group_id, user_id)
