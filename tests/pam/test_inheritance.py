"""Whether a folder inherits × which right × add, change, remove × the policy × user or group × how the vault behaves.

Read from the simulator's state: the flag of inheritance, the rows of the folder, of the folder above, and of all
others; and from its record of calls: `breakInheritance`, which defaults to true there, is in every write, and false.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from scim.content import FolderLevel
from scim.resources.rights import FOLLOWS
from tests.pam.world import PATCH, World

Make = Callable[..., World]
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RIGHTS = ("View", "Edit", "Add Secret", "Owner")
VERBS = ("add", "change", "remove")
POLICIES = ("refuse", "break")
HOLDERS = ("user", "group")
SWITCHES: tuple[dict[str, Any], ...] = (  # whatever the vault says of inherited rows, and defaults to
    {"inherited_rows": "own", "inherited_error": "message", "user_rows": "both"},
    {"inherited_rows": "parent", "inherited_error": "errorCode", "user_rows": "user", "rows_after_break": "none"},
    {"inherited_rows": "none", "break_inheritance_default": False, "missing_status": 404},
)
MATRIX = list(itertools.product((True, False), RIGHTS, VERBS, POLICIES, HOLDERS))


def holder(w: World, to: str) -> tuple[int, int]:
    """An id for the client, and the group that the vault's row names."""
    if to == "user":
        return w.person().id, w.person().personal_group_id
    return w.group().id, w.group().id


WAYS = ("PATCH", "PUT", "bulk", "bulk with PUT")


async def write(w: World, verb: str, folder: int, to: str, number: int, right: str, way: str) -> Any:
    """:param way: How a change is said; and whether alone or as the second operation of a bulk."""
    path = f"/ContainerPermissions/{folder}-{to[0]}{number}"
    body: Any = {"container": {"value": str(folder)}, to: {"value": str(number)}, "rights": [right]}
    method = "PUT" if "PUT" in way else "PATCH"
    if verb == "add":
        method, path = "POST", "/ContainerPermissions"
    elif verb == "remove":
        method, body = "DELETE", None
    elif method == "PATCH":
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "rights", "value": [right]}]}
    if "bulk" not in way:
        return await w.send(method, path, body)
    return await in_bulk(w, method, path, body)


async def in_bulk(w: World, method: str, path: str, body: Any) -> Any:
    """Beside one that fails: what its neighbours do changes nothing of it."""
    stray = {"method": "DELETE", "path": "/ContainerPermissions/999999-u4"}
    one = {"method": method, "path": path, "bulkId": "it"} | ({"data": body} if body else {})
    answer = await w.send("POST", "/Bulk", {"schemas": [BULK], "Operations": [stray, one]})
    assert 200 == answer.status, answer.body
    assert "404" == answer.body["Operations"][0]["status"]
    done = answer.body["Operations"][1]
    return replace(answer, status=int(done["status"]), body=done.get("response"))


async def breaks(w: World) -> list[Any]:
    """What the writes of rights that the vault got said about inheritance."""
    calls = (await w.ask("GET", "/_sim/calls?full=1"))["calls"]
    writes = [c for c in calls if c["path"].startswith("/api/v1/folder-permissions") and c["method"] != "GET"]
    said = [c["query"] if c["method"] == "DELETE" else c["request"]["breakInheritance"] for c in writes]
    return [what is False or "breakInheritance=false" in str(what) for what in said]


async def one_cell(w: World, inherits: bool, right: str, verb: str, policy: str, to: str, way: str) -> None:
    """One write, and everything that may have moved."""
    folder = w.inheriting() if inherits else w.root()
    source = w.tree.source(folder)
    number, row = holder(w, to)
    there = w.tree.folder_grants.held(source.id, row)
    if there is not None:
        w.tree.folder_grants.drop(there)
    if verb != "add":
        w.tree.grant_folder(source, row, "View" if right != "View" else "Owner", "List")
    w.vault.changed()
    everywhere = {f.id: (f.inherits, w.rows(f.id)) for f in w.tree.folders.values()}
    above = w.rows(source.id)
    answer = await write(w, verb, folder.id, to, number, right, way)
    assert all(await breaks(w)), "said in every write, and never true"
    wanted = dict(above)
    if verb == "remove":
        wanted.pop(row)
    else:
        wanted[row] = (right, FOLLOWS[FolderLevel(right)].value)
    if inherits and policy == "refuse":
        assert (400, "mutability") == (answer.status, answer.body["scimType"])
        assert w.tree.path(source) in answer.detail, "the words name the folder that holds the right"
        assert [] == [c for c in answer.calls if not c.startswith("GET")]
    else:
        assert answer.status in (200, 201, 204), answer.body
        everywhere[folder.id] = (False, wanted)
    assert everywhere == {f.id: (f.inherits, w.rows(f.id)) for f in w.tree.folders.values()}


@pytest.mark.parametrize("cell", range(len(MATRIX)))
async def test_inheritance_ends_by_policy_alone_and_then_costs_nobody_a_right(world: Make, cell: int) -> None:
    inherits, right, verb, policy, to = MATRIX[cell]
    w = world({"break_inheritance": policy}, switches=SWITCHES[cell % 3])
    await one_cell(w, inherits, right, verb, policy, to, "PATCH")


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("inherits", [True, False])
async def test_a_put_and_a_bulk_end_no_inheritance_that_a_patch_would_not(
    world: Make, inherits: bool, policy: str, verb: str, way: str
) -> None:
    """For each holder and right one after another."""
    for number, (to, right) in enumerate(itertools.product(HOLDERS, ("View", "Owner"))):
        w = world({"break_inheritance": policy}, switches=SWITCHES[number % 3])
        await one_cell(w, inherits, right, verb, policy, to, way)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", range(len(MATRIX)))
async def test_inheritance_ends_by_policy_alone_however_the_vault_behaves(
    world: Make, cell: int, way: str, switches: dict[str, Any]
) -> None:
    inherits, right, verb, policy, to = MATRIX[cell]
    w = world({"break_inheritance": policy}, switches=switches)
    await one_cell(w, inherits, right, verb, policy, to, way)


@pytest.mark.parametrize("way", ["alone", "bulk"])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("to", HOLDERS)
async def test_a_right_on_an_inheriting_secret_ends_its_inheritance_by_policy_alone(
    world: Make, policy: str, to: str, way: str
) -> None:
    w = world({"break_inheritance": policy}, secrets=40)
    secret = next(s for s in w.tree.secrets.values() if s.inherits and s.folder_id in w.tree.folders)
    source = w.tree.source(w.tree.folders[secret.folder_id])
    number, row = holder(w, to)
    there = w.tree.folder_grants.held(source.id, row)
    if there is not None:
        w.tree.folder_grants.drop(there)
        w.vault.changed()
    before = w.frozen()
    applied = {r.group_id: r.secret_role for r in w.tree.secret_rows(secret)}
    body = {"privilegedData": {"value": str(secret.id)}, to: {"value": str(number)}, "rights": ["Edit"]}
    send = w.send if way == "alone" else partial(in_bulk, w)
    answer = await send("POST", "/PrivilegedDataPermissions", body)
    if policy == "refuse":
        assert (400, "mutability", before) == (answer.status, answer.body["scimType"], w.frozen())
        assert w.tree.path(source) in answer.detail
        return
    assert 201 == answer.status, answer.body
    assert not secret.inherits
    assert {**applied, row: "Edit"} == {r.group_id: r.secret_role for r in w.tree.secret_rows(secret)}


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE"])
async def test_an_inherited_right_is_none_of_a_secret_s_own(world: Make, verb: str) -> None:
    """It stands at the folder: of the secret's own there is none to change or to take."""
    w = world({"break_inheritance": "break"}, secrets=40)
    secret = next(s for s in w.tree.secrets.values() if s.inherits and w.tree.secret_rows(s))
    user = next(u for u in w.vault.users.values() if u.personal_group_id == w.tree.secret_rows(secret)[0].group_id)
    before, path = w.frozen(), f"/PrivilegedDataPermissions/{secret.id}-u{user.id}"
    body: Any = {"privilegedData": {"value": str(secret.id)}, "user": {"value": str(user.id)}, "rights": ["Edit"]}
    if verb == "PATCH":
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "rights", "value": ["Edit"]}]}
    answer = await w.send(verb, path, None if verb == "DELETE" else body)
    assert (404, before) == (answer.status, w.frozen())
    inside = await in_bulk(w, verb, path, None if verb == "DELETE" else body)
    assert (404, before) == (inside.status, w.frozen())
