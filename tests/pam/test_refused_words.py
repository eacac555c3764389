"""What clients get wrong with folders, secrets and rights: words for the reader, and nothing changed anywhere.

Each case alone and as one operation of a bulk; afterwards the vault is as it was, and so are the tables that hold what
clients said (the journal and the audit trail may tell of the attempt).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import PATCH, SECRET, World

Make = Callable[..., World]
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
Case = tuple[int, str, str, str, Any]
"""Status, words of the detail, method, path, body."""
FIELDS = [{"name": "machine", "value": "m"}, {"name": "username", "value": "u"}]


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def replace(path: str, value: Any) -> dict[str, Any]:
    return patched({"op": "replace", "path": path, "value": value})


def secret(name: str = "s", folder: Any = "1", template: Any = "Windows Account", fields: Any = None) -> dict[str, Any]:
    ours = {"template": template, "folder": {"value": str(folder)}, "fields": FIELDS if fields is None else fields}
    return {"name": name, SECRET: ours}


def right(on: Any, to: str, number: Any, *rights: str) -> dict[str, Any]:
    return {"container": {"value": str(on)}, to: {"value": str(number)}, "rights": list(rights or ("View",))}


async def folders(w: World) -> list[Case]:
    """A is at folder 1, B below A; `gone` is deleted; somebody's personal folder can be seen."""
    a = (await w.made("/Containers", {"name": "A", "parent": {"value": "1"}}))["id"]
    b = (await w.made("/Containers", {"name": "B", "parent": {"value": a}}))["id"]
    gone = (await w.made("/Containers", {"name": "Gone"}))["id"]
    await w.send("DELETE", f"/Containers/{gone}")
    mine = next(f for f in w.tree.folders.values() if f.type_id == 2)
    w.tree.grant_folder(mine, w.vault.users[w.vault.account_id].personal_group_id, "Owner", "Owner")
    w.vault.changed()
    return [
        (400, "cycle", "PATCH", f"/Containers/{a}", replace("parent", {"value": b})),
        (400, "cycle", "PATCH", f"/Containers/{a}", replace("parent.value", a)),
        (400, "cycle", "PUT", f"/Containers/{a}", {"name": "A", "parent": {"value": b}}),
        (400, "personal", "PATCH", f"/Containers/{a}", replace("parent", {"value": str(mine.id)})),
        (400, "personal", "PUT", f"/Containers/{a}", {"name": "A", "parent": {"value": str(mine.id)}}),
        (400, "personal", "POST", "/Containers", {"name": "C", "parent": {"value": str(mine.id)}}),
        (400, "personal", "PATCH", f"/Containers/{mine.id}", replace("parent", {"value": "1"})),
        (400, "no container", "PATCH", f"/Containers/{a}", replace("parent", {"value": gone})),
        (400, "no container", "PUT", f"/Containers/{a}", {"name": "A", "parent": {"value": "999999"}}),
        (400, "no container", "POST", "/Containers", {"name": "C", "parent": {"value": gone}}),
        (400, "no container", "POST", "/Containers", {"name": "\\No\\Such\\Place"}),
        (400, "name", "POST", "/Containers", {"name": ""}),
        (400, "name", "POST", "/Containers", {"name": "x" * 401}),
        (400, "name", "POST", "/Containers", {"name": "\\"}),
        (400, "name", "POST", "/Containers", {"name": "nul\x00name"}),
        (400, "name", "POST", "/Containers", {"name": "line\nbreak"}),
        (400, "name", "PATCH", f"/Containers/{a}", replace("name", "tab\tname")),
        (400, "name", "PATCH", f"/Containers/{a}", replace("name", " ")),
        (400, "name", "PATCH", f"/Containers/{a}", patched({"op": "remove", "path": "name"})),
        (409, "exists", "POST", "/Containers", {"name": "a", "parent": {"value": "1"}}),
        (409, "exists", "PATCH", f"/Containers/{b}", patched({"op": "add", "value": {"name": "A", "parent": "1"}})),
        (409, "exists", "PUT", f"/Containers/{b}", {"name": "A", "parent": {"value": "1"}}),
        (404, "", "PATCH", f"/Containers/{gone}", replace("name", "Back")),
        (404, "", "PUT", f"/Containers/{gone}", {"name": "Back"}),
        (404, "", "DELETE", f"/Containers/{gone}", None),
        (404, "", "DELETE", "/Containers/0", None),
        (404, "", "DELETE", "/Containers/99999999999999999999", None),
    ]


async def rights(w: World) -> list[Case]:
    gone = (await w.made("/Containers", {"name": "Gone"}))["id"]
    await w.send("DELETE", f"/Containers/{gone}")
    person, disabled, other = w.person(), w.person(1), w.person(2)
    disabled.enabled = False
    made = (await w.made("/ContainerPermissions", right(1, "user", person.id)))["id"]
    team = w.group()
    left = (await w.made("/Groups", {"displayName": "Left"}))["id"]
    await w.send("DELETE", f"/Groups/{left}")
    path = f"/ContainerPermissions/{made}"
    both = {**right(1, "user", other.id), "group": {"value": str(team.id)}}
    cases: list[Case] = [
        (400, "View, Add Secret, Edit, Owner", "POST", "/ContainerPermissions", right(1, "user", other.id, "Fly")),
        (400, "View, Add Secret, Edit, Owner", "PATCH", path, replace("rights", ["Fly"])),
        (400, "View, Add Secret, Edit, Owner", "PATCH", path, patched({"op": "add", "path": "rights", "value": "Fly"})),
        (400, "View, Add Secret, Edit, Owner", "PUT", path, right(1, "user", person.id, "Fly")),
        (400, "exactly one", "POST", "/ContainerPermissions", both),
        (400, "exactly one", "POST", "/ContainerPermissions", {"container": {"value": "1"}, "rights": ["View"]}),
        (400, "immutable", "PUT", path, {**right(1, "user", person.id), "group": {"value": str(team.id)}}),
        (400, "disabled", "POST", "/ContainerPermissions", right(1, "user", disabled.id)),
        (400, "group", "POST", "/ContainerPermissions", right(1, "group", left)),
        (400, "no user", "POST", "/ContainerPermissions", right(1, "user", 999999)),
        (400, "no user", "POST", "/ContainerPermissions", right(1, "user", "ann")),
        (400, "no group", "POST", "/ContainerPermissions", right(1, "group", person.personal_group_id)),
        (400, "no container", "POST", "/ContainerPermissions", right(gone, "user", other.id)),
        (400, "container", "POST", "/ContainerPermissions", {"user": {"value": str(other.id)}, "rights": ["View"]}),
        (400, "rights", "POST", "/ContainerPermissions", {**right(1, "user", other.id), "rights": []}),
        (400, "immutable", "PUT", path, right(2, "user", person.id)),
        (400, "immutable", "PUT", path, right(1, "user", other.id)),
        (400, "immutable", "PATCH", path, replace("container.value", "2")),
        (409, "already", "POST", "/ContainerPermissions", right(1, "user", person.id, "Edit")),
        (404, "", "PATCH", f"/ContainerPermissions/{gone}-u{person.id}", replace("rights", ["Edit"])),
        (404, "", "DELETE", f"/ContainerPermissions/1-u{other.id}", None),
        (404, "", "DELETE", "/ContainerPermissions/63", None),
    ]
    row = w.tree.folder_grants.held(1, disabled.personal_group_id)
    if row is not None:
        w.tree.folder_grants.drop(row)
    for one in (other.personal_group_id, team.id):
        row = w.tree.folder_grants.held(1, one)
        if row is not None:
            w.tree.folder_grants.drop(row)
    w.vault.changed()
    return cases


async def secrets(w: World) -> list[Case]:
    gone = (await w.made("/Containers", {"name": "Gone"}))["id"]
    await w.send("DELETE", f"/Containers/{gone}")
    mine = next(f for f in w.tree.folders.values() if f.type_id == 2)
    w.tree.grant_folder(mine, w.vault.users[w.vault.account_id].personal_group_id, "Owner", "Owner")
    w.vault.changed()
    made = (await w.made("/PrivilegedData", secret("made")))["id"]
    path = f"/PrivilegedData/{made}"
    no_folder = {"name": "s", SECRET: {"template": "Windows Account", "fields": FIELDS}}
    odd = [*FIELDS, {"name": "colour", "value": "Do-Not-Repeat"}]
    return [
        (400, "no field 'colour'", "POST", "/PrivilegedData", secret(fields=odd)),
        (400, "no field 'colour'", "PATCH", path, replace(f"{SECRET}:fields", odd)),
        (400, "no field 'colour'", "PUT", path, secret("made", fields=odd)),
        (400, "fields", "POST", "/PrivilegedData", secret(fields=[{"name": "machine"}])),
        (400, "template", "POST", "/PrivilegedData", secret(template="Nonsense")),
        (400, "template", "POST", "/PrivilegedData", secret(template="")),
        (400, "no container", "POST", "/PrivilegedData", secret(folder=gone)),
        (400, "personal", "POST", "/PrivilegedData", secret(folder=mine.id)),
        (400, "personal", "PATCH", path, replace(f"{SECRET}:folder", {"value": str(mine.id)})),
        (400, "no container", "PATCH", path, replace(f"{SECRET}:folder", {"value": gone})),
        (400, "folder is required", "POST", "/PrivilegedData", no_folder),
        (400, "name", "POST", "/PrivilegedData", secret(name=" ")),
        (400, "name", "POST", "/PrivilegedData", secret(name="x" * 401)),
        (400, "name", "POST", "/PrivilegedData", secret(name="nul\x00name")),
        (400, "name", "PATCH", path, replace("name", "line\nbreak")),
        (404, "", "PATCH", "/PrivilegedData/999999", replace("name", "x")),
        (404, "", "DELETE", "/PrivilegedData/999999", None),
    ]


def sharing(on: Any, to: str, number: Any, *rights: str) -> dict[str, Any]:
    return {"privilegedData": {"value": str(on)}, to: {"value": str(number)}, "rights": list(rights or ("View",))}


async def sharings(w: World) -> list[Case]:
    """A secret with rights of its own, one that inherits, one that is deactivated, and somebody with a right."""
    shared = (await w.made("/PrivilegedData", secret("shared")))["id"]
    inherits = (await w.made("/PrivilegedData", secret("inherits")))["id"]
    gone = (await w.made("/PrivilegedData", secret("gone")))["id"]
    w.tree.detach_secret(w.tree.secrets[int(shared)])
    person, disabled, other, team = w.person(), w.person(1), w.person(2), w.group()
    disabled.enabled = False
    for one in (person.personal_group_id, disabled.personal_group_id, other.personal_group_id, team.id):
        row = w.tree.secret_grants.held(int(shared), one)
        if row is not None:
            w.tree.secret_grants.drop(row)
    w.vault.changed()
    await w.send("DELETE", f"/PrivilegedData/{gone}")
    left = (await w.made("/Groups", {"displayName": "Left"}))["id"]
    await w.send("DELETE", f"/Groups/{left}")
    made = (await w.made("/PrivilegedDataPermissions", sharing(shared, "user", person.id)))["id"]
    base, path = "/PrivilegedDataPermissions", f"/PrivilegedDataPermissions/{made}"
    both = {**sharing(shared, "user", other.id), "group": {"value": str(team.id)}}
    nobody = {"privilegedData": {"value": shared}, "rights": ["View"]}
    return [
        (400, "List, View, Edit, Owner", "POST", base, sharing(shared, "user", other.id, "Fly")),
        (400, "List, View, Edit, Owner", "POST", base, sharing(shared, "user", other.id, "Add Secret")),
        (400, "List, View, Edit, Owner", "POST", base, sharing(shared, "user", other.id, "None")),
        (400, "List, View, Edit, Owner", "PATCH", path, replace("rights", ["Fly"])),
        (400, "List, View, Edit, Owner", "PATCH", path, patched({"op": "add", "path": "rights", "value": "Fly"})),
        (400, "List, View, Edit, Owner", "PUT", path, sharing(shared, "user", person.id, "Fly")),
        (400, "exactly one", "POST", base, both),
        (400, "exactly one", "POST", base, nobody),
        (400, "immutable", "PUT", path, {**sharing(shared, "user", person.id), "group": {"value": str(team.id)}}),
        (400, "disabled", "POST", base, sharing(shared, "user", disabled.id)),
        (400, "no group", "POST", base, sharing(shared, "group", left)),
        (400, "no user", "POST", base, sharing(shared, "user", 999999)),
        (400, "no user", "POST", base, sharing(shared, "user", "ann")),
        (400, "no group", "POST", base, sharing(shared, "group", person.personal_group_id)),
        (400, "no secret", "POST", base, sharing(999999, "user", other.id)),
        (400, "no secret", "POST", base, sharing(gone, "user", other.id)),
        (400, "no secret", "POST", base, sharing("shared", "user", other.id)),
        (400, "privilegedData", "POST", base, {"user": {"value": str(other.id)}, "rights": ["View"]}),
        (400, "privilegedData", "POST", base, {**sharing("", "user", other.id)}),
        (400, "rights", "POST", base, {**sharing(shared, "user", other.id), "rights": []}),
        (400, "rights", "POST", base, {n: v for n, v in sharing(shared, "user", other.id).items() if n != "rights"}),
        (400, "rights", "PATCH", path, patched({"op": "remove", "path": "rights"})),
        (400, "inherits its permissions", "POST", base, sharing(inherits, "user", other.id)),
        (400, "immutable", "PUT", path, sharing(inherits, "user", person.id)),
        (400, "immutable", "PUT", path, sharing(shared, "user", other.id)),
        (400, "immutable", "PATCH", path, replace("privilegedData.value", inherits)),
        (400, "immutable", "PATCH", path, replace("user", {"value": str(other.id)})),
        (409, "already", "POST", base, sharing(shared, "user", person.id, "Edit")),
        (404, "", "PATCH", f"{base}/{inherits}-u{person.id}", replace("rights", ["Edit"])),
        (404, "", "PUT", f"{base}/{gone}-u{person.id}", sharing(gone, "user", person.id)),
        (404, "", "DELETE", f"{base}/{shared}-u{other.id}", None),
        (404, "", "DELETE", f"{base}/{gone}-u{person.id}", None),
        (404, "", "DELETE", f"{base}/63", None),
    ]


def kept(w: World) -> str:
    """What the tables hold of folders, secrets and rights, and of their external ids."""
    tables = [w.store.table(name).rows for name in ("attributes", "externalids")]
    return repr([sorted((k, dict(r.values)) for k, r in rows.items()) for rows in tables])


@pytest.mark.parametrize("way", ["alone", "bulk"])
@pytest.mark.parametrize("of", [folders, rights, secrets, sharings])
async def test_bad_input_gets_words_and_changes_nothing(world: Make, of: Any, way: str) -> None:
    w = world()
    cases: list[Case] = await of(w)
    before, rows, wrong = w.frozen(), kept(w), []
    for status, words, method, path, body in cases:
        if way == "alone":
            answer = await w.send(method, path, body)
            got, detail = answer.status, str((answer.body or {}).get("detail", ""))
        else:
            operation = {"method": method, "path": path, "bulkId": "b"} | ({"data": body} if body else {})
            answer = await w.send("POST", "/Bulk", {"schemas": [BULK], "Operations": [operation]})
            one = answer.body["Operations"][0] if answer.status == 200 else {}
            got, detail = int(one.get("status", answer.status)), str(one.get("response", answer.body).get("detail", ""))
        if got != status or words.casefold() not in detail.casefold() or not detail:
            wrong.append(f"{method} {path} {body}: {got} {detail}")
        assert "Do-Not-Repeat" not in detail
        if before != w.frozen() or rows != kept(w):
            wrong.append(f"{method} {path} {body} changed something")
            before, rows = w.frozen(), kept(w)
    assert wrong == []


async def test_a_template_of_two_that_share_their_name_is_named_by_its_id(world: Make) -> None:
    """Which of the two was meant nobody knows: 400 with both ids, and either id works."""
    from dataclasses import replace as changed

    w = world()
    stock = next(t for t in w.tree.templates.values() if t.name == "Windows Account")
    twin = changed(stock, id=7999)
    w.tree.templates[twin.id] = twin
    before = w.frozen()
    answer = await w.send("POST", "/PrivilegedData", secret())
    assert (400, before) == (answer.status, w.frozen())
    assert "7999" in answer.detail
    assert str(stock.id) in answer.detail


async def test_a_file_field_is_not_written(world: Make) -> None:
    w = world()
    template = next(t for t in w.tree.templates.values() if any(f.file for f in t.fields))
    field = next(f for f in template.fields if f.file)
    before = w.frozen()
    sent = secret(template=template.name, fields=[{"name": field.slug, "value": "Do-Not-Repeat"}])
    answer = await w.send("POST", "/PrivilegedData", sent)
    assert (400, True, before) == (answer.status, "file" in answer.detail, w.frozen()), answer.body
    assert "Do-Not-Repeat" not in answer.detail


async def test_a_name_that_the_vault_refuses_is_refused_in_its_words(world: Make) -> None:
    """A backslash begins the next folder's name; which other letters a folder's name may hold is the vault's to say."""
    w = world()
    for name in ("100%", "Ünïcode 文件夹", "x" * 60, "semi;colon"):
        made = await w.made("/Containers", {"name": name, "parent": {"value": "1"}})
        assert (name, name) == (made["name"], w.tree.folders[int(made["id"])].name)
        found = await w.send("GET", f'/Containers?filter=name eq "{name}"')
        assert [made["id"]] == [r["id"] for r in found.body["Resources"]], name
    before = w.frozen()
    for name in ("a/b", 'with "quotes"', "a:b", "<b>"):
        answer = await w.send("POST", "/Containers", {"name": name, "parent": {"value": "1"}})
        assert (400, "invalidValue", before) == (answer.status, answer.body["scimType"], w.frozen())
        assert "folder name is empty or has a character that is not allowed" in answer.detail
