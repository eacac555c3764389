"""Ids that no vault has (they are int32 there, facts 2): not found, never there, and taken away without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import World

Make = Callable[..., World]
BEYOND = (str(2**31), "4294967297", "9999999999", "99999999999999999999", "0", "007", "-1", "abc")


@pytest.mark.parametrize("number", BEYOND)
async def test_a_resource_of_such_an_id_is_not_there_and_the_vault_is_not_asked(world: Make, number: str) -> None:
    w = world()
    for path in ("Users", "Groups", "Roles", "Containers", "PrivilegedData", "ContainerPermissions"):
        answer = await w.send("GET", f"/{path}/{number}")
        assert (404, []) == (answer.status, answer.calls), path
    for pair in (f"1-u{number}", f"{number}-u4", f"{number}-g4", f"1-g{number}"):
        for path in ("ContainerPermissions", "PrivilegedDataPermissions"):
            assert 404 == (await w.send("GET", f"/{path}/{pair}")).status


@pytest.mark.parametrize("number", BEYOND)
async def test_a_filter_for_such_an_id_finds_nothing(world: Make, number: str) -> None:
    w = world()
    for path, text in (
        ("Users", f'id eq "{number}"'),
        ("Groups", f'members.value eq "{number}"'),
        ("Groups", f'id eq "{number}"'),
        ("Containers", f'id eq "{number}"'),
        ("Containers", f'privilegedData.value eq "{number}"'),
        ("ContainerPermissions", f'user.value eq "{number}"'),
        ("ContainerPermissions", f'group.value eq "{number}"'),
        ("ContainerPermissions", f'container.value eq "{number}" and user.value eq "4"'),
        ("PrivilegedDataPermissions", f'privilegedData.value eq "{number}"'),
        ("PrivilegedData", f'id eq "{number}"'),
    ):
        answer = await w.send("GET", f"/{path}?filter={text}")
        assert (200, 0) == (answer.status, answer.body["totalResults"]), text


@pytest.mark.parametrize("number", [*BEYOND, 2**31, 2**63 - 1])
@pytest.mark.parametrize("of", ["group members", "group roles", "user roles"])
async def test_taking_away_who_cannot_be_there_is_a_success_that_changes_nothing(
    world: Make, number: str | int, of: str
) -> None:
    w = world()
    kind, attribute = of.split()
    path = f"/Groups/{w.group().id}" if kind == "group" else f"/Users/{w.person().id}"
    before = await w.state("group_members", "group_roles", "user_roles")
    operations: list[dict[str, Any]] = [
        {"op": "remove", "path": attribute, "value": [{"value": number}]},
        {"op": "remove", "path": f'{attribute}[value eq "{number}"]'},
    ]
    for operation in operations:
        answer = await w.patch(path, operation)
        assert answer.status in (200, 204), answer.body
        assert [] == [c for c in answer.calls if not c.startswith("GET")]
    assert before == await w.state("group_members", "group_roles", "user_roles")


@pytest.mark.parametrize("word", [str(2**31), "9999999999", "Nonsense", "Owner"])
async def test_taking_away_a_right_that_is_not_there_is_a_success_that_changes_nothing(world: Make, word: str) -> None:
    w = world()
    person = w.person()
    w.tree.grant_folder(w.root(), person.personal_group_id, "View", "View")
    w.vault.changed()
    before = w.frozen()
    for operation in (
        {"op": "remove", "path": "rights", "value": [word]},
        {"op": "remove", "path": "rights", "value": word},
        {"op": "remove", "path": f'rights[value eq "{word}"]'},
    ):
        answer = await w.patch(f"/ContainerPermissions/1-u{person.id}", operation)
        assert (200, ["View"]) == (answer.status, answer.body["rights"])
    assert before == w.frozen()


@pytest.mark.parametrize("number", BEYOND)
async def test_giving_something_to_such_an_id_says_that_nobody_has_it(world: Make, number: str) -> None:
    w = world()
    group, before = f"/Groups/{w.group().id}", w.frozen()
    answers = [
        await w.patch(group, {"op": "add", "path": "members", "value": [{"value": number}]}),
        await w.send("POST", "/ContainerPermissions", right("user", number)),
        await w.send("POST", "/ContainerPermissions", right("group", number)),
    ]
    if number not in ("0", "-1"):  # the root
        answers.append(await w.send("POST", "/Containers", {"name": "x", "parent": {"value": number}}))
    for answer in answers:
        assert (400, "invalidValue") == (answer.status, answer.body["scimType"]), answer.body
        assert "there is no" in answer.detail
        assert repr(number) in answer.detail
        assert [] == [c for c in answer.calls if not c.startswith("GET")]
    assert before == w.frozen()


def right(to: str, number: str) -> dict[str, Any]:
    return {"container": {"value": "1"}, to: {"value": number}, "rights": ["View"]}
