from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from scim.errors import NotFound, Uniqueness
from scim.model import ConnectionId
from scim.store.memory import MemoryStore
from scim.store.table import Row
from scim.store.tokens import StoredToken, Tokens

A, B = ConnectionId("a" * 16), ConnectionId("b" * 16)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def tokens(store):
    return Tokens(store.table("tokens"))


async def test_a_token_lives_a_year_unless_told_otherwise(tokens):
    token = await tokens.add(A, "00000001", b"d" * 32)
    assert timedelta(days=365) == token.expires - token.created
    assert token.live(token.expires - timedelta(seconds=1))
    assert not token.live(token.expires)
    longest = await tokens.add(A, "00000002", b"d", days=730)
    assert timedelta(days=730) == longest.expires - longest.created


@pytest.mark.parametrize("days", [0, -1, 731])
async def test_no_token_lives_forever_or_never(tokens, days):
    with pytest.raises(ValueError, match="730"):
        await tokens.add(A, "00000001", b"d", days=days)


async def test_the_third_token_is_refused_until_one_is_revoked(tokens):
    await tokens.add(A, "00000001", b"1")
    await tokens.add(A, "00000002", b"2")
    with pytest.raises(Uniqueness, match="00000001, 00000002"):
        await tokens.add(A, "00000003", b"3")
    await tokens.add(B, "00000004", b"4")
    await tokens.revoke("00000001")
    await tokens.add(A, "00000003", b"3")


async def test_force_revokes_the_oldest_in_the_same_moment(tokens):
    for number in range(1, 5):
        await tokens.add(A, f"0000000{number}", b"d", force=True)
    assert [token.live(datetime.now(UTC)) for token in await tokens.list(A)] == [False, False, True, True]


async def test_ten_at_once_leave_two(tokens):
    answers = await asyncio.gather(*(tokens.add(A, f"0000000{n}", b"d") for n in range(10)), return_exceptions=True)
    assert sum(token.live(datetime.now(UTC)) for token in await tokens.list(A)) == 2
    assert len([answer for answer in answers if isinstance(answer, StoredToken)]) == 2


async def test_a_key_id_is_never_given_twice(tokens):
    await tokens.add(A, "00000001", b"1")
    with pytest.raises(Uniqueness):
        await tokens.add(B, "00000001", b"2")
    assert (await tokens.get("00000001")).digest == b"1"


async def test_revoking_twice_is_as_good_as_once(tokens):
    await tokens.add(A, "00000001", b"1")
    first = await tokens.revoke("00000001")
    assert first.revoked == (await tokens.revoke("00000001")).revoked
    with pytest.raises(NotFound):
        await tokens.revoke("0000000f")


async def test_all_tokens_of_a_connection_end_with_it(tokens):
    await tokens.add(A, "00000001", b"1")
    await tokens.add(A, "00000002", b"2")
    await tokens.add(B, "00000003", b"3")
    assert await tokens.revoke_all(A) == 2
    assert not [token for token in await tokens.list(A) if token.live(datetime.now(UTC))]
    assert (await tokens.get("00000003")).live(datetime.now(UTC))


@pytest.mark.parametrize("missing", ["connection", "digest", "expires"])
async def test_a_row_without_owner_digest_or_expiry_is_no_token(store, tokens, missing):
    values = {"connection": str(A), "digest": b"d", "expires": datetime.now(UTC) + timedelta(days=1)}
    await store.table("tokens").insert(Row("tokens", "key|00000001", {k: v for k, v in values.items() if k != missing}))
    assert await tokens.get("00000001") is None


@pytest.mark.parametrize("text", ["", "1", "0000000G", "0000000/", "../../..", "００００００００", "000000001"])
async def test_what_is_no_key_id_never_reaches_the_table(store, tokens, text):
    assert await tokens.get(text) is None
    assert store.table("tokens").calls == 0


async def test_use_is_noted_by_day_and_address(tokens):
    token = await tokens.add(A, "00000001", b"1")
    token = await tokens.get("00000001")
    await tokens.touch(token, datetime(2026, 5, 6, 7, 8, tzinfo=UTC), "203.0.113.7")
    noted = await tokens.get("00000001")
    assert (datetime(2026, 5, 6, tzinfo=UTC), "203.0.113.7") == (noted.last_used, noted.last_address)


async def test_noting_use_never_brings_a_removed_row_back(store, tokens):
    await tokens.add(A, "00000001", b"1")
    token = await tokens.get("00000001")
    await store.table("tokens").delete("tokens", "key|00000001")
    await tokens.touch(token, datetime.now(UTC), "203.0.113.7")
    assert await tokens.get("00000001") is None
