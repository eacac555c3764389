"""Request paths and PATCH paths: one spelling each.

Request paths: clients write /v2/users (IdentityIQ's Thycotic source), /PrivilegeData (the vendor's own docs),
/ServiceProviderConfigs (older SailPoint), a trailing slash (Okta's agent), or carry Entra's flag. Ids stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from scim.protocol.dialects.vocabulary import (
    ENDPOINTS,
    ENTERPRISE,
    ENTERPRISE_NAMES,
    LINKED_OBJECT,
    SCHEMAS,
    is_urn,
)

FLAGS = ("aadoptscim062020", "azureadscimpatch2017")  # Entra's tenant URL options, in lower case

_FIRST_SEGMENTS = {name.lower(): name for name in ENDPOINTS} | {
    "privilegedata": "PrivilegedData",
    "privilegedatapermissions": "PrivilegedDataPermissions",
    "serviceproviderconfig": "ServiceProviderConfig",
    "serviceproviderconfigs": "ServiceProviderConfig",
    "resourcetypes": "ResourceTypes",
    "resourcetype": "ResourceTypes",
    "schemas": "Schemas",
    "bulk": "Bulk",
    "me": "Me",
    ".search": ".search",
}
_RESOURCE_TYPES = {name.lower(): name for name in SCHEMAS} | {
    "privilegedata": "PrivilegedData",
    "privilegedatapermission": "PrivilegedDataPermission",
}
_SCHEMA_URNS = {urn.lower(): urn for urn in (*SCHEMAS.values(), ENTERPRISE, LINKED_OBJECT)}


def normalise_path(path: str) -> str:
    """A path relative to the base URL in its canonical spelling, with a leading and without a trailing slash."""
    segments = [_without_flag(segment) for segment in path.split("/")]
    segments = [segment for segment in segments if segment]
    if not segments:
        return "/"
    first = _FIRST_SEGMENTS.get(segments[0].lower(), segments[0])
    rest = segments[1:]
    if len(rest) == 1:
        rest = [_second_segment(first, rest[0])]
    return "/" + "/".join([first, *rest])


def path_behind_flag(path: str, raw_query: str) -> tuple[str, str]:
    """Path and query where Entra appended the path to a tenant URL that ends in its flag: `?aadOptscim062020/Users`."""
    head, slash, rest = raw_query.partition("/")
    if path.strip("/") or not slash or head.lower() not in FLAGS:
        return path, raw_query
    tail, _, query = rest.partition("?")
    tail, _, more = tail.partition("&")
    return "/" + unquote(tail), "&".join(part for part in (query, more) if part)


def _second_segment(first: str, segment: str) -> str:
    """/ResourceTypes/user, /Schemas/group (Thycotic's documentation names schemas so), /Users/.SEARCH."""
    low = segment.lower()
    if first == "ResourceTypes":
        return _RESOURCE_TYPES.get(low, segment)
    if first == "Schemas":
        named = _RESOURCE_TYPES.get(low)
        return SCHEMAS[named] if named else _SCHEMA_URNS.get(low, segment)
    return ".search" if low == ".search" else segment


def _without_flag(segment: str) -> str:
    """Entra's flag may be a segment of its own or hang on one (`?`, `&`, `;` or nothing between them)."""
    changed = True
    while changed:
        changed = False
        low = segment.lower()
        for flag in FLAGS:
            if low.endswith(flag):
                segment = segment[: -len(flag)].rstrip("?&;")
                changed = True
                break
    return segment


def canonical_schema(name: str) -> str:
    """A schema URN in the spelling it is published with; any other name as it is (RFC 7643 §3.1: without case)."""
    return _SCHEMA_URNS.get(name.lower(), name)


def resource_type_of(path: str) -> str | None:
    """Which resource type a request path addresses: "User" for /users/7. None for discovery, /Me, /Bulk, the root."""
    return ENDPOINTS.get(normalise_path(path).split("/")[1])


@dataclass(frozen=True, slots=True)
class Target:
    """What a PATCH path points at, taken apart. `text` is the path in its repaired spelling."""

    text: str
    schema: str = ""  # URN prefix, lower case
    attribute: str = ""  # lower case; empty for a whole extension
    filter: str | None = None
    sub: str = ""  # lower case

    @property
    def whole(self) -> bool:
        """Whether it names the attribute itself: no filter, no sub-attribute."""
        return self.filter is None and not self.sub


def read_target(path: str, resource_type: str) -> Target:
    """Take a PATCH path apart (RFC 7644 §3.5.2) and give enterprise attributes the URN that Entra's old docs omit.

    Never refuses: a path that makes no sense comes back as it is, for the core to refuse.
    """
    text = path.strip()
    head, bracket, rest = text.partition("[")
    inside, closing, tail = rest.rpartition("]")
    if bracket and (not closing or (tail and not tail.startswith("."))):
        return Target(text)
    low = head.lower()
    if low in _SCHEMA_URNS and not bracket:
        return Target(text, schema=low)
    schema, name = _split_urn(head)
    attribute, _, sub = name.partition(".")
    if not bracket and not schema and resource_type == "User" and attribute.lower() in ENTERPRISE_NAMES:
        schema = ENTERPRISE
        name = f"{ENTERPRISE_NAMES[attribute.lower()]}{'.' if sub else ''}{sub}"
    if schema.lower() == ENTERPRISE.lower() and name.lower() == "manager.managerid":
        name, sub = "manager.value", "value"
    if schema and not bracket:
        text = f"{schema}:{name}"
    return Target(
        text,
        schema=schema.lower(),
        attribute=attribute.lower(),
        filter=inside if bracket else None,
        sub=(tail[1:] if bracket else sub).lower(),
    )


def _split_urn(head: str) -> tuple[str, str]:
    """`urn:…:User:employeeNumber`, and the `urn:…:User.employeeNumber` that the core would silently drop."""
    if not is_urn(head):
        return "", head
    for urn in _SCHEMA_URNS:
        if head.lower().startswith((urn + ":", urn + ".")):
            return head[: len(urn)], head[len(urn) + 1 :]
    schema, _, name = head.rpartition(":")
    return schema, name
