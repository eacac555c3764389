"""Step 4: rights on folders and on secrets are one thing with two names; container_permissions.py and
privileged_data_permissions.py say how each is called.

A permission is known by its pair (`27-u42`: folder 27, user 42), which stays the same whatever row of the vault holds
it (docs/decisions/pam-grants.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scim.content import (
    Folder,
    Grant,
    GrantChange,
    GrantId,
    GrantQuery,
    NewGrant,
    Secret,
)
from scim.directory.port import Directory
from scim.errors import InvalidValue, Mutability, NotFound, excerpt
from scim.model import Caller, Found, GroupId, Kind, Ref, UserId, Window
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas_pam import published
from scim.resources.places import (
    external,
    grant_text,
    meta_of,
    named_by,
    one_id,
    paged,
    read_grant_id,
    reference,
    since,
)
from scim.resources.rights import Rights
from scim.resources.users import read_id

WORD = "word"
"""Of a kept document: the client's own word for the right, where several mean the same."""


class Permissions:
    """The rights of one kind for one caller; see the two modules that name it."""

    name: str
    endpoint: str
    kind: Kind
    schema: str
    ours: str  # our extension; empty where there is none
    target: str  # the attribute that names the folder or secret
    targets: str  # its endpoint

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:
        self._directory, self._connection, self._base_url = directory, caller.connection.id, base_url
        self._policies = caller.connection.policies
        self.rights = Rights.of(self.kind, self._policies)

    # -- the mapping -------------------------------------------------------------------------------------------------

    def show(self, grant: Grant) -> Document:
        """A grant as a SCIM document."""
        document: Document = {"schemas": [self.schema], "id": grant_text(grant.id)}
        if self._connection in grant.kept.external_ids:
            document["externalId"] = grant.kept.external_ids[self._connection]
        document[self.target] = self.show_target(grant.on)
        holder = ("group", "Groups") if grant.to_group else ("user", "Users")
        document[holder[0]] = reference(self._base_url, holder[1], grant.holder.id, grant.holder.name)
        document["rights"] = self.rights.show(grant.levels, grant.kept.document.get(WORD))
        if self.ours:
            document["schemas"].append(self.ours)
            document[self.ours] = self.show_ours(grant)
        document["meta"] = meta_of(self.name, self.endpoint, grant_text(grant.id), grant, self._base_url)
        return document

    def show_target(self, on: Ref) -> Document:
        raise NotImplementedError

    def show_ours(self, grant: Grant) -> Document:  # noqa: ARG002
        return {}

    async def find_target(self, named: str) -> Folder | Secret:
        raise NotImplementedError

    async def _holder(self, document: Document) -> tuple[Ref, bool]:
        """The user or the group. :raises InvalidValue: both, neither, a stranger, or somebody who is disabled."""
        user, group = named_by(document.get("user")), named_by(document.get("group"))
        if (user is None) == (group is None):
            both = "both are" if user is not None else "neither is"
            raise InvalidValue(f"user, group: exactly one of them is needed, {both} given")
        to_group = group is not None
        if self._policies.grantees != "any" and (self._policies.grantees == "groups") != to_group:
            raise InvalidValue(f"{'group' if to_group else 'user'}: this connection gives rights to "
                               f"{self._policies.grantees} only")  # fmt: skip
        text = str(group if to_group else user)
        try:
            if to_group:
                found = await self._directory.group(GroupId(read_id(text)))
                return Ref(int(found.id), found.name), True
            person = await self._directory.user(UserId(read_id(text)))
        except NotFound:
            what = "group" if to_group else "user"
            raise InvalidValue(f"{what}: there is no {what} with the id {excerpt(text)}") from None
        if not person.enabled:
            raise InvalidValue(f"user: {excerpt(person.name)} is disabled; a disabled user is given no rights")
        return Ref(int(person.id), person.display_name or person.name), False

    def _words(self, given: Any) -> Document:
        """What is kept of the rights: the one word that was used, where this connection has words of its own."""
        known = [word for text in given or () if (word := self.rights.own_word(str(text).strip())) is not None]
        return {WORD: known[0]} if self.rights.words and len(known) == 1 else {}

    # -- reading -----------------------------------------------------------------------------------------------------

    async def read(self, resource_id: str, shown: Projection) -> Document:  # noqa: ARG002
        return self.show(await self._directory.grant(self.kind, read_grant_id(resource_id)))

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        """The lookup for one equality of a filter."""
        text = str(value)
        match attribute:
            case "meta.lastmodified:since":
                when = since(value)
                return None if when is None else {"changed_since": when}
            case "id":
                return {"ids": self._one(text)}
            case "externalid":
                return {"external_id": external({"externalId": value})}
            case "user.value" | "user":
                ids = one_id(text, UserId)
                return {"user": ids[0]} if ids else {"ids": ()}
            case "group.value" | "group":
                ids = one_id(text, GroupId)
                return {"group": ids[0]} if ids else {"ids": ()}
            case "user.display":
                return {"user_name": text}
            case "rights" | "rights.value":
                levels = self.rights.meant_by(text)
                return None if levels is None or self._policies_have_synonyms() else {"levels": levels}
        if attribute in (f"{self.target}.value".casefold(), self.target.casefold()):
            ids = one_id(text, int)
            return {"on": ids[0]} if ids else {"named": text}
        if attribute in (f"{self.target}.name".casefold(), f"{self.target}.display".casefold()):
            return {"named": text}
        return None

    def _policies_have_synonyms(self) -> bool:
        """With words that mean the same, which one is shown is the client's own, and only the document tells."""
        return len(set(self.rights.meanings.values())) < len(self.rights.meanings)

    @staticmethod
    def _one(text: str) -> tuple[GrantId, ...]:
        try:
            return (read_grant_id(text),)
        except NotFound:
            return ()

    def lacks(self, shown: Projection) -> bool:  # noqa: ARG002
        return False

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Grant]:  # noqa: ARG002
        terms = dict(terms)
        if terms.get("ids") == ():
            return Found(0, ())
        if "named" in terms:
            try:
                thing = await self.find_target(terms.pop("named"))
            except InvalidValue:
                return Found(0, ())
            if terms.setdefault("on", int(thing.id)) != int(thing.id):
                return Found(0, ())
        return await self._directory.find_grants(GrantQuery(self.kind, **terms))

    async def page(self, window: Window | None, after: Any, before: Any, limit: int, shown: Projection) -> Found[Grant]:  # noqa: ARG002
        query: GrantQuery = paged(GrantQuery(self.kind), window, after, before, limit)
        return await self._directory.find_grants(query)

    async def vocabulary(self) -> dict[str, dict[str, Any]]:
        """The rights that are accepted, and where the schema is stricter than its model."""
        values: dict[str, Any] = {"rights": self.rights.allowed}
        return {self.schema: published(self.schema, self._policies.grantees) | values}

    # -- writing -----------------------------------------------------------------------------------------------------

    async def create(self, document: Document) -> Document:
        named = named_by(document.get(self.target))
        if named is None:
            raise InvalidValue(f"{self.target} is required: the right is one on something")
        levels = self.rights.read(document.get("rights") or ())
        holder, to_group = await self._holder(document)
        thing = await self.find_target(named)
        words = self._words(document.get("rights"))
        new = NewGrant(self.kind, thing, holder, to_group, levels, external_id=external(document), document=words)
        if self._policies.existing_pair == "merge":
            there = await self._existing(new.id)
            if there is not None and there.inherited_from is None:
                return self.show(await self._merged(there, new))
            if there is not None:
                new = replace(new, levels=levels.joined(there.levels))
        return self.show(await self._directory.create_grant(new))

    async def _existing(self, number: GrantId) -> Grant | None:
        try:
            return await self._directory.grant(self.kind, number)
        except NotFound:
            return None

    async def _merged(self, there: Grant, new: NewGrant) -> Grant:
        levels = new.levels.joined(there.levels)
        return await self._directory.change_grant(
            there,
            GrantChange(
                levels=levels if levels != there.levels else None,
                external_id=new.external_id or False,
                document=new.document if levels == new.levels else there.kept.document,
            ),
        )

    async def load(self, resource_id: str, touched: frozenset[str]) -> tuple[Grant, Document]:  # noqa: ARG002
        grant = await self._directory.grant(self.kind, read_grant_id(resource_id))
        return grant, self.show(grant)

    async def store(self, grant: Grant, old: Document, new: Document) -> Document:
        await self._refuse_another_pair(grant, new)
        current = grant.levels
        levels = self.rights.read(new.get("rights") or (), current)
        if {str(w).casefold() for w in new.get("rights") or ()} == {str(w).casefold() for w in old["rights"]}:
            levels = current
        wanted = external(new)
        words = self._words(new.get("rights"))
        change = GrantChange(
            levels=levels if levels != current else None,
            external_id=wanted if wanted != old.get("externalId") else False,
            document=words if words != dict(grant.kept.document) else None,
        )
        if change == GrantChange():
            return old
        return self.show(await self._directory.change_grant(grant, change))

    async def _refuse_another_pair(self, grant: Grant, new: Document) -> None:
        """:raises Mutability: Another folder, secret or holder: that is another permission."""
        named = named_by(new.get(self.target))
        if named is not None and named != str(grant.on.id):
            thing = await self.find_target(named)
            if int(thing.id) != grant.on.id:
                raise Mutability(f"{self.target} is immutable: create another permission and delete this one")
        for attribute, mine in (("group", grant.to_group), ("user", not grant.to_group)):
            named = named_by(new.get(attribute))
            if named is not None and (not mine or named != str(grant.holder.id)):
                raise Mutability(f"{attribute} is immutable: create another permission and delete this one")

    async def remove(self, grant: Grant) -> None:
        await self._directory.remove_grant(grant)
