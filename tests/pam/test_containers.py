"""/Containers: the folder tree over SCIM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import World

Make = Callable[..., World]


async def test_a_list_is_one_call_a_page_and_shows_where_each_stands(world: Make) -> None:
    w = world(folders=30)
    answer = await w.send("GET", "/Containers?startIndex=1&count=10")
    assert ["GET /v1/folders"] == answer.calls
    account = w.vault.users[w.vault.account_id]
    visible = [f for f in w.tree.folders.values() if w.tree.folder_level(account, f)]
    assert len(visible) == answer.body["totalResults"]
    below = next(r for r in answer.body["Resources"] if "parent" in r)
    folder = w.tree.folders[int(below["id"])]
    assert str(folder.parent_id) == below["parent"]["value"]
    assert below["parent"]["$ref"].endswith(f"/Containers/{folder.parent_id}")
    assert w.tree.path(folder) == below["path"]
    assert below["inheritsPermissions"] is folder.inherits


async def test_a_page_past_the_end_is_empty_and_still_a_list(world: Make) -> None:
    answer = await world().send("GET", "/Containers?startIndex=5000&itemsPerPage=10")
    assert (200, []) == (answer.status, answer.body["Resources"])


async def test_a_single_container_shows_its_few_secrets_and_its_owner(world: Make) -> None:
    w = world()
    inside = {str(s.id) for s in w.tree.secrets.values() if s.folder_id == 1 and s.active}
    answer = await w.send("GET", "/Containers/1")
    assert inside == {entry["value"] for entry in answer.body.get("privilegedData", [])}
    assert "2" == answer.body["owner"]["value"], "the first owner who is not the connector itself"
    answer = await w.send("GET", "/Containers/1")
    assert 3 >= len(answer.calls)


async def test_the_secrets_of_a_list_are_shown_on_request_without_a_call_for_each(world: Make) -> None:
    w = world(folders=40, secrets=100)
    plain = await w.send("GET", "/Containers?count=50")
    assert all("privilegedData" not in r for r in plain.body["Resources"])
    answer = await w.send("GET", "/Containers?count=50&attributes=name,privilegedData")
    shown = {r["id"]: {e["value"] for e in r.get("privilegedData", [])} for r in answer.body["Resources"]}
    for number, secrets in shown.items():
        assert {str(s.id) for s in w.tree.secrets.values() if s.folder_id == int(number)} == secrets
    assert 2 == len(answer.calls)


async def test_create_rename_describe_move_and_delete(world: Make) -> None:
    w = world()
    made = await w.made("/Containers", {"name": "Firewalls", "description": "edge", "externalId": "x-1"})
    folder = w.tree.folders[int(made["id"])]
    assert ("Firewalls", -1, False) == (folder.name, folder.parent_id, folder.inherits)
    below = await w.made("/Containers", {"name": "Cores", "parent": {"value": made["id"]}})
    assert w.tree.folders[int(below["id"])].inherits
    path = f"/Containers/{below['id']}"
    renamed = await w.patch(path, {"op": "replace", "path": "name", "value": "Core"})
    assert ("Core", "Core") == (renamed.body["name"], w.tree.folders[int(below["id"])].name)
    told = await w.patch(path, {"op": "add", "path": "description", "value": "inner"})
    assert "inner" == told.body["description"]
    moved = await w.patch(path, {"op": "replace", "path": "parent", "value": {"value": "1"}})
    assert ("1", 1) == (moved.body["parent"]["value"], w.tree.folders[int(below["id"])].parent_id)
    assert "inner" == (await w.send("GET", path)).body["description"]
    up = await w.patch(path, {"op": "remove", "path": "parent"})
    assert -1 == w.tree.folders[int(below["id"])].parent_id
    assert "parent" not in up.body
    assert [made["id"]] == [
        r["id"] for r in (await w.send("GET", '/Containers?filter=externalId eq "x-1"')).body["Resources"]
    ]
    for number in (below["id"], made["id"]):
        assert 204 == (await w.send("DELETE", f"/Containers/{number}")).status
        assert int(number) not in w.tree.folders
        assert 404 == (await w.send("GET", f"/Containers/{number}")).status


@pytest.mark.parametrize("parent", [{"value": "\\{path}"}, {"$ref": "https://x.example/v2/Containers/1"}, "1", 1])
async def test_a_parent_is_named_by_id_path_or_url(world: Make, parent: Any) -> None:
    w = world()
    if isinstance(parent, dict) and "value" in parent:
        parent = {"value": w.tree.path(w.root())}
    made = await w.made("/Containers", {"name": "Here", "parent": parent})
    assert 1 == w.tree.folders[int(made["id"])].parent_id


async def test_a_name_that_is_a_path_says_where_the_container_goes(world: Make) -> None:
    w = world()
    made = await w.made("/Containers", {"name": w.tree.path(w.root()) + "\\Deep"})
    assert ("Deep", "1") == (made["name"], made["parent"]["value"])


async def test_filters_ask_the_vault_for_what_they_name(world: Make) -> None:
    w = world(folders=40, secrets=40)
    folder = w.tree.folders[20]
    secret = next(s for s in w.tree.secrets.values() if s.folder_id == 20)
    for text in (
        f'name eq "{folder.name.upper()}"',
        f'path eq "{w.tree.path(folder)}"'.replace("\\", "\\\\"),
        f"privilegedData.value eq {secret.id}",
        f"id eq '{folder.id}'",
    ):
        answer = await w.send("GET", f"/Containers?filter={text}")
        assert ["20"] == [r["id"] for r in answer.body["Resources"]], text
        assert 3 >= len(answer.calls), text
    children = {str(f.id) for f in w.tree.folders.values() if f.parent_id == 1}
    answer = await w.send("GET", "/Containers?filter=parent eq 1&count=100")
    assert children == {r["id"] for r in answer.body["Resources"]}


async def test_what_is_not_empty_is_deleted_only_where_the_policy_says_so(world: Make) -> None:
    w = world()
    before = w.frozen()
    answer = await w.send("DELETE", "/Containers/1")
    assert (400, "mutability") == (answer.status, answer.body["scimType"])
    assert "not empty" in answer.detail
    assert before == w.frozen()


@pytest.mark.parametrize("vault", ["cascade", "refuse"])
async def test_where_the_policy_allows_it_the_contents_go_too(world: Make, vault: str) -> None:
    w = world({"delete_non_empty": "allow", "breaker_floor": 100}, switches={"delete_nonempty_folder": vault})
    below = {f.id for f in w.tree.below(1)}
    inside = [s for s in w.tree.secrets.values() if s.folder_id in {1, *below}]
    others = len(w.tree.folders) - len(below) - 1
    assert (await w.send("DELETE", "/Containers/1")).status == 204
    assert others == len(w.tree.folders)
    assert inside
    assert not [s for s in inside if s.active]


def of_their_own(w: World, secret: Any) -> int:
    """A secret gets rights of its own; :return: a holder."""
    w.tree.detach_secret(secret)
    user = w.person()
    if w.tree.secret_grants.held(secret.id, user.personal_group_id) is None:
        w.tree.grant_secret(secret, user.personal_group_id, "View")
    w.vault.changed()
    return int(user.id)


@pytest.mark.parametrize("vault", ["cascade", "refuse"])
@pytest.mark.parametrize("missing", [400, 404])
async def test_what_went_with_its_container_is_not_there_any_more(world: Make, vault: str, missing: int) -> None:
    """A vault denies what is in no folder that one may view, instead of saying that it is gone."""
    switches = {"delete_nonempty_folder": vault, "missing_status": missing}
    w = world({"delete_non_empty": "allow", "breaker_floor": 100}, switches=switches)
    below = {f.id for f in w.tree.below(1)}
    inside = [s.id for s in w.tree.secrets.values() if s.active and s.folder_id in {1, *below}]
    assert len(inside) > 1
    holder = of_their_own(w, w.tree.secrets[inside[0]])
    paths = [f"/PrivilegedData/{number}" for number in inside] + [f"/Containers/{number}" for number in below]
    paths += [f"/PrivilegedDataPermissions/{inside[0]}-u{holder}", f"/ContainerPermissions/1-u{holder}"]
    assert [200] * (len(paths) - 1) == [(await w.send("GET", path)).status for path in paths[:-1]]
    assert 204 == (await w.send("DELETE", "/Containers/1")).status
    assert dict.fromkeys(paths, 404) == {path: (await w.send("GET", path)).status for path in paths}
    assert {404} == {(await w.send("DELETE", path)).status for path in paths}
    assert 404 == (await w.patch(paths[0], {"op": "replace", "path": "name", "value": "again"})).status


async def test_a_secret_that_is_denied_while_its_container_stands_is_unknown_and_not_absent(world: Make) -> None:
    """Also when the container's deletion was begun and the vault refused it."""
    w = world({"delete_non_empty": "allow", "breaker_floor": 100}, switches={"delete_nonempty_folder": "cascade"})
    secret = next(s for s in w.tree.secrets.values() if s.active and s.folder_id == 1)
    await w.ask("PUT", "/_sim/faults", {"rules": [{"match": "^DELETE /api/v1/folders/1$", "do": "403"}]})
    assert 503 == (await w.send("DELETE", "/Containers/1")).status
    await w.ask("PUT", "/_sim/faults", {"rules": [{"match": f"^GET /api/v1/secrets/{secret.id}/", "do": "403"}]})
    assert 503 == (await w.send("GET", f"/PrivilegedData/{secret.id}")).status


async def test_deleting_much_waits_for_a_human(world: Make) -> None:
    w = world(
        {"delete_non_empty": "allow", "breaker_floor": 2}, switches={"delete_nonempty_folder": "cascade"}, secrets=60
    )
    before = w.frozen()
    answer = await w.send("DELETE", "/Containers/1")
    assert (503, before) == (answer.status, w.frozen())
    assert "breaker" in answer.detail


async def test_personal_folders_are_read_and_never_changed(world: Make) -> None:
    w = world()
    mine = next(f for f in w.tree.folders.values() if f.type_id == 2)
    w.tree.grant_folder(mine, w.vault.users[w.vault.account_id].personal_group_id, "Owner", "Owner")
    w.vault.changed()
    before = w.frozen()
    found = await w.send("GET", f"/Containers/{mine.id}")
    assert (200, "personal folder") == (found.status, found.body["type"])
    for answer in (
        await w.patch(f"/Containers/{mine.id}", {"op": "replace", "path": "name", "value": "Mine"}),
        await w.send("DELETE", f"/Containers/{mine.id}"),
        await w.send(
            "POST",
            "/ContainerPermissions",
            {"container": {"value": str(mine.id)}, "user": {"value": str(w.person().id)}, "rights": ["View"]},
        ),
        await w.send("DELETE", f"/ContainerPermissions/{mine.id}-u{mine.owner_id}"),
    ):
        assert answer.status in (400, 403), answer.body
        assert "personal" in answer.detail or "protected" in answer.detail
    assert before == w.frozen()


async def test_bad_input_is_refused_with_words_and_changes_nothing(world: Make) -> None:
    w = world()
    made = await w.made("/Containers", {"name": "A", "parent": {"value": "1"}})
    below = await w.made("/Containers", {"name": "B", "parent": {"value": made["id"]}})
    gone = await w.made("/Containers", {"name": "Gone"})
    await w.send("DELETE", f"/Containers/{gone['id']}")
    before = w.frozen()
    cases: list[tuple[int, str, Any]] = [
        (400, "cycle", w.patch(f"/Containers/{made['id']}", {"op": "replace", "path": "parent", "value": below["id"]})),
        (400, "cycle", w.patch(f"/Containers/{made['id']}", {"op": "replace", "path": "parent", "value": made["id"]})),
        (400, "no container", w.send("POST", "/Containers", {"name": "C", "parent": {"value": gone["id"]}})),
        (400, "no container", w.send("POST", "/Containers", {"name": "C", "parent": {"value": "\\No\\Where"}})),
        (400, "name", w.send("POST", "/Containers", {"name": "   "})),
        (409, "exists", w.send("POST", "/Containers", {"name": "a", "parent": {"value": "1"}})),
        (409, "exists", w.patch(f"/Containers/{below['id']}", {"op": "add", "value": {"name": "A", "parent": "1"}})),
        (404, "", w.send("DELETE", f"/Containers/{gone['id']}")),
        (404, "", w.send("GET", "/Containers/zero")),
    ]
    for status, words, request in cases:
        answer = await request
        assert status == answer.status, answer.body
        assert words in answer.detail
    assert before == w.frozen()
