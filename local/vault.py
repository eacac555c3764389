"""Introduces the simulated (or a given) Secret Server to the app, through the app's own command line."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.processes import Trouble, die_with_parent

_NAME = "demo"


@dataclass(frozen=True, slots=True)
class Vault:
    url: str
    username: str
    password: str


@dataclass(slots=True)
class CommandLine:
    """`python -m scim.cli batch`: one process for all commands, started before the first of them can be carried out."""

    environment: Mapping[str, str]
    directory: Path
    _process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scim.cli", "batch"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
            cwd=self.directory,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def run(self, *words: str, given: str = "") -> dict[str, Any]:
        """One command and its answer. Raises Trouble that quotes the complaint."""
        process = self._process
        assert process is not None
        assert process.stdin
        assert process.stdout
        assert process.stderr
        command = f"python -m scim.cli {' '.join(words)}"
        with suppress(ConnectionError):  # it ended before it read: its stderr says why
            process.stdin.write(json.dumps({"argv": words, "stdin": given}).encode() + b"\n")
            await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            complaint = (await process.stderr.read()).decode("utf-8", "replace").strip()
            raise Trouble(f"`{command}` failed, the command line ended:\n{complaint}")
        answer = json.loads(line)
        if answer["exit"]:
            raise Trouble(f"`{command}` failed: {answer['error']}")
        return dict(answer["answer"])


async def register(commands: CommandLine, vault: Vault, policies: list[str]) -> str:
    """What an administrator types first: tables, vault, connection, token. Returns the token."""
    await commands.run("setup")
    account = ("--auth", "password", "--username", vault.username, "--password-stdin")
    await commands.run("vault", "add", _NAME, "--url", vault.url, *account, given=vault.password)
    chosen = [word for policy in policies for word in ("--policy", policy)]
    await commands.run("connection", "add", _NAME, "--vault", _NAME, *chosen)
    return str((await commands.run("token", "add", _NAME))["token"])


async def open_console(commands: CommandLine) -> str:
    """What is there after a deployment: the tables, and whoever may touch them makes a code for the console."""
    await commands.run("setup")
    return str((await commands.run("console", "code"))["code"])
