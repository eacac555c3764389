"""A PATCH read as sets has the effect that carrying out its operations one by one would have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scim.protocol.dialects import normalise_body
from scim.protocol.membership import MemberDelta, member_delta

CORE_MEMBERS = "urn:ietf:params:scim:schemas:core:2.0:Group:members"


def _delta(*operations: dict[str, Any]) -> MemberDelta | None:
    body, _ = normalise_body("PATCH", "Group", {"Operations": list(operations)})
    return member_delta(body["Operations"])


def _after(members: set[str], delta: MemberDelta) -> set[str]:
    if delta.replace_all is not None:
        return set(delta.replace_all)
    assert not set(delta.adds) & set(delta.removes)
    return (members - set(delta.removes)) | set(delta.adds)


IDS = st.sampled_from(list("abcdef"))
LISTS = st.lists(IDS, max_size=4)


def _objects(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": one} for one in ids]


def _filtered(ids: list[str]) -> dict[str, Any]:
    return {"op": "remove", "path": "members[" + " or ".join(f'value eq "{one}"' for one in ids) + "]"}


# How an operation is sent, what it does to a set.
STEPS = st.one_of(
    LISTS.map(lambda ids: ({"op": "add", "path": "members", "value": _objects(ids)}, lambda s: s | set(ids))),
    LISTS.map(lambda ids: ({"op": "Add", "value": {"members": _objects(ids)}}, lambda s: s | set(ids))),
    LISTS.map(lambda ids: ({"op": "Remove", "path": "members", "value": ids}, lambda s: s - set(ids))),
    LISTS.map(lambda ids: ({"op": "remove", "value": {"members": _objects(ids)}}, lambda s: s - set(ids))),
    LISTS.filter(bool).map(lambda ids: (_filtered(ids), lambda s: s - set(ids))),
    LISTS.map(lambda ids: ({"op": "replace", "path": "Members", "value": _objects(ids)}, lambda _: set(ids))),
    LISTS.map(lambda ids: ({"op": "replace", "value": {CORE_MEMBERS: _objects(ids), "id": "7"}}, lambda _: set(ids))),
    st.just(({"op": "remove", "path": "members"}, lambda _: set())),
    st.just(({"op": "replace", "path": "displayName", "value": "x"}, lambda s: s)),
)


@settings(max_examples=250, deadline=None)
@given(st.sets(IDS), st.lists(STEPS, min_size=1, max_size=7))
def test_the_delta_of_any_sequence_equals_its_operations_one_by_one(members: set[str], steps: list[Any]) -> None:
    expected = set(members)
    for _, effect in steps:
        expected = effect(expected)
    delta = _delta(*(operation for operation, _ in steps))
    assert delta is not None
    assert expected == _after(members, delta)
    renames = sum(1 for operation, _ in steps if operation.get("path") == "displayName")
    assert renames == sum(1 for operation in delta.others if operation.get("path") == "displayName")


A, B = {"value": "a"}, {"value": "b"}
ADD_A = {"op": "add", "path": "members", "value": [A]}
REMOVE_A = {"op": "remove", "path": 'members[value eq "a"]'}
SEQUENCES = {
    "add then remove": ([ADD_A, REMOVE_A], MemberDelta(removes=("a",))),
    "remove then add": ([REMOVE_A, ADD_A], MemberDelta(adds=("a",))),
    "replace then add": (
        [{"op": "replace", "path": "members", "value": [B]}, ADD_A],
        MemberDelta(replace_all=("b", "a")),
    ),
    "add then replace": ([ADD_A, {"op": "replace", "path": "members", "value": [B]}], MemberDelta(replace_all=("b",))),
    "remove all": ([{"op": "remove", "path": "members"}], MemberDelta(replace_all=())),
    "remove all then add": ([{"op": "remove", "path": "members"}, ADD_A], MemberDelta(replace_all=("a",))),
    "replace with nothing": ([{"op": "replace", "path": "members", "value": []}], MemberDelta(replace_all=())),
    "replace with null": ([{"op": "replace", "path": "members", "value": None}], MemberDelta(replace_all=())),
    "remove nothing": ([{"op": "remove", "path": "members", "value": []}], MemberDelta()),
    "add nothing": ([{"op": "add", "path": "members", "value": []}], MemberDelta()),
    "twice the same": ([ADD_A, ADD_A], MemberDelta(adds=("a",))),
    "or-list": (
        [{"op": "remove", "path": 'members[value eq "a" OR Value eq "b"]'}],
        MemberDelta(removes=("a", "b")),
    ),
    "name and members in one value": (
        [{"op": "replace", "value": {"displayName": "x", "members": [A]}}],
        MemberDelta(replace_all=("a",), others=({"op": "replace", "value": {"displayName": "x"}},)),
    ),
    "others keep their order": (
        [
            {"op": "replace", "path": "displayName", "value": "x"},
            ADD_A,
            {"op": "add", "path": "externalId", "value": "e"},
        ],
        MemberDelta(
            adds=("a",),
            others=(
                {"op": "replace", "path": "displayName", "value": "x"},
                {"op": "add", "path": "externalId", "value": "e"},
            ),
        ),
    ),
}


@pytest.mark.parametrize(("operations", "expected"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_a_sequence_has_exactly_this_effect(operations: list[dict[str, Any]], expected: MemberDelta) -> None:
    assert expected == _delta(*operations)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": 'members[value ne "a"]'},
        {"op": "remove", "path": 'members[display eq "Ann"]'},
        {"op": "remove", "path": 'members[value eq "a" and value eq "b"]'},
        {"op": "remove", "path": 'members[(value eq "a")]'},
        {"op": "remove", "path": 'members[value eq "a" or]'},
        {"op": "remove", "path": "members[value eq null]"},
        {"op": "remove", "path": 'members[value eq "\\q"]'},
        {"op": "remove", "path": "members[]"},
        {"op": "replace", "path": 'members[value eq "a"]', "value": {"display": "x"}},
        {"op": "replace", "path": 'members[value eq "a"].display', "value": "x"},
        {"op": "remove", "path": "members.value"},
        {"op": "add", "path": "members", "value": [{"display": "nobody"}]},
        {"op": "add", "path": "members", "value": [{"value": "9", "type": "Group"}]},
        {"op": "add", "path": "members", "value": [True]},
        {"op": "add", "path": "members"},
        {"op": "add", "path": "members", "value": None},
        {"op": "add", "value": {'members[value eq "a"].display': "x"}},
        {"op": "add", "value": {'members[value eq "a"].display': "x", "members.value": "y"}},
    ],
)
def test_what_ids_alone_cannot_tell_is_left_to_the_generic_engine(operation: dict[str, Any]) -> None:
    assert _delta(operation) is None


@pytest.mark.parametrize("operations", [[], ["text"], [None]])
def test_no_operation_and_what_is_none_is_for_the_core_to_refuse(operations: list[Any]) -> None:
    assert member_delta(operations) is None


def test_an_operation_whose_path_is_no_text_is_not_plain() -> None:
    assert member_delta([{"op": "add", "path": 7, "value": []}]) is None


def test_a_path_less_operation_with_a_part_of_members_is_not_plain() -> None:
    assert member_delta([{"op": "add", "value": {"members.value": "1"}}]) is None


def test_a_delta_says_whether_it_touches_members() -> None:
    assert not MemberDelta(others=({"op": "add"},)).touches_members
    assert MemberDelta(replace_all=()).touches_members
    assert MemberDelta(adds=("1",)).touches_members
