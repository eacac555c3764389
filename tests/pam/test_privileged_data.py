"""/PrivilegedData and /PrivilegedDataPermissions: secrets without a look inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import SECRET, World

Make = Callable[..., World]
WINDOWS = {"machine": "srv01", "Username": "root"}


def body(name: str = "srv01 root", folder: Any = "1", template: Any = "Windows Account", **fields: str) -> Any:
    given = [{"name": key, "value": value} for key, value in (fields or WINDOWS).items()]
    return {"name": name, SECRET: {"template": template, "folder": {"value": str(folder)}, "fields": given}}


def values(w: World, secret_id: Any) -> dict[str, str]:
    """What the vault holds in the secret, by slug."""
    secret = w.tree.secrets[int(secret_id)]
    slugs = {f.id: f.slug for f in w.tree.templates[secret.template_id].fields}
    return {slugs[number]: value for number, value in secret.values.items()}


# -- reading ---------------------------------------------------------------------------------------------------------


async def test_a_list_is_one_call_a_page_and_restricted_secrets_are_in_it(world: Make) -> None:
    w = world(secrets=60)
    answer = await w.send("GET", "/PrivilegedData?count=50")
    assert ["GET /v2/secrets"] == answer.calls
    assert sum(s.active for s in w.tree.secrets.values()) == answer.body["totalResults"]
    guarded = [r for r in answer.body["Resources"] if r[SECRET]["restricted"]]
    assert guarded
    assert 200 == (await w.send("GET", f"/PrivilegedData/{guarded[0]['id']}")).status
    assert all(s.checked_out_by == 0 for s in w.tree.secrets.values())


@pytest.mark.parametrize("ask", ["", "?attributes=fields", f"?attributes={SECRET}", f"?attributes={SECRET}:fields"])
async def test_no_value_is_ever_returned_whatever_is_asked(world: Make, ask: str) -> None:
    w = world(secrets=30)
    made = await w.made("/PrivilegedData", body(machine="m1", username="Uncommon-7", password="Hunter2-Hunter2"))
    texts = [
        json.dumps((await w.send("GET", f"/PrivilegedData/{made['id']}{ask}")).body),
        json.dumps((await w.send("GET", f"/PrivilegedData{ask or '?'}&count=200")).body),
        json.dumps((await w.send("GET", f"/Containers/1{ask}")).body),
        json.dumps(made),
    ]
    hidden = {v for s in w.tree.secrets.values() for v in s.values.values() if len(v) > 3}
    assert "Hunter2-Hunter2" in hidden
    for text in texts:
        assert not [value for value in hidden if value in text]


async def test_secrets_are_found_by_name_id_folder_and_external_id(world: Make) -> None:
    w = world(secrets=40)
    made = await w.made("/PrivilegedData", {**body(name="Only One"), "externalId": "ext-9"})
    for text in (
        'name eq "only one"',
        f"id eq {made['id']}",
        'externalId eq "ext-9"',
        f'{SECRET}:folder.value eq "1" and name co "Only"',
    ):
        answer = await w.send("GET", f"/PrivilegedData?filter={text}")
        assert [made["id"]] == [r["id"] for r in answer.body["Resources"]], text
        assert len(answer.calls) <= 1, answer.calls


# -- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["Windows Account", "windows account", "6003", 6003])
@pytest.mark.parametrize("made_by", ["vault", "policy"])
async def test_a_secret_is_made_from_a_template_and_its_password_made_up(
    world: Make, template: Any, made_by: str
) -> None:
    w = world({"secret_passwords": made_by})
    made = await w.made("/PrivilegedData", body(template=str(template)))
    held = values(w, made["id"])
    assert ("srv01", "root") == (held["machine"], held["username"])
    assert len(held["password"]) >= 16
    assert held["password"] not in json.dumps(made)
    assert ("Windows Account", "1") == (made[SECRET]["template"], made[SECRET]["folder"]["value"])
    assert "fields" not in made[SECRET]


async def test_a_password_that_is_given_is_the_one_that_is_kept(world: Make) -> None:
    w = world()
    made = await w.made("/PrivilegedData", body(machine="m", username="u", Password="Given-Pass-1"))
    assert "Given-Pass-1" == values(w, made["id"])["password"]
    await w.patch(f"/PrivilegedData/{made['id']}", {"op": "replace", "path": f"{SECRET}:fields", "value": [
        {"name": "password", "value": "Second-Pass-2"}]})  # fmt: skip
    assert {"machine": "m", "username": "u", "password": "Second-Pass-2"} == values(w, made["id"])


async def test_a_secret_is_renamed_moved_and_deactivated(world: Make) -> None:
    w = world()
    made = await w.made("/PrivilegedData", body())
    path, secret = f"/PrivilegedData/{made['id']}", w.tree.secrets[int(made["id"])]
    assert "new name" == (await w.patch(path, {"op": "replace", "path": "name", "value": "new name"})).body["name"]
    move = {"op": "replace", "path": f"{SECRET}:folder", "value": {"value": "2"}}
    assert "2" == (await w.patch(path, move)).body[SECRET]["folder"]["value"]
    assert ("new name", 2) == (secret.name, secret.folder_id)
    held = values(w, secret.id)
    put = await w.send("PUT", path, {"name": "put name", "description": "d"})
    assert (200, "put name", 2) == (put.status, secret.name, secret.folder_id)
    assert held == values(w, secret.id)
    assert 204 == (await w.send("DELETE", path)).status
    assert not secret.active
    assert 404 == (await w.send("GET", path)).status
    assert 404 == (await w.send("DELETE", path)).status


async def test_policies_name_a_template_and_a_folder_for_plain_clients(world: Make) -> None:
    w = world()
    plain = {"name": "from IdentityIQ", "type": "credential"}
    refused = await w.send("POST", "/PrivilegedData", plain)
    assert (400, True) == (refused.status, "Windows Account" in refused.detail)
    w = world({"secret_template": "Windows Account", "secret_folder": "1", "secret_blanks": "fill"})
    made = await w.made("/PrivilegedData", plain)
    assert ("credential", 1) == (made["type"], w.tree.secrets[int(made["id"])].folder_id)


async def test_fields_of_a_secret_that_is_not_ours_are_left_alone(world: Make) -> None:
    w = world()
    secret = next(s for s in w.tree.secrets.values() if s.folder_id > 0)
    before = values(w, secret.id)
    change = {"op": "add", "path": f"{SECRET}:fields", "value": [{"name": "password", "value": "Taken-Over-1"}]}
    assert 403 == (await w.patch(f"/PrivilegedData/{secret.id}", change)).status
    assert before == values(w, secret.id)


async def test_bad_input_is_refused_with_words_and_changes_nothing(world: Make) -> None:
    w = world()
    gone = await w.made("/Containers", {"name": "Gone"})
    await w.send("DELETE", f"/Containers/{gone['id']}")
    before = w.frozen()
    secret = "Do-Not-Repeat-1"
    cases: list[tuple[int, str, Any]] = [
        (400, "no field 'colour'", body(machine="m", username="u", colour=secret)),
        (400, "no secret template 'Nonsense'", body(template="Nonsense")),
        (400, "no container", body(folder=gone["id"])),
        (400, "required", {"name": "x", SECRET: {"folder": {"value": "1"}}}),
        (400, "folder is required", {"name": "x", SECRET: {"template": "Windows Account"}}),
        (400, "Machine", body(username="u", password=secret)),
        (400, "name", {**body(), "name": " "}),
    ]
    for status, words, sent in cases:
        answer = await w.send("POST", "/PrivilegedData", sent)
        assert status == answer.status, answer.body
        assert words.casefold() in answer.detail.casefold() or words == "Machine"
        assert secret not in answer.detail
    assert before == w.frozen()


# -- rights ----------------------------------------------------------------------------------------------------------


def right(secret: Any, holder: Any, *rights: str, to: str = "user") -> dict[str, Any]:
    return {"privilegedData": {"value": str(secret)}, to: {"value": str(holder)}, "rights": list(rights)}


async def test_a_right_on_a_secret_that_inherits_is_refused_or_ends_that_by_policy(world: Make) -> None:
    w = world()
    secret = (await w.made("/PrivilegedData", body()))["id"]
    before = w.frozen()
    refused = await w.send("POST", "/PrivilegedDataPermissions", right(secret, w.person().id, "View"))
    assert (400, "mutability", before) == (refused.status, refused.body["scimType"], w.frozen())
    assert w.tree.path(w.root()) in refused.detail
    assert (
        0
        == (await w.send("GET", f"/PrivilegedDataPermissions?filter=privilegedData.value eq {secret}")).body[
            "totalResults"
        ]
    )
    w = world({"break_inheritance": "break"})
    secret = (await w.made("/PrivilegedData", body()))["id"]
    person = w.person()
    made = await w.made("/PrivilegedDataPermissions", right(secret, person.id, "List"))
    own = {r.group_id: r.secret_role for r in w.tree.secret_grants.of[int(secret)].values()}
    assert "List" == own[person.personal_group_id]
    assert len(own) > 1, "the rights that applied before are still there"
    path = f"/PrivilegedDataPermissions/{made['id']}"
    assert ["View"] == (await w.patch(path, {"op": "add", "path": "rights", "value": ["View"]})).body["rights"]
    assert ["Edit"] == (await w.send("PUT", path, right(secret, person.id, "Edit"))).body["rights"]
    for text in (f"privilegedData.value eq {secret} and user.value eq {person.id}", f"user eq {person.id}"):
        found = (await w.send("GET", f"/PrivilegedDataPermissions?filter={text}")).body["Resources"]
        assert [made["id"]] == [r["id"] for r in found]
    assert 204 == (await w.send("DELETE", path)).status
    assert 404 == (await w.send("GET", path)).status


async def test_lists_hold_direct_rights_only(world: Make) -> None:
    w = world(secrets=40, secret_permissions=30)
    answer = await w.send("GET", "/PrivilegedDataPermissions?count=500")
    account = w.vault.users[w.vault.account_id]
    seen = {s.id for s in w.tree.secrets.values() if w.tree.secret_level(account, s) and s.active and not s.inherits}
    others = [r for r in w.tree.secret_grants.rows.values() if r.on in seen and r.group_id != account.personal_group_id]
    assert len(others) == answer.body["totalResults"]
    assert {int(r["privilegedData"]["value"]) for r in answer.body["Resources"]} <= seen


async def test_rights_on_secrets_are_checked_like_those_on_folders(world: Make) -> None:
    w = world({"break_inheritance": "break"})
    secret = (await w.made("/PrivilegedData", body()))["id"]
    await w.made("/PrivilegedDataPermissions", right(secret, w.person().id, "View"))
    before = w.frozen()
    person = w.person(1).id
    cases = [
        (400, "List, View, Edit, Owner", right(secret, person, "Add Secret")),
        (400, "exactly one", {**right(secret, person, "View"), "group": {"value": "5"}}),
        (400, "no secret", right(99999, person, "View")),
        (409, "already", right(secret, w.person().id, "View")),
        (403, "protected", right(secret, 2, "View")),
    ]
    for status, words, sent in cases:
        answer = await w.send("POST", "/PrivilegedDataPermissions", sent)
        assert (status, True) == (answer.status, words in answer.detail), answer.body
    assert before == w.frozen()
