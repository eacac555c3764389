"""Random bodies for every resource: never a 5xx, and a refused one leaves the vault as it was."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scim.resources import REGISTRY
from tests.clients.test_random_patches import LEAVES, OPS, World
from tests.door import patch

NUMBER = itertools.count(1)
USUAL = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
TABLES = (
    "users",
    "groups",
    "group_members",
    "user_roles",
    "folders",
    "folder_permissions",
    "secrets",
    "secret_permissions",
)
NAMES = [
    *("userName", "displayName", "name", "members", "active", "emails", "roles", "externalId", "description", "type"),
    *("parent", "owner", "container", "user", "group", "rights", "privilegedData", "id", "meta", "schemas", "password"),
    *(
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:pam:1.0:LinkedObject",
    ),
]
SUBS = st.sampled_from(["value", "display", "$ref", "type", "primary", "name", "givenName", "manager"])
IDS = st.sampled_from(["1", "2", "3", "4", "5", "99999", "x", 3, "0", "-1", "٣", "1/../2", "bulkId:x"])
VALUES = st.recursive(
    LEAVES | IDS | st.sampled_from(["View", "Edit", "Fly", "a\x00b", "x" * 300, "\\", "..", "😀"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SUBS, inner, max_size=3),
    max_leaves=5,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
PATHS = st.sampled_from(
    [*NAMES, "container.value", 'members[value eq "4"]', "rights[value eq 1]", "parent.value", "nope", ""]
)
OPERATIONS = st.fixed_dictionaries({"op": OPS}, optional={"path": PATHS, "value": VALUES | BODIES})


@pytest.fixture(scope="module")
def world() -> World:
    return World(groups=4, folders=6, secrets=6, folder_permissions=5, secret_permissions=5)


def state(world: World) -> Any:
    return world.door.state(*TABLES)


def some(world: World, name: str) -> tuple[str, list[str]]:
    """A type's endpoint, and the ids of some of its resources."""
    types = world.ask("GET", "/ResourceTypes").json()["Resources"]
    endpoint = next(one["endpoint"] for one in types if one["name"] == name)
    return endpoint, [one["id"] for one in world.ask("GET", f"{endpoint}?count=50").json()["Resources"]]


@pytest.mark.parametrize("name", sorted(REGISTRY))
@given(body=BODIES, operations=st.lists(OPERATIONS, max_size=3), which=st.integers(0, 49))
@USUAL
def test_whatever_is_sent_is_done_or_refused_and_never_half(
    name: str, body: dict[str, Any], operations: list[Any], which: int, world: World
) -> None:
    endpoint, ids = some(world, name)
    path = f"{endpoint}/{ids[which % len(ids)]}" if ids else f"{endpoint}/1"
    for method, where, sent in (("POST", endpoint, body), ("PUT", path, body), ("PATCH", path, patch(*operations))):
        before = state(world)
        answer = world.ask(method, where, sent)
        if answer.status_code >= 400:
            assert before == state(world), f"{method} {where} {sent} -> {answer.text}"
            assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
