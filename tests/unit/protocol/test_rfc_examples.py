"""What the RFCs show is already right: the normaliser gives it back as it is, without a note."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from scim.protocol.dialects import normalise_body, normalise_bulk, normalise_path, normalise_query, normalise_search

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MANAGER = {"value": "26118915-6090-4610-87e4-49d8ca9f808d", "$ref": "../Users/26118915-6090-4610-87e4-49d8ca9f808d"}

OPERATIONS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "3.5.2.1 add a member": (
        "Group",
        [
            {
                "op": "add",
                "path": "members",
                "value": [{"display": "Babs Jensen", "$ref": "https://e.com/v2/Users/2819", "value": "2819"}],
            }
        ],
    ),
    "3.5.2.1 add without a path": (
        "User",
        [{"op": "add", "value": {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}}],
    ),
    "3.5.2.2 remove one member": ("Group", [{"op": "remove", "path": 'members[value eq "2819c223"]'}]),
    "3.5.2.2 remove all members": ("Group", [{"op": "remove", "path": "members"}]),
    "3.5.2.2 remove by a filter of two terms": (
        "User",
        [{"op": "remove", "path": 'emails[type eq "work" and value ew "example.com"]'}],
    ),
    "3.5.2.2 remove one member and add another": (
        "Group",
        [
            {"op": "remove", "path": 'members[value eq "2819c223"]'},
            {"op": "add", "path": "members", "value": [{"display": "James Smith", "value": "08e1d05d"}]},
        ],
    ),
    "3.5.2.3 replace all members": (
        "Group",
        [{"op": "replace", "path": "members", "value": [{"display": "Babs Jensen", "value": "2819c223"}]}],
    ),
    "3.5.2.3 replace one address": (
        "User",
        [
            {
                "op": "replace",
                "path": 'addresses[type eq "work"]',
                "value": {"type": "work", "streetAddress": "911 Universal", "primary": True},
            }
        ],
    ),
    "3.5.2.3 replace a part of one address": (
        "User",
        [{"op": "replace", "path": 'addresses[type eq "work"].streetAddress', "value": "1010 Broadway Ave"}],
    ),
    "3.5.2.3 replace without a path": (
        "User",
        [
            {
                "op": "replace",
                "value": {"emails": [{"value": "b@e.com", "type": "work", "primary": True}], "nickname": "B"},
            }
        ],
    ),
    "7643 4.3 enterprise attributes": (
        "User",
        [{"op": "add", "path": f"{ENT}:manager", "value": MANAGER}, {"op": "replace", "path": "title", "value": None}],
    ),
}


@pytest.mark.parametrize(("resource_type", "operations"), OPERATIONS.values(), ids=OPERATIONS.keys())
def test_a_patch_of_rfc_7644_is_left_alone(resource_type: str, operations: list[dict[str, Any]]) -> None:
    body = {"schemas": [PATCH_OP], "Operations": operations}
    assert (body, ()) == normalise_body("PATCH", resource_type, body)


FULL_USER = {
    "schemas": [USER, ENT],
    "externalId": "701984",
    "userName": "bjensen@example.com",
    "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara"},
    "displayName": "Babs Jensen",
    "profileUrl": "https://login.example.com/bjensen",
    "emails": [
        {"value": "bjensen@example.com", "type": "work", "primary": True},
        {"value": "babs@jensen.org", "type": "home"},
    ],
    "addresses": [{"streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "type": "work"}],
    "phoneNumbers": [{"value": "555-555-5555", "type": "work"}],
    "ims": [{"value": "someaimhandle", "type": "aim"}],
    "photos": [{"value": "https://photos.example.com/F", "type": "photo"}],
    "userType": "Employee",
    "active": True,
    "password": "t1meMa$heen",
    "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJ"}],
    ENT: {"employeeNumber": "701984", "costCenter": "4130", "department": "Tour Operations", "manager": MANAGER},
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_full_user_of_rfc_7643_is_left_alone(method: str) -> None:
    assert normalise_body(method, "User", FULL_USER) == (FULL_USER, ())


def test_the_group_of_rfc_7643_is_left_alone() -> None:
    members = [{"value": "2819c223", "$ref": "https://example.com/v2/Users/2819c223", "display": "Babs Jensen"}]
    group = {"schemas": [GROUP], "displayName": "Tour Guides", "members": members}
    assert (group, ()) == normalise_body("POST", "Group", group)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "bjensen"',
        'name.familyName co "O\'Malley"',
        'userName sw "J"',
        f'{USER}:userName sw "J"',
        "title pr",
        'meta.lastModified gt "2011-05-13T04:42:34Z"',
        'title pr and userType eq "Employee"',
        'title pr or userType eq "Intern"',
        f'schemas eq "{ENT}"',
        'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
        'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
        'userType eq "Employee" and (emails.type eq "work")',
        'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]',
        'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
        'userName eq "a \\"quoted\\" \\\\ name"',
    ],
)
def test_a_filter_of_rfc_7644_is_left_alone(text: str) -> None:
    assert ({"filter": text}, ()) == normalise_query("filter=" + quote(text), resource_type="User")


def test_a_query_of_rfc_7644_is_left_alone() -> None:
    raw = "attributes=displayName%2CuserName&sortBy=userName&sortOrder=descending&startIndex=1&count=10&cursor=VZUTiy"
    expected = {"attributes": "displayName,userName", "sortBy": "userName", "sortOrder": "descending"}
    assert ({**expected, "startIndex": "1", "count": "10", "cursor": "VZUTiy"}, ()) == normalise_query(
        raw, resource_type="User"
    )


def test_the_search_of_rfc_7644_is_left_alone() -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "attributes": ["displayName", "userName"],
        "filter": 'displayName sw "smith"',
        "startIndex": 1,
        "count": 10,
    }
    assert (body, ()) == normalise_search(body)


def test_the_bulk_of_rfc_7644_is_left_alone() -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {"schemas": [USER], "userName": "Alice"}},
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "ytrewq",
                "data": {
                    "schemas": [GROUP],
                    "displayName": "G",
                    "members": [{"type": "User", "value": "bulkId:qwerty"}],
                },
            },
            {
                "method": "PATCH",
                "path": "/Users/5d8d29d3",
                "version": 'W/"edac3253e2c0ef2"',
                "data": {"schemas": [PATCH_OP], "Operations": [{"op": "remove", "path": "nickName"}]},
            },
            {"method": "DELETE", "path": "/Users/e9025315"},
        ],
    }
    assert (body, (), {}) == normalise_bulk(body)


@pytest.mark.parametrize("path", ["/Users", "/Users/2819c223", "/Groups/.search", "/Bulk", "/Me", "/Schemas/" + USER])
def test_a_path_of_rfc_7644_is_left_alone(path: str) -> None:
    assert path == normalise_path(path)
