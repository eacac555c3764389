"""The tables' version, and the way to a newer one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from scim.errors import StoreUnavailable
from scim.store.memory import MemoryStore
from scim.store.schema import MIGRATIONS, VERSION, prepare
from scim.store.table import Row


@pytest.fixture
def store():
    return MemoryStore()


async def version(store: MemoryStore) -> int:
    row = await store.table("settings").get("schema", "version")
    assert row is not None
    assert "migrating_until" not in row.values
    return int(row.values["version"])


async def test_new_tables_have_this_version(store):
    assert VERSION == await prepare(store)
    assert VERSION == await version(store)
    assert VERSION == await prepare(store)
    assert set(MIGRATIONS) <= set(range(2, VERSION + 1))


async def test_each_step_runs_once_and_in_order(store):
    done: list[int] = []

    def step(number: int):
        async def migrate(_store) -> None:
            done.append(number)

        return migrate

    steps = {number: step(number) for number in (2, 3)}
    await prepare(store, version=1)
    assert await prepare(store, version=3, migrations=steps) == 3
    assert await prepare(store, version=3, migrations=steps) == 3
    assert done == [2, 3]
    assert await version(store) == 3


async def test_of_many_instances_one_migrates(store):
    done: list[int] = []

    async def slow(_store) -> None:
        done.append(1)
        await asyncio.sleep(0.05)

    await prepare(store, version=1)
    runs = [prepare(store, version=2, migrations={2: slow}) for _ in range(5)]
    results = await asyncio.gather(*runs, return_exceptions=True)
    assert done == [1]
    assert all(r == 2 or isinstance(r, StoreUnavailable) for r in results)


async def test_an_interrupted_step_is_begun_again_after_its_lease(store):
    async def breaks(_store) -> None:
        raise StoreUnavailable("gone")

    async def works(_store) -> None: ...

    await prepare(store, version=1)
    with pytest.raises(StoreUnavailable, match="gone"):
        await prepare(store, version=2, migrations={2: breaks})
    with pytest.raises(StoreUnavailable, match="newer form"):
        await prepare(store, version=2, migrations={2: works})
    table = store.table("settings")
    row = await table.get("schema", "version")
    past = datetime.now(UTC) - timedelta(seconds=1)
    await table.merge(Row(row.partition, row.key, {"migrating_until": past}))
    assert await prepare(store, version=2, migrations={2: works}) == 2


async def test_the_version_before_goes_on_beside_a_newer_one_that_it_can_read(store):
    newer = Row("schema", "version", {"version": VERSION + 1, "oldest_reader": VERSION})
    await store.table("settings").insert(newer)
    assert VERSION + 1 == await prepare(store)


async def test_tables_that_are_too_new_are_refused_in_words(store):
    newer = Row("schema", "version", {"version": VERSION + 1, "oldest_reader": VERSION + 1})
    await store.table("settings").insert(newer)
    with pytest.raises(StoreUnavailable, match="deploy the newer version again"):
        await prepare(store)
