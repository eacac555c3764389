"""Nobody who is a 404 is named anywhere: the connector's own account, and people who were deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.test_delta import swept
from tests.pam.world import World

Make = Callable[..., World]


def own_row(w: World) -> str:
    """The id of a right that our account has, on a folder of its own."""
    own = w.vault.users[w.vault.account_id]
    w.tree.grant_folder(w.root(), own.personal_group_id, "Owner", "Owner")
    return f"{w.root().id}-u{own.id}"


async def ids(w: World, path: str) -> set[str]:
    answer = await w.send("GET", path)
    assert 200 == answer.status, answer.body
    assert answer.body["totalResults"] == len(answer.body["Resources"]), "the total tells of nobody who is not shown"
    return {r["id"] for r in answer.body["Resources"]}


@pytest.mark.parametrize(
    "query", ["?count=1000", "?filter=container.value eq {folder}&count=1000", "?filter=user.value eq {own}",
              '?filter=id eq "{grant}"', "?cursor=&count=1000"]
)  # fmt: skip
async def test_the_connectors_own_rights_are_in_no_list(world: Make, query: str) -> None:
    w = world()
    grant = own_row(w)
    folder, own = grant.split("-u")
    found = await ids(w, "/ContainerPermissions" + query.format(folder=folder, own=own, grant=grant))
    assert not {one for one in found if one.endswith(f"-u{own}")}


async def test_the_connectors_own_right_cannot_be_read_changed_or_removed_by_its_id(world: Make) -> None:
    w = world()
    grant = own_row(w)
    before = w.frozen()
    replace = {"op": "replace", "path": "rights", "value": ["View"]}
    assert 404 == (await w.send("GET", f"/ContainerPermissions/{grant}")).status
    assert 404 == (await w.patch(f"/ContainerPermissions/{grant}", replace)).status
    assert 404 == (await w.send("DELETE", f"/ContainerPermissions/{grant}")).status
    assert before == w.frozen()


async def test_a_container_names_an_owner_who_can_be_read(world: Make) -> None:
    w = world()
    own_row(w)
    person = w.person()
    for row in [r for r in w.tree.folder_grants.rows.values() if r.on == w.root().id]:
        if row.group_id != w.vault.users[w.vault.account_id].personal_group_id:
            w.tree.folder_grants.drop(row)
    assert "owner" not in (await w.send("GET", f"/Containers/{w.root().id}")).body
    w.tree.grant_folder(w.root(), person.personal_group_id, "Owner", "Owner")
    w.vault.changed()
    assert str(person.id) == (await w.send("GET", f"/Containers/{w.root().id}")).body["owner"]["value"]


async def test_the_policy_shows_the_account_wherever_it_is(world: Make) -> None:
    w = world({"show_own_account": True})
    grant = own_row(w)
    assert grant in await ids(w, "/ContainerPermissions?count=1000")
    assert 200 == (await w.send("GET", f"/ContainerPermissions/{grant}")).status
    assert 200 == (await w.send("GET", f"/Users/{w.vault.account_id}")).status


async def members(w: World, group: int) -> set[str]:
    body: Any = (await w.send("GET", f"/Groups/{group}")).body
    return {m["value"] for m in body.get("members", ())}


async def test_a_group_names_neither_the_own_account_nor_leavers_and_a_full_push_leaves_the_account_in(
    world: Make,
) -> None:
    w = world({"leave_groups_on_delete": False})
    group, stays, leaver = w.group(), w.person(0), w.person(1)
    w.vault.members[group.id] = dict.fromkeys((w.vault.account_id, stays.id, leaver.id))
    w.vault.changed()
    assert {str(stays.id), str(leaver.id)} == await members(w, group.id)
    assert 204 == (await w.send("DELETE", f"/Users/{leaver.id}")).status
    assert {str(stays.id)} == await members(w, group.id)
    listed = (await w.send("GET", "/Groups?count=1000")).body["Resources"]
    assert {str(stays.id)} == {m["value"] for r in listed if r["id"] == str(group.id) for m in r["members"]}
    push = {"op": "replace", "path": "members", "value": [{"value": str(w.person(2).id)}]}
    assert 200 <= (await w.patch(f"/Groups/{group.id}", push)).status < 300
    assert {w.vault.account_id, leaver.id, w.person(2).id} == set(w.vault.members[group.id])


async def test_a_role_names_neither_the_own_account_nor_leavers(world: Make) -> None:
    w = world()
    roles = (await w.send("GET", "/Roles?attributes=members")).body["Resources"]
    for role in roles:
        read = (await w.send("GET", f"/Roles/{role['id']}")).body
        assert str(w.vault.account_id) not in {m["value"] for m in read.get("members", ()) if "Users" in m["$ref"]}


async def test_a_leaver_who_is_enabled_in_the_vault_is_in_lists_again_after_a_sweep(world: Make) -> None:
    w = world()
    leaver = w.person()
    await swept(w)
    assert 204 == (await w.send("DELETE", f"/Users/{leaver.id}")).status
    assert str(leaver.id) not in await ids(w, "/Users?count=1000")
    leaver.enabled = True
    w.vault.changed()
    await swept(w)
    w.connector.sessions.opened[0].hidden._until = 0.0
    assert str(leaver.id) in await ids(w, "/Users?count=1000")
