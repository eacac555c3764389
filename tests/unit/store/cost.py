"""What calls to the table service cost this process: `python tests/unit/store/cost.py CONNECTION_STRING`. No test."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scim.store.azure_tables import AzureStore
from scim.store.table import Operation, Row


async def measure(name: str, once: Callable[[int], Awaitable[object]], *, rows: int = 1, count: int = 300) -> None:
    for number in range(20):
        await once(-number - 1)
    cpu, wall = time.process_time(), time.perf_counter()
    for number in range(count):
        await once(number)
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    each = count * rows
    print(f"{name:24} CPU {spent * 1000 / each:6.3f} ms a row, {took * 1000 / count:6.2f} ms a call")


async def main(connection_string: str) -> None:
    store = AzureStore(connection_string=connection_string)
    await store.ensure_tables()
    table = store.table("settings")
    values = {"text": "x" * 300, "number": 7}
    await table.put(Row("cost", "read", values))

    async def batch(number: int) -> None:
        await table.batch([Operation("put", Row("cost-batch", f"{number}-{i}", values)) for i in range(20)])

    await measure("point read", lambda _: table.get("cost", "read"))
    await measure("write", lambda n: table.put(Row("cost", f"w{n}", values)))
    await measure("transaction of 20", batch, rows=20, count=60)
    sdk = store.client("settings")
    await measure("the SDK's own read", lambda _: sdk.get_entity("cost", "read"))
    entity = {"PartitionKey": "cost", **values}
    await measure("the SDK's own write", lambda n: sdk.upsert_entity({**entity, "RowKey": f"s{n}"}))
    await store.close()


asyncio.run(main(sys.argv[1]))
