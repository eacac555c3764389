"""What one connection may do is not what another may, and none may do more than was decided for it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from scim.model import Policies
from tests.door import ERROR, Door, group, patch, user


def refused(answer: httpx.Response, status: int = 403) -> None:
    assert (status, [ERROR]) == (answer.status_code, answer.json()["schemas"]), answer.text


def writes(user_id: str, group_id: str) -> dict[str, tuple[str, str, Any]]:
    """Every shape of a write."""
    off = {"op": "replace", "path": "active", "value": False}
    mine = {"op": "add", "path": "members", "value": [{"value": user_id}]}
    return {
        "POST user": ("POST", "/Users", user("stranger", externalId="s")),
        "PUT user": ("PUT", f"/Users/{user_id}", user("ann", displayName="Taken over")),
        "PATCH user": ("PATCH", f"/Users/{user_id}", patch(off)),
        "PATCH user without path": ("PATCH", f"/Users/{user_id}", patch({"op": "replace", "value": {"active": False}})),
        "PATCH e-mail": (
            "PATCH",
            f"/Users/{user_id}",
            patch({"op": "replace", "path": "emails", "value": [{"value": "evil@evil.example", "primary": True}]}),
        ),
        "PATCH password": (
            "PATCH",
            f"/Users/{user_id}",
            patch({"op": "add", "path": "password", "value": "Abcd-1234-efgh"}),
        ),
        "DELETE user": ("DELETE", f"/Users/{user_id}", None),
        "POST group": ("POST", "/Groups", group("Strangers", user_id)),
        "PUT group": ("PUT", f"/Groups/{group_id}", group("Renamed", user_id)),
        "PATCH group": ("PATCH", f"/Groups/{group_id}", patch(mine)),
        "PATCH group's name": (
            "PATCH",
            f"/Groups/{group_id}",
            patch({"op": "replace", "path": "displayName", "value": "X"}),
        ),
        "DELETE group": ("DELETE", f"/Groups/{group_id}", None),
    }


WRITES = list(writes("", ""))


async def two() -> tuple[Door, httpx.AsyncClient, httpx.AsyncClient, str, str]:
    """Connection B has a user and a group; A comes with its own token."""
    door = Door(users=4, groups=1)
    ours, theirs = await door.client("A"), await door.client("B")
    body = user("ann", externalId="b-1", displayName="Ann", emails=[{"value": "ann@corp.example", "primary": True}])
    person = (await theirs.post("/Users", json=body)).json()["id"]
    team = (await theirs.post("/Groups", json=group("Their team", person, externalId="b-g"))).json()["id"]
    return door, ours, theirs, person, team


@pytest.mark.parametrize("write", [w for w in WRITES if not w.startswith("POST")])
async def test_a_connection_sees_but_never_changes_what_another_one_owns(write: str) -> None:
    """B's ids with A's token (Grafana CVE-2026-92539): 403, and vault and tables as before."""
    door, ours, _, person, team = await two()
    before, kept = door.state(), door.kept()
    method, path, body = writes(person, team)[write]
    door.calls()
    refused(await ours.request(method, path, json=body))
    assert [] == door.changes()
    assert before == door.state()
    assert kept == door.kept()
    assert 200 == (await ours.get(f"/Users/{person}")).status_code


@pytest.mark.parametrize("write", [w for w in WRITES if not w.startswith("POST")])
async def test_a_bulk_is_no_way_around_ownership(write: str) -> None:
    door, ours, _, person, team = await two()
    before = door.state()
    method, path, body = writes(person, team)[write]
    operation = {"method": method, "path": path, "data": body} if body else {"method": method, "path": path}
    schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    answer = await ours.post("/Bulk", json={"schemas": schemas, "Operations": [operation]})
    assert ["403"] == [o["status"] for o in answer.json()["Operations"]]
    assert before == door.state()


async def test_external_ids_belong_to_a_connection() -> None:
    """A cannot see or find by B's externalId; both may use the same one for different people."""
    _, ours, theirs, person, _ = await two()
    assert "externalId" not in (await ours.get(f"/Users/{person}")).json()
    assert 0 == (await ours.get("/Users", params={"filter": 'externalId eq "b-1"'})).json()["totalResults"]
    mine = (await ours.post("/Users", json=user("bob", externalId="b-1"))).json()["id"]
    assert [mine] == [
        r["id"] for r in (await ours.get("/Users", params={"filter": 'externalId eq "b-1"'})).json()["Resources"]
    ]
    found = (await theirs.get("/Users", params={"filter": 'externalId eq "b-1"'})).json()["Resources"]
    assert [person] == [r["id"] for r in found]


async def test_a_name_that_another_connection_uses_is_taken() -> None:
    """No adoption by POST (GitLab CVE-2022-1680): 409, whatever its case or width, and nothing is changed."""
    door, ours, _, _, _ = await two()
    before = door.state()
    for name in ("ann", "ANN", "ann ", "ａｎｎ"):
        refused(await ours.post("/Users", json=user(name, externalId="a-1")), 409)
    refused(await ours.post("/Groups", json=group("their TEAM")), 409)
    assert before == door.state()


@pytest.mark.parametrize("write", WRITES)
async def test_a_read_only_connection_writes_nothing(write: str) -> None:
    door, _, _, person, team = await two()
    reader = await door.client("reader", read_only=True)
    before = door.state()
    method, path, body = writes(person, team)[write]
    door.calls()
    refused(await reader.request(method, path, json=body))
    assert [] == door.changes()
    assert before == door.state()
    assert 200 == (await reader.get(f"/Users/{person}")).status_code
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
    assert 200 == (await reader.post("/Users/.search", json={"schemas": schemas})).status_code


async def test_a_scope_ends_at_its_resource_types() -> None:
    """Reads, writes, searches and bulks of another type are 403; discovery is not."""
    door, _, _, person, team = await two()
    narrow = await door.client("narrow", scope=("Group",))
    for path in ("/Users", f"/Users/{person}", '/Users?filter=userName eq "ann"'):
        refused(await narrow.get(path))
    refused(await narrow.post("/Users", json=user("x")))
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
    refused(await narrow.post("/Users/.search", json={"schemas": schemas}))
    assert 200 == (await narrow.get(f"/Groups/{team}")).status_code
    assert 200 == (await narrow.get("/Schemas")).status_code
    found = await narrow.post("/.search", json={"schemas": schemas, "count": 50})
    assert found.status_code in {200, 403}
    kinds = {r["meta"]["resourceType"] for r in found.json().get("Resources", [])}
    assert kinds <= {"Group"}


async def test_a_source_address_that_is_not_listed_is_403() -> None:
    """By the last hop, which the platform's front end writes; a forged first hop opens nothing."""
    door = Door(bare=True)
    client = await door.client("office", sources=("203.0.113.0/24",))
    for forwarded in ("198.51.100.7", "203.0.113.7, 198.51.100.7:1234", "", "nonsense"):
        refused(await client.get("/Users", headers={"X-Forwarded-For": forwarded}))
    assert [] == door.calls()


# -- escalation ------------------------------------------------------------------------------------------------------


PROTECTED = (
    "the connector's account",
    "an administrator",
    "a group of administrators",
    "a listed user",
    "a listed group",
)


@pytest.mark.parametrize("kind", PROTECTED)
async def test_no_write_touches_a_protected_principal(kind: str) -> None:
    """Each write shape at each kind of principal, alone and within a bulk: 403 (404 out of sight), nothing done."""
    door = Door(users=6, groups=2)
    vaults = await door.connector.vaults()
    client = await door.client()
    state = door.state()
    listed_user = next(
        u["id"] for u in state["users"] if u["userName"] not in {"admin", "svc-scim"} and u["domainId"] < 1
    )
    listed_group = next(g["id"] for g in state["groups"] if not g["personal"] and g["name"] != "Vault Administrators")
    await vaults.update(
        (await vaults.find("vault")).id, protected_users=(listed_user,), protected_groups=(listed_group,)
    )
    door.restart()
    admins = next(g["id"] for g in state["groups"] if g["name"] == "Vault Administrators")
    admin = next(u["id"] for u in state["users"] if u["userName"] == "admin")
    targets = {
        "the connector's account": door.vault.account_id,
        "an administrator": admin,
        "a listed user": listed_user,
        "a group of administrators": admins,
        "a listed group": listed_group,
    }
    ordinary = next(u["id"] for u in state["users"] if u["id"] not in targets.values() and u["domainId"] < 1)
    target = str(targets[kind])
    before = door.state()
    person, team = (str(ordinary), target) if "group" in kind else (target, str(admins))
    about = "group" if "group" in kind else "user"
    chosen = {n: w for n, w in writes(person, team).items() if about in n or ("user" in about and "e-mail" in n)}
    chosen = {n: w for n, w in chosen.items() if n != "POST user" and not (about == "group" and n == "POST group")}
    if about == "user":
        chosen["POST group"] = ("POST", "/Groups", group("Escalation", person))
    for name, (method, path, body) in chosen.items():
        answer = await client.request(method, path, json=body)
        out_of_sight = kind == "the connector's account" and path.startswith("/Users")
        assert answer.status_code == (404 if out_of_sight else 403), f"{name}: {answer.status_code} {answer.text}"
        operation = {"method": method, "path": path, **({"data": body} if body else {}), "bulkId": "b"}
        schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
        bulk = (await client.post("/Bulk", json={"schemas": schemas, "Operations": [operation]})).json()
        assert [str(answer.status_code)] == [o["status"] for o in bulk["Operations"]], name
    assert before == door.state()


async def test_an_administrative_role_is_not_given_by_any_road() -> None:
    door = Door(users=4)
    client = await door.client()
    ann = (await client.post("/Users", json=user("ann"))).json()["id"]
    before = door.state("user_roles", "group_roles", "users")
    role = [{"value": "1"}]
    for answer in (
        await client.post("/Users", json=user("eve", roles=role)),
        await client.put(f"/Users/{ann}", json=user("ann", roles=role)),
        await client.patch(f"/Users/{ann}", json=patch({"op": "add", "path": "roles", "value": role})),
        await client.patch(f"/Users/{ann}", json=patch({"op": "replace", "value": {"roles": role}})),
    ):
        refused(answer)
    assert before == door.state("user_roles", "group_roles", "users")


HOSTILE = {
    "id": "1",
    "isApplicationAccount": True,
    "isAdmin": True,
    "admin": True,
    "domainId": 1,
    "twoFactor": False,
    "adGuid": "x",
    "password2": "x",
    "enabled": True,
    "unlimitedAdmin": True,
    "roleIds": [1],
    "groups": [{"value": "2"}],
    "isLockedOut": False,
    "ipAddressRestrictions": [],
    "externalUserSource": "x",
    "userId": 2,
    "personalGroupId": 2,
    "mustVerifyEmail": False,
    "loginFailures": 0,
    "oath": True,
    "fido2TwoFactor": True,
    "meta": {"location": "x"},
}


async def test_only_what_a_client_may_write_goes_upstream() -> None:
    """A POST, PUT and PATCH with every field of the vault in them: what is sent on is the allowed list."""
    door = Door(bare=True)
    client = await door.client()
    made = await client.post("/Users", json=user("ann", **HOSTILE))
    assert 201 == made.status_code
    assert made.json()["id"] != "1"
    path = f"/Users/{made.json()['id']}"
    assert 200 == (await client.put(path, json=user("ann", displayName="B", **HOSTILE))).status_code
    assert (
        200
        == (
            await client.patch(path, json=patch({"op": "replace", "value": {**HOSTILE, "displayName": "C"}}))
        ).status_code
    )
    sent = [c for c in door.sim("GET", "/calls?full=1")["calls"] if "/users" in c["path"] and c["method"] != "GET"]
    allowed = {
        "userName",
        "displayName",
        "emailAddress",
        "enabled",
        "password",
        "domainId",
        "isApplicationAccount",
        "data",
    }
    names = {name for c in sent for name in c["request"] if isinstance(c["request"], dict)}
    inner = {n for c in sent for n in (c["request"] or {}).get("data", {})}
    assert names | inner <= allowed
    bodies = [c["request"] for c in sent if c["method"] == "POST"]
    assert all(not b.get("isApplicationAccount") and b.get("domainId") in {None, -1} for b in bodies)
    assert {"users": 2} == {"users": len(door.state("users")["users"])}


@pytest.mark.parametrize("policy", ["refuse", "skip"])
async def test_an_unknown_member_is_answered_by_policy_and_never_by_chance(policy: str) -> None:
    """refuse: 400 that names it and nothing changed, known ones neither; skip: the known ones are in."""
    door = Door(users=6, groups=1)
    client = await door.client(policies=Policies(unknown_members=policy))
    ann = (await client.post("/Users", json=user("ann"))).json()["id"]
    team = (await client.post("/Groups", json=group("Team"))).json()["id"]
    before = door.state("group_members")
    both = {"op": "add", "path": "members", "value": [{"value": ann}, {"value": "99999"}]}
    answer = await client.patch(f"/Groups/{team}", json=patch(both))
    if policy == "skip":
        assert answer.status_code in {200, 204}
        assert int(ann) in {
            m["userId"] for m in door.state("group_members")["group_members"] if m["groupId"] == int(team)
        }
    else:
        refused(answer, 400)
        assert "99999" in answer.json()["detail"]
        assert before == door.state("group_members")
