"""The part of the Directory's face that is about what a vault holds: folders, secrets, grants (see port.py).

FURTHER PROMISES, which tests/contract/holdings_contract.py holds every implementation to:

* NO SECRET IS OPENED. Nothing here reads the value of a field, checks out, or leaves a view on the vault's record.
* INHERITANCE NEVER ENDS BY ACCIDENT. A write on what inherits its permissions raises Mutability unless `detach` says
  so; `detach` then keeps every right that applied before, whatever the vault does and whoever dies on the way.
* ONE RIGHT A WRITE. Creating, changing and removing a grant touches that holder's grant on that object alone.
"""

from __future__ import annotations

from typing import Protocol

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
)
from scim.model import FolderId, Found, GroupId, Kind, Ref, SecretId


class HoldingsReads(Protocol):
    # folders
    async def folder(self, folder_id: FolderId, *, secrets: bool = False, owner: bool = False) -> Folder:
        """One folder. :raises NotFound:"""
        ...

    async def short_folder(self, folder_id: FolderId) -> Folder:
        """One folder with its owner, and with its secrets where these are few."""
        ...

    async def find_folders(self, query: FolderQuery) -> Found[Folder]: ...

    async def folder_contents(self, folder: Folder) -> tuple[int, int]:
        """How many folders are below it, and how many secrets are in it and in those."""
        ...

    async def source_of(self, folder: Folder) -> Folder:
        """The folder whose own grants count here: itself, or the nearest ancestor that does not inherit."""
        ...

    # secrets
    async def secret(self, secret_id: SecretId) -> Secret:
        """One secret that is not deactivated. :raises NotFound:"""
        ...

    async def find_secrets(self, query: SecretQuery) -> Found[Secret]: ...

    async def templates(self) -> tuple[Template, ...]:
        """The templates of new secrets, without their fields."""
        ...

    # grants
    async def grant(self, kind: Kind, grant_id: GrantId) -> Grant:
        """One grant; an inherited one is found on a folder, never on a secret. :raises NotFound:"""
        ...

    async def find_grants(self, query: GrantQuery) -> Found[Grant]:
        """Grants in id order. Inherited ones are among them only where the folder is named."""
        ...

    async def roles_of_group(self, group_id: GroupId) -> tuple[Ref, ...]: ...


class Holdings(HoldingsReads, Protocol):
    async def create_folder(self, new: NewFolder) -> Folder:
        """:raises Uniqueness: a folder of that name stands there. :raises InvalidValue: no such parent."""
        ...

    async def change_folder(self, folder: Folder, change: FolderChange) -> Folder:
        """:raises InvalidValue: a move below itself, or to nowhere. :raises Mutability: a personal folder."""
        ...

    async def remove_folder(self, folder: Folder, *, contents: bool = False) -> None:
        """Delete it. With `contents` what is in it goes first: folders deleted, secrets deactivated."""
        ...

    async def create_secret(self, new: NewSecret) -> Secret:
        """:raises InvalidValue: no such template, folder or field."""
        ...

    async def change_secret(self, secret: Secret, change: SecretChange) -> Secret: ...

    async def remove_secret(self, secret: Secret) -> None:
        """Deactivate it: it stays in the vault, out of every list."""
        ...

    async def create_grant(self, new: NewGrant) -> Grant:
        """:raises Uniqueness: the holder has a direct grant there. :raises Mutability: see the promises."""
        ...

    async def change_grant(self, grant: Grant, change: GrantChange) -> Grant: ...

    async def remove_grant(self, grant: Grant, *, detach: bool = False) -> None: ...
