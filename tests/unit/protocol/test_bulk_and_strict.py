"""Bulk operations, what is refused, and what a strict connection sees."""

from __future__ import annotations

from typing import Any

import pytest

from scim.errors import InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue
from scim.protocol.dialects import normalise_body, normalise_bulk, normalise_query, normalise_search

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


def test_each_bulk_operation_goes_through_the_same_door_and_references_survive() -> None:
    sent = {
        "FailOnErrors": 1,
        "operations": [
            {"method": "post", "path": "/users", "bulkId": "q1", "data": {"userName": "a", "active": "True"}},
            {
                "method": "PATCH",
                "path": "/groups/9/",
                "data": {"operations": [{"op": "Add", "path": "members", "value": ["bulkId:q1"]}]},
            },
            {"method": "DELETE", "path": "/Containers/27"},
            {"method": "PATCH", "path": "/Nope/1", "data": {"odd": 1}},
        ],
    }
    body, notes, refused = normalise_bulk(sent)
    assert body == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": "q1",
                "data": {"schemas": [USER], "userName": "a", "active": True},
            },
            {
                "method": "PATCH",
                "path": "/Groups/9",
                "data": {
                    "schemas": [PATCH_OP],
                    "Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:q1"}]}],
                },
            },
            {"method": "DELETE", "path": "/Containers/27"},
            {"method": "PATCH", "path": "/Nope/1", "data": {"odd": 1}},
        ],
    }
    assert refused == {}
    assert "boolean sent as text" in notes


def test_a_bad_bulk_operation_is_refused_by_its_place_and_the_others_stand() -> None:
    operations = [
        {"method": "PATCH", "path": "/Users/1", "data": {"Operations": [{"op": "replace", "value": {"title": "x"}}]}},
        {"method": "PATCH", "path": "/Users/1", "data": {"Operations": [{"op": "remove", "path": "title"}]}},
        "nonsense",
    ]
    body, _, refused = normalise_bulk({"Operations": operations}, strict=True)
    assert [InvalidPath, InvalidSyntax] == [type(refused[0]), type(refused[2])]
    assert {0, 2} == refused.keys()
    assert operations == body["Operations"]


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        ("POST", [], InvalidSyntax),
        ("PUT", "text", InvalidSyntax),
        ("POST", {"userName": "a", "USERNAME": "b"}, InvalidSyntax),
        ("PATCH", None, InvalidSyntax),
        ("PATCH", {"Operations": [], "operations": []}, InvalidSyntax),
        ("PATCH", {"Operations": "x"}, InvalidValue),
        ("PATCH", {"Operations": ["x"]}, InvalidSyntax),
        ("PATCH", {"Operations": [{"path": "title"}]}, InvalidValue),
        ("PATCH", {"Operations": [{"op": "remove", "OP": "add", "path": "title"}]}, InvalidSyntax),
        ("PATCH", {"Operations": [{"op": "replace", "path": 7, "value": 1}]}, InvalidPath),
        ("PATCH", {"Operations": [{"op": "remove", "path": "emails", "value": [{"display": "x"}]}]}, InvalidValue),
        ("PATCH", {"Operations": [{"op": "remove", "path": "emails", "value": True}]}, InvalidValue),
        ("PATCH", {"Operations": [{"op": "remove", "path": "emails", "value": [True]}]}, InvalidValue),
    ],
)
def test_a_body_without_sense_is_refused(method: str, body: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        normalise_body(method, "User", body)


def test_a_bulk_without_operations_is_refused() -> None:
    with pytest.raises(InvalidValue):
        normalise_bulk({"Operations": {}})


def test_a_strict_search_is_only_measured() -> None:
    sent = {"schemas": ["x"], "filter": "container eq 1", "odd": 1}
    assert (sent, ()) == normalise_search(sent, strict=True)
    with pytest.raises(InvalidFilter):
        normalise_search({"filter": "(" * 40}, strict=True)


def test_a_strict_connection_refuses_a_patch_without_a_path() -> None:
    with pytest.raises(InvalidPath):
        normalise_body("PATCH", "User", {"Operations": [{"op": "replace", "value": {"active": False}}]}, strict=True)


def test_a_strict_connection_gets_capitals_read_and_nothing_else_changed() -> None:
    sent = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    body, notes = normalise_body("PATCH", "User", sent, strict=True)
    assert body == {"Operations": [{"op": "replace", "path": "active", "value": "False"}]}
    assert notes == ("op in capitals",)
    odd = {"userName": "a", "nope": None, "manager": "7", "id": "x"}
    assert (odd, ()) == normalise_body("POST", "User", odd, strict=True)
    query, _ = normalise_query("filter=container eq 1", resource_type=None, strict=True)
    assert query == {"filter": "container eq 1"}
