"""Step 4: /Containers, the folders of the vault.

A container's name is the folder's own name, as the vendor's connector has it; its path stands beside it and is accepted
wherever a container is named. Labels that the vault has no place for are kept for the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scim.content import Folder, FolderChange, FolderQuery, NewFolder, spoken
from scim.directory.port import Directory
from scim.errors import InvalidValue, NotFound
from scim.model import Caller, ConnectionId, FolderId, Found, SecretId, Window
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas_pam import CONTAINER
from scim.resources.places import (
    ROOT,
    checked_name,
    external,
    folder_named,
    kept_words,
    meta_of,
    named_by,
    one_id,
    own_words,
    paged,
    put_words,
    reference,
    refs,
    since,
)
from scim.resources.users import read_id

NAME, ENDPOINT = "Container", "Containers"
WORDS = ("displayName", "description", "type")
ON_DEMAND = ("privilegedData", "owner")


# -- the mapping -----------------------------------------------------------------------------------------------------


def to_scim(folder: Folder, connection: ConnectionId, base_url: str = "") -> Document:
    """A folder as a SCIM document. Secrets and owner are left out when they were not read."""
    document: Document = {"schemas": [CONTAINER], "id": str(folder.id)}
    if connection in folder.kept.external_ids:
        document["externalId"] = folder.kept.external_ids[connection]
    document["name"] = folder.name
    shown = {"displayName": folder.name, "description": None, "type": _kind(folder)}
    document |= own_words(folder.kept.document, shown)
    if folder.parent is not None:
        document["parent"] = reference(base_url, ENDPOINT, folder.parent.id, folder.parent.name)
    if folder.owner is not None:
        document["owner"] = reference(base_url, "Users", folder.owner.id, folder.owner.name)
    if folder.secrets:
        document["privilegedData"] = refs(folder.secrets, base_url, "PrivilegedData", type="credential")
    document |= {"path": folder.path, "inheritsPermissions": folder.inherits}
    document["meta"] = meta_of(NAME, ENDPOINT, folder.id, folder, base_url)
    return document


def _kind(folder: Folder) -> str:
    return "personal folder" if folder.personal else "folder"


def from_scim(document: Document) -> NewFolder:
    """What a SCIM document asks for; its parent is looked up by the verbs. :raises InvalidValue: it names nothing."""
    name = checked_name(document, "container").strip("\\").rpartition("\\")[2].strip()
    if not name:
        raise InvalidValue("name is required: the path ends without one")
    words = {key: document[key] for key in WORDS if document.get(key) not in (None, "")}
    return NewFolder(name, None, external(document), words)


def parent_of(document: Document) -> str | None:
    """The id or path of the parent that a document names; None for the root."""
    given, named = document.get("parent"), named_by(document.get("parent"))
    above = str(document.get("name") or "").strip().rstrip("\\").rpartition("\\")[0]
    if named is None and isinstance(given, dict) and given:
        raise InvalidValue("parent: it has no value, so nobody knows where the container shall stand")
    if named is not None and above.strip("\\"):
        raise InvalidValue("name: it is a path, and parent says where the container stands, too; send one of the two")
    if named is None:
        named = above or None
    return None if named is None or named in ROOT else named


# -- the verbs -------------------------------------------------------------------------------------------------------


class Containers:
    """/Containers for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:
        self._directory, self._connection, self._base_url = directory, caller.connection.id, base_url

    def show(self, folder: Folder) -> Document:
        return to_scim(folder, self._connection, self._base_url)

    async def read(self, resource_id: str, shown: Projection) -> Document:
        folder_id = FolderId(read_id(resource_id))
        if shown.keep is None and any(shown.shows(name) for name in ON_DEMAND):
            return self.show(await self._directory.short_folder(folder_id))
        secrets, owner = (shown.names(name) for name in ON_DEMAND)
        return self.show(await self._directory.folder(folder_id, secrets=secrets, owner=owner))

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        """The lookup for one equality of a filter."""
        match attribute:
            case "meta.lastmodified:since":
                when = since(value)
                return None if when is None else {"changed_since": when}
            case "id":
                return {"ids": one_id(str(value), FolderId)}
            case "name":
                return {"name": str(value)}
            case "externalid":
                return {"external_id": external({"externalId": value})}
            case "parent.value" | "parent":
                ids = one_id(str(value), FolderId)
                return {"parent": ids[0]} if ids else {"ids": ()}
            case "privilegeddata.value" | "privilegeddata":
                return {"holding": str(value)}
            case "path":
                return {"path": str(value)}
        return None

    def lacks(self, shown: Projection) -> bool:
        """Whether an answer shows what a plain list row does not carry."""
        return any(shown.names(name) for name in ON_DEMAND)

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Folder]:
        terms = dict(terms)
        if terms.get("ids") == ():
            return Found(0, ())
        secrets, owner = (seen.names(name) or shown.names(name) for name in ON_DEMAND)
        if "holding" in terms:
            folder = await self._holding(terms.pop("holding"))
            if folder is None or ("ids" in terms and folder not in terms["ids"]):
                return Found(0, ())
            terms["ids"], secrets = (folder,), True
        return await self._directory.find_folders(FolderQuery(**terms, secrets=secrets, owner=owner))

    async def _holding(self, secret: str) -> FolderId | None:
        try:
            found = await self._directory.secret(SecretId(read_id(secret)))
        except NotFound:
            return None
        return FolderId(found.folder.id) if found.folder is not None else None

    async def page(
        self, window: Window | None, after: Any, before: Any, limit: int, shown: Projection
    ) -> Found[Folder]:
        secrets, owner = (shown.names(name) for name in ON_DEMAND)
        query: FolderQuery = paged(FolderQuery(secrets=secrets, owner=owner), window, after, before, limit)
        return await self._directory.find_folders(query)

    async def create(self, document: Document) -> Document:
        new = from_scim(document)
        parent = parent_of(document)
        if parent is not None:
            above = await folder_named(self._directory, parent, "parent")
            new = replace(new, parent=above.id, above=above)
        return self.show(await self._directory.create_folder(new))

    async def load(self, resource_id: str, touched: frozenset[str]) -> tuple[Folder, Document]:  # noqa: ARG002
        folder = await self._directory.folder(FolderId(read_id(resource_id)))
        return folder, self.show(folder)

    async def store(self, folder: Folder, old: Document, new: Document) -> Document:
        """After a PATCH."""
        return await self._store(folder, old, new, kept_words(old, new, folder.kept.document, WORDS))

    async def replace(self, folder: Folder, old: Document, new: Document) -> Document:
        """After a PUT."""
        shown = {"displayName": from_scim(new).name, "type": _kind(folder)}
        return await self._store(folder, old, new, put_words(new, shown, folder.kept.document, WORDS))

    async def _store(self, folder: Folder, old: Document, new: Document, words: Document) -> Document:
        wanted = from_scim(new)
        at, above = await self._move(folder, parent_of(old), parent_of(new))
        change = FolderChange(
            name=wanted.name if wanted.name != folder.name else None,
            parent=at,
            above=above,
            external_id=wanted.external_id if wanted.external_id != old.get("externalId") else False,
            document=words if words != dict(folder.kept.document) else None,
        )
        if change == FolderChange():
            return old
        return self.show(await self._directory.change_folder(folder, change))

    async def _move(self, folder: Folder, old: str | None, new: str | None) -> tuple[Any, Folder | None]:
        """Where to; False where it stays."""
        if new == old:
            return False, None
        if new is None:
            return (None if folder.parent else False), None
        above = folder if new == str(folder.id) else await folder_named(self._directory, new, "parent")
        if above.id == folder.id:
            raise InvalidValue(f"parent: {spoken(folder.path)} cannot stand in itself: that would be a cycle")
        stays = folder.parent is not None and above.id == folder.parent.id
        return (False, None) if stays else (above.id, above)

    async def remove(self, folder: Folder) -> None:
        await self._directory.remove_folder(folder)
