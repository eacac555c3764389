"""/_sim: the journal, the faults, the state, the switches and the acts."""

import asyncio
import json

import httpx
import pytest


async def test_calls_are_counted_without_the_base_and_without_sim(start):
    desk = await start(base="/SecretServer")
    await desk.ok("GET", "/v1/users", params={"filter.searchText": "a b"})
    await desk.call("GET", "/v1/users/99999")
    seen = await desk.sim("GET", "/calls")
    assert seen["count"] == 3
    assert [(c["method"], c["path"], c["status"]) for c in seen["calls"]] == [
        ("POST", "/oauth2/token", 200),
        ("GET", "/api/v1/users", 200),
        ("GET", "/api/v1/users/99999", 400),
    ]
    assert seen["calls"][1]["query"] == "filter.searchText=a+b"
    assert await desk.sim("DELETE", "/calls") == {"count": 0, "calls": []}
    outside = await desk.http.get("http://vault/api/v1/users")
    assert outside.status_code == 404


async def test_full_calls_show_bodies_without_secrets(desk):
    await desk.create("ann", password="Very-secret-1")
    await desk.ok("PATCH", "/v1/users/9", {"password": {"dirty": True, "value": "Very-secret-2"}})
    text = json.dumps(await desk.sim("GET", "/calls?full=1"))
    assert "Very-secret" not in text
    assert "simulator-only" not in text
    call = (await desk.sim("GET", "/calls?full=1"))["calls"][1]
    assert call["request"]["userName"] == "ann"
    assert call["answer"]["personalGroupId"]
    assert call["ended"] >= call["started"]


async def test_calls_in_parallel_overlap(start):
    desk = await start(latency_ms=40)
    await asyncio.gather(*(desk.ok("GET", "/v1/users/current") for _ in range(3)))
    calls = (await desk.sim("GET", "/calls?full=1"))["calls"][1:]
    assert max(c["started"] for c in calls) < min(c["ended"] for c in calls)


async def _order(desk, do, **more):
    rule = {"match": "^GET /api/v1/users", "do": do, **more}
    return await desk.sim("PUT", "/faults", {"rules": [rule]})


@pytest.mark.parametrize("status", ["400", "401", "403", "429", "500", "503"])
async def test_faults_answer_with_a_status(desk, status):
    await _order(desk, status, times=1, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    answer = await desk.call("GET", "/v1/users")
    assert (str(answer.status_code), answer.headers["retry-after"]) == (status, "Wed, 21 Oct 2026 07:28:00 GMT")
    assert (await desk.call("GET", "/v1/users")).status_code == 200


async def test_faults_skip_and_stay(desk):
    await _order(desk, "429", skip=1, retry_after=2)
    statuses = [(await desk.call("GET", "/v1/users")).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert (await desk.sim("GET", "/faults"))["rules"][0]["retry_after"] == "2"
    await desk.sim("DELETE", "/faults")
    assert (await desk.call("GET", "/v1/users")).status_code == 200


async def test_bodies_that_are_not_json(desk):
    await _order(desk, "html", times=1)
    answer = await desk.call("GET", "/v1/users")
    assert (answer.status_code, answer.text[:9]) == (200, "<!DOCTYPE")
    await _order(desk, "bad-json", times=1)
    answer = await desk.http.get("/api/v1/users")
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    await _order(desk, "huge", times=1)
    assert len((await desk.http.get("/api/v1/users")).content) > 50_000_000


async def test_a_cut_before_does_nothing_and_a_cut_after_has_done_it(desk):
    body = {"userName": "ann", "displayName": "Ann", "password": "Abcdefg1"}
    for do, done in (("drop-before", False), ("drop-after", True)):
        await desk.sim("PUT", "/faults", {"rules": [{"match": "^POST /api/v1/users", "times": 1, "do": do}]})
        with pytest.raises((ConnectionError, httpx.TransportError)):
            await desk.call("POST", "/v1/users", body)
        assert (desk.vault.user_named(-1, "ann") is not None) is done


@pytest.mark.parametrize(
    "rules", [None, [{}], [{"match": "("}], [{"match": "x", "do": "dance"}], [{"match": "x", "do": "429", "tmes": 1}]]
)
async def test_a_bad_rule_is_refused(desk, rules):
    assert (await desk.http.put("/_sim/faults", json={"rules": rules})).status_code == 400


async def test_state_tells_all_but_secret_values(start):
    desk = await start(secrets=5, secret_permissions=3)
    state = await desk.sim("GET", "/state")
    people = "users groups group_members roles user_roles group_roles logins"
    things = "folders folder_permissions secrets secret_permissions secret_views"
    assert {*people.split(), *things.split()} <= set(state)
    assert "Seeded-" not in json.dumps(state)
    administrator = next(r for r in state["roles"] if r["name"] == "Administrator")
    admins = next(g for g in state["groups"] if g["name"] == "Vault Administrators")
    assert "Administer Users" in administrator["permissions"]
    assert {"groupId": admins["id"], "roleId": administrator["id"]} in state["group_roles"]
    assert {"userId": 2, "roleId": administrator["id"]} in state["user_roles"]
    assert set(await desk.sim("GET", "/state?only=roles")) == {"roles"}


async def test_a_bare_vault_has_the_account_and_the_stock_roles(start):
    desk = await start(bare=True)
    state = await desk.sim("GET", "/state")
    assert [(u["userName"], u["isApplicationAccount"]) for u in state["users"]] == [("svc-scim", True)]
    assert [g["personal"] for g in state["groups"]] == [True]
    assert [r["name"] for r in state["roles"]] == ["Administrator", "User", "Read Only User", "SCIM Connector"]
    assert state["folders"] == state["secrets"] == []
    assert {d["domainId"] for d in state["domains"]} == {-1, 1}
    await desk.create()


async def test_the_same_seed_gives_the_same_vault(start):
    first, again, other = [
        await (await start(seed=s)).sim("GET", "/state?only=users,group_members,folders") for s in (7, 7, 8)
    ]
    for state in (first, again, other):
        for user in state["users"]:
            user.pop("lastLogin")
    assert first == again
    assert first != other


async def test_switches_are_checked(desk):
    assert (await desk.sim("GET", "/switches"))["missing_status"] == 400
    for bad in ({"no_such": 1}, {"version": "9"}, {"lag_ms": "soon"}, {"refresh_tokens": "perhaps"}):
        assert (await desk.http.put("/_sim/switches", json=bad)).status_code == 400


async def test_acts_of_people(desk):
    group = next(g.id for g in desk.vault.real_groups.values())
    deeds = [
        {"do": "disable_user", "userId": 5},
        {"do": "enable_user", "userId": 5},
        {"do": "rename_display", "userId": 5, "displayName": "Other"},
        {"do": "set_email", "userId": 5, "emailAddress": "o@corp.example"},
        {"do": "add_member", "groupId": group, "userId": 5},
        {"do": "remove_member", "groupId": group, "userId": 5},
        {"do": "create_user", "userName": "human", "domainId": 1},
        {"do": "create_group", "name": "By hand"},
        {"do": "lock_user", "userName": "admin"},
        {"do": "assign_role", "userId": 5, "roleId": 1},
        {"do": "change_account_password", "password": "Rotated-1"},
    ]
    for deed in deeds:
        await desk.sim("POST", "/act", deed)
    user = desk.vault.users[5]
    assert (user.display_name, user.email, user.enabled) == ("Other", "o@corp.example", True)
    assert (await desk.call("GET", "/v1/users/current")).status_code == 200
    assert (await desk.log_in()).status_code == 400
    for bad in ({"do": "dance"}, {"do": "disable_user"}, {"do": "disable_user", "userId": 9999}):
        assert (await desk.http.post("/_sim/act", json=bad)).status_code == 400


async def test_unknown_paths_and_methods(desk):
    answer = await desk.call("GET", "/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")
    await desk.sim("PUT", "/switches", {"unknown_path": "json"})
    assert "message" in (await desk.call("GET", "/v1/nothing")).json()
    assert (await desk.call("PUT", "/v1/users", {})).status_code == 405


async def test_an_unstable_order_shows_who_forgets_to_sort(start):
    desk = await start(users=60, switches={"default_order": "unstable"})
    pages = [[r["id"] for r in (await desk.ok("GET", "/v1/users", take=30))["records"]] for _ in range(3)]
    assert pages[0] != pages[1] or pages[1] != pages[2]
    query = {"take": 30, "sortBy[0].name": "id", "sortBy[0].direction": "asc"}
    sorted_pages = [[r["id"] for r in (await desk.ok("GET", "/v1/users", params=query))["records"]] for _ in range(2)]
    assert sorted_pages[0] == sorted_pages[1] == sorted(sorted_pages[0])


async def test_a_query_longer_than_the_web_server_allows_is_a_html_404(desk):
    ids = [("filter.userIds", n) for n in range(1, 200)]
    answer = await desk.call("GET", "/v1/users", params=ids)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/html")
    await desk.sim("PUT", "/switches", {"max_query": 0})
    assert (await desk.ok("GET", "/v1/users", params=ids))["total"] == 27


async def test_bodies_that_are_nothing_but_a_secret_are_not_shown(desk):
    secret = next(s for s in desk.vault.tree.secrets.values() if not s.requires_comment)
    value = await desk.ok("GET", f"/v1/secrets/{secret.id}/fields/username")
    await desk.ok("GET", f"/v2/secrets/{secret.id}")
    patch = {"data": {"secretFields": [{"dirty": True, "slug": "notes", "value": "Whisper"}]}}
    await desk.ok("PATCH", f"/v2/secrets/{secret.id}/general", patch)
    text = json.dumps(await desk.sim("GET", "/calls?full=1"))
    assert value not in text
    assert "Whisper" not in text
