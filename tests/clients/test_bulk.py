"""Bulk (RFC 7644 §3.7): every operation as if it had come alone, and what holds for all of them together."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from scim.model import Policies
from tests.door import Door, group, patch, user

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def post(path: str, data: Any, bulk_id: str = "") -> dict[str, Any]:
    return {"method": "POST", "path": path, "data": data} | ({"bulkId": bulk_id} if bulk_id else {})


async def bulk(client: httpx.AsyncClient, *operations: Any, **more: Any) -> list[dict[str, Any]]:
    answer = await client.post("/Bulk", json={"schemas": [BULK_REQUEST], "Operations": list(operations), **more})
    assert answer.status_code == 200, answer.text
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    return list(answer.json()["Operations"])


def ids(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {e["bulkId"]: e["location"].rpartition("/")[2] for e in entries if "bulkId" in e and "location" in e}


def statuses(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["status"] for entry in entries]


async def test_references_work_forwards_backwards_and_in_paths() -> None:
    here = Door(users=3)
    client = await here.client()
    done = await bulk(
        client,
        post("/Groups", group("team", "bulkId:ann"), "team"),
        post("/Users", user("ann", active="True"), "ann"),
        post("/Users", user("bob"), "bob"),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:team",
            "data": patch({"op": "Add", "path": "members", "value": [{"value": "bulkId:bob"}]}),
        },
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:team",
            "data": patch({"op": "remove", "path": 'members[value eq "bulkId:ann"]'}),
        },
        {"method": "DELETE", "path": "/Users/bulkId:ann"},
    )
    assert ["201", "201", "201", "204", "204", "204"] == statuses(done)
    made = ids(done)
    members = {(m["groupId"], m["userId"]) for m in here.state()["group_members"]}
    assert (int(made["team"]), int(made["bob"])) in members
    assert (int(made["team"]), int(made["ann"])) not in members
    assert (await client.get(f"/Users/{made['ann']}")).status_code == 404


async def test_a_circle_of_references_is_closed_by_a_second_look() -> None:
    client = await Door(users=3).client()
    done = await bulk(
        client,
        post("/Users", user("a", **{ENTERPRISE: {"department": "X", "manager": {"value": "bulkId:b"}}}), "a"),
        post("/Users", user("b", **{ENTERPRISE: {"manager": "bulkId:c"}}), "b"),
        post("/Users", user("c", **{ENTERPRISE: {"manager": "bulkId:a"}}), "c"),
    )
    assert ["201"] * 3 == statuses(done)
    made = ids(done)
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        found = (await client.get(f"/Users/{made[one]}")).json()
        assert made[other] == found[ENTERPRISE]["manager"]["value"]
        assert done["abc".index(one)]["version"] == found["meta"]["version"]


async def test_a_circle_with_a_broken_link_says_what_is_missing() -> None:
    here = Door(users=3)
    client = await here.client()
    done = await bulk(
        client,
        post("/Users", user("a", **{ENTERPRISE: {"manager": "bulkId:b"}}), "a"),
        post("/Users", user(" ", **{ENTERPRISE: {"manager": "bulkId:a"}}), "b"),
        post("/Users", user("c", **{ENTERPRISE: {"manager": "bulkId:nobody"}}), "c"),
    )
    assert ["409", "400", "409"] == statuses(done)
    assert "b" in done[0]["response"]["detail"]
    assert [u["userName"] for u in here.state()["users"]].count("c") == 0


async def test_every_operation_is_read_in_the_clients_dialect_and_refused_alone() -> None:
    client = await Door(users=3).client()
    done = await bulk(
        client,
        post("users/", {"userName": "plain", "active": "False", "id": None, "department": "Sales"}, "u"),
        {
            "Method": "patch",
            "Path": "/Users/bulkId:u",
            "Data": {"operations": {"op": "Replace", "value": {"active": "True"}}},
        },
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": patch({"op": "explode", "path": "active"})},
        "nonsense",
        {"method": "GET", "path": "/Users"},
        {"method": "POST", "path": "/Nowhere", "bulkId": "n", "data": {}},
        {"method": "PUT", "path": "/Users/bulkId:u"},
        {"method": "DELETE", "path": "/Me"},
        post("/Users", user("twice"), "u"),
    )
    assert ["201", "200", "400", "400", "400", "404", "400", "400", "400"] == statuses(done)
    assert all(entry["response"]["status"] == entry["status"] for entry in done[2:])
    found = (await client.get(f"/Users/{ids(done)['u']}")).json()
    assert (True, "Sales") == (found["active"], found[ENTERPRISE]["department"])


async def test_errors_are_counted_and_stop_the_rest() -> None:
    client = await Door(users=3).client()
    missing = {"method": "DELETE", "path": "/Users/99999"}
    assert ["404", "201", "404"] == statuses(
        await bulk(
            client, missing, post("/Users", user("x")), missing, missing, post("/Users", user("y")), failOnErrors=2
        )
    )
    assert ["404", "404"] == statuses(await bulk(client, missing, missing))
    answer = await client.post("/Bulk", json={"Operations": [missing], "failOnErrors": "many"})
    assert (400, "invalidValue") == (answer.status_code, answer.json()["scimType"])


async def test_too_many_or_too_much_is_413_before_the_first_one_runs() -> None:
    here = Door(users=3)
    client = await here.client()
    await client.get("/Users?count=1")
    here.calls()
    many = {"Operations": [post("/Users", user(f"m{n}")) for n in range(1001)]}
    much = {"Operations": [post("/Users", user("much", nickName="x" * 1_048_576))]}
    assert [413, 413] == [(await client.post("/Bulk", json=body)).status_code for body in (many, much)]
    assert here.calls() == []


async def test_one_more_member_than_a_patch_may_have_is_that_operations_413() -> None:
    client = await Door(users=3).client()
    crowd = [{"value": str(n)} for n in range(1001)]
    done = await bulk(
        client,
        post("/Groups", group("g"), "g"),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:g",
            "data": patch({"op": "add", "path": "members", "value": crowd}),
        },
    )
    assert ["201", "413"] == statuses(done)


async def test_guard_scope_and_read_only_hold_for_each_operation() -> None:
    here = Door(users=3)
    client = await here.client()
    own = here.state()["account"]["userId"]
    shapes = [
        {"method": "DELETE", "path": f"/Users/{own}"},
        {"method": "PATCH", "path": "/Users/2", "data": patch({"op": "replace", "path": "active", "value": False})},
        {"method": "PUT", "path": "/Users/2", "data": user("admin", active=False)},
        {
            "method": "PATCH",
            "path": "/Groups/3",
            "data": patch({"op": "add", "path": "members", "value": [{"value": "4"}]}),
        },
        post("/Groups", group("with-admin", "2")),
    ]
    here.calls()
    done = await bulk(client, *shapes, post("/Users", user("fine")))
    assert ["404"] + ["403"] * 4 + ["201"] == statuses(done)  # the connector's own account is not even shown
    assert [c["path"] for c in here.changes()] == ["/api/v1/users"]
    refused = [event for event in await here.audit() if event.outcome == "refused"]
    assert {"/Bulk"} == {event.route for event in refused}
    assert len(refused) == 4
    groups_only = await here.client("groups", scope=("Group",))
    assert ["403", "201"] == statuses(
        await bulk(groups_only, post("/Users", user("no")), post("/Groups", group("yes")))
    )
    reader = await here.client("reader", read_only=True)
    assert ["403"] == statuses(await bulk(reader, post("/Users", user("no"))))


async def test_each_write_of_a_bulk_is_audited() -> None:
    here = Door(users=3)
    client = await here.client()
    await bulk(client, *(post("/Users", user(f"a{n}")) for n in range(5)))
    events = [event for event in await here.audit() if event.action == "user.create"]
    assert [f"a{n}" for n in range(5)] == [event.object_name for event in events]
    assert {"done"} == {event.outcome for event in events}
    assert here.open_intents() == []


async def test_what_one_operation_remarks_is_said_of_that_one_alone() -> None:
    here = Door(users=3)
    client = await here.client()
    people = [user(f"p{n}", password="weak") if n == 2 else user(f"p{n}") for n in range(6)]
    assert ["201"] * 6 == statuses(await bulk(client, *(post("/Users", person) for person in people)))
    said = {event.object_name: event.detail for event in await here.audit() if event.action == "user.create"}
    assert ["p2"] == [name for name, detail in said.items() if "random one" in detail]


async def test_a_name_twice_in_a_bulk_is_one_account_and_a_409_and_one_object_is_changed_in_order() -> None:
    here = Door(users=3)
    client = await here.client()
    done = await bulk(client, *(post("/Users", user(name)) for name in ("same", "other", "SAME")))
    assert ["201", "201", "409"] == statuses(done)
    path = "/Users/" + done[0]["location"].rpartition("/")[2]
    titles = [patch({"op": "replace", "path": "title", "value": str(n)}) for n in range(12)]
    assert ["200"] * 12 == statuses(await bulk(client, *({"method": "PATCH", "path": path, "data": t} for t in titles)))
    assert "11" == (await client.get(path)).json()["title"]


async def test_permissions_go_through_a_bulk_like_anything_else() -> None:
    here = Door(users=3, folders=3)
    client = await here.client()
    folder = (await client.get("/Containers?count=1")).json()["Resources"][0]["id"]
    grant = {"container": {"value": folder}, "user": {"value": "bulkId:u"}, "rights": ["View"]}
    done = await bulk(client, post("/ContainerPermissions", grant, "p"), post("/Users", user("granted"), "u"))
    assert ["201", "201"] == statuses(done), done
    made = ids(done)
    rows = [row for row in here.state("folder_permissions")["folder_permissions"] if row["userId"] == int(made["u"])]
    assert int(folder) in [row["folderId"] for row in rows]
    gone = {"method": "DELETE", "path": f"/ContainerPermissions/{made['p']}"}
    assert ["204"] == statuses(await bulk(client, gone))


async def test_membership_in_a_bulk_never_loads_the_group() -> None:
    here = Door(users=500, groups=1)
    client = await here.client()
    everyone = [{"value": str(u["id"])} for u in here.state()["users"] if u["id"] > 2][:400]
    made = ids(await bulk(client, post("/Groups", group("big"), "g")))["g"]
    await client.patch(f"/Groups/{made}", json=patch({"op": "add", "path": "members", "value": everyone}))
    here.calls()
    leaver = {"op": "remove", "path": f'members[value eq "{everyone[0]["value"]}"]'}
    assert ["204"] == statuses(
        await bulk(client, {"method": "PATCH", "path": f"/Groups/{made}", "data": patch(leaver)})
    )
    calls = here.calls()
    assert len(calls) <= 4, calls
    assert [c for c in calls if c["method"] == "GET" and c["path"].endswith("/users")] == []


async def test_if_match_holds_by_version() -> None:
    client = await Door(users=3).client()
    made = (await client.post("/Users", json=user("v"))).json()
    version = made["meta"]["version"]
    change = {"method": "PATCH", "path": f"/Users/{made['id']}", "version": version}
    done = await bulk(
        client,
        {**change, "data": patch({"op": "replace", "path": "title", "value": "one"})},
        {**change, "data": patch({"op": "replace", "path": "title", "value": "two"})},
    )
    assert ["200", "412"] == statuses(done)
    assert "one" == (await client.get(f"/Users/{made['id']}")).json()["title"]


async def test_one_deadline_for_all_and_what_was_not_reached_is_a_503() -> None:
    here = Door(users=3, settings={"request_seconds": 3.0})
    client = await here.client()
    assert ["201"] == statuses(await bulk(client, post("/Users", user("first"))))
    here.fail({"match": "^POST /api/v1/users", "times": 100, "do": "slow", "ms": 400})
    started = time.monotonic()
    done = await bulk(client, *(post("/Users", user(f"slow{n}")) for n in range(20)))
    assert time.monotonic() - started < 3.0
    assert len(done) == 20
    assert "503" == done[-1]["status"]
    here.heal()
    for entry in done:
        assert entry["status"] in ("201", "503")


async def test_what_was_not_reached_says_how_to_go_on_and_does() -> None:
    here = Door(users=3, settings={"request_seconds": 3.0})
    client = await here.client()
    await bulk(client, post("/Users", user("first")))
    here.fail({"match": "^POST /api/v1/users", "times": 1000, "do": "slow", "ms": 400})
    left = [post("/Users", user(f"goes-on-{n}"), f"g{n}") for n in range(60)]
    answer = await client.post("/Bulk", json={"schemas": [BULK_REQUEST], "Operations": left})
    done = answer.json()["Operations"]
    count = statuses(done).count("201")
    assert 0 < count < 60
    assert "1" == answer.headers["Retry-After"]
    words = (
        f"Not begun: the time of this bulk ended after {count} of its 60 operations. Send the operations that say so "
        f"in a bulk of their own, of at most {count}; a bulkId of this bulk is not known there, so write the id that "
        "was answered here in its place"
    )
    assert {words} == {entry["response"]["detail"] for entry in done if entry["status"] == "503"}
    assert [] == here.open_intents(), "nothing was cut short in the middle"
    for _ in range(10):
        left = [one for one, entry in zip(left, done, strict=True) if entry["status"] == "503"]
        done = await bulk(client, *left) if left else []
    assert [] == left
    assert 60 == sum(u["userName"].startswith("goes-on-") for u in here.state()["users"])


async def test_what_the_vault_asks_to_wait_for_is_said_in_the_entry_and_of_the_whole() -> None:
    here = Door(users=3)
    client = await here.client()
    await bulk(client, post("/Users", user("first")))
    here.fail({"match": "^POST /api/v1/users", "times": 100, "do": "503", "retry_after": 7})
    answer = await client.post("/Bulk", json={"schemas": [BULK_REQUEST], "Operations": [post("/Users", user("busy"))]})
    [entry] = answer.json()["Operations"]
    assert "503" == entry["status"]
    seconds = answer.headers["Retry-After"]
    assert entry["response"]["detail"].endswith(f"; send it again after {seconds} s")


async def test_independent_operations_go_side_by_side_and_a_slow_one_holds_up_no_other() -> None:
    here = Door(users=3)
    client = await here.client()
    await bulk(client, post("/Users", user("first")))
    here.fail({"match": "^POST /api/v1/users", "times": 1000, "do": "slow", "ms": 300})
    started = time.monotonic()
    done = await bulk(client, *(post("/Users", user(f"side-{n}")) for n in range(64)))
    took = time.monotonic() - started
    assert {"201"} == set(statuses(done))
    assert took < 64 * 0.3 / 3, took
    assert [f"side-{n}" for n in range(64)] == [
        (await client.get("/Users/" + e["location"].rpartition("/")[2])).json()["userName"] for e in done
    ]


async def test_one_object_is_changed_in_order_among_many_others() -> None:
    here = Door(users=3)
    client = await here.client()
    people = ids(await bulk(client, *(post("/Users", user(f"o{n}"), f"o{n}") for n in range(6))))
    operations = [
        {
            "method": "PATCH",
            "path": f"/Users/{people[f'o{n}']}",
            "data": patch({"op": "replace", "path": "title", "value": f"{turn}"}),
        }
        for turn in range(8)
        for n in ((0, 0, 1, 2, 3, 4, 5) if turn % 2 else (5, 4, 3, 2, 1, 0))
    ]
    assert {"200"} == set(statuses(await bulk(client, *operations)))
    assert ["7"] * 6 == [(await client.get(f"/Users/{one}")).json()["title"] for one in people.values()]


@pytest.mark.parametrize("answer", ["resource", "nothing"])
async def test_the_patch_policy_changes_nothing_about_location_and_version(answer: Any) -> None:
    client = await Door(users=3).client(policies=Policies(patch_answer=answer))
    made = (await client.post("/Users", json=user("p"))).json()
    change = patch({"op": "replace", "path": "title", "value": "x"})
    [done] = await bulk(client, {"method": "PATCH", "path": f"/Users/{made['id']}", "data": change})
    assert made["meta"]["location"] == done["location"]
    assert done["version"] != made["meta"]["version"]
    assert {"resource": "200", "nothing": "204"}[answer] == done["status"]
