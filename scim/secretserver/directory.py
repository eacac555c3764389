"""Step 7 of a request: Secret Server as a Directory.

    directory ─┬─ users, groups, roles ─┬─ paging ── client ─┬─ authentication
               ├─ memberships (lists)   │                    ├─ limits (retries, breaker)
               ├─ powers (the guard's)  ├─ personal          └─ connection
               └─ health                └─ wire ⇄ model

What the vault cannot hold (external ids, aliases, tombstones, cursors by id) is not asked of it: the attributes
wrapper answers that. Calls per method are in each docstring and held by tests. A little over 400 lines, half of them
the port's methods with what each costs: they are read side by side with the port, so they stay together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import httpx
from pydantic import SecretStr

from scim.directory.port_vault import Health, OpenVault
from scim.errors import Mutability, NotFound, Unavailable, Uniqueness, VaultMisbehaved
from scim.model import (
    Found,
    Group,
    GroupChange,
    GroupId,
    GroupQuery,
    NewGroup,
    NewUser,
    Principals,
    Ref,
    Role,
    RoleId,
    User,
    UserChange,
    UserId,
    UserQuery,
    Vault,
    Window,
)
from scim.names import fold
from scim.secretserver.account import Account
from scim.secretserver.authentication import Credentials
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import abreast
from scim.secretserver.groups import Groups, refuse_managed, refuse_rename
from scim.secretserver.health import examine
from scim.secretserver.holdings import Holdings, nothing
from scim.secretserver.memberships import Memberships
from scim.secretserver.paging import Pager
from scim.secretserver.personal import PersonalGroups
from scim.secretserver.powers import Powers
from scim.secretserver.roles import Roles
from scim.secretserver.seen_members import SeenMembers
from scim.secretserver.users import Users

T = TypeVar("T")
FEW_GROUPS = 10  # so many on a page have their members read on the spot; for more the index is asked


class SecretServerDirectory(Holdings):
    """One vault. Implements scim.directory.port.Directory, and a few words more that only this adapter knows.

    :param scan_rows: The most rows that one question may walk.
    :param memberships_seconds: How old groups and roles on lists of users may be.
    """

    def __init__(
        self,
        client: VaultClient,
        *,
        scan_rows: int = 200_000,
        memberships_seconds: float = 300.0,
        search_fields: bool = False,
    ) -> None:
        self.client = client
        pager, personal = Pager(client), PersonalGroups()
        self._personal = personal
        self._account = Account(client)
        self._own: UserId | None = None
        self._users = Users(client, pager, self._account, personal, scan_rows=scan_rows, search_fields=search_fields)
        self._groups = Groups(client, pager, self._account, personal, self._users, scan_rows=scan_rows)
        self._roles = Roles(client, pager, self._account, personal)
        self._memberships = Memberships(self._users, self._groups, self._roles, personal, seconds=memberships_seconds)
        super().__init__(
            client, pager, self._account, self._users, self._groups, scan_rows=scan_rows, seconds=memberships_seconds
        )
        self._seen = SeenMembers()
        self._powers = Powers(self._account, self._users, self._groups, self._roles, personal)

    @classmethod
    def connect(
        cls,
        vault: Vault,
        secret: SecretStr,
        *,
        insecure: bool = False,
        concurrency: int = 32,
        connect_seconds: float = 5.0,
        read_seconds: float = 10.0,
        scan_rows: int = 200_000,
        memberships_seconds: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> SecretServerDirectory:
        """A directory for a configured vault; nothing is sent yet. :raises ValueError: Its URL is not usable."""
        credentials = Credentials(vault.auth, vault.username, secret, vault.domain, vault.platform_url)
        client = VaultClient(
            vault.url,
            credentials,
            insecure=insecure,
            concurrency=concurrency,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            transport=transport,
        )
        return cls(client, scan_rows=scan_rows, memberships_seconds=memberships_seconds)

    async def aclose(self) -> None:
        await self.client.aclose()

    # --- users ------------------------------------------------------------------------------------------------------

    async def user(self, user_id: UserId, *, groups: bool = False, roles: bool = False) -> User:
        """One call, and one each in parallel for groups and roles."""
        user, rows, held = await asyncio.gather(
            self._users.read(user_id),
            self._groups.of_user(user_id) if groups else nothing(),
            self._roles.of_user(user_id) if roles else nothing(),
        )
        return replace(
            user,
            groups=self._groups.without_own(rows, user.personal_group) if rows is not None else None,
            roles=held,
        )

    async def find_users(self, query: UserQuery) -> Found[User]:
        """A window: one call. By name, e-mail or display name: one call a 1,000 rows that contain the text. By ids:
        one each up to three, then one for every 60. With groups or roles: two more in parallel for one result, the
        memberships index for several.

        :raises ValueError: For what the vault does not know: external ids and cursors.
        """
        if query.external_id is not None or query.after is not None or query.before is not None:
            raise ValueError("external ids and cursors are answered by the attributes wrapper")
        plain = all(part is None for part in (query.ids, query.name, query.email, query.display_name))
        positions: tuple[int, ...] = ()
        if plain and query.window is not None:
            page, total = await self._users.window(query.window)
            more = query.window.offset + len(page) < total
            positions = tuple(range(query.window.offset, query.window.offset + len(page)))
        else:
            found = await self._users.find(query)
            page, total, more = _slice(found, query.window, query.limit)
        if query.groups or query.roles:
            page = await self._with_memberships(page, query)
        return Found(total, tuple(page), more, positions)

    async def create_user(self, new: NewUser) -> User:
        """One POST; one PUT more when roles are given, which then are exactly these."""
        given = await self._roles.check(new.roles) if new.roles is not None else None
        user = await self._users.create(new)
        with self._touching():
            if given is not None:
                await self._roles.set(user.id, tuple(given))
                user = replace(user, roles=tuple(Ref(i, given[i].name) for i in sorted(given)))
        self._memberships.created(user, None)
        return user

    async def change_user(self, user: User, change: UserChange) -> User:
        """One PATCH with what differs, none when nothing does; one call for roles added, one for roles removed."""
        held = {role.id for role in user.roles or ()}
        add = tuple(r for r in dict.fromkeys(change.add_roles) if user.roles is None or r not in held)
        remove = tuple(
            r for r in dict.fromkeys(change.remove_roles) if r not in add and (user.roles is None or r in held)
        )
        names = await self._roles.check(add) if add else {}
        after = await self._users.change(user, change)
        with self._touching():
            if add:
                await self._roles.give(user.id, add)
            if remove:
                await self._roles.take(user.id, remove)
        if add or remove:
            self._memberships.roles_changed(user.id, add, remove)
            if user.roles is not None:
                kept = {role.id: role for role in user.roles if role.id not in remove}
                kept.update((i, Ref(i, role.name)) for i, role in names.items())
                after = replace(after, roles=tuple(kept[i] for i in sorted(kept)))
        return after

    async def remove_user(self, user: User) -> None:
        """One DELETE, which disables; none when the user is disabled already."""
        await self._users.disable(user)

    async def leave_groups(self, user: User) -> tuple[Ref, ...]:
        """Take a user out of all groups, in one call where no directory is in the way.

        :return: The groups that a directory manages: they are left as they are.
        """
        with self._touching():
            left = await self._groups.leave_all(user.id)
        self._memberships.by_group.apply(lambda index: index.leaves(user.id, (ref.id for ref in left)))
        self._seen.forget()
        return left

    # --- groups -----------------------------------------------------------------------------------------------------

    async def group(self, group_id: GroupId, *, members: bool = False) -> Group:
        """One call, and one a 10,000 members in parallel. A group that was never seen before costs one more, in
        parallel, to tell it from a personal group (personal.py).
        """
        group = await self._groups.read(group_id, members=members)
        if group.members is not None:
            self._seen.saw(group.id, (ref.id for ref in group.members))
        return group

    async def find_groups(self, query: GroupQuery) -> Found[Group]:
        """Enabled groups: a window or a name one call, ids one each, a member's groups two; members one per group."""
        if query.external_id is not None or query.after is not None or query.before is not None:
            raise ValueError("external ids and cursors are answered by the attributes wrapper")
        plain = all(part is None for part in (query.ids, query.name, query.member))
        positions: tuple[int, ...] = ()
        if plain and query.window is not None:
            page, total = await self._groups.window(query.window)
            more = query.window.offset + len(page) < total
            positions = tuple(range(query.window.offset, query.window.offset + len(page)))
        else:
            page, total, more = _slice(await self._groups_by(query), query.window, query.limit)
        if query.members and len(page) > FEW_GROUPS:
            page = await self._memberships.of_groups(page)
        elif query.members:
            rows = await abreast((lambda g=g: self._groups.members(g.id)) for g in page)  # type: ignore[misc]
            page = [replace(g, members=tuple(m.user for m in inside)) for g, inside in zip(page, rows, strict=True)]
        return Found(total, tuple(page), more, positions)

    async def create_group(self, new: NewGroup) -> Group:
        """One POST, and one PATCH for members; they are looked up before, so that a stranger leaves no group behind."""
        if new.members:
            await self._groups.refuse_strangers(new.members)
        group = await self._groups.create(new.name)
        self._memberships.by_group.apply(lambda index: index.appears(group))
        self._seen.saw(group.id, ())
        if new.members:
            await self._change_members(group, new.members, ())
        return replace(group, members=_refs(new.members))

    async def change_group(self, group: Group, change: GroupChange) -> Group:
        """One PATCH for up to 1,000 members added and removed, one for the name, one each for roles.

        The names of added members are not read: their Refs carry none.
        """
        add, remove = change.add_members, change.remove_members
        rename = change.name is not None and change.name != group.name
        if add or remove:
            refuse_managed(group)
        if rename:
            refuse_rename(group)
            if (add or remove) and change.name is not None:
                await self._refuse_taken(group, change.name)
        if change.add_roles:
            await self._roles.check(change.add_roles)
        after = group
        if add or remove:
            await self._change_members(group, add, remove)
            after = _with_members(after, add, remove)
        if rename:
            after = await self._groups.patch(after, name=change.name)
            self._memberships.by_group.apply(lambda index: index.appears(after))
        if change.add_roles:
            await self._roles.give_group(group.id, change.add_roles)
        if change.remove_roles:
            await self._roles.take_group(group.id, change.remove_roles)
        return replace(after, roles=None) if change.add_roles or change.remove_roles else after

    async def remove_group(self, group: Group) -> None:
        """One DELETE, which disables: the group is in no list any more, and its name stays taken."""
        if group.directory_managed:
            raise Mutability("the group comes from a directory: it can only be removed there")
        with self._touching():
            await self._groups.disable(group)
        self._memberships.by_group.apply(lambda index: index.vanishes(group.id))

    async def members_are_so(self, group: Group, add: tuple[UserId, ...], remove: tuple[UserId, ...]) -> bool:
        """One call where it looks so from what this process saw last: the user's groups, or the group's members."""
        if not (add or remove) or not self._seen.looks_done(group.id, add, remove):
            return not (add or remove)
        try:
            if len(add) + len(remove) == 1:
                return await self.is_member(group.id, (*add, *remove)[0]) is bool(add)
            inside = {row.user_id for row in await self._groups.members(group.id)}
        except NotFound:
            return False
        self._seen.saw(group.id, inside)
        return inside.issuperset(add) and inside.isdisjoint(remove)

    async def disabled_group(self, name: str) -> Group | None:
        """A local group of that name that was disabled: what stands in the way of creating it again."""
        found = await self._groups.named(name, disabled=True)
        return next((g for g in found if not g.enabled and not g.directory_managed), None)

    async def enable_group(self, group: Group) -> Group:
        """Bring a disabled group back, with the members it has. One PATCH."""
        after = await self._groups.patch(group, enabled=True)
        self._memberships.by_group.drop()  # its members are not known
        return after

    async def is_member(self, group_id: GroupId, user_id: UserId) -> bool:
        """One call: the user's groups. A missing membership row is told by no documented answer, so it is not asked."""
        return any(row.group_id == group_id for row in await self._groups.of_user(user_id))

    # --- roles ------------------------------------------------------------------------------------------------------

    async def roles(self) -> tuple[Role, ...]:
        """One call."""
        return await self._roles.anew()

    async def role_holders(self, role_id: RoleId) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        """One call, and one per user: holders are known by their personal groups."""
        return await self._roles.holders(role_id)

    async def powerful(self) -> Principals:
        return await self._powers.read()

    # --- the vault itself -------------------------------------------------------------------------------------------

    async def health(self) -> Health:
        return await examine(self.client, self._account)

    @property
    def circuit_open(self) -> bool:
        return self.client.breaker.is_open

    def tolerate(self, failures: int) -> None:
        self.client.breaker.limit = failures

    async def own_account(self) -> UserId:
        """The account that the connector signs in with; one call in the life of a process."""
        self._own = self._own or (await self._account.read()).id
        return self._own

    async def warm(self) -> None:
        """Log in and read what later requests would otherwise wait for: the account, the password policy, which
        groups there are and what this vault does with personal groups. About eight calls, once per process.
        """
        own = await self._account.read_again()
        await self._users.passwords.length()
        await self.user(own.id, groups=True)
        await self._groups.all()

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _with_memberships(self, page: list[User], query: UserQuery) -> list[User]:
        if len(page) != 1:
            return await self._memberships.show(page, groups=query.groups, roles=query.roles)
        user = page[0]
        groups, roles = await asyncio.gather(
            self._groups.refs_of_user(user.id) if query.groups else nothing(),
            self._roles.of_user(user.id) if query.roles else nothing(),
        )
        return [replace(user, groups=groups, roles=roles)]

    async def _groups_by(self, query: GroupQuery) -> list[Group]:
        if query.ids is not None:
            found = await self._groups.by_ids(query.ids)
        elif query.name is not None:
            found = await self._groups.named(query.name)
        elif query.member is not None:
            try:
                return await self._groups.of_member(query.member)
            except NotFound:
                return []
        else:
            found = await self._groups.all()
        if query.name is not None:
            found = [group for group in found if fold(group.name) == fold(query.name)]
        if query.member is not None:
            inside = {ref.id for ref in await self._groups.refs_of_user(query.member)}
            found = [group for group in found if group.id in inside]
        return found

    async def _change_members(self, group: Group, add: tuple[UserId, ...], remove: tuple[UserId, ...]) -> None:
        with self._touching():
            await self._groups.change_members(group, add, remove)
        self._seen.changed(group.id, add, [user for user in remove if user not in add])
        self._memberships.by_group.apply(lambda index: index.changes(group.id, add, remove))

    async def _refuse_taken(self, group: Group, name: str) -> None:
        """Before a change of both members and name: the name must not fail after the members are done."""
        taken = await self._groups.named(name, disabled=True)
        if any(other.id != group.id and other.domain == group.domain for other in taken):
            raise Uniqueness("Secret Server already has a group of that name")

    @contextmanager
    def _touching(self) -> Iterator[None]:
        """A write that fails without a clear no leaves the indexes in doubt: they are read anew."""
        try:
            yield
        except (Unavailable, VaultMisbehaved, asyncio.CancelledError):
            self._memberships.drop()
            self._seen.forget()
            raise


def _refs(users: tuple[UserId, ...]) -> tuple[Ref, ...]:
    return tuple(Ref(user, "") for user in sorted(set(users)))


def _with_members(group: Group, add: tuple[UserId, ...], remove: tuple[UserId, ...]) -> Group:
    if group.members is None:
        return group
    members = {ref.id: ref for ref in group.members if ref.id not in remove or ref.id in add}
    for ref in _refs(add):
        members.setdefault(ref.id, ref)
    return replace(group, members=tuple(members[i] for i in sorted(members)))


def _slice(found: list[T], window: Window | None, limit: int | None) -> tuple[list[T], int, bool]:
    """A page of what was found, how much that was, and whether rows follow."""
    start = window.offset if window is not None else 0
    end = start + (window.limit if window is not None else limit if limit is not None else len(found))
    return found[start:end], len(found), end < len(found)


def _keeps_the_port(directory: SecretServerDirectory) -> OpenVault:
    """Only has to type-check."""
    return directory
