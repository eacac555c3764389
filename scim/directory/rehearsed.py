"""A vault that is read and never written: every change is noted as a step of a plan and answered as if it were done.

It stands where the adapter stands, below guard and attributes, so that a rehearsal is judged like the real thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from scim.directory.rehearsed_holdings import READS as HOLDINGS
from scim.directory.rehearsed_holdings import RehearsedHoldings
from scim.errors import Unimplemented
from scim.model import Group, GroupChange, GroupId, NewGroup, NewUser, Ref, User, UserChange, UserId

READS = frozenset(
    {"user", "find_users", "group", "find_groups", "is_member", "roles", "role_holders", "powerful", "own_account",
     "disabled_group", "members_are_so"}
)  # fmt: skip
NOT_YET = 0  # the id of what the vault would number itself


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would be sent to the vault. `values` are what would be set; secrets are only mentioned."""

    action: str
    target: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Rehearsed(RehearsedHoldings):
    """The face of a VaultDirectory. What it does not know how to plan it refuses, rather than pass it on."""

    def __init__(self, inner: Any, plan: list[Step]) -> None:
        self._inner, self._plan = inner, plan

    def __getattr__(self, name: str) -> Any:
        if name in READS or name in HOLDINGS:
            return getattr(self._inner, name)
        raise Unimplemented(f"This cannot be planned yet ({name.replace('_', ' ')[:40]}); nothing was sent")

    async def create_user(self, new: NewUser) -> User:
        values = {"login": new.name, "display name": new.display_name, "e-mail": new.email, "enabled": new.enabled}
        values |= {"password": "(given)" if new.password else "(random, never shown)"}
        if new.roles is not None:
            values["roles"] = [int(r) for r in new.roles]
        self._note("create user", new.name, values)
        made = datetime.now(UTC)
        return User(UserId(NOT_YET), new.name, new.display_name, new.email, new.enabled, made, groups=(), roles=())

    async def change_user(self, user: User, change: UserChange) -> User:
        said = {"login": change.name, "display name": change.display_name, "e-mail": change.email}
        values: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        if change.enabled is not None and change.enabled != user.enabled:
            values["enabled"] = change.enabled
        values |= {"password": "(given)"} if change.password else {}
        values |= {"add roles": [int(r) for r in change.add_roles]} if change.add_roles else {}
        values |= {"remove roles": [int(r) for r in change.remove_roles]} if change.remove_roles else {}
        if values:
            self._note("change user", f"{user.login} (id {int(user.id)})", values)
        return replace(
            user,
            login=change.name or user.login,
            display_name=user.display_name if change.display_name is None else change.display_name,
            email=user.email if change.email is None else change.email,
            enabled=user.enabled if change.enabled is None else change.enabled,
        )

    async def remove_user(self, user: User) -> None:
        self._note("disable user", f"{user.login} (id {int(user.id)})", {"enabled": False})

    async def leave_groups(self, user: User) -> tuple[Ref, ...]:
        self._note("leave all groups", f"{user.login} (id {int(user.id)})", {})
        return ()

    async def create_group(self, new: NewGroup) -> Group:
        self._note("create group", new.name, {"members": [int(m) for m in new.members]} if new.members else {})
        members = tuple(Ref(int(m), str(int(m))) for m in new.members)
        return Group(GroupId(NOT_YET), new.name, True, datetime.now(UTC), members=members, roles=())

    async def change_group(self, group: Group, change: GroupChange) -> Group:
        said = {"name": change.name, "add members": _ids(change.add_members)}
        said |= {"remove members": _ids(change.remove_members), "add roles": _ids(change.add_roles)}
        said |= {"remove roles": _ids(change.remove_roles)}
        values = {name: value for name, value in said.items() if value}
        if values:
            self._note("change group", f"{group.name} (id {int(group.id)})", values)
        gone = {int(m) for m in change.remove_members}
        members = None
        if group.members is not None:
            there = {m.id for m in group.members}
            more = tuple(Ref(int(m), str(int(m))) for m in change.add_members if int(m) not in there)
            members = (*(m for m in group.members if m.id not in gone), *more)
        return replace(group, name=change.name or group.name, members=members)

    async def enable_group(self, group: Group) -> Group:
        self._note("enable group", f"{group.name} (id {int(group.id)})", {"enabled": True})
        return replace(group, enabled=True)

    async def remove_group(self, group: Group) -> None:
        self._note("disable group", f"{group.name} (id {int(group.id)})", {"enabled": False})

    def _note(self, action: str, target: str, values: Mapping[str, Any]) -> None:
        self._plan.append(Step(action, target, dict(values)))


def _ids(ids: tuple[Any, ...]) -> list[int]:
    return [int(i) for i in ids]
