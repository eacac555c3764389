"""scim2-tester over every resource type that can be written, over real HTTP, without a failure.

Three things that the suite cannot know, and how they are met:

* a permission takes exactly one of user and group, the suite sends none or both: the connection is held to users by its
  policy (`grantees`), and says so in its schemas;
* a template and a folder make a secret: the connection's policies name them for clients that do not;
* it adds and removes whole extensions, read-only and write-only parts too: here it is a client that does not know ours,
  as IdentityIQ is one. What they hold is tested in this directory.

Role and Entitlement are read-only types, which the suite has no notion of; users and groups are in tests/conformance.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ResourceType, Schema, ScimPolicy, ScimProvider, ServiceProviderConfig
from scim2_tester import Status, check_server

from tests.conftest import Stack, start_stack, stop_stack

pytestmark = pytest.mark.stack
OURS = "extension:secretserver"
WRITABLE = (["PrivilegedData", "PrivilegedDataPermission"], ["Container", "ContainerPermission"])
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


def test_scim2_tester_finds_nothing_wrong(plain: Stack) -> None:
    headers = {"Authorization": f"Bearer {plain.token}"}
    wrong, count = [], 0
    provider = described(plain)
    for names in WRITABLE:
        http = Client(base_url=plain.scim, headers=headers, timeout=60)
        results = check_server(SyncSCIMClient(http, provider=provider), resource_types=names)
        wrong += [f"{r.title} {r.resource_type}: {r.reason}" for r in results if r.status is not Status.SUCCESS]
        count += len(results)
    assert wrong == []
    assert count > 90
    assert plain.state()["secret_views"] == []
