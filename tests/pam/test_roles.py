"""/Roles and /Entitlements, and roles of users and groups by PATCH."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.pam.world import World

Make = Callable[..., World]


def held(w: World, group_id: int) -> set[int]:
    return set(w.vault.group_roles.get(group_id, ()))


async def test_roles_are_listed_and_read_with_their_members(world: Make) -> None:
    w = world()
    listed = (await w.send("GET", "/Roles")).body["Resources"]
    assert {str(r.id): r.name for r in w.vault.roles.values()} == {r["id"]: r["displayName"] for r in listed}
    assert all("members" not in r for r in listed)
    assert {"1", "4"} == {r["id"] for r in listed if not r["assignable"]}
    read = (await w.send("GET", "/Roles/1?attributes=members")).body
    assert ("2", "User") in {(m["value"], m["type"]) for m in read["members"]}
    found = (await w.send("GET", '/Roles?filter=displayName eq "user"')).body["Resources"]
    assert ["2"] == [r["id"] for r in found]
    assert 404 == (await w.send("GET", "/Roles/99")).status


@pytest.mark.parametrize("path", ["/Roles", "/Roles/2", "/Entitlements", "/Entitlements/ContainerPermission.View"])
async def test_roles_and_entitlements_are_read_only(world: Make, path: str) -> None:
    """Whatever the body says, and where there is none: RFC 7644 §3.12 has one status for that."""
    w = world()
    one = path.count("/") == 2
    for method in ("PUT", "PATCH", "DELETE") if one else ("POST",):
        for body in (None, {"displayName": "x"}, {"Operations": [{"op": "add", "path": "nonsense", "value": 1}]}):
            answer = await w.send(method, path, body)
            assert (405, []) == (answer.status, answer.calls), (method, body, answer.body)


@pytest.mark.parametrize(
    "value",
    [[{"value": "3"}], [{"value": "Read Only User"}], [{"value": json.dumps({"id": "x", "value": "3"})}], "3"],
)
@pytest.mark.parametrize("who", ["user", "group"])
async def test_a_role_is_given_and_taken_by_patch(world: Make, who: str, value: Any) -> None:
    w = world()
    holder, row = (w.person(), w.person().personal_group_id) if who == "user" else (w.group(), w.group().id)
    path, before = f"/{who.title()}s/{holder.id}", held(w, row)
    given = await w.patch(path, {"op": "add", "path": "roles", "value": value})
    assert given.status in (200, 204), given.body
    assert before | {3} == held(w, row)
    read = (await w.send("GET", path)).body
    assert "3" in {r["value"] for r in read["roles"]}
    taken = await w.patch(path, {"op": "remove", "path": 'roles[value eq "3"]'})
    assert taken.status in (200, 204), taken.body
    assert before - {3} == held(w, row)


@pytest.mark.parametrize("who", ["user", "group"])
async def test_an_administrative_role_is_neither_given_nor_taken(world: Make, who: str) -> None:
    w = world()
    holder, row = (w.person(), w.person().personal_group_id) if who == "user" else (w.group(), w.group().id)
    before = held(w, row)
    answer = await w.patch(f"/{who.title()}s/{holder.id}", {"op": "add", "path": "roles", "value": [{"value": "1"}]})
    assert (403, before) == (answer.status, held(w, row))
    told = [row.values async for row in w.store.table("audit").query(None)]
    assert any(who in str(v.get("action", v)) and "refused" in str(v) for v in told)


async def test_an_unknown_role_is_refused_with_those_that_there_are(world: Make) -> None:
    w = world()
    group = w.group()
    before = held(w, group.id)
    answer = await w.patch(f"/Groups/{group.id}", {"op": "add", "path": "roles", "value": [{"value": "Wizard"}]})
    assert (400, before) == (answer.status, held(w, group.id))
    assert "Read Only User" in answer.detail


async def test_changing_members_of_a_group_leaves_its_roles(world: Make) -> None:
    w = world()
    group, person = w.group(), w.person()
    await w.patch(f"/Groups/{group.id}", {"op": "add", "path": "roles", "value": [{"value": "3"}]})
    read = (await w.send("GET", f"/Groups/{group.id}")).body
    members = [{"value": str(person.id)}]
    put = await w.send("PUT", f"/Groups/{group.id}", {"displayName": read["displayName"], "members": members})
    assert 200 == put.status, put.body
    assert 3 in held(w, group.id)
    both = await w.patch(
        f"/Groups/{group.id}",
        {"op": "remove", "path": f'members[value eq "{person.id}"]'},
        {"op": "remove", "path": 'roles[value eq "3"]'},
    )
    assert both.status in (200, 204), both.body
    assert 3 not in held(w, group.id)
    assert person.id not in w.vault.members.get(group.id, {})


ENTRA = json.dumps({"id": "8774f594-1d44-4ff1-8d5d-5b1b9a0d6a2b", "value": "User", "displayName": "People"})


@pytest.mark.parametrize(
    "removal",
    [
        {"path": "roles", "value": [{"value": "User"}]},
        {"path": "roles", "value": [{"value": "user"}]},
        {"path": "roles", "value": [{"value": ENTRA}]},
        {"path": "roles", "value": [{"display": "User"}]},
        {"path": "roles", "value": "User"},
        {"path": "roles", "value": [{"value": "2"}]},
        {"path": 'roles[value eq "User"]'},
        {"path": "roles[value eq 'User']"},
        {"path": 'roles[VALUE EQ "user"]'},
        {"path": 'roles[display eq "User"]'},
        {"path": 'urn:ietf:params:scim:schemas:core:2.0:User:roles[value eq "User"]'},
        {"value": {"roles": [{"value": "User"}]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["user", "group"])
async def test_a_role_is_taken_away_by_whatever_names_it(world: Make, who: str, removal: dict[str, Any]) -> None:
    w = world()
    holder, row = (w.person(), w.person().personal_group_id) if who == "user" else (w.group(), w.group().id)
    removal = json.loads(json.dumps(removal).replace("2.0:User:", f"2.0:{who.title()}:"))
    path = f"/{who.title()}s/{holder.id}"
    given = await w.patch(path, {"op": "add", "path": "roles", "value": [{"value": "2"}, {"value": "3"}]})
    assert given.status in (200, 204), given.body
    before = held(w, row)
    assert {2, 3} <= before
    taken = await w.patch(path, {"op": "remove", **removal})
    assert taken.status in (200, 204), taken.body
    assert before - {2} == held(w, row)
    read = (await w.send("GET", path)).body
    assert "2" not in {r["value"] for r in read["roles"]}


async def test_taking_a_role_that_nobody_has_is_done_already(world: Make) -> None:
    w = world()
    person = w.person()
    before = held(w, person.personal_group_id)
    answer = await w.patch(f"/Users/{person.id}", {"op": "remove", "path": 'roles[value eq "Wizard"]'})
    assert (200, before) == (answer.status, held(w, person.personal_group_id)), answer.body
    answer = await w.patch(f"/Users/{person.id}", {"op": "remove", "path": "roles", "value": [{"value": "Wizard"}]})
    assert (200, before) == (answer.status, held(w, person.personal_group_id)), answer.body


@pytest.mark.parametrize("op", ["Add", "Replace"])
@pytest.mark.parametrize("value", ["Read Only User", json.dumps({"value": "Read Only User"}), "3"])
async def test_entras_one_role_is_replaced_not_gathered(world: Make, op: str, value: str) -> None:
    """`SingleAppRoleAssignment`: the role that Entra marked is the one that it changes and takes away later."""
    w = world()
    made = await w.made("/Users", {"userName": "app.role", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]})
    path, row = f"/Users/{made['id']}", w.vault.users[int(made["id"])].personal_group_id
    own = held(w, row)  # what the vault gives everybody
    marked = 'roles[primary eq "True"]'
    assert (await w.patch(path, {"op": op, "path": f"{marked}.value", "value": value})).status == 200
    assert own | {3} == held(w, row)
    read = (await w.send("GET", path)).body
    assert [True] == [r["primary"] for r in read["roles"] if r["value"] == "3"]
    other = w.vault.roles[5] = replace(w.vault.roles[3], id=5, name="Vault Auditor", system=False)
    assert (await w.patch(path, {"op": "Replace", "path": "displayName", "value": "Somebody"})).status == 200
    assert (await w.patch(path, {"op": op, "path": f"{marked}.value", "value": other.name})).status == 200
    assert own | {other.id} == held(w, row)
    assert (await w.patch(path, {"op": "Remove", "path": marked})).status == 200
    assert own == held(w, row)


async def test_a_new_user_keeps_the_mark_of_a_role_named_by_name(world: Make) -> None:
    w = world()
    roles = [{"value": "Read Only User", "primary": True, "type": "WindowsAzureActiveDirectoryRole"}]
    made = await w.made("/Users", {"userName": "marked", "roles": roles})
    read = (await w.send("GET", f"/Users/{made['id']}")).body
    assert [{**roles[0], "value": "3"}] == [r for r in read["roles"] if r["value"] == "3"]
    put = await w.send("PUT", f"/Users/{made['id']}", read)
    assert 200 == put.status, put.body
    assert read["roles"] == (await w.send("GET", f"/Users/{made['id']}")).body["roles"]
