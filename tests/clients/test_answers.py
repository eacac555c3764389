"""What clients read beside the body: media types, locations, rates, and pages that end where they should."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from scim.model import Policies
from scim.resources import REGISTRY
from tests.door import HOST, Door, group, patch, user

SCIM, PLAIN = "application/scim+json", "application/json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, SCIM),
        ("*/*", SCIM),
        (SCIM, SCIM),
        (PLAIN, PLAIN),
        ("application/scim+json, application/json", SCIM),
        ("application/json;q=0.9, text/plain", PLAIN),
        ("text/html", SCIM),
    ],
)
async def test_the_media_type_is_what_the_client_accepts(accept: str | None, expected: str) -> None:
    client = await Door(users=3).client()
    client.headers.pop("accept", None)
    headers = {} if accept is None else {"Accept": accept}
    for method, path, body in (("GET", "/Users", None), ("GET", "/Users/0", None), ("POST", "/Users", user("a"))):
        answer = await client.request(method, path, json=body, headers=headers)
        assert expected == answer.headers["content-type"]
    made = answer.json()["id"]
    gone = await client.delete(f"/Users/{made}", headers=headers)
    assert (204, b"") == (gone.status_code, gone.content)


@pytest.mark.parametrize(("policy", "status"), [("resource", 200), ("nothing", 204)])
async def test_a_patch_answers_with_the_resource_or_nothing_by_setting(policy: Any, status: int) -> None:
    client = await Door(users=3).client(policies=Policies(patch_answer=policy))
    made = (await client.post("/Users", json=user("a"))).json()
    team = (await client.post("/Groups", json=group("g"))).json()
    change = patch({"op": "replace", "path": "title", "value": "T"})
    assert status == (await client.patch(f"/Users/{made['id']}", json=change)).status_code
    rename = patch({"op": "replace", "path": "displayName", "value": "g2"})
    assert status == (await client.patch(f"/Groups/{team['id']}", json=rename)).status_code
    members = patch({"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    assert (await client.patch(f"/Groups/{team['id']}", json=members)).status_code == 204
    asked = await client.patch(f"/Users/{made['id']}?attributes=title", json=change)
    assert (200, "T") == (asked.status_code, asked.json()["title"])


async def test_the_rate_is_told_in_whole_numbers_and_its_end_in_whole_seconds() -> None:
    here = Door(users=3, settings={"requests_per_second": 1, "burst": 3})
    client = await here.client()
    answers = [await client.get("/ServiceProviderConfig") for _ in range(4)]
    assert [200, 200, 200, 429] == [answer.status_code for answer in answers]
    assert ["2", "1", "0", "0"] == [answer.headers["x-rate-limit-remaining"] for answer in answers]
    assert ["3", "1"] == [answers[0].headers[f"x-rate-limit-{name}"] for name in ("limit", "reset")]
    late = answers[-1]
    assert late.headers["retry-after"] == late.headers["x-rate-limit-retry-after-seconds"] == "1"
    assert ("429", SCIM) == (late.json()["status"], late.headers["content-type"])


async def test_a_created_resource_says_where_it_is_and_never_by_the_host_header() -> None:
    client = await Door(users=3).client()
    answer = await client.post("/Users", json=user("a"), headers={"Host": "evil.example", "X-Forwarded-Host": "evil"})
    place = answer.json()["meta"]["location"]
    assert place == answer.headers["location"]
    assert place.startswith(HOST + "/scim/v2/Users/")


async def filled() -> tuple[Door, httpx.AsyncClient]:
    here = Door(users=17, groups=9, folders=13, secrets=11, folder_permissions=9, secret_permissions=9)
    client = await here.client()
    return here, client


def endpoint_of(client_types: list[dict[str, Any]], name: str) -> str:
    return str(next(one["endpoint"] for one in client_types if one["name"] == name))


async def pages(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page by index."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.get(path, params={**query, "startIndex": len(found) + 1, "count": 4})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert all(type(body[name]) is int for name in ("totalResults", "startIndex", "itemsPerPage"))
        assert body["itemsPerPage"] == len(body["Resources"])
        if not body["Resources"]:
            assert body["totalResults"] == len(found)
            return found
        found += body["Resources"]


async def by_cursor(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page by cursor (RFC 9865)."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.post(f"{path}/.search", json={**query, "cursor": cursor, "count": 4})
        assert answer.status_code == 200, answer.text
        found += answer.json()["Resources"]
        cursor = answer.json().get("nextCursor")
    return found


@pytest.mark.parametrize("name", sorted(REGISTRY))
async def test_index_and_cursor_show_the_same_resources_once_each_and_in_order(name: str) -> None:
    _, client = await filled()
    path = endpoint_of((await client.get("/ResourceTypes")).json()["Resources"], name)
    everything = await pages(client, path)
    ids = [one["id"] for one in everything]
    assert ids
    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(one["id"] for one in await by_cursor(client, path))
    for order, turned in (("ascending", False), ("descending", True)):
        listed = [one["id"] for one in await pages(client, path, sortBy="id", sortOrder=order)]
        assert sorted(ids, reverse=turned) == listed
        walked = [one["id"] for one in await by_cursor(client, path, sortBy="id", sortOrder=order)]
        assert listed == walked


@pytest.mark.parametrize(("name", "attribute"), [("User", "userName"), ("Group", "displayName")])
async def test_sorting_by_name_ignores_case_and_reads_no_more_than_a_list(name: str, attribute: str) -> None:
    _, client = await filled()
    found = [one[attribute] for one in await pages(client, f"/{name}s", sortBy=attribute)]
    assert sorted(found, key=str.casefold) == found


SOFT_DELETED = "0123456789abcdef0123456789abcdefleaver@corp.example"


@pytest.mark.parametrize("rename", ["alias", "refuse"])
@pytest.mark.parametrize("shape", ["two operations", "one without a path", "put"])
async def test_entras_soft_delete_disables_whatever_the_policy_says_about_names(rename: Any, shape: str) -> None:
    here = Door(users=3)
    client = await here.client(policies=Policies(rename=rename))
    made = (await client.post("/Users", json=user("leaver@corp.example"))).json()
    path, new = f"/Users/{made['id']}", {"userName": SOFT_DELETED, "active": False}
    if shape == "put":
        answer = await client.put(path, json={**made, **new})
    elif shape == "two operations":
        ops = [{"op": "Replace", "path": name, "value": str(value)} for name, value in new.items()]
        answer = await client.patch(path, json=patch(*ops))
    else:
        answer = await client.patch(path, json=patch({"op": "replace", "value": new}))
    assert answer.status_code in (200, 204), answer.text
    row = next(u for u in here.state("users")["users"] if u["id"] == int(made["id"]))
    assert ("leaver@corp.example", False) == (row["userName"], row["enabled"])
    back = [{"op": "Replace", "path": "userName", "value": "leaver@corp.example"}]
    answer = await client.patch(path, json=patch(*back, {"op": "Replace", "path": "active", "value": "True"}))
    assert answer.status_code in (200, 204), answer.text
    found = (await client.get(path)).json()
    assert ("leaver@corp.example", True) == (found["userName"], found["active"])


@pytest.mark.parametrize(
    "url",
    [
        '/Users?aadOptscim062020&filter=userName eq "x"',
        '/Users?filter=userName eq "x"&aadOptscim062020',
        '/Users?filter=userName eq "x"?aadOptscim062020',
        '?aadOptscim062020/Users?filter=userName eq "x"',
        '/?AADOptSCIM062020/Users?filter=userName eq "x"',
        '/aadOptscim062020/Users?filter=userName eq "x"',
        '/Users/aadOptscim062020?filter=userName eq "x"',
    ],
)
async def test_entras_flag_may_stand_wherever_its_tenant_url_puts_it(url: str) -> None:
    client = await Door(users=3).client()
    answer = await client.get(HOST + "/scim/v2" + url)
    assert (200, 0) == (answer.status_code, answer.json()["totalResults"]), answer.text


async def test_what_was_normalised_is_visible_in_the_audit_row() -> None:
    here = Door(users=3)
    client = await here.client()
    made = (await client.post("/Users", json={"userName": "n", "active": "True", "id": None})).json()
    await client.patch(f"/Users/{made['id']}", json=patch({"op": "Replace", "value": {"active": "False"}}))
    await client.post("/Bulk", json={"Operations": [{"method": "POST", "path": "/users", "data": {"userName": "m"}}]})
    said = [set(event.normalised) for event in await here.audit() if event.action.startswith("user.")]
    assert {"boolean sent as text", "schemas filled in"} <= said[0]
    assert {"op in capitals", "boolean sent as text"} <= said[1]
    assert "schemas filled in" in said[2]


async def test_the_sort_order_may_be_in_capitals() -> None:
    client = await Door(users=5).client()
    expected = (await client.get("/Users?sortBy=userName&sortOrder=descending")).json()["Resources"]
    assert expected == (await client.get("/Users?sortBy=USERNAME&sortOrder=Descending")).json()["Resources"]
    body = {"sortBy": "userName", "sortOrder": "DESCENDING"}
    assert expected == (await client.post("/Users/.search", json=body)).json()["Resources"]
