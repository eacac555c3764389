"""SCIM 1.1 in and out: Okta's on-prem agent and PingFederate see 1.1, the handlers see 2.0."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scim.errors import ConnectorError, InvalidSyntax
from scim.protocol.dialects import normalise_body, normalise_query
from scim.protocol.scim11 import from_v2_response, to_v2_request, v1_location

CORE = "urn:scim:schemas:core:1.0"
ENT_11 = "urn:scim:schemas:extension:enterprise:1.0"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
OKTA = "urn:okta:schemas:scim:providerconfig:1.0"


def _body(method: str, path: str, body: Any) -> Any:
    """Through the translation and then through the dialects, as a real request goes."""
    verb, _, _, translated = to_v2_request(method, path, "", {}, body)
    return normalise_body(verb, "Group" if "roups" in path else "User", translated)[0]


def test_okta_opp_creates_a_user() -> None:
    sent = {
        "schemas": [CORE, ENT_11, "urn:okta:onprem_app:1.0:user:custom"],
        "id": None,
        "userName": "ann",
        "active": True,
        "password": "x",
        "groups": [],
        ENT_11: {"department": "IT", "manager": {"managerId": "7", "displayName": "Bo"}},
        "urn:okta:onprem_app:1.0:user:custom": {"isAdmin": False},
    }
    assert _body("POST", "/Users", sent) == {
        "schemas": [USER, ENT],
        "userName": "ann",
        "active": True,
        "password": "x",
        ENT: {"department": "IT", "manager": {"value": "7"}},
    }


def test_okta_opp_pushes_a_group_with_its_own_schema() -> None:
    sent = {
        "schemas": [CORE, "urn:okta:custom:group:1.0"],
        "displayName": "G",
        "members": [{"value": "1", "display": "ann"}],
        "urn:okta:custom:group:1.0": {"description": "d"},
    }
    expected = {"schemas": [GROUP], "displayName": "G", "members": [{"value": "1", "display": "ann"}]}
    assert expected == _body("PUT", "/Groups/9", sent)


PARTIAL: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]]]] = {
    "Okta cloud 1.1: deactivate": (
        "/Users/7",
        {"schemas": [CORE], "id": "7", "active": False},
        [{"op": "replace", "path": "active", "value": False}],
    ),
    "spec: clear, then merge": (
        "/Users/7",
        {"meta": {"attributes": ["nickName", "name.middleName", ENT_11 + ":division"]}, "title": "Boss"},
        [
            {"op": "remove", "path": "nickName"},
            {"op": "remove", "path": "name.middleName"},
            {"op": "remove", "path": f"{ENT}:division"},
            {"op": "replace", "path": "title", "value": "Boss"},
        ],
    ),
    "spec: a member added, another taken away": (
        "/Groups/9",
        {"members": [{"display": "Bo", "value": "2"}, {"display": "Ann", "value": "1", "operation": "delete"}]},
        [
            {"op": "remove", "path": "members", "value": [{"value": "1"}]},
            {"op": "add", "path": "members", "value": [{"display": "Bo", "value": "2"}]},
        ],
    ),
    "spec: all members replaced": (
        "/Groups/9",
        {"meta": {"attributes": ["members"]}, "members": [{"value": "2"}]},
        [{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": "2"}]}],
    ),
    "spec: an e-mail merged by its value": (
        "/Users/7",
        {"emails": [{"value": "a@b.c", "type": "work"}, {"value": "o@b.c", "operation": "delete"}]},
        [
            {"op": "remove", "path": "emails", "value": [{"value": "o@b.c"}]},
            {"op": "replace", "path": 'emails[value eq "a@b.c"]', "value": {"value": "a@b.c", "type": "work"}},
        ],
    ),
    "spec: an address has no value to match": (
        "/Users/7",
        {"addresses": [{"type": "work", "country": "DE"}]},
        [{"op": "add", "path": "addresses", "value": [{"type": "work", "country": "DE"}]}],
    ),
    "bare ids are added": (
        "/Groups/9",
        {"members": ["2"]},
        [{"op": "add", "path": "members", "value": [{"value": "2"}]}],
    ),
    "enterprise attributes one by one": (
        "/Users/7",
        {ENT_11: {"department": "IT", "division": None, "manager": {"managerId": ""}}},
        [{"op": "replace", "path": f"{ENT}:department", "value": "IT"}, {"op": "remove", "path": f"{ENT}:manager"}],
    ),
    "nothing to do": ("/Users/7", {"schemas": [CORE], "id": "7", "groups": []}, [{"op": "replace", "value": {}}]),
    "a 2.0 PATCH at the 1.1 address": (
        "/Users/7",
        {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]},
        [{"op": "replace", "path": "active", "value": False}],
    ),
}


@pytest.mark.parametrize(("path", "sent", "expected"), PARTIAL.values(), ids=PARTIAL.keys())
def test_a_partial_resource_becomes_operations(path: str, sent: Any, expected: Any) -> None:
    before = copy.deepcopy(sent)
    assert {"schemas": [PATCH_OP], "Operations": expected} == _body("PATCH", path, sent)
    assert before == sent


@pytest.mark.parametrize(
    ("method", "header", "expected"),
    [("POST", "PATCH", "PATCH"), ("POST", "put", "PUT"), ("POST", "GET", "POST"), ("GET", "DELETE", "GET")],
)
def test_a_method_is_overridden_on_post_only(method: str, header: str, expected: str) -> None:
    assert expected == to_v2_request(method, "/Users/7", "", {"X-Http-Method-Override": header}, None)[0]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("/ServiceProviderConfigs", "/ServiceProviderConfig"),
        ("/Users/", "/Users"),
        ("/users.json", "/Users"),
        ("/Users/7.json", "/Users/7"),
        ("/", "/"),
    ],
)
def test_a_path_of_1_1_becomes(sent: str, expected: str) -> None:
    assert expected == to_v2_request("GET", sent, "", {}, None)[1]


def test_attribute_names_in_a_query_lose_their_1_1_schema_and_literals_do_not() -> None:
    raw = f'filter={CORE}:userName eq "{CORE}:x" and {ENT_11}.manager.managerId eq "7"&attributes={CORE}:id&count=5'
    query = to_v2_request("GET", "/Users", raw, {}, None)[2]
    parsed = {name: values[0] for name, values in parse_qs(query).items()}
    expected = f'userName eq "{CORE}:x" and {ENT}:manager.managerId eq "7"'
    assert {"filter": expected, "attributes": "id", "count": "5"} == parsed
    assert normalise_query(query, resource_type="User")[0]["filter"].startswith("userName eq")


def test_a_query_without_urns_stays_byte_for_byte() -> None:
    raw = "filter=meta.lastModified+gt+%222011-05-13T04%3A42%3A34Z%22&startIndex=1"
    assert raw == to_v2_request("GET", "/Users", raw, {}, None)[2]


def test_a_query_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(InvalidSyntax):
        to_v2_request("GET", "/Users", "filter=urn%ff", {}, None)


RESOURCE = {
    "schemas": [USER, ENT, "urn:ietf:params:scim:schemas:pam:1.0:LinkedObject"],
    "id": "7",
    "userName": "ann",
    "groups": [{"value": "9", "$ref": "https://h/scim/v2/Groups/9", "display": "G"}],
    ENT: {"department": "IT", "manager": {"value": "1", "$ref": "x", "displayName": "Bo"}},
    "urn:ietf:params:scim:schemas:pam:1.0:LinkedObject": {"source": "corp"},
    "meta": {"resourceType": "User", "location": "https://h/scim/v2/Users/7", "version": 'W/"1"'},
}
SHOWN = {
    "schemas": [CORE, ENT_11],
    "id": "7",
    "userName": "ann",
    "groups": [{"value": "9", "display": "G"}],
    ENT_11: {"department": "IT", "manager": {"managerId": "1", "displayName": "Bo"}},
    "meta": {"location": "https://h/scim/v1/Users/7", "version": 'W/"1"'},
}
BASES = {"base_v2": "https://h/scim/v2", "base_v1": "https://h/scim/v1/"}


def test_a_resource_is_shown_in_the_words_of_1_1() -> None:
    assert from_v2_response(200, "/Users/7", RESOURCE, **BASES) == SHOWN


@pytest.mark.parametrize("total", [0, 1])
def test_a_list_always_has_its_four_members(total: int) -> None:
    body: dict[str, Any] = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": total}
    if total:
        body["Resources"] = [RESOURCE]
    assert {
        "schemas": [CORE],
        "totalResults": total,
        "itemsPerPage": total,
        "startIndex": 1,
        "Resources": [SHOWN] * total,
    } == from_v2_response(200, "/Users", body, **BASES)


def test_an_error_has_a_description_and_a_code_as_text() -> None:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "409", "detail": "taken"}
    assert from_v2_response(409, "/Users", body) == {"Errors": [{"description": "taken", "code": "409"}]}


def test_no_body_stays_no_body() -> None:
    assert from_v2_response(204, "/Users/7", None) is None


def test_the_service_provider_config_carries_oktas_nine_abilities() -> None:
    config = {
        "documentationUri": "https://h/docs",
        "patch": {"supported": True},
        "filter": {"supported": True, "maxResults": 1000},
    }
    page = from_v2_response(200, "/ServiceProviderConfigs", config)
    assert page["schemas"] == [CORE, OKTA]
    assert page["filter"] == {"supported": True, "maxResults": 100}
    assert [page[name]["supported"] for name in ("patch", "bulk", "sort", "etag")] == [False] * 4
    assert len(page[OKTA]["userManagementCapabilities"]) == 9
    assert page["authenticationSchemes"] == []
    assert page["documentationUrl"] == "https://h/docs"


def test_an_odd_manager_is_shown_as_it_is() -> None:
    shown = from_v2_response(200, "/Users/7", {ENT: {"manager": "7"}})
    assert shown[ENT_11] == {"manager": "7"}


def test_only_our_own_locations_are_rewritten() -> None:
    assert (
        v1_location("https://h/scim/v2/Users/7", "https://h/scim/v2", "https://h/scim/v1")
        == "https://h/scim/v1/Users/7"
    )
    assert v1_location("https://h/scim/v20/x", "https://h/scim/v2", "https://h/scim/v1") == "https://h/scim/v20/x"
    assert v1_location("https://h/x", "", "") == "https://h/x"


def test_a_schema_definition_is_shown_as_it_is() -> None:
    schema = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": USER}
    assert schema == from_v2_response(200, "/Schemas/" + USER, schema)


NAMES = st.sampled_from(["schemas", "meta", "attributes", "members", "emails", "value", "operation", "active", ENT_11])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "delete", "x", CORE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["POST", "PUT", "PATCH"]),
    st.sampled_from(["/Users", "/Groups/9", "/nope"]),
    JSON,
    st.text(max_size=20),
)
def test_any_1_1_request_and_answer_is_translated_or_refused(method: str, path: str, body: Any, query: str) -> None:
    before = copy.deepcopy(body)
    try:
        _body(method, path, body)
        to_v2_request(method, path, "urn" + query, {}, None)
    except ConnectorError:
        pass
    from_v2_response(200, path, body)
    from_v2_response(400, path, body)
    assert before == body
