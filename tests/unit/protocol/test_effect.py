"""What the normaliser gives is accepted by the SCIM core under the tolerant policy, and does what the client meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import Context, EnterpriseUser, Group, PatchOp, ScimPolicy, SearchRequest, User
from scim2_models.exceptions import SCIMException

from scim.protocol.dialects import normalise_body, normalise_query
from scim.protocol.membership import member_delta

ENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TOLERANT = ScimPolicy(unknown="ignore", remove_value_as_filter="apply", unmatched_path_filter="create")
MODELS: dict[str, Any] = {"User": User[EnterpriseUser], "Group": Group}
USER = {
    "id": "7",
    "userName": "ann",
    "active": True,
    "emails": [{"value": "home@example.com", "type": "home"}],
    ENT: {"department": "HR", "manager": {"value": "1"}},
}
GROUP = {"id": "9", "displayName": "G", "members": [{"value": "1", "display": "One"}, {"value": "2"}, {"value": "3"}]}


def _patched(resource_type: str, resource: dict[str, Any], *operations: Any) -> dict[str, Any]:
    body, _ = normalise_body("PATCH", resource_type, {"Operations": list(operations)})
    model = MODELS[resource_type]
    with TOLERANT:
        target = model.model_validate(resource)
        PatchOp[model].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(target)
        result: dict[str, Any] = target.model_dump()
    return result


DEACTIVATIONS = [
    {"op": "Replace", "path": "active", "value": "False"},
    {"op": "replace", "path": "active", "value": False},
    {"op": "replace", "path": "active", "value": "false"},
    {"op": "replace", "value": {"active": False}},
    {"op": "replace", "value": {"active": "False"}},
    {"op": "replace", "value": {"id": "other", "active": "False", "groups": [{"value": 5}]}},
]


@pytest.mark.parametrize("operation", DEACTIVATIONS)
def test_each_known_shape_of_deactivate_makes_the_user_inactive(operation: dict[str, Any]) -> None:
    assert _patched("User", USER, operation)["active"] is False


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "Replace", "path": f"{ENT}:manager", "value": "77"}, {"value": "77"}),
        ({"op": "Add", "path": f"{ENT}:manager", "value": [{"$ref": None, "value": "77"}]}, {"value": "77"}),
        ({"op": "Replace", "path": f"{ENT}:manager", "value": ""}, None),
        ({"op": "Replace", "path": f"{ENT}:manager", "value": {"value": ""}}, None),
        ({"op": "Remove", "path": f"{ENT}:manager", "value": "1"}, None),
        ({"op": "replace", "value": {f"{ENT}:manager": ""}}, None),
        ({"op": "replace", "value": {ENT: {"manager": {"value": "77", "displayName": "B"}}}}, {"value": "77"}),
        ({"op": "replace", "value": {"manager": {"managerId": "77"}}}, {"value": "77"}),
    ],
)
def test_each_known_shape_of_a_manager_sets_or_removes_it_and_only_it(operation: Any, expected: Any) -> None:
    enterprise = _patched("User", USER, operation)[ENT]
    assert expected == enterprise.get("manager")
    assert enterprise["department"] == "HR"


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        ({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "1"}]}, {"2", "3"}),
        ({"op": "remove", "path": "members", "value": [{"value": "1", "display": "another name"}]}, {"2", "3"}),
        ({"op": "remove", "path": "members", "value": ["1", 3]}, {"2"}),
        ({"op": "remove", "value": {"members": [{"value": "1"}]}}, {"2", "3"}),
        ({"op": "remove", "path": "members", "value": {"members": [{"value": "1"}]}}, {"2", "3"}),
        ({"op": "remove", "path": "members[value eq '1']"}, {"2", "3"}),
        ({"op": "remove", "path": "members[value eq 1]", "value": [{"value": "2"}]}, {"2", "3"}),
        ({"op": "Remove", "path": "members", "value": []}, {"1", "2", "3"}),
        ({"op": "Remove", "path": "members", "value": {}}, {"1", "2", "3"}),
        ({"op": "add", "path": "members", "value": []}, {"1", "2", "3"}),
        ({"op": "add", "path": "members", "value": "4"}, {"1", "2", "3", "4"}),
        ({"op": "replace", "path": "members", "value": []}, set()),
        ({"op": "remove", "path": "members"}, set()),
        ({"op": "replace", "value": {"id": "x", "displayName": "New"}}, {"1", "2", "3"}),
    ],
)
def test_exactly_the_meant_members_go_both_in_the_core_and_as_a_delta(operation: Any, left: set[str]) -> None:
    members = _patched("Group", GROUP, operation).get("members") or []
    assert left == {member["value"] for member in members}
    delta = member_delta(normalise_body("PATCH", "Group", {"Operations": [operation]})[0]["Operations"])
    assert delta is not None
    after = set(delta.replace_all) if delta.replace_all is not None else {"1", "2", "3"} - set(delta.removes)
    assert left == after | set(delta.adds)


@pytest.mark.parametrize(
    ("operations", "attribute", "expected"),
    [
        (
            [{"op": "replace", "value": {'emails[type eq "work"].value': "w@example.com"}}],
            "emails",
            [{"value": "home@example.com", "type": "home"}, {"value": "w@example.com", "type": "work"}],
        ),
        (
            [{"op": "replace", "path": "emails[type eq 'home']", "value": "new@example.com"}],
            "emails",
            [{"value": "new@example.com", "type": "home"}],
        ),
        (
            [
                {"op": "Add", "path": 'addresses[type eq "work"].country', "value": "DE"},
                {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Berlin"},
            ],
            "addresses",
            [{"locality": "Berlin", "country": "DE", "type": "work"}],
        ),
        (
            [{"op": "Add", "path": 'roles[primary eq "True"].value', "value": "Admin"}],
            "roles",
            [{"value": "Admin", "primary": True}],
        ),
        (
            [{"op": "Add", "path": "roles", "value": [{"value": '{"id":"1","value":"25","displayName":"R"}'}]}],
            "roles",
            [{"value": "25"}],
        ),
        ([{"op": "Add", "path": "title", "value": [{"$ref": None, "value": "Boss"}]}], "title", "Boss"),
        (
            [{"op": "Replace", "path": "department", "value": "IT"}],
            ENT,
            {"department": "IT", "manager": {"value": "1"}},
        ),
        (
            [{"op": "Remove", "path": "emails", "value": [{"value": "home@example.com", "primary": False}]}],
            "emails",
            None,
        ),
    ],
)
def test_a_value_is_created_changed_or_removed_as_meant(operations: list[Any], attribute: str, expected: Any) -> None:
    assert expected == _patched("User", USER, *operations).get(attribute)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "members", "value": []},
        {"op": "replace", "value": {"id": "x", "meta": {}}},
    ],
)
def test_a_patch_of_nothing_is_carried_out_without_effect(operation: Any) -> None:
    assert _patched("Group", GROUP, {"op": "add", "value": {}}) == _patched("Group", GROUP, operation)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_with_every_habit_at_once_is_accepted(method: str) -> None:
    sent = {
        "schemas": ["urn:x:y"],
        "id": 5,
        "meta": {"created": "bogus"},
        "groups": [{"value": 1}],
        "userName": "ann",
        "active": "True",
        "title": None,
        "emails": "a@example.com",
        "roles": [{"value": '{"value":"25"}', "primary": "False"}],
        "manager": [{"value": "7", "$ref": None}],
        "department": "IT",
        "urn:x:y": {"z": 1},
    }
    body, _ = normalise_body(method, "User", sent)
    context = Context.RESOURCE_CREATION_REQUEST if method == "POST" else Context.RESOURCE_REPLACEMENT_REQUEST
    with TOLERANT:
        user = MODELS["User"].model_validate({**body, ENT: {"department": "IT"}}, scim_ctx=context).model_dump()
    assert [ENT in body["schemas"], {"value": "7"}] == [True, body[ENT]["manager"]]
    assert user["active"] is True
    assert user["emails"] == [{"value": "a@example.com"}]
    assert user["roles"] == [{"value": "25", "primary": False}]


@pytest.mark.parametrize(
    ("resource_type", "text"),
    [
        ("User", 'id eq "7" and manager eq "1"'),
        ("User", "userName eq 'ann' AND active eq \"True\""),
        ("User", "manager.managerId eq 1"),
        ("User", "department eq HR"),
        ("Group", "id eq 9 and members[value eq 1]"),
        ("Group", 'members eq "2"'),
        ("Group", "displayName+eq+G"),
    ],
)
def test_a_repaired_filter_is_understood_and_matches(resource_type: str, text: str) -> None:
    query, _ = normalise_query("filter=" + text.replace(" ", "%20"), resource_type=resource_type)
    model = MODELS[resource_type]
    with TOLERANT:
        request = SearchRequest[model].model_validate(query)
        resource = model.model_validate(USER if resource_type == "User" else GROUP)
        assert request.filter is not None
        assert request.filter.match(resource)


PARTS = st.sampled_from(
    ["1", 2, "", None, True, {"value": "4"}, {"value": 5, "$ref": None}, {"members": ["6"]}, [], {}]
)
VALUES = st.one_of(PARTS, st.lists(PARTS, max_size=3))
GROUP_PATHS = st.sampled_from(
    [None, "", "members", "displayName", 'members[value eq "1"]', "members[value eq '2']", "members[", "nope", "id"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Add", "replace", "Remove"]), GROUP_PATHS, VALUES), min_size=1, max_size=3))
def test_whatever_is_patched_ends_in_success_or_a_scim_error(steps: list[tuple[str, str | None, Any]]) -> None:
    from scim.errors import BadRequest

    operations = [{"op": op, "path": path, "value": value} for op, path, value in steps]
    try:
        _patched("Group", GROUP, *operations)
    except (BadRequest, SCIMException, ValidationError):
        return
