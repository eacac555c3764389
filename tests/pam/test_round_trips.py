"""What was read may be sent back: a PUT of it changes nothing, neither in the vault nor in what is shown afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import SECRET, World

Make = Callable[..., World]
WRITABLE = ("Users", "Groups", "Containers", "ContainerPermissions", "PrivilegedData", "PrivilegedDataPermissions")
READ_ONLY = ("Roles", "Entitlements")
POLICIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "detailed": {"rights_style": "detailed", "patch_answer": "resource"},
    "own words": {"container_rights": {"Admin": "Owner", "Power": "Owner", "Reader": "View/List"}},
    "strict": {"strict": True},
    "no names": {"rename": "refuse", "break_inheritance": "break"},
}


async def furnished(world: Make, policies: dict[str, Any]) -> World:
    """With rights of all kinds, and with things that this client made and labelled itself."""
    w = world(policies, secrets=20)
    person, account = w.person(), w.vault.users[w.vault.account_id]
    for at, level in zip(
        (f for f in w.tree.folders.values() if not f.inherits), ("Edit", "View", "Owner"), strict=False
    ):
        if w.tree.folder_grants.held(at.id, person.personal_group_id) is None:
            w.tree.grant_folder(at, person.personal_group_id, level, "List")
    secret = next(s for s in w.tree.secrets.values() if s.active and w.tree.secret_level(account, s) == 4)
    w.tree.detach_secret(secret)
    w.vault.changed()
    labels = {"displayName": "Mine!", "description": "for me", "type": "safe", "externalId": "e-1"}
    await w.made("/Containers", {"schemas": [CONTAINER], "name": "labelled", "parent": {"value": "1"}, **labels})
    await w.made("/Containers", {"schemas": [CONTAINER], "name": "bare"})
    return w


CONTAINER = "urn:ietf:params:scim:schemas:pam:1.0:Container"


async def everything(w: World) -> str:
    return w.frozen() + repr(await w.state("users", "groups", "group_members", "user_roles", "group_roles"))


def own(document: dict[str, Any]) -> dict[str, Any]:
    """With the part of the version that is its own: a user shown with groups has theirs behind a dot."""
    meta = document["meta"]
    return {**document, "meta": {**meta, "version": meta["version"].rstrip('"').partition(".")[0]}}


@pytest.mark.parametrize("policies", POLICIES)
@pytest.mark.parametrize("endpoint", WRITABLE)
async def test_what_was_read_and_is_sent_back_changes_nothing(world: Make, endpoint: str, policies: str) -> None:
    """As it was read singly, and as it stood in a list; whoever made it."""
    w = await furnished(world, POLICIES[policies])
    listed = {r["id"]: r for r in (await w.send("GET", f"/{endpoint}?count=500")).body["Resources"]}
    assert listed
    before = await everything(w)
    seen = 0
    for number, row in listed.items():
        path = f"/{endpoint}/{number}"
        read = (await w.send("GET", path)).body
        for body in (read, row):
            answer = await w.send("PUT", path, body)
            assert 200 == answer.status, (path, answer.body)
            assert [] == [c for c in answer.calls if not c.startswith("GET")], path
            assert {n: v for n, v in own(read).items() if n in answer.body} == own(answer.body), "the version, too"
            assert read == (await w.send("GET", path)).body
            seen += 1
    assert seen
    assert before == await everything(w)


@pytest.mark.parametrize("endpoint", READ_ONLY)
async def test_what_can_only_be_read_cannot_be_sent_back(world: Make, endpoint: str) -> None:
    w = world()
    for row in (await w.send("GET", f"/{endpoint}?count=500")).body["Resources"]:
        assert 405 == (await w.send("PUT", f"/{endpoint}/{row['id']}", row)).status


async def test_labels_that_nobody_gave_come_back_after_a_put_without_them(world: Make) -> None:
    """They are what is shown where the client gave none (RFC 7644 §3.5.1: defaults)."""
    w = world()
    path = "/Containers/1"
    read = (await w.send("GET", path)).body
    put = await w.send("PUT", path, {"name": read["name"]})
    assert (read["name"], "folder") == (put.body["displayName"], put.body["type"])
    assert read == (await w.send("GET", path)).body
    secret = (await w.send("GET", "/PrivilegedData?count=1")).body["Resources"][0]
    put = await w.send("PUT", f"/PrivilegedData/{secret['id']}", {"name": secret["name"]})
    assert secret["type"] == put.body["type"]


async def test_labels_of_the_client_s_own_go_with_a_put_without_them(world: Make) -> None:
    w = world()
    made = await w.made("/Containers", {"name": "box", "displayName": "Mine!", "description": "d", "type": "safe"})
    path = f"/Containers/{made['id']}"
    put = (await w.send("PUT", path, {"name": "box"})).body
    assert ("box", "folder") == (put["displayName"], put["type"])
    assert "description" not in put
    assert put == (await w.send("GET", path)).body


async def test_a_label_that_was_taken_away_by_patch_stays_away(world: Make) -> None:
    w = world()
    path = "/Containers/1"
    for name in ("displayName", "type"):
        assert name not in (await w.patch(path, {"op": "remove", "path": name})).body
        assert name not in (await w.send("GET", path)).body
        body = (await w.send("GET", path)).body
        assert name not in (await w.patch(path, {"op": "replace", "path": "description", "value": name})).body
        assert name not in (await w.send("PUT", path, body)).body, "it is sent back as it was read"


async def test_a_name_to_show_that_a_put_sends_is_the_one_that_is_shown(world: Make) -> None:
    """A client renames what it read: the name to show it sent along is the old one, and that is what it asked for."""
    w = world()
    read = (await w.send("GET", "/Containers/1")).body
    put = (await w.send("PUT", "/Containers/1", {**read, "name": "renamed"})).body
    assert ("renamed", read["displayName"]) == (put["name"], put["displayName"])
    assert put["displayName"] == (await w.send("GET", "/Containers/1")).body["displayName"]
    patched = (await w.patch("/Containers/1", {"op": "replace", "path": "name", "value": "again"})).body
    assert ("again", read["displayName"]) == (patched["name"], patched["displayName"]), "it is the client's own now"


async def test_a_name_that_nobody_gave_follows_the_folder_s_when_that_is_patched(world: Make) -> None:
    w = world()
    patched = (await w.patch("/Containers/1", {"op": "replace", "path": "name", "value": "again"})).body
    assert ("again", "again") == (patched["name"], patched["displayName"])


async def test_a_secret_sent_back_without_our_extension_stays_where_it_is(world: Make) -> None:
    w = world(secrets=20)
    for secret in (await w.send("GET", "/PrivilegedData?count=5")).body["Resources"]:
        body = {n: v for n, v in secret.items() if n != SECRET}
        answer = await w.send("PUT", f"/PrivilegedData/{secret['id']}", body)
        assert (200, secret[SECRET]) == (answer.status, answer.body[SECRET])
        assert [] == [c for c in answer.calls if not c.startswith("GET")]
