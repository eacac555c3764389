"""The state of one vault: principals, roles and the indexes that keep reads cheap.

A user's grants hang on the user's personal group, which holds that user only; `Group.personal_of` marks it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulator.haystack import Haystack
from simulator.options import Options
from simulator.sessions import Sessions
from simulator.tree import Tree

LOCAL = -1
NEVER = "0001-01-01T00:00:00"
"""What .NET writes for a date that was never set, in properties that may not be null."""


@dataclass(slots=True)
class User:
    id: int
    user_name: str
    display_name: str
    email: str
    domain_id: int = LOCAL
    enabled: bool = True
    created: float = 0.0
    personal_group_id: int = 0
    password: str = ""
    application: bool = False
    locked: bool = False
    lock_reason: str | None = None
    failures: int = 0
    last_login: float = 0.0
    ad_guid: str = ""
    more: dict[str, Any] | None = None
    """The rarely set rest: two-factor flags, option ids, slackId, owners."""
    born: float = 0.0
    """When a request created it (monotonic), for the switch lag_ms."""


@dataclass(slots=True)
class Group:
    id: int
    name: str
    domain_id: int = LOCAL
    enabled: bool = True
    created: float = 0.0
    personal_of: int = 0
    synchronized: bool = False
    system: bool = False
    platform: bool = False
    ad_guid: str = ""
    owner_groups: list[int] = field(default_factory=list)
    has_owners: bool = False
    born: float = 0.0


@dataclass(slots=True)
class Role:
    id: int
    name: str
    enabled: bool = True
    system: bool = False
    created: float = 0.0
    permissions: set[int] = field(default_factory=set)


NO_ROLES: frozenset[int] = frozenset()


class Vault:
    """Users, groups and roles; folders and secrets stand in `tree`.  Every write calls `changed`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.switches = options.switches
        self.users: dict[int, User] = {}
        self.user_names: dict[tuple[int, str], int] = {}
        self.haystack = Haystack()
        self.groups: dict[int, Group] = {}
        self.real_groups: dict[int, Group] = {}
        self.members: dict[int, dict[int, None]] = {}
        self.groups_of: dict[int, dict[int, None]] = {}
        self.roles: dict[int, Role] = {}
        self.group_roles: dict[int, frozenset[int]] = {}
        self.permission_names: dict[int, str] = {}
        self.domains: dict[int, str] = {LOCAL: "Local"}
        self.account_id = 0
        self.default_role_id = 0
        self.configuration: dict[str, Any] = {}
        self.logins: dict[str, dict[str, int]] = {}
        self.sessions = Sessions()
        self.token_seconds = options.token_seconds
        self.next_ids = {"user": 1, "group": 1, "role": 1}
        self._cache: dict[Any, Any] = {}
        self.tree = Tree(self)

    # -- bookkeeping
    def changed(self) -> None:
        """Drop every remembered answer: something was written."""
        self._cache.clear()

    def remembered(self, key: Any, build: Callable[[], Any]) -> Any:
        """The answer of `build` since the last write, so that walking pages does not search again."""
        if self.switches.lag_ms:
            return build()
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) > 64:
                self._cache.clear()
            found = self._cache[key] = build()
        return found

    def new_id(self, kind: str) -> int:
        number = self.next_ids[kind]
        self.next_ids[kind] = number + 1
        return number

    def visible(self, thing: User | Group) -> bool:
        lag = self.switches.lag_ms
        return not lag or not thing.born or time.monotonic() - thing.born >= lag / 1000

    def shown_domain(self, domain_id: int) -> int:
        return self.switches.local_domain_id if domain_id == LOCAL else domain_id

    def domain_name(self, domain_id: int) -> str:
        return self.domains.get(domain_id, "")

    def shown_time(self, seconds: float) -> str:
        if not seconds:
            return NEVER
        style = self.switches.time_format
        text = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
        if style == "plain":
            return text.isoformat(timespec="seconds")
        return text.isoformat(timespec="milliseconds") + ("Z" if style == "zone" else "")

    # -- users
    def add_user(self, user: User, roles: frozenset[int] = NO_ROLES) -> User:
        """Put a user in, together with its personal group."""
        group = Group(
            id=self.new_id("group"),
            name=user.user_name,
            domain_id=user.domain_id,
            enabled=user.enabled,
            created=user.created,
            personal_of=user.id,
            born=user.born,
        )
        user.personal_group_id = group.id
        self.groups[group.id] = group
        if roles:
            self.group_roles[group.id] = roles
        self.users[user.id] = user
        self.user_names[user.domain_id, user.user_name.casefold()] = user.id
        self.haystack.add(user.id, f"{user.user_name}\n{user.display_name}\n{user.email}")
        return user

    def update_user(self, user: User) -> None:
        """After a change of a searched property or of `enabled`."""
        self.haystack.replace(user.id, f"{user.user_name}\n{user.display_name}\n{user.email}")
        self.groups[user.personal_group_id].enabled = user.enabled
        self.changed()

    def user_named(self, domain_id: int, name: str) -> User | None:
        found = self.user_names.get((domain_id, name.casefold()))
        return self.users[found] if found else None

    # -- membership
    def join(self, group_id: int, user_id: int) -> None:
        self.members.setdefault(group_id, {})[user_id] = None
        self.groups_of.setdefault(user_id, {})[group_id] = None

    def leave(self, group_id: int, user_id: int) -> None:
        self.members.get(group_id, {}).pop(user_id, None)
        self.groups_of.get(user_id, {}).pop(group_id, None)

    def members_of(self, group: Group) -> list[User]:
        if group.personal_of:
            return [self.users[group.personal_of]]
        return [self.users[u] for u in self.members.get(group.id, ())]

    def groups_with(self, user: User) -> list[Group]:
        """The user's groups, the personal one last."""
        return [self.groups[g] for g in (*self.groups_of.get(user.id, ()), user.personal_group_id)]

    def add_group(self, group: Group) -> Group:
        """Put a group of people in (personal groups come with their user)."""
        self.groups[group.id] = self.real_groups[group.id] = group
        return group

    def group_named(self, name: str) -> list[Group]:
        wanted = name.casefold()
        return [g for g in self.real_groups.values() if g.name.casefold() == wanted]

    # -- rights
    def roles_of(self, user: User) -> dict[int, list[Group]]:
        """Role id → the groups it comes through; the personal group stands for a direct assignment."""
        found: dict[int, list[Group]] = {}
        for group in self.groups_with(user):
            if group.enabled or group.personal_of:
                for role_id in self.group_roles.get(group.id, ()):
                    found.setdefault(role_id, []).append(group)
        return found

    def permissions_of(self, user: User) -> frozenset[str]:
        """Names of the role permissions a user holds."""
        if user.id == self.account_id and self.options.permissions is not None:
            return frozenset(self.options.permissions)
        return self.remembered(("permissions", user.id), lambda: self._permissions(user))  # type: ignore[no-any-return]

    def _permissions(self, user: User) -> frozenset[str]:
        ids: set[int] = set()
        for role_id in self.roles_of(user):
            role = self.roles[role_id]
            if role.enabled:
                ids |= role.permissions
        return frozenset(self.permission_names[i] for i in ids)
