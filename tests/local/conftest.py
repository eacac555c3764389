"""Hosts and stacks as child processes: the worker library keeps one app a process."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


class HostProcess:
    """A running local host and a client that hides nothing: raw targets, raw headers, raw bytes."""

    def __init__(self, engine: str, **environment: str) -> None:
        command = [sys.executable, "-m", "local", "host", "--port", "0", "--engine", engine]
        self.process = subprocess.Popen(
            [*command, "--app", str(HERE / "fixture_app")],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, line + self.process.stderr.read()
        self.port = int(line.rpartition(":")[2])

    def ask(self, method: str, target: str, body: bytes | Iterator[bytes] | None = None, headers=()) -> SimpleNamespace:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
            elif body is not None:
                connection.putheader("Transfer-Encoding", "chunked")
                connection.endheaders(body, encode_chunked=True)
            else:
                connection.endheaders()
            reply = connection.getresponse()
            return SimpleNamespace(status=reply.status, headers=reply.getheaders(), body=reply.read())

    def told(self, method: str, target: str, body: bytes | Iterator[bytes] | None = None, headers=()) -> dict:
        """What the function says it was given."""
        reply = self.ask(method, target, body, headers)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def worker() -> Iterator[HostProcess]:
    pytest.importorskip("azure_functions_runtime", reason="the worker library needs Python 3.13")
    host = HostProcess("worker", FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="1000")
    yield host
    host.close()


@pytest.fixture(scope="session")
def thin() -> Iterator[HostProcess]:
    host = HostProcess("thin", FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="1000")
    yield host
    host.close()


@pytest.fixture(params=["worker", "thin"])
def host(request: pytest.FixtureRequest) -> HostProcess:
    """Either engine: what is promised about the host holds for both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def start_host() -> Iterator[Callable[..., HostProcess]]:
    """A host with an environment of its own."""
    hosts: list[HostProcess] = []

    def start(engine: str, **environment: str) -> HostProcess:
        if engine == "worker":
            pytest.importorskip("azure_functions_runtime", reason="the worker library needs Python 3.13")
        hosts.append(HostProcess(engine, **environment))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


@pytest.fixture(scope="session")
def project() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def until() -> Callable[..., object]:
    return _until


def _until(check, seconds: float = 10.0):
    """The first true answer of `check`, asked again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not true within {seconds} s")
