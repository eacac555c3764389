"""Folders of one vault: read, find, create, rename, move, delete, and the whole tree for what needs it.

Searches leave out what our account may not view, and never say so (facts 7): a folder that is not listed is not said
to be absent; one that is read by id and not viewable is a refusal, not a NotFound.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from scim.content import Folder, FolderChange, FolderQuery, NewFolder, spoken
from scim.errors import InvalidValue, Mutability, NotFound, VaultDenied, VaultMisbehaved
from scim.model import FolderId, Window
from scim.names import fold
from scim.secretserver import operations, wire
from scim.secretserver import wire_content as content
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import abreast
from scim.secretserver.kept import Kept
from scim.secretserver.paging import Listing, Pager

FOLDERS = Listing(operations.SEARCH_FOLDERS, wire.Page[content.FolderRow], "id")
ROOT = -1
ORDINARY = 1
BUILD_SECONDS = 120.0
FEW = 8
"""So many folders by id are read singly; more come out of the tree."""

Tree = dict[int, Folder]


class Folders:
    """:param seconds: The age that the tree may have."""

    def __init__(self, client: VaultClient, pager: Pager, *, scan_rows: int, seconds: float) -> None:
        self._client = client
        self._pager = pager
        self._scan_rows = scan_rows
        self._tree: Kept[Tree] = Kept(seconds, BUILD_SECONDS)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, folder_id: FolderId) -> Folder:
        """One call. :raises NotFound:"""
        row = await self._row(folder_id)
        return content.to_folder(row)

    async def look(self, folder_id: FolderId) -> Folder | None:
        """The folder, where it is in our account's sight. Lists leave out what is not (facts 7); a look-up does, too.

        :raises VaultDenied: our account sees no folder at all, or saw this one minutes ago: then a denial says nothing.
        """
        try:
            return await self.read(folder_id)
        except NotFound:
            return None
        except VaultDenied:
            tree = await self.tree()
            if not tree or folder_id in tree:
                raise
            return None

    async def at(self, path: str) -> Folder:
        """The folder at a path, in one call. :raises NotFound:"""
        wanted = "\\" + path.strip("\\")
        row = await self._client.call(operations.READ_FOLDER, content.FolderRow, 0, query=(("folderPath", wanted),))
        folder = content.to_folder(row)
        if fold(folder.path) != fold(wanted):
            raise NotFound("Secret Server has no folder at that path")
        return folder

    async def source(self, folder: Folder) -> Folder:
        """The folder whose own permissions count here: itself, or the nearest ancestor that does not inherit."""
        seen = {folder.id}
        while folder.inherits and folder.parent is not None:
            folder = await self.read(FolderId(folder.parent.id))
            if folder.id in seen:
                raise VaultMisbehaved("Secret Server's folders go round in a circle")
            seen.add(folder.id)
        return folder

    async def window(self, window: Window) -> tuple[list[Folder], int]:
        rows, total = await self._pager.window(FOLDERS, window.offset, window.limit)
        return [content.to_folder(row) for row in rows], total

    async def tree(self) -> Tree:
        """Every folder that our account may view, at most `seconds` old; one call a 1,000 folders."""
        return await self._tree.get(self._read_tree)

    async def find(self, query: FolderQuery) -> list[Folder]:
        """All folders that meet the query's conditions, in id order."""
        if query.ids is not None:
            found = await self._by_ids(query.ids)
        elif query.path is not None:
            try:
                found = [await self.at(query.path)]
            except NotFound:
                found = []
        elif query.name is not None and query.name.strip():
            found = await self._search((("filter.searchText", query.name.strip()),))
        elif query.parent is not None:
            found = await self._search((("filter.parentFolderId", str(int(query.parent))),))
        else:
            found = await self._search(())
        return [folder for folder in found if _meets(folder, query)]

    async def children(self, folder: Folder) -> list[Folder]:
        return [f for f in await self.below(folder) if f.parent is not None and f.parent.id == folder.id]

    async def below(self, folder: Folder) -> list[Folder]:
        """Every folder below this one (`filter.parentFolderId` means descendants, facts 7)."""
        found = await self._search((("filter.parentFolderId", str(int(folder.id))),))
        inside = fold(folder.path) + "\\"
        return [f for f in found if f.id != folder.id and fold(f.path).startswith(inside)]

    # --- writing ----------------------------------------------------------------------------------------------------

    async def create(self, new: NewFolder) -> Folder:
        """One POST, never repeated by itself, and one read of the parent where nobody read it before."""
        if new.parent is not None:
            await self._parent(new.parent, new.above)
        body = {
            "folderName": new.name,
            "folderTypeId": ORDINARY,
            "parentFolderId": ROOT if new.parent is None else int(new.parent),
            "inheritPermissions": new.parent is not None,
            "inheritSecretPolicy": new.parent is not None,
        }
        row = await self._client.call(operations.CREATE_FOLDER, content.FolderRow, body=body)
        folder = content.to_folder(row)
        if fold(folder.name) != fold(new.name):
            raise VaultMisbehaved("Secret Server created a folder of another name than was asked for")
        self._tree.apply(lambda tree: tree.__setitem__(folder.id, folder))
        return folder

    async def change(self, folder: Folder, change: FolderChange) -> Folder:
        """A rename is one PATCH, a move one PUT of the whole folder as it was read just before (facts 12.10)."""
        if folder.personal:
            raise Mutability("A personal folder belongs to its user: it cannot be renamed or moved")
        moved = change.parent is not False and (folder.parent.id if folder.parent else None) != change.parent
        if moved:
            after = await self._move(folder, change)
        elif change.name is not None and change.name != folder.name:
            body = {"data": {"folderName": {"dirty": True, "value": change.name}}}
            done = await self._client.call(operations.CHANGE_FOLDER, content.FolderChanged, folder.id, body=body)
            if (done.folder_name or "").strip() != change.name.strip():
                raise VaultMisbehaved("Secret Server accepted a folder's new name and did not keep it")
            after = await self.read(folder.id)
        else:
            return folder
        self._tree.drop()  # the paths below it changed too
        return replace(after, kept=folder.kept, secrets=folder.secrets, owner=folder.owner)

    async def detach(self, folder: Folder) -> Folder:
        """End the inheritance, in a step of its own and in words (never by a default of `breakInheritance`)."""
        body = {"data": {"enableInheritPermissions": {"dirty": True, "value": False}}}
        await self._client.call(operations.CHANGE_FOLDER, content.FolderChanged, folder.id, body=body)
        after = await self.read(folder.id)
        if after.inherits:
            raise VaultMisbehaved("Secret Server was told to end a folder's inheritance and did not")
        self._tree.apply(lambda tree: tree.__setitem__(after.id, after))
        return after

    async def delete(self, folder: Folder) -> None:
        if folder.personal:
            raise Mutability("A personal folder belongs to its user: it cannot be deleted")
        with suppress(NotFound):  # gone already: our own repetition of a call whose answer was lost, or somebody else
            await self._client.call(operations.DELETE_FOLDER, wire.Deleted, folder.id)
        self._tree.apply(lambda tree: _leave(tree, folder.id))

    def forget(self) -> None:
        self._tree.drop()

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _row(self, folder_id: FolderId) -> content.FolderRow:
        row = await self._client.call(operations.READ_FOLDER, content.FolderRow, folder_id)
        if row.id != folder_id:
            raise VaultMisbehaved("Secret Server answered with another folder than was asked for")
        return row

    async def _parent(self, folder_id: FolderId, above: Folder | None) -> Folder:
        try:
            parent = above if above is not None and above.id == folder_id else await self.read(folder_id)
        except NotFound:
            raise InvalidValue(f"parent: there is no container with the id {int(folder_id)}") from None
        if parent.personal:
            raise Mutability(f"parent: {spoken(parent.path)} is a personal folder: nothing is put in it")
        return parent

    async def _move(self, folder: Folder, change: FolderChange) -> Folder:
        if change.parent is None:
            parent = None
        else:
            parent = await self._parent(FolderId(int(change.parent)), change.above)
            if parent.id == folder.id or fold(parent.path).startswith(fold(folder.path) + "\\"):
                raise InvalidValue(f"parent: {spoken(parent.path)} is below this container: that would be a cycle")
        row = await self._row(folder.id)
        name = change.name if change.name is not None else row.folder_name
        body = {
            "id": row.id,
            "folderTypeId": row.folder_type_id or ORDINARY,
            "folderName": name,
            "parentFolderId": ROOT if parent is None else int(parent.id),
            "inheritPermissions": bool(row.inherit_permissions) and parent is not None,
            "inheritSecretPolicy": bool(row.inherit_secret_policy),
        }
        if row.secret_policy_id is not None:
            body["secretPolicyId"] = row.secret_policy_id
        done = await self._client.call(operations.REPLACE_FOLDER, content.FolderRow, folder.id, body=body)
        after = content.to_folder(done)
        if after.id != folder.id or (after.parent.id if after.parent else None) != change.parent:
            raise VaultMisbehaved("Secret Server accepted a folder's move and did not make it")
        return after

    async def _search(self, query: tuple[tuple[str, str], ...]) -> list[Folder]:
        rows = await self._pager.walk(FOLDERS, query=query, limit=self._scan_rows)
        return [content.to_folder(row) for row in rows]

    async def _read_tree(self) -> Tree:
        return {folder.id: folder for folder in await self._search(())}

    async def _by_ids(self, ids: Iterable[FolderId]) -> list[Folder]:
        wanted = sorted(set(ids))
        if len(wanted) > FEW:
            tree = await self.tree()
            return [tree[i] for i in wanted if i in tree]
        found = await abreast((lambda i=i: self.look(i)) for i in wanted)  # type: ignore[misc]
        return [folder for folder in found if folder is not None]


def _leave(tree: Tree, folder_id: int) -> None:
    tree.pop(folder_id, None)


def _meets(folder: Folder, query: FolderQuery) -> bool:
    return (
        (query.name is None or fold(folder.name) == fold(query.name))
        and (query.path is None or fold(folder.path) == fold("\\" + query.path.strip("\\")))
        and (query.parent is None or (folder.parent is not None and folder.parent.id == query.parent))
        and (query.ids is None or folder.id in query.ids)
    )
