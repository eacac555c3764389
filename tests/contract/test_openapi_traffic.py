"""What really goes over the wire between connector and vault, held against Secret Server's own API document.

A validating proxy stands between the two: every request of a broad set of SCIM requests, and every answer. Without the
document, which is not part of this project, the test is skipped, visibly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, Stack, start_stack, stop_stack
from tests.contract.validating_proxy import ValidatingProxy
from tests.door import group, patch, user
from tests.simulator.openapi import OpenApiValidator, document_path

DOCUMENT = document_path()
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(DOCUMENT is None, reason="no API document: set SCIM_OPENAPI to its path"),
]


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, ValidatingProxy]]:
    """Simulator ← proxy ← connector."""
    directory = tmp_path_factory.mktemp("traffic")
    ready = directory / "simulator.json"
    sizes = ("--users", "40", "--groups", "6", "--folders", "12", "--secrets", "20")
    command = [sys.executable, "-m", "simulator", "--port", "0", "--ready-file", str(ready), *sizes]
    simulator = subprocess.Popen(command, cwd=ROOT)
    try:
        assert DOCUMENT is not None
        with ValidatingProxy(wait_for(ready)["url"], OpenApiValidator(DOCUMENT)) as proxy:
            stack, process = start_stack(directory, "--vault-url", proxy.url)
            yield stack, proxy
            stop_stack(process)
    finally:
        simulator.terminate()
        simulator.wait(10)


def wait_for(ready: Path) -> dict[str, Any]:
    until = time.monotonic() + 30
    while not ready.exists():
        assert time.monotonic() < until, "the simulator did not start"
        time.sleep(0.05)
    return dict(json.loads(ready.read_text()))


def good(answer: httpx.Response, *allowed: int) -> Any:
    assert answer.status_code in (allowed or (200, 201, 204)), (
        f"{answer.request.method} {answer.request.url}: {answer.text}"
    )
    return answer.json() if answer.content else None


def the_life_of_users(stack: Stack) -> None:
    client = stack.client
    mails = [{"value": "traffic@corp.example", "type": "work", "primary": True}]
    ann = good(
        client.post(
            "/Users", json=user("traffic", externalId="t-1", displayName="T", emails=mails, password="Abcd-1234-efgh")
        )
    )
    path = f"/Users/{ann['id']}"
    for text in (
        'userName eq "traffic"',
        'externalId eq "t-1"',
        'emails.value eq "traffic@corp.example"',
        'displayName co "r"',
    ):
        good(client.get("/Users", params={"filter": text}))
    good(client.get(path))
    good(client.get("/Users", params={"count": 100}))
    good(client.get("/Users", params={"cursor": "", "count": 10}))
    good(client.get("/Users", params={"sortBy": "userName", "count": 5}))
    for operation in (
        {"op": "replace", "path": "displayName", "value": "Two"},
        {"op": "replace", "path": "emails", "value": [{"value": "two@corp.example", "primary": True}]},
        {"op": "replace", "path": "userName", "value": "traffic.two"},
        {"op": "add", "path": "roles", "value": [{"value": "3"}]},
        {"op": "remove", "path": 'roles[value eq "3"]'},
        {"op": "replace", "path": "password", "value": "Bcde-1234-fghi"},
        {"op": "replace", "path": "active", "value": False},
        {"op": "replace", "path": "active", "value": True},
    ):
        good(client.patch(path, json=patch(operation)))
    good(client.put(path, json=user("traffic.two", externalId="t-1", displayName="Three", active=True)))
    good(client.get("/Users/999999"), 404)
    good(client.post("/Users", json=user("traffic.two")), 409)
    good(client.delete(path))
    good(client.post("/Users", json=user("traffic.two", externalId="t-1")), 201)


def the_life_of_groups(stack: Stack) -> None:
    client = stack.client
    everyone = good(client.get("/Users", params={"count": 20, "attributes": "id,userName"}))["Resources"]
    ids = [r["id"] for r in everyone if r["userName"] != "admin"][:6]
    team = good(client.post("/Groups", json=group("Traffic", ids[0], externalId="t-g")))
    path = f"/Groups/{team['id']}"
    good(client.get(path))
    good(client.get(path, params={"excludedAttributes": "members"}))
    for text in (
        'displayName eq "Traffic"',
        'externalId eq "t-g"',
        f'members.value eq "{ids[0]}"',
        f'id eq "{team["id"]}" and members[value eq "{ids[0]}"]',
    ):
        good(client.get("/Groups", params={"filter": text}))
    add = {"op": "add", "path": "members", "value": [{"value": i} for i in ids[1:4]]}
    good(client.patch(path, json=patch(add, {"op": "remove", "path": f'members[value eq "{ids[0]}"]'})))
    good(client.patch(path, json=patch({"op": "replace", "path": "displayName", "value": "Traffic two"})))
    good(client.put(path, json=group("Traffic three", *ids[2:5])))
    good(client.patch(path, json=patch({"op": "replace", "path": "members", "value": [{"value": ids[5]}]})))
    good(client.patch(path, json=patch({"op": "add", "path": "members", "value": [{"value": "999999"}]})), 400)
    good(client.get("/Groups", params={"count": 50}))
    good(client.delete(path))
    good(client.post("/Groups", json=group("Traffic three", ids[0])), 201)


def discovery_and_the_rest(stack: Stack) -> None:
    """Every resource type that is published: its list, its first resource, a filter on it."""
    client = stack.client
    for path in ("/ServiceProviderConfig", "/Schemas"):
        good(client.get(path))
    for kind in good(client.get("/ResourceTypes"))["Resources"]:
        found = good(client.get(kind["endpoint"], params={"count": 3}), 200, 403, 501).get("Resources", [])
        for resource in found[:1]:
            good(client.get(f"{kind['endpoint']}/{resource['id']}"))
            good(client.get(kind["endpoint"], params={"filter": f'id eq "{resource["id"]}"'}))
    good(client.get(f"{stack.scim.removesuffix('/scim/v2')}/health/deep"))
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    one = {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("traffic.bulk")}
    good(client.post("/Bulk", json={"schemas": schemas, "Operations": [one]}))


def test_every_call_and_every_answer_is_as_the_api_document_has_it(between: tuple[Stack, ValidatingProxy]) -> None:
    stack, proxy = between
    the_life_of_users(stack)
    the_life_of_groups(stack)
    discovery_and_the_rest(stack)
    assert [] == sorted(set(proxy.complaints))
    told = {line.split()[0] for line in proxy.seen}
    assert {"GET", "POST", "PATCH"} <= told
    assert len(proxy.seen) > 15, proxy.seen
