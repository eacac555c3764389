"""Groups of one vault: read, find, create, rename, disable, and their members by deltas."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from scim.errors import BadRequest, InvalidValue, Mutability, NotFound, UnknownMembers, VaultMisbehaved, VaultRefusedUs
from scim.model import Group, GroupId, Ref, UserId, Window
from scim.names import fold, spellings
from scim.secretserver import operations, wire
from scim.secretserver.account import READS_GROUPS, Account
from scim.secretserver.answers import AlreadyDone
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import Flight, abreast
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.personal import PersonalGroups
from scim.secretserver.roles import MEMBERS, WITH_INACTIVE
from scim.secretserver.users import Users

GROUPS = Listing(operations.SEARCH_GROUPS, wire.Page[wire.GroupRow], "id")
OF_USER = Listing(operations.USER_GROUPS, wire.Page[wire.GroupOfUser], "groupId")
DISABLED_TOO = (("filter.includeInactive", "true"),)
MEMBERS_TAKE = 10_000
"""Members a page: a group of 5,000 is one call of 1.5 MB. Vendor clients ask for 2,147,483,647."""
CHANGES_A_CALL = 1000


class Groups:
    def __init__(
        self,
        client: VaultClient,
        pager: Pager,
        account: Account,
        personal: PersonalGroups,
        users: Users,
        *,
        scan_rows: int,
    ) -> None:
        self._client = client
        self._pager = pager
        self._account = account
        self._personal = personal
        self._users = users
        self._scan_rows = scan_rows
        self._flight: Flight[bool] = Flight(seconds=30)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, group_id: GroupId, *, members: bool = False) -> Group:
        """One enabled group of people. :raises NotFound: Also for disabled and for personal groups."""
        known = self._personal.is_personal(group_id)
        if known:
            raise NotFound("Secret Server has no such group")
        row, inside = await asyncio.gather(
            self._client.call(operations.READ_GROUP, wire.GroupRow, group_id),
            self._inside(group_id, whole=members, peek=known is None),
        )
        if row.id != group_id:
            raise VaultMisbehaved("Secret Server answered with another group than was asked for")
        if known is None and await self._judge(group_id, inside):
            raise NotFound("Secret Server has no such group")
        if not row.enabled:
            raise NotFound("Secret Server has no such group")
        group = await self._whole(row)
        return replace(group, members=tuple(m.user for m in inside)) if members else group

    async def members(self, group_id: GroupId) -> list[wire.Membership]:
        """All members, disabled ones too, in id order."""
        rows = await self._pager.walk(MEMBERS, group_id, query=WITH_INACTIVE, take=MEMBERS_TAKE)
        if any(row.group_id != group_id for row in rows):
            raise VaultMisbehaved("Secret Server answered with members of another group")
        return rows

    async def of_user(self, user_id: UserId) -> list[wire.GroupOfUser]:
        """The rows of `GET /v1/users/{id}/groups`, as they come: a personal group may be among them."""
        rows = await self._pager.walk(OF_USER, user_id)
        if any(row.user_id != user_id for row in rows):
            raise VaultMisbehaved("Secret Server answered with groups of another user")
        return rows

    async def refs_of_user(self, user_id: UserId) -> tuple[Ref, ...]:
        """The user's groups without the personal one; the user's own record is asked when only it can tell.

        That costs one more call, in parallel, until it is known whether this vault lists personal groups here.
        """
        own = self._personal.group_of.get(user_id)
        if own is None and self._personal.listed is not False:
            rows, user = await asyncio.gather(self.of_user(user_id), self._users.read(user_id))
            own = user.personal_group
        else:
            rows = await self.of_user(user_id)
        return self.without_own(rows, own)

    def without_own(self, rows: Iterable[wire.GroupOfUser], own: GroupId | None) -> tuple[Ref, ...]:
        """:param own: The user's personal group, where it is known."""
        rows = list(rows)
        if own is not None:
            self._personal.listed = bool(self._personal.listed) or any(row.group_id == own for row in rows)
        return tuple(
            row.group for row in rows if row.group_id != own and not self._personal.is_personal(GroupId(row.group_id))
        )

    async def window(self, window: Window) -> tuple[list[Group], int]:
        """Enabled groups at a position, in id order."""
        if await self.searches_show_personal():
            every = await self.all()
            return every[window.offset : window.offset + window.limit], len(every)
        rows, total = await self._pager.window(GROUPS, window.offset, window.limit)
        if total == 0:
            await self._account.trust_nothing_found("groups", READS_GROUPS)
        return [self._listed(row) for row in rows], total

    async def all(self, *, disabled: bool = False) -> list[Group]:
        return await self._search(DISABLED_TOO if disabled else ())

    async def named(self, name: str, *, disabled: bool = False) -> list[Group]:
        """Groups of exactly that name, case aside; several domains may have one each."""
        if not name.strip():
            return []
        more = DISABLED_TOO if disabled else ()
        found: dict[int, Group] = {}
        for spelling in spellings(name):
            rows = await self._search((("filter.searchText", spelling), *more))
            found.update((group.id, group) for group in rows if fold(group.name) == fold(name))
        return [found[i] for i in sorted(found)]

    async def by_ids(self, ids: Iterable[GroupId]) -> list[Group]:
        found = await abreast((lambda i=i: self._read_or_none(i)) for i in sorted(set(ids)))  # type: ignore[misc]
        return [group for group in found if group is not None]

    async def of_member(self, user_id: UserId) -> list[Group]:
        """The enabled groups that a user is in, with what a search row tells of each."""
        refs = await self.refs_of_user(user_id)
        if len(refs) <= 3:
            return await self.by_ids(GroupId(ref.id) for ref in refs)
        wanted = {ref.id for ref in refs}
        return [group for group in await self.all() if group.id in wanted]

    # --- writing ----------------------------------------------------------------------------------------------------

    async def create(self, name: str) -> Group:
        """One `POST /v1/groups`, never repeated by itself."""
        row = await self._client.call(operations.CREATE_GROUP, wire.GroupRow, body={"name": name, "enabled": True})
        if fold(row.name) != fold(name):
            raise VaultMisbehaved("Secret Server created a group of another name than was asked for")
        self._personal.ordinary.add(GroupId(row.id))
        return await self._whole(row)

    async def patch(self, group: Group, *, name: str | None = None, enabled: bool | None = None) -> Group:
        """`PATCH /v1/groups/{id}` in the groups' dialect (inside `data`), compared with its answer (facts 12.8)."""
        wanted: dict[str, object] = {"name": name, "enabled": enabled}
        data = {field: {"dirty": True, "value": value} for field, value in wanted.items() if value is not None}
        row = await self._client.call(operations.CHANGE_GROUP, wire.GroupRow, group.id, body={"data": data})
        if row.id != group.id:
            raise VaultMisbehaved("Secret Server answered with another group than was changed")
        if (name is not None and row.name.strip() != name.strip()) or (enabled is not None and row.enabled != enabled):
            raise VaultMisbehaved("Secret Server accepted a change of a group and did not make it")
        after = await self._whole(row)
        return replace(after, members=group.members, roles=group.roles, kept=group.kept)

    async def disable(self, group: Group) -> None:
        """`DELETE /v1/groups/{id}`: the group stays in the vault, disabled, and keeps its name (facts 5)."""
        try:
            await self._client.call(operations.DISABLE_GROUP, wire.Deleted, group.id)
        except AlreadyDone:
            return
        except Mutability:
            raise
        except BadRequest:
            row = await self._client.call(operations.READ_GROUP, wire.GroupRow, group.id)
            if row.enabled:
                raise

    async def change_members(self, group: Group, add: Sequence[UserId], remove: Sequence[UserId]) -> None:
        """`PATCH /v1/groups/{id}/users {addedUserIds, removeUserIds}`: one call up to 1,000 ids.

        :raises InvalidValue: One of the added is no user. A vault that refuses such a list changes nothing; one that
            skips strangers silently would go unnoticed (facts 13: it is not known which this vault does).
        """
        refuse_managed(group)
        gone = [user for user in dict.fromkeys(remove) if user not in set(add)]
        changes = [("addedUserIds", user) for user in dict.fromkeys(add)] + [("removeUserIds", user) for user in gone]
        if len(changes) > CHANGES_A_CALL:  # the first parts would already be done when a later one is refused
            await self.refuse_strangers(add)
        for start in range(0, len(changes), CHANGES_A_CALL):
            part = changes[start : start + CHANGES_A_CALL]
            body = {key: [int(user) for kind, user in part if kind == key] for key in ("addedUserIds", "removeUserIds")}
            await self._patch_members(group.id, body)

    async def leave_all(self, user_id: UserId) -> tuple[Ref, ...]:
        """Take a user out of every group; those that a directory manages are left and returned.

        One `PUT /v1/users/{id}/groups` with an empty list. Where the vault refuses that because of some groups, each
        of the others is left by itself.
        """
        try:
            done = await self._client.call(operations.SET_USER_GROUPS, wire.Success, user_id, body={"groupIds": []})
        except (Mutability, InvalidValue):
            return await self._leave_one_by_one(user_id)
        if not done.done:
            raise VaultMisbehaved("Secret Server answered the leaving of groups with a failure in a 200")
        return ()

    async def refuse_strangers(self, ids: Iterable[UserId]) -> None:
        """:raises InvalidValue: When one of the ids is no user."""
        unknown = await self._users.strangers(ids)
        if unknown:
            raise UnknownMembers.of(unknown)

    # --- inside -----------------------------------------------------------------------------------------------------

    async def searches_show_personal(self) -> bool:
        """Found out once, with the connector's own personal group; see personal.py."""
        if self._personal.searched is None:
            return await self._flight.join(self._try_search)
        return self._personal.searched

    async def _try_search(self) -> bool:
        own = await self._users.read((await self._account.read()).id)
        name = own.login
        if own.personal_group is None:
            self._personal.searched = False
            return False
        try:
            row = await self._client.call(operations.READ_GROUP, wire.GroupRow, own.personal_group)
            name = row.name
        except (NotFound, InvalidValue, VaultRefusedUs):
            pass  # its name is not told: searched by the login name, the likeliest
        query = (("filter.searchText", name), *DISABLED_TOO)
        rows = await self._pager.walk(GROUPS, query=query, limit=self._scan_rows)
        self._personal.searched = any(row.id == own.personal_group for row in rows)
        return self._personal.searched

    async def _search(self, query: Sequence[tuple[str, str]]) -> list[Group]:
        shown = await self.searches_show_personal()
        rows = await self._pager.walk(GROUPS, query=query, limit=self._scan_rows)
        if not rows:
            await self._account.trust_nothing_found("groups", READS_GROUPS)
        if shown:
            judged = await abreast((lambda row=row: self._people(row)) for row in rows)  # type: ignore[misc]
            rows = [row for row, people in zip(rows, judged, strict=True) if people]
        return [self._listed(row) for row in rows]

    async def _people(self, row: wire.GroupRow) -> bool:
        """Whether a search row is a group of people, on a vault whose searches show personal groups too."""
        group_id = GroupId(row.id)
        known = self._personal.is_personal(group_id)
        if known is None and row.member_count is not None and row.member_count != 1:
            self._personal.ordinary.add(group_id)
            return True
        if known is None:
            known = await self._judge(group_id, await self._inside(group_id, whole=False, peek=True))
        return not known

    async def _inside(self, group_id: GroupId, *, whole: bool, peek: bool) -> list[wire.Membership]:
        if whole:
            return await self.members(group_id)
        if not peek:
            return []
        query = (*WITH_INACTIVE, ("skip", "0"), ("take", "2"))
        page = await self._client.call(operations.GROUP_MEMBERS, wire.Page[wire.Membership], group_id, query=query)
        return page.records

    async def _judge(self, group_id: GroupId, inside: list[wire.Membership]) -> bool:
        """Whether a group of unknown kind is personal, by (at least two of) its members."""
        if len(inside) == 1:
            owner = await self._users.read(UserId(inside[0].user_id))
            if owner.personal_group == group_id:
                return True
        self._personal.ordinary.add(group_id)
        return False

    async def _read_or_none(self, group_id: GroupId) -> Group | None:
        try:
            return await self.read(group_id)
        except NotFound:
            return None

    def _listed(self, row: wire.GroupRow) -> Group:
        group = _to_group(row)
        self._users.domains.learn(group.domain)
        self._personal.ordinary.add(group.id)
        return group

    async def _whole(self, row: wire.GroupRow) -> Group:
        group = _to_group(row)
        if group.domain is not None and not group.domain.name:
            return replace(group, domain=await self._users.domains.ref(group.domain.id))
        return group

    async def _patch_members(self, group_id: GroupId, body: dict[str, list[int]]) -> None:
        try:
            done = await self._client.call(operations.CHANGE_MEMBERS, wire.Success, group_id, body=body)
        except (NotFound, InvalidValue) as error:
            # the texts are not documented, so who is unknown is looked up; if nobody is, the error stands
            await self.refuse_strangers(UserId(i) for i in body["addedUserIds"])
            if isinstance(error, NotFound) and body["removeUserIds"]:
                strangers = set(await self._users.strangers(UserId(i) for i in body["removeUserIds"]))
                known = [i for i in body["removeUserIds"] if i not in strangers]
                if strangers and (known or body["addedUserIds"]):
                    return await self._patch_members(group_id, {**body, "removeUserIds": known})
                if strangers:
                    return None  # they are in no group: the wanted state is there
            raise
        if not done.done:
            raise VaultMisbehaved("Secret Server answered a change of members with a failure in a 200")
        return None

    async def _leave_one_by_one(self, user_id: UserId) -> tuple[Ref, ...]:
        left: list[Ref] = []
        for ref in await self.refs_of_user(user_id):
            try:
                await self._patch_members(GroupId(ref.id), {"addedUserIds": [], "removeUserIds": [int(user_id)]})
            except (Mutability, InvalidValue):
                left.append(ref)
        return tuple(left)


def refuse_managed(group: Group) -> None:
    """:raises Mutability: Before any call, where the group as it was loaded says that its members are not ours."""
    if group.directory_managed:
        directory = f" {group.domain.name}" if group.domain and group.domain.name else ""
        raise Mutability(f"members: the group comes from the directory{directory}, which owns its members")
    if group.editable is False:
        raise Mutability("members: Secret Server does not let this group's members be edited")


def refuse_rename(group: Group) -> None:
    if group.directory_managed:
        raise Mutability("displayName: the group comes from a directory, which owns its name")


def _to_group(row: wire.GroupRow) -> Group:
    try:
        return wire.to_group(row)
    except ValueError:
        raise VaultMisbehaved("Secret Server's time of a group's creation cannot be read") from None
