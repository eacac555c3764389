"""Whole bodies as each client sends them, and what they become. The client's name is in the row's name."""

from __future__ import annotations

from typing import Any

import pytest

from scim.protocol.dialects import (
    normalise_body,
    soft_deleted_name,
)

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PAM = "urn:ietf:params:scim:schemas:pam:1.0:"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
HEX = "0123456789abcdef0123456789ABCDEF"

# name: (method, resource type, body as sent, body as normalised)
BODIES: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "Entra's old docs: create with nulls and bare enterprise names": (
        "POST",
        "User",
        {"schemas": [USER, ENT], "userName": "ann", "title": None, "department": "IT", "manager": "7", "roles": []},
        {"schemas": [USER, ENT], "userName": "ann", "roles": [], ENT: {"department": "IT", "manager": {"value": "7"}}},
    ),
    "Entra: group with its own schema": (
        "POST",
        "Group",
        {"schemas": [GROUP, ADSCIM], "externalId": "e", "displayName": "G", "meta": {"resourceType": "Group"}},
        {"schemas": [GROUP], "externalId": "e", "displayName": "G"},
    ),
    "Okta: PUT with id, meta and groups": (
        "PUT",
        "User",
        {
            "schemas": [USER],
            "id": "7",
            "userName": "ann",
            "groups": [],
            "meta": {"x": 1},
            "password": "p",
            "active": True,
        },
        {"schemas": [USER], "userName": "ann", "password": "p", "active": True},
    ),
    "OneLogin: null id and managerId": (
        "POST",
        "User",
        {
            "schemas": [USER, ENT],
            "id": None,
            "userName": "ann",
            ENT: {"manager": {"managerId": "7", "displayName": "B"}},
        },
        {"schemas": [USER, ENT], "userName": "ann", ENT: {"manager": {"value": "7"}}},
    ),
    "BeyondTrust: no schemas, ids as numbers": (
        "POST",
        "ContainerPermission",
        {"container": {"value": 27}, "group": 7, "rights": "View"},
        {
            "schemas": [PAM + "ContainerPermission"],
            "container": {"value": "27"},
            "group": {"value": "7"},
            "rights": ["View"],
        },
    ),
    "CyberArk's connector: container by name": (
        "POST",
        "ContainerPermission",
        {"container": {"name": "\\Prod"}, "user": {"value": "42"}, "rights": ["View"]},
        {
            "schemas": [PAM + "ContainerPermission"],
            "container": {"name": "\\Prod"},
            "user": {"value": "42"},
            "rights": ["View"],
        },
    ),
    "some: container by reference only": (
        "POST",
        "ContainerPermission",
        {"container": {"$ref": "https://h/v2/containers/27"}, "user": "", "group": {"value": None}, "rights": []},
        {
            "schemas": [PAM + "ContainerPermission"],
            "container": {"value": "27", "$ref": "https://h/v2/containers/27"},
            "rights": [],
        },
    ),
    "Thycotic: container without a parent": (
        "POST",
        "Container",
        {"schemas": [PAM + "Container"], "name": "x", "parent": {"value": "", "$ref": ""}},
        {"schemas": [PAM + "Container"], "name": "x"},
    ),
    "some: e-mail as text": (
        "POST",
        "User",
        {"schemas": [USER], "userName": "ann", "emails": "a@b.c", "phoneNumbers": {"value": 49, "type": "work"}},
        {
            "schemas": [USER],
            "userName": "ann",
            "emails": [{"value": "a@b.c"}],
            "phoneNumbers": [{"value": 49, "type": "work"}],
        },
    ),
    "some: booleans as text": (
        "POST",
        "User",
        {"schemas": [USER], "userName": "a", "active": "True", "emails": [{"value": "a@b.c", "primary": "False"}]},
        {"schemas": [USER], "userName": "a", "active": True, "emails": [{"value": "a@b.c", "primary": False}]},
    ),
    "some: schema nobody knows, with its object": (
        "POST",
        "User",
        {"schemas": "urn:x:y", "userName": "ann", "urn:x:y": {"a": 1}},
        {"schemas": [USER], "userName": "ann"},
    ),
    "our own extension stays": (
        "POST",
        "User",
        {"schemas": [USER.upper(), "urn:delinea:x"], "userName": "a", "urn:delinea:x": {"a": 1}},
        {"schemas": [USER, "urn:delinea:x"], "userName": "a", "urn:delinea:x": {"a": 1}},
    ),
    "an emptied manager is absent": (
        "PUT",
        "User",
        {"schemas": [USER, ENT], "userName": "a", "active": True, ENT: {"manager": {"value": ""}}},
        {"schemas": [USER, ENT], "userName": "a", "active": True, ENT: {}},
    ),
    "references in arrays, odd ones left for the schema to refuse": (
        "POST",
        "ContainerPermission",
        {"container": ["27"], "user": [], "group": True, "rights": 5},
        {"schemas": [PAM + "ContainerPermission"], "container": {"value": "27"}, "group": True, "rights": 5},
    ),
    "lists that are no lists, entries that are no entries": (
        "POST",
        "User",
        {
            "schemas": [USER],
            "userName": "a",
            "emails": True,
            "photos": [True, "", None],
            "addresses": ["x", {"type": "w"}],
        },
        {"schemas": [USER], "userName": "a", "emails": True, "photos": [True], "addresses": ["x", {"type": "w"}]},
    ),
    "roles: text that only looks like JSON stays text": (
        "POST",
        "User",
        {
            "schemas": [USER],
            "userName": "a",
            "roles": ["{", '{"id":1}', {"display": "x"}, {"value": "5", "$ref": ""}, {"value": '{"value":"{"}'}],
        },
        {
            "schemas": [USER],
            "userName": "a",
            "roles": [
                {"value": "{"},
                {"value": '{"id":1}'},
                {"display": "x"},
                {"value": "5"},
                {"value": '{"value":"{"}'},
            ],
        },
    ),
    "a role's name is the vault's, whoever sends one": (
        "POST",
        "User",
        {"schemas": [USER], "userName": "a", "roles": [{"value": '{"value":"5","displayName":"x"}', "display": "y"}]},
        {"schemas": [USER], "userName": "a", "roles": [{"value": "5"}]},
    ),
    "an enterprise extension that is no object is left for the schema to refuse": (
        "POST",
        "User",
        {"schemas": [USER, ENT], "userName": "a", "department": "IT", ENT: "odd"},
        {"schemas": [USER, ENT], "userName": "a", "department": "IT", ENT: "odd"},
    ),
    "a role by the draft's schema keeps it": (
        "PUT",
        "Role",
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Role"], "displayName": "x"},
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Role"], "displayName": "x"},
    ),
    "a role without a schema gets Okta's": (
        "PUT",
        "Role",
        {"displayName": "x"},
        {"schemas": ["urn:okta:scim:schemas:core:1.0:Role"], "displayName": "x"},
    ),
    "group members as bare ids": (
        "PUT",
        "Group",
        {"schemas": [GROUP], "displayName": "G", "members": ["1", {"value": 2, "type": None}, {"$ref": "/Users/3"}]},
        {
            "schemas": [GROUP],
            "displayName": "G",
            "members": [{"value": "1"}, {"value": "2"}, {"value": "3", "$ref": "/Users/3"}],
        },
    ),
}


@pytest.mark.parametrize(("method", "resource_type", "sent", "expected"), BODIES.values(), ids=BODIES.keys())
def test_a_body_becomes(method: str, resource_type: str, sent: Any, expected: dict[str, Any]) -> None:
    assert expected == normalise_body(method, resource_type, sent)[0]


def test_a_schema_named_by_the_service_is_kept() -> None:
    body = {"schemas": [USER, "urn:x:y"], "userName": "a", "urn:x:y": {"a": 1}}
    assert body == normalise_body("POST", "User", body, extensions=["URN:X:Y"])[0]


def test_a_put_without_active_stays_without_it_and_says_so() -> None:
    body, notes = normalise_body("PUT", "User", {"schemas": [USER], "userName": "ann"})
    assert "active" not in body
    assert notes == ("PUT without active: left as it is",)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", {"schemas": [USER], "userName": HEX + "ann@corp.example", "active": "False"}),
        (
            "PATCH",
            {
                "Operations": [
                    {"op": "Replace", "path": "active", "value": "False"},
                    {"op": "Replace", "path": "userName", "value": HEX + "ann@corp.example"},
                ]
            },
        ),
        (
            "PATCH",
            {"Operations": [{"op": "replace", "value": {"active": False, "userName": HEX + "ann@corp.example"}}]},
        ),
    ],
)
def test_entras_soft_delete_is_noted_and_the_name_kept(method: str, body: Any) -> None:
    done, notes = normalise_body(method, "User", body)
    assert "user name carries Entra's soft-delete prefix" in notes
    assert HEX + "ann@corp.example" in str(done)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (HEX + "ann@corp.example", "ann@corp.example"),
        (HEX, None),
        (HEX[1:] + "zoe@corp", None),
        ("ann@corp.example", None),
        (HEX + "7", None),
        ("", None),
    ],
)
def test_the_name_before_a_soft_delete(name: str, expected: str | None) -> None:
    assert expected == soft_deleted_name(name)


def test_notes_name_habits_and_never_values() -> None:
    secret = "Hunter2!"
    sent = {"userName": secret, "active": "True", "emails": secret, "manager": secret, "urn:" + secret: {"x": secret}}
    _, notes = normalise_body("PUT", "User", sent)
    assert len(notes) > 3
    assert secret not in str(notes)
