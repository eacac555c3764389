"""What a vault holds, and who may do what with it: folders, secrets, templates and grants, in the connector's words.

Like scim.model: frozen, no I/O, no spelling of SCIM or of Secret Server. There is no field for the value of a secret.

A GRANT is one holder's right on one folder or secret. It is known by what it is about, not by the row that holds it
(docs/decisions/pam-grants.md): a vault may give a row another id when a folder stops inheriting; the pair stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NewType

from pydantic import SecretStr

from scim.model import (
    NOTHING_KEPT,
    ExternalId,
    FolderId,
    GroupId,
    Kept,
    Kind,
    Ref,
    SecretId,
    UserId,
    Window,
    fingerprint,
)

GrantId = NewType("GrantId", int)
TemplateId = NewType("TemplateId", int)

GROUP_BIT = 1 << 31


class FolderLevel(StrEnum):
    """What one may do with a folder, weakest first. Edit includes Add Secret, Owner includes all."""

    VIEW = "View"
    ADD = "Add Secret"
    EDIT = "Edit"
    OWNER = "Owner"


class SecretLevel(StrEnum):
    """What one may do with a secret, or with those in a folder, weakest first."""

    NONE = "None"
    LIST = "List"
    VIEW = "View"
    EDIT = "Edit"
    OWNER = "Owner"


FOLDER_RANK = {level: rank for rank, level in enumerate(FolderLevel, 1)}
SECRET_RANK = {level: rank for rank, level in enumerate(SecretLevel)}


@dataclass(frozen=True, slots=True)
class Levels:
    """Both dimensions of a right. `folder` is None for a right on a single secret."""

    folder: FolderLevel | None
    secret: SecretLevel

    def joined(self, other: Levels) -> Levels:
        """What somebody may do who has both."""
        folders = [level for level in (self.folder, other.folder) if level is not None]
        return Levels(
            max(folders, key=FOLDER_RANK.__getitem__) if folders else None,
            max(self.secret, other.secret, key=SECRET_RANK.__getitem__),
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder. `secrets` and `owner` are None when they were not read."""

    id: FolderId
    name: str
    path: str  # names from the root, each with a backslash in front
    parent: Ref | None  # None: at the root
    inherits: bool
    personal: bool = False
    secrets: tuple[Ref, ...] | None = None
    owner: Ref | None = None
    kept: Kept = NOTHING_KEPT

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.name, self.parent.id if self.parent else 0, self.inherits)

    @property
    def version(self) -> str:
        return f'W/"{fingerprint(self.fingerprint, self.kept.revision)}"'

    @property
    def last_modified(self) -> datetime | None:
        return self.kept.modified


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as lists show it: never with a value. `folder.name` is the folder's path."""

    id: SecretId
    name: str
    folder: Ref | None
    template: Ref
    inherits: bool
    created: datetime | None = None
    restricted: bool = False
    kept: Kept = NOTHING_KEPT

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.name, self.folder.id if self.folder else 0, self.template.id, self.inherits)

    @property
    def version(self) -> str:
        return f'W/"{fingerprint(self.fingerprint, self.kept.revision)}"'

    @property
    def last_modified(self) -> datetime | None:
        return self.kept.modified or self.created


@dataclass(frozen=True, slots=True)
class TemplateField:
    id: int
    slug: str
    name: str
    password: bool = False
    file: bool = False
    notes: bool = False
    required: bool = False  # False where the vault does not say, too


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of secret. `fields` is None when they were not read."""

    id: TemplateId
    name: str
    fields: tuple[TemplateField, ...] | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One holder's right on one folder (Kind.FOLDER_GRANT) or secret (Kind.SECRET_GRANT).

    `inherited_from` is the folder whose own grant this is seen through; None for a direct one. `row` is the vault's
    own number of the row, 0 where the row is not the object's own.
    """

    kind: Kind
    on: Ref
    holder: Ref
    to_group: bool
    levels: Levels
    inherited_from: Ref | None = None
    personal: bool = False  # on somebody's personal folder
    row: int = 0
    kept: Kept = NOTHING_KEPT

    @property
    def id(self) -> GrantId:
        return grant_id(self.on.id, self.holder.id, to_group=self.to_group)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.levels.folder, self.levels.secret, self.inherited_from is None)

    @property
    def version(self) -> str:
        return f'W/"{fingerprint(self.fingerprint, self.kept.revision)}"'

    @property
    def last_modified(self) -> datetime | None:
        return self.kept.modified


def grant_id(on: int, holder: int, *, to_group: bool) -> GrantId:
    """The one number of a pair: object above, holder below, a bit for groups. Ids are int32."""
    return GrantId((on << 32) | (GROUP_BIT if to_group else 0) | holder)


def grant_parts(number: GrantId) -> tuple[int, int, bool]:
    """Object, holder, and whether the holder is a group."""
    return number >> 32, number & (GROUP_BIT - 1), bool(number & GROUP_BIT)


def spoken(name: str) -> str:
    """A name or path of the vault's as errors say it: its backslashes are not doubled."""
    text = "".join(c if c.isprintable() else "?" for c in name)
    return f"'{text}'" if len(text) <= 128 else f"'…{text[-127:]}'"


# --- what is asked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FolderQuery:
    """Which folders; see scim.model.UserQuery. `changed_since` asks for what is known to have changed."""

    ids: tuple[FolderId, ...] | None = None
    name: str | None = None
    path: str | None = None
    parent: FolderId | None = None
    external_id: ExternalId | None = None
    changed_since: datetime | None = None
    window: Window | None = None
    after: FolderId | None = None
    before: FolderId | None = None
    hint: int | None = None
    limit: int | None = None
    secrets: bool = False
    owner: bool = False


@dataclass(frozen=True, slots=True)
class SecretQuery:
    """Which secrets; see FolderQuery."""

    ids: tuple[SecretId, ...] | None = None
    name: str | None = None
    folder: FolderId | None = None
    external_id: ExternalId | None = None
    changed_since: datetime | None = None
    window: Window | None = None
    after: SecretId | None = None
    before: SecretId | None = None
    hint: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class GrantQuery:
    """Which grants of one kind. Inherited ones are found only on a folder that is named: `on`, or `ids`."""

    kind: Kind
    ids: tuple[GrantId, ...] | None = None
    on: int | None = None
    user: UserId | None = None
    group: GroupId | None = None
    user_name: str | None = None  # the name that people know the user by
    levels: frozenset[Levels] | None = None
    without_own: bool = False  # the rights of the connector's own account
    external_id: ExternalId | None = None
    changed_since: datetime | None = None
    window: Window | None = None
    after: GrantId | None = None
    before: GrantId | None = None
    limit: int | None = None


# --- what is changed ------------------------------------------------------------------------------------------------

External = ExternalId | Literal[False] | None  # False: untouched; None: cleared


@dataclass(frozen=True, slots=True)
class NewFolder:
    """A folder to create. It inherits its permissions unless it stands at the root.

    `above` here, and `place` of secrets: the folder that is named, where it was read for this request; nobody needs to
    read it again.
    """

    name: str
    parent: FolderId | None
    external_id: ExternalId | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    resumes: datetime | None = None
    above: Folder | None = None


@dataclass(frozen=True, slots=True)
class FolderChange:
    """None leaves a field as it is; `parent` False does, and None moves to the root."""

    name: str | None = None
    parent: FolderId | Literal[False] | None = False
    external_id: External = False
    document: Mapping[str, Any] | None = None
    above: Folder | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret to create. `fields` by slug or name; passwords among the template's fields that are not in it are made.

    `made_by`: by the vault's own generator, or by ours for local passwords. `fill`: blank text fields get a dash.
    """

    name: str
    template: TemplateId
    folder: FolderId | None
    fields: Mapping[str, SecretStr] = field(default_factory=dict)
    made_by: Literal["vault", "policy"] = "vault"
    fill: bool = False
    external_id: ExternalId | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    resumes: datetime | None = None
    place: Folder | None = None


@dataclass(frozen=True, slots=True)
class SecretChange:
    """`fields` are overwritten unseen."""

    name: str | None = None
    folder: FolderId | None = None
    fields: Mapping[str, SecretStr] = field(default_factory=dict)
    external_id: External = False
    document: Mapping[str, Any] | None = None
    place: Folder | None = None


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A right to give. `detach`: end the inheritance of `on` first; set by the guard alone, after it looked."""

    kind: Kind
    on: Folder | Secret
    holder: Ref
    to_group: bool
    levels: Levels
    detach: bool = False
    external_id: ExternalId | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    resumes: datetime | None = None

    @property
    def id(self) -> GrantId:
        return grant_id(self.on.id, self.holder.id, to_group=self.to_group)


@dataclass(frozen=True, slots=True)
class GrantChange:
    levels: Levels | None = None
    detach: bool = False
    external_id: External = False
    document: Mapping[str, Any] | None = None
