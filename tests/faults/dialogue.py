"""What the fault tests say to the connector, and what is to come of it: a world, writes, and how to judge them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.door import ERROR, Door, group, patch, user

OUTAGES = {429, 502, 503}


@dataclass(slots=True)
class World:
    """A vault with people and groups of its own, and what one connection made there: ids of a user and a group."""

    door: Door
    client: httpx.AsyncClient
    user: str
    group: str


Request = Callable[[Any], Awaitable[httpx.Response]]
LEAVER = user("leaver", externalId="x-leaver", displayName="Comes and goes")
OLD_TEAM = group("Old team", "7", externalId="g-old")


async def world(write: str = "", **settings: Any) -> World:
    """:param write: Its name says what else has to be there before."""
    door = Door(users=9, groups=3, folders=4, secrets=4, settings=settings)
    client = await door.client()
    mail = [{"value": "known@corp.example", "type": "work", "primary": True}]
    names = {"givenName": "Known", "familyName": "Person"}
    body = user("known", externalId="x-known", displayName="Known", emails=mail, name=names)
    made = (await client.post("/Users", json=body)).json()
    team = (await client.post("/Groups", json=group("Known", made["id"], externalId="g-known"))).json()
    if write.startswith("revive"):
        path, gone = ("/Users", LEAVER) if "user" in write else ("/Groups", OLD_TEAM)
        left = (await client.post(path, json=gone)).json()
        assert 204 == (await client.delete(f"{path}/{left['id']}")).status_code
    await door.connector.trail.close()
    return World(door, client, made["id"], team["id"])


PERSON = user(
    "newcomer",
    externalId="x-new",
    displayName="New Comer",
    emails=[{"value": "new@corp.example", "primary": True}],
    active=True,
)


def changed_user(*operations: dict[str, Any]) -> Request:
    return lambda w: w.client.patch(f"/Users/{w.user}", json=patch(*operations))


def changed_members(w: World) -> Awaitable[httpx.Response]:
    add = {"op": "add", "path": "members", "value": [{"value": "7"}, {"value": "8"}]}
    remove = {"op": "remove", "path": f'members[value eq "{w.user}"]'}
    return w.client.patch(f"/Groups/{w.group}", json=patch(add, remove))


WRITES: dict[str, Request] = {
    "create a user": lambda w: w.client.post("/Users", json=PERSON),
    "revive a user": lambda w: w.client.post("/Users", json=LEAVER),
    "disable a user": changed_user({"op": "replace", "path": "active", "value": False}),
    "rename a user": changed_user({"op": "replace", "path": "userName", "value": "known.two"}),
    "grant a role": changed_user({"op": "add", "path": "roles", "value": [{"value": "3"}]}),
    "replace a user": lambda w: w.client.put(
        f"/Users/{w.user}", json=user("known", externalId="x-other", displayName="Changed", active=True)
    ),
    "delete a user": lambda w: w.client.delete(f"/Users/{w.user}"),
    "create a group": lambda w: w.client.post("/Groups", json=group("New", "7", "8", externalId="g-new")),
    "revive a group": lambda w: w.client.post("/Groups", json={**OLD_TEAM, "members": [{"value": "8"}]}),
    "change members": changed_members,
    "replace a group": lambda w: w.client.put(
        f"/Groups/{w.group}", json=group("Known again", "8", externalId="g-known")
    ),
    "delete a group": lambda w: w.client.delete(f"/Groups/{w.group}"),
}


def repetitions(write: str, first: int) -> set[int]:
    """What the same request may be answered when it comes again.

    After an outage a creation is completed, as if nothing had happened; after an answer its name is taken. What was
    deleted may be gone.
    """
    if write.startswith(("create", "revive")):
        return {201} if first >= 300 else {409, 201}
    return {204, 404} if write.startswith("delete") else {200, 204}


# -- what is there -----------------------------------------------------------------------------------------------------


def in_the_vault(door: Door) -> dict[str, Any]:
    """What a person would see there."""
    state = door.state("users", "groups", "group_members", "user_roles")
    names = {g["id"]: g["name"] for g in state["groups"]}
    return {
        "users": sorted((u["userName"], u["displayName"], u["emailAddress"], u["enabled"]) for u in state["users"]),
        "groups": sorted((names[g["id"]], g["enabled"]) for g in state["groups"] if not g["personal"]),
        "members": sorted((names[m["groupId"]], m["userId"]) for m in state["group_members"]),
        "roles": sorted((r["userId"], r["roleId"]) for r in state["user_roles"]),
    }


async def in_view(w: World) -> list[dict[str, Any]]:
    """What the client sees, without times and versions, and by which names and external ids it finds it again."""
    shown = []
    for path in ("/Users", "/Groups"):
        for resource in (await w.client.get(path, params={"count": 100})).json()["Resources"]:
            resource.pop("meta")
            if "externalId" in resource:
                query = {"filter": f'externalId eq "{resource["externalId"]}"', "attributes": "id"}
                found = (await w.client.get(path, params=query)).json()
                resource["found by externalId"] = [r["id"] for r in found.get("Resources", [])]
            shown.append(resource)
    return shown


def differences(right: Any, found: Any) -> list[str]:
    """What is not as it should be, in one line each."""
    if isinstance(right, dict):
        return [f"{n}: {sorted(set(right[n]) ^ set(found[n]))}" for n in right if right[n] != found[n]]
    extra = [x for x in found if x not in right]
    missing = [x for x in right if x not in found]
    return [f"{extra} instead of {missing}"] if extra or missing else []


# -- how answers are judged --------------------------------------------------------------------------------------------


def told_truth(answer: httpx.Response, right: httpx.Response | None, what: str = "") -> None:
    """The right answer, or an outage with a time to come back; and always SCIM JSON."""
    if right is not None and answer.status_code == right.status_code:
        assert steady(right.json()) == steady(answer.json()), what
        return
    assert answer.status_code in OUTAGES, f"{what}: {answer.status_code} {answer.text[:300]}"
    assert [ERROR] == answer.json()["schemas"], what
    assert str(answer.status_code) == answer.json()["status"], what
    assert re.fullmatch(r"[1-9]\d{0,3}", answer.headers.get("retry-after", "")), f"{what}: {dict(answer.headers)}"


_UNSTEADY = {"nextCursor", "previousCursor", "canonicalValues", "required"}


def steady(value: Any) -> Any:
    """Without cursors, which are sealed anew each time, and what the vault adds to /Schemas, which does without it."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in _UNSTEADY}
    return [steady(v) for v in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Play:
    """What one family of tests writes, into which world, and how the outcome is seen."""

    writes: Mapping[str, Request]
    world: Callable[..., Awaitable[Any]]
    in_the_vault: Callable[[Door], dict[str, Any]]
    in_view: Callable[[Any], Awaitable[list[dict[str, Any]]]]
    repetitions: Callable[[str, int], set[int]] = repetitions


PEOPLE = Play(WRITES, world, in_the_vault, in_view)


async def repeat_until_done(w: Any, write: str, first: int, play: Play = PEOPLE) -> None:
    """As an identity platform does: again and again, until it is not told to come back."""
    for _ in range(4):
        answer = await play.writes[write](w)
        if answer.status_code in play.repetitions(write, first):
            return
        told_truth(answer, None, "the repetition")
    raise AssertionError(f"four repetitions did not complete it: {answer.text}")


async def settled(
    w: Any, write: str, first: int, right: Right, *, timer_first: bool = False, play: Play = PEOPLE
) -> list[str]:
    """After an interruption time passes, the request is repeated, the timer runs. Returns what is then wrong."""
    wrong: list[str] = []
    w.door.heal()
    w.door.age(3)  # minutes: nobody waits any more for a claim whose holder is gone
    if timer_first:
        await w.door.upkeep()
        wrong += ["an intent stays open"] * len(w.door.open_intents())
    try:
        await repeat_until_done(w, write, first, play)
    except AssertionError as problem:
        wrong.append(str(problem).partition("\n")[0])
    wrong += differences(right.vault, play.in_the_vault(w.door))
    wrong += differences(right.view, await play.in_view(w))
    await w.door.upkeep()
    wrong += ["an intent stays open after the timer"] * len(w.door.open_intents())
    return wrong


@dataclass(slots=True)
class Right:
    """A write without interruption: what it leads to, and what it costs."""

    vault: dict[str, Any]
    view: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    table_calls: int


async def done_right(write: str, play: Play = PEOPLE) -> Right:
    w = await play.world(write)
    w.door.restart()
    await w.client.get("/ServiceProviderConfig")
    w.door.calls()
    before = w.door.table_calls()
    answer = await play.writes[write](w)
    assert answer.status_code < 300, answer.text
    costs = w.door.table_calls() - before
    calls = w.door.calls()
    return Right(play.in_the_vault(w.door), await play.in_view(w), calls, costs)
