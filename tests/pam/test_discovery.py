"""Discovery says what this connection may use, and says it when the vault is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.pam.world import PERMISSION, SECRET, World

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


def flat(attributes: list[dict[str, Any]], before: str = "") -> dict[str, dict[str, Any]]:
    found = {}
    for one in attributes:
        name = before + one["name"]
        found |= {name: one, **flat(one.get("subAttributes", []), name + ".")}
    return found


async def schemas(w: World) -> dict[str, dict[str, dict[str, Any]]]:
    return {s["id"]: flat(s["attributes"]) for s in (await w.send("GET", "/Schemas")).body["Resources"]}


async def test_required_is_what_a_creation_is_refused_without_and_nothing_else(world: Make) -> None:
    """An id is enough: no `$ref` is required anywhere."""
    w = world()
    required = {urn: {n for n, a in found.items() if a["required"]} for urn, found in (await schemas(w)).items()}
    assert not {f"{urn}:{name}" for urn, names in required.items() for name in names if name.endswith("$ref")}
    assert {"name"} == required[PAM + "Container"] == required[PAM + "PrivilegedData"]
    assert {"template", "folder", "folder.value"} == required[SECRET]
    assert {"container", "container.value", "rights"} == required[PAM + "ContainerPermission"]
    assert {"privilegedData", "privilegedData.value", "rights"} == required[PAM + "PrivilegedDataPermission"]
    person = str(w.person().id)
    account = w.vault.users[w.vault.account_id]
    secret = next(s for s in w.tree.secrets.values() if s.active and w.tree.secret_level(account, s) == 4)
    w.tree.detach_secret(secret)
    row = w.tree.secret_grants.held(secret.id, w.person().personal_group_id)
    if row is not None:
        w.tree.secret_grants.drop(row)
    w.vault.changed()
    fields = [{"name": n, "value": "x"} for n in ("machine", "username")]
    whole: dict[str, dict[str, Any]] = {
        "/Containers": {"name": "whole"},
        "/PrivilegedData": {
            "name": "whole",
            SECRET: {"template": "Windows Account", "folder": {"value": "1"}, "fields": fields},
        },
        "/ContainerPermissions": {"container": {"value": "1"}, "user": {"value": person}, "rights": ["View"]},
        "/PrivilegedDataPermissions": {
            "privilegedData": {"value": str(secret.id)},
            "user": {"value": person},
            "rights": ["View"],
        },
    }
    for path, body in whole.items():
        for name in body:
            if name not in ("user", SECRET):
                answer = await w.send("POST", path, {n: v for n, v in body.items() if n != name})
                assert (400, "invalidValue") == (answer.status, answer.body["scimType"]), (path, name)
        for name in ("template", "folder"):
            if SECRET in body:
                less = {n: v for n, v in body[SECRET].items() if n != name}
                answer = await w.send("POST", path, {**body, SECRET: less})
                assert (400, "invalidValue") == (answer.status, answer.body["scimType"]), (path, name)
        assert 201 == (await w.send("POST", path, body)).status, path


async def test_what_a_connection_s_policies_name_is_not_required_of_it(world: Make) -> None:
    w = world({"secret_template": "Windows Account", "secret_folder": "1", "secret_blanks": "fill"})
    assert {False} == {a["required"] for a in (await schemas(w))[SECRET].values()}
    assert 201 == (await w.send("POST", "/PrivilegedData", {"name": "no more than a name"})).status


async def test_what_is_in_an_immutable_attribute_is_immutable_too(world: Make) -> None:
    for urn, found in (await schemas(world())).items():
        for name, attribute in found.items():
            if found[name.partition(".")[0]]["mutability"] == "immutable":
                assert attribute["mutability"] in ("immutable", "readOnly"), f"{urn}:{name}"


async def test_schemas_and_types_are_named_for_people(world: Make) -> None:
    w = world()
    every = (await w.send("GET", "/Schemas")).body["Resources"]
    names = {s["id"]: s["name"] for s in every}
    assert "SecretServerPrivilegedData" == names[SECRET]
    assert "SecretServerContainerPermission" == names[PERMISSION]
    assert len(names) == len(set(names.values()))
    assert not [name for name in names.values() if "Our" in name or "[" in name]
    for one in (await w.send("GET", "/ResourceTypes")).body["Resources"]:
        assert one["name"] == one["id"]
        assert len(one["description"]) > len(one["name"])
        assert one["description"].endswith(".")


async def test_the_schemas_cost_one_reading_of_the_roles(world: Make) -> None:
    w = world()
    await w.send("GET", "/Schemas")
    calls = (await w.send("GET", "/Schemas")).calls
    assert ["GET /v1/roles"] == [c for c in calls if "role" in c]
    first = await world().send("GET", "/Schemas")
    assert 2 >= first.calls.count("GET /v1/roles"), "the guard reads who has power for itself"


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
