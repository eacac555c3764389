"""Answers to writes: lean by default, whole for who asks (docs/decisions/0004)."""

from __future__ import annotations

import pytest

from tests.door import Door, group, patch, user

TITLE = patch({"op": "replace", "path": "title", "value": "x"})


@pytest.fixture
async def door():
    return Door(groups=0, users=0)


async def test_a_write_reads_groups_and_roles_only_when_they_are_named(door):
    client = await door.client()
    ann = (await client.post("/Users", json=user("ann"))).json()["id"]
    team = (await client.post("/Groups", json=group("team", ann))).json()["id"]
    await client.get("/Users?count=1")
    door.calls()
    lean = (await client.patch(f"/Users/{ann}", json=TITLE)).json()
    assert not {"groups", "roles"} & lean.keys()
    cost = len(door.calls())
    asked = (await client.patch(f"/Users/{ann}?attributes=groups,roles.value", json=TITLE)).json()
    assert [team] == [g["value"] for g in asked["groups"]]
    assert asked["roles"]
    assert len(door.calls()) > cost
    put = (await client.put(f"/Users/{ann}?attributes=groups", json=user("ann"))).json()
    assert [team] == [g["value"] for g in put["groups"]]
    made = (await client.post("/Users?attributes=roles", json=user("bob"))).json()
    assert made["roles"]


async def test_a_membership_patch_shows_members_only_when_they_are_named(door):
    client = await door.client()
    ann = (await client.post("/Users", json=user("ann"))).json()["id"]
    team = (await client.post("/Groups", json=group("team"))).json()["id"]
    add = patch({"op": "add", "path": "members", "value": [{"value": ann}]})
    assert (await client.patch(f"/Groups/{team}", json=add)).status_code == 204
    asked = (await client.patch(f"/Groups/{team}?attributes=members", json=add)).json()
    assert [ann] == [m["value"] for m in asked["members"]]


async def test_a_write_that_is_done_stays_done_when_the_second_look_fails(door):
    client = await door.client()
    ann = (await client.post("/Users", json=user("ann"))).json()["id"]
    door.fail({"match": "^GET /api/v1/users/[0-9]+/groups", "times": 50, "do": "503"})
    answer = await client.patch(f"/Users/{ann}?attributes=groups,title", json=TITLE)
    assert (200, "x") == (answer.status_code, answer.json()["title"])
