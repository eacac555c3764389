"""Asking many times, and what it cost: latency of each request, CPU and memory of the process that answers."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

Once = Callable[[int], Awaitable[int]]
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds per request; requests per second; megabytes of the answering process."""

    p50: float
    p99: float
    rate: float
    cpu: float
    memory: float
    failed: int

    def cells(self) -> list[str]:
        bad = f" ({self.failed} failed)" if self.failed else ""
        return [f"{self.p50:.1f}", f"{self.p99:.1f}", f"{self.rate:.0f}{bad}", f"{self.cpu:.2f}", f"{self.memory:.0f}"]


async def measure(once: Once, *, requests: int, at_once: int, pid: int) -> Cost:
    """Run `once(number)` so many times, so many at a time. It returns an HTTP status."""
    times: list[float] = []
    failed = 0
    numbers = iter(range(requests))

    async def worker() -> None:
        nonlocal failed
        for number in numbers:
            begun = time.perf_counter()
            status = await once(number)
            times.append((time.perf_counter() - begun) * 1000)
            failed += status >= 400

    cpu, begun = _cpu(pid), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    spent = time.perf_counter() - begun
    ordered = sorted(times)
    return Cost(
        p50=statistics.median(ordered),
        p99=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        rate=len(ordered) / spent,
        cpu=(_cpu(pid) - cpu) * 1000 / len(ordered),
        memory=memory(pid),
        failed=failed,
    )


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> float:
    """Resident megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    print(f"\n## {title}\n")
    for row in [head, ["-" * w for w in widths], *rows]:
        print("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |")
