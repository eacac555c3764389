"""The names that the dialects know: resource types, their endpoints, and which attributes have which shape.

This is not the schema (that is published by the service); it holds only what clients are known to misspell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from scim.errors import InvalidSyntax, excerpt

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
PAM = "urn:ietf:params:scim:schemas:pam:1.0:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LINKED_OBJECT = PAM + "LinkedObject"
OURS = "urn:ietf:params:scim:schemas:extension:secretserver:1.0:"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

SCHEMAS: Mapping[str, str] = {
    "User": CORE + "User",
    "Group": CORE + "Group",
    "Container": PAM + "Container",
    "ContainerPermission": PAM + "ContainerPermission",
    "PrivilegedData": PAM + "PrivilegedData",
    "PrivilegedDataPermission": PAM + "PrivilegedDataPermission",
    "Role": "urn:okta:scim:schemas:core:1.0:Role",
    "Entitlement": "urn:okta:scim:schemas:core:1.0:Entitlement",
}
ENDPOINTS: Mapping[str, str] = {
    "Users": "User",
    "Groups": "Group",
    "Roles": "Role",
    "Entitlements": "Entitlement",
    "Containers": "Container",
    "ContainerPermissions": "ContainerPermission",
    "PrivilegedData": "PrivilegedData",
    "PrivilegedDataPermissions": "PrivilegedDataPermission",
}

# Names in lower case, because SCIM compares them so (RFC 7643 §2.1).
BOOLEANS = frozenset({"active", "primary"})
COMPARED_AS_BOOLEANS = BOOLEANS | {"inherited", "direct", "restricted", "inheritspermissions", "enabled", "assignable"}
MULTI_VALUED: Mapping[str, frozenset[str]] = {
    "User": frozenset(
        {"emails", "phonenumbers", "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509certificates"}
    ),
    "Group": frozenset({"members", "roles", "entitlements"}),
    "Role": frozenset({"members"}),
    "Entitlement": frozenset({"members"}),
    "Container": frozenset({"privilegeddata"}),
}
REFERENCES: Mapping[str, frozenset[str]] = {
    "Container": frozenset({"parent", "owner"}),
    "ContainerPermission": frozenset({"container", "user", "group"}),
    "PrivilegedDataPermission": frozenset({"privilegeddata", "user", "group"}),
}
# Lists whose entries are references: only `value` says which entry is meant.
BY_VALUE = frozenset({"members", "groups", "roles", "entitlements", "privilegeddata"})
STRING_LISTS = frozenset({"rights"})
ENTERPRISE_SIMPLE = {
    name.lower(): name for name in ("employeeNumber", "costCenter", "organization", "division", "department")
}
ENTERPRISE_NAMES = {**ENTERPRISE_SIMPLE, "manager": "manager"}
OUR_NAMES: Mapping[str, Mapping[str, str]] = {
    "PrivilegedData": {n.lower(): n for n in ("template", "folder", "path", "inheritsPermissions", "restricted")},
    "ContainerPermission": {
        n.lower(): n for n in ("folderLevel", "secretLevel", "inherited", "direct", "inheritedFrom")
    },
}  # of our extensions, which clients filter by without their URN
SIMPLE = frozenset(
    {
        "username",
        "displayname",
        "nickname",
        "profileurl",
        "title",
        "usertype",
        "preferredlanguage",
        "locale",
        "timezone",
        "active",
        "password",
        "externalid",
        "description",
        "type",
        "formatted",
        "familyname",
        "givenname",
        "middlename",
        "honorificprefix",
        "honorificsuffix",
    }
) | frozenset(ENTERPRISE_SIMPLE)
COMPLEX_SINGLE = frozenset({"name"})
COMPARED_BY_VALUE = frozenset(
    {"container", "user", "group", "privilegeddata", "parent", "owner", "members", "manager", "folder"}
)  # `container eq 1` means `container.value eq "1"` (pam-scim 1.4)
IGNORED_IN_BODIES = frozenset({"id", "meta"})  # read-only: RFC 7644 §3.3, Okta's PUT sends them back

_KNOWN_PREFIXES = (CORE.lower(), PAM.lower(), ENTERPRISE.lower(), "urn:okta:scim:schemas:core:1.0:")
_OWN_MARKS = ("secretserver", "secret-server", "delinea")


class Notes:
    """What was changed, in a few words each, once each, for the audit row. Never a value."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def say(self, words: str) -> None:
        self._said.setdefault(words)

    def take(self) -> tuple[str, ...]:
        return tuple(self._said)


def read_only_names(resource_type: str) -> frozenset[str]:
    """What a client may send but never set; a user's groups are the groups' affair (RFC 7643 §4.1.2)."""
    return IGNORED_IN_BODIES | {"groups"} if resource_type == "User" else IGNORED_IN_BODIES


def is_known_schema(urn: str, extensions: Collection[str] = ()) -> bool:
    """Whether a schema URN means something here: the RFC's, the PAM draft's, Okta's roles, and our own."""
    low = urn.lower()
    return (
        low.startswith(_KNOWN_PREFIXES)
        or any(mark in low for mark in _OWN_MARKS)
        or any(low == known.lower() for known in extensions)
    )


def is_urn(name: str) -> bool:
    return name[:4].lower() == "urn:"


def require_object(body: Any, what: str = "The body") -> dict[str, Any]:
    """A JSON object whose members have names of their own: scim2-models would silently take the last of two cases."""
    if not isinstance(body, dict):
        raise InvalidSyntax(f"{what} must be a JSON object")
    seen: set[str] = set()
    for name in body:
        low = str(name).lower()
        if low in seen:
            raise InvalidSyntax(f"{what} names {excerpt(name)} twice; names are compared without case")
        seen.add(low)
    return body


def named(obj: Mapping[str, Any], name: str) -> str | None:
    """The spelling under which an object holds a member; `name` in lower case."""
    for key in obj:
        if key.lower() == name:
            return key
    return None
