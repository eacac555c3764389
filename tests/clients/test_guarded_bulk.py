"""Whom the guard protects, against every shape of write, alone and inside a bulk (facts: bulk amplification)."""

from __future__ import annotations

from typing import Any

import pytest

from scim.model import VaultId
from tests.door import Door, group, patch, user

Write = tuple[str, str, Any]


def add(member: str) -> Any:
    return patch({"op": "Add", "path": "members", "value": [{"$ref": None, "value": member}]})


def against_user(who: str, own: str) -> dict[str, Write]:
    """`own` is a group that the connection may change."""
    off = {"op": "Replace", "path": "active", "value": "False"}
    return {
        "PUT": ("PUT", f"/Users/{who}", user("taken", active=False)),
        "PATCH": ("PATCH", f"/Users/{who}", patch(off)),
        "PATCH without a path": (
            "PATCH",
            f"/Users/{who}",
            patch({"op": "replace", "value": {"password": "Aa1!Aa1!Aa1!Aa1!"}}),
        ),
        "DELETE": ("DELETE", f"/Users/{who}", None),
        "POST of a group": ("POST", "/Groups", group(f"with-{who}", who)),
        "PUT of a group": ("PUT", f"/Groups/{own}", group("own", who)),
        "PATCH of a group": ("PATCH", f"/Groups/{own}", add(who)),
        "removal from a group": (
            "PATCH",
            f"/Groups/{own}",
            patch({"op": "remove", "path": f'members[value eq "{who}"]'}),
        ),
    }


def against_group(which: str, somebody: str) -> dict[str, Write]:
    return {
        "PUT": ("PUT", f"/Groups/{which}", group("taken", somebody)),
        "PATCH": ("PATCH", f"/Groups/{which}", patch({"op": "replace", "path": "displayName", "value": "taken"})),
        "add": ("PATCH", f"/Groups/{which}", add(somebody)),
        "remove": (
            "PATCH",
            f"/Groups/{which}",
            patch({"op": "remove", "path": "members", "value": [{"value": somebody}]}),
        ),
        "replace": ("PATCH", f"/Groups/{which}", patch({"op": "replace", "value": {"members": [{"value": somebody}]}})),
        "DELETE": ("DELETE", f"/Groups/{which}", None),
    }


class World:
    """A vault where somebody is protected for each of the reasons there are."""

    def __init__(self, door: Door, client: Any, cells: dict[str, Write]) -> None:
        self.door, self.client, self.cells = door, client, cells


async def world() -> World:
    door = Door(users=12, groups=2)
    client = await door.client()
    everybody = [str(u["id"]) for u in door.state("users")["users"] if u["userName"] not in ("admin", "svc-scim")]
    listed, holder, member, plain = everybody[:4]
    groups = [str(g["id"]) for g in door.state("groups")["groups"] if not g["personal"] and g["domainId"] < 1]
    listed_group = next(g for g in groups if g != "3")
    door.sim("POST", "/act", {"do": "assign_role", "roleId": 1, "userId": int(holder)})
    door.sim("POST", "/act", {"do": "add_member", "groupId": 3, "userId": int(member)})
    vaults = await door.connector.vaults()
    vault = (await vaults.list())[0]
    await vaults.update(VaultId(vault.id), protected_users=(int(listed),), protected_groups=(int(listed_group),))
    door.restart()
    own = (await client.post("/Groups", json=group("own"))).json()["id"]
    cells: dict[str, Write] = {}
    users = {"listed": listed, "administrator": "2", "holds the role": holder, "by a group": member}
    for kind, who in users.items():
        cells |= {f"user {kind}: {shape}": write for shape, write in against_user(who, own).items()}
    for kind, which in {"listed": listed_group, "confers the role": "3"}.items():
        cells |= {f"group {kind}: {shape}": write for shape, write in against_group(which, plain).items()}
    return World(door, client, cells)


async def test_every_shape_against_everybody_protected_is_a_403_alone_and_in_a_bulk() -> None:
    here = await world()
    before = here.door.state()
    here.door.calls()
    alone = {}
    for cell, (method, path, body) in here.cells.items():
        alone[cell] = (await here.client.request(method, path, json=body)).status_code
    assert dict.fromkeys(here.cells, 403) == alone
    operations = [
        {"method": m, "path": p, "bulkId": str(n), "data": b} for n, (m, p, b) in enumerate(here.cells.values())
    ]
    answer = await here.client.post("/Bulk", json={"Operations": operations})
    together = dict(zip(here.cells, [entry["status"] for entry in answer.json()["Operations"]], strict=True))
    assert dict.fromkeys(here.cells, "403") == together
    assert [] == here.door.changes()
    assert before == here.door.state()
    refused = [event for event in await here.door.audit() if event.outcome == "refused"]
    assert 2 * len(here.cells) == len(refused)
    assert len(here.cells) == sum(event.route == "/Bulk" for event in refused)


@pytest.mark.parametrize("name", ["administrator", "Administrator", " ADMINISTRATOR ", "1"])
async def test_no_new_user_is_born_with_an_administrative_role_in_a_bulk(name: str) -> None:
    here = Door(users=3)
    client = await here.client()
    operation = {"method": "POST", "path": "/Users", "bulkId": "x", "data": user("born", roles=[{"value": name}])}
    [done] = (await client.post("/Bulk", json={"Operations": [operation]})).json()["Operations"]
    assert done["status"] in ("400", "403")
    assert [] == [u for u in here.state("users")["users"] if u["userName"] == "born"]
