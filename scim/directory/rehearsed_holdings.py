"""The folders, secrets and rights of a rehearsal; see rehearsed.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

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
    TemplateId,
)
from scim.errors import InvalidValue
from scim.model import FolderId, Kind, Ref, SecretId

NOT_YET = 0
READS = frozenset(
    {"folder", "short_folder", "find_folders", "folder_contents", "source_of", "secret", "find_secrets", "templates",
     "grant", "find_grants", "roles_of_group", "rights_on", "secrets_below"}
)  # fmt: skip


class RehearsedHoldings:
    """What would be done to folders, secrets and rights. Of secrets' fields only the names are noted."""

    _inner: Any

    def _note(self, action: str, target: str, values: Mapping[str, Any]) -> None:
        raise NotImplementedError

    # -- folders -----------------------------------------------------------------------------------------------------

    async def create_folder(self, new: NewFolder) -> Folder:
        parent = None if new.parent is None else await self._inner.short_folder(new.parent)
        self._note("create folder", new.name, {"in": "the root" if parent is None else parent.path})
        path = f"{'' if parent is None else parent.path}\\{new.name}"
        above = None if parent is None else Ref(int(parent.id), parent.name)
        return Folder(FolderId(NOT_YET), new.name, path, above, inherits=parent is not None, secrets=())

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        values: dict[str, Any] = {} if change.name is None else {"name": change.name}
        if change.parent is not False:
            values["move to"] = "the root" if change.parent is None else f"folder {int(change.parent)}"
        if values:
            self._note("change folder", f"{folder.path} (id {int(folder.id)})", values)
        return replace(folder, name=change.name or folder.name)

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:
        values = {"its folders and secrets": "go first"} if contents else {}
        self._note("delete folder", f"{folder.path} (id {int(folder.id)})", values)

    # -- secrets -----------------------------------------------------------------------------------------------------

    async def create_secret(self, new: NewSecret) -> Secret:
        template = await self._template(new.template)
        folder = None if new.folder is None else await self._inner.short_folder(new.folder)
        values = {"template": template.name, "folder": "none" if folder is None else folder.path}
        self._note("create secret", new.name, {**values, "fields": sorted(new.fields)})
        place = None if folder is None else Ref(int(folder.id), folder.name)
        return Secret(SecretId(NOT_YET), new.name, place, template, folder is not None, datetime.now(UTC))

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret:
        values: dict[str, Any] = {} if change.name is None else {"name": change.name}
        values |= {} if change.folder is None else {"move to": f"folder {int(change.folder)}"}
        values |= {"overwrite fields": sorted(change.fields)} if change.fields else {}
        if values:
            self._note("change secret", f"{secret.name} (id {int(secret.id)})", values)
        return replace(secret, name=change.name or secret.name)

    async def remove_secret(self, secret: Secret) -> None:
        self._note("deactivate secret", f"{secret.name} (id {int(secret.id)})", {})

    # -- rights ------------------------------------------------------------------------------------------------------

    async def create_grant(self, new: NewGrant) -> Grant:
        whom = "group" if new.to_group else "user"
        values = {whom: f"{new.holder.name} (id {new.holder.id})", "rights": _rights(new.levels)}
        self._note("grant", f"{new.on.name} (id {int(new.on.id)})", values)
        return Grant(new.kind, Ref(int(new.on.id), new.on.name), new.holder, new.to_group, new.levels)

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant:
        if change.levels is None:
            return grant
        values = {"holder": grant.holder.name, "rights": _rights(change.levels)}
        self._note("change rights", f"{grant.on.name} (id {grant.on.id})", values)
        return replace(grant, levels=change.levels)

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None:  # noqa: ARG002  -- noted before
        self._note("take rights away", f"{grant.on.name} (id {grant.on.id})", {"holder": grant.holder.name})

    async def end_inheritance(
        self,
        kind: Kind,
        on: int,
        before: Sequence[Grant],
        *,
        ended: bool = False,  # noqa: ARG002
    ) -> tuple[Grant, ...]:
        name = next((grant.on.name for grant in before), "")
        what = "folder" if kind is Kind.FOLDER_GRANT else "secret"
        self._note("end inheritance", f"{what} {name} (id {on})", {"rights that stay": len(before)})
        return ()

    async def _template(self, template_id: TemplateId) -> Ref:
        for template in await self._inner.templates():
            if template.id == template_id:
                return Ref(int(template.id), template.name)
        raise InvalidValue("There is no such template")


def _rights(levels: Any) -> str:
    return ", ".join(
        f"{name} {level}" for name, level in (("folder", levels.folder), ("secret", levels.secret)) if level
    )
