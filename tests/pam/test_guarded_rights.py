"""Whose rights and roles are out of reach, alone and inside a bulk; and that taking many rights waits for a human."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import PATCH, World

Make = Callable[..., World]
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
Request = tuple[str, str, Any]


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def role(op: str, number: str) -> dict[str, Any]:
    if op == "add":
        return patched({"op": "add", "path": "roles", "value": [{"value": number}]})
    return patched({"op": "remove", "path": f'roles[value eq "{number}"]'})


def powerful_group(w: World) -> Any:
    return next(g for g in w.vault.real_groups.values() if w.vault.group_roles.get(g.id, set()) & {1, 4})


def refused(w: World) -> dict[str, Request]:
    """A write for each reason there is, each on rows that are there."""
    own, admin, person = w.vault.users[w.vault.account_id], w.vault.users[2], w.person()
    group = powerful_group(w)
    for row in (own.personal_group_id, admin.personal_group_id, group.id):
        if w.tree.folder_grants.held(1, row) is None:
            w.tree.grant_folder(w.root(), row, "View", "View")
    secret = next(s for s in w.tree.secrets.values() if s.folder_id == 1)
    w.tree.detach_secret(secret)
    for row in (own.personal_group_id, admin.personal_group_id, group.id):
        if w.tree.secret_grants.held(secret.id, row) is None:
            w.tree.grant_secret(secret, row, "View")
    w.vault.changed()

    def right(to: str, number: int, on: str = "2") -> dict[str, Any]:
        return {"container": {"value": on}, to: {"value": str(number)}, "rights": ["Add Secret"]}

    def sharing(to: str, number: int, on: int = secret.id) -> dict[str, Any]:
        return {"privilegedData": {"value": str(on)}, to: {"value": str(number)}, "rights": ["Edit"]}

    other = next(s for s in w.tree.secrets.values() if s.folder_id == 1 and s.active and s.id != secret.id)

    cases: dict[str, Request] = {}
    for who, to, number in (("an administrator", "user", 2), ("a powerful group", "group", group.id)):
        path = f"/ContainerPermissions/1-{to[0]}{number}"
        on_secret = f"/PrivilegedDataPermissions/{secret.id}-{to[0]}{number}"
        cases |= {
            f"give {who}": ("POST", "/ContainerPermissions", right(to, number)),
            f"change {who}": ("PATCH", path, patched({"op": "replace", "path": "rights", "value": ["Edit"]})),
            f"replace {who}": ("PUT", path, right(to, number, "1")),
            f"take {who}": ("DELETE", path, None),
            f"give {who} on a secret": ("POST", "/PrivilegedDataPermissions", sharing(to, number, other.id)),
            f"change {who} on a secret": ("PUT", on_secret, sharing(to, number)),
            f"patch {who} on a secret": (
                "PATCH",
                on_secret,
                patched({"op": "replace", "path": "rights", "value": ["Edit"]}),
            ),
            f"take {who} on a secret": ("DELETE", on_secret, None),
        }
    cases |= {
        "give our own account": ("POST", "/ContainerPermissions", right("user", own.id)),
        "take our own account": ("DELETE", f"/ContainerPermissions/1-u{own.id}", None),
        "give our own account on a secret": ("POST", "/PrivilegedDataPermissions", sharing("user", own.id, other.id)),
        "take our own account on a secret": (
            "DELETE",
            f"/PrivilegedDataPermissions/{secret.id}-u{own.id}",
            None,
        ),
        "an administrative role to a user": ("PATCH", f"/Users/{person.id}", role("add", "1")),
        "an administrative role to a group": ("PATCH", f"/Groups/{w.group().id}", role("add", "1")),
        "an administrator's role taken": ("PATCH", "/Users/2", role("remove", "1")),
        "a powerful group's role taken": ("PATCH", f"/Groups/{group.id}", role("remove", "1")),
        "any role to an administrator": ("PATCH", "/Users/2", role("add", "3")),
    }
    return cases


HIDDEN = {
    "give our own account": 400,  # there is no such user
    "give our own account on a secret": 400,
    "take our own account": 404,
    "take our own account on a secret": 404,
}
"""Our own account is named nowhere: of it is said what is said of anybody who is not there."""


async def refusals(w: World) -> list[str]:
    return [str(row.values) async for row in w.store.table("audit").query(None) if "refused" in str(row.values)]


@pytest.mark.parametrize("way", ["alone", "bulk"])
async def test_rights_and_roles_of_the_protected_are_out_of_reach(world: Make, way: str) -> None:
    """403 on its own or as one operation of many; written down, and not one write upstream."""
    w = world()
    cases = refused(w)
    await w.send("GET", "/Roles")
    before, roles = w.frozen(), {k: set(v) for k, v in w.vault.group_roles.items()}
    for name, (method, path, body) in cases.items():
        told = len(await refusals(w))
        if way == "alone":
            answer = await w.send(method, path, body)
            status = answer.status
        else:
            operation = {"method": method, "path": path, "bulkId": "b1"} | ({"data": body} if body else {})
            answer = await w.send("POST", "/Bulk", {"schemas": [BULK], "Operations": [operation]})
            assert 200 == answer.status, answer.body
            status = int(answer.body["Operations"][0]["status"])
        assert HIDDEN.get(name, 403) == status, (name, answer.body)
        assert [] == [c for c in answer.calls if not c.startswith("GET") and "reports" not in c], name
        assert (name not in HIDDEN) == (told < len(await refusals(w))), f"{name} is not on record"
    assert before == w.frozen()
    assert roles == {k: set(v) for k, v in w.vault.group_roles.items()}


@pytest.mark.parametrize("way", ["alone", "bulk"])
@pytest.mark.parametrize("kind", ["ContainerPermissions", "PrivilegedDataPermissions"])
async def test_taking_many_rights_waits_for_a_human(world: Make, kind: str, way: str) -> None:
    """Rights that others gave: ten go, the eleventh and all after it are held, and stay."""
    w = world(users=40, secrets=4)
    people = [w.person(n) for n in range(14)]
    secret = next(s for s in w.tree.secrets.values() if s.folder_id == 1)
    w.tree.detach_secret(secret)
    for person in people:
        if kind == "ContainerPermissions":
            if w.tree.folder_grants.held(1, person.personal_group_id) is None:
                w.tree.grant_folder(w.root(), person.personal_group_id, "View", "View")
        elif w.tree.secret_grants.held(secret.id, person.personal_group_id) is None:
            w.tree.grant_secret(secret, person.personal_group_id, "View")
    w.vault.changed()
    on = 1 if kind == "ContainerPermissions" else secret.id
    paths = [f"/{kind}/{on}-u{person.id}" for person in people]
    if way == "alone":
        statuses = [(await w.send("DELETE", path)).status for path in paths]
    else:
        operations = [{"method": "DELETE", "path": path} for path in paths]
        answer = await w.send("POST", "/Bulk", {"schemas": [BULK], "Operations": operations})
        statuses = [int(o["status"]) for o in answer.body["Operations"]]
    assert [204] * 10 + [503] * 4 == statuses
    grants = w.tree.folder_grants if kind == "ContainerPermissions" else w.tree.secret_grants
    left = [p.id for p in people if grants.held(on, p.personal_group_id) is not None]
    assert [p.id for p in people[10:]] == left


async def test_what_the_connection_gave_within_the_hour_it_may_take_again(world: Make) -> None:
    w = world(users=40)
    people = [w.person(n) for n in range(14)]
    for person in people:
        row = w.tree.folder_grants.held(1, person.personal_group_id)
        if row is not None:
            w.tree.folder_grants.drop(row)
    w.vault.changed()
    for person in people:
        body = {"container": {"value": "1"}, "user": {"value": str(person.id)}, "rights": ["View"]}
        made = await w.made("/ContainerPermissions", body)
        assert 204 == (await w.send("DELETE", f"/ContainerPermissions/{made['id']}")).status
