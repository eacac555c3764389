"""Who may do what on folders and secrets: read on the spot, and written so that nothing changes beside the one right.

READING. What a folder's permissions are is read where they stand: at the folder itself, or at the nearest ancestor
that does not inherit. How a vault presents the rows of an inheriting folder (own copies, the ancestor's rows, none) is
not known (facts 8) and does not matter then. Lists over everything come from an index (grant_index.py).

WRITING. `breakInheritance` defaults to true in Secret Server: one missing property may cut a folder off from its
parent (facts 12.1). Here it is sent with every write, always false, and the folder's inheritance is read just before.
Where the guard allows to end it, that is a step of its own, after which the rows that applied before must still be
there; scim/directory/detaching.py remembers them meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from scim.content import Folder, Grant, GrantChange, GrantId, Levels, NewGrant, Secret, SecretLevel, grant_parts, spoken
from scim.errors import BadRequest, Mutability, NotFound, Uniqueness, VaultMisbehaved
from scim.model import FolderId, Kind, Ref, SecretId
from scim.secretserver import operations, wire
from scim.secretserver import wire_content as content
from scim.secretserver.client import VaultClient
from scim.secretserver.folders import Folders
from scim.secretserver.operations import Operation
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.secrets import Secrets

FOLDER_GRANTS = Listing(operations.FOLDER_GRANTS, wire.Page[content.GrantRow], "id")
SECRET_GRANTS = Listing(operations.SECRET_GRANTS, wire.Page[content.GrantRow], "id")
Holder = tuple[str, int]
"""The name of a search filter, and an id."""


class Grants:
    def __init__(self, client: VaultClient, pager: Pager, folders: Folders, secrets: Secrets) -> None:
        self._client, self._pager = client, pager
        self._folders, self._secrets = folders, secrets

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, kind: Kind, number: GrantId) -> Grant:
        """One grant, in two calls (and one an ancestor, where the folder inherits). :raises NotFound:"""
        found = await self._own_of(await self.thing(kind, grant_parts(number)[0]), number)
        if found is None:
            raise NotFound("There is no such permission")
        return found

    async def find(self, kind: Kind, number: GrantId) -> Grant | None:
        """Like `read`, for look-ups in lists."""
        thing = await self.look(kind, grant_parts(number)[0])
        return None if thing is None else await self._own_of(thing, number)

    async def _own_of(self, thing: Folder | Secret, number: GrantId) -> Grant | None:
        _, holder, to_group = grant_parts(number)
        found = await self.on(thing, ("groupId" if to_group else "userId", holder))
        return next((grant for grant in found if grant.id == number), None)

    async def thing(self, kind: Kind, on: int) -> Folder | Secret:
        if kind is Kind.FOLDER_GRANT:
            return await self._folders.read(FolderId(on))
        return await self._secrets.read(SecretId(on))

    async def look(self, kind: Kind, on: int) -> Folder | Secret | None:
        """The object, where lists would show it."""
        return await (
            self._folders.look(FolderId(on)) if kind is Kind.FOLDER_GRANT else self._secrets.look(SecretId(on))
        )

    async def on(self, thing: Folder | Secret, holder: Holder | None = None) -> list[Grant]:
        """The grants on one folder, direct or inherited; the direct ones on one secret."""
        if isinstance(thing, Secret):
            return [] if thing.inherits else await self._direct(SECRET_GRANTS, "secretId", _ref(thing), holder)
        source = await self._folders.source(thing)
        grants = await self._direct(FOLDER_GRANTS, "folderId", _ref(source), holder, personal=source.personal)
        if source.id == thing.id:
            return grants
        return [replace(g, on=_ref(thing), inherited_from=_ref(source), row=0) for g in grants]

    async def of_holder(self, kind: Kind, holder: Holder) -> list[Grant]:
        """Every direct grant of one user or group."""
        name, number = holder
        query = ((f"filter.{name}", str(number)),)
        tree: dict[int, Folder] = {}
        if kind is Kind.SECRET_GRANT:
            rows = await self._pager.walk(SECRET_GRANTS, query=query)
            secrets = await self._secrets.by_ids(SecretId(r.secret_id) for r in rows if r.secret_id)
            direct = {int(s.id): _ref(s) for s in secrets if not s.inherits}
        else:
            rows, tree = await asyncio.gather(self._pager.walk(FOLDER_GRANTS, query=query), self._folders.tree())
            direct = {int(f.id): _ref(f) for f in tree.values() if not f.inherits}
        found = []
        for row in rows:
            on = direct.get((row.secret_id if kind is Kind.SECRET_GRANT else row.folder_id) or 0)
            if on is not None:
                folder = tree.get(on.id)
                found.append(content.to_grant(row, on, kind, personal=bool(folder and folder.personal)))
        return [g for g in _sorted(found) if _is(g, holder)]

    # --- writing ----------------------------------------------------------------------------------------------------

    async def create(self, new: NewGrant) -> Grant:
        """One read of the object, one POST. :raises Uniqueness: There is a direct grant for the pair already."""
        thing = await self._ready(new.kind, new.on.id, detach=new.detach)
        holder = ("groupId" if new.to_group else "userId", new.holder.id)
        there = [g for g in await self.on(thing, holder) if g.id == new.id]
        if there and new.detach:  # it was inherited, and is the object's own now
            return await self._write(there[0], new.levels)
        if there:
            raise Uniqueness(f"There is a permission for that holder on {spoken(thing.name)} already")
        row = await self._give(thing, new.holder.id, new.levels, to_group=new.to_group)
        made = content.to_grant(row, _ref(thing), new.kind)
        if made.id != new.id or made.levels != new.levels:
            raise VaultMisbehaved("Secret Server gave another permission than was asked for")
        return replace(made, holder=new.holder if new.holder.name else made.holder)

    async def change(self, grant: Grant, change: GrantChange) -> Grant:
        """One read of the object, one PUT."""
        if change.levels is None or change.levels == grant.levels:
            return grant
        return replace(await self._write(await self._own(grant, detach=change.detach), change.levels), kept=grant.kept)

    async def remove(self, grant: Grant, *, detach: bool = False) -> None:
        """One read of the object, one DELETE; a grant that is gone already is a success."""
        with suppress(NotFound):
            own = await self._own(grant, detach=detach)
            if grant.kind is Kind.FOLDER_GRANT:
                query = (("breakInheritance", "false"),)
                await self._client.call(operations.REMOVE_FOLDER_GRANT, wire.Deleted, own.row, query=query)
            else:
                await self._client.call(operations.REMOVE_SECRET_GRANT, wire.Deleted, own.row)

    async def applying(self, thing: Folder | Secret) -> list[Grant]:
        """Every right that applies to an object, as rows of its own would say it; on a secret its folder's, too."""
        if isinstance(thing, Folder) or not thing.inherits or thing.folder is None:
            return await self.on(thing)
        above = await self.on(await self._folders.read(FolderId(thing.folder.id)))
        seen = [g for g in above if g.levels.secret is not SecretLevel.NONE]
        kind, on = Kind.SECRET_GRANT, _ref(thing)
        return [replace(g, kind=kind, on=on, levels=Levels(None, g.levels.secret), row=0) for g in seen]

    async def end_inheritance(
        self, kind: Kind, on: int, before: Sequence[Grant], *, ended: bool = False
    ) -> list[Grant]:
        """End it, then give again what is missing of `before`.

        :param ended: It has ended already, by our own doing.
        :return: What the vault refuses to give again, as to a group that is gone.
        """
        thing = await self.thing(kind, on)
        if thing.inherits:
            thing = await (self._folders.detach(thing) if isinstance(thing, Folder) else self._secrets.detach(thing))
        elif not ended:
            return []
        return await self._restore(thing, before) if before else []

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _direct(
        self, listing: Listing[content.GrantRow], of: str, on: Ref, holder: Holder | None, *, personal: bool = False
    ) -> list[Grant]:
        query = [(f"filter.{of}", str(on.id))]
        if holder is not None:
            query.append((f"filter.{holder[0]}", str(holder[1])))
        kind = Kind.FOLDER_GRANT if listing is FOLDER_GRANTS else Kind.SECRET_GRANT
        rows = await self._pager.walk(listing, query=query)
        own = [row for row in rows if (row.folder_id if kind is Kind.FOLDER_GRANT else row.secret_id) == on.id]
        if len(own) < len(rows):
            raise VaultMisbehaved("Secret Server answered with permissions of another object")
        return [g for g in _sorted(content.to_grant(r, on, kind, personal=personal) for r in own) if _is(g, holder)]

    async def _ready(self, kind: Kind, on: int, *, detach: bool) -> Folder | Secret:
        """The object as it is now, with permissions of its own. :raises Mutability: It inherits, and that stays so."""
        thing = await self.thing(kind, on)
        if not thing.inherits:
            return thing
        if not detach:
            raise Mutability(f"{spoken(thing.name)} inherits its permissions, and this change may not end that")
        await self.end_inheritance(kind, on, await self.applying(thing))
        return await self.thing(kind, on)

    async def _restore(self, thing: Folder | Secret, before: Sequence[Grant]) -> list[Grant]:
        """Whether a vault keeps what was inherited is not known (facts 12.1): what is missing is given again."""
        there = {grant.id for grant in await self.on(thing)}
        refused = []
        for grant in before:
            if grant.id not in there:
                try:
                    await self._give(thing, grant.holder.id, grant.levels, to_group=grant.to_group)
                except (BadRequest, NotFound):
                    refused.append(grant)
        return refused

    async def _give(self, thing: Folder | Secret, holder: int, levels: Levels, *, to_group: bool) -> content.GrantRow:
        body: dict[str, object] = {("groupId" if to_group else "userId"): holder}
        if isinstance(thing, Folder):
            body |= {"folderId": int(thing.id), "breakInheritance": False, **_names(levels)}
            return await self._client.call(operations.ADD_FOLDER_GRANT, content.GrantRow, body=body)
        body |= {"secretId": int(thing.id), "secretAccessRoleName": levels.secret.value}
        return await self._client.call(operations.ADD_SECRET_GRANT, content.GrantRow, body=body)

    async def _own(self, grant: Grant, *, detach: bool) -> Grant:
        """The grant with a row of the object's own."""
        thing = await self._ready(grant.kind, grant.on.id, detach=detach)
        if grant.row and grant.inherited_from is None:
            return grant
        holder = ("groupId" if grant.to_group else "userId", grant.holder.id)
        for own in await self.on(thing, holder):
            if own.id == grant.id:
                return own
        raise NotFound("There is no such permission")

    async def _write(self, own: Grant, levels: Levels) -> Grant:
        if own.levels == levels:
            return own
        body: dict[str, object] = {"id": own.row}
        operation: Operation = operations.CHANGE_SECRET_GRANT
        if own.kind is Kind.FOLDER_GRANT:
            operation = operations.CHANGE_FOLDER_GRANT
            body |= {"folderId": own.on.id, "breakInheritance": False, **_names(levels)}
        else:
            body |= {"secretId": own.on.id, "secretAccessRoleName": levels.secret.value}
        row = await self._client.call(operation, content.GrantRow, own.row, body=body)
        after = content.to_grant(row, own.on, own.kind)
        if after.levels != levels or after.id != own.id:
            raise VaultMisbehaved("Secret Server accepted a permission's change and did not make it")
        return replace(own, levels=levels, row=row.id)


def _names(levels: Levels) -> dict[str, str]:
    assert levels.folder is not None
    return {"folderAccessRoleName": levels.folder.value, "secretAccessRoleName": levels.secret.value}


def _ref(thing: Folder | Secret) -> Ref:
    return Ref(int(thing.id), thing.path if isinstance(thing, Folder) else thing.name)


def _is(grant: Grant, holder: Holder | None) -> bool:
    return holder is None or (grant.holder.id == holder[1] and grant.to_group == (holder[0] == "groupId"))


def _sorted(grants: Iterable[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda g: g.id)
