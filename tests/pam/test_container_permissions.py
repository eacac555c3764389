"""/ContainerPermissions: one right of one holder on one folder, and the inheritance that no write ends by accident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import PERMISSION, World

Make = Callable[..., World]


def body(folder: Any, holder: Any, *rights: str, to: str = "user") -> dict[str, Any]:
    return {"container": {"value": str(folder)}, to: {"value": str(holder)}, "rights": list(rights)}


# -- the way of one right --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["user", "group"])
async def test_a_right_is_given_read_changed_and_taken_and_no_other_row_moves(world: Make, to: str) -> None:
    w = world()
    folder = w.root()
    holder, row = (w.person(), w.person().personal_group_id) if to == "user" else (w.group(), w.group().id)
    if row in w.rows(folder.id):
        w.tree.folder_grants.drop(w.tree.folder_grants.held(folder.id, row))
        w.vault.changed()
    others = w.rows(folder.id)
    made = await w.made("/ContainerPermissions", body(folder.id, holder.id, "View", to=to))
    assert f"{folder.id}-{to[0]}{holder.id}" == made["id"]
    assert {**others, row: ("View", "View")} == w.rows(folder.id)
    path = f"/ContainerPermissions/{made['id']}"
    read = await w.send("GET", path)
    assert made == read.body
    assert ("user" in made, "group" in made) == (to == "user", to == "group")
    assert folder.name == made["container"]["name"] == made["container"]["display"]
    added = await w.patch(path, {"op": "add", "path": "rights", "value": ["Edit"]})
    assert ["Edit"] == added.body["rights"]
    put = await w.send("PUT", path, body(folder.id, holder.id, "Owner", to=to))
    assert (200, ["Owner"]) == (put.status, put.body["rights"])
    assert {**others, row: ("Owner", "Owner")} == w.rows(folder.id)
    assert 204 == (await w.send("DELETE", path)).status
    assert others == w.rows(folder.id)
    assert 404 == (await w.send("GET", path)).status
    assert made["id"] == (await w.made("/ContainerPermissions", body(folder.id, holder.id, "View", to=to)))["id"]


@pytest.mark.parametrize(
    ("named", "more"),
    [
        ({"name": "{name}"}, {}),
        ({"value": "{path}"}, {}),
        ({"$ref": "https://x.example/scim/v2/Containers/{id}"}, {}),
        ("{id}", {}),
    ],
)
async def test_a_container_is_named_by_value_name_path_or_url(world: Make, named: Any, more: Any) -> None:
    w = world()
    folder = w.root()
    words = {"name": folder.name, "path": w.tree.path(folder), "id": str(folder.id)}
    said = {k: v.format(**words) for k, v in named.items()} if isinstance(named, dict) else named.format(**words)
    answer = await w.send(
        "POST", "/ContainerPermissions", {"container": said, "user": {"value": str(w.person().id)}, "rights": ["View"]}
    )
    assert (201, str(folder.id)) == (answer.status, answer.body["container"]["value"])


# -- pairs that are there --------------------------------------------------------------------------------------------


async def test_a_second_right_for_the_same_pair_is_a_conflict_or_joins_the_first(world: Make) -> None:
    w = world()
    await w.made("/ContainerPermissions", body(1, w.person().id, "Add Secret"))
    before = w.frozen()
    again = await w.send("POST", "/ContainerPermissions", body(1, w.person().id, "Edit"))
    assert (409, "uniqueness", before) == (again.status, again.body["scimType"], w.frozen())
    w = world({"existing_pair": "merge"})
    first = await w.made("/ContainerPermissions", body(1, w.person().id, "Edit"))
    second = await w.made("/ContainerPermissions", body(1, w.person().id, "View"))
    assert (first["id"], ["Edit"]) == (second["id"], second["rights"])


# -- inheritance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["own", "parent", "none"])
async def test_inherited_and_direct_rights_are_told_apart(world: Make, mode: str) -> None:
    w = world(switches={"inherited_rows": mode})
    folder = w.inheriting()
    source = w.tree.source(folder)
    answer = await w.send("GET", f"/ContainerPermissions?filter=container.value eq {folder.id}")
    own = w.vault.users[w.vault.account_id].personal_group_id
    assert len(w.rows(source.id).keys() - {own}) == answer.body["totalResults"]
    for row in answer.body["Resources"]:
        told = row[PERMISSION]
        assert (True, False, str(source.id)) == (told["inherited"], told["direct"], told["inheritedFrom"])
        single = await w.send("GET", f"/ContainerPermissions/{row['id']}")
        assert row == single.body
    direct = await w.send("GET", f"/ContainerPermissions?filter=container.value eq {source.id}")
    assert {(False, True)} == {(r[PERMISSION]["inherited"], r[PERMISSION]["direct"]) for r in direct.body["Resources"]}


# -- lists and filters -----------------------------------------------------------------------------------------------


def direct_rows(w: World) -> set[str]:
    """Everybody's but the connector's own."""
    found = set()
    account = w.vault.users[w.vault.account_id]
    for row in w.tree.folder_grants.rows.values():
        if row.group_id != account.personal_group_id and w.tree.folder_level(account, w.tree.folders[row.on]):
            owner = w.vault.groups[row.group_id].personal_of
            found.add(f"{row.on}-{'u' if owner else 'g'}{owner or row.group_id}")
    return found


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("unfiltered", [True, False])
async def test_a_walk_finds_every_direct_right_once_whatever_the_vault_offers(
    world: Make, reports: bool, unfiltered: bool
) -> None:
    switches = {"reports_present": reports, "folder_permissions_unfiltered": unfiltered}
    w = world(folders=60, folder_permissions=150, switches=switches)
    seen: list[str] = []
    calls: list[str] = []
    total = 1
    while len(seen) < total:
        answer = await w.send("GET", f"/ContainerPermissions?startIndex={len(seen) + 1}&count=40")
        total = answer.body["totalResults"]
        seen += [r["id"] for r in answer.body["Resources"]]
        calls += answer.calls
    assert len(set(seen)) == len(seen)
    assert direct_rows(w) == set(seen)
    own = sum(not f.inherits for f in w.tree.folders.values())
    assert len(calls) <= (15 if reports or unfiltered else own + 10), calls


async def test_a_report_that_tells_another_story_is_not_believed(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from simulator import report_rows

    def half(vault: Any) -> Any:
        columns, rows = report_rows._folder_permissions(vault)
        return columns, rows[: len(rows) // 2]

    monkeypatch.setitem(report_rows.REPORTS, "SCIM Folders Permission", half)
    w = world(folders=30, folder_permissions=60, switches={"reports_present": True})
    answer = await w.send("GET", "/ContainerPermissions?count=1000")
    assert direct_rows(w) == {r["id"] for r in answer.body["Resources"]}


async def test_our_own_writes_show_in_lists_at_once(world: Make) -> None:
    w = world()
    before = (await w.send("GET", "/ContainerPermissions")).body["totalResults"]
    made = await w.made("/ContainerPermissions", body(1, w.person().id, "View"))
    after = await w.send("GET", "/ContainerPermissions?count=500")
    assert before + 1 == after.body["totalResults"]
    assert made["id"] in {r["id"] for r in after.body["Resources"]}
    await w.send("DELETE", f"/ContainerPermissions/{made['id']}")
    assert before == (await w.send("GET", "/ContainerPermissions")).body["totalResults"]


async def test_filters_are_pushed_down(world: Make) -> None:
    w = world(folders=40, folder_permissions=60)
    person = w.person()
    made = await w.made("/ContainerPermissions", body(1, person.id, "Edit"))
    cases = {
        f'user.value eq "{person.id}" and container.value eq "1"': 2,
        f"container.value+eq+1+and+user.value+eq+{person.id}": 2,
        f"container eq 1 and user eq {person.id} and rights eq 'Edit'": 2,
        f'user.display eq "{person.display_name}" and container.value eq 1': 2,
        f'container.name eq "{w.root().name}" and user.value eq {person.id}': 3,
        f'user.value eq "{person.id}" and rights eq "Edit"': 2,
    }
    for text, most in cases.items():
        answer = await w.send("GET", f"/ContainerPermissions?filter={text}")
        assert [made["id"]] == [r["id"] for r in answer.body["Resources"] if r["container"]["value"] == "1"], text
        assert len(answer.calls) <= most, (text, answer.calls)


@pytest.mark.parametrize(
    "text", ['user.value eq "{user}"', 'group.value eq "{group}"', 'rights eq "Owner"', 'user.display eq "{name}"']
)
async def test_a_filter_over_all_folders_finds_the_same_as_looking_at_every_row(world: Make, text: str) -> None:
    w = world(folders=40, folder_permissions=90)
    rows = (await w.send("GET", "/ContainerPermissions?count=1000")).body["Resources"]
    user = next(r["user"] for r in rows if "user" in r and r["user"]["value"] not in ("1", "2"))
    group = next(r["group"] for r in rows if "group" in r)
    text = text.format(user=user["value"], group=group["value"], name=user["display"])
    found = (await w.send("GET", f"/ContainerPermissions?filter={text}&count=1000")).body["Resources"]
    alike = (await w.send("GET", f"/ContainerPermissions?filter=({text}) and id pr&count=1000")).body["Resources"]
    key, _, value = text.partition(" eq ")
    head, _, sub = key.partition(".")
    wanted = value.strip('"')
    expected = [r["id"] for r in rows if (wanted in r[head] if not sub else r.get(head, {}).get(sub) == wanted)]
    assert expected
    assert sorted(expected) == sorted(r["id"] for r in found) == sorted(r["id"] for r in alike)


async def test_cursors_walk_permissions_too(world: Make) -> None:
    w = world(folders=40, folder_permissions=60)
    seen: list[str] = []
    path = "/ContainerPermissions?count=25&cursor="
    answer = await w.send("GET", path)
    while True:
        seen += [r["id"] for r in answer.body["Resources"]]
        if "nextCursor" not in answer.body:
            break
        answer = await w.send("GET", path + answer.body["nextCursor"])
    assert direct_rows(w) == set(seen)


# -- bad input -------------------------------------------------------------------------------------------------------


async def test_bad_input_is_refused_with_words_and_changes_nothing(world: Make) -> None:
    w = world()
    gone = await w.made("/Containers", {"name": "Gone"})
    await w.send("DELETE", f"/Containers/{gone['id']}")
    person, disabled = w.person(), w.person(1)
    disabled.enabled = False
    made = await w.made("/ContainerPermissions", body(1, person.id, "View"))
    before, path = w.frozen(), f"/ContainerPermissions/{made['id']}"
    both = {**body(1, person.id, "View"), "group": {"value": str(w.group().id)}}
    neither = {"container": {"value": "1"}, "rights": ["View"]}
    send = w.send
    cases: list[tuple[int, str, Any]] = [
        (400, "View, Add Secret, Edit, Owner", send("POST", "/ContainerPermissions", body(1, w.person(2).id, "Wave"))),
        (400, "exactly one", send("POST", "/ContainerPermissions", both)),
        (400, "exactly one", send("POST", "/ContainerPermissions", neither)),
        (400, "disabled", send("POST", "/ContainerPermissions", body(1, disabled.id, "View"))),
        (400, "no user", send("POST", "/ContainerPermissions", body(1, 99999, "View"))),
        (400, "no group", send("POST", "/ContainerPermissions", body(1, 99999, "View", to="group"))),
        (400, "no container", send("POST", "/ContainerPermissions", body(gone["id"], person.id, "View"))),
        (400, "rights", send("POST", "/ContainerPermissions", body(1, w.person(2).id))),
        (400, "immutable", send("PUT", path, body(2, person.id, "View"))),
        (400, "immutable", send("PUT", path, body(1, w.person(2).id, "View"))),
        (400, "Wave", w.patch(path, {"op": "replace", "path": "rights", "value": ["Wave"]})),
        (400, "", w.patch(path, {"op": "remove", "path": "rights"})),
        (404, "", send("GET", f"/ContainerPermissions/{gone['id']}-u{person.id}")),
        (404, "", send("DELETE", f"/ContainerPermissions/1-u{w.person(2).id}")),
        (404, "", send("GET", "/ContainerPermissions/77")),
        (403, "protected", send("POST", "/ContainerPermissions", body(1, 2, "View"))),
        (403, "protected", send("DELETE", "/ContainerPermissions/1-u2")),
    ]
    for status, words, request in cases:
        answer = await request
        assert status == answer.status, (words, answer.body)
        assert words in answer.detail
    assert before == w.frozen()


# -- words -----------------------------------------------------------------------------------------------------------


async def test_a_connection_has_words_of_its_own_many_to_one(world: Make) -> None:
    w = world({"container_rights": {"Admin": "Owner", "PowerUser": "Owner", "Auditor": "View/List"}})
    person = w.person()
    made = await w.made("/ContainerPermissions", body(1, person.id, "PowerUser"))
    assert (
        ["PowerUser"] == made["rights"] == (await w.send("GET", f"/ContainerPermissions/{made['id']}")).body["rights"]
    )
    assert ("Owner", "Owner") == w.rows(1)[person.personal_group_id]
    path = f"/ContainerPermissions/{made['id']}"
    assert ["Auditor"] == (await w.send("PUT", path, body(1, person.id, "auditor"))).body["rights"]
    assert ("View", "List") == w.rows(1)[person.personal_group_id]
    refused = await w.send("PUT", path, body(1, person.id, "Owner"))
    assert (400, True) == (refused.status, "Admin, PowerUser, Auditor" in refused.detail)


async def test_legacy_connections_read_what_they_do_not_know_as_view(world: Make) -> None:
    w = world({"unknown_right": "legacy"})
    made = await w.made("/ContainerPermissions", body(1, w.person().id, "UseAccounts"))
    assert ["View"] == made["rights"]


async def test_a_detailed_connection_sees_and_sets_both_dimensions(world: Make) -> None:
    w = world({"rights_style": "detailed"})
    person = w.person()
    made = await w.made("/ContainerPermissions", body(1, person.id, "View", "Secrets:List"))
    assert ["View", "Secrets:List"] == made["rights"]
    assert ("View", "List") == w.rows(1)[person.personal_group_id]
    path = f"/ContainerPermissions/{made['id']}"
    await w.patch(path, {"op": "replace", "path": "rights", "value": ["Edit", "Secrets:None"]})
    assert ("Edit", "None") == w.rows(1)[person.personal_group_id]
    await w.patch(path, {"op": "add", "path": "rights", "value": ["Secrets:View"]})
    assert ("Edit", "View") == w.rows(1)[person.personal_group_id]


async def test_what_is_shown_may_be_sent_back_without_changing_the_secret_level(world: Make) -> None:
    w = world()
    person = w.person()
    w.tree.grant_folder(w.root(), person.personal_group_id, "View", "None")
    w.vault.changed()
    path = f"/ContainerPermissions/1-u{person.id}"
    read = await w.send("GET", path)
    assert ["View"] == read.body["rights"]
    assert 200 == (await w.send("PUT", path, read.body)).status
    assert ("View", "None") == w.rows(1)[person.personal_group_id]


@pytest.mark.parametrize("grantees", ["users", "groups"])
async def test_a_connection_may_be_held_to_users_or_to_groups(world: Make, grantees: str) -> None:
    w = world({"grantees": grantees})
    to_user = await w.send("POST", "/ContainerPermissions", body(1, w.person().id, "View"))
    assert (201 if grantees == "users" else 400) == to_user.status
    schema = (await w.send("GET", "/Schemas/ContainerPermission")).body["attributes"]
    required = {a["name"] for a in schema if a["required"]}
    assert {"container", "rights", grantees[:-1]} == required


async def test_the_rights_of_a_connection_are_published(world: Make) -> None:
    w = world({"container_rights": {"Admin": "Owner"}})
    schema = (await w.send("GET", "/Schemas/ContainerPermission")).body["attributes"]
    assert ["Admin"] == next(a for a in schema if a["name"] == "rights")["canonicalValues"]
    listed = (await w.send("GET", "/Entitlements")).body["Resources"]
    words = {(e["type"], e["displayName"]) for e in listed}
    assert ("ContainerPermission", "Admin") in words
    assert {"List", "View", "Edit", "Owner"} == {w for t, w in words if t == "PrivilegedDataPermission"}
