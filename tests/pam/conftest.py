"""Every test here ends with the vault's own word that no secret was opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.pam.world import World


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    """Makes worlds; none of them has a view of a secret on record in the end."""
    made: list[World] = []

    def make(policies: dict[str, Any] | None = None, **options: Any) -> World:
        made.append(World(policies, **options))
        return made[-1]

    yield make
    assert all(w.tree.views == [] for w in made)
