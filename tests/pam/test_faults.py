"""A vault that fails: unknown is never absent, and a lost answer is finished by the same request sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.test_privileged_data import body as secret_body
from tests.pam.world import SECRET, World

Make = Callable[..., World]
READS = [
    "/Containers",
    "/Containers/1",
    '/Containers?filter=name eq "x"',
    "/ContainerPermissions",
    "/ContainerPermissions/1-u2",
    "/ContainerPermissions?filter=container.value eq 1",
    "/ContainerPermissions?filter=user.value eq 5",
    "/PrivilegedData",
    "/PrivilegedData/1",
    '/PrivilegedData?filter=name eq "x"',
    "/PrivilegedDataPermissions",
    "/PrivilegedDataPermissions?filter=privilegedData.value eq 1",
    "/Roles",
]


async def fault(w: World, match: str, do: str, **more: Any) -> None:
    await w.ask("PUT", "/_sim/faults", {"rules": [{"match": match, "do": do, **more}]})


@pytest.mark.parametrize("do", ["500", "503", "html", "bad-json"])
@pytest.mark.parametrize("path", READS)
async def test_a_read_that_fails_is_an_error_and_never_an_empty_answer(world: Make, path: str, do: str) -> None:
    w = world()
    await w.send("GET", "/Users?count=1")
    await fault(w, "^(GET|POST) /api/", do, times=50, **({"retry_after": 20} if do == "503" else {}))
    answer = await w.send("GET", path)
    assert answer.status in (502, 503), answer.body


@pytest.mark.parametrize("do", ["drop-after", "bad-json"])
async def test_a_lost_answer_is_finished_by_the_same_request(world: Make, do: str) -> None:
    w = world()
    person = w.person()
    requests: list[tuple[str, str, Any]] = [
        ("/Containers", "^POST /api/v1/folders", {"name": "Once", "parent": {"value": "1"}}),
        (
            "/ContainerPermissions",
            "^POST /api/v1/folder-permissions",
            {"container": {"value": "1"}, "user": {"value": str(person.id)}, "rights": ["View"]},
        ),
        ("/PrivilegedData", "^POST /api/v1/secrets$", secret_body(name="Only once")),
    ]
    for path, match, sent in requests:
        await fault(w, match, do, times=1)
        first = await w.send("POST", path, sent)
        await w.ask("DELETE", "/_sim/faults")
        again = first if first.status == 201 else await w.send("POST", path, sent)
        assert 201 == again.status, (path, first.body, again.body)
    assert 1 == sum(f.name == "Once" for f in w.tree.folders.values())
    assert 1 == sum(s.name == "Only once" for s in w.tree.secrets.values())
    assert 1 == sum(r.group_id == person.personal_group_id for r in w.tree.folder_grants.of[1].values())


async def test_a_change_whose_answer_is_lost_may_be_sent_again(world: Make) -> None:
    w = world()
    made = await w.made(
        "/ContainerPermissions",
        {"container": {"value": "1"}, "user": {"value": str(w.person().id)}, "rights": ["View"]},
    )
    path = f"/ContainerPermissions/{made['id']}"
    for match, request in (
        ("^PUT /api/v1/folder-permissions", {"op": "replace", "path": "rights", "value": ["Edit"]}),
        ("^DELETE /api/v1/folder-permissions", None),
    ):
        await fault(w, match, "drop-after", times=1)
        answer = await (w.patch(path, request) if request else w.send("DELETE", path))
        await w.ask("DELETE", "/_sim/faults")
        if answer.status == 503:
            answer = await (w.patch(path, request) if request else w.send("DELETE", path))
        assert answer.status in (200, 204, 404), answer.body
    assert w.person().personal_group_id not in w.rows(1)


async def test_what_is_gone_from_the_vault_holds_no_external_id(world: Make) -> None:
    """Taken away there by a person, or along with its folder: the name is free for what comes next."""
    w = world({"delete_non_empty": "allow", "breaker_floor": 100})
    box = await w.made("/Containers", {"name": "Box", "externalId": "f-1"})
    secret = {**secret_body(folder=box["id"]), "externalId": "s-1"}
    right = {
        "container": {"value": "1"},
        "user": {"value": str(w.person().id)},
        "rights": ["View"],
        "externalId": "r-1",
    }
    await w.made("/PrivilegedData", secret)
    await w.made("/ContainerPermissions", right)
    taken = await w.send("POST", "/Containers", {"name": "Other", "externalId": "f-1"})
    assert (409, "uniqueness") == (taken.status, taken.body["scimType"])
    assert 204 == (await w.send("DELETE", f"/Containers/{box['id']}")).status
    row = w.tree.folder_grants.held(1, w.person().personal_group_id)
    w.tree.folder_grants.drop(row)
    w.vault.changed()
    other = await w.made("/Containers", {"name": "Other", "externalId": "f-1"})
    w.tree.drop_folder(w.tree.folders[int(other["id"])])
    w.vault.changed()
    await w.made("/Containers", {"name": "Third", "externalId": "f-1"})
    await w.made("/PrivilegedData", {**secret_body(folder="1"), "externalId": "s-1"})
    await w.made("/ContainerPermissions", {**right, "user": {"value": str(w.person(1).id)}})


async def test_a_secret_is_not_made_twice_by_one_request_that_comes_again(world: Make) -> None:
    """Names of secrets are not unique: an answer that died on its way must not cost a second one."""
    w = world()
    made = await w.made("/PrivilegedData", secret_body(name="Twin"))
    again = await w.send("POST", "/PrivilegedData", secret_body(name="Twin"))
    assert (409, "uniqueness") == (again.status, again.body["scimType"])
    assert made["id"] in again.detail
    assert 1 == sum(s.name == "Twin" for s in w.tree.secrets.values())
    await w.made("/PrivilegedData", {**secret_body(name="Twin"), "description": "another one"})
    assert 204 == (await w.send("DELETE", f"/PrivilegedData/{made['id']}")).status
    await w.made("/PrivilegedData", {**secret_body(name="Twin"), "description": "a third"})


async def test_twenty_parallel_requests_make_one_folder_and_one_right(world: Make) -> None:
    import asyncio

    w = world()
    await w.send("GET", "/Roles")
    sent = {"container": {"value": "1"}, "user": {"value": str(w.person().id)}, "rights": ["View"]}
    answers = await asyncio.gather(
        *(w.send("POST", "/Containers", {"name": "Race"}) for _ in range(10)),
        *(w.send("POST", "/ContainerPermissions", sent) for _ in range(10)),
    )
    assert {a.status for a in answers} <= {201, 409}
    assert 1 == sum(f.name == "Race" for f in w.tree.folders.values())
    assert 1 == sum(r.group_id == w.person().personal_group_id for r in w.tree.folder_grants.of[1].values())


async def test_no_field_value_is_in_any_table(world: Make) -> None:
    w = world()
    sent = secret_body(machine="m1", username="u1", password="Never-Stored-1")
    made = await w.made("/PrivilegedData", sent)
    change = {"op": "replace", "path": f"{SECRET}:fields", "value": [{"name": "password", "value": "Never-Stored-2"}]}
    await w.patch(f"/PrivilegedData/{made['id']}", change)
    text = repr(vars(w.store)) + repr([vars(t) for t in vars(w.store).get("_tables", {}).values()])
    assert "PrivilegedData" in text or len(text) > 1000
    assert "Never-Stored" not in text
