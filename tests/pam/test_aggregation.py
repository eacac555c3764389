"""A walk over everything, as SailPoint does it: what it costs upstream, in time and in memory.

At the full size (20,000 folders, 50,000 secrets, 100,000 folder permissions, 10,000 users, 1,000 groups) it is marked
slow; the normal suite walks a tenth of that in process and holds the same promise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import start_stack, stop_stack
from tests.pam.world import World

Make = Callable[..., World]
ENDPOINTS = (
    *("Users", "Groups", "Roles", "Entitlements", "Containers"),
    *("ContainerPermissions", "PrivilegedData", "PrivilegedDataPermissions"),
)


@pytest.mark.parametrize("reports", [True, False])
async def test_a_walk_never_costs_a_call_a_row(world: Make, reports: bool) -> None:
    sizes = {"users": 400, "groups": 40, "folders": 800, "secrets": 1500, "folder_permissions": 3000}
    w = world(**sizes, secret_permissions=100, switches={"reports_present": reports})
    calls, rows = 0, 0
    for endpoint in ENDPOINTS:
        seen, total = 0, 1
        while seen < total:
            answer = await w.send("GET", f"/{endpoint}?startIndex={seen + 1}&count=100")
            assert 200 == answer.status, answer.body
            total, calls = answer.body["totalResults"], calls + len(answer.calls)
            seen += len(answer.body["Resources"])
        rows += seen
    own = sum(not f.inherits for f in w.tree.folders.values())
    fixed = 40 + 20  # one a group, and what a process asks once
    budget = rows / 100 + sizes["folders"] / 50 + fixed + (0 if reports else own)
    assert calls <= budget, (calls, budget)


@pytest.mark.slow
@pytest.mark.stack
def test_the_whole_company_in_less_calls_than_a_hundredth_of_its_rows(tmp_path: Path) -> None:
    sizes = {"users": 10_000, "groups": 1_000, "folders": 20_000, "secrets": 50_000, "folder-permissions": 100_000}
    arguments = [text for name, number in sizes.items() for text in (f"--{name}", str(number))]
    stack, process = start_stack(tmp_path, *arguments)
    try:
        stack.switch(reports_present=True)
        stack.forget_calls()
        rows = sum(_walk(stack.client, endpoint) for endpoint in ENDPOINTS)
        calls = stack.vault.get("/_sim/calls").json()["count"]
        memory = _memory(stack.pids["host"])
        assert rows > 180_000
        assert calls <= rows / 100 + sizes["folders"] / 50
        assert memory < 300
        assert stack.vault.get("/_sim/state?only=secret_views").json()["secret_views"] == []
    finally:
        stop_stack(process)


def _walk(client: httpx.Client, endpoint: str) -> int:
    seen, total = 0, 1
    while seen < total:
        answer = client.get(f"/{endpoint}", params={"startIndex": seen + 1, "count": 100})
        if answer.status_code == 503:
            time.sleep(min(int(answer.headers["Retry-After"]), 10))
            continue
        page: dict[str, Any] = answer.json()
        total, seen = page["totalResults"], seen + len(page["Resources"])
    return seen


def _memory(pid: int) -> int:
    """Resident megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024
