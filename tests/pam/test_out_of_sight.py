"""What the connector's account may not view is in no list, and a look-up says the same: where that is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import World

Make = Callable[..., World]
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def hidden_folder(w: World) -> int:
    account = w.vault.users[w.vault.account_id]
    return next(f.id for f in w.tree.folders.values() if not w.tree.folder_level(account, f))


@pytest.mark.parametrize(
    "path",
    [
        '/Containers?filter=id eq "{id}"',
        "/ContainerPermissions?filter=container.value eq {id}",
        '/ContainerPermissions?filter=id eq "{id}-u4"',
    ],
)
async def test_a_look_up_of_a_folder_out_of_sight_finds_what_the_list_shows(world: Make, path: str) -> None:
    w = world()
    answer = await w.send("GET", path.format(id=hidden_folder(w)))
    assert (200, 0) == (answer.status, answer.body["totalResults"])


async def test_a_root_search_by_id_finds_the_user_although_a_folder_of_that_id_is_out_of_sight(world: Make) -> None:
    w = world(users=40)
    number = hidden_folder(w)
    assert number in w.vault.users
    answer = await w.send("POST", "/.search", {"schemas": [SEARCH], "filter": f'id eq "{number}"'})
    assert 200 == answer.status, answer.body
    assert "User" in {r["meta"]["resourceType"] for r in answer.body["Resources"]}
    assert "Container" not in {r["meta"]["resourceType"] for r in answer.body["Resources"]}


async def test_a_secret_out_of_sight_is_in_no_look_up(world: Make) -> None:
    w = world(secrets=40, folders=30)
    account = w.vault.users[w.vault.account_id]
    secret = next(s for s in w.tree.secrets.values() if s.active)
    w.tree.detach_secret(secret)
    for row in [r for r in w.tree.secret_grants.rows.values() if r.on == secret.id]:
        w.tree.secret_grants.drop(row)
    w.vault.changed()
    assert not w.tree.secret_level(account, secret)
    answer = await w.send("GET", f'/PrivilegedData?filter=id eq "{secret.id}"')
    assert (200, 0) == (answer.status, answer.body["totalResults"])


async def test_a_folder_that_was_seen_and_is_denied_now_is_unknown_and_not_absent(world: Make) -> None:
    w = world()
    seen: Any = (await w.send("GET", '/ContainerPermissions?filter=rights eq "View"')).body  # reads the tree
    assert "totalResults" in seen
    await w.ask("PUT", "/_sim/faults", {"rules": [{"match": "^GET /api/v1/folders/1$", "do": "403"}]})
    assert 503 == (await w.send("GET", '/Containers?filter=id eq "1"')).status


async def test_an_account_that_sees_no_folder_at_all_proves_nothing(world: Make) -> None:
    w = world()
    account = w.vault.users[w.vault.account_id]
    for row in list(w.tree.folder_grants.rows.values()):
        if row.group_id == account.personal_group_id:
            w.tree.folder_grants.drop(row)
    w.vault.changed()
    assert 503 == (await w.send("GET", '/Containers?filter=id eq "1"')).status
