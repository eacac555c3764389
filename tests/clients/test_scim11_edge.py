"""SCIM 1.1 at /scim/v1: every answer in its words, whatever happens, and the same rules as everywhere."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.door import HOST, Door

CORE, ENTERPRISE = "urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:enterprise:1.0"


async def opened(**fields: Any) -> tuple[Door, httpx.AsyncClient]:
    here = Door(users=5, groups=2)
    connection = await here.connection("agent", **fields)
    client = await here.open(await here.token(connection), root="/scim/v1")
    client.headers["Content-Type"] = "application/json"
    return here, client


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"schemas": [CORE], "userName": name, **more}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/Users/99999", None, 404),
        ("GET", "/Nothing", None, 404),
        ("GET", "/Users?filter=userName", None, 400),
        ("POST", "/Users", b"[[[", 400),
        ("POST", "/Users", b"", 400),
        ("POST", "/Users", b"[]", 400),
        ("POST", "/Users", b'{"userName": ""}', 400),
        ("PATCH", "/Users/3", b"7", 400),
        ("DELETE", "/Users", None, 405),
        ("POST", "/Bulk", b"{}", 501),
        ("GET", "/Me", None, 501),
        ("POST", "/Users", b'{"a":"' + b"x" * 1_048_576 + b'"}', 413),
    ],
)
async def test_errors_are_in_the_words_of_1_1(method: str, path: str, body: Any, status: int) -> None:
    _, client = await opened()
    answer = await client.request(method, path, content=body)
    assert status == answer.status_code
    assert "application/json" == answer.headers["content-type"]
    [error] = answer.json()["Errors"]
    assert str(status) == error["code"]
    assert error["description"]


async def test_without_a_token_there_is_a_challenge_for_both_ways() -> None:
    here, _ = await opened()
    async with await here.open(None, root="/scim/v1") as stranger:
        answer = await stranger.get("/Users")
    assert (401, "401") == (answer.status_code, answer.json()["Errors"][0]["code"])
    assert {"Bearer", "Basic"} <= set(answer.headers["www-authenticate"].replace(",", " ").split())


async def test_locations_are_under_v1_and_nothing_of_2_0_shows() -> None:
    _, client = await opened()
    body = person("ann", displayName="Ann", **{ENTERPRISE: {"department": "X", "manager": {"managerId": "3"}}})
    made = await client.post("/Users", json=body)
    assert made.status_code == 201, made.text
    found = made.json()
    place = f"{HOST}/scim/v1/Users/{found['id']}"
    assert [place, place] == [found["meta"]["location"], made.headers["location"]]
    assert [CORE, ENTERPRISE] == found["schemas"]
    assert {"managerId": "3"} == found[ENTERPRISE]["manager"]
    assert "urn:ietf" not in made.text
    listed = await client.get("/Users", params={"filter": f'{CORE}:userName eq "ANN"', "attributes": "userName"})
    assert [found["id"]] == [one["id"] for one in listed.json()["Resources"]]
    assert "urn:ietf" not in listed.text
    assert (await client.get(f"/Users/{found['id']}.json")).json()["id"] == found["id"]
    assert (await client.head(f"/Users/{found['id']}")).status_code == 200


async def test_a_partial_resource_clears_adds_and_deletes() -> None:
    here, client = await opened()
    mails = [{"value": "a@x.y", "type": "work"}, {"value": "b@x.y", "type": "home"}]
    made = (await client.post("/Users", json=person("bea", nickName="B", title="T", emails=mails))).json()
    change = {
        "schemas": [CORE],
        "meta": {"attributes": ["nickName"]},
        "title": "U",
        "emails": [{"value": "b@x.y", "operation": "delete"}, {"value": "c@x.y", "type": "other"}],
    }
    answer = await client.patch(f"/Users/{made['id']}", json=change)
    assert answer.status_code in (200, 204), answer.text
    found = (await client.get(f"/Users/{made['id']}")).json()
    assert ("U", False) == (found["title"], "nickName" in found)
    assert {"a@x.y", "c@x.y"} == {mail["value"] for mail in found["emails"]}
    team = (
        await client.post("/Groups", json={"schemas": [CORE], "displayName": "g", "members": [{"value": "3"}]})
    ).json()
    change = {"schemas": [CORE], "members": [{"value": "3", "operation": "delete"}, {"value": made["id"]}]}
    assert (await client.patch(f"/Groups/{team['id']}", json=change)).status_code in (200, 204)
    rows = here.state("group_members")["group_members"]
    assert {int(made["id"])} == {row["userId"] for row in rows if row["groupId"] == int(team["id"])}


async def test_guard_scope_and_read_only_hold_here_too() -> None:
    here, client = await opened()
    admin = await client.put("/Users/2", json=person("admin", active=False))
    assert (403, "403") == (admin.status_code, admin.json()["Errors"][0]["code"])
    reader = await here.connection("reader", read_only=True)
    async with await here.open(await here.token(reader), root="/scim/v1") as http:
        http.headers["X-HTTP-Method-Override"] = "DELETE"
        assert (await http.post("/Users/3", json={})).status_code == 403
        assert (await http.get("/Users/3")).status_code == 200
    routes = {event.route for event in await here.audit() if event.outcome == "refused"}
    assert routes == {"/Users/{id}"}
