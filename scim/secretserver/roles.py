"""Roles of one vault, who holds them, and the roles of one user."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from scim.errors import InvalidValue, NotFound, TooMany, VaultMisbehaved
from scim.model import GroupId, Ref, Role, RoleId, UserId
from scim.secretserver import operations, wire
from scim.secretserver.account import READS_ROLES, Account
from scim.secretserver.answers import UnknownRoute
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import Flight, abreast
from scim.secretserver.operations import Operation
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.personal import PersonalGroups

ROLES = Listing(operations.LIST_ROLES, wire.Page[wire.RoleRow], "id")
HOLDERS = Listing(operations.ROLE_HOLDERS, wire.Page[wire.RoleHolder], "groupId")
PERMISSIONS = Listing(operations.ROLE_PERMISSIONS, wire.Page[wire.Permission], "rolePermissionId")
ASSIGNED = Listing(operations.USER_ROLES_ASSIGNED, wire.Page[wire.AssignedRole], "roleId")
OF_USER = Listing(operations.USER_ROLES, wire.Page[wire.RoleOfUser], "roleId")
MEMBERS = Listing(operations.GROUP_MEMBERS, wire.Page[wire.Membership], "userId")
WITH_INACTIVE = (("filter.includeInactiveUsersForGroup", "true"),)

HOLDERS_TAKE = 25_000
"""The role that new users get by default is held by all of them: few big pages, 5 MB each."""
MOST_LOOK_UPS = 500
KEPT_SECONDS = 300.0


class Roles:
    def __init__(
        self,
        client: VaultClient,
        pager: Pager,
        account: Account,
        personal: PersonalGroups,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._pager = pager
        self._account = account
        self._personal = personal
        self._clock = clock
        self._flight: Flight[tuple[Role, ...]] = Flight(seconds=30)
        self._list: tuple[Role, ...] = ()
        self._read_at: float | None = None
        self._tells_direct = True

    async def every(self) -> tuple[Role, ...]:
        """Every role, disabled ones too, in id order. Read anew: a vault has tens of them."""
        rows = await self._pager.walk(ROLES, query=(("filter.includeInactive", "true"),))
        if not rows:
            await self._account.trust_nothing_found("roles", READS_ROLES)
        try:
            self._list = tuple(wire.to_role(row) for row in rows)
        except ValueError:
            raise VaultMisbehaved("Secret Server's time of a role's creation cannot be read") from None
        self._read_at = self._clock()
        return self._list

    async def anew(self) -> tuple[Role, ...]:
        """Every role; who asks while they are being read waits for that reading."""
        return await self._flight.join(self.every)

    async def known(self) -> dict[RoleId, Role]:
        """The roles by id, at most five minutes old."""
        if self._read_at is None or self._clock() - self._read_at > KEPT_SECONDS:
            await self._flight.join(self.every)
        return {role.id: role for role in self._list}

    async def check(self, ids: Iterable[RoleId]) -> dict[RoleId, Role]:
        """:raises InvalidValue: When one of the ids is no role: nothing is written then."""
        wanted = set(ids)
        known = await self.known()
        if wanted - known.keys():
            await self._flight.join(self.every)
            known = await self.known()
        unknown = sorted(wanted - known.keys())
        if unknown:
            raise InvalidValue(f"roles: Secret Server has no role {', '.join(map(str, unknown[:10]))}")
        return {i: known[i] for i in wanted}

    async def of_user(self, user_id: UserId) -> tuple[Ref, ...]:
        """The roles that a user holds directly, as far as the vault tells them from those of his groups.

        `roles-assigned` (seen in 11.2 only) tells; where the vault does not know it, `/users/{id}/roles` is all there
        is.
        """
        if self._tells_direct:
            try:
                rows = await self._pager.walk(ASSIGNED, user_id)
            except UnknownRoute:
                self._tells_direct = False
            else:
                return tuple(Ref(row.role_id, row.role_name or "") for row in rows if row.is_direct_assignment)
        roles = await self._pager.walk(OF_USER, user_id)
        return tuple(Ref(row.role_id, row.name or "") for row in roles)

    async def holders(self, role_id: RoleId) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        """The users and the groups that hold a role directly.

        :raises TooMany: More users hold it than can be looked up one by one (their personal groups have no names
            that are known to be theirs).
        """
        rows = await self.holding(role_id)
        groups = tuple(Ref(row.group_id, row.display_name or row.name or "") for row in rows if not row.personal)
        theirs = [row for row in rows if row.personal]
        if len(theirs) > MOST_LOOK_UPS:
            raise TooMany(f"{len(theirs)} users hold this role; at most {MOST_LOOK_UPS} can be listed")
        users = await abreast((lambda row=row: self.person(GroupId(row.group_id))) for row in theirs)  # type: ignore[misc]
        return tuple(sorted(users, key=lambda user: user.id)), groups

    async def holding(self, role_id: RoleId) -> list[wire.RoleHolder]:
        """The groups that hold a role; those marked `personal` stand for users."""
        rows = await self._pager.walk(HOLDERS, role_id, query=WITH_INACTIVE, take=HOLDERS_TAKE)
        for row in rows:
            if row.personal:
                self._personal.marked.add(GroupId(row.group_id))
            else:
                self._personal.ordinary.add(GroupId(row.group_id))
        return rows

    async def person(self, group_id: GroupId) -> Ref:
        """The user behind a personal group: its only member.

        :raises VaultMisbehaved: It has another number of members than one: somebody's power would be overlooked.
        """
        rows = await self._pager.walk(MEMBERS, group_id, query=WITH_INACTIVE, take=10)
        if len(rows) != 1:
            raise VaultMisbehaved(f"Secret Server's personal group {group_id} has {len(rows)} members, not one")
        self._personal.user_of[group_id] = UserId(rows[0].user_id)
        self._personal.group_of[UserId(rows[0].user_id)] = group_id
        return rows[0].user

    async def permissions(self, role_id: RoleId) -> tuple[str, ...]:
        rows = await self._pager.walk(PERMISSIONS, role_id)
        return tuple(row.name for row in rows)

    async def give(self, user_id: UserId, ids: tuple[RoleId, ...]) -> None:
        await self._assign(operations.ADD_USER_ROLES, user_id, ids)

    async def take(self, user_id: UserId, ids: tuple[RoleId, ...]) -> None:
        await self._assign(operations.REMOVE_USER_ROLES, user_id, ids)

    async def set(self, user_id: UserId, ids: tuple[RoleId, ...]) -> None:
        """Exactly these: only for accounts that were created this moment, elsewhere deltas (facts 12.10)."""
        await self._assign(operations.SET_USER_ROLES, user_id, ids)

    async def give_group(self, group_id: GroupId, ids: tuple[RoleId, ...]) -> None:
        await self._assign(operations.ADD_GROUP_ROLES, group_id, ids)

    async def take_group(self, group_id: GroupId, ids: tuple[RoleId, ...]) -> None:
        await self._assign(operations.REMOVE_GROUP_ROLES, group_id, ids)

    async def _assign(self, operation: Operation, holder: int, ids: tuple[RoleId, ...]) -> None:
        try:
            done = await self._client.call(operation, wire.Success, holder, body={"roleIds": [int(i) for i in ids]})
        except NotFound as error:
            # the text of a 400 does not say which of the two ids it means, and the holder has just been read
            raise InvalidValue(f"roles: Secret Server does not know {', '.join(map(str, ids[:10]))}") from error
        if not done.done:
            raise VaultMisbehaved("Secret Server answered a change of roles with a failure in a 200")
