"""Edges of the protocol that explorers of the running connector fell over: each was wrong once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.door import Door, group, patch, user
from tests.pam.world import World


async def opened(**policies: Any) -> tuple[Door, Any]:
    door = Door()
    return door, await door.open(await door.token(await door.connection(**policies)))


def inside(door: Door, group_id: str) -> set[int]:
    return {m["userId"] for m in door.state("group_members")["group_members"] if m["groupId"] == int(group_id)}


async def members_of(client: Any, *names: str) -> list[str]:
    return [(await client.post("/Users", json=user(name))).json()["id"] for name in names]


# -- a value of null is not "all of it" ------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
async def test_a_removal_of_null_empties_no_group(strict: bool) -> None:
    from scim.model import Policies

    door, client = await opened(policies=Policies(strict=strict))
    a, b = await members_of(client, "n1", "n2")
    team = (await client.post("/Groups", json=group("Null", a, b))).json()["id"]
    for operation in (
        {"op": "remove", "path": "members", "value": None},
        {"op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": None},
        {"op": "remove", "path": "members", "value": [None]},
        {"op": "remove", "value": {"members": None}},
    ):
        answer = await client.patch(f"/Groups/{team}", json=patch(operation))
        assert 400 == answer.status_code, (operation, answer.text)
        assert {int(a), int(b)} == inside(door, team), operation
    without = await client.patch(f"/Groups/{team}", json=patch({"op": "remove", "path": "members"}))
    assert without.status_code in (200, 204)
    assert set() == inside(door, team), "without a value it is RFC 7644 §3.5.2.2: all of them"


@pytest.mark.parametrize("attribute", ["roles", "emails", "phoneNumbers", "addresses"])
async def test_a_removal_of_null_takes_nothing_from_a_user(attribute: str) -> None:
    _, client = await opened()
    held = {
        "emails": [{"value": "n3@example.com", "type": "work"}],
        "phoneNumbers": [{"value": "+49 30 1", "type": "work"}],
        "addresses": [{"locality": "Ulm", "type": "work"}],
        "roles": [{"value": "User"}],
    }
    made = (await client.post("/Users", json=user("n3", **held))).json()
    answer = await client.patch(f"/Users/{made['id']}", json=patch({"op": "remove", "path": attribute, "value": None}))
    assert (400, "invalidValue") == (answer.status_code, answer.json()["scimType"])
    assert f"{attribute}: the value to remove is null" in answer.json()["detail"]
    after = (await client.get(f"/Users/{made['id']}")).json()
    assert made[attribute] == after[attribute]


async def test_a_removal_of_null_takes_no_right() -> None:
    w = World({"rights_style": "detailed"})
    right = {"container": {"value": "1"}, "user": {"value": str(w.person().id)}, "rights": ["Edit", "Secrets:View"]}
    made = await w.made("/ContainerPermissions", right)
    for value in (None, [None]):
        answer = await w.patch(
            f"/ContainerPermissions/{made['id']}", {"op": "remove", "path": "rights", "value": value}
        )
        assert 400 == answer.status, answer.body
    assert made["rights"] == (await w.send("GET", f"/ContainerPermissions/{made['id']}")).body["rights"]


async def test_a_null_among_several_operations_of_a_bulk_is_refused_by_itself() -> None:
    door, client = await opened()
    (a,) = await members_of(client, "n4")
    team = (await client.post("/Groups", json=group("Null bulk", a))).json()["id"]
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {
                "method": "PATCH",
                "path": f"/Groups/{team}",
                "data": patch({"op": "remove", "path": "members", "value": None}),
            }
        ],
    }
    answer = (await client.post("/Bulk", json=body)).json()
    assert "400" == answer["Operations"][0]["status"]
    assert {int(a)} == inside(door, team)


# -- who is gone is a member of nothing ------------------------------------------------------------------------------


async def test_a_deleted_user_is_no_member_to_be() -> None:
    door, client = await opened()
    gone, here = await members_of(client, "g1", "g2")
    assert 204 == (await client.delete(f"/Users/{gone}")).status_code
    team = (await client.post("/Groups", json=group("Leavers", here))).json()["id"]
    door.calls()
    add = {"op": "add", "path": "members", "value": [{"value": gone}]}
    tried = [
        await client.post("/Groups", json=group("Leavers two", gone, here)),
        await client.patch(f"/Groups/{team}", json=patch(add)),
        await client.put(f"/Groups/{team}", json=group("Leavers", gone, here)),
    ]
    stranger = await client.patch(
        f"/Groups/{team}", json=patch({"op": "add", "path": "members", "value": [{"value": "987654"}]})
    )
    for answer in tried:
        assert (400, "invalidValue") == (answer.status_code, answer.json()["scimType"]), answer.text
        assert stranger.json()["detail"].replace("987654", gone) == answer.json()["detail"]
    assert {int(here)} == inside(door, team)
    assert 0 == (await client.get("/Groups", params={"filter": 'displayName eq "Leavers two"'})).json()["totalResults"]
    back = await client.post("/Users", json=user("g1"))
    assert gone == back.json()["id"]
    assert (await client.patch(f"/Groups/{team}", json=patch(add))).status_code in (200, 204)
    assert {int(here), int(gone)} == inside(door, team), "who came back is a member like any other"


async def test_many_members_among_them_a_deleted_one_cost_no_call_a_member() -> None:
    door, client = await opened()
    ids = await members_of(client, *(f"gg{i}" for i in range(20)))
    await client.delete(f"/Users/{ids[0]}")
    team = (await client.post("/Groups", json=group("Many"))).json()["id"]
    door.calls()
    add = {"op": "add", "path": "members", "value": [{"value": i} for i in ids]}
    assert 400 == (await client.patch(f"/Groups/{team}", json=patch(add))).status_code
    assert len(door.calls()) <= 4


async def test_unknown_and_deleted_members_are_both_left_out_where_the_policy_says_so() -> None:
    from scim.model import Policies

    door, client = await opened(policies=Policies(unknown_members="skip"))
    gone, here = await members_of(client, "h1", "h2")
    await client.delete(f"/Users/{gone}")
    made = await client.post("/Groups", json=group("Skipping", gone, "987654", here))
    assert 201 == made.status_code, made.text
    assert {int(here)} == inside(door, made.json()["id"])
    add = {"op": "add", "path": "members", "value": [{"value": gone}, {"value": "987654"}]}
    assert (await client.patch(f"/Groups/{made.json()['id']}", json=patch(add))).status_code in (200, 204)
    assert {int(here)} == inside(door, made.json()["id"])


# -- what a 404 tells ------------------------------------------------------------------------------------------------


async def test_a_404_does_not_tell_missing_from_deleted_and_hidden() -> None:
    door, client = await opened()
    (gone,) = await members_of(client, "t1")
    await client.delete(f"/Users/{gone}")
    team = (await client.post("/Groups", json=group("Gone team"))).json()["id"]
    await client.delete(f"/Groups/{team}")
    own = next(u["id"] for u in door.state("users")["users"] if u["userName"] == "svc-scim")
    for endpoint, ids in (("Users", (gone, str(own), "987654")), ("Groups", (team, "987654"))):
        for verb in ("get", "delete", "patch", "put"):
            texts = set()
            for one in ids:
                body = (
                    {"json": patch({"op": "replace", "path": "displayName", "value": "x"})} if verb == "patch" else {}
                )
                body = {"json": user("x") if endpoint == "Users" else group("x")} if verb == "put" else body
                answer = await getattr(client, verb)(f"/{endpoint}/{one}", **body)
                assert 404 == answer.status_code, answer.text
                texts.add(answer.json()["detail"].replace(one, "#"))
            assert 1 == len(texts), texts


# -- names that look alike -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alike", ["\uff21dministrators", "Admin\u200bistrators", "ADMINISTRATORS\u00a0", "\u2060Administrators"]
)
async def test_a_name_that_only_looks_different_is_taken(alike: str) -> None:
    door, client = await opened()
    door.sim("POST", "/act", {"do": "create_group", "name": "Administrators"})
    plain = await client.post("/Groups", json=group("Administrators"))
    assert 409 == plain.status_code
    made = await client.post("/Groups", json=group(alike))
    assert (409, "uniqueness") == (made.status_code, made.json()["scimType"])
    other = (await client.post("/Groups", json=group("Harmless"))).json()["id"]
    renamed = await client.patch(
        f"/Groups/{other}", json=patch({"op": "replace", "path": "displayName", "value": alike})
    )
    assert (409, "uniqueness") == (renamed.status_code, renamed.json()["scimType"])


# -- what a filter compares with -------------------------------------------------------------------------------------


async def found(client: Any, endpoint: str, text: str) -> list[str]:
    answer = await client.get(f"/{endpoint}", params={"filter": text, "attributes": "id"})
    assert 200 == answer.status_code, answer.text
    return [entry["id"] for entry in answer.json()["Resources"]]


async def test_a_time_without_a_zone_is_utc() -> None:
    _, client = await opened()
    (made,) = await members_of(client, "z1")
    for zone in ("", "Z", "+00:00", ".000", ".1234567"):
        for attribute in ("meta.lastModified", "meta.created"):
            assert made in await found(client, "Users", f'{attribute} gt "2001-01-01T00:00:00{zone}"')
            assert [] == await found(client, "Users", f'{attribute} gt "2999-01-01T00:00:00{zone}"')


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("bad", ['"2026-11-27"', "5", "true", '"5"', '"yesterday"', '"2026-13-27T00:00:00Z"', '""'])
async def test_a_time_is_compared_with_a_time_only(bad: str, strict: bool) -> None:
    from scim.model import Policies

    _, client = await opened(policies=Policies(strict=strict))
    for where in ("/Users", "/Groups", "/Containers"):
        for attribute in ("meta.created", "meta.lastModified"):
            answer = await client.get(where, params={"filter": f"{attribute} gt {bad}"})
            assert (400, "invalidFilter") == (answer.status_code, answer.json()["scimType"]), answer.text
            assert f"{attribute}: " in answer.json()["detail"]
            assert "2026-11-27T09:30:00Z" in answer.json()["detail"]


SPELLINGS = [
    ("jos\u00e9", "jose\u0301"),
    ("jose\u0301", "JOS\u00c9"),
    ("stra\u00dfe", "STRASSE"),
    ("strasse", "stra\u00dfe"),
    ("Ann", "\uff41nn"),
    ("\u0130lker", "i\u0307lker"),
    (" blank ", "blank"),
    ("blank", "  blank "),
]


@pytest.mark.parametrize(("stored", "asked"), SPELLINGS)
async def test_a_name_is_found_exactly_where_it_is_taken(stored: str, asked: str) -> None:
    _, client = await opened()
    person = (await client.post("/Users", json=user(stored, displayName=stored))).json()["id"]
    team = (await client.post("/Groups", json=group(stored))).json()["id"]
    assert [person] == await found(client, "Users", f'userName eq "{asked}"')
    assert [team] == await found(client, "Groups", f'displayName eq "{asked}"')
    assert [person] == await found(client, "Users", f'userName sw "{asked.strip()}"')
    assert [person] == await found(client, "Users", f'not (userName ne "{asked}")')
    if stored == stored.strip() and asked == asked.strip():
        assert [person] == await found(client, "Users", f'displayName eq "{asked}"')
    assert 409 == (await client.post("/Users", json=user(asked))).status_code
    assert 409 == (await client.post("/Groups", json=group(asked))).status_code


# -- secrets in paths ------------------------------------------------------------------------------------------------


async def test_a_secret_in_the_filter_of_a_path_is_answered_kept_and_logged_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mark = "Hunter2-Aa1"
    door, client = await opened()
    (made,) = await members_of(client, "s1")
    ours = "urn:ietf:params:scim:schemas:extension:secretserver:1.0:PrivilegedData"
    secret = await client.get("/PrivilegedData?count=1")
    places = [f"/Users/{made}"] + [f"/PrivilegedData/{s['id']}" for s in secret.json()["Resources"]]
    caplog.set_level("DEBUG")
    paths = [
        *(f'fields[value eq "{mark}"]', f"fields[value eq '{mark}'].value", f"fields[value eq {mark}]"),
        *(f'{ours}:fields[value eq "{mark}"].name', f'password eq "{mark}"', f'password[value eq "{mark}"]'),
        *(f'fields[name eq "Password" and value eq "{mark}"].value', f'fields[value eq "{mark}"', f'fields "{mark}"'),
    ]
    said = []
    for place in places:
        for path in paths:
            operations = [{"op": "remove", "path": path}, {"op": "replace", "path": path, "value": "y"}]
            operations += [{"op": "add", "value": {path: "y"}}]
            for operation in operations:
                said.append(await client.patch(place, json=patch(operation)))
                bulk = {"method": "PATCH", "path": place, "data": patch(operation)}
                schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
                said.append(await client.post("/Bulk", json={"schemas": schemas, "Operations": [bulk]}))
    fields = [{"name": "Password", "value": mark}]
    said.append(await client.post("/PrivilegedData", json={"name": "s", "fields": fields}))
    await client.get("/PrivilegedData", params={"filter": f'fields.value eq "{mark}"'})
    await door.connector.recorder.flush()
    assert [] == [answer.json()["detail"] for answer in said if mark in answer.text]
    assert [] == [
        repr(row.values)[:3000] for t in door.store.tables for row in door.rows(t) if mark in repr(row.values)
    ]
    assert [] == [r.getMessage() for r in caplog.records if not r.name.startswith("httpx") and mark in r.getMessage()]
    assert any("fields[•••]" in repr(row.values) for row in door.rows("messages")), "what was asked is kept without it"


# -- what moves a version --------------------------------------------------------------------------------------------


def stamp(answer: Any) -> tuple[str, str]:
    meta = answer.json()["meta"]
    return meta["lastModified"], meta["version"]


async def test_what_has_no_effect_moves_nothing() -> None:
    door, client = await opened()
    a, b, c = await members_of(client, "v1", "v2", "v3")
    team = (
        "/Groups/" + (await client.post("/Groups", json=group("Still", a, b, roles=[{"value": "User"}]))).json()["id"]
    )
    person = "/Users/" + a
    title = {"op": "replace", "path": "title", "value": "Dr"}
    await client.patch(person, json=patch({"op": "add", "path": "roles", "value": [{"value": "User"}]}, title))
    cells: list[tuple[str, str, Any]] = [
        ("patch", team, patch({"op": "replace", "path": "members", "value": [{"value": a}, {"value": b}]})),
        ("patch", team, patch({"op": "replace", "path": "displayName", "value": "Still"})),
        ("patch", team, patch({"op": "add", "path": "roles", "value": [{"value": "User"}]})),
        ("put", team, group("Still", b, a)),
        ("patch", team, patch({"op": "add", "path": "members", "value": [{"value": a}]})),
        ("patch", team, patch({"op": "add", "path": "members", "value": [{"value": a}, {"value": b}]})),
        ("patch", team, patch({"op": "remove", "path": f'members[value eq "{c}"]'})),
        ("patch", person, patch({"op": "add", "path": "roles", "value": [{"value": "user"}]})),
        ("patch", person, patch(title)),
    ]
    for verb, where, body in cells:
        before = await client.get(where)
        door.calls()
        answer = await getattr(client, verb)(where, json=body)
        assert answer.status_code in (200, 204), answer.text
        assert len(door.calls()) <= 3
        assert stamp(before) == stamp(await client.get(where)), body
    before = await client.get(team)
    add = patch({"op": "add", "path": "members", "value": [{"value": a}, {"value": c}]})
    assert (await client.patch(team, json=add)).status_code in (200, 204)
    assert stamp(before) != stamp(await client.get(team)), "one of two is an effect"
    assert {int(a), int(b), int(c)} == inside(door, team.rpartition("/")[2])


async def test_what_somebody_did_in_the_vault_meanwhile_is_never_taken_for_no_effect() -> None:
    door, client = await opened()
    a, b = await members_of(client, "w1", "w2")
    team = (await client.post("/Groups", json=group("Vault", a))).json()["id"]
    door.sim("POST", "/act", {"do": "remove_member", "groupId": int(team), "userId": int(a)})
    door.sim("POST", "/act", {"do": "add_member", "groupId": int(team), "userId": int(b)})
    await client.patch(f"/Groups/{team}", json=patch({"op": "add", "path": "members", "value": [{"value": a}]}))
    await client.patch(f"/Groups/{team}", json=patch({"op": "remove", "path": f'members[value eq "{b}"]'}))
    assert {int(a)} == inside(door, team)


async def test_a_users_version_covers_the_groups_that_are_shown() -> None:
    door, client = await opened()
    (a,) = await members_of(client, "e1")
    team = (await client.post("/Groups", json=group("Etag"))).json()["id"]
    first = await client.get(f"/Users/{a}")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert 304 == (await client.get(f"/Users/{a}", headers=tag)).status_code
    door.sim("POST", "/act", {"do": "add_member", "groupId": int(team), "userId": int(a)})
    second = await client.get(f"/Users/{a}", headers=tag)
    assert (200, [team]) == (second.status_code, [g["value"] for g in second.json()["groups"]])
    assert second.headers["ETag"] == second.json()["meta"]["version"]
    again = await client.get(f"/Users/{a}", headers={"If-None-Match": second.headers["ETag"]})
    assert 304 == again.status_code
    title = patch({"op": "replace", "path": "title", "value": "Dr"})
    on = patch({"op": "replace", "path": "active", "value": True})
    for shown in (first, second):  # whoever writes is held to what he writes
        held = {"If-Match": f'W/"other", {shown.headers["ETag"]}'}
        answer = await client.patch(f"/Users/{a}", json=on, headers=held)
        assert 200 == answer.status_code, answer.text
    change = patch({"op": "replace", "path": "title", "value": "Prof"})
    assert 200 == (await client.patch(f"/Users/{a}", json=change)).status_code
    for shown in (first, second):
        held = {"If-Match": shown.headers["ETag"]}
        assert 412 == (await client.patch(f"/Users/{a}", json=title, headers=held)).status_code
        assert 412 == (await client.delete(f"/Users/{a}", headers=held)).status_code


# -- where a search is posted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_search_answers_to_post_and_says_so(method: str) -> None:
    _, client = await opened()
    types = ("Users", "Groups", "Roles", "Entitlements", "Containers", "ContainerPermissions", "PrivilegedData")
    for where in ("/.search", "/users/.search/", *(f"/{name}/.search" for name in types)):
        answer = await client.request(method, where, json=patch() if method[0] == "P" else None)
        assert (405, "POST") == (answer.status_code, answer.headers["Allow"]), where
        assert method == "HEAD" or "This endpoint answers to POST only" == answer.json()["detail"]
    assert 404 == (await client.request(method, "/Nowhere/.search")).status_code


# -- large groups, and what a role change costs ----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["path", "urn", "without a path", "put"])
async def test_all_members_of_a_group_may_be_as_many_as_a_body_holds(form: str) -> None:
    door = Door(users=2600)
    client = await door.open(await door.token(await door.connection()))
    everybody = [str(u["id"]) for u in door.state("users")["users"] if u["id"] > 2][100:2600]
    team = (await client.post("/Groups", json=group("Crowd", everybody[0]))).json()["id"]
    wanted = [{"value": one} for one in everybody[1:]]
    operation: dict[str, Any] = {"op": "Replace", "path": "members", "value": wanted}
    if form == "urn":
        operation["path"] = "urn:ietf:params:scim:schemas:core:2.0:Group:members"
    elif form == "without a path":
        operation = {"op": "replace", "value": {"members": wanted}}
    door.calls()
    if form == "put":
        answer = await client.put(f"/Groups/{team}", json=group("Crowd", *everybody[1:]))
    else:
        answer = await client.patch(f"/Groups/{team}", json=patch(operation))
    assert answer.status_code in (200, 204), answer.text
    assert len(everybody) > 2000
    assert {int(one) for one in everybody[1:]} == inside(door, team)
    assert len([c for c in door.calls() if c["method"] == "PATCH"]) == 3, "in calls of at most 1,000"


async def test_a_role_change_does_not_read_the_protected_principals_again() -> None:
    door, client = await opened()
    a, b = await members_of(client, "p1", "p2")
    team = (await client.post("/Groups", json=group("Roles"))).json()["id"]
    roles = (await client.get("/Roles")).json()["Resources"]
    protected = (await client.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")).json()
    given = next(x for x in protected["attributes"] if x["name"] == "roles")["subAttributes"][0]["canonicalValues"]
    plain = next(role["id"] for role in roles if role["id"] in given and role["displayName"] != "User")
    for where in (f"/Users/{a}", f"/Groups/{team}"):
        for op in ("add", "remove"):
            change = patch({"op": op, "path": "roles", "value": [{"value": plain}]})
            assert (await client.patch(where, json=change)).status_code in (200, 204)
            door.calls()
            title = patch({"op": "replace", "path": "title", "value": f"{where}{op}"})
            assert 200 == (await client.patch(f"/Users/{b}", json=title)).status_code
            assert len(door.calls()) <= 2, (where, op)
    strong = next(role["id"] for role in roles if role["id"] not in given)
    for where in (f"/Users/{a}", f"/Groups/{team}"):
        change = patch({"op": "add", "path": "roles", "value": [{"value": strong}]})
        assert 403 == (await client.patch(where, json=change)).status_code
