"""The REST bodies that are read, no wider than what is used of them (Secret Server REST 11.7, camelCase).

A tolerant reader where vaults differ: unknown properties are ignored, null stands for empty, zone-less times are UTC
(facts 12.18). A strict one where an error would do harm: ids are integers, `enabled` is a boolean, `total` and
`records` are there; anything else is VaultMisbehaved.

CPU: a page of 100 users takes 0.7 to 0.9 ms from bytes to model.User (`tests/unit/secretserver/cost.py`; orjson and
dictionaries 0.45).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from scim.model import Group, GroupId, Ref, Role, RoleId, User, UserId

LOCAL_DOMAINS = frozenset({None, -1, 0})
"""What a local account's domainId may be: -1 is known for searches only, what its record shows is not (facts 12.13)."""

R = TypeVar("R", bound="Row")


class Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True, extra="ignore")


class Row(Body):
    """A body with an id of its own, which pages are checked by."""

    @property
    def key(self) -> int:
        raise NotImplementedError


class Page(Body, Generic[R]):
    """PagingOf*: of its fourteen properties the four that a walk needs."""

    records: list[R]
    total: int
    has_next: bool | None = None
    next_skip: int | None = None


class UserRow(Row):
    """UserModel and UserSummary: search rows lack personalGroupId, single reads lack domainName."""

    id: int
    user_name: str
    display_name: str | None = None
    email_address: str | None = None
    enabled: bool
    created: str | None = None
    domain_id: int | None = None
    domain_name: str | None = None
    is_application_account: bool | None = None
    is_locked_out: bool | None = None
    personal_group_id: int | None = None

    @property
    def key(self) -> int:
        return self.id


class GroupRow(Row):
    """GroupModel and GroupSummary: only single reads say whether members may be edited."""

    id: int
    name: str
    enabled: bool
    created: str | None = None
    domain_id: int | None = None
    domain_name: str | None = None
    synchronized: bool | None = None
    can_edit_members: bool | None = None
    is_editable: bool | None = None
    system_group: bool | None = None
    member_count: int | None = None

    @property
    def key(self) -> int:
        return self.id


class Membership(Row):
    """GroupUserSummary, in both directions. Whose `enabled` it shows is not documented: it is not read."""

    group_id: int
    user_id: int
    group_name: str | None = None
    user_name: str | None = None
    display_name: str | None = None
    user_domain_name: str | None = None

    @property
    def key(self) -> int:
        return self.user_id

    @property
    def user(self) -> Ref:
        return Ref(self.user_id, self.display_name or self.user_name or "")

    @property
    def group(self) -> Ref:
        return Ref(self.group_id, self.group_name or "")


class GroupOfUser(Membership):
    @property
    def key(self) -> int:
        return self.group_id


class RoleRow(Row):
    """RoleModel."""

    id: int
    name: str
    enabled: bool
    is_system: bool | None = None
    created: str | None = None

    @property
    def key(self) -> int:
        return self.id


class RoleOfUser(Row):
    """RoleSummary of `/users/{id}/roles`."""

    role_id: int
    name: str | None = None

    @property
    def key(self) -> int:
        return self.role_id


class AssignedRole(Row):
    """UserRoleSummary of `/users/{userId}/roles-assigned`: it tells direct roles from those of groups."""

    role_id: int
    role_name: str | None = None
    is_direct_assignment: bool

    @property
    def key(self) -> int:
        return self.role_id


class RoleHolder(Row):
    """RoleGroupSummary: a group that holds a role; `personal` marks the group that stands for one user."""

    group_id: int
    name: str | None = None
    display_name: str | None = None
    domain_name: str | None = None
    personal: bool

    @property
    def key(self) -> int:
        return self.group_id


class Permission(Row):
    """RolePermissionModel."""

    role_permission_id: int
    name: str

    @property
    def key(self) -> int:
        return self.role_permission_id


class Domain(Row):
    domain_id: int
    domain_name: str | None = None

    @property
    def key(self) -> int:
        return self.domain_id


class HeldPermission(Body):
    name: str | None = None


class CurrentUser(Body):
    id: int
    user_name: str | None = None
    permissions: list[HeldPermission] | None = None


class PasswordPolicy(Body):
    """ConfigurationLocalUserPasswordsModel; what is absent is taken as required, which costs nothing."""

    password_minimum_length: int = 0
    password_require_lowercase: bool = True
    password_require_numbers: bool = True
    password_require_symbols: bool = True
    password_require_uppercase: bool = True


class Deleted(Body):
    """DeletedModel."""

    id: int


class Success(Body):
    """`{success}` of the write operations; an error text in a 200 is none."""

    success: bool | None = None
    message: str | None = None
    error_code: str | None = None

    @property
    def done(self) -> bool:
        return self.success is not False and not self.message and not self.error_code


def _plain_version(value: Any) -> Any:
    """Vendor code reads `{model: {version}}`, the 11.2 document says `{version}` (facts 2)."""
    return value.get("version") if isinstance(value, dict) else value


class Version(Body):
    version: str | None = None
    model: Annotated[str | None, BeforeValidator(_plain_version)] = None

    @property
    def number(self) -> str | None:
        """None when the vault hides its version."""
        return self.version or self.model


def _whole_seconds(value: Any) -> Any:
    """`expires_in` is documented as a string and read as a number by every SDK."""
    if isinstance(value, str):
        return int(value) if value.strip().isdigit() else value
    return int(value) if isinstance(value, float) else value


class Token(Body):
    """The token endpoint's answer; its properties are not camelCase."""

    model_config = ConfigDict(alias_generator=None, strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: str
    expires_in: Annotated[int, BeforeValidator(_whole_seconds)] = 1200


class VaultAddress(Body):
    url: str


class PlatformVault(Body):
    is_default: bool | None = None
    is_active: bool | None = None
    connection: VaultAddress | None = None


class PlatformVaults(Body):
    """`GET {platform}/vaultbroker/api/vaults`."""

    vaults: list[PlatformVault]


# --- wire → words ---------------------------------------------------------------------------------------------------


def moment(text: str | None) -> datetime | None:
    """A time of the vault. `0001-01-01` is what .NET writes for one that was never set.

    :raises ValueError: When it is no ISO 8601 time.
    """
    if not text or text.startswith("0001-"):
        return None
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def to_user(row: UserRow, domain: Ref | None = None) -> User:
    """`domain` where the row does not carry its name."""
    if domain is None and row.domain_id is not None and row.domain_id not in LOCAL_DOMAINS:
        domain = Ref(row.domain_id, row.domain_name or "")
    return User(
        id=UserId(row.id),
        login=row.user_name,
        display_name=row.display_name or "",
        email=row.email_address or "",
        enabled=row.enabled,
        created=moment(row.created),
        domain=domain,
        application=bool(row.is_application_account),
        locked=bool(row.is_locked_out),
        personal_group=GroupId(row.personal_group_id) if row.personal_group_id else None,
    )


def to_group(row: GroupRow) -> Group:
    domain = None
    if row.domain_id is not None and row.domain_id not in LOCAL_DOMAINS:
        domain = Ref(row.domain_id, row.domain_name or "")
    return Group(
        id=GroupId(row.id),
        name=row.name,
        enabled=row.enabled,
        created=moment(row.created),
        domain=domain,
        directory_managed=domain is not None or bool(row.synchronized),
        editable=row.can_edit_members,
        system=bool(row.system_group),
    )


def to_role(row: RoleRow) -> Role:
    return Role(RoleId(row.id), row.name, row.enabled, moment(row.created), bool(row.is_system))
