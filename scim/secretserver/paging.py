"""Walking pages: whole listings and single windows, sorted by id and checked for it.

Secret Server documents neither a default nor a maximum for `take`, nor the accepted sort names (facts 3, 13). So
`skip`, `take` and a sort by the row's own id are always sent, and what comes back is checked rather than trusted:

* a vault that returns less than was asked for (a hidden maximum) is walked in steps of what it gave;
* one that refuses our `take` is asked for what its answer names, or for less and less;
* one that refuses the sort name is read unsorted where the whole listing is wanted, and sorted here; a window of such
  a listing would be arbitrary and is refused;
* ids must ascend and not repeat, else VaultMisbehaved: a page of which rows are missing or double is a wrong answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from scim.errors import TooMany, VaultMisbehaved
from scim.secretserver.answers import PageRefused
from scim.secretserver.client import Query, VaultClient
from scim.secretserver.operations import Operation
from scim.secretserver.wire import Page, Row

R = TypeVar("R", bound=Row)

TAKE = 1000
ABREAST = 4
"""Pages of one walk that are under way at a time."""
SMALLER = (500, 100, 50, 10)


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A search: its operation, the page of its rows, and the name of the property that holds the row's id."""

    operation: Operation
    page: type[Page[R]]
    sort: str


FARTHEST = 2_000_000_000  # `skip` is an int32; no vault has so many rows


class Pager:
    """Reads listings of one vault, and remembers what it allows."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client
        self._most: dict[str, int] = {}
        self._unsorted: set[str] = set()

    async def walk(
        self, listing: Listing[R], *ids: int, query: Query = (), take: int = TAKE, limit: int | None = None
    ) -> list[R]:
        """Every row, in id order.

        :param limit: The most rows that may be walked. :raises TooMany: When the vault has more.
        """
        first = await self._page(listing, query, 0, take, ids)
        if limit is not None and first.total > limit:
            raise TooMany(f"{first.total} objects would have to be read; the limit is {limit}. Narrow the filter")
        rows = list(first.records)
        step = len(rows)
        if self._follows(first, 0):
            if not step:
                raise VaultMisbehaved(f"Secret Server says that {listing.operation.path} has more, and gives nothing")
            skips = range(step, max(first.total, step + 1), step)
            for start in range(0, len(skips), ABREAST):
                batch = skips[start : start + ABREAST]
                pages = await asyncio.gather(*(self._page(listing, query, skip, step, ids) for skip in batch))
                for page in pages:
                    rows.extend(page.records)
        return self._checked(listing, rows, first.total)

    async def window(self, listing: Listing[R], offset: int, limit: int, *, query: Query = ()) -> tuple[list[R], int]:
        """The rows at a position, and how many there are in all."""
        offset = min(offset, FARTHEST)
        rows: list[R] = []
        total = 0
        while True:
            page = await self._page(listing, query, offset + len(rows), max(limit - len(rows), 1), ())
            total = page.total
            rows.extend(page.records)
            seen = offset + len(rows) - len(page.records)
            if len(rows) >= limit or not page.records or not self._follows(page, seen):
                break
        if listing.operation.path in self._unsorted:
            raise VaultMisbehaved(f"Secret Server does not sort {listing.operation.path} by {listing.sort}")
        if not rows and offset < total and limit:
            raise VaultMisbehaved(f"Secret Server gives no rows at {offset} of {total} of {listing.operation.path}")
        keys = [row.key for row in rows]
        if any(a >= b for a, b in pairwise(keys)):
            raise VaultMisbehaved(f"Secret Server did not sort {listing.operation.path} by {listing.sort}")
        return rows[:limit], total

    @staticmethod
    def _follows(page: Page[R], skip: int) -> bool:
        return page.has_next if page.has_next is not None else skip + len(page.records) < page.total

    def _checked(self, listing: Listing[R], rows: list[R], total: int) -> list[R]:
        keys = [row.key for row in rows]
        if any(a >= b for a, b in pairwise(keys)):
            if listing.operation.path not in self._unsorted and len(rows) > len(set(keys)):
                raise VaultMisbehaved(f"Secret Server's pages of {listing.operation.path} overlap")
            rows = sorted({row.key: row for row in rows}.values(), key=lambda row: row.key)
        if len(rows) < total - _slack(total):
            raise VaultMisbehaved(f"Secret Server gave {len(rows)} of {total} rows of {listing.operation.path}")
        return rows

    async def _page(self, listing: Listing[R], query: Query, skip: int, take: int, ids: tuple[int, ...]) -> Page[R]:
        """One page, asked for in the way that this vault allows."""
        path = listing.operation.path
        while True:
            take = min(take, self._most.get(path, take))
            asked = [*query, ("skip", str(skip)), ("take", str(take))]
            if path not in self._unsorted:
                asked += [("sortBy[0].name", listing.sort), ("sortBy[0].direction", "Asc")]
            try:
                return await self._client.call(listing.operation, listing.page, *ids, query=asked)
            except PageRefused as refused:
                if refused.about == "sort" and path not in self._unsorted:
                    self._unsorted.add(path)
                    continue
                smaller = refused.most if refused.most and refused.most < take else None
                smaller = smaller or next((n for n in SMALLER if n < take), None)
                if refused.about != "take" or smaller is None:
                    raise
                self._most[path] = smaller


def _slack(total: int) -> int:
    """Rows that may vanish while a long listing is walked: none in one page, one in a thousand beyond."""
    return 0 if total <= TAKE else total // 1000
