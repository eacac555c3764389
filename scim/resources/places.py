"""Step 4: how clients name a folder, a secret or a holder, and what is common to the documents of PAM resources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from scim.content import Folder, FolderQuery, GrantId, Secret, grant_id, grant_parts, spoken
from scim.directory.port import Directory
from scim.errors import InvalidValue, NotFound, excerpt
from scim.model import ExternalId, FolderId, Ref, SecretId, Window
from scim.protocol.projection import Document
from scim.resources.users import LARGEST_ID, meta, read_id

ROOT = ("", "-1", "0", "\\")
GRANT = re.compile(r"([1-9][0-9]{0,9})-([ug])([1-9][0-9]{0,9})")


# -- names of things -------------------------------------------------------------------------------------------------


async def folder_named(directory: Directory, text: str, attribute: str) -> Folder:
    """A folder by id, by path, or by a name that only one has. :raises InvalidValue: there is none, or several."""
    try:
        if text.isascii() and text.isdigit():
            return await directory.folder(FolderId(read_id(text)))
        path = re.sub(r"\\{2,}", r"\\", text)  # doubled once more than JSON wants
        query = FolderQuery(path=path) if "\\" in text else FolderQuery(name=text)
        found = (await directory.find_folders(query)).items
    except NotFound:
        found = ()
    if not found:
        raise InvalidValue(f"{attribute}: there is no container {excerpt(text)}")
    if len(found) > 1:
        paths = ", ".join(spoken(f.path) for f in found[:5])
        raise InvalidValue(f"{attribute}: {len(found)} containers have this name; use an id or a path, e.g. {paths}")
    return found[0]


async def secret_named(directory: Directory, text: str, attribute: str) -> Secret:
    """:raises InvalidValue: There is no such secret, or it is deactivated."""
    try:
        return await directory.secret(SecretId(read_id(text)))
    except NotFound:
        raise InvalidValue(f"{attribute}: there is no secret with the id {excerpt(text)}") from None


def named_by(reference: Any) -> str | None:
    """What a reference says: its value, else its name, else the end of its URL."""
    if not isinstance(reference, Mapping):
        return str(reference).strip() if reference not in (None, "") else None
    for key in ("value", "name", "display"):
        if reference.get(key) not in (None, ""):
            return str(reference[key]).strip()
    url = str(reference.get("$ref") or "").rstrip("/")
    return url.rpartition("/")[2] or None


def grant_text(number: GrantId) -> str:
    """`27-u42`: folder or secret 27, user 42; `27-g7` for a group."""
    on, holder, to_group = grant_parts(number)
    return f"{on}-{'g' if to_group else 'u'}{holder}"


def read_grant_id(text: str) -> GrantId:
    """:raises NotFound: It names no pair."""
    found = GRANT.fullmatch(text)
    if found is None or int(found[1]) > LARGEST_ID or int(found[3]) > LARGEST_ID:
        raise NotFound("There is no such resource")
    return grant_id(int(found[1]), int(found[3]), to_group=found[2] == "g")


# -- documents -------------------------------------------------------------------------------------------------------


def reference(base_url: str, endpoint: str, number: object, display: str = "", **more: Any) -> Document:
    url = f"{base_url}/{endpoint}/{number}" if base_url else f"{endpoint}/{number}"
    return {"value": str(number), "$ref": url} | ({"display": display} if display else {}) | more


def meta_of(name: str, endpoint: str, text: object, thing: Any, base_url: str) -> Document:
    number: Any = text
    created = getattr(thing, "created", None) or thing.kept.created_at
    return meta(name, endpoint, number, created, thing.last_modified, thing.version, base_url)


def own_words(kept: Mapping[str, Any], defaults: Mapping[str, str | None]) -> Document:
    """What the client keeps here, else what there is without it; null in the kept document: the client took it away."""
    words = {name: kept.get(name, default) for name, default in defaults.items()}
    return {name: value for name, value in words.items() if value not in (None, "")}


def kept_words(old: Document, new: Document, kept: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    """The document to keep after a change from `old` to `new`: nothing for what is as it would be anyhow."""
    words: Document = {}
    for name in names:
        if new.get(name) not in (None, ""):
            if name in kept or new[name] != old.get(name):
                words[name] = new[name]
        elif name in old or (name in kept and kept[name] is None):
            words[name] = None
    return words


def put_words(new: Document, shown: Document, kept: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    """The document to keep after a PUT: what it gives, unless it is as it would be shown anyhow; what it leaves out is
    as if it had never been given, and what was taken away by PATCH stays away.
    """
    words: Document = {}
    for name in names:
        if new.get(name) not in (None, ""):
            if new[name] != shown.get(name) or (name in kept and new[name] == kept[name]):
                words[name] = new[name]
        elif name in kept and kept[name] is None:
            words[name] = None
    return words


def external(document: Document) -> ExternalId | None:
    value = document.get("externalId")
    return ExternalId(str(value)) if value else None


def checked_name(document: Document, what: str) -> str:
    """:raises InvalidValue: It is missing, blank or too long, or holds a character that nobody can see or type."""
    name = str(document.get("name") or "").strip()
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InvalidValue("name holds a control character: a line break, a tab or another that is no letter")
    if not name:
        raise InvalidValue(f"name is required: a {what} needs one that is not blank")
    if len(name) > 400:
        raise InvalidValue("name is longer than 400 characters")
    return name


# -- questions -------------------------------------------------------------------------------------------------------


def one_id(value: str, kind: Any) -> tuple[Any, ...]:
    try:
        return (kind(read_id(value)),)
    except NotFound:
        return ()


def since(value: Any) -> datetime | None:
    """The time that `meta.lastModified gt` names; None where it is none."""
    if isinstance(value, datetime):
        return value
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when if when.tzinfo is not None else None


def paged(query: Any, window: Window | None, after: Any, before: Any, limit: int) -> Any:
    """A query for one page: by position, or by the object it starts after or ends before."""
    if window is not None:
        return replace(query, window=window)
    anchor = after or before or (0, None)
    more: dict[str, Any] = {"hint": anchor[1]} if hasattr(query, "hint") else {}
    return replace(query, limit=limit, **{"before" if before else "after": anchor[0]}, **more)


def refs(things: tuple[Ref, ...], base_url: str, endpoint: str, **more: Any) -> list[Document]:
    return [reference(base_url, endpoint, thing.id, thing.name, **more) for thing in things]
