"""Folders, secrets, grants and templates of one vault as a Directory has them: the other half of directory.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from scim.content import (
    Folder,
    FolderChange,
    FolderLevel,
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
)
from scim.errors import InvalidValue, TooMany
from scim.model import FolderId, Found, GroupId, Kind, Ref, SecretId, UserId, UserQuery
from scim.names import fold
from scim.secretserver import operations, wire
from scim.secretserver.account import Account
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import abreast
from scim.secretserver.folders import Folders
from scim.secretserver.grant_index import GrantIndex, cut, is_own, meets
from scim.secretserver.grants import Grants
from scim.secretserver.groups import Groups
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.reports import Reports
from scim.secretserver.secrets import Secrets
from scim.secretserver.templates import Templates
from scim.secretserver.users import Users

OF_GROUP = Listing(operations.GROUP_ROLES, wire.Page[wire.RoleOfUser], "roleId")
MOST_REMOVED = 200
SHORT = 100
"""So many secrets of a folder come along with a single read of it."""


class Holdings:
    """The part of a vault's directory that is about what the vault holds."""

    def __init__(
        self,
        client: VaultClient,
        pager: Pager,
        account: Account,
        users: Users,
        groups: Groups,
        *,
        scan_rows: int,
        seconds: float,
    ) -> None:
        self._pager, self._everyone, self._account = pager, users, account
        self._folders = Folders(client, pager, scan_rows=scan_rows, seconds=seconds)
        self._templates = Templates(client, pager)
        self._secrets = Secrets(
            client,
            pager,
            account,
            self._folders,
            self._templates,
            users.passwords,
            scan_rows=scan_rows,
            seconds=seconds,
        )
        self._grants = Grants(client, pager, self._folders, self._secrets)
        around = (pager, self._grants, self._folders, self._secrets, users, groups, Reports(client), account)
        self.indexes = {
            kind: GrantIndex(kind, *around, seconds=seconds) for kind in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT)
        }

    # --- folders ----------------------------------------------------------------------------------------------------

    async def folder(self, folder_id: FolderId, *, secrets: bool = False, owner: bool = False) -> Folder:
        """One call, and one each in parallel for its secrets and for its owner."""
        folder = await self._folders.read(folder_id)
        found, holder = await asyncio.gather(
            self._secrets.in_folder(folder_id, 10_000) if secrets else nothing(),
            self._owner(folder) if owner else nothing(),
        )
        return replace(folder, secrets=found, owner=holder)

    async def short_folder(self, folder_id: FolderId) -> Folder:
        """A folder with its secrets where these are few and its owner: two calls more, in parallel."""
        folder = await self._folders.read(folder_id)
        found, holder = await asyncio.gather(self._secrets.in_folder(folder_id, SHORT), self._owner(folder))
        return replace(folder, secrets=found, owner=holder)

    async def find_folders(self, query: FolderQuery) -> Found[Folder]:
        """A window: one call. By path: one. By name or parent: one a 1,000 that contain the text. With secrets: the
        shelf of all secrets, one call a 1,000, kept; with owners: the index of grants.
        """
        plain = all(part is None for part in (query.ids, query.name, query.path, query.parent))
        if plain and query.window is not None:
            items, total = await self._folders.window(query.window)
            start = query.window.offset
            places = tuple(range(start, start + len(items)))
            found = Found(total, tuple(items), start + len(items) < total, places)
        else:
            every = await self._folders.find(query)
            found = Found(len(every), tuple(every))
        if query.secrets:
            shelf = await self._secrets.shelf()
            shelved = (replace(f, secrets=tuple(shelf.get(f.id, ()))) for f in found.items)
            found = replace(found, items=tuple(shelved))
        if query.owner:
            owners = await self._owners()
            found = replace(found, items=tuple(replace(f, owner=owners.get(f.id)) for f in found.items))
        return found

    async def create_folder(self, new: NewFolder) -> Folder:
        """One POST, and one read of the parent."""
        folder = await self._folders.create(new)
        if not folder.inherits:
            self.indexes[Kind.FOLDER_GRANT].forget()  # the vault gives its maker a right
        return folder

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        after = await self._folders.change(folder, change)
        if after.path != folder.path or after.inherits != folder.inherits:
            self.indexes[Kind.FOLDER_GRANT].forget()
            self._secrets.forget()
        return after

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:
        """One DELETE. Whether a vault takes what is in a folder along is not known (facts 13): where it refuses, and
        `contents` may go, they go first, one by one.
        """
        try:
            await self._folders.delete(folder)
        except InvalidValue:
            if not contents:
                raise
            await self._empty(folder)
            await self._folders.delete(folder)
        if contents:
            self.forget()
        self.indexes[Kind.FOLDER_GRANT].object_gone(folder.id)

    async def folder_contents(self, folder: Folder) -> tuple[int, int]:
        """How many folders are below it, and how many secrets are in it. Two calls."""
        below, secrets = await asyncio.gather(self._folders.below(folder), self._secrets.count_in(folder.id))
        return len(below), secrets

    async def _empty(self, folder: Folder) -> None:
        """Deepest folders first. :raises TooMany: more than one request can do in its time."""
        below = sorted(await self._folders.below(folder), key=lambda f: f.path.count("\\"), reverse=True)
        held = [(f, await self._secrets.in_folder(f.id, MOST_REMOVED)) for f in (*below, folder)]
        if any(inside is None for _, inside in held) or sum(len(inside or ()) for _, inside in held) > MOST_REMOVED:
            raise TooMany(f"More than {MOST_REMOVED} secrets are in this container; empty it in parts")
        for inner, inside in held:
            for ref in inside or ():
                await self._secrets.deactivate(await self._secrets.read(SecretId(ref.id)))
            if inner.id != folder.id:
                await self._folders.delete(inner)

    def forget(self) -> None:
        """Many things changed at once: every reading is taken anew."""
        self._folders.forget()
        self._secrets.forget()
        for index in self.indexes.values():
            index.forget()

    async def source_of(self, folder: Folder) -> Folder:
        return await self._folders.source(folder)

    # --- secrets ----------------------------------------------------------------------------------------------------

    async def secret(self, secret_id: SecretId) -> Secret:
        """One call."""
        return await self._secrets.read(secret_id)

    async def find_secrets(self, query: SecretQuery) -> Found[Secret]:
        plain = all(part is None for part in (query.ids, query.name, query.folder))
        if plain and query.window is not None:
            items, total = await self._secrets.window(query.window)
            start = query.window.offset
            return Found(total, tuple(items), start + len(items) < total, tuple(range(start, start + len(items))))
        every = await self._secrets.find(query)
        return Found(len(every), tuple(every))

    async def create_secret(self, new: NewSecret) -> Secret:
        """Three calls, and one for each password that Secret Server makes up."""
        secret = await self._secrets.create(new)
        if not secret.inherits:
            self.indexes[Kind.SECRET_GRANT].forget()
        return secret

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret:
        after = await self._secrets.change(secret, change)
        if after.name != secret.name or after.inherits != secret.inherits:
            self.indexes[Kind.SECRET_GRANT].forget()
        return after

    async def remove_secret(self, secret: Secret) -> None:
        await self._secrets.deactivate(secret)
        self.indexes[Kind.SECRET_GRANT].object_gone(secret.id)

    async def secrets_below(self, folder: Folder) -> tuple[SecretId, ...]:
        """One call a 1,000."""
        return await self._secrets.below(folder.id)

    async def templates(self) -> tuple[Template, ...]:
        return await self._templates.every()

    # --- grants -----------------------------------------------------------------------------------------------------

    async def grant(self, kind: Kind, grant_id: GrantId) -> Grant:
        return await self._grants.read(kind, grant_id)

    async def find_grants(self, query: GrantQuery) -> Found[Grant]:
        """On an object that is named: two calls. Of a holder: one or two. Anything else: the index."""
        named = (query.ids, query.on, query.user, query.group, query.user_name)
        if all(part is None for part in named) and query.levels is None:
            if query.window is not None or query.limit is not None:
                return await self.indexes[query.kind].page(query)
            return cut(await self.indexes[query.kind].every(without_own=query.without_own), None)
        found = [g for g in await self._candidates(query) if meets(g, query)]
        if query.without_own and found:
            own = await self._me()
            found = [g for g in found if not is_own(g, own)]
        return cut(found, query.window)

    async def create_grant(self, new: NewGrant) -> Grant:
        made = await self._grants.create(new)
        self._written(made, detached=new.detach)
        return made

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant:
        after = await self._grants.change(grant, change)
        self._written(after, detached=change.detach)
        return after

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None:
        await self._grants.remove(grant, detach=detach)
        if detach:
            self.indexes[grant.kind].forget()
        self.indexes[grant.kind].gone(grant.id)

    async def rights_on(self, thing: Folder | Secret) -> tuple[Grant, ...]:
        """Two calls, and one an ancestor where it inherits."""
        return tuple(await self._grants.applying(thing))

    async def end_inheritance(
        self, kind: Kind, on: int, before: Sequence[Grant], *, ended: bool = False
    ) -> tuple[Grant, ...]:
        """Four calls, and one for each right that the vault has dropped."""
        try:
            return tuple(await self._grants.end_inheritance(kind, on, before, ended=ended))
        finally:
            self.indexes[kind].forget()

    async def roles_of_group(self, group_id: GroupId) -> tuple[Ref, ...]:
        """One call."""
        rows = await self._pager.walk(OF_GROUP, group_id)
        return tuple(Ref(row.role_id, row.name or "") for row in rows)

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _me(self) -> UserId:
        return (await self._account.read()).id

    def _written(self, grant: Grant, *, detached: bool) -> None:
        if detached:
            self.indexes[grant.kind].forget()
        else:
            self.indexes[grant.kind].written(grant)

    async def _candidates(self, query: GrantQuery) -> list[Grant]:
        if query.ids is not None:
            return await self._by_ids(query.kind, query.ids)
        if query.on is not None:
            return await self._on(query)
        if query.user is not None:
            return await self._grants.of_holder(query.kind, ("userId", query.user))
        if query.group is not None:
            return await self._grants.of_holder(query.kind, ("groupId", query.group))
        if query.user_name is not None:
            return await self._of_named(query.kind, query.user_name)
        return await self.indexes[query.kind].every()

    async def _on(self, query: GrantQuery) -> list[Grant]:
        holder = None
        if query.user is not None:
            holder = ("userId", int(query.user))
        elif query.group is not None:
            holder = ("groupId", int(query.group))
        thing = await self._grants.look(query.kind, query.on or 0)
        return [] if thing is None else await self._grants.on(thing, holder)

    async def _by_ids(self, kind: Kind, ids: Iterable[GrantId]) -> list[Grant]:
        wanted = sorted(set(ids))
        if len(wanted) > SHORT:
            chosen = set(wanted)
            return [g for g in await self.indexes[kind].every() if g.id in chosen]
        found = await abreast((lambda n=n: self._grants.find(kind, n)) for n in wanted)  # type: ignore[misc]
        return [grant for grant in found if grant is not None]

    async def _of_named(self, kind: Kind, name: str) -> list[Grant]:
        """By the name that is shown for the user: the users of that name, then each one's grants."""
        users = await self._everyone.find(UserQuery(display_name=name))
        found: list[Grant] = []
        for user in users:
            found += await self._grants.of_holder(kind, ("userId", UserId(user.id)))
        return sorted((g for g in found if fold(g.holder.name) == fold(name)), key=lambda g: g.id)

    async def _owner(self, folder: Folder) -> Ref | None:
        """The user who owns the folder: the first with that right of its own, the connector's own account aside.

        Inherited ownership is the parent's.
        """
        if folder.inherits:
            return None
        own = await self._me()
        return next((g.holder for g in await self._grants.on(folder) if _owns(g) and not is_own(g, own)), None)

    async def _owners(self) -> dict[int, Ref]:
        owners: dict[int, Ref] = {}
        for grant in await self.indexes[Kind.FOLDER_GRANT].every(without_own=True):
            if _owns(grant):
                owners.setdefault(grant.on.id, grant.holder)
        return owners


def _owns(grant: Grant) -> bool:
    return not grant.to_group and grant.levels.folder is FolderLevel.OWNER


async def nothing() -> None:
    return None
