"""PATCH operations as each client sends them, and what they become. The client's name is in the row's name."""

from __future__ import annotations

from typing import Any

import pytest

from scim.protocol.dialects import (
    normalise_body,
)

ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
ROLE_TEXT = '{"id":"06b07648","value":"25","displayName":"Auditor"}'

# name: (resource type, operation as sent, operations as normalised)
OPERATIONS: dict[str, tuple[str, Any, list[dict[str, Any]]]] = {
    "Entra without flag: deactivate": (
        "User",
        {"op": "Replace", "path": "active", "value": "False"},
        [{"op": "replace", "path": "active", "value": False}],
    ),
    "Entra without flag: reactivate": (
        "User",
        {"op": "Replace", "path": "active", "value": "True"},
        [{"op": "replace", "path": "active", "value": True}],
    ),
    "Okta OIN: deactivate without path": (
        "User",
        {"op": "replace", "value": {"active": False}},
        [{"op": "replace", "value": {"active": False}}],
    ),
    "some: deactivate without path, text": (
        "User",
        {"op": "replace", "value": {"active": "false"}},
        [{"op": "replace", "value": {"active": False}}],
    ),
    "Entra with flag: dotted keys, URN keys and a value path in one": (
        "User",
        {
            "op": "replace",
            "value": {
                "name.givenName": "Ann",
                f"{ENT}:employeeNumber": "7",
                'emails[type eq "work"].value': "a@corp.local",
                "active": "True",
            },
        },
        [
            {"op": "replace", "value": {"name.givenName": "Ann", f"{ENT}:employeeNumber": "7"}},
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@corp.local"},
            {"op": "replace", "value": {"active": True}},
        ],
    ),
    "Entra's oldest: plain value in an array": (
        "User",
        {"op": "Add", "path": "title", "value": [{"$ref": None, "value": "Boss"}]},
        [{"op": "add", "path": "title", "value": "Boss"}],
    ),
    "Entra's oldest: sub-attribute in an array": (
        "User",
        {"op": "Replace", "path": "name.givenName", "value": [{"$ref": None, "value": "Ann"}]},
        [{"op": "replace", "path": "name.givenName", "value": "Ann"}],
    ),
    "Entra: role by text boolean": (
        "User",
        {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "Auditor"},
        [{"op": "add", "path": "roles[primary eq true].value", "value": "Auditor"}],
    ),
    "Entra: roles as JSON text": (
        "User",
        {"op": "Add", "path": "roles", "value": [{"value": ROLE_TEXT}]},
        [{"op": "add", "path": "roles", "value": [{"value": "25"}]}],
    ),
    "Entra: one role as JSON text": (
        "User",
        {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": ROLE_TEXT},
        [{"op": "replace", "path": "roles[primary eq true].value", "value": "25"}],
    ),
    "Entra: manager as bare id": (
        "User",
        {"op": "Add", "path": f"{ENT}:manager", "value": "77"},
        [{"op": "add", "path": f"{ENT}:manager", "value": {"value": "77"}}],
    ),
    "Entra: manager in an array": (
        "User",
        {"op": "Add", "path": f"{ENT}:manager", "value": [{"$ref": None, "value": "77"}]},
        [{"op": "add", "path": f"{ENT}:manager", "value": {"value": "77"}}],
    ),
    "Entra: manager emptied": (
        "User",
        {"op": "Replace", "path": f"{ENT}:manager", "value": ""},
        [{"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "Entra: manager emptied as object": (
        "User",
        {"op": "Replace", "path": f"{ENT}:manager", "value": {"value": ""}},
        [{"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "some: manager's id emptied": (
        "User",
        {"op": "replace", "path": f"{ENT}:manager.value", "value": ""},
        [{"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "Entra with flag: manager emptied among keys": (
        "User",
        {"op": "replace", "value": {"title": "x", f"{ENT}:manager": ""}},
        [{"op": "replace", "value": {"title": "x"}}, {"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "Entra with flag: manager emptied inside the extension": (
        "User",
        {"op": "replace", "value": {ENT: {"department": "IT", "manager": {"value": ""}}}},
        [{"op": "replace", "value": {ENT: {"department": "IT"}}}, {"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "Entra: manager taken away with its value": (
        "User",
        {"op": "Remove", "path": f"{ENT}:manager", "value": "77"},
        [{"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "Entra: plain attribute taken away with its value": (
        "User",
        {"op": "Remove", "path": "title", "value": "Boss"},
        [{"op": "remove", "path": "title"}],
    ),
    "Entra: value path taken away with its value": (
        "User",
        {"op": "Remove", "path": 'phoneNumbers[type eq "fax"].value', "value": "5"},
        [{"op": "remove", "path": 'phoneNumbers[type eq "fax"].value'}],
    ),
    "Entra's old docs: department without its schema": (
        "User",
        {"op": "Replace", "path": "department", "value": "IT"},
        [{"op": "replace", "path": f"{ENT}:department", "value": "IT"}],
    ),
    "OneLogin: managerId": (
        "User",
        {"op": "replace", "path": "manager.managerId", "value": "77"},
        [{"op": "replace", "path": f"{ENT}:manager.value", "value": "77"}],
    ),
    "some: value path without sub-attribute": (
        "User",
        {"op": "replace", "path": "emails[type eq 'work']", "value": "a@b.c"},
        [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@b.c"}],
    ),
    "Entra without flag: members removed by value": (
        "Group",
        {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "2"}]},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}]}],
    ),
    "JumpCloud: members removed by value, names and all": (
        "Group",
        {"op": "remove", "path": "members", "value": [{"value": "2", "display": "old name", "$ref": "../Users/2"}]},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}]}],
    ),
    "some: members removed by bare ids": (
        "Group",
        {"op": "remove", "path": "members", "value": ["2", 3]},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}, {"value": "3"}]}],
    ),
    "some: members removed by one object": (
        "Group",
        {"op": "remove", "path": "members", "value": {"value": "2"}},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}]}],
    ),
    "some: members removed without a path": (
        "Group",
        {"op": "remove", "value": {"members": [{"value": "2"}]}},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}]}],
    ),
    "some: members wrapped twice": (
        "Group",
        {"op": "remove", "path": "members", "value": {"members": ["2"]}},
        [{"op": "remove", "path": "members", "value": [{"value": "2"}]}],
    ),
    "some: add wrapped twice": (
        "Group",
        {"op": "add", "path": "members", "value": {"members": [{"value": "2"}]}},
        [{"op": "add", "path": "members", "value": [{"value": "2"}]}],
    ),
    "some: a wrapped null is null, for the core to judge": (
        "Group",
        {"op": "add", "path": "members", "value": {"members": None}},
        [{"op": "add", "path": "members", "value": None}],
    ),
    "Entra: nothing to remove is nothing, not everything": (
        "Group",
        {"op": "Remove", "path": "members", "value": []},
        [{"op": "remove", "path": "members", "value": []}],
    ),
    "RFC: remove without a value is everything": (
        "Group",
        {"op": "remove", "path": "members"},
        [{"op": "remove", "path": "members"}],
    ),
    "Okta: rename carrying the id": (
        "Group",
        {"op": "replace", "value": {"id": "7", "displayName": "New"}},
        [{"op": "replace", "value": {"displayName": "New"}}],
    ),
    "Okta: full push without a path": (
        "Group",
        {"op": "replace", "value": {"members": [{"value": "2", "display": "Ann"}]}},
        [{"op": "replace", "value": {"members": [{"value": "2", "display": "Ann"}]}}],
    ),
    "some: read-only keys alone change nothing": (
        "User",
        {"op": "replace", "value": {"id": "7", "meta": {}, "groups": [{"value": "1"}], "schemas": []}},
        [{"op": "replace", "value": {}}],
    ),
    "IdentityIQ: a right taken away": (
        "ContainerPermission",
        {"op": "remove", "path": "rights", "value": "Edit"},
        [{"op": "remove", "path": 'rights[value eq "Edit"]'}],
    ),
    "some: an e-mail taken away by its value": (
        "User",
        {"op": "remove", "path": "emails", "value": [{"value": "a@b.c", "type": "work", "primary": True}]},
        [{"op": "remove", "path": "emails", "value": [{"value": "a@b.c", "type": "work"}]}],
    ),
    "some: names of members in another case": (
        "User",
        {"OP": "REPLACE", "Path": "title", "Value": "x", "extra": 1},
        [{"op": "replace", "path": "title", "value": "x"}],
    ),
    "some: an empty path is none": (
        "User",
        {"op": "replace", "path": "", "value": {"title": "x"}},
        [{"op": "replace", "value": {"title": "x"}}],
    ),
    "some: an attribute of a schema nobody knows is left to the core": (
        "User",
        {"op": "remove", "path": "urn:x:y:tags", "value": ["a"]},
        [{"op": "remove", "path": "urn:x:y:tags", "value": ["a"]}],
    ),
    "some: URN with a dot": (
        "User",
        {"op": "replace", "path": f"{ENT}.department", "value": "IT"},
        [{"op": "replace", "path": f"{ENT}:department", "value": "IT"}],
    ),
}


@pytest.mark.parametrize(("resource_type", "sent", "expected"), OPERATIONS.values(), ids=OPERATIONS.keys())
def test_a_patch_operation_becomes(resource_type: str, sent: Any, expected: list[dict[str, Any]]) -> None:
    body, _ = normalise_body("PATCH", resource_type, {"schemas": [PATCH_OP], "Operations": [sent]})
    assert {"schemas": [PATCH_OP], "Operations": expected} == body


def test_a_single_operation_needs_no_array() -> None:
    operation = {"op": "replace", "path": "title", "value": "x"}
    assert normalise_body("PATCH", "User", {"Operations": operation})[0]["Operations"] == [operation]


@pytest.mark.parametrize("key", ["Operations", "operations", "OPERATIONS"])
def test_operations_are_found_in_any_case_and_schemas_may_be_missing(key: str) -> None:
    operation = {"op": "replace", "path": "title", "value": "x"}
    body, _ = normalise_body("PATCH", "User", {key: [operation]})
    assert {"schemas": [PATCH_OP], "Operations": [operation]} == body
