"""Secrets that went with their folder.

A vault denies a deactivated secret that is in no folder any more, as it denies one that our account may not see: from
its answer nobody can tell the two apart (facts 9, 12.5). So before a folder is deleted with its contents it is written
down which secrets are in it; one that is denied afterwards is gone when that folder is, too.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from scim.content import Folder
from scim.directory.kept import KeptRows, now
from scim.errors import NotFound, VaultDenied
from scim.model import FolderId, SecretId

T = TypeVar("T")


class Cascading(KeptRows):
    """What the wrapper's half about holdings knows of folders that are deleted with what is in them."""

    async def _contents_go(self, folder: Folder) -> None:
        """Before a deletion."""
        secrets = await self._inner.secrets_below(folder)
        await self._attributes.mark_gone_with(self._vault, folder.id, secrets, now())

    async def _unless_gone(self, secret: SecretId, reading: Awaitable[T]) -> T:
        """:raises NotFound: the secret went with its folder."""
        try:
            return await reading
        except VaultDenied:
            at = await self._attributes.gone_with(self._vault, secret)
            if at is None or await self._stands(FolderId(at)):
                raise
        raise NotFound("Secret Server has no such secret: it went with its folder")

    async def _stands(self, folder: FolderId) -> bool:
        try:
            await self._inner.folder(folder)
        except NotFound:
            return False
        return True
