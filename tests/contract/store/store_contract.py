"""What every store promises (scim/store/table.py). Subclass, give a `store` fixture, inherit the promises."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from scim.store.table import Operation, Row, RowChanged, RowExists, Table

# a table of its own for each test process: the service may be the one of a running stack
TABLE = f"contract{os.environ.get('PYTEST_XDIST_WORKER', '')}"
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
FORBIDDEN = ["a/b", "a\\b", "a#b", "a?b", "a\nb", "a\x00b", "a\x7fb", "x" * 513, "\U0001f600" * 257]


async def all_of(table: Table, partition: str | None, **how: object) -> list[str]:
    return [row.key async for row in table.query(partition, **how)]


class StoreContract:
    @pytest.fixture
    async def table(self, store):
        await store.ensure_tables()
        table = store.table(TABLE)
        async for row in table.query(None):
            await table.delete(row.partition, row.key)
        return table

    async def test_a_row_comes_back_as_it_was_written(self, table):
        """Every type, to the microsecond and the last bit; None is left out."""
        values = {
            "text": "Zoë 🙂 'quoted' \"too\" \\ /",
            "empty": "",
            "small": 1,
            "zero": 0,
            "large": 2**62 + 1,
            "negative": -(2**40),
            "fraction": 0.1,
            "yes": True,
            "no": False,
            "bytes": bytes(range(256)),
            "at": AT,
        }
        await table.insert(Row("p", "k", {**values, "nothing": None}))
        row = await table.get("p", "k")
        assert values == row.values
        assert {name: type(value) for name, value in values.items()} == {n: type(v) for n, v in row.values.items()}

    async def test_a_missing_row_is_none(self, table):
        assert await table.get("p", "missing") is None

    async def test_an_insert_never_overwrites(self, table):
        await table.insert(Row("p", "k", {"a": 1}))
        with pytest.raises(RowExists):
            await table.insert(Row("p", "k", {"a": 2}))
        assert (await table.get("p", "k")).values == {"a": 1}

    async def test_of_many_parallel_inserts_one_wins(self, table):
        async def insert(number: int) -> bool:
            try:
                await table.insert(Row("p", "k", {"a": number}))
            except RowExists:
                return False
            return True

        assert sum(await asyncio.gather(*(insert(number) for number in range(20)))) == 1

    async def test_the_etag_of_a_write_is_the_etag_of_the_row(self, table):
        assert await table.insert(Row("p", "k", {"a": 1})) == (await table.get("p", "k")).etag
        assert await table.put(Row("p", "k", {"a": 2})) == (await table.get("p", "k")).etag
        assert await table.merge(Row("p", "k", {"a": 3})) == (await table.get("p", "k")).etag
        assert (await table.get("p", "k")).etag == (await anext(table.query("p"))).etag

    async def test_put_replaces_the_whole_row(self, table):
        await table.insert(Row("p", "k", {"a": 1, "b": 2}))
        await table.put(Row("p", "k", {"c": 3}))
        assert (await table.get("p", "k")).values == {"c": 3}

    async def test_merge_leaves_other_values(self, table):
        await table.insert(Row("p", "k", {"a": 1, "b": 2}))
        await table.merge(Row("p", "k", {"b": 3, "c": 4, "a": None}))
        assert (await table.get("p", "k")).values == {"a": 1, "b": 3, "c": 4}

    async def test_put_and_merge_make_a_missing_row(self, table):
        await table.put(Row("p", "put", {"a": 1}))
        await table.merge(Row("p", "merge", {"a": 1}))
        assert await all_of(table, "p") == ["merge", "put"]

    @pytest.mark.parametrize("verb", ["put", "merge"])
    async def test_a_stale_etag_changes_nothing(self, table, verb):
        etag = await table.insert(Row("p", "k", {"a": 1}))
        await table.put(Row("p", "k", {"a": 2}))
        with pytest.raises(RowChanged):
            await getattr(table, verb)(Row("p", "k", {"a": 3}), etag=etag)
        assert (await table.get("p", "k")).values == {"a": 2}

    @pytest.mark.parametrize("verb", ["put", "merge"])
    async def test_a_fresh_etag_is_accepted(self, table, verb):
        etag = await table.insert(Row("p", "k", {"a": 1}))
        await getattr(table, verb)(Row("p", "k", {"a": 3}), etag=etag)
        assert (await table.get("p", "k")).values == {"a": 3}

    @pytest.mark.parametrize("verb", ["put", "merge"])
    async def test_an_etag_of_a_row_that_is_gone_is_a_lost_race(self, table, verb):
        etag = await table.insert(Row("p", "k", {"a": 1}))
        await table.delete("p", "k")
        with pytest.raises(RowChanged):
            await getattr(table, verb)(Row("p", "k", {"a": 3}), etag=etag)
        assert await table.get("p", "k") is None

    async def test_deleting_what_is_not_there_is_fine(self, table):
        await table.delete("p", "missing")

    async def test_a_delete_with_an_etag_knows_races(self, table):
        stale = await table.insert(Row("p", "k", {"a": 1}))
        fresh = await table.put(Row("p", "k", {"a": 2}))
        with pytest.raises(RowChanged):
            await table.delete("p", "k", etag=stale)
        await table.delete("p", "k", etag=fresh)
        with pytest.raises(RowChanged):
            await table.delete("p", "k", etag=fresh)
        assert await table.get("p", "k") is None

    async def test_rows_come_in_key_order_and_only_of_their_partition(self, table):
        for key in ("b", "a", "~", "A", "0", "id|7"):
            await table.insert(Row("p", key, {}))
        await table.insert(Row("p2", "a", {}))
        assert await all_of(table, "p") == ["0", "A", "a", "b", "id|7", "~"]

    async def test_a_range_includes_both_ends(self, table):
        for key in "abcde":
            await table.insert(Row("p", key, {}))
        assert await all_of(table, "p", first="b", last="d") == ["b", "c", "d"]
        assert await all_of(table, "p", first="d") == ["d", "e"]
        assert await all_of(table, "p", last="b") == ["a", "b"]

    async def test_the_whole_table_is_walked_by_partition(self, table):
        for partition in ("20260102|b", "20260101|z", "anchors", "20260102|a"):
            await table.insert(Row(partition, "k", {}))
        found = [row.partition async for row in table.query(None)]
        assert found == ["20260101|z", "20260102|a", "20260102|b", "anchors"]

    async def test_neighbouring_partitions_are_one_range(self, table):
        for partition in ("breaker|b", "breaker|a", "breaker", "breakers|a", "cadence", "a"):
            await table.batch([Operation("insert", Row(partition, key, {"n": 1})) for key in ("k", "l")])
        found = [(row.partition, row.key) async for row in table.query(None, partitions=("breaker|", "breaker|~"))]
        assert found == [(f"breaker|{name}", key) for name in "ab" for key in "kl"]
        rows = table.query(None, partitions=("breaker|", "breaker|~"), first="l", where={"n": 1}, limit=1)
        assert [("breaker|a", "l")] == [(row.partition, row.key) async for row in rows]

    async def test_more_rows_than_a_page_come_from_neighbouring_partitions(self, table):
        for partition in ("x|a", "x|b", "x|c"):
            for start in range(0, 500, 100):
                await table.batch([Operation("insert", Row(partition, f"{start + n:05d}", {})) for n in range(100)])
        found = [(row.partition, row.key) async for row in table.query(None, partitions=("x|", "x|~"))]
        assert found == [(f"x|{p}", f"{n:05d}") for p in "abc" for n in range(500)]

    async def test_a_range_read_tells_every_kind_of_value(self, table):
        values = {
            "text": "it's \u00e4 'quote'\n", "small": 7, "large": 2**40, "negative": -(2**63), "half": 0.5,
            "whole": 2.0, "yes": True, "no": False, "bytes": bytes(range(256)), "at": AT, "empty": "", "nothing": b"",
        }  # fmt: skip
        etag = await table.insert(Row("p", "k", values))
        (row,) = [row async for row in table.query("p")]
        assert (row.values, row.etag) == (values, etag)
        assert {n: type(v) for n, v in row.values.items()} == {n: type(v) for n, v in values.items()}
        (part,) = [row async for row in table.query("p", select=["at"])]
        assert (part.values, part.etag) == ({"at": AT}, etag)

    async def test_a_range_read_sees_every_write_before_it(self, table):
        """Whatever way it was written, or taken back."""

        async def held():
            return {row.key: dict(row.values) async for row in table.query("p")}

        etag = await table.insert(Row("p", "a", {"n": 1}))
        await table.insert(Row("p", "b", {"n": 1}))
        assert {"a": {"n": 1}, "b": {"n": 1}} == await held()
        await table.put(Row("p", "a", {"n": 2}), etag=etag)
        await table.merge(Row("p", "b", {"m": 2}))
        assert {"a": {"n": 2}, "b": {"n": 1, "m": 2}} == await held()
        changes = [Operation("put", Row("p", "a", {"n": 3})), Operation("delete", Row("p", "b", {}), None)]
        with pytest.raises(RowChanged):
            await table.batch([*changes, Operation("merge", Row("p", "c", {"n": 1}), etag)])
        assert {"a": {"n": 2}, "b": {"n": 1, "m": 2}} == await held()
        await table.batch([*changes, Operation("insert", Row("p", "c", {"n": 1}))])
        assert {"a": {"n": 3}, "c": {"n": 1}} == await held()
        await table.delete("p", "a")
        assert {"c": {"n": 1}} == await held()

    async def test_conditions_compare_value_and_kind(self, table):
        await table.insert(Row("p", "true", {"a": True}))
        await table.insert(Row("p", "one", {"a": 1}))
        await table.insert(Row("p", "text", {"a": "1"}))
        await table.insert(Row("p", "large", {"c": 2**31}))
        await table.insert(Row("p", "larger", {"c": 2**62}))
        await table.insert(Row("p", "time", {"a": AT}))
        await table.insert(Row("p", "other", {"b": 1}))
        for key, value in (("true", True), ("one", 1), ("text", "1"), ("time", AT)):
            assert [key] == await all_of(table, "p", where={"a": value})
        for key, value in (("large", 2**31), ("larger", 2**62)):
            assert [key] == await all_of(table, "p", where={"c": value})

    async def test_text_in_a_condition_is_only_text(self, table):
        """Injection finds nothing, quotes and blanks find themselves."""
        hostile = "x' or PartitionKey eq 'p"
        await table.insert(Row("p", "victim", {"a": "secret"}))
        await table.insert(Row("p", "own", {"a": hostile}))
        assert await all_of(table, "p", where={"a": hostile}) == ["own"]
        assert await all_of(table, "p' or PartitionKey ne 'p") == []
        assert await all_of(table, "p", where={"a": "@p0 or true"}) == []

    async def test_the_name_in_a_condition_is_no_way_in(self, table):
        with pytest.raises(ValueError, match="property name"):
            await all_of(table, "p", where={"a eq 1 or b": 1})

    async def test_a_limit_ends_the_walk(self, table):
        for number in range(5):
            await table.insert(Row("p", str(number), {}))
        assert await all_of(table, "p", limit=2) == ["0", "1"]
        assert await all_of(table, "p", limit=0) == []

    async def test_selection_leaves_the_rest_at_home(self, table):
        await table.insert(Row("p", "k", {"a": 1, "b": 2}))
        (row,) = [row async for row in table.query("p", select=["a"])]
        assert (row.partition, row.key, row.values) == ("p", "k", {"a": 1})

    async def test_more_rows_than_a_page_all_come(self, table):
        for start in range(0, 1100, 100):
            await table.batch([Operation("insert", Row("p", f"{n:05d}", {})) for n in range(start, start + 100)])
        assert [f"{n:05d}" for n in range(1100)] == await all_of(table, "p")

    async def test_a_batch_happens_as_a_whole(self, table):
        put = await table.insert(Row("p", "put", {"a": 1, "b": 1}))
        merge = await table.insert(Row("p", "merge", {"a": 1, "b": 1}))
        await table.insert(Row("p", "gone", {}))
        await table.batch(
            [
                Operation("insert", Row("p", "new", {"a": 1})),
                Operation("put", Row("p", "put", {"b": 2}), put),
                Operation("merge", Row("p", "merge", {"b": 2}), merge),
                Operation("put", Row("p", "made", {"c": 3})),
                Operation("delete", Row("p", "gone", {})),
            ]
        )
        rows = {row.key: dict(row.values) async for row in table.query("p")}
        assert rows == {"new": {"a": 1}, "put": {"b": 2}, "merge": {"a": 1, "b": 2}, "made": {"c": 3}}

    async def test_a_batch_that_meets_a_row_does_nothing(self, table):
        await table.insert(Row("p", "there", {}))
        with pytest.raises(RowExists):
            await table.batch([Operation("insert", Row("p", key, {})) for key in ("a", "there", "z")])
        assert await all_of(table, "p") == ["there"]

    @pytest.mark.parametrize("verb", ["put", "merge", "delete"])
    async def test_a_batch_that_loses_a_race_does_nothing(self, table, verb):
        stale = await table.insert(Row("p", "k", {"a": 1}))
        await table.put(Row("p", "k", {"a": 2}))
        with pytest.raises(RowChanged):
            await table.batch([Operation("insert", Row("p", "a", {})), Operation(verb, Row("p", "k", {}), stale)])
        assert await all_of(table, "p") == ["k"]

    async def test_a_batch_that_deletes_nothing_is_a_lost_race(self, table):
        with pytest.raises(RowChanged):
            await table.batch([Operation("insert", Row("p", "a", {})), Operation("delete", Row("p", "missing", {}))])
        assert await all_of(table, "p") == []

    async def test_a_batch_knows_its_limits(self, table):
        too_many = [Operation("insert", Row("p", str(n), {})) for n in range(101)]
        two_partitions = [Operation("insert", Row(p, "k", {})) for p in ("p", "q")]
        twice = [Operation("put", Row("p", "k", {})), Operation("merge", Row("p", "k", {}))]
        for operations in (too_many, two_partitions, twice):
            with pytest.raises(ValueError, match="a batch"):
                await table.batch(operations)
        await table.batch([])
        assert await all_of(table, None) == []

    @pytest.mark.parametrize("key", FORBIDDEN)
    async def test_keys_that_the_service_refuses_never_leave(self, table, key):
        for partition, row_key in ((key, "k"), ("p", key)):
            with pytest.raises(ValueError, match="a key"):
                await table.insert(Row(partition, row_key, {}))
            with pytest.raises(ValueError, match="a key"):
                await table.get(partition, row_key)
            with pytest.raises(ValueError, match="a key"):
                await table.delete(partition, row_key)

    @pytest.mark.parametrize(
        "key", ["", "'", "''", "a'b", "a b", "a|b", "a%2Fb", "a+b", "a&b=c", "ä", "🙂", "(1)", "@x"]
    )
    async def test_odd_keys_are_only_keys(self, table, key):
        await table.insert(Row("p", key, {"a": 1}))
        assert (await table.get("p", key)).values == {"a": 1}
        await table.merge(Row("p", key, {"a": 2}), etag=(await table.get("p", key)).etag)
        assert [key] == await all_of(table, "p", first=key, last=key)
        await table.delete("p", key, etag=(await table.get("p", key)).etag)
        assert await all_of(table, "p") == []

    async def test_what_is_too_large_never_leaves(self, table):
        too_large = [
            {"a": "x" * (32 * 1024 + 1)},
            {"a": b"x" * (64 * 1024 + 1)},
            {f"a{n}": b"x" * (60 * 1024) for n in range(18)},
            {f"a{n}": 1 for n in range(253)},
            {"a": 2**63},
            {"a": AT.replace(tzinfo=None)},
            {"a": ["list"]},
            {"a-b": 1},
            {"RowKey": "x"},
        ]
        for values in too_large:
            with pytest.raises(ValueError, match=r"larger|more than|fit|zone|type|name"):
                await table.insert(Row("p", "k", values))
        await table.insert(Row("p", "k", {"a": "x" * (32 * 1024), "b": b"x" * (64 * 1024)}))
        assert len((await table.get("p", "k")).values["b"]) == 64 * 1024
