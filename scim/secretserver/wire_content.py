"""The REST bodies of folders, secrets, templates, permissions and reports that are read; see wire.py for the manner.

There is no property for the value of a secret's field: what is not declared is never parsed.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from scim.content import (
    Folder,
    FolderLevel,
    Grant,
    Levels,
    Secret,
    SecretLevel,
    Template,
    TemplateField,
    TemplateId,
)
from scim.errors import VaultMisbehaved
from scim.model import FolderId, Kind, Ref, SecretId
from scim.secretserver.wire import Body, Row, moment

NO_FOLDER = frozenset({None, -1, 0})
PERSONAL_FOLDER = 2
"""folderTypeId of a personal folder; 1 is an ordinary one (facts 7 name 1..3)."""


class FolderRow(Row):
    """FolderModel and FolderSummary: search rows and single reads agree on these."""

    id: int
    folder_name: str
    folder_path: str | None = None
    parent_folder_id: int | None = None
    folder_type_id: int | None = None
    inherit_permissions: bool | None = None
    inherit_secret_policy: bool | None = None
    secret_policy_id: int | None = None

    @property
    def key(self) -> int:
        return self.id


class FolderChanged(Body):
    """FolderBasicModel, the answer of a folder PATCH."""

    folder_name: str | None = None
    enable_inherit_permissions: bool | None = None


class SecretRow(Row):
    """SecretSummary."""

    id: int
    name: str
    active: bool | None = None
    folder_id: int | None = None
    folder_path: str | None = None
    secret_template_id: int
    secret_template_name: str | None = None
    inherits_permissions: bool | None = None
    is_restricted: bool | None = None
    create_date: str | None = None

    @property
    def key(self) -> int:
        return self.id


class NewSecretRow(Body):
    """SecretModel, of which a creation needs the id only: its items hold values and are not parsed."""

    id: int


class Item(Body):
    """RestSecretItem of a stub, without its value."""

    field_id: int
    field_name: str | None = None
    slug: str | None = None
    is_password: bool | None = None
    is_file: bool | None = None
    is_notes: bool | None = None


class Stub(Body):
    secret_template_name: str | None = None
    items: list[Item]


class TemplateRow(Row):
    id: int
    name: str
    active: bool | None = None

    @property
    def key(self) -> int:
        return self.id


class TemplateFieldRow(Row):
    """SecretTemplateFieldSummaryModel, of which only what is required is wanted: the stub has the rest."""

    id: int
    slug_name: str | None = None
    active: bool | None = None
    required: bool | None = None

    @property
    def key(self) -> int:
        return self.id


class GrantRow(Row):
    """Folder- and SecretPermissionSummary and their models: a user's row may name the personal group too."""

    id: int
    folder_id: int | None = None
    secret_id: int | None = None
    group_id: int | None = None
    group_name: str | None = None
    user_id: int | None = None
    user_name: str | None = None
    known_as: str | None = None
    folder_access_role_name: str | None = None
    secret_access_role_name: str | None = None

    @property
    def key(self) -> int:
        return self.id

    @property
    def holder(self) -> Ref:
        if self.user_id:
            return Ref(self.user_id, self.known_as or self.user_name or "")
        return Ref(self.group_id or 0, self.group_name or self.known_as or "")


class Share(Body):
    inherit_permissions: bool | None = None


class Report(Body):
    columns: list[str]
    rows: list[list[Any]]
    total_row_count: str | int | None = None


class Text(Body):
    """A bare JSON string."""

    value: str

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, str) else value


# --- wire → words ---------------------------------------------------------------------------------------------------


def to_folder(row: FolderRow) -> Folder:
    path = row.folder_path or "\\" + row.folder_name
    parent = None
    if row.parent_folder_id not in NO_FOLDER and row.parent_folder_id is not None:
        parent = Ref(row.parent_folder_id, path.rpartition("\\")[0].rpartition("\\")[2])
    return Folder(
        id=FolderId(row.id),
        name=row.folder_name,
        path=path,
        parent=parent,
        inherits=bool(row.inherit_permissions) and parent is not None,
        personal=row.folder_type_id == PERSONAL_FOLDER,
    )


def to_secret(row: SecretRow) -> Secret:
    folder = None
    if row.folder_id not in NO_FOLDER and row.folder_id is not None:
        folder = Ref(row.folder_id, row.folder_path or "")
    try:
        created = moment(row.create_date)
    except ValueError:
        raise VaultMisbehaved("Secret Server's time of a secret's creation cannot be read") from None
    return Secret(
        id=SecretId(row.id),
        name=row.name,
        folder=folder,
        template=Ref(row.secret_template_id, row.secret_template_name or ""),
        inherits=bool(row.inherits_permissions) and folder is not None,
        created=created,
        restricted=bool(row.is_restricted),
    )


def to_template(template: int, stub: Stub, name: str) -> Template:
    fields = tuple(
        TemplateField(
            item.field_id,
            item.slug or "",
            item.field_name or "",
            bool(item.is_password),
            bool(item.is_file),
            bool(item.is_notes),
        )
        for item in stub.items
    )
    return Template(TemplateId(template), name or stub.secret_template_name or "", fields)


def to_levels(kind: Kind, folder: str | None, secret: str | None) -> Levels:
    """:raises VaultMisbehaved: An access role that we do not know: nothing may be concluded from it."""
    try:
        return Levels(
            _FOLDER[(folder or "").casefold()] if kind is Kind.FOLDER_GRANT else None,
            _SECRET[(secret or "None").casefold()],
        )
    except KeyError:
        raise VaultMisbehaved("Secret Server has an access role on a permission that is not known") from None


def to_grant(row: GrantRow, on: Ref, kind: Kind, *, personal: bool = False) -> Grant:
    levels = to_levels(kind, row.folder_access_role_name, row.secret_access_role_name)
    return Grant(kind, on, row.holder, not row.user_id, levels, personal=personal, row=row.id)


_FOLDER = {level.value.casefold(): level for level in FolderLevel} | {"addsecret": FolderLevel.ADD}
_SECRET = {level.value.casefold(): level for level in SecretLevel}
