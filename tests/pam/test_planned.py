"""The dry run of writes that end an inheritance or take things along: each step is named, and none is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scim.rehearsal import Rehearsal
from scim.triggers.exchange import Incoming
from scim.triggers.requests import answer_as
from tests.pam.world import World

Make = Callable[..., World]
POLICIES = {"break_inheritance": "break", "delete_non_empty": "allow", "breaker_floor": 1000}


async def planned(w: World, method: str, path: str, body: bytes = b"") -> tuple[int, list[tuple[str, str, Any]]]:
    await w.send("GET", "/Containers?count=1")
    assert w.connection is not None
    rehearsal = Rehearsal(w.connector)
    named = {"content-type": "application/scim+json"}
    outgoing, _ = await answer_as(rehearsal, Incoming(method, f"/scim/v2{path}", "", named, body), w.connection)
    return outgoing.status, [(step.action, step.target, dict(step.values)) for step in rehearsal.plan]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_the_end_of_an_inheritance_is_a_step_of_the_plan(world: Make, method: str) -> None:
    w = world(POLICIES)
    folder, person = w.inheriting(), w.person()
    source = w.tree.source(folder)
    held = w.tree.folder_grants.held(source.id, person.personal_group_id)
    if held is not None:
        w.tree.folder_grants.drop(held)
    if method == "DELETE":
        w.tree.grant_folder(source, person.personal_group_id, "View", "View")
    w.vault.changed()
    rights = len(w.tree.folder_rows(folder))
    before = w.frozen()
    body = f'{{"container": {{"value": "{folder.id}"}}, "user": {{"value": "{person.id}"}}, "rights": ["View"]}}'
    if method == "POST":
        status, steps = await planned(w, "POST", "/ContainerPermissions", body.encode())
    else:
        status, steps = await planned(w, "DELETE", f"/ContainerPermissions/{folder.id}-u{person.id}")
    assert status in (201, 204)
    path = w.tree.path(folder)
    assert ("end inheritance", f"folder {path} (id {folder.id})", {"rights that stay": rights}) == steps[0]
    assert [{"POST": "grant", "DELETE": "take rights away"}[method]] == [action for action, *_ in steps[1:]]
    assert before == w.frozen()
    assert [] == [row for row in w.store.table("journal").rows.values() if row.partition.startswith("detach|")]


async def test_a_deletion_with_contents_is_planned_and_marks_nothing(world: Make) -> None:
    w = world(POLICIES)
    before = w.frozen()
    status, steps = await planned(w, "DELETE", "/Containers/1")
    assert (204, ["delete folder"]) == (status, [action for action, *_ in steps])
    assert before == w.frozen()
    assert [] == [row for row in w.store.table("attributes").rows.values() if row.partition.endswith("|gone")]
