"""Child processes that do not outlive us: each in its own group, with its own log, killed by the kernel if we die."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 25


class Trouble(Exception):
    """Something a person has to look at; the text is for them."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def tail(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (its log is empty)"

    def signal(self, number: int) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


async def start(name: str, command: list[str], logs: Path, environment: Mapping[str, str], directory: Path) -> Child:
    log = _fresh_log(name, logs)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            cwd=directory,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
    return Child(name, process, log)


def _fresh_log(name: str, logs: Path) -> Path:
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{name}.log"


def die_with_parent() -> Callable[[], None] | None:
    """Linux kills the child when we are killed in a way that leaves us no time to do it."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we were gone before the wish was heard
            os._exit(1)

    return arrange


async def end(children: list[Child], within: float) -> None:
    """SIGTERM to all at once, SIGKILL to whoever is left after the time."""
    for child in children:
        child.signal(signal.SIGTERM)
    waits = [asyncio.create_task(child.process.wait()) for child in children]
    if not waits:
        return
    _, late = await asyncio.wait(waits, timeout=within)
    for child in children:
        child.signal(signal.SIGKILL)
    if late:
        await asyncio.wait(late, timeout=1)


def claim(port: int, what: str) -> int:
    """The port itself when it is free, a free one for 0; else a message that names it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Trouble(f"port {port} is in use, the {what} cannot have it (port 0 picks a free one)") from error
        return int(probe.getsockname()[1])
