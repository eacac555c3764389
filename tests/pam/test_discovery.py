"""Discovery says what this connection may use, and says it when the vault is silent."""

from __future__ import annotations

from collections.abc import Callable

from tests.pam.world import SECRET, World

Make = Callable[..., World]
PAM = "urn:ietf:params:scim:schemas:pam:1.0:"


async def test_every_type_is_there_with_its_schemas(world: Make) -> None:
    w = world()
    types = {t["id"]: t for t in (await w.send("GET", "/ResourceTypes")).body["Resources"]}
    schemas = {s["id"] for s in (await w.send("GET", "/Schemas")).body["Resources"]}
    assert {"User", "Group", "Role", "Entitlement", "Container", "PrivilegedData"} < set(types)
    for one in types.values():
        assert {one["schema"], *(e["schema"] for e in one.get("schemaExtensions", []))} <= schemas
        assert 200 == (await w.send("GET", f"{one['endpoint']}?count=1")).status
        assert 200 == (await w.send("GET", f"{one['endpoint'].lower()}?count=1")).status


async def test_the_draft_s_defects_are_mended(world: Make) -> None:
    w = world()
    container = {a["name"]: a for a in (await w.send("GET", f"/Schemas/{PAM}Container")).body["attributes"]}
    ref = next(a for a in container["privilegedData"]["subAttributes"] if a["name"] == "$ref")
    assert ["PrivilegedData"] == ref["referenceTypes"]
    parent = next(a for a in container["parent"]["subAttributes"] if a["name"] == "$ref")
    assert ["Container"] == parent["referenceTypes"]
    assert "request" == container["privilegedData"]["returned"]


async def test_a_connection_sees_the_types_of_its_scope(world: Make) -> None:
    w = world()
    w.connection = (await w.caller("narrow", scope=("User", "Container"))).connection
    types = (await w.send("GET", "/ResourceTypes")).body
    assert (2, {"User", "Container"}) == (types["totalResults"], {t["id"] for t in types["Resources"]})
    schemas = {s["id"] for s in (await w.send("GET", "/Schemas")).body["Resources"]}
    assert f"{PAM}Container" in schemas
    assert not {f"{PAM}ContainerPermission", f"{PAM}PrivilegedData"} & schemas
    assert 403 == (await w.send("GET", "/ContainerPermissions")).status


async def test_the_schemas_hold_their_promises_while_the_vault_is_silent(world: Make) -> None:
    w = world()
    await w.send("GET", "/Containers?count=1")
    await w.ask("PUT", "/_sim/faults", {"rules": [{"match": "^(GET|POST) /api/", "do": "500", "times": 100}]})
    schema = {a["name"]: a for a in (await w.send("GET", "/Schemas/ContainerPermission")).body["attributes"]}
    assert ["View", "Add Secret", "Edit", "Owner"] == schema["rights"]["canonicalValues"]
    assert "immutable" == schema["container"]["mutability"] == schema["user"]["mutability"]
    ours = {a["name"]: a for a in (await w.send("GET", f"/Schemas/{SECRET}")).body["attributes"]}
    assert ours["template"]["required"]
    assert "canonicalValues" not in ours["template"], "the templates are the vault's to tell"
    assert "writeOnly" == ours["fields"]["mutability"]
