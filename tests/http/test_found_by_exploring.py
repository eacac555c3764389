"""What exploring the running connector by hand brought up: each was wrong once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.door import USER, Door, group, patch, user
from tests.pam.world import World


async def opened() -> tuple[Door, Any]:
    door = Door()
    return door, await door.open(await door.token(await door.connection()))


@pytest.mark.parametrize("active", [{}, {"active": None}])
async def test_a_put_without_active_leaves_it_as_it_is_and_in_sight(active: dict[str, Any]) -> None:
    _, client = await opened()
    made = (await client.post("/Users", json=user("zz1", active=True))).json()
    put = await client.put(f"/Users/{made['id']}", json={"schemas": [USER], "userName": "zz1", **active})
    assert (200, True) == (put.status_code, put.json()["active"])
    assert (await client.get(f"/Users/{made['id']}")).json()["active"] is True
    found = (await client.get("/Users", params={"filter": 'active eq true and userName eq "zz1"'})).json()
    assert 1 == found["totalResults"]
    off = await client.put(f"/Users/{made['id']}", json=user("zz1", active=False))
    assert off.json()["active"] is False
    again = await client.put(f"/Users/{made['id']}", json={"schemas": [USER], "userName": "zz1"})
    assert again.json()["active"] is False, "what is left out neither enables nor disables"


@pytest.mark.parametrize("where", ["Users", "Groups", "Containers", "PrivilegedData", "ContainerPermissions"])
async def test_a_page_beyond_every_vault_is_empty(where: str) -> None:
    _, client = await opened()
    for start in (2**31 - 1, 2**31, 3_000_000_000):
        answer = await client.get(f"/{where}?startIndex={start}")
        assert (200, []) == (answer.status_code, answer.json()["Resources"]), answer.text


async def test_a_parent_that_nobody_can_find_does_not_put_a_container_at_the_root() -> None:
    w = World()
    before = w.frozen()
    for body in (
        {"name": "q7", "parent": {"display": "Exp1r"}},
        {"name": "zz\\q1", "parent": {"value": "1"}},
        {"name": "\\Somewhere else\\wrong", "parent": {"value": "1"}},
    ):
        answer = await w.send("POST", "/Containers", body)
        assert 400 == answer.status, (body, answer.body)
    assert before == w.frozen()


@pytest.mark.parametrize("bad", ["l\nf", "n\u0000u", "t\tb", "d\x7f"])
async def test_control_characters_are_in_no_name_and_no_address(bad: str) -> None:
    door, client = await opened()
    before = len(door.vault.users), len(door.vault.groups)
    for path, body in (
        ("/Users", user(bad)),
        ("/Users", user("plain", displayName=bad)),
        ("/Users", user("plain", emails=[{"value": f"{bad}@example.com", "type": "work"}])),
        ("/Groups", group(bad)),
        ("/Containers", {"name": bad}),
    ):
        answer = await client.post(path, json=body)
        assert (400, True) == (answer.status_code, "control character" in answer.json()["detail"]), answer.text
    assert before == (len(door.vault.users), len(door.vault.groups))


async def test_a_name_that_a_deleted_account_has_is_free_for_another_person() -> None:
    door, client = await opened()
    made = (await client.post("/Users", json=user("kk1", externalId="K1"))).json()
    assert 204 == (await client.delete(f"/Users/{made['id']}")).status_code
    answer = await client.post("/Users", json=user("kk1", externalId="K2"))
    assert (201, "kk1") == (answer.status_code, answer.json()["userName"]), answer.text
    logins = {u.id: (u.user_name, u.enabled) for u in door.vault.users.values()}
    assert ("kk1", False) == logins[int(made["id"])]
    assert ("kk1.2", True) == logins[int(answer.json()["id"])]
    found = (await client.get("/Users", params={"filter": 'userName eq "kk1"'})).json()
    assert [answer.json()["id"]] == [u["id"] for u in found["Resources"]]


async def test_a_soft_delete_restored_after_the_name_was_given_away_is_a_conflict() -> None:
    _, client = await opened()
    ann = (await client.post("/Users", json=user("kk2"))).json()["id"]
    gone = "8774f5941d444ff18d5d5b1b9a0d6a2b" + "kk2"
    away = [{"op": "Replace", "path": "active", "value": False}, {"op": "Replace", "path": "userName", "value": gone}]
    assert 200 == (await client.patch(f"/Users/{ann}", json=patch(*away))).status_code
    other = (await client.post("/Users", json=user("kk2"))).json()["id"]
    back = [{"op": "Replace", "path": "active", "value": True}, {"op": "Replace", "path": "userName", "value": "kk2"}]
    answer = await client.patch(f"/Users/{ann}", json=patch(*back))
    assert (409, "uniqueness") == (answer.status_code, answer.json()["scimType"])
    assert (await client.get(f"/Users/{ann}")).json()["active"] is False, "refused whole"
    found = (await client.get("/Users", params={"filter": 'userName eq "kk2"'})).json()
    assert [other] == [u["id"] for u in found["Resources"]]


async def test_single_rights_are_removed_by_value() -> None:
    w = World({"rights_style": "detailed"})
    person = w.person()
    right = {"container": {"value": "1"}, "user": {"value": str(person.id)}, "rights": ["Edit", "Secrets:View"]}
    made = await w.made("/ContainerPermissions", right)
    path = f"/ContainerPermissions/{made['id']}"
    answer = await w.patch(path, {"op": "remove", "path": "rights", "value": ["Secrets:View"]})
    assert (200, ["Edit"]) == (answer.status, answer.body["rights"][:1])
    assert "Secrets:View" not in answer.body["rights"]
    unknown = await w.patch(path, {"op": "remove", "path": "rights", "value": [{"no": "text"}]})
    assert (400, True) == (unknown.status, "right" in unknown.detail)


async def test_a_patch_without_active_is_no_news_to_active() -> None:
    _, client = await opened()
    made = (await client.post("/Users", json=user("zz2"))).json()
    title = {"op": "replace", "path": "title", "value": "Dr"}
    assert (await client.patch(f"/Users/{made['id']}", json=patch(title))).json()["active"] is True


async def test_a_put_without_parent_leaves_a_container_where_it_stands() -> None:
    """Clients built from the draft's schema send none; moved to the root, a folder would lose what it inherits."""
    w = World()
    folder = w.inheriting()
    where, schemas = folder.parent_id, ["urn:ietf:params:scim:schemas:pam:1.0:Container"]
    answer = await w.send(
        "PUT", f"/Containers/{folder.id}", {"schemas": schemas, "name": folder.name, "description": "d"}
    )
    assert (200, "d") == (answer.status, answer.body.get("description")), answer.body
    assert (where, True) == (folder.parent_id, folder.inherits)
