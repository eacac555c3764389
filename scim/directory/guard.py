"""Step 6: may this connection touch this object? The one gate that every write passes.

Judged by id and by what was read, never by a name a client sent: protected principals (the connector's own account,
holders of administrative roles, groups that confer them, whatever an administrator listed), ownership and adoption,
the domains of new addresses, and the mass-change breaker. Reads pass through.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scim.context import note
from scim.directory.breaker import Breaker
from scim.directory.guard_holdings import HoldingsGuard
from scim.directory.port import Directory
from scim.directory.principals import ProtectedPrincipals
from scim.errors import Forbidden, InvalidValue, NotOurs, Protected, excerpt
from scim.model import (
    Caller,
    Group,
    GroupChange,
    Kept,
    NewGroup,
    NewUser,
    Principals,
    RoleId,
    User,
    UserChange,
    UserId,
)

FRESH = timedelta(hours=1)  # what a connection made within this time it may unmake freely


class Guard(HoldingsGuard):
    """A directory whose writes are judged. See Directory for the promises.

    Refusals: Protected, NotOurs, Held, InvalidValue. Nothing has been sent to the vault when one is raised.
    """

    def __init__(self, inner: Directory, caller: Caller, protected: ProtectedPrincipals, breaker: Breaker) -> None:
        self._inner, self._connection, self._protected, self._breaker = inner, caller.connection, protected, breaker
        self._policies = caller.connection.policies

    # -- users -------------------------------------------------------------------------------------------------------

    async def create_user(self, new: NewUser) -> User:
        principals = await self._protected.get()
        self._check_domains(new.mails or (new.email,))
        self._check_roles(new.roles or (), principals)
        return await self._inner.create_user(new)

    async def change_user(self, user: User, change: UserChange) -> User:
        principals = await self._protected.get()
        self._check_user(user, principals)
        self._check_owner(f"The user {excerpt(user.name)}", user.kept)
        self._check_roles((*change.add_roles, *change.remove_roles), principals)
        if change.mails is not None and change.mails != user.kept.mails:
            self._check_domains(change.mails)
        change = self._without_foreign_password(user, change)
        if change.enabled is False and user.enabled and not self._made_lately(user.kept):
            await self._breaker.admit(1)
        return await self._inner.change_user(user, change)

    async def remove_user(self, user: User) -> None:
        principals = await self._protected.get()
        self._check_user(user, principals)
        self._check_owner(f"The user {excerpt(user.name)}", user.kept)
        if not self._made_lately(user.kept):
            await self._breaker.admit(1)
        await self._inner.remove_user(user)

    # -- groups ------------------------------------------------------------------------------------------------------

    async def create_group(self, new: NewGroup) -> Group:
        self._check_members(new.members, await self._protected.get())
        return await self._inner.create_group(new)

    async def change_group(self, group: Group, change: GroupChange) -> Group:
        principals = await self._protected.get()
        self._check_group(group, principals)
        self._check_owner(f"The group {excerpt(group.name)}", group.kept)
        self._check_members((*change.add_members, *change.remove_members), principals)
        self._check_roles((*change.add_roles, *change.remove_roles), principals)
        if not self._made_lately(group.kept):
            await self._breaker.admit(len(set(change.remove_members)))
        return await self._inner.change_group(group, change)

    async def remove_group(self, group: Group) -> None:
        self._check_group(group, await self._protected.get())
        self._check_owner(f"The group {excerpt(group.name)}", group.kept)
        if not self._made_lately(group.kept):
            await self._breaker.admit(1)
        await self._inner.remove_group(group)

    # -- judgements --------------------------------------------------------------------------------------------------

    def _check_user(self, user: User, principals: Principals) -> None:
        if user.id in principals.users or user.personal_group in principals.personal_groups:
            raise Protected(f"The user {excerpt(user.name)} is protected and cannot be changed through SCIM")

    def _check_group(self, group: Group, principals: Principals) -> None:
        if group.id in principals.groups or group.id in principals.personal_groups:
            raise Protected(
                f"The group {excerpt(group.name)} confers administrative rights and cannot be changed through SCIM"
            )

    def _check_members(self, members: tuple[UserId, ...], principals: Principals) -> None:
        for member in members:
            if member in principals.users:
                raise Protected(f"The user {int(member)} is protected: its memberships cannot change through SCIM")

    # Nothing that passes makes or unmakes a protected principal: administrative roles are refused here, members of
    # groups that confer them above. So the list stays as it is after a role change, and is not read again for it.
    def _check_roles(self, roles: tuple[RoleId, ...], principals: Principals) -> None:
        for role in roles:
            if role in principals.roles:
                raise Protected(f"The role {int(role)} is administrative and cannot be granted or taken through SCIM")

    def _check_owner(self, what: str, kept: Kept) -> None:
        if kept.owner == self._connection.id or self._policies.adoption == "shared":
            return
        if kept.owner is not None:
            raise NotOurs(f"{what} is managed by another connection")
        if self._policies.adoption == "managed-only":
            raise NotOurs(f"{what} was not created by this connection, and its policy is managed-only")
        note("adopted")

    def _check_domains(self, mails: tuple[str, ...]) -> None:
        allowed = {d.casefold().lstrip("@") for d in self._policies.mail_domains}
        for mail in mails:
            if allowed and mail and mail.rpartition("@")[2].casefold() not in allowed:
                raise InvalidValue(f"emails: the domain of {excerpt(mail)} is not one that this connection may use")

    def _without_foreign_password(self, user: User, change: UserChange) -> UserChange:
        ours = user.kept.owner == self._connection.id and not user.kept.adopted
        if change.password is None or ours or self._policies.adopted_passwords:
            return change
        if change == UserChange(password=change.password, document=change.document, mails=change.mails):
            raise Forbidden(
                "password: this connection did not create the account, and its policy does not let it set the password"
            )
        note("password of an adopted account left as it is")
        return replace(change, password=None)

    def _connection_id(self) -> str:
        return self._connection.id

    def _made_lately(self, kept: Kept) -> bool:
        if kept.owner != self._connection.id or kept.created_at is None:
            return False
        return datetime.now(UTC) - kept.created_at < FRESH

    async def powerful(self) -> Principals:
        return await self._protected.get()
