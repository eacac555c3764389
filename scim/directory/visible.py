"""From places in the list that a SCIM client sees to places in the vault's list.

A vault never forgets an account: a deleted user stays there, disabled. Clients must not see it, so their list has holes
where the vault's has none. Ids only ever grow and rows are never taken out, hence a row's place in id order is stable,
and the number of hidden rows before it follows from its id: one look at any row tells where we are.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scim.model import Found, Kind, User, VaultId, Window
from scim.store.attributes import AttributeStore

Fetch = Callable[[Window], Awaitable[Found[User]]]
FEW = 64  # so many rows are read in vain rather than asked for in a call of their own
MOST_HINTS = 20_000


class HiddenIds:
    """The tombstones of one vault's users, kept for a few seconds; our own writes show at once."""

    def __init__(self, store: AttributeStore, vault: VaultId, *, seconds: float = 5.0) -> None:
        self._store, self._vault, self._seconds = store, vault, seconds
        self._ids: list[int] = []
        self._until = 0.0
        self.hints: dict[int, int] = {}  # visible offset → hidden rows before it, for rows served lately

    async def ids(self) -> list[int]:
        """Ascending."""
        if time.monotonic() >= self._until:
            self._ids = await self._store.gone(self._vault, Kind.USER)
            self._until = time.monotonic() + self._seconds
        return self._ids

    def add(self, user_id: int) -> None:
        if user_id not in self._ids:
            insort(self._ids, user_id)
        self.hints.clear()

    def discard(self, user_id: int) -> None:
        if user_id in self._ids:
            self._ids.remove(user_id)
        self.hints.clear()

    def remember(self, offset: int, hidden_before: int) -> None:
        self.hints[offset] = hidden_before


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    user: User


async def page_by_offset(fetch: Fetch, hidden: list[int], hints: dict[int, int], window: Window) -> Found[User]:
    """The visible rows [offset, offset + limit). One call, unless many are hidden and nobody has looked there before;
    then every answer says exactly how far off the guess was.

    :param hints: How many hidden rows are before a visible one, where that is known; more is learned here.
    """
    if not hidden:
        found = await fetch(window)
        rows = [_Row(window.offset + i, u) for i, u in enumerate(found.items)]
        return _found(found.total, rows, window.limit, more=window.offset + len(rows) < found.total)
    skipped, among_them = _guess(hidden, hints, window)
    while True:
        start = window.offset + skipped
        rows, total = await _rows(fetch, start, window.limit + 1 + among_them)
        if not rows:
            if total - len(hidden) <= window.offset or skipped == 0:
                return Found(max(0, total - len(hidden)), ())
            skipped = max(0, total - 1 - window.offset)
            if start <= window.offset + skipped:
                return Found(max(0, total - len(hidden)), ())
            continue
        ahead = window.offset - (start - bisect_left(hidden, rows[0].user.id))
        if ahead < 0:
            skipped += ahead
            continue
        visible = await _collect(fetch, hidden, rows, total, ahead + window.limit)
        _learn(hints, window.offset, visible[ahead:])
        return _found(total - len(hidden), visible[ahead:], window.limit)


def _guess(hidden: list[int], hints: dict[int, int], window: Window) -> tuple[int, int]:
    """How many hidden rows are before the page, and how many are read along with it in case they lie in it.

    Where few are hidden in all, the page begins as if none were: with a row more for each it is whole in any case.
    """
    known = hints.get(window.offset)
    if known is None:
        return (0 if len(hidden) <= FEW else min(len(hidden), window.offset)), min(len(hidden), FEW)
    after = hints.get(window.offset + window.limit)
    return known, min(len(hidden), FEW) if after is None else max(0, after - known)


def _learn(hints: dict[int, int], offset: int, rows: list[_Row]) -> None:
    if len(hints) > MOST_HINTS:
        hints.clear()
    hints.update((place, row.position - place) for place, row in enumerate(rows, offset))


async def page_by_id(
    fetch: Fetch, hidden: list[int], anchor: int, hint: int | None, limit: int, *, backwards: bool
) -> Found[User]:
    """The visible rows right after `anchor` (or right before it), for cursors."""
    place, total = await _place(fetch, anchor, hint)
    if backwards:
        visible: list[_Row] = []
        end = place
        while end > 0 and len(visible) < limit + 1:
            start = max(0, end - limit - 1)
            rows, total = await _rows(fetch, start, end - start)
            visible = [r for r in rows if not among(hidden, r.user.id)] + visible
            end = start
        page = visible[-limit:]
        return Found(total - len(hidden), tuple(r.user for r in page), more=len(visible) > limit,
                     positions=tuple(r.position for r in page))  # fmt: skip
    rows, total = await _rows(fetch, place, limit + 2 + min(len(hidden), FEW))
    rows = [r for r in rows if r.user.id > anchor]
    visible = await _collect(fetch, hidden, rows, total, limit + 1)
    return _found(total - len(hidden), visible, limit)


async def _place(fetch: Fetch, anchor: int, hint: int | None) -> tuple[int, int]:
    """The vault position of the first row with an id ≥ anchor, and the vault's total."""
    if hint is not None:
        rows, total = await _rows(fetch, hint, 1)
        if rows and rows[0].user.id == anchor:
            return hint, total
    _, total = await _rows(fetch, 0, 1)
    low, high = 0, total
    while low < high:  # ids ascend with positions
        middle = (low + high) // 2
        rows, total = await _rows(fetch, middle, 1)
        if rows and rows[0].user.id < anchor:
            low = middle + 1
        else:
            high = middle
    return low, total


async def _rows(fetch: Fetch, start: int, count: int) -> tuple[list[_Row], int]:
    found = await fetch(Window(start, count))
    return [_Row(start + i, user) for i, user in enumerate(found.items)], found.total


async def _collect(fetch: Fetch, hidden: list[int], rows: list[_Row], total: int, wanted: int) -> list[_Row]:
    """Visible rows from here on, one more than wanted where there is one, so that `more` is known."""
    visible = [r for r in rows if not among(hidden, r.user.id)]
    last = rows[-1].position if rows else total
    while rows and len(visible) <= wanted and last + 1 < total:
        rows, total = await _rows(fetch, last + 1, wanted - len(visible) + 1 + min(len(hidden), 256))
        visible += [r for r in rows if not among(hidden, r.user.id)]
        last = rows[-1].position if rows else total
    return visible


def _found(total: int, visible: list[_Row], limit: int, *, more: bool | None = None) -> Found[User]:
    page = visible[:limit]
    more = len(visible) > limit if more is None else more
    return Found(max(0, total), tuple(r.user for r in page), more, tuple(r.position for r in page))


def among(hidden: list[int], user_id: int) -> bool:
    """Whether the id is in the ascending list."""
    place = bisect_left(hidden, user_id)
    return place < len(hidden) and hidden[place] == user_id
