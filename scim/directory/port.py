"""Protocol Directory: what the steps above may ask of a vault, and what they are promised.

The vault's adapter, the attributes, the guard and the journal all have this one face and wrap each other
(`scim/app.py`); handlers are handed the outermost and cannot reach the inner ones.

PROMISES, which tests/contract/directory_contract.py holds every implementation to:

* UNKNOWN IS NEVER ABSENT. NotFound means that the vault said so. Whatever else goes wrong raises Unavailable or
  VaultMisbehaved, never an empty page.
* DELTAS ONLY. Membership and roles change by what is added and removed; repeating a change is harmless: an added
  member that is already there and a removed one that is not are successes.
* A WRITE TAKES WHAT WAS READ. Every change names the object as it was loaded, so that the guard judges the very
  target that reaches the vault, and a body can never redirect it.
* WRITES ANSWER WITH THE NEW STATE, without reading back what the vault's own answer already says. Groups and roles
  are part of it only when they were read before or changed.
* Lists come in id order, pages are stable while nothing changes, and a page costs calls by the page, not by the row.

Errors: NotFound, Uniqueness, Mutability (the vault's directory owns it), InvalidValue (with the attribute's name in
domain words), Unavailable and its kin, VaultMisbehaved; the guard adds Protected, NotOurs and Held.
"""

from __future__ import annotations

from typing import Protocol

from scim.directory.port_holdings import Holdings
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
)


class Directory(Holdings, Protocol):
    # users
    async def user(self, user_id: UserId, *, groups: bool = False, roles: bool = False) -> User:
        """One user, disabled or not. :raises NotFound:"""
        ...

    async def find_users(self, query: UserQuery) -> Found[User]:
        """The users that meet every condition, in id order. :raises TooMany: beyond the scan limit."""
        ...

    async def create_user(self, new: NewUser) -> User:
        """Create one account. :raises Uniqueness: the name is taken. :raises InvalidValue: e.g. a weak password."""
        ...

    async def change_user(self, user: User, change: UserChange) -> User: ...

    async def remove_user(self, user: User) -> None:
        """Disable the account for good, as far as this vault can: it stays there, disabled."""
        ...

    # groups
    async def group(self, group_id: GroupId, *, members: bool = False) -> Group: ...

    async def find_groups(self, query: GroupQuery) -> Found[Group]: ...

    async def create_group(self, new: NewGroup) -> Group: ...

    async def change_group(self, group: Group, change: GroupChange) -> Group: ...

    async def remove_group(self, group: Group) -> None: ...

    async def is_member(self, group_id: GroupId, user_id: UserId) -> bool:
        """Whether the user is in the group, without loading the group."""
        ...

    # roles
    async def roles(self) -> tuple[Role, ...]:
        """Every role, in id order; a vault has tens of them."""
        ...

    async def role_holders(self, role_id: RoleId) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        """The users and the groups that hold a role directly."""
        ...

    async def powerful(self) -> Principals:
        """The connector's own account, administrative roles, and every user and group that holds one.

        Costs several calls: callers keep the answer for minutes.
        """
        ...
