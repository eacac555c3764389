"""`python -m bench [--quick]`: our SCIM requests beside the same number of direct upstream calls, in one run."""

from __future__ import annotations

import argparse
import asyncio
import compileall
import itertools
import subprocess
import sys
import time
from typing import Any

from bench.load import Cost, Once, measure, table
from bench.stack import ROOT, Stack, stack
from bench.walk import walk

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
HEAD = ["request", "upstream", "at once", "p50 ms", "p99 ms", "per s", "CPU ms", "MB"]
_numbers = itertools.count(1)


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


class Work:
    """The requests that are measured, over accounts made for them."""

    def __init__(self, on: Stack) -> None:
        self.on = on
        self.users: list[str] = []
        self.names: list[str] = []
        self.group = ""

    async def prepare(self, count: int) -> None:
        made = await asyncio.gather(*(self._new_user() for _ in range(count)))
        self.users, self.names = [i for i, _ in made], [n for _, n in made]
        body = {"schemas": [CORE + "Group"], "displayName": f"bench-{next(_numbers)}"}
        self.group = (await self.on.ask("POST", "/Groups", body))[1]["id"]
        await self.on.ask("GET", "/Users?count=100")

    async def _new_user(self) -> tuple[str, str]:
        name = f"bench-{next(_numbers)}-{time.time_ns()}"
        body = {"schemas": [CORE + "User"], "userName": name, "emails": [{"value": f"{name}@corp.example"}]}
        status, answer = await self.on.ask("POST", "/Users", body)
        assert status == 201, answer
        return answer["id"], name

    def requests(self) -> dict[str, tuple[int, Once]]:
        """Name → upstream calls in series that the request needs, and one request."""
        on, ids, names = self.on, self.users, self.names

        async def hit(n: int) -> int:
            return (await on.ask("GET", f'/Users?filter=userName eq "{names[n % len(names)]}"'))[0]

        async def miss(n: int) -> int:
            return (await on.ask("GET", f'/Users?filter=userName eq "nobody-{n}"'))[0]

        async def get(n: int) -> int:
            return (await on.ask("GET", f"/Users/{ids[n % len(ids)]}"))[0]

        async def page(_: int) -> int:
            return (await on.ask("GET", "/Users?count=100"))[0]

        async def post(_: int) -> int:
            await self._new_user()
            return 201

        async def active(n: int) -> int:
            value = bool((n // len(ids)) % 2)
            body = patch({"op": "replace", "path": "active", "value": value})
            return (await on.ask("PATCH", f"/Users/{ids[n % len(ids)]}", body))[0]

        async def member(n: int) -> int:
            body = patch({"op": "add", "path": "members", "value": [{"value": ids[n % len(ids)]}]})
            return (await on.ask("PATCH", f"/Groups/{self.group}", body))[0]

        async def delete(n: int) -> int:
            return (await on.ask("DELETE", f"/Users/{ids[n % len(ids)]}"))[0]

        return {
            "filter hit": (2, hit),
            "filter miss": (1, miss),
            "GET user": (1, get),
            "page of 100": (1, page),
            "POST user": (2, post),
            "PATCH active": (2, active),
            "member add": (2, member),
            "DELETE user": (3, delete),
        }

    def direct(self, calls: int) -> Once:
        """The same number of plain upstream calls, one after the other."""

        async def once(n: int) -> int:
            status = 200
            for _ in range(calls):
                path = f"/api/v1/users/{self.users[n % len(self.users)]}?includeInactive=true"
                status = await self.on.direct("GET", path)
            return status

        return once


async def side_by_side(latency: int, *, quick: bool) -> None:
    sizes = ("--users", "1000", "--groups", "50", "--latency-ms", str(latency), "--policy", "breaker=false")
    rows: list[list[str]] = []
    async with stack(*sizes) as on:
        for at_once in (1, 16, 64):
            count = (60 if quick else 200) if at_once == 1 else (128 if quick else 512)
            work = Work(on)
            await work.prepare(count)
            for calls in (1, 2, 3):
                cost = await measure(work.direct(calls), requests=count, at_once=at_once, pid=on.simulator)
                rows.append(_row("direct calls only", calls, at_once, cost))
            for name, (calls, once) in work.requests().items():
                cost = await measure(once, requests=count, at_once=at_once, pid=on.host)
                rows.append(_row(name, calls, at_once, cost))
    table(f"Upstream latency {latency} ms, 1,000 users (CPU and MB: of the answering process)", HEAD, rows)


def _row(name: str, calls: int, at_once: int, cost: Cost) -> list[str]:
    return [name, str(calls), str(at_once), *cost.cells()]


async def pages(*, quick: bool) -> None:
    rows = []
    for users in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        async with stack("--users", str(users), "--groups", "50") as on:
            await on.ask("GET", "/Users?count=100")
            for place, start in (("first", 1), ("at 90 %", users * 9 // 10)):

                async def once(_: int, start: int = start, on: Stack = on) -> int:
                    return (await on.ask("GET", f"/Users?startIndex={start}&count=100"))[0]

                cost = await measure(once, requests=30, at_once=1, pid=on.host)
                rows.append([f"{users:,}", place, *cost.cells()])
    table("A page of 100 users, groups and roles shown", ["users", "page", *HEAD[3:]], rows)


def imports() -> None:
    compileall.compile_dir(ROOT / "scim", quiet=2)
    times = []
    for _ in range(5):
        code = "import time; b=time.process_time(); import function_app; print(time.process_time()-b)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        times.append(float(done.stdout))
    table("import function_app, compiled bytecode, CPU seconds", ["best", "median"], [
        [f"{min(times):.2f}", f"{sorted(times)[2]:.2f}"]])  # fmt: skip


async def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    reader.add_argument("--quick", action="store_true", help="fewer requests, up to 10,000 users")
    reader.add_argument("--only", choices=("latency0", "latency20", "pages", "walk", "imports"), help="one table")
    options = reader.parse_args()
    wanted = options.only
    if wanted in (None, "latency0"):
        await side_by_side(0, quick=options.quick)
    if wanted in (None, "latency20"):
        await side_by_side(20, quick=options.quick)
    if wanted in (None, "pages"):
        await pages(quick=options.quick)
    if wanted in (None, "walk"):
        await walk(quick=options.quick)
    if wanted in (None, "imports"):
        imports()


if __name__ == "__main__":
    asyncio.run(main())
