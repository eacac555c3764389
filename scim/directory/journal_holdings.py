"""Step 5 for folders, secrets and grants: the same way of every write as in journal.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import orjson

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
from scim.directory.claims import Claims
from scim.directory.reads import ReadsPass
from scim.errors import NotFound, Uniqueness
from scim.model import FolderId, Kind, SecretId, fingerprint
from scim.store.journal import Intent

T = TypeVar("T", Folder, Secret, Grant)


class HoldingsJournal(ReadsPass):
    """The journal's half that is about what a vault holds."""

    _claims: Claims

    async def _record(
        self,
        action: str,
        kind: Kind,
        object_id: int,
        name: str,
        plan: Mapping[str, Any],
        work: Callable[[], Awaitable[Any]],
    ) -> Any:
        raise NotImplementedError

    def _intent(self, action: str, kind: Kind, object_id: int, name: str, plan: Mapping[str, Any]) -> Intent:
        raise NotImplementedError

    async def _create_once(self, intent: Intent, stamp: str, work: Any, *, claimed: str = "") -> Any:
        raise NotImplementedError

    # -- folders -----------------------------------------------------------------------------------------------------

    async def create_folder(self, new: NewFolder) -> Folder:
        stamp = fingerprint(new.name, new.parent, new.external_id, _text(new.document))
        plan = {"name": new.name, "parent": new.parent, "external_id": new.external_id}

        async def create(resumes: Any) -> Folder:
            return await self._inner.create_folder(replace(new, resumes=resumes))

        async def again(number: int) -> Folder:
            return await self._inner.folder(FolderId(number))

        claimed = f"{new.parent or 0}/{new.name}"
        return await self._create(Kind.FOLDER, claimed, stamp, new.name, plan, create, again)

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        async def work() -> Folder:
            return await self._inner.change_folder(folder, change)

        action = "folder.move" if change.parent is not False else "folder.change"
        plan = _named(change) | ({"parent": change.parent} if change.parent is not False else {})
        changed: Folder = await self._record(action, Kind.FOLDER, folder.id, folder.path, plan, work)
        return changed

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:
        async def work() -> None:
            await self._inner.remove_folder(folder, contents=contents)

        await self._record("folder.delete", Kind.FOLDER, folder.id, folder.path, {}, work)

    # -- secrets -----------------------------------------------------------------------------------------------------

    async def create_secret(self, new: NewSecret) -> Secret:
        # values stay out of stamp and plan: neither is a place for them, even hashed
        stamp = fingerprint(
            new.name, new.template, new.folder, sorted(new.fields), new.external_id, _text(new.document)
        )
        plan = {"name": new.name, "template": new.template, "folder": new.folder, "fields": sorted(new.fields)}

        async def create(resumes: Any) -> Secret:
            return await self._inner.create_secret(replace(new, resumes=resumes))

        async def again(number: int) -> Secret:
            return await self._inner.secret(SecretId(number))

        claimed = f"{new.folder or 0}/{new.name}"
        await self._refuse_twin(claimed, stamp, new.name)
        return await self._create(Kind.SECRET, claimed, stamp, new.name, plan, create, again)

    async def _refuse_twin(self, claimed: str, stamp: str, name: str) -> None:
        """Names of secrets are not unique in a vault: nothing there stops a creation whose answer was lost on its way
        to the client, or died with this process, from being made a second time.

        :raises Uniqueness: The same request made a secret minutes ago, and it is still there.
        """
        made = await self._claims.made_lately(Kind.SECRET, claimed, stamp)
        if made:
            try:
                there = await self._inner.secret(SecretId(made))
            except NotFound:
                return
            if there.name == name:
                raise Uniqueness(
                    f"The same request made the secret {spoken(name)} minutes ago (id {made}); a second one is made "
                    f"under another name, or after a quarter of an hour"
                )

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret:
        async def work() -> Secret:
            return await self._inner.change_secret(secret, change)

        plan = _named(change) | ({"fields": sorted(change.fields)} if change.fields else {})
        changed: Secret = await self._record("secret.change", Kind.SECRET, secret.id, secret.name, plan, work)
        return changed

    async def remove_secret(self, secret: Secret) -> None:
        async def work() -> None:
            await self._inner.remove_secret(secret)

        await self._record("secret.deactivate", Kind.SECRET, secret.id, secret.name, {}, work)

    # -- grants ------------------------------------------------------------------------------------------------------

    async def create_grant(self, new: NewGrant) -> Grant:
        stamp = fingerprint(new.levels, new.external_id, _text(new.document))
        plan = {"holder": new.holder.name or new.holder.id, "to_group": new.to_group, **_levels(new.levels)}

        async def create(resumes: Any) -> Grant:
            return await self._inner.create_grant(replace(new, resumes=resumes))

        async def again(_: int) -> Grant:
            return await self._inner.grant(new.kind, new.id)

        name = new.on.path if isinstance(new.on, Folder) else new.on.name
        return await self._create(new.kind, str(int(new.id)), stamp, name, plan, create, again)

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant:
        async def work() -> Grant:
            return await self._inner.change_grant(grant, change)

        plan = _named(change) | (_levels(change.levels) if change.levels else {})
        changed: Grant = await self._record(f"{grant.kind}.change", grant.kind, grant.id, _name(grant), plan, work)
        return changed

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None:
        async def work() -> None:
            await self._inner.remove_grant(grant, detach=detach)

        await self._record(f"{grant.kind}.remove", grant.kind, grant.id, _name(grant), {}, work)

    # -- the way of a creation ---------------------------------------------------------------------------------------

    async def _create(
        self,
        kind: Kind,
        claimed: str,
        stamp: str,
        name: str,
        plan: Mapping[str, Any],
        create: Callable[[Any], Awaitable[T]],
        again: Callable[[int], Awaitable[T]],
    ) -> T:
        """Of parallel or repeated creations one acts; the others are shown its result."""
        intent = self._intent(f"{kind}.create", kind, 0, name, plan)
        made: T | int = await self._create_once(intent, stamp, create, claimed=claimed)
        return await again(made) if isinstance(made, int) else made


def _name(grant: Grant) -> str:
    return f"{grant.on.name} ← {grant.holder.name or grant.holder.id}"


def _levels(levels: Any) -> dict[str, Any]:
    return {"folder": levels.folder, "secrets": levels.secret} if levels.folder else {"secret": levels.secret}


def _named(change: FolderChange | SecretChange | GrantChange) -> dict[str, Any]:
    """What shall change, without documents and values."""
    plan: dict[str, Any] = {}
    for field in ("name", "folder", "external_id"):
        value = getattr(change, field, None)
        if value not in (None, False):
            plan[field] = value
    if change.document is not None:
        plan["document"] = True
    return plan


def _text(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
