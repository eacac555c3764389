"""Whatever a PATCH holds: never a 5xx, all of it or nothing, and its operations in their order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.door import Door, group, patch, user

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NUMBER = itertools.count(1)
USUAL = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class World:
    """One connector for all examples, in a loop of its own."""

    def __init__(self, **options: int) -> None:
        self._loop = asyncio.new_event_loop()
        self.door = Door(users=8, **options)
        self.client: httpx.AsyncClient = self.run(self.door.client())
        self.members = [str(u["id"]) for u in self.door.state("users")["users"]][2:8]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer: httpx.Response = self.run(self.client.request(method, path, json=body))
        assert answer.status_code < 500, f"{body} -> {answer.status_code} {answer.text}"
        return answer

    def person(self) -> dict[str, Any]:
        number = next(NUMBER)
        made = self.ask("POST", "/Users", user(f"person-{number}", **PERSON))
        assert made.status_code == 201, made.text
        return dict(made.json())

    def vault(self, user_id: str) -> Any:
        return next(u for u in self.door.state("users")["users"] if u["id"] == int(user_id))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


PERSON: dict[str, Any] = {
    "displayName": "A Person",
    "name": {"givenName": "A", "familyName": "Person"},
    "emails": [{"value": "work@corp.example", "type": "work", "primary": True}, {"value": "home@x.y", "type": "home"}],
    "phoneNumbers": [{"value": "1", "type": "mobile"}],
    ENTERPRISE: {"department": "D", "employeeNumber": "7"},
}
PATHS = [
    *(
        "active",
        "displayName",
        "title",
        "nickName",
        "name",
        "name.givenName",
        "NAME.familyName",
        "emails",
        "phoneNumbers",
    ),
    *('emails[type eq "work"]', 'emails[type eq "work"].value', 'emails[type eq "other"].value', "emails.value"),
    *('phoneNumbers[type eq "mobile"].value', 'addresses[type eq "work"].country', 'emails[value co "x"].type'),
    *(f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager", f"{ENTERPRISE}:manager.value", ENTERPRISE, "department"),
    *("externalId", "roles", 'roles[primary eq "True"].value', "preferredLanguage", "locale", "timezone", "profileUrl"),
]
HOSTILE = [
    *(
        "id",
        "meta",
        "meta.created",
        "schemas",
        "groups",
        "userName",
        "password",
        "nope",
        "name.nope",
        "emails[",
        "emails[]",
    ),
    *(
        "urn:x:y:z",
        f"{ENTERPRISE}:nope",
        'emails[type eq "work"',
        'emails[type xx "a"].value',
        "..",
        "",
        " ",
        "a" * 600,
    ),
    *('emails[value eq "a" and (type eq "b" or not (primary eq true))].value', "members", "{0.__class__}", "é"),
]
TEXTS = st.sampled_from(["", " ", "x", "Ann", "True", "false", "5", "é", "a@b.c", "${7*7}", '{"value":"User"}', "0"])
LEAVES = TEXTS | st.booleans() | st.none() | st.integers(-1, 3) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.sampled_from([*PATHS, "value", "type", "primary", "display", "$ref", "id", "givenName", "manager", "members"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
OPS = st.sampled_from(["add", "Add", "replace", "Replace", "remove", "Remove"])


def operations(paths: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    with_path = st.fixed_dictionaries({"op": OPS, "path": st.sampled_from(paths)}, optional={"value": VALUES})
    without = st.fixed_dictionaries({"op": OPS, "value": VALUES})
    return with_path | without


HOSTILE_OPERATIONS = operations(PATHS + HOSTILE) | st.fixed_dictionaries(
    {}, optional={"op": VALUES | OPS, "path": VALUES | st.text(max_size=20), "value": VALUES, "more": VALUES}
)


def seen(world: World, person: dict[str, Any]) -> dict[str, Any]:
    """A person as the client sees him, without what differs between two of them."""
    found = world.ask("GET", f"/Users/{person['id']}").json()
    return {name: value for name, value in found.items() if name not in ("id", "userName", "meta")}


@given(sent=st.lists(HOSTILE_OPERATIONS, max_size=5))
@USUAL
def test_no_patch_of_a_user_is_a_5xx_and_a_refused_one_changes_nothing(sent: list[Any], world: World) -> None:
    person = world.person()
    before, row = world.ask("GET", f"/Users/{person['id']}").json(), world.vault(person["id"])
    answer = world.ask("PATCH", f"/Users/{person['id']}", patch(*sent))
    if answer.status_code >= 400:
        assert before == world.ask("GET", f"/Users/{person['id']}").json()
        assert row == world.vault(person["id"])
    else:
        assert answer.status_code in (200, 204)
        shown = world.ask("GET", f"/Users/{person['id']}?excludedAttributes=roles,groups").json()
        assert shown == {name: value for name, value in answer.json().items() if name not in ("roles", "groups")}


@given(sent=st.lists(operations(PATHS), min_size=2, max_size=4))
@USUAL
def test_operations_together_do_what_they_do_one_after_another(sent: list[dict[str, Any]], world: World) -> None:
    sent = [operation for operation in sent if "externalId" not in str(operation)]  # two cannot have the same one
    one, other = world.person(), world.person()
    alone = [world.ask("PATCH", f"/Users/{one['id']}", patch(operation)).status_code for operation in sent]
    together = world.ask("PATCH", f"/Users/{other['id']}", patch(*sent))
    if sent and all(status < 300 for status in alone):
        assert together.status_code in (200, 204), together.text
        assert seen(world, one) == seen(world, other)
        names = ("displayName", "emailAddress", "enabled")
        assert [world.vault(one["id"])[n] for n in names] == [world.vault(other["id"])[n] for n in names]


Members = tuple[str, list[int]]
CHANGES: st.SearchStrategy[Members] = st.tuples(
    st.sampled_from(
        ["add", "add one", "remove", "remove by filter", "remove texts", "remove all", "replace", "no path"]
    ),
    st.lists(st.integers(0, 5), max_size=4, unique=True),
)


def member_operation(change: Members, ids: list[str]) -> dict[str, Any]:
    kind, picked = change
    values = [{"value": ids[n], "display": "someone", "$ref": None} for n in picked]
    terms = " or ".join(f'value eq "{ids[n]}"' for n in picked) or 'value eq "0"'
    return {
        "add": {"op": "Add", "path": "members", "value": values},
        "add one": {"op": "add", "path": "members", "value": values[0] if values else []},
        "remove": {"op": "Remove", "path": "members", "value": values},
        "remove by filter": {"op": "remove", "path": f"members[{terms}]"},
        "remove texts": {"op": "remove", "path": "members", "value": [ids[n] for n in picked]},
        "remove all": {"op": "remove", "path": "members"},
        "replace": {"op": "replace", "path": "members", "value": values},
        "no path": {"op": "replace", "value": {"members": values}},
    }[kind]


def after(change: Members, now: set[int]) -> set[int]:
    """What a change means, said once more without any of the code under test."""
    kind, picked = change
    match kind:
        case "add":
            return now | set(picked)
        case "add one":
            return now | set(picked[:1])
        case "remove" | "remove by filter" | "remove texts":
            return now - set(picked)
        case "remove all":
            return set()
        case _:
            return set(picked)


@given(start=st.sets(st.integers(0, 5)), changes=st.lists(CHANGES, min_size=1, max_size=6))
@USUAL
def test_members_after_a_patch_are_those_that_its_operations_leave(
    start: set[int], changes: list[Members], world: World
) -> None:
    ids = world.members
    made = world.ask("POST", "/Groups", group(f"group-{next(NUMBER)}", *(ids[n] for n in sorted(start)))).json()
    sent = [member_operation(change, ids) for change in changes]
    answer = world.ask("PATCH", f"/Groups/{made['id']}", patch(*sent))
    assert answer.status_code == 204, answer.text
    expected = start
    for change in changes:
        expected = after(change, expected)
    rows = world.door.state("group_members")["group_members"]
    assert {int(ids[n]) for n in expected} == {m["userId"] for m in rows if m["groupId"] == int(made["id"])}


@given(changes=st.lists(CHANGES, min_size=1, max_size=3), where=st.integers(0, 3))
@USUAL
def test_a_member_that_does_not_exist_refuses_the_whole_patch(changes: list[Members], where: int, world: World) -> None:
    ids = world.members
    made = world.ask("POST", "/Groups", group(f"group-{next(NUMBER)}", *ids[:2])).json()
    sent = [member_operation(change, ids) for change in changes]
    sent.insert(min(where, len(sent)), {"op": "add", "path": "members", "value": [{"value": "no-id"}]})
    sent.append({"op": "add", "path": "members", "value": [{"value": "still-no-id"}]})
    answer = world.ask("PATCH", f"/Groups/{made['id']}", patch(*sent))
    assert answer.status_code == 400, answer.text
    rows = world.door.state("group_members")["group_members"]
    assert {int(i) for i in ids[:2]} == {m["userId"] for m in rows if m["groupId"] == int(made["id"])}


OTHERS: list[dict[str, Any]] = [
    {"op": "replace", "path": "displayName", "value": "${name}"},
    {"op": "Replace", "value": {"id": "7", "displayName": "${name}"}},
    {"op": "add", "path": "externalId", "value": "${name}"},
    {"op": "replace", "path": "displayName", "value": ""},
    {"op": "replace", "path": "displayName", "value": None},
    {"op": "remove", "path": "displayName"},
    {"op": "replace", "path": "id", "value": "1"},
    {"op": "add", "path": "nope", "value": "1"},
    {"op": "add", "path": "roles", "value": [{"value": "1"}]},
    {"op": "add", "path": "roles", "value": [{"value": "nobody's"}]},
    {"op": "add", "path": "members", "value": [{"value": "2"}]},
    {"op": "add", "path": "members", "value": [{"value": "99999"}]},
    {"op": "add", "path": "members", "value": [{"value": "3", "type": "Group"}]},
    {"op": "remove", "path": 'members[display co "a"]'},
    {"op": "remove", "path": 'members[value eq "99999"]'},
    {"op": "replace", "path": 'members[value eq "3"].display', "value": "x"},
]


@given(
    changes=st.lists(CHANGES, max_size=3),
    others=st.lists(st.sampled_from(OTHERS), min_size=1, max_size=3),
    mix=st.randoms(),
)
@USUAL
def test_a_refused_patch_of_a_group_leaves_name_members_and_document(
    changes: list[Members], others: list[dict[str, Any]], mix: Any, world: World
) -> None:
    ids, name = world.members, f"group-{next(NUMBER)}"
    made = world.ask("POST", "/Groups", group(name, *ids[:2])).json()
    sent = [member_operation(change, ids) for change in changes]
    sent += [{k: f"{name}-new" if v == "${name}" else v for k, v in other.items()} for other in others]
    mix.shuffle(sent)

    def now() -> Any:
        state = world.door.state("groups", "group_members", "group_roles")
        number = int(made["id"])
        rows = [[row for row in state[table] if number in (row.get("id"), row.get("groupId"))] for table in state]
        return rows, world.ask("GET", f"/Groups/{number}").json()

    before = now()
    answer = world.ask("PATCH", f"/Groups/{made['id']}", patch(*sent))
    assert answer.status_code in (200, 204) or before == now(), f"{sent} -> {answer.text}"
