"""What a walk with a filter or an order found, kept for its next pages.

Such a search looks at every row of the vault; doing that again for each page would cost calls by the row. The first
page of a walk is always fresh; the pages after it come from the places found then, whose objects are read anew. So a
walk is also consistent: nothing is skipped or shown twice because something changed meanwhile.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

SECONDS = 120.0  # between two pages of one walk
MOST_PLACES = 400_000  # of all walks of a process: some 60 MB


@dataclass(frozen=True, slots=True)
class Place:
    """One match: the key it is ordered by, which searched type it is of, and its id."""

    key: tuple[Any, ...]
    rank: int
    id: Any


class Snapshots:
    """One process's walks. The least recently used make room."""

    def __init__(self) -> None:
        self._walks: OrderedDict[str, tuple[float, list[Place]]] = OrderedDict()

    def find(self, walk: str) -> list[Place] | None:
        until, places = self._walks.get(walk, (0.0, []))
        if until < time.monotonic():
            self._walks.pop(walk, None)
            return None
        self._walks[walk] = (time.monotonic() + SECONDS, places)
        self._walks.move_to_end(walk)
        return places

    def keep(self, walk: str, places: list[Place]) -> None:
        self._walks[walk] = (time.monotonic() + SECONDS, places)
        self._walks.move_to_end(walk)
        while len(self._walks) > 1 and sum(len(p) for _, p in self._walks.values()) > MOST_PLACES:
            self._walks.popitem(last=False)
