"""The feed of changes: what a delta asks, and that it does not grow without end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scim.model import Kind, VaultId
from scim.store.changes import ChangeStore
from scim.store.memory import MemoryStore

VAULT, KIND = VaultId("v"), Kind.FOLDER
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


async def feed(store: MemoryStore) -> list[str]:
    return [row.key async for row in store.table("attributes").query(f"{VAULT}|{KIND}|feed")]


async def test_trimming_leaves_every_delta_as_it_was() -> None:
    store = MemoryStore()
    changes = ChangeStore(store.table("attributes"))
    moments = [LONG_AGO + timedelta(hours=n) for n in range(20)]
    for n, at in enumerate(moments):
        await changes.note(VAULT, KIND, n % 3, at)
    before = [await changes.since(VAULT, KIND, at) for at in moments]
    assert 17 == await changes.trim(VAULT, KIND)
    assert 3 == len(await feed(store))
    assert before == [await changes.since(VAULT, KIND, at) for at in moments]
    assert 0 == await changes.trim(VAULT, KIND)


async def test_what_is_gone_leaves_the_feed_once_it_has_settled() -> None:
    store = MemoryStore()
    changes = ChangeStore(store.table("attributes"))
    for number, at in ((1, LONG_AGO), (2, datetime.now(UTC))):
        await changes.note(VAULT, KIND, number, at)
        await changes.forget(VAULT, KIND, number)
    assert 1 == await changes.trim(VAULT, KIND)
    assert {2} == await changes.since(VAULT, KIND, LONG_AGO)


async def test_trimming_goes_beyond_one_transaction() -> None:
    store = MemoryStore()
    changes = ChangeStore(store.table("attributes"))
    for n in range(251):
        await changes.note(VAULT, KIND, 7, LONG_AGO + timedelta(minutes=n))
    assert 250 == await changes.trim(VAULT, KIND)
    assert {7} == await changes.since(VAULT, KIND, LONG_AGO)
