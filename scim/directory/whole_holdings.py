"""Folders, secrets and grants made whole: the client's own attributes and ids, and true times of change.

A time of change is the later of two: that of our last write (the attributes row), and that of the last sweep which
found the object other than before (store/changes.py). Made directly in the vault, a change has the time at which it
was noticed.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from scim.content import (
    Folder,
    FolderChange,
    FolderQuery,
    Grant,
    GrantChange,
    GrantId,
    GrantQuery,
    NewFolder,
    NewGrant,
    NewSecret,
    Secret,
    SecretChange,
    SecretQuery,
    Template,
    grant_parts,
    spoken,
)
from scim.context import RECOVERED, note
from scim.directory.cascade import Cascading
from scim.directory.detaching import Detaching
from scim.directory.kept import CLOCKS, FEW, now, revision
from scim.directory.visible import page_by_id
from scim.errors import NotFound, OutcomeUnknown, Uniqueness, VaultRefusedUs
from scim.model import NOTHING_KEPT, ExternalId, FolderId, Found, GroupId, Kept, Kind, Ref, SecretId, Window
from scim.names import fold
from scim.store.changes import ChangeStore

T = TypeVar("T", Folder, Secret, Grant)


class WholeHoldings(Detaching, Cascading):
    """The wrapper's half that is about what a vault holds."""

    @property
    def _changes(self) -> ChangeStore:
        return self._attributes.changes

    # -- folders -----------------------------------------------------------------------------------------------------

    async def folder(self, folder_id: FolderId, *, secrets: bool = False, owner: bool = False) -> Folder:
        return await self._one(Kind.FOLDER, folder_id, self._inner.folder(folder_id, secrets=secrets, owner=owner))

    async def short_folder(self, folder_id: FolderId) -> Folder:
        return await self._one(Kind.FOLDER, folder_id, self._inner.short_folder(folder_id))

    async def find_folders(self, query: FolderQuery) -> Found[Folder]:
        narrowed = await self._narrowed(Kind.FOLDER, query)
        if narrowed is None:
            return Found(0, ())
        if narrowed.after is not None or narrowed.before is not None or narrowed.limit is not None:
            show = FolderQuery(secrets=query.secrets, owner=query.owner)
            return await self._by_id(Kind.FOLDER, narrowed, lambda w: self._inner.find_folders(replace(show, window=w)))
        return await self._many(Kind.FOLDER, await self._inner.find_folders(narrowed))

    async def folder_contents(self, folder: Folder) -> tuple[int, int]:
        return await self._inner.folder_contents(folder)

    async def source_of(self, folder: Folder) -> Folder:
        return await self._inner.source_of(folder)

    async def create_folder(self, new: NewFolder) -> Folder:
        siblings = (await self._inner.find_folders(FolderQuery(name=new.name))).items
        there = [f for f in siblings if (f.parent.id if f.parent else None) == new.parent]
        if there:
            if self._made_by(new, await self._attributes.get(self._vault, Kind.FOLDER, there[0].id)):
                note(RECOVERED)
                return await self._first(Kind.FOLDER, there[0], new)
            raise Uniqueness(f"A container named {spoken(new.name)} exists there already")
        async with self._having(Kind.FOLDER, new.external_id, None, by=f"{new.name} in {new.parent}"):
            return await self._first(Kind.FOLDER, await self._new_folder(new), new)

    async def _new_folder(self, new: NewFolder) -> Folder:
        try:
            return await self._inner.create_folder(new)
        except OutcomeUnknown:
            made = (await self._inner.find_folders(FolderQuery(name=new.name))).items
            there = [f for f in made if (f.parent.id if f.parent else None) == new.parent]
            if not there:
                raise
            note(RECOVERED)
            return there[0]

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        renamed = change.name is not None and fold(change.name) != fold(folder.name)
        if renamed or change.parent is not False:
            name = change.name or folder.name
            at = change.parent if change.parent is not False else (folder.parent.id if folder.parent else None)
            for other in (await self._inner.find_folders(FolderQuery(name=name))).items:
                if other.id != folder.id and (other.parent.id if other.parent else None) == at:
                    raise Uniqueness(f"A container named {spoken(name)} exists there already")
        async with self._having(Kind.FOLDER, change.external_id, folder.id):
            ends = folder.inherits and change.parent is None  # at the root nothing is above it
            rights = await self._begun(Kind.FOLDER_GRANT, folder.id) if ends else None
            after = await self._inner.change_folder(folder, change)
            if rights is not None:
                await self._give_back(rights, ended=True)
            return await self._changed(Kind.FOLDER, folder, after, change)

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:
        if contents:
            await self._contents_go(folder)
        await self._inner.remove_folder(folder, contents=contents)
        await self._gone(Kind.FOLDER, folder)

    # -- secrets -----------------------------------------------------------------------------------------------------

    async def secret(self, secret_id: SecretId) -> Secret:
        return await self._one(Kind.SECRET, secret_id, self._unless_gone(secret_id, self._inner.secret(secret_id)))

    async def find_secrets(self, query: SecretQuery) -> Found[Secret]:
        narrowed = await self._narrowed(Kind.SECRET, query)
        if narrowed is None:
            return Found(0, ())
        if narrowed.after is not None or narrowed.before is not None or narrowed.limit is not None:
            return await self._by_id(Kind.SECRET, narrowed, lambda w: self._inner.find_secrets(SecretQuery(window=w)))
        return await self._many(Kind.SECRET, await self._inner.find_secrets(narrowed))

    async def templates(self) -> tuple[Template, ...]:
        return await self._inner.templates()

    async def create_secret(self, new: NewSecret) -> Secret:
        if new.resumes:
            for there in (await self._inner.find_secrets(SecretQuery(name=new.name, folder=new.folder))).items:
                kept = await self._attributes.get(self._vault, Kind.SECRET, there.id)
                same = there.template.id == new.template and _since(there.created, new.resumes)
                if same and self._made_by(new, kept):
                    note(RECOVERED)
                    return await self._first(Kind.SECRET, there, new)
        async with self._having(Kind.SECRET, new.external_id, None, by=f"{new.name} in {new.folder}"):
            return await self._first(Kind.SECRET, await self._inner.create_secret(new), new)

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret:
        async with self._having(Kind.SECRET, change.external_id, secret.id):
            return await self._changed(Kind.SECRET, secret, await self._inner.change_secret(secret, change), change)

    async def remove_secret(self, secret: Secret) -> None:
        await self._inner.remove_secret(secret)
        await self._gone(Kind.SECRET, secret)

    # -- grants ------------------------------------------------------------------------------------------------------

    async def grant(self, kind: Kind, grant_id: GrantId) -> Grant:
        _, holder, to_group = grant_parts(grant_id)
        if not to_group and holder in await self._own():
            raise NotFound("There is no such permission")
        try:
            return await self._grant(kind, grant_id)
        except NotFound:
            if await self._none_under_way(kind, grant_parts(grant_id)[0], finishing=not self._reads):
                raise
            return await self._grant(kind, grant_id)

    async def _grant(self, kind: Kind, grant_id: GrantId) -> Grant:
        reading = self._inner.grant(kind, grant_id)
        if kind is Kind.SECRET_GRANT:
            reading = self._unless_gone(SecretId(grant_parts(grant_id)[0]), reading)
        return await self._one(kind, grant_id, reading)

    async def find_grants(self, query: GrantQuery) -> Found[Grant]:
        if query.on is not None:
            await self._none_under_way(query.kind, query.on, finishing=False)
        narrowed = await self._narrowed(query.kind, query)
        if narrowed is None:
            return Found(0, ())
        shown = replace(narrowed, without_own=not self._policies.show_own_account)
        return await self._many(query.kind, await self._inner.find_grants(shown))

    async def roles_of_group(self, group_id: GroupId) -> tuple[Ref, ...]:
        return await self._inner.roles_of_group(group_id)

    async def create_grant(self, new: NewGrant) -> Grant:
        async with self._having(new.kind, new.external_id, new.id):
            await self._none_under_way(new.kind, int(new.on.id))
            if new.detach:
                await self._detach(new.kind, int(new.on.id))
            return await self._first(new.kind, await self._new_grant(new), new)

    async def _new_grant(self, new: NewGrant) -> Grant:
        try:
            return await self._inner.create_grant(new)
        except (Uniqueness, OutcomeUnknown) as error:
            found = await self._lost(new) if new.resumes or isinstance(error, OutcomeUnknown) else None
            if found is None:
                raise
            return found

    async def _lost(self, new: NewGrant) -> Grant | None:
        """The grant that an attempt made whose answer was lost."""
        try:
            grant = await self._inner.grant(new.kind, new.id)
        except NotFound:
            return None
        if grant.levels != new.levels or grant.inherited_from is not None:
            return None
        note(RECOVERED)
        return grant

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant:
        async with self._having(grant.kind, change.external_id, grant.id):
            if change.levels is not None:
                await self._none_under_way(grant.kind, grant.on.id)
            if change.detach:
                await self._detach(grant.kind, grant.on.id)
            return await self._changed(grant.kind, grant, await self._inner.change_grant(grant, change), change)

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None:
        await self._none_under_way(grant.kind, grant.on.id)
        if detach:
            await self._detach(grant.kind, grant.on.id)
        await self._inner.remove_grant(grant, detach=detach)
        await self._gone(grant.kind, grant)

    # -- reading whole -----------------------------------------------------------------------------------------------

    async def _one(self, kind: Kind, number: int, reading: Any) -> T:
        thing, kept, changes = await asyncio.gather(
            reading,
            self._attributes.get(self._vault, kind, number),
            self._changes.between(self._vault, kind, number, number),
        )
        whole: T = _joined(thing, kept, changes.get(number))
        return whole

    async def _many(self, kind: Kind, found: Found[T]) -> Found[T]:
        ids = [int(thing.id) for thing in found.items]
        if not ids:
            return found
        changes = await self._changes.between(self._vault, kind, min(ids), max(ids))
        if len(ids) <= FEW:
            rows = await asyncio.gather(*(self._attributes.get(self._vault, kind, i) for i in ids))
            kept = {i: row for i, row in zip(ids, rows, strict=True) if row is not None}
        else:
            kept = await self._attributes.range(self._vault, kind, min(ids), max(ids))
        if not kept and not changes:
            return found
        return replace(found, items=tuple(_joined(t, kept.get(t.id), changes.get(t.id)) for t in found.items))

    async def _by_id(self, kind: Kind, query: Any, fetch: Any) -> Found[T]:
        anchor = query.after if query.after is not None else query.before
        found: Any = await page_by_id(
            _as_users(fetch), [], anchor or 0, query.hint, query.limit or 0, backwards=query.before is not None
        )
        return await self._many(kind, found)

    async def _narrowed(self, kind: Kind, query: Any) -> Any:
        """The query in the vault's own terms; None when nothing can match."""
        ids: set[int] | None = set(query.ids) if query.ids is not None else None
        if query.external_id is not None:
            found = await self._external_ids.find(self._connection.id, kind, query.external_id)
            holder = set() if found is None else {found}
            ids = holder if ids is None else ids & holder
        if query.changed_since is not None:
            changed = await self._changes.since(self._vault, kind, query.changed_since)
            ids = changed if ids is None else ids & changed
        if ids is not None and not ids:
            return None
        return replace(query, external_id=None, changed_since=None, ids=None if ids is None else tuple(sorted(ids)))

    # -- writing whole -----------------------------------------------------------------------------------------------

    async def _has(self, kind: Kind, object_id: int, external_id: ExternalId) -> bool:
        """What somebody took away in the vault itself, or what went with its folder, has no external id any more; nor
        has what our account may not see any more, as a client is not shown it, either.
        """
        if not await super()._has(kind, object_id, external_id):
            return False
        try:
            if kind is Kind.FOLDER:
                await self._inner.folder(FolderId(object_id))
            elif kind is Kind.SECRET:
                await self._inner.secret(SecretId(object_id))
            elif kind in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT):
                await self._inner.grant(kind, GrantId(object_id))
        except (NotFound, VaultRefusedUs):
            return False
        return True

    def _made_by(self, new: NewFolder | NewSecret, kept: Kept | None) -> bool:
        """Whether an earlier attempt of this request made it: nothing is kept of it yet, or what that one kept."""
        if new.resumes is None:
            return False
        if kept is None:
            return True
        ours = kept.owner == self._connection.id and kept.tombstone is None and kept.created_at is not None
        same = kept.external_ids.get(self._connection.id) == new.external_id and kept.document == new.document
        return ours and same and kept.created_at is not None and kept.created_at > new.resumes - CLOCKS

    async def _first(self, kind: Kind, thing: T, new: Any) -> T:
        """The row of something that was made this moment. Grants come back under the id they had before.

        A row that is there may be of an attempt that died before it had indexed the external id.
        """
        before = await self._attributes.get(self._vault, kind, thing.id) or NOTHING_KEPT
        if before is not NOTHING_KEPT:
            before = replace(before, external_ids={})
        kept = Kept(
            document=new.document,
            external_ids={self._connection.id: new.external_id} if new.external_id else {},
            owner=self._connection.id,
            created_at=now(),
            modified=now(),
            seen=thing.fingerprint,
            revision=revision(),
            etag=before.etag,
        )
        return await self._saved(kind, thing, kept, before)

    async def _changed(self, kind: Kind, before: T, after: T, change: Any) -> T:
        old = before.kept
        kept = replace(
            old,
            document=old.document if change.document is None else change.document,
            external_ids=self._external(old, change.external_id),
            owner=old.owner or self._connection.id,
            adopted=old.adopted or old.owner is None,
            modified=now(),
            seen=after.fingerprint,
            revision=revision(),
        )
        return await self._saved(kind, after, kept, old)

    async def _gone(self, kind: Kind, thing: T) -> None:
        owner = thing.kept.owner or self._connection.id
        kept = replace(thing.kept, owner=owner, tombstone=now(), modified=now(), revision=revision())
        await self._save(kind, thing.id, kept, thing.kept)
        await self._changes.forget(self._vault, kind, thing.id)

    async def _saved(self, kind: Kind, thing: T, kept: Kept, before: Kept) -> T:
        saved, _ = await asyncio.gather(
            self._save(kind, thing.id, kept, before),
            self._changes.note(self._vault, kind, thing.id, kept.modified or now()),
        )
        return replace(thing, kept=saved)


def _joined(thing: T, kept: Kept | None, changed: datetime | None) -> T:
    if kept is not None and kept.tombstone is not None:
        # somebody gave it back in the vault itself; only the row's etag is of use
        kept = Kept(modified=kept.tombstone, etag=kept.etag)
    kept = kept or NOTHING_KEPT
    if changed is not None and (kept.modified is None or changed > kept.modified):
        kept = replace(kept, modified=changed)
    return replace(thing, kept=kept)


def _as_users(fetch: Any) -> Any:
    """page_by_id looks at the id of rows only, whatever they are."""

    async def read(window: Window) -> Any:
        return await fetch(window)

    return read


def _since(created: datetime | None, when: datetime) -> bool:
    from scim.directory.kept import ANY_ZONE

    return created is not None and created > when - ANY_ZONE
