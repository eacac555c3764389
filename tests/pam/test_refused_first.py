"""What can never succeed is refused before Secret Server is asked to do it, and nothing is read twice for one write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import SECRET, World

Make = Callable[..., World]


def writes(calls: list[str]) -> list[str]:
    return [c for c in calls if not c.startswith("GET")]


def secret(*fields: tuple[str, str], template: str = "Windows Account", **more: Any) -> dict[str, Any]:
    given = [{"name": name, "value": value} for name, value in fields]
    return {"name": "new", SECRET: {"template": template, "folder": {"value": "1"}, "fields": given}, **more}


# -- cycles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "PATCH with a path", "PUT with a path"])
async def test_a_container_in_itself_is_refused_in_words_without_asking_further(world: Make, verb: str) -> None:
    w = world()
    before, folder = w.frozen(), w.inheriting()
    path, itself = f"/Containers/{folder.id}", str(folder.id)
    if "path" in verb:
        itself = w.tree.path(folder)
    body = {"name": folder.name, "parent": {"value": itself}}
    operation = {"op": "replace", "path": "parent", "value": {"value": itself}}
    answer = await (w.patch(path, operation) if verb.startswith("PATCH") else w.send("PUT", path, body))
    assert (400, "invalidValue") == (answer.status, answer.body["scimType"])
    assert "parent: " in answer.detail
    assert "stand in itself" in answer.detail
    assert [] == writes(answer.calls)
    assert len(answer.calls) <= (2 if "path" in verb else 1), answer.calls
    assert before == w.frozen()


async def test_a_container_below_itself_is_refused_in_words(world: Make) -> None:
    w = world()
    below = next(f for f in w.tree.folders.values() if f.parent_id == 1)
    before = w.frozen()
    answer = await w.patch("/Containers/1", {"op": "replace", "path": "parent", "value": {"value": str(below.id)}})
    assert (400, "invalidValue") == (answer.status, answer.body["scimType"])
    assert "below this container" in answer.detail
    assert ([], before) == (writes(answer.calls), w.frozen())


# -- read once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["id", "path"])
async def test_a_secret_is_made_with_one_reading_of_its_folder(world: Make, named: str) -> None:
    w = world()
    await w.made("/PrivilegedData", secret(("machine", "m"), ("username", "u")))
    place = "1" if named == "id" else w.tree.path(w.root())
    body = secret(("machine", "m"), ("username", "u"), name="second")
    body[SECRET]["folder"] = {"value": place}
    answer = await w.send("POST", "/PrivilegedData", body)
    assert 201 == answer.status, answer.body
    assert 1 == len([c for c in answer.calls if "/folders" in c]), answer.calls
    assert {1} == set(Counter(c for c in answer.calls if "generate" not in c).values()), answer.calls


async def test_a_secret_moves_with_one_reading_of_its_new_folder(world: Make) -> None:
    w = world()
    made = await w.made("/PrivilegedData", secret(("machine", "m"), ("username", "u")))
    target = next(f for f in w.tree.folders.values() if f.parent_id == 1)
    operation = {"op": "replace", "path": f"{SECRET}:folder", "value": {"value": str(target.id)}}
    answer = await w.patch(f"/PrivilegedData/{made['id']}", operation)
    assert (200, str(target.id)) == (answer.status, answer.body[SECRET]["folder"]["value"])
    assert 1 == len([c for c in answer.calls if "/folders" in c]), answer.calls


async def test_a_container_is_made_with_one_reading_of_its_parent(world: Make) -> None:
    w = world()
    answer = await w.send("POST", "/Containers", {"name": "inside", "parent": {"value": "1"}})
    assert 201 == answer.status
    assert 1 == answer.calls.count("GET /v1/folders/1"), answer.calls


# -- fields that the template requires -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "lacking"),
    [
        ((), ("machine", "username")),
        ((("machine", "m"),), ("username",)),
        ((("machine", "m"), ("username", "")), ("username",)),
        ((("Machine", "m"), ("USERNAME", "   ")), ("username",)),
        ((("machine", "m"), ("username", "u"), ("password", "")), ("password",)),
    ],
)
async def test_required_fields_without_a_value_are_named_before_anything_is_sent(
    world: Make, fields: tuple[tuple[str, str], ...], lacking: tuple[str, ...]
) -> None:
    w = world()
    before = w.frozen()
    answer = await w.send("POST", "/PrivilegedData", secret(*fields))
    assert (400, "invalidValue") == (answer.status, answer.body["scimType"])
    assert answer.detail.startswith("fields: ")
    assert "Windows Account" in answer.detail
    named = {name for name in ("machine", "username", "password", "notes") if name in answer.detail}
    assert set(lacking) == named
    assert ([], before) == (writes(answer.calls), w.frozen())


async def test_a_required_field_is_not_overwritten_with_nothing(world: Make) -> None:
    w = world()
    made = await w.made("/PrivilegedData", secret(("machine", "m"), ("username", "u")))
    values = dict(w.tree.secrets[int(made["id"])].values)
    value = [{"name": "username", "value": ""}, {"name": "notes", "value": ""}]
    answer = await w.patch(f"/PrivilegedData/{made['id']}", {"op": "add", "path": f"{SECRET}:fields", "value": value})
    assert (400, "invalidValue") == (answer.status, answer.body["scimType"])
    assert "username" in answer.detail
    assert "notes" not in answer.detail
    assert [] == writes(answer.calls)
    assert values == w.tree.secrets[int(made["id"])].values


async def test_blanks_are_filled_by_policy_also_where_they_were_sent(world: Make) -> None:
    w = world({"secret_blanks": "fill"})
    made = await w.made("/PrivilegedData", secret(("username", "")))
    template = w.tree.templates[w.tree.secrets[int(made["id"])].template_id]
    values = {f.slug: w.tree.secrets[int(made["id"])].values.get(f.id) for f in template.fields}
    assert ("-", "-") == (values["machine"], values["username"])


@pytest.mark.parametrize("fault", ["403", "500", "404"])
async def test_where_the_vault_does_not_say_what_is_required_it_is_asked_to_judge(world: Make, fault: str) -> None:
    w = world()
    rule = {"match": "^GET /api/v1/secret-templates/fields/", "do": fault if fault != "404" else "400"}
    await w.ask("PUT", "/_sim/faults", {"rules": [rule]})
    refused = await w.send("POST", "/PrivilegedData", secret(("machine", "m")))
    assert (400, "invalidValue") == (refused.status, refused.body["scimType"])
    assert ["POST /v1/secrets"] == [c for c in writes(refused.calls) if "generate" not in c]
    await w.made("/PrivilegedData", secret(("machine", "m"), ("username", "u")))


async def test_what_a_template_requires_is_asked_once(world: Make) -> None:
    w = world()
    first = await w.send("POST", "/PrivilegedData", secret(("machine", "m"), ("username", "u")))
    second = await w.send("POST", "/PrivilegedData", secret(("machine", "m"), ("username", "u"), name="two"))
    asked = "GET /v1/secret-templates/fields/search"
    assert (1, 0) == (first.calls.count(asked), second.calls.count(asked))
