"""Reads that journal and guard hand on untouched."""

from __future__ import annotations

from scim.content import Folder, FolderQuery, Grant, GrantId, GrantQuery, Secret, SecretQuery, Template
from scim.directory.port import Directory
from scim.model import FolderId, Found, GroupId, Kind, Ref, SecretId


class HoldingsPass:
    """The reading half of Holdings, of whatever is inside."""

    _inner: Directory

    async def folder(self, folder_id: FolderId, *, secrets: bool = False, owner: bool = False) -> Folder:
        return await self._inner.folder(folder_id, secrets=secrets, owner=owner)

    async def short_folder(self, folder_id: FolderId) -> Folder:
        return await self._inner.short_folder(folder_id)

    async def find_folders(self, query: FolderQuery) -> Found[Folder]:
        return await self._inner.find_folders(query)

    async def folder_contents(self, folder: Folder) -> tuple[int, int]:
        return await self._inner.folder_contents(folder)

    async def source_of(self, folder: Folder) -> Folder:
        return await self._inner.source_of(folder)

    async def secret(self, secret_id: SecretId) -> Secret:
        return await self._inner.secret(secret_id)

    async def find_secrets(self, query: SecretQuery) -> Found[Secret]:
        return await self._inner.find_secrets(query)

    async def templates(self) -> tuple[Template, ...]:
        return await self._inner.templates()

    async def grant(self, kind: Kind, grant_id: GrantId) -> Grant:
        return await self._inner.grant(kind, grant_id)

    async def find_grants(self, query: GrantQuery) -> Found[Grant]:
        return await self._inner.find_grants(query)

    async def roles_of_group(self, group_id: GroupId) -> tuple[Ref, ...]:
        return await self._inner.roles_of_group(group_id)
