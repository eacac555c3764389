"""The release before this one, taken out of the history and run beside this one: two processes, one set of tables."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Stack

VERSION, COMMIT = (Path(__file__).parent / "previous-release.txt").read_text("utf-8").split()
START_SECONDS = 90


def take_out(directory: Path) -> Path:
    """The source of the previous release, as it was; skips where the clone does not reach back that far."""
    try:
        packed = subprocess.run(
            ["git", "archive", COMMIT], cwd=ROOT, capture_output=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this copy of the project has no commit {COMMIT[:8]}, which is release {VERSION}")
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(directory, filter="data")
    return directory


@dataclass(slots=True)
class Release:
    """One release's folder, and the environment that makes it work on the stack's tables."""

    source: Path
    environment: dict[str, str]
    port: int = 0

    def cli(self, *words: str, given: str = "") -> str:
        """What its command line prints. Its exit code is 0."""
        done = subprocess.run(
            [sys.executable, "-m", "scim.cli", *words],
            cwd=self.source,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def fire_timer(self) -> None:
        answer = httpx.post(f"http://127.0.0.1:{self.port}/admin/functions/timer_upkeep", json={}, trust_env=False)
        assert answer.status_code == 202

    @contextmanager
    def served(self, log: Path) -> Iterator[None]:
        """Its function app on a port of its own, through its own local host."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with log.open("wb") as output:
            command = [sys.executable, "-m", "local", "host", "--port", str(self.port), "--app", str(self.source)]
            process = subprocess.Popen(command, cwd=self.source, env=self.environment, stdout=output, stderr=output)
        try:
            until = time.monotonic() + START_SECONDS
            while not _answers(self.port):
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < until, "the previous release did not start"
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class Turns(httpx.BaseTransport):
    """Sends each request to the next of the ports, whatever its address says: a load balancer over releases."""

    def __init__(self, *ports: int) -> None:
        self._ports = itertools.cycle(ports)
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=next(self._ports))
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def environment_of(stack: Stack) -> dict[str, str]:
    base = stack.scim.removesuffix("/scim/v2")
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        **stack.keys,
        "SCIM_TABLES_CONNECTION_STRING": stack.tables,
        "SCIM_PUBLIC_URL": base,
        "SCIM_INSECURE_VAULT_URLS": "true",
        "SCIM_CONSOLE_DEVELOPMENT": "true",
        "SCIM_MEMBERSHIPS_SECONDS": "0",
    }
