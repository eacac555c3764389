"""Step 3: the resources we publish, as models on the library's base classes (RFC 7643 §4, PAM draft §2).

Where we depart from the library's own models, and why:

* addresses are plain strings: identity platforms send `ann@corp.local`, which a strict e-mail type refuses;
* `manager` needs only `value`, as Entra and the RFC's own examples send it, and takes a bare id as well;
* what the vault owns (`roles.display`, `members.display`) is read-only.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Base64Bytes, Field, field_validator
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    Extension,
    External,
    Mutability,
    Reference,
    Required,
    Resource,
    Returned,
    Uniqueness,
)
from scim2_models.attributes import ExtensibleStringEnum
from scim2_models.resources.resource import AnyExtension
from scim2_models.resources.user import Address, Entitlement, GroupMembership, Im, Name, PhoneNumber, Photo

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LINKED_OBJECT = "urn:ietf:params:scim:schemas:pam:1.0:LinkedObject"


class Email(ComplexAttribute):
    """An address; the one marked primary, else the one of type work, else the first, is the vault's e-mail."""

    class Type(ExtensibleStringEnum):
        work = "work"
        home = "home"
        other = "other"

    value: str | None = None
    """The address."""

    display: str | None = None
    """A name for it."""

    type: Type | None = None
    """What it is for."""

    primary: bool | None = None
    """Whether it is the preferred one."""


class UserRole(ComplexAttribute):
    """A role of Secret Server that the user holds directly."""

    value: str | None = None
    """The id of the role; its name is accepted as well."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The name of the role."""

    type: str | None = None
    """A label of the client's own."""

    primary: bool | None = None
    """A mark of the client's own."""


class X509Certificate(ComplexAttribute):
    value: Base64Bytes | None = None
    """The certificate, DER in Base64."""

    display: str | None = None
    """A name for it."""

    type: str | None = None
    """What it is for."""

    primary: bool | None = None
    """Whether it is the preferred one."""


class User(Resource[AnyExtension]):
    """A user account (RFC 7643 §4.1)."""

    __schema__ = URN(USER)

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name to sign in with, unique whatever its case."""

    name: Name | None = None
    """The parts of the person's name."""

    Name: ClassVar[type[ComplexAttribute]] = Name

    display_name: str | None = None
    """The name to show, which Secret Server shows as well."""

    nick_name: str | None = None
    """What the person is called."""

    profile_url: Reference[External] | None = None
    """A page about the person."""

    title: str | None = None
    """The job title."""

    user_type: str | None = None
    """The relation to the organisation, e.g. Employee."""

    preferred_language: str | None = None
    """The preferred language, as in Accept-Language."""

    locale: str | None = None
    """The locale for dates and numbers."""

    timezone: str | None = None
    """The time zone's name in the IANA database."""

    active: bool | None = None
    """Whether the account is enabled in Secret Server."""

    password: Annotated[str | None, Mutability.write_only, Returned.never, CaseExact.true] = None
    """The password of the local account; without one a random password is set that nobody sees."""

    emails: list[Email] | None = None
    """Addresses."""

    phone_numbers: list[PhoneNumber] | None = None
    """Telephone numbers."""

    ims: list[Im] | None = None
    """Messaging addresses."""

    photos: list[Photo] | None = None
    """Pictures, by URL."""

    addresses: list[Address] | None = None
    """Postal addresses."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups the user is in; changed through the groups."""

    entitlements: list[Entitlement] | None = None
    """Entitlements, kept for the client."""

    roles: list[UserRole] | None = None
    """The roles of Secret Server that the user holds directly."""

    x509_certificates: list[X509Certificate] | None = Field(None, alias="x509Certificates")
    """Certificates."""


class Manager(ComplexAttribute):
    """The user's manager, by the id of another user."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the manager."""

    ref: Annotated[Reference[User] | None, CaseExact.true] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URL of the manager."""

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The manager's name."""


class EnterpriseUser(Extension):
    """What an organisation knows of its people (RFC 7643 §4.3)."""

    __schema__ = URN(ENTERPRISE)

    employee_number: str | None = None
    """The personnel number."""

    cost_center: str | None = None
    """The cost centre."""

    organization: str | None = None
    """The organisation."""

    division: str | None = None
    """The division."""

    department: str | None = None
    """The department."""

    manager: Manager | None = None
    """The manager."""

    @field_validator("manager", mode="before")
    @classmethod
    def _bare_manager(cls, value: Any) -> Any:
        """A bare id, a list of one, "" and {"value": ""} are what clients send for a manager (Entra)."""
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str):
            value = {"value": value}
        if isinstance(value, dict) and not value.get("value") and not value.get("$ref"):
            return None
        return value


class LinkedObject(Extension):
    """Where an object comes from when it is not the vault's own (PAM draft §2)."""

    __schema__ = URN(LINKED_OBJECT)

    source: str | None = None
    """The directory the object lives in; unassigned for local ones."""

    native_identifier: str | None = None
    """Its identifier there, e.g. a distinguished name."""


class GroupMember(ComplexAttribute):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of the user."""

    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URL of the user."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """User: Secret Server's groups hold no groups."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The user's name."""


class GroupRole(ComplexAttribute):
    """A role of Secret Server that the members of the group have through it."""

    value: str | None = None
    """The id of the role; its name is accepted as well."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The name of the role."""


class Group(Resource[AnyExtension]):
    """A group (RFC 7643 §4.2)."""

    __schema__ = URN(GROUP)

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """The group's name, unique whatever its case."""

    members: list[GroupMember] | None = None
    """Its members."""

    roles: list[GroupRole] | None = None
    """The roles of Secret Server that the group holds: as with users (RFC 7643 §4.1.2), and beyond §4.2."""
