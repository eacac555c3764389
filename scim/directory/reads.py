"""Reads that journal and guard hand on untouched."""

from __future__ import annotations

from scim.content import Folder, FolderQuery, Grant, GrantId, GrantQuery, Secret, SecretQuery, Template
from scim.directory.port import Directory
from scim.model import (
    FolderId,
    Found,
    Group,
    GroupId,
    GroupQuery,
    Kind,
    Principals,
    Ref,
    Role,
    RoleId,
    SecretId,
    User,
    UserId,
    UserQuery,
)


class ReadsPass:
    """The reading half of a directory, of whatever is inside."""

    _inner: Directory

    # -- users, groups, roles -----------------------------------------------------------------------------------------

    async def user(self, user_id: UserId, *, groups: bool = False, roles: bool = False) -> User:
        return await self._inner.user(user_id, groups=groups, roles=roles)

    async def find_users(self, query: UserQuery) -> Found[User]:
        return await self._inner.find_users(query)

    async def group(self, group_id: GroupId, *, members: bool = False) -> Group:
        return await self._inner.group(group_id, members=members)

    async def find_groups(self, query: GroupQuery) -> Found[Group]:
        return await self._inner.find_groups(query)

    async def is_member(self, group_id: GroupId, user_id: UserId) -> bool:
        return await self._inner.is_member(group_id, user_id)

    async def roles(self) -> tuple[Role, ...]:
        return await self._inner.roles()

    async def role_holders(self, role_id: RoleId) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        return await self._inner.role_holders(role_id)

    async def powerful(self) -> Principals:
        return await self._inner.powerful()

    # -- folders, secrets, grants -------------------------------------------------------------------------------------

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
