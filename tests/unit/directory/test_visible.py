"""Pages with holes: what a client sees while tombstones stay in the vault's list."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scim.directory.visible import page_by_id, page_by_offset
from scim.model import Found, User, UserId, Window


def user(number: int) -> User:
    return User(UserId(number), f"u{number}", "", "", enabled=True, created=None)


class Rows:
    """A vault's list that counts how often it is asked."""

    def __init__(self, ids: list[int]) -> None:
        self.users = [user(i) for i in sorted(ids)]
        self.calls = 0

    async def __call__(self, window: Window) -> Found[User]:
        self.calls += 1
        page = self.users[window.offset : window.offset + window.limit]
        return Found(len(self.users), tuple(page))


ids = st.sets(st.integers(1, 400), max_size=80).map(sorted)


@given(ids=ids, data=st.data(), offset=st.integers(0, 90), limit=st.integers(0, 20), hint=st.integers(0, 50))
@settings(max_examples=300, deadline=None)
async def test_a_page_by_offset_holds_exactly_the_visible_rows_there(
    ids: list[int], data: st.DataObject, offset: int, limit: int, hint: int
) -> None:
    """Whatever the first guess was."""
    hidden = sorted(data.draw(st.sets(st.sampled_from(ids)) if ids else st.just(set())))
    expected = [i for i in ids if i not in hidden]
    rows = Rows(ids)
    found = await page_by_offset(rows, hidden, {offset: hint}, Window(offset, limit))
    assert expected[offset : offset + limit] == [u.id for u in found.items]
    assert len(expected) == found.total
    assert [ids[p] for p in found.positions] == [u.id for u in found.items]


@given(ids=ids, data=st.data(), limit=st.integers(1, 9), backwards=st.booleans(), hint=st.integers(0, 90))
@settings(max_examples=300, deadline=None)
async def test_a_page_by_id_holds_the_visible_rows_next_to_it(
    ids: list[int], data: st.DataObject, limit: int, backwards: bool, hint: int
) -> None:
    """Whether the row it starts from is there or not, and wherever the hint points."""
    hidden = sorted(data.draw(st.sets(st.sampled_from(ids)) if ids else st.just(set())))
    anchor = data.draw(st.integers(0, 401))
    visible = [i for i in ids if i not in hidden]
    before = [i for i in visible if i < anchor]
    after = [i for i in visible if i > anchor]
    expected = before[-limit:] if backwards else after[:limit]
    found = await page_by_id(Rows(ids), hidden, anchor, hint, limit, backwards=backwards)
    assert expected == [u.id for u in found.items]
    assert found.more == (len(before if backwards else after) > limit)


async def test_a_walk_over_few_holes_costs_one_call_a_page() -> None:
    """The place where a page ended is remembered for the next one."""
    rows, hidden = Rows(list(range(1, 1001))), [5, 6, 7, 333, 900]
    hints: dict[int, int] = {}
    seen: list[int] = []
    for offset in range(0, 1000, 100):
        found = await page_by_offset(rows, hidden, hints, Window(offset, 100))
        if found.items:
            end = offset + len(found.items)
            hints[end] = found.positions[-1] + 1 - end
        seen += [u.id for u in found.items]
    assert [i for i in range(1, 1001) if i not in hidden] == seen
    assert rows.calls <= 10


@pytest.mark.parametrize(
    ("hidden", "total"),
    [
        ([2, *range(61, 90)], 200),  # the connector's own account in front, leavers far behind the page
        (list(range(101, 165)), 200),
        ([3, 5, 8, 13, 21, 34], 40),
    ],
)
@pytest.mark.parametrize(("offset", "limit"), [(20, 20), (1, 1), (5, 30)])
async def test_a_page_from_the_middle_costs_one_call_wherever_the_leavers_stand(
    hidden: list[int], total: int, offset: int, limit: int
) -> None:
    """Nothing was read before: the page begins where it would without leavers, and reads a row more for each."""
    rows = Rows(list(range(1, total + 1)))
    found = await page_by_offset(rows, hidden, {}, Window(offset, limit))
    visible = [i for i in range(1, total + 1) if i not in hidden]
    assert visible[offset : offset + limit] == [u.id for u in found.items]
    assert 1 == rows.calls


@pytest.mark.parametrize("hidden", [list(range(2, 300, 2)), list(range(30, 230))])
async def test_a_page_within_one_that_was_served_costs_one_call_however_many_leavers_there_are(
    hidden: list[int],
) -> None:
    """Where each of its rows stands is known by then, and so is how many rows lie between them."""
    rows, hints = Rows(list(range(1, 600))), dict[int, int]()
    await page_by_offset(rows, hidden, hints, Window(0, 100))
    visible = [i for i in range(1, 600) if i not in hidden]
    for offset in (0, 20, 29, 55, 80):
        rows.calls = 0
        found = await page_by_offset(rows, hidden, hints, Window(offset, 20))
        assert visible[offset : offset + 20] == [u.id for u in found.items]
        assert 1 == rows.calls, offset
