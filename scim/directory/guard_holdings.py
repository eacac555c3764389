"""Step 6 for folders, secrets and grants: the same gate as in guard.py.

What is judged here: rights of and for protected principals, personal folders, folders that are not empty, inheritance
(a write on what inherits is refused with the name of the folder that holds the right, or ends it, by policy),
ownership, and mass removal.
"""

from __future__ import annotations

from dataclasses import replace

from scim.content import (
    Folder,
    FolderChange,
    Grant,
    GrantChange,
    NewFolder,
    NewGrant,
    NewSecret,
    Secret,
    SecretChange,
    spoken,
)
from scim.context import note
from scim.directory.breaker import Breaker
from scim.directory.principals import ProtectedPrincipals
from scim.directory.reads import ReadsPass
from scim.errors import Forbidden, InvalidValue, Mutability, NotFound, Protected
from scim.model import FolderId, GroupId, Kept, Policies, Principals, Ref, UserId


class HoldingsGuard(ReadsPass):
    """The guard's half that is about what a vault holds."""

    _protected: ProtectedPrincipals
    _breaker: Breaker
    _policies: Policies

    def _check_owner(self, what: str, kept: Kept) -> None:
        raise NotImplementedError

    def _made_lately(self, kept: Kept) -> bool:
        raise NotImplementedError

    # -- folders -----------------------------------------------------------------------------------------------------

    async def create_folder(self, new: NewFolder) -> Folder:
        await self._protected.get()
        return await self._inner.create_folder(new)

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        await self._protected.get()
        self._check_folder(folder)
        return await self._inner.change_folder(folder, change)

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:  # noqa: ARG002  -- the policy's word
        await self._protected.get()
        self._check_folder(folder)
        below, secrets = await self._inner.folder_contents(folder)
        if (below or secrets) and self._policies.delete_non_empty == "refuse":
            raise Mutability(
                f"The container {spoken(folder.path)} is not empty ({below} containers below it, {secrets} secrets in "
                f"it), and this connection's policy is to refuse its deletion"
            )
        if below or secrets or not self._made_lately(folder.kept):
            await self._breaker.admit(1 + below + secrets)
        await self._inner.remove_folder(folder, contents=bool(below or secrets))

    def _check_folder(self, folder: Folder) -> None:
        if folder.personal:
            raise Mutability(f"The personal folder {spoken(folder.path)} belongs to its user and is not changed here")
        self._check_owner(f"The container {spoken(folder.path)}", folder.kept)

    # -- secrets -----------------------------------------------------------------------------------------------------

    async def create_secret(self, new: NewSecret) -> Secret:
        await self._protected.get()
        if new.folder is not None:
            await self._check_target(new.folder, new.place)
        return await self._inner.create_secret(new)

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret:
        await self._protected.get()
        self._check_owner(f"The secret {spoken(secret.name)}", secret.kept)
        ours = secret.kept.owner == self._connection_id() and not secret.kept.adopted
        if change.fields and not ours and not self._policies.adopted_passwords:
            raise Forbidden(
                "fields: this connection did not create the secret, and its policy does not let it write its fields"
            )
        if change.folder is not None:
            await self._check_target(change.folder, change.place)
        return await self._inner.change_secret(secret, change)

    async def remove_secret(self, secret: Secret) -> None:
        await self._protected.get()
        self._check_owner(f"The secret {spoken(secret.name)}", secret.kept)
        if not self._made_lately(secret.kept):
            await self._breaker.admit(1)
        await self._inner.remove_secret(secret)

    async def _check_target(self, folder_id: FolderId, place: Folder | None) -> None:
        try:
            folder = place if place is not None and place.id == folder_id else await self._inner.folder(folder_id)
        except NotFound:
            raise InvalidValue(f"folder: there is no container with the id {int(folder_id)}") from None
        if folder.personal:
            raise Mutability(f"The personal folder {spoken(folder.path)} belongs to its user: nothing is put in it")

    # -- grants ------------------------------------------------------------------------------------------------------

    async def create_grant(self, new: NewGrant) -> Grant:
        self._check_holder(new.holder, new.to_group, await self._protected.get())
        if isinstance(new.on, Folder) and new.on.personal:
            raise _personal(new.on.path)
        if new.on.inherits:
            new = replace(new, detach=await self._may_detach(new.on))
        return await self._inner.create_grant(new)

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant:
        await self._check_grant(grant)
        if change.levels is not None and change.levels != grant.levels and grant.inherited_from is not None:
            change = replace(change, detach=await self._may_detach_from(grant))
        return await self._inner.change_grant(grant, change)

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None:
        await self._check_grant(grant)
        if grant.inherited_from is not None:
            detach = await self._may_detach_from(grant)
        if not self._made_lately(grant.kept):
            await self._breaker.admit(1)
        await self._inner.remove_grant(grant, detach=detach)

    async def _check_grant(self, grant: Grant) -> None:
        self._check_holder(grant.holder, grant.to_group, await self._protected.get())
        if grant.personal:
            raise _personal(grant.on.name)
        self._check_owner(f"The permission on {spoken(grant.on.name)}", grant.kept)

    def _check_holder(self, holder: Ref, to_group: bool, principals: Principals) -> None:
        if to_group:
            protected = GroupId(holder.id) in (principals.groups | principals.personal_groups)
        else:
            protected = UserId(holder.id) in principals.users
        if protected:
            what = "group" if to_group else "user"
            raise Protected(f"The {what} {holder.id} is protected: its permissions cannot change through SCIM")

    async def _may_detach(self, thing: Folder | Secret) -> bool:
        """True where the policy lets the inheritance end. :raises Mutability: with the folder that holds the rights."""
        if self._policies.break_inheritance == "break":
            note(f"inheritance ended at {spoken(thing.path if isinstance(thing, Folder) else thing.name)}")
            return True
        if isinstance(thing, Folder):
            source = await self._inner.source_of(thing)
        elif thing.folder is not None:
            source = await self._inner.source_of(await self._inner.folder(FolderId(thing.folder.id)))
        else:
            return False
        name = thing.path if isinstance(thing, Folder) else thing.name
        raise _inherited(name, source.path)

    async def _may_detach_from(self, grant: Grant) -> bool:
        if self._policies.break_inheritance == "break":
            note(f"inheritance ended at {spoken(grant.on.name)}")
            return True
        assert grant.inherited_from is not None
        raise _inherited(grant.on.name, grant.inherited_from.name)

    def _connection_id(self) -> str:
        raise NotImplementedError


def _inherited(name: str, source: str) -> Mutability:
    return Mutability(
        f"{spoken(name)} inherits its permissions from {spoken(source)}, which holds this right: change it there. "
        f"This connection's policy is not to end the inheritance"
    )


def _personal(path: str) -> Mutability:
    return Mutability(
        f"{spoken(path)} is a personal folder: nobody is given access to it here, and its owner's cannot be taken away"
    )
