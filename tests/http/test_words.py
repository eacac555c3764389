"""The exact words of refusals: a plain sentence that says what is wrong and what to do, in nobody's Python."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from scim.access.grants import WRONG_SECRET
from tests.door import HOST, Door, group, patch, user

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OTHER_VERSION = (
    "The resource is no longer in the version that If-Match names, or is in the one that If-None-Match excludes. "
    "Read it again, then repeat the change"
)
STALE = {"If-Match": 'W/"stale"'}
FOLDER_NAME = "'The folder name is empty or has a character that is not allowed.'"  # the vault's own words
NAME = {"op": "replace", "path": "displayName", "value": "x"}


def to_user(*operations: Any, **more: Any) -> dict[str, Any]:
    return {"method": "PATCH", "path": "/Users/{user}", "json": patch(*operations), **more}


def posted(**body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/Users", "json": user("words", **body)}


def asked(path: str = "/Users", **params: str) -> dict[str, Any]:
    return {"method": "GET", "path": path, "params": params}


def sent(content: bytes) -> dict[str, Any]:
    return {"method": "POST", "path": "/Users", "content": content}


WORDS: list[tuple[dict[str, Any], int, str]] = [
    (to_user(NAME, headers=STALE), 412, OTHER_VERSION),
    (asked(attributes="userName", excludedAttributes="id"), 400,
     "attributes and excludedAttributes exclude each other: send one of them"),
    (posted(active="maybe"), 400, "active must be true or false"),
    (to_user({"op": "replace", "path": "active", "value": "maybe"}), 400, "active must be true or false"),
    (posted(emails=[{"value": 5}]), 400, "emails[0].value must be a string"),
    (to_user({"op": "replace", "path": "displayName", "value": ["a"]}), 400, "displayName must be a string"),
    (posted(name="Ann"), 400, "name must be a JSON object"),
    (to_user({"op": "replace", "path": "name", "value": "Ann"}), 400, "name must be a JSON object"),
    (posted(**{ENTERPRISE: {"department": ["x"]}}), 400, f"{ENTERPRISE}:department must be a string"),
    (posted(profileUrl="x y"), 400, "profileUrl is no URI: 'x y'"),
    (asked(count="x"), 400, "count must be a whole number"),
    (asked(sortBy="userName", sortOrder="up"), 400, "sortOrder must be 'ascending' or 'descending'"),
    (asked(filter="userName eq"), 400, "The filter cannot be understood from character 10 on"),
    (asked(filter='nope eq "a"'), 400, "'nope' is no attribute of what is searched"),
    (asked(attributes="a b"), 400, "The attribute's name cannot be understood from character 3 on"),
    (to_user({"op": "replace", "path": "schemas", "value": ["x"]}), 400,
     "schemas must contain the base schema 'urn:ietf:params:scim:schemas:core:2.0:User'"),
    (to_user({"op": "move", "path": "title"}), 400, "Operation 1 has the op 'move'; there are add, remove and replace"),
    (to_user(NAME, {"op": "replace", "value": "x"}), 400,
     "A PATCH operation without a path needs an object, with attributes by name, as its value"),
    (to_user(), 400, "Operations must hold one or more operations"),
    ({"method": "PATCH", "path": "/Users/{user}", "json": {}}, 400,
     "Operations is required: an array with one or more operations"),
    (to_user({"op": "replace", "path": "a\\b", "value": "x"}), 400,
     "The path 'a\\b' cannot be understood from character 2 on"),
    ({"method": "POST", "path": "/Groups", "json": group("dom\\team")}, 409,
     "A group with the displayName 'dom\\team' exists already"),
    (sent(b'{"userName":"\xff"}'), 400, "The body is not UTF-8: its byte 14 cannot be read. JSON is sent in UTF-8"),
    ({"method": "POST", "path": "/Containers", "json": {"name": "a/b"}}, 400,
     f"name: Secret Server does not accept the value: {FOLDER_NAME}"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "words"), WORDS, ids=lambda value: str(value)[:60])
async def test_a_refusal_is_a_sentence(request_: dict[str, Any], status: int, words: str) -> None:
    door = Door()
    client = await door.client()
    made = (await client.post("/Users", json=user("somebody"))).json()["id"]
    await client.post("/Groups", json=group("dom\\team"))
    before = door.state("users", "groups", "folders")
    more = {key: value for key, value in request_.items() if key not in ("path", "method")}
    answer = await client.request(request_["method"], request_["path"].format(user=made), **more)
    assert (status, words) == (answer.status_code, answer.json()["detail"])
    assert before == door.state("users", "groups", "folders")


async def test_a_byte_order_mark_before_the_json_is_overlooked() -> None:
    client = await Door().client()
    body = httpx.Request("POST", HOST, json=user("bom")).content
    made = await client.post("/Users", content=b"\xef\xbb\xbf" + body)
    assert (201, "bom") == (made.status_code, made.json()["userName"])
    change = httpx.Request("POST", HOST, json=patch(NAME)).content
    assert 200 == (await client.patch(f"/Users/{made.json()['id']}", content=b"\xef\xbb\xbf" + change)).status_code


@pytest.mark.parametrize("secret", ["wrong", "ssc_00000000_" + "x" * 43, "ssc_of_nobody", "right"])
async def test_a_wrong_client_secret_is_not_told_to_be_missing(secret: str) -> None:
    door = Door()
    connection = await door.connection()
    token = await door.token(connection, kind="client_secret")
    client = await door.open(None)
    form = {"grant_type": "client_credentials", "client_id": "entra", "client_secret": secret}
    if secret == "right":
        form |= {"client_id": "somebody-else", "client_secret": token.text}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(f"{HOST}/oauth/token", data=form, headers=headers)
    assert (401, "client_id or client_secret is wrong") == (answer.status_code, answer.json()["error_description"])
    assert WRONG_SECRET == answer.json()["error_description"]
    nothing = await client.post(f"{HOST}/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)
    assert "Send client_id and client_secret, in the header or in the form" == nothing.json()["error_description"]
