"""scim2-tester over every resource type that is published, over real HTTP, without a failure.

Things that the suite cannot know, and how they are met:

* a permission takes exactly one of user and group, the suite sends none or both: the connection is held to users by its
  policy (`grantees`), and says so in its schemas;
* a template and a folder make a secret: the connection's policies name them for clients that do not;
* it adds and removes whole extensions, read-only and write-only parts too: here it is a client that does not know ours,
  as IdentityIQ is one. What they hold is tested in this directory.

A fourth thing: a reference that is required is named by its `$ref`, of which an id would do: mark_references.

A fifth thing: the suite has no notion of types that only exist to be read, and makes one of its own before it looks.
Whether a type is one follows from its published schema alone: no attribute in it can be written. Those types are looked
at with the suite's own checks of reading, on what is there, and with its check that the other methods are refused.

Users and groups, the types of RFC 7643 itself, are in tests/conformance without any of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import Resource, ResourceType, Schema, ScimPolicy, ScimProvider, SearchRequest, ServiceProviderConfig
from scim2_tester import CheckConfig, CheckResult, Status, check_server
from scim2_tester.checkers._discovery_utils import _test_discovery_endpoint_methods as other_methods
from scim2_tester.checkers.resource_get import object_query, object_query_without_id
from scim2_tester.checkers.resource_query_attributes import _run_attribute_checks as attribute_checks
from scim2_tester.utils import CheckContext, ResourceManager

from tests.conftest import Stack, start_stack, stop_stack

pytestmark = pytest.mark.stack
OURS = "extension:secretserver"
CORE = ("User", "Group")
POLICIES = (
    *("grantees=users", "secret_blanks=fill", "secret_template=Web Password", "secret_folder=1"),
    *("break_inheritance=break", "unknown_members=skip"),
)
RULES = {"passwordRequireUppercase": False}  # the suite's passwords are lower-case UUIDs


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    policies = [text for policy in POLICIES for text in ("--policy", policy)]
    # so many secrets that their ids are not those of anything else: the suite looks for ids across types
    sizes = ("--users", "4", "--groups", "2", "--folders", "3", "--secrets", "40")
    stack, process = start_stack(tmp_path_factory.mktemp("tester"), *sizes, *policies)
    stack.switch(new_user_role=False)
    stack.act("password_policy", rules=RULES)
    yield stack
    stop_stack(process)


def described(stack: Stack) -> ScimProvider:
    """What the server says of itself, as far as a client goes that does not know our extensions."""
    schemas = [s for s in stack.client.get("/Schemas").json()["Resources"] if OURS not in s["id"]]
    for schema in schemas:
        mark_references(schema["attributes"])
    types = stack.client.get("/ResourceTypes").json()["Resources"]
    for resource_type in types:
        known = [e for e in resource_type.get("schemaExtensions", []) if OURS not in e["schema"]]
        resource_type["schemaExtensions"] = known
    return ScimProvider.from_discovery(
        [Schema.model_validate(schema) for schema in schemas],
        [ResourceType.model_validate(resource_type) for resource_type in types],
        ServiceProviderConfig.model_validate(stack.client.get("/ServiceProviderConfig").json()),
        ScimPolicy(unknown=ScimPolicy.Unknown.ignore),
    )


def mark_references(attributes: list[dict[str, Any]]) -> None:
    """The suite takes the id of a reference from its `$ref`, and makes one only where it is required."""
    for attribute in attributes:
        parts = {part["name"]: part for part in attribute.get("subAttributes", [])}
        if "$ref" in parts and parts.get("value", {}).get("required"):
            parts["$ref"]["required"] = True


def published(stack: Stack) -> dict[str, tuple[str, list[str]]]:
    """Each type's endpoint, and which of its attributes can be written, by what the server publishes."""
    schemas = {s["id"]: s for s in stack.client.get("/Schemas").json()["Resources"]}
    found = {}
    for one in stack.client.get("/ResourceTypes").json()["Resources"]:
        attributes = schemas[one["schema"]]["attributes"]
        writable = [a["name"] for a in attributes if a["mutability"] != "readOnly"]
        found[one["name"]] = (one["endpoint"], writable)
    return found


def client(stack: Stack) -> SyncSCIMClient:
    http = Client(base_url=stack.scim, headers={"Authorization": f"Bearer {stack.token}"}, timeout=60)
    return SyncSCIMClient(http, provider=described(stack))


def failures(results: list[CheckResult], name: str) -> list[str]:
    return [f"{r.title} {name}: {r.reason}" for r in results if r.status is not Status.SUCCESS]


def test_scim2_tester_finds_nothing_wrong_with_what_can_be_written(plain: Stack) -> None:
    wrong, count = [], 0
    for name, (_, writable) in published(plain).items():
        if writable and name not in CORE:
            results = check_server(client(plain), resource_types=[name])
            wrong += failures(results, name)
            count += len(results)
    assert wrong == []
    assert count > 90
    assert plain.state()["secret_views"] == []


class Existing(ResourceManager):
    """Hands out what is there instead of making something."""

    def create_and_register(self, model: type[Resource[Any]], fill_all: bool = False) -> Resource[Any]:
        listed: Any = self.context.client.query(model)
        found: Resource[Any] = listed.resources[0]
        return found


def test_scim2_tester_finds_nothing_wrong_with_what_can_only_be_read(plain: Stack) -> None:
    """Reading by id and in lists, projection by GET and by .search, and 405 for every other method."""
    read_only = [(name, endpoint) for name, (endpoint, writable) in published(plain).items() if not writable]
    assert read_only
    wrong = []
    for name, endpoint in read_only:
        context = CheckContext(client(plain), CheckConfig())
        context.resource_manager = Existing(context)
        model = next(m for m in context.client.provider.models if m.__name__ == name)
        results = [*object_query(context, model), *object_query_without_id(context, model)]
        results += other_methods(context, endpoint)
        results += projections(context, model)
        assert len(results) >= 2 + 4 + 6
        wrong += failures(results, name)
    assert wrong == []


def projections(context: CheckContext, model: type[Resource[Any]]) -> list[CheckResult]:
    """What the suite checks of `attributes` and `excludedAttributes`, on attributes that it would not choose itself."""
    there = context.resource_manager.create_and_register(model)
    search = {"expected_status_codes": [200], "raise_scim_errors": True}
    ways = {
        "GET /Resource/{id}": lambda asked: context.client.query(model, there.id, query_parameters=asked),
        "GET /Resource": lambda asked: context.client.query(model, query_parameters=asked),
        "POST /.search": lambda asked: context.client.search(
            search_request=SearchRequest(
                attributes=asked.attributes, excluded_attributes=asked.excluded_attributes, count=1000
            ),
            **search,
        ),
    }
    found = []
    for endpoint, ask in ways.items():
        found += attribute_checks(context, model, there, "displayName", "type", ask, endpoint)
    return found
