"""Lists over the running stack: every page exactly once, by index and by cursor, with and without filter and order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Stack

pytestmark = pytest.mark.stack


def walk_by_index(stack: Stack, path: str, **query: Any) -> list[str]:
    seen: list[str] = []
    start = 1
    while True:
        page = stack.client.get(path, params={"startIndex": start, "count": 7, **query}).json()
        seen += [r["id"] for r in page["Resources"]]
        start += len(page["Resources"])
        if not page["Resources"] or start > page["totalResults"]:
            assert page["totalResults"] == len(seen)
            return seen


def walk_by_cursor(stack: Stack, path: str, **query: Any) -> list[str]:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = stack.client.get(path, params={"cursor": cursor, "count": 7, **query}).json()
        seen += [r["id"] for r in page["Resources"]]
        cursor = page.get("nextCursor")
    return seen


@pytest.mark.parametrize("path", ["/Users", "/Groups"])
@pytest.mark.parametrize(
    "query", [{}, {"sortBy": "displayName", "sortOrder": "descending"}, {"filter": 'displayName co "a"'}], ids=str
)
def test_index_and_cursor_walk_over_the_same_rows_once(stack: Stack, path: str, query: dict[str, str]) -> None:
    by_index, by_cursor = walk_by_index(stack, path, **query), walk_by_cursor(stack, path, **query)
    assert len(by_index) == len(set(by_index)) > 0
    assert by_index == by_cursor


def test_a_page_past_the_end_is_an_empty_list(stack: Stack) -> None:
    answer = stack.client.get("/Users", params={"startIndex": 100000, "count": 10})
    assert (200, []) == (answer.status_code, answer.json()["Resources"])
    assert answer.json()["totalResults"] > 0


def test_count_zero_tells_the_total_only(stack: Stack) -> None:
    answer = stack.client.get("/Users", params={"count": 0}).json()
    assert [] == answer["Resources"]
    assert answer["totalResults"] > 0


def test_deleted_users_are_in_no_list_and_in_no_total(stack: Stack) -> None:
    before = stack.client.get("/Users", params={"count": 0}).json()["totalResults"]
    users = [stack.new_user(f"hole-{n}") for n in range(5)]
    for user in users[1:4]:
        assert 204 == stack.client.delete(f"/Users/{user['id']}").status_code
    seen = walk_by_index(stack, "/Users")
    assert before + 2 == len(seen)
    assert not {u["id"] for u in users[1:4]} & set(seen)


def test_a_sorted_walk_looks_at_all_rows_once(stack: Stack) -> None:
    """Its later pages cost calls by the page, not by the vault."""
    stack.client.get("/Users", params={"sortBy": "userName", "count": 10, "attributes": "userName"})
    stack.forget_calls()
    query = {"sortBy": "userName", "count": 10, "startIndex": 11, "attributes": "userName"}
    page = stack.client.get("/Users", params=query).json()
    assert 10 == len(page["Resources"])
    assert len(stack.calls()) <= 2


def test_root_search_finds_users_and_groups_as_one_collection(stack: Stack) -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'meta.resourceType eq "User" or displayName pr',
        "count": 1000,
    }
    found = stack.client.post("/.search", json=body).json()
    assert {"User", "Group"} <= {r["meta"]["resourceType"] for r in found["Resources"]}
