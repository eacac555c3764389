"""Killed on the way: whatever step a process dies at, the same request completes the work and nothing is done twice.

In process the death comes at every single step in turn. Over HTTP a real host is killed with SIGKILL at random moments.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.tables import connection_string
from scim.store.azure_tables import AzureStore
from tests.conftest import ROOT
from tests.door import group, patch, user
from tests.faults.dialogue import WRITES, done_right
from tests.faults.mortal import deaths, killed

# -- at every step -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", WRITES)
async def test_a_process_killed_at_some_step_leaves_what_the_same_request_completes(write: str) -> None:
    """In turn the timer comes first or the repetition; then the vault and the client's view are as without a death.

    Here at every third step, and never at the same ones for two writes; the slow test takes them all.
    """
    right = await done_right(write)
    wrong: list[str] = []
    chosen = (await deaths(write))[list(WRITES).index(write) % 3 :: 3]
    for number, (at, after) in enumerate(chosen):
        wrong += await killed(write, at, right, after=after, timer_first=number % 2 == 0)
    assert [] == wrong


@pytest.mark.slow
@pytest.mark.parametrize("timer_first", [False, True])
@pytest.mark.parametrize("write", WRITES)
async def test_a_process_killed_at_every_step_whoever_comes_first_afterwards(write: str, timer_first: bool) -> None:
    right = await done_right(write)
    wrong: list[str] = []
    for at, after in await deaths(write):
        wrong += await killed(write, at, right, after=after, timer_first=timer_first)
    assert [] == wrong


# -- a real host -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pieces:
    """Tables, simulator and host as processes of their own, so that one of them can be killed and started again."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    host_port: int = 0
    vault: str = ""
    token: str = ""

    def start(self, name: str, *words: str) -> None:
        log = (self.directory / f"{name}.log").open("ab")
        command = [sys.executable, "-m", *words]
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **self.environment}
        )

    def start_host(self) -> None:
        self.start("host", "local", "host", "--log", "--port", str(self.host_port))
        wait_for(f"http://127.0.0.1:{self.host_port}/health")

    def kill_host(self) -> None:
        self.processes["host"].send_signal(signal.SIGKILL)
        self.processes["host"].wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def state(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.vault}/_sim/state", trust_env=False).json())

    async def age(self, minutes: int) -> None:
        """What the journal holds was announced so many minutes earlier."""
        store = AzureStore(connection_string=self.environment["SCIM_TABLES_CONNECTION_STRING"])
        table = store.table("journal")
        for row in [r async for r in table.query(None)]:
            at = row.values["at"] - timedelta(minutes=minutes)
            await table.merge(replace(row, values={"at": at}))
        await store.close()

    async def open_intents(self) -> list[str]:
        store = AzureStore(connection_string=self.environment["SCIM_TABLES_CONNECTION_STRING"])
        rows = [r async for r in store.table("journal").query(None)]
        found = [f"{r.key}: {dict(r.values)}" for r in rows if r.partition.startswith("open|")]
        await store.close()
        return found


def wait_for(url: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if httpx.get(url, trust_env=False, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    pytest.fail(f"{url} does not answer")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def pieces(tmp_path: Path) -> Iterator[Pieces]:
    made = Pieces(tmp_path)
    tables, simulator, made.host_port = free_port(), free_port(), free_port()
    made.vault = f"http://127.0.0.1:{simulator}"
    key = base64.urlsafe_b64encode(b"0" * 32).decode()
    made.environment = {
        "SCIM_TABLES_CONNECTION_STRING": connection_string(tables),
        "SCIM_PEPPER": key,
        "SCIM_DATA_KEY": key,
        "SCIM_PUBLIC_URL": f"http://127.0.0.1:{made.host_port}",
        "SCIM_INSECURE_VAULT_URLS": "true",
    }
    try:
        made.start("tables", "local", "tables", "--port", str(tables))
        made.start("simulator", "simulator", "--port", str(simulator), "--users", "10", "--groups", "2")
        wait_for(f"{made.vault}/_sim/health")
        made.token = set_up(made)
        made.start_host()
        yield made
    finally:
        made.stop()


def set_up(pieces: Pieces) -> str:
    """What an administrator types first."""
    lines = [
        (["setup"], ""),
        (["vault", "add", "v", "--url", pieces.vault, "--username", "svc-scim", "--password-stdin"], "simulator-only"),
        (["connection", "add", "c", "--vault", "v"], ""),
        (["token", "add", "c"], ""),
    ]
    sent = "\n".join(json.dumps({"argv": argv, "stdin": given}) for argv, given in lines)
    for _ in range(40):  # the table emulator may still be starting
        done = subprocess.run(
            [sys.executable, "-m", "scim.cli", "batch"],
            input=sent.encode(),
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, **pieces.environment},
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if answers and answers[0]["exit"] == 0:
            return str(answers[-1]["answer"]["token"])
        time.sleep(0.5)
    pytest.fail(f"the tables do not answer: {done.stdout!r} {done.stderr!r}")


async def work(client: httpx.AsyncClient, number: int, left: dict[str, Any]) -> None:
    """One joiner and the group: created, put into a group, disabled. What got no answer stays in `left`."""
    name = f"crash-{number}"
    left[name] = "create"
    made = (await sure(await client.post("/Users", json=user(name, externalId=name, displayName=name)))).json()
    left[name] = f"join {made['id']}"
    add = {"op": "add", "path": "members", "value": [{"value": made["id"]}]}
    await sure(await client.patch(f"/Groups/{left['group']}", json=patch(add)))
    left[name] = f"done {made['id']}"


async def sure(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 300, answer.text
    return answer


async def crash_and_recover(pieces: Pieces, rounds: int, generator: random.Random) -> None:
    """Kill the host at random moments while people are created; afterwards everything is there once."""
    base = f"http://127.0.0.1:{pieces.host_port}/scim/v2"
    headers = {"Authorization": f"Bearer {pieces.token}", "Content-Type": "application/scim+json"}
    left: dict[str, Any] = {}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False) as client:
        left["group"] = (await sure(await client.post("/Groups", json=group("Crash")))).json()["id"]
        for turn in range(rounds):
            numbers = range(turn * 4, turn * 4 + 4)
            tasks = [asyncio.ensure_future(work(client, n, left)) for n in numbers]
            await asyncio.sleep(generator.uniform(0.0, 0.12))
            pieces.kill_host()
            await asyncio.gather(*tasks, return_exceptions=True)
            await pieces.age(5)
            pieces.start_host()
            await finish(client, left)
        await pieces.age(5)
        await upkeep(pieces)
        shown = (await client.get("/Users", params={"filter": 'userName sw "crash-"', "count": 500})).json()
    state = pieces.state()
    names = [u["userName"] for u in state["users"] if u["userName"].startswith("crash-")]
    expected = sorted(name for name in left if name.startswith("crash-"))
    assert expected == sorted(names)
    assert expected == sorted(r["userName"] for r in shown["Resources"])
    assert expected == sorted(r["externalId"] for r in shown["Resources"])
    members = {m["userId"] for m in state["group_members"] if m["groupId"] == int(left["group"])}
    assert {int(r["id"]) for r in shown["Resources"]} == members


async def finish(client: httpx.AsyncClient, left: dict[str, Any]) -> None:
    """As an identity platform does after an outage: the same again; a taken name is looked up."""
    for name, state in list(left.items()):
        if name == "group" or state.startswith("done"):
            continue
        answer = await client.post("/Users", json=user(name, externalId=name, displayName=name))
        if answer.status_code == 409:
            found = await client.get("/Users", params={"filter": f'externalId eq "{name}"'})
            member = (await sure(found)).json()["Resources"][0]["id"]
        else:
            member = (await sure(answer)).json()["id"]
        add = {"op": "add", "path": "members", "value": [{"value": member}]}
        await sure(await client.patch(f"/Groups/{left['group']}", json=patch(add)))
        left[name] = f"done {member}"


async def upkeep(pieces: Pieces) -> None:
    """The timer, until nothing is open any more."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(3):
            await client.post(f"http://127.0.0.1:{pieces.host_port}/admin/functions/timer_upkeep", json={})
            until = time.monotonic() + 20
            while await pieces.open_intents():
                await asyncio.sleep(0.2)
                if time.monotonic() > until:
                    break
            else:
                return
    pytest.fail(f"intents stay open: {await pieces.open_intents()}")


async def test_a_host_killed_at_random_moments_makes_nothing_twice_and_leaves_nothing_open(pieces: Pieces) -> None:
    await crash_and_recover(pieces, 4, random.Random(7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 2))])
async def test_a_host_killed_many_times_makes_nothing_twice_and_leaves_nothing_open(pieces: Pieces, seed: int) -> None:
    await crash_and_recover(pieces, 12, random.Random(seed))
