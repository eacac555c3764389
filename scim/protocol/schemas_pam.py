"""Step 3: the PAM resources we publish (draft-grizzle-scim-pam-ext-01 §2–4), with its schemas corrected.

What the draft's JSON schemas get wrong, and what is here instead: Container lacks `parent`; `privilegedData.$ref` says
that it refers to a User; `$ref` is required where `value` is enough. What is Secret Server's own stands in extensions
of ours, `urn:ietf:params:scim:schemas:extension:secretserver:1.0:…`; but for `path` and `inheritsPermissions` of a
container, which IdentityIQ has to read, and it reads no extensions.

`owner` and `privilegedData` of a container are read-only: ownership is a right, given through /ContainerPermissions,
and a secret is moved by naming its new folder, so that each change goes through the gate that is made for it.

The models accept more than the schemas promise (a bare container name, a missing `$ref`; PUT without the `$ref`s that
were read): PUBLISHED is what /Schemas says where it is stricter, and resources/ hold it by the value.
"""

# ruff: noqa: UP037  -- a reference names its type by a word: the class may come further down

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    Extension,
    Mutability,
    Reference,
    Required,
    Resource,
    ResourceType,
    Returned,
)
from scim2_models.resources.resource import AnyExtension

from scim.protocol.schemas import Group, User

PAM = "urn:ietf:params:scim:schemas:pam:1.0:"
OURS = "urn:ietf:params:scim:schemas:extension:secretserver:1.0:"
OKTA = "urn:okta:scim:schemas:core:1.0:"
CONTAINER = PAM + "Container"
CONTAINER_PERMISSION = PAM + "ContainerPermission"
PRIVILEGED_DATA = PAM + "PrivilegedData"
PRIVILEGED_DATA_PERMISSION = PAM + "PrivilegedDataPermission"
OUR_SECRET = OURS + "PrivilegedData"
OUR_CONTAINER_PERMISSION = OURS + "ContainerPermission"
ROLE = OKTA + "Role"
ENTITLEMENT = OKTA + "Entitlement"

_ref = {"serialization_alias": "$ref", "validation_alias": "$ref"}


class Parent(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the container; its path is accepted as well."""

    ref: Annotated[Reference["Container"] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the container."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The name of the container."""


class Owner(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the user."""

    ref: Annotated[Reference[User] | None, Mutability.read_only, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the user."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The user's name."""


class Content(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the secret."""

    ref: Annotated[Reference["PrivilegedData"] | None, Mutability.read_only, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the secret."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The name of the secret."""

    type: Annotated[str | None, Mutability.read_only] = None
    """What kind of data it is."""


class Container(Resource[AnyExtension]):
    """A folder of Secret Server."""

    __schema__ = URN(CONTAINER)

    name: Annotated[str | None, Required.true] = None
    """The folder's name, unique among those beside it. A path with backslashes names the parents as well."""

    display_name: str | None = None
    """A name to show, kept for the client; the folder's name where it gave none."""

    description: str | None = None
    """What it is for, kept for the client."""

    type: str | None = None
    """A label, kept for the client; `folder` where it gave none."""

    parent: Parent | None = None
    """The container it is in; none at the root. Another one moves it."""

    path: Annotated[str | None, Mutability.read_only] = None
    """The names from the root, each with a backslash in front."""

    inherits_permissions: Annotated[bool | None, Mutability.read_only] = None
    """Whether its permissions are those of its parent."""

    owner: Annotated[Owner | None, Mutability.read_only, Returned.request] = None
    """The user who holds the right Owner on it directly; given through /ContainerPermissions."""

    privileged_data: Annotated[list[Content] | None, Mutability.read_only, Returned.request] = None
    """The secrets in it: on request, and with a single container where they are few."""


class Target(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id; a container's name or path is accepted as well."""

    ref: Annotated[Reference["Container"] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the container."""

    name: str | None = None
    """The name of the container."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The name of the container."""


class DataTarget(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the secret."""

    ref: Annotated[Reference["PrivilegedData"] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the secret."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The name of the secret."""


class UserGrantee(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the user."""

    ref: Annotated[Reference[User] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the user."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The user's name."""


class GroupGrantee(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the group."""

    ref: Annotated[Reference[Group] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the group."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The group's name."""


class ContainerPermission(Resource[AnyExtension]):
    """The right of one user or one group on one folder."""

    __schema__ = URN(CONTAINER_PERMISSION)

    container: Annotated[Target | None, Required.true] = None
    """The folder."""

    user: UserGrantee | None = None
    """The user who has the right. Exactly one of user and group."""

    group: GroupGrantee | None = None
    """The group that has the right. Exactly one of user and group."""

    rights: Annotated[list[str] | None, Required.true] = None
    """The right, in this connection's words; the canonical values are those that it accepts."""


class SecretServerContainerPermission(Extension):
    """Both dimensions of a right on a folder, and where it comes from."""

    __schema__ = URN(OUR_CONTAINER_PERMISSION)

    folder_level: Annotated[str | None, Mutability.read_only] = None
    """What one may do with the folder: View, Add Secret, Edit or Owner."""

    secret_level: Annotated[str | None, Mutability.read_only] = None
    """What one may do with the secrets in it: None, List, View, Edit or Owner."""

    inherited: Annotated[bool | None, Mutability.read_only] = None
    """Whether the right comes from a folder above."""

    direct: Annotated[bool | None, Mutability.read_only] = None
    """Whether the right stands at this folder."""

    inherited_from: Annotated[str | None, Mutability.read_only] = None
    """The id of the folder whose right it is."""


class PrivilegedData(Resource[AnyExtension]):
    """A secret of Secret Server, never with a value."""

    __schema__ = URN(PRIVILEGED_DATA)

    name: Annotated[str | None, Required.true] = None
    """The secret's name."""

    description: str | None = None
    """What it is for, kept for the client."""

    type: str | None = None
    """A label, kept for the client; the name of the template where it gave none."""


class SecretFolder(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the container; its path is accepted as well."""

    ref: Annotated[Reference["Container"] | None, CaseExact.true] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the container."""


class SecretField(ComplexAttribute):
    name: Annotated[str | None, Mutability.write_only, Returned.never] = None
    """The field's slug, or its name."""

    value: Annotated[str | None, Mutability.write_only, Returned.never, CaseExact.true] = None
    """What to write into it."""


class SecretServerPrivilegedData(Extension):
    """What it takes to make a secret, and what Secret Server tells of it without opening it."""

    __schema__ = URN(OUR_SECRET)

    template: Annotated[str | None, Mutability.immutable] = None
    """The secret template, by name; its id is accepted as well."""

    folder: SecretFolder | None = None
    """The folder it is in. Another one moves it."""

    fields: Annotated[list[SecretField] | None, Mutability.write_only, Returned.never] = None
    """Values to write. Password fields of the template that are not given are made up and never shown."""

    path: Annotated[str | None, Mutability.read_only] = None
    """The path of its folder."""

    inherits_permissions: Annotated[bool | None, Mutability.read_only] = None
    """Whether its permissions are those of its folder."""

    restricted: Annotated[bool | None, Mutability.read_only] = None
    """Whether opening it takes a check-out, a comment or an approval."""


class PrivilegedDataPermission(Resource[AnyExtension]):
    """The right of one user or one group on one secret, given at the secret itself."""

    __schema__ = URN(PRIVILEGED_DATA_PERMISSION)

    privileged_data: Annotated[DataTarget | None, Required.true] = None
    """The secret."""

    user: UserGrantee | None = None
    """The user who has the right. Exactly one of user and group."""

    group: GroupGrantee | None = None
    """The group that has the right. Exactly one of user and group."""

    rights: Annotated[list[str] | None, Required.true] = None
    """The right, in this connection's words; the canonical values are those that it accepts."""


class Holder(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the user or group."""

    ref: Annotated[Reference[User | Group] | None, Mutability.read_only] = Field(None, **_ref)  # type: ignore[call-overload,type-arg]
    """The URL of the user or group."""

    type: Annotated[str | None, Mutability.read_only] = None
    """User or Group."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """Its name."""


class Role(Resource[AnyExtension]):
    """A role of Secret Server; given and taken through `roles` of users and groups."""

    __schema__ = URN(ROLE)

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The name of the role."""

    type: Annotated[str | None, Mutability.read_only] = None
    """`system` or `custom`."""

    enabled: Annotated[bool | None, Mutability.read_only] = None
    """Whether it gives its permissions."""

    assignable: Annotated[bool | None, Mutability.read_only] = None
    """Whether it may be given through this connection: administrative roles may not."""

    members: Annotated[list[Holder] | None, Mutability.read_only] = None
    """Who holds it directly: with a single role, and on request."""


class Entitlement(Resource[AnyExtension]):
    """A right that this connection may give on folders or secrets."""

    __schema__ = URN(ENTITLEMENT)

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The word for it in `rights`."""

    type: Annotated[str | None, Mutability.read_only] = None
    """ContainerPermission or PrivilegedDataPermission: where it is accepted."""

    description: Annotated[str | None, Mutability.read_only] = None
    """What it allows in Secret Server."""


_IMMUTABLE, _REQUIRED = {"mutability": "immutable"}, {"required": True}
_PAIR = {f"{holder}{part}": _IMMUTABLE for holder in ("user", "group") for part in ("", ".value", ".$ref")}
PUBLISHED: dict[str, dict[str, dict[str, Any]]] = {
    CONTAINER_PERMISSION: {
        **_PAIR,
        "container": _IMMUTABLE,
        "container.value": {**_IMMUTABLE, **_REQUIRED},
        "container.$ref": _IMMUTABLE,
        "container.name": {"mutability": "readOnly"},
    },
    PRIVILEGED_DATA_PERMISSION: {
        **_PAIR,
        "privilegedData": _IMMUTABLE,
        "privilegedData.value": {**_IMMUTABLE, **_REQUIRED},
        "privilegedData.$ref": _IMMUTABLE,
    },
    OUR_SECRET: {"template": _REQUIRED, "folder": _REQUIRED, "folder.value": _REQUIRED},
}


def published(schema: str, grantees: str) -> dict[str, dict[str, Any]]:
    """What the schema says beyond its model, for a connection that may give rights to these."""
    found = dict(PUBLISHED[schema])
    if grantees in ("users", "groups"):
        one, other = ("user", "group") if grantees == "users" else ("group", "user")
        found[one] = {**_IMMUTABLE, **_REQUIRED}
        found[f"{one}.value"] = {**_IMMUTABLE, **_REQUIRED}
        found |= {f"{other}{part}": {"mutability": "readOnly"} for part in ("", ".value", ".$ref")}
    return found


def published_secret(*, template_known: bool, folder_known: bool) -> dict[str, dict[str, Any]]:
    """What the extension of secrets says beyond its model, for a connection whose policies may name one or both."""
    known = [name for name, is_known in (("template", template_known), ("folder", folder_known)) if is_known]
    return {n: said for n, said in PUBLISHED[OUR_SECRET].items() if n.partition(".")[0] not in known}


MODELS: list[Any] = [
    *(Role, Entitlement, Container, ContainerPermission, SecretServerContainerPermission),
    *(PrivilegedData, SecretServerPrivilegedData, PrivilegedDataPermission),
]


def resource_types() -> list[ResourceType]:
    """The types of this module with their endpoints; the plural of PrivilegedData is the same word."""
    types: list[tuple[str, str, Any]] = [
        ("Role", "Roles", Role),
        ("Entitlement", "Entitlements", Entitlement),
        ("Container", "Containers", Container),
        ("ContainerPermission", "ContainerPermissions", ContainerPermission[SecretServerContainerPermission]),
        ("PrivilegedData", "PrivilegedData", PrivilegedData[SecretServerPrivilegedData]),
        ("PrivilegedDataPermission", "PrivilegedDataPermissions", PrivilegedDataPermission),
    ]
    return [resource_type(*one) for one in types]


def resource_type(name: str, endpoint: str, model: Any) -> ResourceType:
    """A type as it is published, described by the first sentence of its model."""
    found = ResourceType.from_resource(model)
    found.name = found.id = name
    found.endpoint = f"/{endpoint}"  # type: ignore[assignment]
    words = next(base.__doc__ for base in model.__mro__ if base.__doc__ and "[" not in base.__name__)
    found.description = str(words).strip().partition("\n")[0]
    return found
