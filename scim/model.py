"""The connector's own words: what identity platforms and vaults talk about, without the spelling of either.

Everything here is frozen and does no I/O. Ids are distinct types, so that a type checker refuses to mix an external id
with a user id (the cause of CVE-2025-41115) or a group's id with its personal group's.

A little over 400 lines: one list of words, read from top to bottom: things, then what is asked for, changed, decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Generic, Literal, NewType, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

UserId = NewType("UserId", int)
GroupId = NewType("GroupId", int)
RoleId = NewType("RoleId", int)
FolderId = NewType("FolderId", int)
SecretId = NewType("SecretId", int)
ExternalId = NewType("ExternalId", str)
ConnectionId = NewType("ConnectionId", str)
VaultId = NewType("VaultId", str)

T = TypeVar("T")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Kind(StrEnum):
    """What an object is; also its name in table keys and in the journal."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"
    FOLDER = "folder"
    FOLDER_GRANT = "folder-grant"
    SECRET = "secret"  # noqa: S105
    SECRET_GRANT = "secret-grant"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Ref:
    """Another object, by id and by the name people know it by."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What the vault cannot hold about one object, as the attributes table has it.

    `document` is the client's own representation as it was last accepted; its spelling is the resources layer's affair.
    `as_sent` holds the vault's fields as they were after our last write: where the vault shows another value today,
    somebody changed it there and the vault wins over the document.
    """

    document: Mapping[str, Any] = field(default_factory=dict)
    as_sent: Mapping[str, Any] = field(default_factory=dict)
    external_ids: Mapping[ConnectionId, ExternalId] = field(default_factory=dict)
    mails: tuple[str, ...] = ()  # every address of the document, for look-ups by one that the vault does not hold
    alias: str | None = None
    owner: ConnectionId | None = None
    adopted: bool = False
    created_at: datetime | None = None  # when this connector created it; None for what was there before
    tombstone: datetime | None = None
    modified: datetime | None = None
    seen: str = ""  # fingerprint of the vault's fields at `modified`
    revision: int = 0
    etag: str | None = None  # of the table row; None when there is no row


NOTHING_KEPT = Kept()


@dataclass(frozen=True, slots=True)
class User:
    """A vault's user. `groups` and `roles` are None when they were not read: unknown is never absent."""

    id: UserId
    login: str
    display_name: str
    email: str
    enabled: bool
    created: datetime | None
    domain: Ref | None = None  # None: local
    application: bool = False
    locked: bool = False
    personal_group: GroupId | None = None
    groups: tuple[Ref, ...] | None = None
    roles: tuple[Ref, ...] | None = None
    kept: Kept = NOTHING_KEPT

    @property
    def name(self) -> str:
        """The name identity platforms know the account by: the alias where a rename could not reach the vault."""
        return self.kept.alias or self.login

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.login, self.display_name, self.email, self.enabled)

    @property
    def version(self) -> str:
        """Changes whenever the user's own attributes change; memberships are the group's."""
        return f'W/"{fingerprint(self.fingerprint, self.kept.revision)}"'

    @property
    def shown_version(self) -> str:
        """`W/"own.groups"` with groups that are shown, which change without the user; a writer is held to `own`."""
        groups = [(int(ref.id), ref.name) for ref in self.groups or ()]
        return f'{self.version[:-1]}.{fingerprint(groups)}"' if groups else self.version

    @property
    def last_modified(self) -> datetime | None:
        return self.kept.modified or self.created


@dataclass(frozen=True, slots=True)
class Group:
    """A vault's group. `members` is None when they were not read; members are users only (the vault is flat)."""

    id: GroupId
    name: str
    enabled: bool
    created: datetime | None
    domain: Ref | None = None  # None: local
    directory_managed: bool = False
    editable: bool | None = None  # the vault's word on membership; None when only a search row was read
    system: bool = False
    members: tuple[Ref, ...] | None = None
    roles: tuple[Ref, ...] | None = None
    kept: Kept = NOTHING_KEPT

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.name, self.enabled)

    @property
    def version(self) -> str:
        """Changes with name and kept attributes, and with every membership change made through the connector."""
        return f'W/"{fingerprint(self.fingerprint, self.kept.revision)}"'

    @property
    def last_modified(self) -> datetime | None:
        return self.kept.modified or self.created


@dataclass(frozen=True, slots=True)
class Role:
    """A vault's role: a named set of permissions over the vault itself."""

    id: RoleId
    name: str
    enabled: bool
    created: datetime | None = None
    system: bool = False


@dataclass(frozen=True, slots=True)
class Principals:
    """Who holds power over the vault itself, by id: what the guard never lets a SCIM client touch.

    `own` is the connector's account. `personal_groups` are those of protected users, for where only they are known.
    """

    own: UserId
    users: frozenset[UserId] = frozenset()
    personal_groups: frozenset[GroupId] = frozenset()
    groups: frozenset[GroupId] = frozenset()
    roles: frozenset[RoleId] = frozenset()


# --- what is asked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """A page by position: `offset` rows are skipped, at most `limit` returned. Rows come in id order."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Which users: every given condition must hold. Comparisons ignore case, except for external ids.

    `after`/`before` page by id (cursors); `window` by position. Without either: all of them, within the scan limit.
    """

    ids: tuple[UserId, ...] | None = None
    name: str | None = None
    email: str | None = None
    display_name: str | None = None
    external_id: ExternalId | None = None
    window: Window | None = None
    after: UserId | None = None
    before: UserId | None = None
    hint: int | None = None  # the vault position of `after` or `before`, as Found.positions gave it
    limit: int | None = None
    groups: bool = False  # read the groups of each
    roles: bool = False  # read the roles of each


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Which groups; see UserQuery."""

    ids: tuple[GroupId, ...] | None = None
    name: str | None = None
    external_id: ExternalId | None = None
    member: UserId | None = None
    window: Window | None = None
    after: GroupId | None = None
    before: GroupId | None = None
    limit: int | None = None
    members: bool = False


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of what was found. `total` counts every match; `more` says that rows follow the page.

    `positions` are the places of the items in the vault's own id order, where the page was found by position: a cursor
    carries one along and finds its place again with a single call.
    """

    total: int
    items: tuple[T, ...]
    more: bool = False
    positions: tuple[int, ...] = ()


# --- what is changed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create. `password` None: a random one that meets the vault's policy, never shown."""

    name: str
    display_name: str
    email: str
    enabled: bool = True
    password: SecretStr | None = None
    roles: tuple[RoleId, ...] | None = None  # None: whatever the vault gives to new users
    external_id: ExternalId | None = None
    mails: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)
    resumes: datetime | None = None  # when an earlier attempt, whose answer was lost, was announced


@dataclass(frozen=True, slots=True)
class UserChange:
    """What changes about a user; None leaves a field as it is. `document` is the whole new kept document."""

    name: str | None = None
    display_name: str | None = None
    email: str | None = None
    enabled: bool | None = None
    password: SecretStr | None = None
    add_roles: tuple[RoleId, ...] = ()
    remove_roles: tuple[RoleId, ...] = ()
    external_id: ExternalId | Literal[False] | None = False  # False: untouched; None: cleared
    mails: tuple[str, ...] | None = None
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewGroup:
    name: str
    members: tuple[UserId, ...] = ()
    external_id: ExternalId | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    resumes: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What changes about a group. Membership is always a delta: repeating it is harmless."""

    name: str | None = None
    add_members: tuple[UserId, ...] = ()
    remove_members: tuple[UserId, ...] = ()
    add_roles: tuple[RoleId, ...] = ()
    remove_roles: tuple[RoleId, ...] = ()
    external_id: ExternalId | Literal[False] | None = False
    document: Mapping[str, Any] | None = None


# --- who talks, to which vault --------------------------------------------------------------------------------------


class _Stored(BaseModel):
    """Kept as JSON in a table. Fields of a newer version are carried along, so that N-1 and N share the tables."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Policies(_Stored):
    """What an administrator decides about one connection. The defaults are the safe ones."""

    adoption: Literal["adopt", "shared", "managed-only"] = "adopt"
    rename: Literal["alias", "refuse"] = "alias"
    adopted_passwords: bool = False  # may SCIM change the password of an account that it did not create?
    leave_groups_on_delete: bool = True
    show_own_account: bool = False
    person_attributes: tuple[str, ...] = ()  # what is kept of a person beyond what the vault holds; empty: everything
    breaker: bool = True
    breaker_floor: int = 10
    breaker_percent: int = 10
    mail_domains: tuple[str, ...] = ()  # empty: any
    unknown_members: Literal["refuse", "skip"] = "refuse"  # members that are no users: 400, or left out and journalled
    strict: bool = False  # the interop profile instead of the tolerant dialects
    patch_answer: Literal["resource", "nothing"] = "resource"
    # folders, secrets and rights
    delete_non_empty: Literal["refuse", "allow"] = "refuse"
    existing_pair: Literal["conflict", "merge"] = "conflict"  # a POST for somebody who has a right there already
    break_inheritance: Literal["refuse", "break"] = "refuse"  # a write on what inherits its permissions
    rights_style: Literal["simple", "detailed"] = "simple"  # ["View"], or ["View", "Secrets:List"]
    grantees: Literal["any", "users", "groups"] = "any"  # whom rights may be given to
    unknown_right: Literal["strict", "legacy"] = "strict"  # 400 with the allowed ones, or View
    container_rights: dict[str, str] = Field(default_factory=dict)  # the client's word → "Edit" or "Edit/View"
    secret_rights: dict[str, str] = Field(default_factory=dict)  # the client's word → "View"
    secret_passwords: Literal["vault", "policy"] = "vault"  # noqa: S105  -- who makes up those that are not given
    secret_template: str = ""  # for secrets whose request names none
    secret_folder: str = ""  # likewise: id or path
    secret_blanks: Literal["refuse", "fill"] = "refuse"  # noqa: S105  -- text fields not given

    @field_validator("container_rights", "secret_rights", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """From the command line: `Admin=Owner, Auditor=View/List`."""
        words = value.split(",") if isinstance(value, str) else value
        if isinstance(words, (list, tuple)):
            pairs = (word.partition("=") for word in words if word.strip())
            return {left.strip(): right.strip() for left, _, right in pairs}
        return value


class Connection(_Stored):
    """One SCIM client with its own credentials, scope and policies (Delinea calls it an endpoint)."""

    id: ConnectionId
    name: str
    vault: VaultId
    client: str = ""  # what calls, e.g. "entra": which guide the console shows
    enabled: bool = True
    read_only: bool = False
    scope: tuple[str, ...] = ()  # SCIM resource types, e.g. ("User", "Group"); empty: all
    sources: tuple[str, ...] = ()  # CIDR; empty: any
    policies: Policies = Field(default_factory=Policies)
    # how it may prove who it is, beside its tokens
    basic: bool = False  # HTTP Basic: the connection's name and one of its tokens
    entra_tenant: str = ""
    entra_audience: str = ""  # of the tokens that Entra issues; empty: Entra's own application for provisioning
    entra_subjects: tuple[str, ...] = ()  # object or application ids; ("any",): whoever the tenant gives such a token
    me_claim: str = ""  # the claim of a person's Entra token that holds his userName, for /Me
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @field_validator("entra_tenant")
    @classmethod
    def _is_a_tenant(cls, text: str) -> str:
        if text and not _GUID.fullmatch(text):
            raise ValueError("The Entra tenant must be its id, such as 72f988bf-86f1-41af-91ab-2d7cd011db47")
        return text


class Vault(_Stored):
    """One Secret Server with the account the connector uses there. The credential is sealed (store/vaults.py)."""

    id: VaultId
    name: str
    url: str
    auth: Literal["password", "platform", "sdk"] = "password"
    username: str = ""  # login name, platform client id or sdk-client-…
    domain: str = ""
    platform_url: str = ""
    protected_users: tuple[int, ...] = ()
    protected_groups: tuple[int, ...] = ()
    protected_roles: tuple[int, ...] = ()
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends this request: the first argument of everything that touches a vault or a table."""

    connection: Connection
    request_id: str
    token_key: str = ""  # the key id of the token used, never the token
    address: str = ""
    method: str = ""
    route: str = ""


def fingerprint(*parts: object) -> str:
    """A short digest of a few plain values, stable across processes and Python versions."""
    return blake2b("\x1f".join(str(p) for p in parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
