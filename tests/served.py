"""A function app served by the local host on a port of its own, with the environment that a test gives it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 90


@dataclass(slots=True)
class App:
    """An app's folder, and the environment that makes it work."""

    source: Path
    environment: dict[str, str]
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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
        answer = httpx.post(f"{self.url}/admin/functions/timer_upkeep", json={}, trust_env=False)
        assert answer.status_code == 202

    @contextmanager
    def served(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Its function app on a port of its own, through its own local host. Whoever wants may kill it."""
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
                assert time.monotonic() < until, "the app did not start"
                time.sleep(0.1)
            yield process
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
