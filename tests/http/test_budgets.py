"""Upstream calls per SCIM request, counted at the simulator: each is a round trip to somebody's vault."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from tests.conftest import Stack

pytestmark = pytest.mark.stack
NUMBER = itertools.count(1)


def fresh(prefix: str) -> str:
    return f"{prefix}-{next(NUMBER)}-{time.time_ns()}"


def in_series(calls: list[dict[str, Any]]) -> int:
    """How many of the calls had to wait for another one to end."""
    depth: list[tuple[float, int]] = []
    longest = 0
    for call in sorted(calls, key=lambda c: c["started"]):
        before = [level for ended, level in depth if ended <= call["started"]]
        level = 1 + max(before, default=0)
        depth.append((call["ended"], level))
        longest = max(longest, level)
    return longest


@pytest.fixture(autouse=True)
def slow_vault(stack: Stack) -> None:
    """Every call takes long enough that calls side by side can be told from calls one after the other."""
    stack.faults({"match": "/api/v1/", "do": "slow", "ms": 40})


def spent(stack: Stack) -> tuple[int, int]:
    calls = stack.vault.get("/_sim/calls", params={"full": 1}).json()["calls"]
    stack.forget_calls()
    return len(calls), in_series(calls)


@pytest.fixture
def user(stack: Stack) -> dict[str, Any]:
    name = fresh("budget")
    mails = [{"value": f"{name}@corp.example", "type": "work", "primary": True}]
    made = stack.new_user(name, externalId=name, displayName="Budget", emails=mails, active=True)
    stack.forget_calls()
    return made


def test_a_user_by_id_costs_three_calls_of_which_none_waits_for_another(stack: Stack, user: dict[str, Any]) -> None:
    assert 200 == stack.client.get(f"/Users/{user['id']}").status_code
    calls, series = spent(stack)
    assert calls <= 3
    assert series <= 2


@pytest.mark.parametrize("attribute", ["userName", "externalId", "emails.value"])
def test_a_look_up_costs_three_calls_two_in_series(stack: Stack, user: dict[str, Any], attribute: str) -> None:
    value = user["emails"][0]["value"] if attribute == "emails.value" else user[attribute]
    found = stack.client.get("/Users", params={"filter": f'{attribute} eq "{value}"'}).json()
    assert 1 == found["totalResults"]
    calls, series = spent(stack)
    assert calls <= 3
    assert series <= 2


@pytest.mark.parametrize("attribute", ["userName", "externalId"])
def test_a_look_up_without_hit_costs_at_most_one_call(stack: Stack, attribute: str) -> None:
    stack.client.get("/ServiceProviderConfig")
    stack.forget_calls()
    found = stack.client.get("/Users", params={"filter": f'{attribute} eq "{fresh("nobody")}"'}).json()
    assert 0 == found["totalResults"]
    assert spent(stack)[0] <= 1


def test_creating_a_user_costs_two_calls(stack: Stack) -> None:
    stack.forget_calls()
    stack.new_user(fresh("two"), emails=[{"value": "two@corp.example"}])
    assert spent(stack)[0] <= 2


def test_disabling_replacing_and_deleting_cost_two_two_and_three(stack: Stack, user: dict[str, Any]) -> None:
    path = f"/Users/{user['id']}"
    assert 200 == stack.patch(path, {"op": "replace", "path": "active", "value": False}).status_code
    assert spent(stack)[0] <= 2
    body = {**user, "displayName": "Replaced", "active": True}
    assert 200 == stack.client.put(path, json=body).status_code
    assert spent(stack)[0] <= 2
    assert 204 == stack.client.delete(path).status_code
    assert spent(stack)[0] <= 3


def test_a_group_without_members_costs_one_call(stack: Stack) -> None:
    group = stack.new_group(fresh("group"))
    stack.forget_calls()
    found = stack.client.get(f"/Groups/{group['id']}", params={"excludedAttributes": "members"})
    assert "members" not in found.json()
    assert (1, 1) == spent(stack)


def test_a_membership_patch_costs_two_calls_whatever_it_holds(stack: Stack) -> None:
    page = stack.client.get("/Users", params={"count": 50, "attributes": "id"}).json()
    everyone = [r["id"] for r in page["Resources"]]
    protected = {str(u["userId"]) for u in stack.state()["user_roles"] if u["roleId"] == 1}
    ids = [i for i in everyone if i not in protected][:40]
    group = stack.new_group(fresh("many"), *ids[:20])
    stack.forget_calls()
    add = {"op": "add", "path": "members", "value": [{"value": i} for i in ids[20:]]}
    remove = [{"op": "remove", "path": f'members[value eq "{i}"]'} for i in ids[:20]]
    assert 204 == stack.patch(f"/Groups/{group['id']}", add, *remove).status_code
    calls, series = spent(stack)
    assert calls <= 2
    assert series <= 2
    assert {int(i) for i in ids[20:]} == stack.members(group["id"])


def test_a_walk_with_groups_and_roles_never_asks_per_user(stack: Stack) -> None:
    state = stack.state()
    stack.forget_calls()
    seen: list[str] = []
    start, total = 1, 1
    while start <= total:
        page = stack.client.get("/Users", params={"startIndex": start, "count": 10}).json()
        total = page["totalResults"]
        seen += [r["id"] for r in page["Resources"]]
        start += 10
    groups = [g for g in state["groups"] if not g.get("personal")]
    allowed = -(-total // 10) + len(groups) + len(state["roles"]) + 10
    assert spent(stack)[0] <= allowed
    assert len(seen) == len(set(seen)) == total


def test_a_page_from_the_middle_costs_one_call_after_people_left(stack: Stack) -> None:
    """Leavers behind the page, of whom the vault's list is full, are no reason to ask a second time."""
    leavers = [stack.new_user(fresh("leaver"))["id"] for _ in range(12)]
    assert {204} == {stack.client.delete(f"/Users/{leaver}").status_code for leaver in leavers}
    for query in ({"startIndex": 21, "count": 20}, {"startIndex": 1, "count": 50}, {"startIndex": 21, "count": 20}):
        stack.forget_calls()
        page = stack.client.get("/Users", params={**query, "attributes": "userName"}).json()
        assert query["count"] == page["itemsPerPage"]
        assert (1, 1) == spent(stack)


def test_an_entra_reference_check_does_not_load_the_group(stack: Stack, user: dict[str, Any]) -> None:
    group = stack.new_group(fresh("check"), user["id"])
    stack.forget_calls()
    text = f'id eq "{group["id"]}" and members[value eq "{user["id"]}"]'
    found = stack.client.get("/Groups", params={"filter": text, "attributes": "id"}).json()
    assert 1 == found["totalResults"]
    paths = [c["path"] for c in stack.calls()]
    assert not any(p.endswith(f"/groups/{group['id']}/users") for p in paths)
