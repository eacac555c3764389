"""A whole company read once, as SailPoint does it: pages of 100, default attributes, every resource. And one sweep."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from bench.load import table
from bench.stack import Stack, stack
from scim.context import request_context
from scim.directory.sweep import sweep
from scim.model import Vault, VaultId
from scim.secretserver.directory import SecretServerDirectory
from scim.store.attributes import AttributeStore
from scim.store.memory import MemoryStore

COMPANY = {"users": 10_000, "groups": 1_000, "folders": 20_000, "secrets": 50_000, "folder-permissions": 100_000}
ENDPOINTS = (
    *("Users", "Groups", "Roles", "Entitlements", "Containers"),
    *("ContainerPermissions", "PrivilegedData", "PrivilegedDataPermissions"),
)
PAGE = 100


async def walk(*, quick: bool) -> None:
    """With the vendor's reports in the vault, and without: then permissions are read folder by folder."""
    sizes = {name: number // (10 if quick else 1) for name, number in COMPANY.items()}
    arguments = [text for name, number in sizes.items() for text in (f"--{name}", str(number))]
    for reports in (True, False):
        async with stack(*arguments) as on:
            await _switch(on, reports_present=reports)
            rows = [await _endpoint(on, endpoint) for endpoint in ENDPOINTS]
            total, calls = sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows)
            budget = total // PAGE + sizes["folders"] // 50
            rows.append(["all", str(total), f"{calls} of {budget}", _sum(rows, 3), rows[-1][4]])
            rows.append(await _sweep(on))
        words = "with" if reports else "without"
        title = (
            f"A walk over {sizes['folders']:,} folders and {sizes['secrets']:,} secrets, {words} the vendor's reports"
        )
        table(title, ["resource", "rows", "calls", "seconds", "MB after"], rows)


async def _endpoint(on: Stack, endpoint: str) -> list[str]:
    before, begun = await _calls(on), time.perf_counter()
    seen, total = 0, 1
    while seen < total:
        status, page = await on.ask("GET", f"/{endpoint}?startIndex={seen + 1}&count={PAGE}")
        if status == 503:  # still being read
            await asyncio.sleep(5)
            continue
        total, seen = page["totalResults"], seen + len(page["Resources"])
    seconds = time.perf_counter() - begun
    return [endpoint, str(seen), str(await _calls(on) - before), f"{seconds:.1f}", str(_megabytes(on.host))]


async def _sweep(on: Stack) -> list[str]:
    """One look at everything, as the timer does it in a process that has read nothing yet."""
    vault = Vault(id=VaultId("v"), name="v", url=on.vault, username="svc-scim")
    directory = SecretServerDirectory.connect(vault, SecretStr("simulator-only"), insecure=True)
    attributes = AttributeStore(MemoryStore().table("attributes"))
    before, begun = await _calls(on), time.perf_counter()
    with request_context("bench", 600):
        await sweep(directory, attributes, vault.id, every=timedelta(0))
        await directory.aclose()
    return ["sweep", "", str(await _calls(on) - before), f"{time.perf_counter() - begun:.1f}", ""]


async def _calls(on: Stack) -> int:
    async with on.upstream.get(f"{on.vault}/_sim/calls") as answer:
        return int((await answer.json())["count"])


async def _switch(on: Stack, **switches: bool) -> None:
    async with on.upstream.put(f"{on.vault}/_sim/switches", json=switches) as answer:
        await answer.read()


def _megabytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()  # read in one go by the kernel
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


def _sum(rows: list[list[str]], column: int) -> str:
    return f"{sum(float(row[column]) for row in rows):.1f}"
