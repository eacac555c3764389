"""Fixtures that every kind of test shares: the running stack, and what a test may ask of it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
KEYS = {name: secrets.token_urlsafe(32) for name in ("SCIM_PEPPER", "SCIM_DATA_KEY")}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the large matrices every tenth cell, chosen by its name, so that each process chooses the same."""
    if os.environ.get("SCIM_EXHAUSTIVE") == "1":
        return
    left = [item for item in items if item.get_closest_marker("exhaustive") and zlib.crc32(item.nodeid.encode()) % 10]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


@dataclass(slots=True)
class Stack:
    """`python -m local up`, as any client sees it."""

    scim: str
    scim11: str
    token: str
    secret_server: str
    console: str
    tables: str
    pids: dict[str, int]
    code: str = ""  # of a stack without anything: what opens its console once
    keys: dict[str, str] = field(default_factory=dict)  # SCIM_PEPPER and SCIM_DATA_KEY, for what the command line does
    client: httpx.Client = field(init=False)
    vault: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        self.client = httpx.Client(base_url=self.scim, headers=headers, timeout=60, trust_env=False)
        self.vault = httpx.Client(base_url=self.secret_server, timeout=60, trust_env=False)

    # what really happened in the simulated vault, not what we answered

    def state(self) -> dict[str, Any]:
        return dict(self.vault.get("/_sim/state").json())

    def vault_user(self, user_id: str | int) -> dict[str, Any]:
        return next(u for u in self.state()["users"] if u["id"] == int(user_id))

    def members(self, group_id: str | int) -> set[int]:
        return {m["userId"] for m in self.state()["group_members"] if m["groupId"] == int(group_id)}

    def calls(self) -> list[dict[str, Any]]:
        """Upstream calls since the last `forget_calls`."""
        return list(self.vault.get("/_sim/calls").json()["calls"])

    def forget_calls(self) -> None:
        self.vault.delete("/_sim/calls")

    def faults(self, *rules: dict[str, Any]) -> None:
        self.vault.put("/_sim/faults", json={"rules": list(rules)})

    def switch(self, **switches: Any) -> None:
        self.vault.put("/_sim/switches", json=switches)

    def act(self, do: str, **what: Any) -> Any:
        """What a person does in the vault itself."""
        answer = self.vault.post("/_sim/act", json={"do": do, **what})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    # shorthands

    def new_user(self, name: str, **more: Any) -> dict[str, Any]:
        body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, **more}
        answer = self.client.post("/Users", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def new_group(self, name: str, *members: str, **more: Any) -> dict[str, Any]:
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{"value": m} for m in members],
            **more,
        }
        answer = self.client.post("/Groups", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
        return self.client.patch(path, json=body, headers=headers)


def start_stack(directory: Path, *arguments: str, **environment: str) -> tuple[Stack, subprocess.Popen[bytes]]:
    """Start a stack on free ports; the caller ends it with `stop_stack`."""
    ready = directory / "ready.json"
    log = (directory / "up.log").open("wb")
    ports = ("--port", "0", "--simulator-port", "0", "--tables-port", "0")
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up", *ports, "--ready-file", str(ready), *arguments],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    until = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > until:
            stop_stack(process)
            pytest.fail(f"the stack did not start:\n{(directory / 'up.log').read_text()[-3000:]}")
        time.sleep(0.05)
    found = json.loads(ready.read_text())
    found["keys"] = {name: value for name, value in environment.items() if name in KEYS}
    return Stack(**{name: found[name] for name in Stack.__dataclass_fields__ if name in found}), process


def stop_stack(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(12)
    except subprocess.TimeoutExpired:
        process.kill()


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that most tests share. Whatever they did to it: none of its own secrets is in what it logged."""
    sizes = ("--users", "60", "--groups", "8", "--folders", "30", "--secrets", "60")
    directory = tmp_path_factory.mktemp("stack")
    logged = ("--log", "--local-dir", str(directory / "local"))
    stack, process = start_stack(directory, *sizes, *logged, SCIM_LOG_LEVEL="DEBUG", **KEYS)
    yield stack
    stop_stack(process)
    assert [] == leaked(stack, directory)


def leaked(stack: Stack, directory: Path) -> list[str]:
    """In which log which of the stack's secrets stands: its token, its keys, the vault's password."""
    secret = {"token": stack.token.split("_", 2)[2], "password": "simulator-only", **stack.keys}
    found = []
    for log in (directory / "local" / "logs" / "host.log", directory / "up.log"):
        text = log.read_text("utf-8", "replace")
        if log.name == "host.log":
            assert '"status":' in text, "the log says nothing, so nothing can be said of it"
            found += [f"{log.name}: {name}" for name, value in secret.items() if value in text]
        else:
            found += [f"{log.name}: {name}" for name, value in stack.keys.items() if value in text]
    return found


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The shared stack, without faults and switches left by another test."""
    yield running_stack
    running_stack.faults()
