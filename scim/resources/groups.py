"""Step 4: /Groups. Membership is read only when it is shown, and changed only by what is added and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from scim.context import note
from scim.directory.port import Directory
from scim.errors import InvalidValue, NotFound, UnknownMembers, excerpt
from scim.model import (
    Caller,
    ConnectionId,
    ExternalId,
    Found,
    Group,
    GroupChange,
    GroupId,
    GroupQuery,
    NewGroup,
    Ref,
    UserId,
    Window,
)
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas import GROUP, LINKED_OBJECT
from scim.protocol.store import MemberChange
from scim.resources.held_roles import RoleNames, role_delta, role_ids
from scim.resources.users import meta, printable, read_id

NAME, ENDPOINT = "Group", "Groups"
SERVER_OWNED = ("id", "meta", "schemas", "externalId", "displayName", "members", "roles")


# -- the mapping -----------------------------------------------------------------------------------------------------


def to_scim(group: Group, connection: ConnectionId, base_url: str = "") -> Document:
    """A group as a SCIM document. Members are left out when they were not read."""
    document: Document = {"schemas": [GROUP], "id": str(group.id)}
    if connection in group.kept.external_ids:
        document["externalId"] = group.kept.external_ids[connection]
    document["displayName"] = group.name
    document |= group.kept.document
    if group.domain is not None and LINKED_OBJECT not in document:
        document[LINKED_OBJECT] = {"source": group.domain.name}
    if LINKED_OBJECT in document:
        document["schemas"].append(LINKED_OBJECT)
    if group.roles:
        document["roles"] = [
            {"value": str(role.id)} | ({"display": role.name} if role.name else {}) for role in group.roles
        ]
    if group.members:
        prefix = f"{base_url}/Users/" if base_url else "Users/"
        document["members"] = [
            {"value": str(m.id), "$ref": f"{prefix}{m.id}", "type": "User"} | ({"display": m.name} if m.name else {})
            for m in group.members
        ]
    document["meta"] = meta(NAME, ENDPOINT, group.id, group.created, group.last_modified, group.version, base_url)
    return document


def from_scim(document: Document, *, skip: bool = False) -> NewGroup:
    """What a SCIM document asks for. :raises InvalidValue: No name; or, without `skip`, an impossible member."""
    name = str(document.get("displayName") or "").strip()
    if not name:
        raise InvalidValue("displayName is required and must not be blank")
    if len(name) > 256:
        raise InvalidValue("displayName is longer than 256 characters")
    printable("displayName", name)
    external_id = document.get("externalId")
    kept = {k: v for k, v in document.items() if k not in SERVER_OWNED and v not in (None, [], {})}
    return NewGroup(
        name=name,
        members=member_ids((m.get("value") for m in document.get("members") or []), skip=skip),
        external_id=ExternalId(external_id) if external_id else None,
        document=kept,
    )


def member_ids(values: Iterable[Any], *, skip: bool = False) -> tuple[UserId, ...]:
    """:raises InvalidValue: A value that can be no user's id; with `skip` it is left out and the journal says so."""
    found: dict[UserId, None] = {}
    for value in values:
        try:
            found[UserId(read_id(str(value or "")))] = None
        except NotFound:
            if not skip:
                raise InvalidValue(f"members: there is no user with the id {excerpt(value)}") from None
            note(f"left out the unknown member {excerpt(value)}")
    return tuple(found)


# -- the verbs -------------------------------------------------------------------------------------------------------


class Groups:
    """/Groups for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:
        self._directory, self._connection, self._base_url = directory, caller.connection.id, base_url
        self._role_names = RoleNames(directory)
        self._skip = caller.connection.policies.unknown_members == "skip"

    def show(self, group: Group) -> Document:
        return to_scim(group, self._connection, self._base_url)

    async def read(self, resource_id: str, shown: Projection) -> Document:
        group_id = GroupId(read_id(resource_id))
        group = await self._directory.group(group_id, members=shown.shows("members"))
        # a further call: for those who name it, and for a plain single read, as users have it
        if shown.names("roles") or (shown.keep is None and not shown.drop):
            group = replace(group, roles=await self._directory.roles_of_group(group_id))
        return self.show(group)

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        """The lookup for one equality of a filter."""
        if not isinstance(value, str):
            return None
        match attribute:
            case "id" | "members.value" | "members":
                try:
                    number = read_id(value)
                except NotFound:
                    return {"ids": ()}
                return {"ids": (GroupId(number),)} if attribute == "id" else {"member": UserId(number)}
            case "displayname":
                return {"name": value}
            case "externalid":
                return {"external_id": ExternalId(value)}
        return None

    def lacks(self, shown: Projection) -> bool:
        """Whether an answer shows what a plain list row does not carry."""
        return shown.shows("members")

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Group]:
        """`seen` is what the filter must see, `shown` what the answer shows: members are loaded only for the latter."""
        if terms.get("ids") == ():
            return Found(0, ())
        member = terms.get("member")
        if member is None or shown.shows("members"):
            return await self._directory.find_groups(GroupQuery(**terms, members=seen.shows("members")))
        found = await self._with_member(terms.get("ids"), member, terms)
        return Found(len(found), tuple(replace(g, members=(Ref(member, ""),)) for g in found))

    async def _with_member(
        self, ids: tuple[GroupId, ...] | None, member: UserId, terms: Mapping[str, Any]
    ) -> tuple[Group, ...]:
        """Groups that hold a member, without loading their members; `id eq X and members[…]` is Entra's check."""
        if ids is None:
            return (await self._directory.find_groups(GroupQuery(**terms))).items
        try:
            group = await self._directory.group(ids[0])
        except NotFound:
            return ()
        return (group,) if await self._directory.is_member(ids[0], member) else ()

    async def page(self, window: Window | None, after: Any, before: Any, limit: int, shown: Projection) -> Found[Group]:
        query = GroupQuery(members=shown.shows("members"), window=window)
        if window is None:
            after_id, before_id = GroupId((after or (0,))[0]), GroupId((before or (0,))[0])
            query = replace(query, limit=limit)
            query = replace(query, before=before_id) if before else replace(query, after=after_id)
        return await self._directory.find_groups(query)

    async def create(self, document: Document) -> Document:
        new = from_scim(document, skip=self._skip)
        roles = role_ids(await self._role_names.into_ids(document))
        group = await self._create(new)
        if roles:
            change = GroupChange(add_roles=roles)
            given = await self._directory.change_group(group, change)
            group = replace(given, members=group.members, roles=tuple(Ref(role, "") for role in roles))
        return self.show(group)

    async def _create(self, new: NewGroup) -> Group:
        while True:  # ends: each time there are fewer members
            try:
                return await self._directory.create_group(new)
            except UnknownMembers as error:
                new = replace(new, members=self._without(new.members, error))

    async def load(self, resource_id: str, touched: frozenset[str]) -> tuple[Group, Document]:
        with_members = not touched or "members" in touched
        group = await self._directory.group(GroupId(read_id(resource_id)), members=with_members)
        if any(name.startswith("roles") for name in touched):
            group = replace(group, roles=await self._directory.roles_of_group(group.id))
        return group, self.show(group)

    async def store(self, group: Group, old: Document, new: Document) -> Document:
        return self.show(await self._make(group, await self._wanted(group, old, new)))

    async def _wanted(self, group: Group, old: Document, new: Document) -> GroupChange:
        """What makes a group equal to a document; membership only where it was read."""
        wanted = from_scim(new, skip=self._skip)
        add: set[UserId] = set()
        remove: set[UserId] = set()
        if group.members is not None:
            current = {UserId(m.id) for m in group.members}
            add, remove = set(wanted.members) - current, current - set(wanted.members)
        give, take = role_delta(group.roles, await self._role_names.into_ids(new))
        return GroupChange(
            add_roles=give,
            remove_roles=take,
            name=wanted.name if wanted.name != group.name else None,
            add_members=tuple(sorted(add)),
            remove_members=tuple(sorted(remove)),
            external_id=wanted.external_id if wanted.external_id != old.get("externalId") else False,
            document=wanted.document if dict(wanted.document) != dict(group.kept.document) else None,
        )

    async def _make(self, group: Group, change: GroupChange) -> Group:
        changed = await self._change(group, change)
        if group.roles is not None:
            held = [role for role in group.roles if role.id not in change.remove_roles]
            changed = replace(changed, roles=(*held, *(Ref(role, "") for role in change.add_roles)))
        return changed

    async def patch_by_id(self, patch: dict[str, Any]) -> dict[str, Any]:
        return await self._role_names.patch_by_id(patch)

    async def vocabulary(self) -> dict[str, dict[str, Any]]:
        """The roles that may be given."""
        roles, powerful = await asyncio.gather(self._directory.roles(), self._directory.powerful())
        given = [str(role.id) for role in roles if role.enabled and role.id not in powerful.roles]
        return {GROUP: {"roles.value": given}}

    async def change_members(
        self, group: Group, change: MemberChange, old: Document, new: Document | None = None
    ) -> Document:
        """Add and remove members, whatever the size of the group; only a full replacement reads it first.

        With a new document the rest of the group changes in the same step: it is done or refused as one.
        """
        rest = GroupChange() if new is None else await self._wanted(replace(group, members=None), old, new)
        add, remove = set(member_ids(change.add, skip=self._skip)), set(_known(change.remove))
        if change.replace_all is not None:
            wanted = set(member_ids(change.replace_all, skip=self._skip))
            fresh = await self._directory.group(group.id, members=True)
            group, current = replace(fresh, roles=group.roles), {UserId(m.id) for m in fresh.members or ()}
            add, remove = wanted - current, current - wanted
        done = replace(rest, add_members=tuple(sorted(add)), remove_members=tuple(sorted(remove)))
        if done == GroupChange():
            return self.show(replace(group, members=None))
        return self.show(replace(await self._make(group, done), members=None))

    async def _change(self, group: Group, change: GroupChange) -> Group:
        """One unknown member must not fail a push that its sender never repeats, where the policy says so."""
        while change != GroupChange():  # ends: each time there are fewer members
            try:
                return await self._directory.change_group(group, change)
            except UnknownMembers as error:
                change = replace(change, add_members=self._without(change.add_members, error))
        return group

    def _without(self, members: tuple[UserId, ...], error: UnknownMembers) -> tuple[UserId, ...]:
        if not self._skip or not set(members) & set(error.members):
            raise error
        note(f"left out unknown members: {', '.join(map(str, error.members[:20]))}")
        return tuple(m for m in members if m not in error.members)

    async def remove(self, group: Group) -> None:
        await self._directory.remove_group(group)


def _known(values: tuple[str, ...]) -> list[UserId]:
    """Removing what cannot be a member is a success: it is not there."""
    found = []
    for value in values:
        with suppress(NotFound):
            found.append(UserId(read_id(value)))
    return found
