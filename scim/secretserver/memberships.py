"""The groups and roles of many users at once, for lists: read by group and by role, never by user.

A page of N users must not cost N calls (design 6: a whole walk of U users, G groups and R roles costs at most
U/100 + G + R + 10). So two indexes are built, kept for `seconds`, and touched up by our own writes.

GROUPS. One call lists the groups, one per group its members (10,000 a page).

ROLES. One call lists the roles, one per role its holders. Users stand there by their personal group: id, name and
domain name, but no user id, and search rows of users do not name their personal group (facts 4, 5). No operation maps
many of them at once. What is exact costs a call per holder, and the default role "User" is held by all. So:

* where the personal group of a shown user is known from any earlier answer, membership is decided by that id: exact;
* else by name, if this vault names personal groups after user name and domain. That is NOT known (facts 13; the
  manual only says that removing a person's data also randomises the name of the personal group, so it does carry
  it). It is therefore TESTED at each build: the users behind a sample of holders are looked up by id, and row and
  user must agree in name and domain; every user whose personal group is known tests it again. One disagreement, or
  two rows of the same name and domain, and the name is not used;
* where it may not be used, and for users that were created since the build, the vault is asked user by user: right,
  and dearer. More than a few new users on a page rebuild the index instead.

Roles that come through groups are not listed here, as in single reads (`isDirectAssignment`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from scim.model import Group, GroupId, Ref, RoleId, User, UserId
from scim.names import fold
from scim.secretserver import wire
from scim.secretserver.flight import abreast
from scim.secretserver.groups import Groups
from scim.secretserver.kept import Kept
from scim.secretserver.personal import PersonalGroups
from scim.secretserver.roles import Roles
from scim.secretserver.users import Users

_log = logging.getLogger(__name__)

BUILD_SECONDS = 120.0
ABREAST = 12
"""Calls under way for a build: less than a vault's share, so that other requests get through meanwhile."""
SAMPLES = 3
FEW_NEW = 5

Label = tuple[str, str]
"""A user name and a domain's name, folded: what a personal group may be known by."""


@dataclass(slots=True)
class GroupIndex:
    """user → group id → group. Disabled and personal groups are not in it."""

    names: dict[int, Ref] = field(default_factory=dict)
    of_user: dict[int, set[int]] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    inside: dict[int, list[int]] | None = None  # made from of_user when it is asked for

    def of(self, user_id: UserId) -> tuple[Ref, ...]:
        ids = self.of_user.get(user_id, ())
        return tuple(self.names[i] for i in sorted(ids) if i in self.names)

    def members(self, group_id: int) -> tuple[Ref, ...]:
        """The other direction, in id order. Names are those that were read with the membership."""
        if self.inside is None:
            inside: dict[int, list[int]] = {}
            for user, groups in self.of_user.items():
                for group in groups:
                    inside.setdefault(group, []).append(user)
            self.inside = inside
        return tuple(Ref(user, self.people.get(user, "")) for user in sorted(self.inside.get(group_id, ())))

    def appears(self, group: Group) -> None:
        self.names[group.id] = Ref(group.id, group.name)

    def vanishes(self, group_id: GroupId) -> None:
        self.names.pop(group_id, None)

    def changes(self, group_id: GroupId, add: Iterable[int], remove: Iterable[int]) -> None:
        self.inside = None
        for user in remove:
            self.of_user.get(user, set()).discard(group_id)
        for user in add:
            self.of_user.setdefault(user, set()).add(group_id)

    def leaves(self, user_id: UserId, stays: Iterable[int]) -> None:
        self.inside = None
        self.of_user[user_id] = set(stays)


@dataclass(slots=True)
class RoleIndex:
    """role → personal groups that hold it, by id and by label; `own` is what we wrote ourselves since the build."""

    roles: dict[int, Ref] = field(default_factory=dict)
    groups: dict[int, frozenset[int]] = field(default_factory=dict)
    labels: dict[int, frozenset[Label]] = field(default_factory=dict)
    by_name: bool = False
    new: set[int] = field(default_factory=set)
    own: dict[tuple[int, int], bool] = field(default_factory=dict)

    def of(self, user: User, personal: GroupId | None, label: Label) -> tuple[Ref, ...] | None:
        """None when only the vault can tell."""
        if user.id in self.new or (personal is None and not self.by_name and any(self.groups.values())):
            return None
        found = []
        for role_id, role in self.roles.items():
            held = self.own.get((user.id, role_id))
            if held is None:
                held = personal in self.groups[role_id] if personal is not None else label in self.labels[role_id]
            if held:
                found.append(role)
        return tuple(found)


class Memberships:
    """:param seconds: The age that groups and roles on lists may have (setting memberships_seconds)."""

    def __init__(self, users: Users, groups: Groups, roles: Roles, personal: PersonalGroups, *, seconds: float) -> None:
        self._users = users
        self._groups = groups
        self._roles = roles
        self._personal = personal
        self.by_group: Kept[GroupIndex] = Kept(seconds, BUILD_SECONDS)
        self.by_role: Kept[RoleIndex] = Kept(seconds, BUILD_SECONDS)

    async def show(self, users: Sequence[User], *, groups: bool, roles: bool) -> list[User]:
        """The users with their groups and roles as far as they are asked for."""
        shown = list(users)
        if groups and shown:
            index = await self.by_group.get(self._read_groups)
            shown = [replace(user, groups=index.of(user.id)) for user in shown]
        if roles and shown:
            shown = await self._show_roles(shown)
        return shown

    async def of_groups(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with their members, for lists: from the same reading that shows the groups of users."""
        index = await self.by_group.get(self._read_groups)
        return [replace(group, members=index.members(group.id)) for group in groups]

    # --- our own writes ---------------------------------------------------------------------------------------------

    def created(self, user: User, roles: Iterable[RoleId] | None) -> None:
        self.by_role.apply(lambda index: index.new.add(user.id))
        if roles is not None:
            self.roles_changed(user.id, roles, ())

    def roles_changed(self, user_id: UserId, add: Iterable[RoleId], remove: Iterable[RoleId]) -> None:
        changes: dict[tuple[int, int], bool] = {(user_id, role): True for role in add}
        changes.update(((user_id, role), False) for role in remove)
        self.by_role.apply(lambda index: index.own.update(changes))

    def drop(self) -> None:
        """Something was written whose outcome is not known."""
        self.by_group.drop()
        self.by_role.drop()

    # --- building ---------------------------------------------------------------------------------------------------

    async def _read_groups(self) -> GroupIndex:
        groups = await self._groups.all()
        members = await abreast(((lambda g=g: self._groups.members(g.id)) for g in groups), ABREAST)  # type: ignore[misc]
        index = GroupIndex({group.id: Ref(group.id, group.name) for group in groups})
        for group, rows in zip(groups, members, strict=True):
            for row in rows:
                index.of_user.setdefault(row.user_id, set()).add(group.id)
                index.people.setdefault(row.user_id, row.user.name)
        return index

    async def _read_roles(self) -> RoleIndex:
        roles = await self._roles.every()
        held = await abreast(((lambda r=r: self._roles.holding(r.id)) for r in roles), ABREAST)  # type: ignore[misc]
        index = RoleIndex({role.id: Ref(role.id, role.name) for role in roles})
        persons: dict[int, wire.RoleHolder] = {}
        for role, rows in zip(roles, held, strict=True):
            theirs = [row for row in rows if row.personal]
            persons.update((row.group_id, row) for row in theirs)
            index.groups[role.id] = frozenset(row.group_id for row in theirs)
            index.labels[role.id] = frozenset(_label(row.name, row.domain_name) for row in theirs)
        index.by_name = await self._names_tell(persons)
        return index

    async def _names_tell(self, persons: dict[int, wire.RoleHolder]) -> bool:
        """Whether personal groups are named after their users here: tried on a sample, see above."""
        if not persons:
            return False
        if len({_label(row.name, row.domain_name) for row in persons.values()}) < len(persons):
            return False
        sample = _sample(list(persons.values()))
        owners = await abreast((lambda row=row: self._owner(GroupId(row.group_id))) for row in sample)  # type: ignore[misc]
        users = {user.id: user for user in await self._users.rows_by_ids(owners)}
        for row, owner in zip(sample, owners, strict=True):
            user = users.get(owner)
            if user is None or _label(user.user_name, user.domain_name) != _label(row.name, row.domain_name):
                _log.info("personal groups are not named after their users here: roles on lists cost more calls")
                return False
        return True

    async def _owner(self, group_id: GroupId) -> UserId:
        known = self._personal.user_of.get(group_id)
        return known if known is not None else UserId((await self._roles.person(group_id)).id)

    async def _show_roles(self, users: list[User]) -> list[User]:
        index = await self.by_role.get(self._read_roles)
        if sum(user.id in index.new for user in users) > FEW_NEW:
            self.by_role.drop()
            index = await self.by_role.get(self._read_roles)
        if index.by_name and not all(self._agrees(index, user) for user in users):
            index.by_name = False
        found = [index.of(user, self._personal.group_of.get(user.id), self._label(user)) for user in users]
        unknown = [user for user, roles in zip(users, found, strict=True) if roles is None]
        asked = await abreast(((lambda u=u: self._roles.of_user(u.id)) for u in unknown), ABREAST)  # type: ignore[misc]
        answers = iter(asked)
        return [
            replace(user, roles=roles if roles is not None else next(answers))
            for user, roles in zip(users, found, strict=True)
        ]

    def _agrees(self, index: RoleIndex, user: User) -> bool:
        """Whether name and id of a known personal group say the same."""
        group = self._personal.group_of.get(user.id)
        if group is None or user.id in index.new:
            return True
        label = self._label(user)
        return all((group in index.groups[role]) == (label in index.labels[role]) for role in index.roles)

    def _label(self, user: User) -> Label:
        return _label(user.login, self._users.domain_label(user))


def _label(name: str | None, domain: str | None) -> Label:
    return fold(name or ""), fold(domain or "")


def _sample(rows: list[wire.RoleHolder]) -> list[wire.RoleHolder]:
    """A few holders, of different domains first."""
    by_domain: dict[str, wire.RoleHolder] = {}
    for row in rows:
        by_domain.setdefault(fold(row.domain_name or ""), row)
    chosen = [*by_domain.values(), rows[-1], rows[len(rows) // 2], rows[0]]
    return list({row.group_id: row for row in chosen}.values())[:SAMPLES]
