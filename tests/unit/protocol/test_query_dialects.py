"""Queries, search bodies and paths as each client sends them, and what they become."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from scim.errors import InvalidFilter, InvalidSyntax, InvalidValue
from scim.protocol.dialects import (
    normalise_path,
    normalise_query,
    normalise_search,
    resource_type_of,
)

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PAM = "urn:ietf:params:scim:schemas:pam:1.0:"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"

# name: (raw query, resource type, parameters)
QUERIES: dict[str, tuple[str, str | None, dict[str, str]]] = {
    "Entra: test connection": (
        "filter=userName+eq+%22a1b2%22",
        "User",
        {"filter": 'userName eq "a1b2"'},
    ),
    "Entra: flag first": (
        "aadOptscim062020&filter=externalId%20eq%20%22e%22",
        "User",
        {"filter": 'externalId eq "e"'},
    ),
    "Entra: flag last, with a value": ("startIndex=1&AzureAdScimPatch2017=", "User", {"startIndex": "1"}),
    "Entra: flag glued to a value": ("startIndex=1?aadOptscim062020", "User", {"startIndex": "1"}),
    "Entra: manager reference check": (
        "filter=" + quote('id eq "X" and manager eq "Y"') + "&attributes=id",
        "User",
        {"filter": f'id eq "X" and {ENT}:manager.value eq "Y"', "attributes": "id"},
    ),
    "Entra: member reference check": (
        "filter=" + quote('id eq "X" and members eq "Y"'),
        "Group",
        {"filter": 'id eq "X" and members.value eq "Y"'},
    ),
    "Entra: e-mail by type": (
        "filter=" + quote('emails[type eq "work"].value eq "a@b"'),
        "User",
        {"filter": 'emails[type eq "work"].value eq "a@b"'},
    ),
    "Okta: match": (
        "filter=userName%20eq%20%22a%2Bb%40c%22&startIndex=1&count=100",
        "User",
        {"filter": 'userName eq "a+b@c"', "startIndex": "1", "count": "100"},
    ),
    "Thycotic docs: capitals": ("StartIndex=1&Count=50", "User", {"startIndex": "1", "count": "50"}),
    "Thycotic docs: attributes one by one": (
        "attributes[0]=id&attributes%5B1%5D=userName",
        "User",
        {"attributes": "id,userName"},
    ),
    "Thycotic docs: excluded attributes": (
        "excludedAttributes[0]=userName",
        "User",
        {"excludedAttributes": "userName"},
    ),
    "Thycotic docs: complex attribute": (
        "filter=container eq 1",
        "ContainerPermission",
        {"filter": 'container.value eq "1"'},
    ),
    "BeyondTrust: unquoted and plus": (
        "filter=container.value+eq+123&startIndex=101&itemsPerPage=100",
        "ContainerPermission",
        {"filter": 'container.value eq "123"', "startIndex": "101", "count": "100"},
    ),
    "some: plus encoded twice": (
        "filter=group.value%2Beq%2B123%2Band%2Bcontainer%2Beq%2B4",
        None,
        {"filter": 'group.value eq "123" and container.value eq "4"'},
    ),
    "PAM draft: single quotes": (
        "filter=" + quote("user.value eq '42' and container.value eq '27'"),
        "ContainerPermission",
        {"filter": 'user.value eq "42" and container.value eq "27"'},
    ),
    "PAM draft: an apostrophe inside": (
        "filter=" + quote("displayName eq 'O'Brien'"),
        "Group",
        {"filter": 'displayName eq "O\'Brien"'},
    ),
    "IdentityIQ: names in capitals": (
        "filter=" + quote('DisplayName SW "Adm" AND Active EQ True'),
        "User",
        {"filter": 'DisplayName sw "Adm" and Active eq true'},
    ),
    "some: backslash in an unquoted name": (
        "filter=" + quote("displayName eq corp\\ann"),
        "Group",
        {"filter": 'displayName eq "corp\\\\ann"'},
    ),
    "some: operators inside a literal are text": (
        "filter=" + quote("displayName eq \"a AND manager EQ 'x' + True\""),
        "Group",
        {"filter": "displayName eq \"a AND manager EQ 'x' + True\""},
    ),
    "some: a value is missing": (
        "filter=" + quote("userName eq and active eq true"),
        "User",
        {"filter": "userName eq and active eq true"},
    ),
    "some: count wins over itemsPerPage": ("itemsPerPage=5&count=7", "User", {"count": "7"}),
    "some: same value twice": ("count=7&count=7", "User", {"count": "7"}),
    "Azure: its own key and empty values": ("code=abc&startIndex=&count=5", "User", {"count": "5"}),
    "nothing": ("", None, {}),
}


@pytest.mark.parametrize(("raw", "resource_type", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_a_query_becomes(raw: str, resource_type: str | None, expected: dict[str, str]) -> None:
    assert expected == normalise_query(raw, resource_type=resource_type)[0]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ("count=7&count=8", InvalidValue),
        ("filter=a+pr&filter=b+pr", InvalidFilter),
        ("filter=name eq 'x", InvalidFilter),
        ("filter=%ff", InvalidSyntax),
        ("count=1&" * 3_000, InvalidSyntax),
        ("filter=" + "a" * 5_000, InvalidFilter),
    ],
)
def test_a_query_that_says_two_things_or_none_is_refused(raw: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        normalise_query(raw, resource_type="User")


def test_words_without_quotes_are_never_joined_into_another_question() -> None:
    query, _ = normalise_query("filter=userName eq ann active eq true", resource_type="User")
    assert query["filter"] == 'userName eq "ann" active eq true'  # no filter: the parser refuses it


def test_a_search_body_takes_the_same_repairs() -> None:
    sent = {"Filter": "manager eq 7", "Attributes": "id, userName", "itemsPerPage": "5", "StartIndex": 1, "x": 1}
    body, notes = normalise_search(sent, resource_type="User")
    assert {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": f'{ENT}:manager.value eq "7"',
        "attributes": ["id", "userName"],
        "count": 5,
        "startIndex": 1,
    } == body
    assert len(notes) > 3


def test_a_search_filter_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidFilter):
        normalise_search({"filter": 7})


PATHS = {
    "/users": "/Users",
    "/Users/": "/Users",
    "users/aB7": "/Users/aB7",
    "//groups//9/": "/Groups/9",
    "/containers/27": "/Containers/27",
    "/PrivilegeData/880": "/PrivilegedData/880",
    "/PrivilegeDataPermissions": "/PrivilegedDataPermissions",
    "/privilegeddatapermissions/5": "/PrivilegedDataPermissions/5",
    "/ServiceProviderConfigs": "/ServiceProviderConfig",
    "/serviceproviderconfig": "/ServiceProviderConfig",
    "/ResourceTypes/user": "/ResourceTypes/User",
    "/resourcetypes/PRIVILEGEDATA": "/ResourceTypes/PrivilegedData",
    "/Schemas/group": f"/Schemas/{GROUP}",
    "/schemas/" + USER.upper(): f"/Schemas/{USER}",
    "/Schemas/urn:x:Y": "/Schemas/urn:x:Y",
    "/Users/7/aadOptscim062020": "/Users/7",
    "/Users/7&aadOptscim062020": "/Users/7",
    "/aadOptscim062020/Users": "/Users",
    "/Users/.Search": "/Users/.search",
    "/.SEARCH": "/.search",
    "/BULK": "/Bulk",
    "/me": "/Me",
    "/Users/%2e%2e": "/Users/%2e%2e",
    "/Users/01": "/Users/01",
    "/Nope/X": "/Nope/X",
    "": "/",
    "/": "/",
}


@pytest.mark.parametrize(("sent", "expected"), PATHS.items())
def test_a_path_becomes(sent: str, expected: str) -> None:
    assert expected == normalise_path(sent)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/users/7", "User"), ("/PrivilegeData", "PrivilegedData"), ("/", None), ("/Schemas/User", None), ("/Bulk", None)],
)
def test_a_path_knows_its_resource_type(path: str, expected: str | None) -> None:
    assert expected == resource_type_of(path)
