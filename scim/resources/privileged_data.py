"""Step 4: /PrivilegedData, the secrets of the vault: listed, made, renamed, moved and deactivated, and never opened.

There is no way from here to a field's value: what a client writes goes in, nothing comes out (RFC 7643 §7, "never").
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import SecretStr

from scim.content import Folder, NewSecret, Secret, SecretChange, SecretQuery, Template
from scim.directory.port import Directory
from scim.errors import ConnectorError, InvalidValue, excerpt
from scim.model import Caller, ConnectionId, FolderId, Found, SecretId, Window
from scim.names import fold
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas_pam import OUR_SECRET, PRIVILEGED_DATA, published_secret
from scim.resources.places import (
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
    since,
)
from scim.resources.users import read_id

NAME, ENDPOINT = "PrivilegedData", "PrivilegedData"
WORDS = ("description", "type")
MOST_FIELDS = 100


# -- the mapping -----------------------------------------------------------------------------------------------------


def to_scim(secret: Secret, connection: ConnectionId, base_url: str = "") -> Document:
    """A secret as a SCIM document."""
    document: Document = {"schemas": [PRIVILEGED_DATA, OUR_SECRET], "id": str(secret.id)}
    if connection in secret.kept.external_ids:
        document["externalId"] = secret.kept.external_ids[connection]
    document["name"] = secret.name
    document |= own_words(secret.kept.document, {"description": None, "type": secret.template.name})
    ours: Document = {"template": secret.template.name or str(secret.template.id)}
    if secret.folder is not None:
        ours["folder"] = reference(base_url, "Containers", secret.folder.id)
        ours["path"] = secret.folder.name
    ours |= {"inheritsPermissions": secret.inherits, "restricted": secret.restricted}
    document[OUR_SECRET] = ours
    document["meta"] = meta_of(NAME, ENDPOINT, secret.id, secret, base_url)
    return document


def fields_of(document: Document) -> dict[str, SecretStr]:
    """The values to write, by name. :raises InvalidValue: one without a name or a value, or too many."""
    found: dict[str, SecretStr] = {}
    entries = (document.get(OUR_SECRET) or {}).get("fields") or []
    if len(entries) > MOST_FIELDS:
        raise InvalidValue(f"fields: at most {MOST_FIELDS} are written at once")
    for entry in entries:
        name = str((entry or {}).get("name") or "").strip()
        value = (entry or {}).get("value")
        if not name or not isinstance(value, str):
            raise InvalidValue("fields: each needs a name and a value")
        found[name] = SecretStr(value)
    return found


# -- the verbs -------------------------------------------------------------------------------------------------------


class PrivilegedData:
    """/PrivilegedData for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:
        self._directory, self._connection, self._base_url = directory, caller.connection.id, base_url
        self._policies = caller.connection.policies

    def show(self, secret: Secret) -> Document:
        return to_scim(secret, self._connection, self._base_url)

    async def read(self, resource_id: str, shown: Projection) -> Document:  # noqa: ARG002
        return self.show(await self._directory.secret(SecretId(read_id(resource_id))))

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        """The lookup for one equality of a filter."""
        ours = OUR_SECRET.casefold()
        match attribute:
            case "meta.lastmodified:since":
                when = since(value)
                return None if when is None else {"changed_since": when}
            case "id":
                return {"ids": one_id(str(value), SecretId)}
            case "name":
                return {"name": str(value)}
            case "externalid":
                return {"external_id": external({"externalId": value})}
        if attribute in (f"{ours}:folder.value", f"{ours}:folder"):
            ids = one_id(str(value), FolderId)
            return {"folder": ids[0]} if ids else {"ids": ()}
        return None

    def lacks(self, shown: Projection) -> bool:  # noqa: ARG002
        return False

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Secret]:  # noqa: ARG002
        if terms.get("ids") == ():
            return Found(0, ())
        return await self._directory.find_secrets(SecretQuery(**terms))

    async def page(
        self,
        window: Window | None,
        after: Any,
        before: Any,
        limit: int,
        shown: Projection,  # noqa: ARG002
    ) -> Found[Secret]:
        query: SecretQuery = paged(SecretQuery(), window, after, before, limit)
        return await self._directory.find_secrets(query)

    async def vocabulary(self) -> dict[str, dict[str, Any]]:
        """What a creation needs, and the templates by name while the vault answers."""
        policies = self._policies
        found = published_secret(
            template_known=bool(policies.secret_template), folder_known=bool(policies.secret_folder)
        )
        with suppress(ConnectorError):
            names = [template.name for template in await self._directory.templates()]
            found["template"] = {**found.get("template", {}), "canonicalValues": names}
        return {OUR_SECRET: found}

    async def create(self, document: Document) -> Document:
        ours = document.get(OUR_SECRET) or {}
        name = checked_name(document, "secret")
        template = await self._template(ours.get("template") or self._policies.secret_template)
        folder = await self._folder(named_by(ours.get("folder")) or self._policies.secret_folder)
        new = NewSecret(
            name=name,
            template=template.id,
            folder=folder.id,
            place=folder,
            fields=fields_of(document),
            made_by=self._policies.secret_passwords,
            fill=self._policies.secret_blanks == "fill",  # noqa: S105
            external_id=external(document),
            document={key: document[key] for key in WORDS if document.get(key) not in (None, "")},
        )
        return self.show(await self._directory.create_secret(new))

    async def load(self, resource_id: str, touched: frozenset[str]) -> tuple[Secret, Document]:  # noqa: ARG002
        secret = await self._directory.secret(SecretId(read_id(resource_id)))
        return secret, self.show(secret)

    async def store(self, secret: Secret, old: Document, new: Document) -> Document:
        """After a PATCH."""
        return await self._store(secret, old, new, kept_words(old, new, secret.kept.document, WORDS))

    async def replace(self, secret: Secret, old: Document, new: Document) -> Document:
        """After a PUT."""
        words = put_words(new, {"type": secret.template.name}, secret.kept.document, WORDS)
        return await self._store(secret, old, new, words)

    async def _store(self, secret: Secret, old: Document, new: Document, words: Document) -> Document:
        name = checked_name(new, "secret")
        wanted = external(new)
        place = await self._move(secret, new)
        change = SecretChange(
            name=name if name != secret.name else None,
            folder=None if place is None else place.id,
            place=place,
            fields=fields_of(new),
            external_id=wanted if wanted != old.get("externalId") else False,
            document=words if words != dict(secret.kept.document) else None,
        )
        if change == SecretChange():
            return old
        return self.show(await self._directory.change_secret(secret, change))

    async def remove(self, secret: Secret) -> None:
        await self._directory.remove_secret(secret)

    # -- what a document names ---------------------------------------------------------------------------------------

    async def _move(self, secret: Secret, new: Document) -> Folder | None:
        """Another folder, where the document names one. A PUT without our extension leaves the secret where it is."""
        ours = new.get(OUR_SECRET)
        named = named_by(ours.get("folder")) if isinstance(ours, dict) else None
        if named is None or (secret.folder is not None and named == str(secret.folder.id)):
            return None
        place = await folder_named(self._directory, named, "folder")
        return None if secret.folder is not None and place.id == secret.folder.id else place

    async def _folder(self, named: str | None) -> Folder:
        if not named:
            raise InvalidValue(f"{OUR_SECRET}:folder is required: the container that the secret goes in")
        return await folder_named(self._directory, named, "folder")

    async def _template(self, named: Any) -> Template:
        text = str(named or "").strip()
        templates = await self._directory.templates()
        found = [t for t in templates if text == str(t.id)]
        found = found or [t for t in templates if text and fold(t.name) == fold(text)]
        if len(found) > 1:
            ids = ", ".join(str(int(t.id)) for t in found)
            raise InvalidValue(f"template: {len(found)} secret templates are named {excerpt(text)}; use an id: {ids}")
        if found:
            return found[0]
        what = f"there is no secret template {excerpt(text)}" if text else f"{OUR_SECRET}:template is required"
        raise InvalidValue(f"template: {what}; there are {', '.join(t.name for t in templates[:20])}")
