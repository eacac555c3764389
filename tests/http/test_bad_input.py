"""Bad input gets the right SCIM error, names what is wrong, changes nothing, and is never a 5xx. Over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.conftest import Stack
from tests.door import ERROR, group, patch, user

pytestmark = pytest.mark.stack
CONTENT = {"Content-Type": "application/scim+json"}


@pytest.fixture
def person(stack: Stack) -> str:
    return str(stack.new_user(f"bad-{time.time_ns()}", displayName="Before")["id"])


@pytest.fixture
def team(stack: Stack) -> str:
    return str(stack.new_group(f"bad-{time.time_ns()}")["id"])


def everything(stack: Stack) -> dict[str, Any]:
    """What is in the vault and what clients see of the tables, without the traces of our own log-ins."""
    state = stack.state()
    state.pop("logins", None)
    for row in state["users"]:
        row.pop("lastLogin", None)
    shown = [stack.client.get(path, params={"count": 200}).json()["Resources"] for path in ("/Users", "/Groups")]
    return {**state, "shown": shown}


def refused(answer: httpx.Response, status: int, scim_type: str | None = None, *named: str) -> None:
    """SCIM JSON with this status and type, and a detail that names what is wrong."""
    body = answer.json()
    assert (status, str(status), [ERROR]) == (answer.status_code, body["status"], body["schemas"]), answer.text
    assert scim_type == body.get("scimType"), answer.text
    assert answer.headers["content-type"].startswith("application/scim+json")
    assert body["detail"]
    for name in named:
        assert name.casefold() in body["detail"].casefold(), body["detail"]


def raw(stack: Stack, method: str, path: str, body: bytes, **headers: str) -> httpx.Response:
    return stack.client.request(method, path, content=body, headers={**CONTENT, **headers})


# -- JSON ------------------------------------------------------------------------------------------------------------

BOMBS: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b"   ",
    "no JSON": b"userName=x",
    "half an object": b'{"userName": "x"',
    "XML": b"<user/>",
    "an array": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"1",
    "brackets": b"[" * 100_000,
    "braces": b'{"a":' * 50_000,
    "21 levels": b'{"userName":"x","a":' + b"[" * 21 + b"]" * 21 + b"}",
    "5,000 digits": b'{"userName":"x","a":' + b"9" * 5000 + b"}",
    "NaN": b'{"userName":"x","a":NaN}',
    "Infinity": b'{"userName":"x","a":-Infinity}',
    "a member twice": b'{"userName":"x","userName":"y"}',
    "a lone surrogate": b'{"userName":"\\ud800"}',
    "broken UTF-8": b'{"userName":"\xff\xfe"}',
    "UTF-16": '{"userName":"x"}'.encode("utf-16"),
    "a NUL": b'{"userName":"x\x00"}',
    "a trailing comma": b'{"userName":"x",}',
    "two documents": b'{"userName":"x"}{"userName":"y"}',
    "a comment": b'{"userName":"x" /* y */}',
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/Users"),
        ("PUT", "/Users/{person}"),
        ("PATCH", "/Users/{person}"),
        ("POST", "/Bulk"),
        ("POST", "/.search"),
    ],
)
def test_what_is_no_json_object_is_400(stack: Stack, person: str, method: str, path: str, bomb: str) -> None:
    stack.forget_calls()
    begun = time.monotonic()
    answer = raw(stack, method, path.format(person=person), BOMBS[bomb])
    assert time.monotonic() - begun < 2
    assert 400 == answer.status_code
    assert answer.json()["scimType"] in {"invalidSyntax", "invalidValue"}
    assert [] == [c for c in stack.calls() if c["method"] != "GET"]


def test_a_body_beyond_a_mebibyte_is_413(stack: Stack, person: str) -> None:
    stack.forget_calls()
    big = json.dumps(user("big", nickName="x" * 1_048_576)).encode()
    for method, path in (
        ("POST", "/Users"),
        ("PUT", f"/Users/{person}"),
        ("PATCH", f"/Users/{person}"),
        ("POST", "/Bulk"),
    ):
        refused(raw(stack, method, path, big), 413)
    assert [] == stack.calls()


def test_a_chunked_body_is_411(stack: Stack) -> None:
    """The host delivers it empty; saying so beats creating nothing."""

    def pieces() -> Any:
        yield json.dumps(user("chunked")).encode()

    answer = stack.client.post("/Users", content=pieces(), headers=CONTENT)
    refused(answer, 411, None, "Content-Length")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_another_media_type_is_415(stack: Stack, person: str, kind: str) -> None:
    body = json.dumps(user("typed")).encode()
    for method, path in (("POST", "/Users"), ("PUT", f"/Users/{person}")):
        refused(stack.client.request(method, path, content=body, headers={"Content-Type": kind}), 415)


# -- routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/Users", {"GET", "POST"}),
        ("PUT", "/Users", {"GET", "POST"}),
        ("POST", "/Users/1", {"GET", "PUT", "PATCH", "DELETE"}),
        ("PATCH", "/Groups", {"GET", "POST"}),
        ("POST", "/ServiceProviderConfig", {"GET"}),
        ("DELETE", "/Schemas", {"GET"}),
        ("PUT", "/ResourceTypes/User", {"GET"}),
        ("GET", "/Bulk", {"POST"}),
        ("GET", "/.search", {"POST"}),
        ("OPTIONS", "/Users", {"GET", "POST"}),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(
    stack: Stack, method: str, path: str, allowed: set[str]
) -> None:
    answer = stack.client.request(method, path)
    refused(answer, 405)
    assert allowed <= {word.strip() for word in answer.headers["allow"].split(",")}


@pytest.mark.parametrize(
    "path", ["/Nope", "/Users/1/groups", "/Groups/1/members/2", "/Schemas/urn:x", "/ResourceTypes/Nope", "/v3"]
)
def test_an_unknown_path_is_404(stack: Stack, path: str) -> None:
    refused(stack.client.get(path), 404)


@pytest.mark.parametrize("number", ["999999", "0", "-1", "abc", "1.5", "9" * 30, "01"])
def test_an_unknown_id_is_404_for_every_verb(stack: Stack, number: str) -> None:
    before = everything(stack)
    for kind, body in (("Users", user("x")), ("Groups", group("x"))):
        path = f"/{kind}/{number}"
        refused(stack.client.get(path), 404)
        refused(stack.client.put(path, json=body), 404)
        refused(stack.patch(path, {"op": "replace", "path": "displayName", "value": "x"}), 404)
        refused(stack.client.delete(path), 404)
    assert before == everything(stack)


# -- values -----------------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "userName"),
    ({"userName": ""}, "userName"),
    ({"userName": "   "}, "userName"),
    ({"userName": None}, "userName"),
    ({"userName": 7}, "userName"),
    ({"userName": ["x"]}, "userName"),
    ({"userName": {"value": "x"}}, "userName"),
    ({"userName": "x" * 257}, "userName"),
    ({"userName": "x", "active": "maybe"}, "active"),
    ({"userName": "x", "active": {}}, "active"),
    ({"userName": "x", "active": [True, False]}, "active"),
    ({"userName": "x", "emails": "mail@corp.example", "displayName": 7}, "displayName"),
    ({"userName": "x", "emails": [{"value": ["a"]}]}, "emails"),
    ({"userName": "x", "emails": [{"value": "a@b.example", "primary": "perhaps"}]}, "primary"),
    ({"userName": "x", "name": "Ann"}, "name"),
    ({"userName": "x", "name": {"givenName": {"x": 1}}}, "givenName"),
    ({"userName": "x", "displayName": ["a", "b"]}, "displayName"),
    ({"userName": "x", "externalId": {"a": 1}}, "externalId"),
    ({"userName": "x", "roles": [{"value": "no-such-role"}]}, "roles"),
    ({"userName": "x", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": "x"}, "enterprise"),
]


@pytest.mark.parametrize(("body", "name"), WRONG)
def test_a_wrong_value_is_400_and_names_its_attribute(
    stack: Stack, person: str, body: dict[str, Any], name: str
) -> None:
    before = everything(stack)
    sent = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **body}
    for answer in (stack.client.post("/Users", json=sent), stack.client.put(f"/Users/{person}", json=sent)):
        assert answer.json().get("scimType") in {"invalidValue", "invalidSyntax"}, answer.text
        refused(answer, 400, answer.json()["scimType"], name)
    assert before == everything(stack)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "displayName"),
        ({"displayName": " "}, "displayName"),
        ({"displayName": 7}, "displayName"),
        ({"displayName": "x" * 257}, "displayName"),
        ({"displayName": "x", "members": [{"value": "999999"}]}, "999999"),
        ({"displayName": "x", "members": [{"value": "abc"}]}, "members"),
        ({"displayName": "x", "members": [{"display": "nobody"}]}, "members"),
        ({"displayName": "x", "members": [{"value": {"a": 1}}]}, "value"),
        ({"displayName": "x", "members": [{}]}, "members"),
        ({"displayName": "x", "members": [{"value": None}]}, "members"),
    ],
)
def test_a_wrong_group_is_400_and_names_its_attribute(stack: Stack, team: str, body: dict[str, Any], name: str) -> None:
    before = everything(stack)
    sent = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], **body}
    for answer in (stack.client.post("/Groups", json=sent), stack.client.put(f"/Groups/{team}", json=sent)):
        refused(answer, 400, answer.json().get("scimType"), name)
        assert answer.json()["scimType"] in {"invalidValue", "invalidSyntax"}
    assert before == everything(stack)


def test_a_name_that_is_taken_is_409(stack: Stack, person: str, team: str) -> None:
    """By POST, PUT and PATCH, whatever the case; the group's likewise, and the externalId of another one."""
    one = stack.new_user(f"taken-{time.time_ns()}", externalId=f"taken-{time.time_ns()}")
    two = stack.new_group(f"taken-{time.time_ns()}")
    before = everything(stack)
    name = {"op": "replace", "path": "userName", "value": one["userName"]}
    refused(stack.client.post("/Users", json=user(one["userName"])), 409, "uniqueness", "userName")
    refused(stack.client.post("/Users", json=user(one["userName"].upper())), 409, "uniqueness", "userName")
    refused(stack.patch(f"/Users/{person}", name), 409, "uniqueness", "userName")
    refused(stack.client.put(f"/Users/{person}", json=user(one["userName"])), 409, "uniqueness", "userName")
    refused(
        stack.client.post("/Users", json=user("fresh", externalId=one["externalId"])), 409, "uniqueness", "externalId"
    )
    refused(stack.client.post("/Groups", json=group(two["displayName"])), 409, "uniqueness", "displayName")
    rename = {"op": "replace", "path": "displayName", "value": two["displayName"]}
    refused(stack.patch(f"/Groups/{team}", rename), 409, "uniqueness", "displayName")
    assert before == everything(stack)


# -- PATCH ------------------------------------------------------------------------------------------------------------

BAD_PATCHES: list[tuple[Any, str, str]] = [
    ([], "invalidValue", "operations"),
    ([{"op": "replace"}], "invalidValue", ""),
    ([{"op": "move", "path": "displayName", "value": "x"}], "invalidValue", "op"),
    ([{"path": "displayName", "value": "x"}], "invalidValue", "op"),
    ([{"op": "remove"}], "noTarget", ""),
    ([{"op": "replace", "path": "noSuchAttribute", "value": "x"}], "invalidPath", "noSuchAttribute"),
    ([{"op": "replace", "path": "name.noSuch", "value": "x"}], "invalidPath", "noSuch"),
    ([{"op": "replace", "path": "emails[type eq", "value": "x"}], "invalidPath", ""),
    ([{"op": "replace", "path": "emails[", "value": "x"}], "invalidPath", ""),
    ([{"op": "replace", "path": "", "value": "x"}], "", ""),
    ([{"op": "replace", "path": 7, "value": "x"}], "", "path"),
    ([{"op": "replace", "path": "userName", "value": ""}], "invalidValue", "userName"),
    ([{"op": "replace", "path": "userName", "value": {"a": 1}}], "", "userName"),
    ([{"op": "remove", "path": "userName"}], "", "userName"),
    ([{"op": "replace", "path": "active", "value": "perhaps"}], "", "active"),
    ([{"op": "replace", "path": "id", "value": "2"}], "mutability", "id"),
    ([{"op": "replace", "path": "meta.created", "value": "2020-01-01T00:00:00Z"}], "mutability", ""),
    ([{"op": "add", "path": "groups", "value": [{"value": "1"}]}], "mutability", "groups"),
    (
        [{"op": "replace", "path": "urn:ietf:params:scim:schemas:extension:none:2.0:User:x", "value": "x"}],
        "invalidPath",
        "",
    ),
    (
        [{"op": "replace", "path": "displayName", "value": "After"}, {"op": "replace", "path": "nope", "value": 1}],
        "invalidPath",
        "nope",
    ),
    ("replace", "invalidValue", "Operations"),
    ([7], "", ""),
    ([None], "", ""),
]


@pytest.mark.parametrize(("operations", "scim_type", "name"), BAD_PATCHES)
def test_a_wrong_patch_is_400_as_a_whole(stack: Stack, person: str, operations: Any, scim_type: str, name: str) -> None:
    before = everything(stack)
    answer = stack.client.patch(f"/Users/{person}", json={**patch(), "Operations": operations})
    assert answer.json().get("scimType"), answer.text
    refused(answer, 400, scim_type or answer.json()["scimType"], *([name] if name else []))
    assert before == everything(stack)


def test_members_that_are_no_users_are_400_and_the_others_are_not_added(stack: Stack, person: str, team: str) -> None:
    before = everything(stack)
    for unknown in ("999999", "abc", "", None):
        both = {"op": "add", "path": "members", "value": [{"value": person}, {"value": unknown}]}
        refused(stack.patch(f"/Groups/{team}", both), 400, "invalidValue", "members")
        only = {"op": "replace", "path": "members", "value": [{"value": unknown}]}
        refused(stack.patch(f"/Groups/{team}", only), 400, "invalidValue", "members")
    odd = {"op": "add", "path": "members", "value": [{"value": person}, {"value": {"a": 1}}]}
    refused(stack.patch(f"/Groups/{team}", odd), 400, "invalidValue", "value")
    nested = {"op": "add", "path": "members", "value": [{"value": team, "type": "Group"}]}
    answer = stack.patch(f"/Groups/{team}", nested)
    assert 400 == answer.status_code, answer.text
    assert before == everything(stack)


def test_removing_somebody_who_is_not_there_is_a_success(stack: Stack, team: str) -> None:
    for gone in ("999999", "abc"):
        assert (
            204 == stack.patch(f"/Groups/{team}", {"op": "remove", "path": f'members[value eq "{gone}"]'}).status_code
        )


# -- limits -----------------------------------------------------------------------------------------------------------


def test_every_limit_that_is_announced_is_held(stack: Stack, person: str, team: str) -> None:
    """Each number of ServiceProviderConfig, exceeded by one: 413 or 400, quickly, and without a call to the vault."""
    config = stack.client.get("/ServiceProviderConfig").json()
    before = everything(stack)
    stack.forget_calls()
    one = {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("bulk")}
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    many = {
        "schemas": schemas,
        "Operations": [{**one, "bulkId": f"b{n}"} for n in range(config["bulk"]["maxOperations"] + 1)],
    }
    refused(stack.client.post("/Bulk", json=many), 413)
    size = config["bulk"]["maxPayloadSize"]
    body = json.dumps({"schemas": schemas, "Operations": []}).encode()
    refused(raw(stack, "POST", "/Bulk", body[:-1] + b" " * (size + 1 - len(body)) + b"}"), 413)
    rename = {"op": "replace", "path": "displayName", "value": "x"}
    refused(stack.patch(f"/Users/{person}", *([rename] * 1001)), 413)
    add = {"op": "add", "path": "members", "value": [{"value": str(n)} for n in range(1, 1002)]}
    refused(stack.patch(f"/Groups/{team}", add), 413)
    refused(stack.patch(f"/Users/{person}", {**rename, "path": "x" * 513}), 400, "invalidPath")
    assert [] == stack.calls()
    most = config["filter"]["maxResults"]
    page = stack.client.get("/Users", params={"count": 10**9, "attributes": "id"}).json()
    assert page["itemsPerPage"] <= most == config["pagination"]["maxPageSize"]
    assert len(stack.client.get("/Users").json()["Resources"]) <= config["pagination"]["defaultPageSize"]
    assert before == everything(stack)


FILTERS: dict[str, str] = {
    "half": "userName eq",
    "no operator": "userName",
    "unknown operator": 'userName like "x"',
    "unknown attribute": 'noSuchThing eq "x"',
    "open bracket": '(userName eq "x"',
    "closed bracket": 'userName eq "x")',
    "open quote": 'userName eq "x',
    "4 kB": 'userName eq "' + "x" * 4096 + '"',
    "51 terms": " or ".join(['userName eq "x"'] * 51),
    "33 levels": "(" * 33 + 'userName eq "x"' + ")" * 33,
    "10,000 brackets": "(" * 2000,
    "not not not": "not (" * 33 + "userName pr" + ")" * 33,
    "value path in value path": 'emails[type eq "work" and addresses[type eq "x"]]',
    "a comparison of a complex attribute": 'name gt "x" and',
    "greater than a boolean": "active gt true",
    "SQL": "1=1; drop table users",
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_wrong_filter_is_400_invalid_filter(stack: Stack, name: str) -> None:
    """In the query and in a search body; quickly, and without a call to the vault."""
    stack.forget_calls()
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
    begun = time.monotonic()
    for answer in (
        stack.client.get("/Users", params={"filter": FILTERS[name]}),
        stack.client.post("/Users/.search", json={"schemas": schemas, "filter": FILTERS[name]}),
    ):
        refused(answer, 400, "invalidFilter")
    assert time.monotonic() - begun < 2
    assert [] == stack.calls()


@pytest.mark.parametrize(
    "query",
    [
        {"sortBy": "noSuch"},
        {"cursor": "made-up"},
        {"attributes": "a[b"},
        {"startIndex": "x"},
        {"count": "x"},
        {"sortOrder": "up"},
    ],
)
def test_a_wrong_parameter_is_400_or_ignored_and_never_an_empty_list(stack: Stack, query: dict[str, str]) -> None:
    answer = stack.client.get("/Users", params=query)
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 200:
        assert answer.json()["totalResults"] > 0
    else:
        refused(answer, 400, answer.json().get("scimType"))


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_wrong_etag_is_412_and_changes_nothing(stack: Stack, person: str, header: str) -> None:
    value = 'W/"nothing"' if header == "If-Match" else "*"
    before = everything(stack)
    answer = stack.patch(f"/Users/{person}", {"op": "replace", "path": "displayName", "value": "x"}, **{header: value})
    refused(answer, 412)
    assert before == everything(stack)
