"""A stack for one measurement: `python -m local up` on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"SCIM_REQUESTS_PER_SECOND": "100000", "SCIM_BURST": "100000"}  # the rate limit is not what is measured


@dataclass(slots=True)
class Stack:
    scim: str
    vault: str
    host: int
    simulator: int
    session: aiohttp.ClientSession  # speaks SCIM with the connection's token
    upstream: aiohttp.ClientSession  # speaks Secret Server's REST as the connector's own account

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, self.scim + path, json=body) as answer:
            text = await answer.read()
            return answer.status, json.loads(text) if text else None

    async def direct(self, method: str, path: str, body: Any = None) -> int:
        async with self.upstream.request(method, self.vault + path, json=body) as answer:
            await answer.read()
            return answer.status


@asynccontextmanager
async def stack(*arguments: str) -> AsyncIterator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        ports = ("--port", "0", "--simulator-port", "0", "--tables-port", "0")
        where = ("--ready-file", str(ready), "--local-dir", folder)
        process = subprocess.Popen(  # noqa: ASYNC220  -- it outlives this function, and its output is not read
            [sys.executable, "-m", "local", "up", *ports, *where, *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **LIMITS},
        )
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit("the stack did not start; see `python -m local up`")
                await asyncio.sleep(0.1)
            found = json.loads(ready.read_text())
            async with _sessions(found) as (session, upstream):
                pids = found["pids"]
                yield Stack(found["scim"], found["secret_server"], pids["host"], pids["simulator"], session, upstream)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)


@asynccontextmanager
async def _sessions(found: dict[str, Any]) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    form = {"grant_type": "password", "username": "svc-scim", "password": "simulator-only"}
    unlimited = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession() as once,
        once.post(found["secret_server"] + "/oauth2/token", data=form) as answer,
    ):
        token = (await answer.json())["access_token"]
    mine = {"Authorization": f"Bearer {found['token']}"}
    theirs = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=mine, connector=unlimited) as session,
        aiohttp.ClientSession(headers=theirs, connector=aiohttp.TCPConnector(limit=0)) as upstream,
    ):
        yield session, upstream
