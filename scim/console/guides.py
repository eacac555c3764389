"""How each kind of client is set up: the exact values for its form, and the first calls by which we see that it works.

`{scim}` and `{scim11}` are the connector's addresses, `{token}` the token, `{name}` the connection's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paste:
    """One field of the client's own form. `secret`: shown only together with a new token."""

    label: str
    value: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Something the client is expected to do. Ticked when one of `calls` has succeeded (`POST /Users`)."""

    text: str
    calls: tuple[str, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    key: str
    title: str
    subtitle: str
    where: str
    pastes: tuple[Paste, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()


_USER_LOOKUP = ("GET /Users filter", "POST /Users/.search")
_CHANGE = ("PATCH /Users/{id}", "PUT /Users/{id}")
_GROUP_CHANGE = ("PATCH /Groups/{id}", "PUT /Groups/{id}")
_CREATE = Check("Created its first user", ("POST /Users",), "Assign one test person and provision him on demand")
_UPDATE = Check("Changed a user", _CHANGE)
_GROUP = Check("Created or changed a group", ("POST /Groups", *_GROUP_CHANGE), "Only when groups are in its scope")
_DISCOVERY = ("GET /ServiceProviderConfig", "GET /Schemas", "GET /ResourceTypes")

GUIDES: Mapping[str, Guide] = {
    guide.key: guide
    for guide in (
        Guide(
            "entra",
            "Microsoft Entra ID",
            "Enterprise application",
            "Enterprise applications → your application → Provisioning → Automatic → Admin credentials",
            (
                Paste("Tenant URL", "{scim}/?aadOptscim062020"),
                Paste("Secret token", "{token}", secret=True),
            ),
            (
                Check("Test connection: looked for somebody who is not there", ("GET /Users filter",),
                      "Press “Test connection” there; it takes a few seconds"),
                Check("Looked at groups", ("GET /Groups filter", "GET /Groups")),
                _CREATE,
                _UPDATE,
                _GROUP,
            ),
            (
                "The flag in the tenant URL makes Entra send well-formed changes. Both dialects are understood.",
                "Entra works in cycles of 40 minutes; “Provision on demand” does not wait.",
            ),
        ),
        Guide(
            "okta",
            "Okta",
            "SCIM 2.0, from the cloud",
            "Applications → your application → Provisioning → Integration",
            (
                Paste("SCIM connector base URL", "{scim}"),
                Paste("Unique identifier field for users", "userName"),
                Paste("Authentication mode", "HTTP Header"),
                Paste("Authorization", "{token}", secret=True),
            ),
            (
                Check("Test: read the first users", ("GET /Users",), "Press “Test Connector Configuration”"),
                Check("Read groups", ("GET /Groups",)),
                Check("Looked for a user by name", _USER_LOOKUP),
                _CREATE,
                _UPDATE,
                _GROUP,
            ),
            (
                "Okta puts the word Bearer in front by itself.",
                "Okta never deletes: a leaver is disabled, and stays visible.",
            ),
        ),
        Guide(
            "sailpoint",
            "SailPoint",
            "IdentityIQ or Identity Security Cloud",
            "Source or application of type SCIM 2.0 (or Privileged Account Management)",
            (
                Paste("Host or base URL", "{scim}"),
                Paste("Authentication type", "API Token"),
                Paste("API token", "{token}", secret=True),
            ),
            (
                Check("Test: read what this server can do", _DISCOVERY, "Press “Test Connection”"),
                Check("Aggregated accounts", ("GET /Users",)),
                Check("Aggregated groups", ("GET /Groups",)),
                Check("Aggregated containers", ("GET /Containers",), "With the privileged account module"),
                _CREATE,
                _UPDATE,
            ),
            ("Explicit attribute requests are answered exactly and may stay switched on.",),
        ),
        Guide(
            "onelogin",
            "OneLogin",
            "SCIM Provisioner, SCIM 2.0",
            "Applications → SCIM Provisioner with SAML (SCIM v2 Enterprise) → Configuration",
            (
                Paste("SCIM base URL", "{scim}"),
                Paste("SCIM bearer token", "{token}", secret=True),
            ),
            (
                Check("Connected: looked for somebody who is not there", _USER_LOOKUP, "Press “Enable” there"),
                _CREATE,
                _UPDATE,
                Check("Read groups", ("GET /Groups",)),
                _GROUP,
            ),
        ),
        Guide(
            "ping",
            "Ping",
            "PingOne or PingFederate",
            "Integrations → Provisioning → New connection → SCIM Outbound",
            (
                Paste("SCIM base URL", "{scim}"),
                Paste("SCIM version", "2.0"),
                Paste("Authentication method", "OAuth 2 Bearer Token"),
                Paste("OAuth access token", "{token}", secret=True),
                Paste("User filter expression", 'userName Eq "%s"'),
                Paste("User identifier", "userName"),
            ),
            (
                Check("Test: reached the server", ("GET /Users", "GET /Users filter", *_DISCOVERY)),
                Check("Looked for a user by name", _USER_LOOKUP),
                _CREATE,
                _UPDATE,
                _GROUP,
            ),
            ("PingFederate finds groups by reading all of them: give it time where there are thousands.",),
        ),
        Guide(
            "jumpcloud",
            "JumpCloud",
            "Custom SCIM integration",
            "SSO applications → your application → Identity Management",
            (
                Paste("SCIM version", "SCIM 2.0"),
                Paste("Base URL", "{scim}"),
                Paste("Token key", "{token}", secret=True),
                Paste("Test user e-mail", "scim-test@example.com"),
            ),
            (
                Check("Looked for the test user", _USER_LOOKUP, "Press “Test Connection”"),
                Check("Created the test user", ("POST /Users",)),
                Check("Deleted the test user", ("DELETE /Users/{id}", *_CHANGE)),
                _GROUP,
            ),
            ("JumpCloud makes a test user and a test group when it is activated, and deletes both.",),
        ),
        Guide(
            "okta-agent",
            "Okta on-prem agent",
            "SCIM 1.1",
            "Applications → your application → Provisioning → On-premises connector",
            (
                Paste("SCIM connector base URL", "{scim11}/"),
                Paste("Authorization type", "HTTP Header"),
                Paste("Header name", "Authorization"),
                Paste("Header value", "Bearer {token}", secret=True),
            ),
            (
                Check("Test: read what this server can do", ("GET /ServiceProviderConfigs", *_DISCOVERY)),
                Check("Read users", ("GET /Users", "GET /Users filter")),
                _CREATE,
                _UPDATE,
            ),
            ("The address must end with a slash.",),
        ),
        Guide(
            "other",
            "Another client",
            "Anything that speaks SCIM 2.0",
            "Wherever it asks for a SCIM server",
            (
                Paste("Base URL", "{scim}"),
                Paste("Authentication", "Bearer token"),
                Paste("Token", "{token}", secret=True),
            ),
            (
                Check("Reached the server with its token", (*_DISCOVERY, "GET /Users", "GET /Users filter")),
                Check("Looked for a user", ("GET /Users filter", "GET /Users", "POST /Users/.search")),
                _CREATE,
                _UPDATE,
                _GROUP,
            ),
        ),
    )
}  # fmt: skip


def guide_for(client: str) -> Guide:
    return GUIDES.get(client) or GUIDES["other"]
