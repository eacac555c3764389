"""Data minimisation (design.md 4): a connection keeps no more of a person than its policy `person_attributes` names."""

from __future__ import annotations

from typing import Any

import pytest

from scim.administration.words import PERSON_ATTRIBUTES
from scim.model import Policies
from scim.protocol.schemas import EnterpriseUser, User
from scim.resources.kept_of_person import IN_THE_VAULT
from tests.door import USER, Door, patch, user

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WHOLE: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "displayName": "Ann Dale",
    "name": {"givenName": "Ann", "familyName": "Dale"},
    "title": "Engineer",
    "emails": [
        {"value": "ann@corp.example", "type": "work", "primary": True},
        {"value": "ann@home.example", "type": "home"},
    ],
    "phoneNumbers": [{"value": "+44 20 7946 0000", "type": "work"}],
    ENTERPRISE: {"department": "Vaults", "employeeNumber": "4711"},
}
LEFT_OUT = ("Engineer", "home.example", "7946", "4711", "Engine driver", "Professor")


async def opened(*names: str) -> tuple[Door, Any]:
    door = Door()
    connection = await door.connection(policies=Policies(person_attributes=names))
    return door, await door.open(await door.token(connection))


def kept(door: Door) -> str:
    """Everything in the tables but the messages, which have a setting of their own."""
    return "\n".join(
        repr(dict(row.values)) for name in ("attributes", "externalids", "journal", "audit") for row in door.rows(name)
    )


async def test_what_the_policy_does_not_name_is_neither_kept_nor_shown() -> None:
    door, client = await opened("name", "department")
    made = await client.post("/Users", json={**user("ann"), **WHOLE})
    assert 201 == made.status_code, made.text
    path = f"/Users/{made.json()['id']}"
    await client.patch(path, json=patch({"op": "replace", "path": "title", "value": "Engine driver"}))
    await client.patch(
        path, json=patch({"op": "add", "value": {"nickName": "Professor", "name.honorificPrefix": "Dr"}})
    )
    shown = (await client.get(path)).json()
    assert {"id", "schemas", "userName", "displayName", "name", "emails", "active", "roles", "meta", ENTERPRISE} == set(
        shown
    )
    assert {"givenName": "Ann", "familyName": "Dale", "honorificPrefix": "Dr"} == shown["name"]
    assert {"department": "Vaults"} == shown[ENTERPRISE]
    assert ["ann@corp.example"] == [mail["value"] for mail in shown["emails"]], "the one that the vault holds"
    tables = kept(door)
    assert "Vaults" in tables
    assert [] == [text for text in LEFT_OUT if text in tables]
    put = await client.put(path, json={**user("ann"), **WHOLE, "title": "Engine driver"})
    assert (200, None) == (put.status_code, put.json().get("title"))
    assert "Engine driver" not in kept(door)


async def test_none_keeps_nothing_but_what_the_vault_holds() -> None:
    _, client = await opened("none")
    made = (await client.post("/Users", json={**user("ann"), **WHOLE})).json()
    shown = (await client.get(f"/Users/{made['id']}")).json()
    assert {"id", "schemas", "userName", "displayName", "emails", "active", "roles", "meta"} == set(shown)
    assert [USER] == shown["schemas"]
    found = (await client.get("/Users", params={"filter": 'emails.value eq "ann@home.example"'})).json()
    assert 0 == found["totalResults"]
    found = (await client.get("/Users", params={"filter": 'emails.value eq "ann@corp.example"'})).json()
    assert 1 == found["totalResults"]


async def test_schemas_and_resource_types_say_what_is_kept() -> None:
    _, client = await opened("name", "department")
    schemas = {s["id"]: s for s in (await client.get("/Schemas")).json()["Resources"]}
    names = {a["name"] for a in schemas[USER]["attributes"]}
    assert {"userName", "displayName", "active", "password", "emails", "groups", "roles", "name"} == names
    assert ["department"] == [a["name"] for a in schemas[ENTERPRISE]["attributes"]]
    one = (await client.get(f"/Schemas/{USER}")).json()
    assert names == {a["name"] for a in one["attributes"]}
    _, bare = await opened("none")
    assert ENTERPRISE not in {s["id"] for s in (await bare.get("/Schemas")).json()["Resources"]}
    types = {t["id"]: t for t in (await bare.get("/ResourceTypes")).json()["Resources"]}
    assert ENTERPRISE not in {e["schema"] for e in types["User"].get("schemaExtensions", [])}
    assert 404 == (await bare.get(f"/Schemas/{ENTERPRISE}")).status_code
    _, whole = await opened()
    assert "title" in {a["name"] for a in (await whole.get(f"/Schemas/{USER}")).json()["attributes"]}


async def test_what_another_connection_keeps_of_its_own_person_stays() -> None:
    """This connection sees less of the person, and takes nothing away."""
    door = Door()
    theirs = await door.open(await door.token(await door.connection("theirs", policies=Policies(adoption="shared"))))
    lean = Policies(person_attributes=("name",), adoption="shared")
    ours = await door.open(await door.token(await door.connection("ours", policies=lean)))
    made = (await theirs.post("/Users", json={**user("ann"), **WHOLE})).json()
    path = f"/Users/{made['id']}"
    assert "title" not in (await ours.get(path)).json()
    changed = await ours.patch(path, json=patch({"op": "replace", "path": "name.givenName", "value": "Anne"}))
    assert 200 == changed.status_code, changed.text
    shown = (await theirs.get(path)).json()
    assert ("Anne", "Engineer", "4711") == (
        shown["name"]["givenName"],
        shown["title"],
        shown[ENTERPRISE]["employeeNumber"],
    )
    assert 2 == len(shown["emails"])


async def test_a_narrower_policy_holds_at_once_and_for_good_after_the_next_write() -> None:
    door = Door()
    connection = await door.connection()
    client = await door.open(await door.token(connection))
    path = f"/Users/{(await client.post('/Users', json={**user('ann'), **WHOLE})).json()['id']}"
    assert "4711" in kept(door)
    await door.connector.connections.update(connection.id, policies=Policies(person_attributes=("name",)))
    door.restart()
    shown = (await client.get(path)).json()
    assert not {"title", "phoneNumbers", ENTERPRISE} & set(shown)
    await client.patch(path, json=patch({"op": "replace", "path": "name.givenName", "value": "Anne"}))
    rows = "\n".join(repr(dict(row.values)) for row in door.rows("attributes"))
    assert [] == [text for text in LEFT_OUT if text in rows]


@pytest.mark.parametrize("path", ["title", f"{ENTERPRISE}:employeeNumber", 'phoneNumbers[type eq "work"].value'])
async def test_a_change_of_what_is_not_kept_succeeds_and_the_audit_trail_says_so(path: str) -> None:
    """Platforms send whole mappings: an error would stop the person's other changes."""
    door, client = await opened("name")
    made = (await client.post("/Users", json=user("ann"))).json()
    answer = await client.patch(f"/Users/{made['id']}", json=patch({"op": "add", "path": path, "value": "x"}))
    assert 200 == answer.status_code, answer.text
    assert "not kept by this connection" in kept(door)


def test_the_policy_knows_every_attribute_of_a_person_that_the_vault_does_not_hold() -> None:
    core = {a.name for a in User.to_schema().attributes or []} - IN_THE_VAULT - {"userName", "password", "groups"}
    enterprise = {a.name for a in EnterpriseUser.to_schema().attributes or []}
    assert core | enterprise | {"linkedObject"} == set(PERSON_ATTRIBUTES)
