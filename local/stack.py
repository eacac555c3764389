"""`python -m local up`: table emulator, simulator and function app under one roof, with a token that works.

The three start side by side, then the app's own command line creates the vault, a connection and a token. Only when
the app has answered with that token is the ready file written, so that whoever waits for it can begin at once.
With `--empty` nothing is created but the tables and a code that opens the console once, and the console's development
identity does not exist: what a customer has after a deployment. The ready file then says `code`, and an empty token.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.demo import fill, show
from local.probe import Refused, Reply, get
from local.processes import Child, Trouble, claim, end, start
from local.tables import ROOT, connection_string, start_tables
from local.vault import CommandLine, Vault, open_console, register

_START_SECONDS = 90.0
_DEEP_SECONDS = 30.0
_END_SECONDS = 9.0
_SIZES = ("users", "groups", "folders", "secrets", "folder_permissions", "secret_permissions")
_DEMO_SIZES = {"users": 12, "groups": 4, "folders": 6, "secrets": 15}


@dataclass(slots=True)
class Stack:
    """What runs, and where."""

    options: argparse.Namespace
    children: list[Child] = field(default_factory=list)

    async def build(self) -> dict[str, Any]:
        """Starts and connects everything; returns what the ready file says."""
        options = self.options
        tables_port = claim(options.tables_port, "table emulator")
        port = claim(options.port, "function app")
        console_port = port if options.console_port is None else claim(options.console_port, "console")
        simulator_port = None if options.vault_url else claim(options.simulator_port, "simulator")
        vault = Vault(
            options.vault_url or f"http://127.0.0.1:{simulator_port}",
            options.vault_username,
            os.environ.get("LOCAL_VAULT_PASSWORD", "simulator-only"),
        )
        base = f"http://127.0.0.1:{port}"
        tables = connection_string(tables_port)
        environment = {**_importing(), **_settings(base, tables, development=not options.empty)}
        starts = [self._tables(tables_port), self._host(port, console_port, environment)]
        if simulator_port is not None:
            starts.append(self._simulator(simulator_port))
        async with CommandLine(environment, options.app) as commands:
            await self._all(starts)
            token = "" if options.empty else await register(commands, vault, options.policy)
            code = {"code": await open_console(commands)} if options.empty else {}
        scim = f"{base}/scim/v2"
        if token:
            await self._connector_answers(scim, token)
            await _warm(base, token)
        return {
            **code,
            "scim": scim,
            "scim11": f"{base}/scim/v1",
            "token": token,
            "console": f"http://127.0.0.1:{console_port}/console",
            "secret_server": vault.url,
            "tables": tables,
            "pids": {"up": os.getpid(), **{child.name: child.pid for child in self.children}},
        }

    async def _all(self, starts: list[Coroutine[Any, Any, None]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for one in starts:
                    group.create_task(one)
        except* Trouble as troubles:
            raise troubles.exceptions[0] from None

    async def _tables(self, port: int) -> None:
        self.children.append(await start_tables(port, self.options.local_dir))

    async def _simulator(self, port: int) -> None:
        sizes = {**(_DEMO_SIZES if self.options.demo else {}), **_given(self.options, _SIZES)}
        sizes |= _given(self.options, ("latency_ms", "seed"))
        command = [sys.executable, "-m", "simulator", "--port", str(port)]
        for name, value in sizes.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        child = await self._start("simulator", command, _importing())
        await self._listening(child, f"http://127.0.0.1:{port}/_sim/calls")

    async def _host(self, port: int, console_port: int, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "local", "host", "--port", str(port), "--app", str(self.options.app)]
        command += ["--also-port", str(console_port)] if console_port != port else []
        command += ["--engine", self.options.engine] if self.options.engine else []
        command += ["--log"] if self.options.log else []
        child = await self._start("host", command, environment)
        await self._listening(child, f"http://127.0.0.1:{port}/admin/host/status")

    async def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Child:
        child = await start(name, command, self.options.local_dir / "logs", environment, self.options.app)
        self.children.append(child)
        return child

    async def _listening(self, child: Child, url: str) -> None:
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if child.process.returncode is not None:
                raise Trouble(died(child))
            try:
                await get(url)
            except Refused:
                await asyncio.sleep(0.05)
            else:
                return
        raise Trouble(f"{child.name} did not answer within {_START_SECONDS:.0f} s:\n{child.tail()}")

    async def _connector_answers(self, scim: str, token: str) -> None:
        reply = await get(f"{scim}/ServiceProviderConfig", _bearer(token), timeout=_DEEP_SECONDS)
        if reply.status != 200:
            raise Trouble(f"the connector refuses its own token: {_shown(reply)}\n{self._tail('host')}")

    def _tail(self, name: str) -> str:
        return next(child.tail() for child in self.children if child.name == name)


def _settings(base: str, tables: str, *, development: bool) -> dict[str, str]:
    """Keys live as long as the stack, as the tables do, unless the environment has some. Plain http is let in."""
    return {
        "SCIM_TABLES_CONNECTION_STRING": tables,
        "SCIM_PEPPER": os.environ.get("SCIM_PEPPER") or _key(),
        "SCIM_DATA_KEY": os.environ.get("SCIM_DATA_KEY") or _key(),
        "SCIM_PUBLIC_URL": base,
        "SCIM_INSECURE_VAULT_URLS": "true",
        "SCIM_CONSOLE_DEVELOPMENT": str(development).lower(),
    }


def _importing() -> dict[str, str]:
    """Children run in the app's folder; `local` must be found from there too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, int]:
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _shown(reply: Reply) -> str:
    return f"{reply.status} {reply.body[:500].decode('utf-8', 'replace')}"


async def _warm(base: str, token: str) -> None:
    """The deep check logs in to the vault, so that the first SCIM request does not have to."""
    try:
        reply = await get(f"{base}/health/deep", _bearer(token), timeout=_DEEP_SECONDS)
        if reply.status == 200:
            return
        said = _shown(reply)
    except Refused as refused:
        said = str(refused)
    print(f"local: warning: the deep health check says {said}", file=sys.stderr)


def died(child: Child) -> str:
    return f"{child.name} ended with status {child.process.returncode}; the end of {child.log}:\n{child.tail()}"


def _write_ready(path: Path, ready: dict[str, Any]) -> None:
    """All or nothing: a reader sees the whole file or none. It holds a token, so it is for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(ready, indent=2) + "\n", "utf-8")
    draft.replace(path)


def told_to_end() -> asyncio.Event:
    """Set by SIGTERM, SIGINT and a terminal that closes."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def until_told(children: list[Child], told: asyncio.Event) -> int:
    """0 when we were told to end; raises Trouble when a child ended by itself."""
    waits = {asyncio.create_task(child.process.wait()): child for child in children}
    stop = asyncio.create_task(told.wait())
    done, _ = await asyncio.wait({*waits, stop}, return_when=asyncio.FIRST_COMPLETED)
    if stop not in done:
        raise Trouble("\n".join(died(waits[task]) for task in done))
    return 0


async def up(options: argparse.Namespace) -> int:
    stack = Stack(options)
    told = told_to_end()
    if options.ready_file:
        _forget(options.ready_file)
    building = asyncio.create_task(stack.build())
    stop = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({building, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            return 0
        ready = await building
        if options.demo and not options.empty:
            await fill(ready)
        if options.ready_file:
            _write_ready(options.ready_file, ready)
        show(ready, demo=options.demo)
        return await until_told(stack.children, told)
    finally:
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)
        await end(stack.children, within=_END_SECONDS)
        if options.ready_file:
            _forget(options.ready_file)


def _forget(path: Path) -> None:
    """A ready file that outlives its stack would promise something that does not run."""
    path.unlink(missing_ok=True)
