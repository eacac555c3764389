"""Who has power over the vault itself: what the guard must know before any write.

A role is administrative when one of its permissions lets its holder change who may do what, or read what others own:
then he could undo every rule of this connector. By the vendor's list of role permissions:

* "Unlimited Administrator": everything;
* "Administer …": each of them changes the vault for others (users, groups, roles and their assignment, folders,
  configuration, policies, domains, backup, export …). The role "User" of a new vault has none of them;
* "Assign …" of roles, policies or pipelines: gives to others what one has not been given;
* "Manage …": the Platform's spelling of Administer;
* "Delete Secrets from Reports", "Bypass Secret Workflow", "Expire Secrets from Reports", "Override Secret Password …":
  reach every secret regardless of its permissions;
* "Own Secret", "View Secret", "Add Secret", "Edit Secret", "Personal Folders" and all "View …" are NOT: ordinary and
  read-only users hold them.

A list that is incomplete is an open gate: whatever cannot be read raises, and the guard then refuses writes.
"""

from __future__ import annotations

from scim.errors import NotFound, VaultRefusedUs
from scim.model import GroupId, Principals, RoleId, UserId
from scim.secretserver.account import READS_ROLES, Account
from scim.secretserver.flight import abreast
from scim.secretserver.groups import Groups
from scim.secretserver.personal import PersonalGroups
from scim.secretserver.roles import Roles
from scim.secretserver.users import Users

PREFIXES = ("administer ", "assign ", "manage ", "override ")
NAMES = frozenset(
    {
        "unlimited administrator",
        "delete secrets from reports",
        "expire secrets from reports",
        "bypass secret workflow",
        "bypass saml login",
    }
)


def is_administrative(permission: str) -> bool:
    """Whether one permission makes its role administrative; case and blanks do not matter."""
    name = " ".join(permission.split()).lower()
    return name in NAMES or name.startswith(PREFIXES)


class Powers:
    def __init__(self, account: Account, users: Users, groups: Groups, roles: Roles, personal: PersonalGroups) -> None:
        self._account = account
        self._users = users
        self._groups = groups
        self._roles = roles
        self._personal = personal

    async def read(self) -> Principals:
        """2 + R calls for R roles, one per administrative role, and one per user and group that holds one.

        Disabled roles count: enabling one is a click. Members of an administrative group are administrators.

        :raises VaultRefusedUs: The account may not read what the list is made of.
        """
        own = await self._account.read_again()
        if not own.may(*READS_ROLES):
            raise VaultRefusedUs("Our account in Secret Server may not read roles: who is to be protected is unknown")
        roles = await self._roles.every()
        try:
            permissions = await abreast((lambda r=r: self._roles.permissions(r.id)) for r in roles)  # type: ignore[misc]
            strong = [r.id for r, names in zip(roles, permissions, strict=True) if any(map(is_administrative, names))]
            held = await abreast((lambda r=r: self._roles.holding(r)) for r in strong)  # type: ignore[misc]
            persons = sorted({GroupId(row.group_id) for rows in held for row in rows if row.personal})
            groups = sorted({GroupId(row.group_id) for rows in held for row in rows if not row.personal})
            owners = await abreast((lambda g=g: self._owner(g)) for g in persons)  # type: ignore[misc]
            members = await abreast((lambda g=g: self._groups.members(g)) for g in groups)  # type: ignore[misc]
        except NotFound as error:
            raise VaultRefusedUs("A role or its holder vanished while administrators were being read") from error
        users = {own.id, *owners, *(UserId(row.user_id) for rows in members for row in rows)}
        known = {group for user in users if (group := self._personal.group_of.get(user)) is not None}
        return Principals(
            own=own.id,
            users=frozenset(users),
            personal_groups=frozenset({*persons, *known}),
            groups=frozenset(groups),
            roles=frozenset(RoleId(r) for r in strong),
        )

    async def _owner(self, group_id: GroupId) -> UserId:
        known = self._personal.user_of.get(group_id)
        return known if known is not None else UserId((await self._roles.person(group_id)).id)
