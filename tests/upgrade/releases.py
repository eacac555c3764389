"""The release before this one, taken out of the history and run beside this one: two processes, one set of tables."""

from __future__ import annotations

import itertools
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Stack

VERSION, COMMIT = (Path(__file__).parent / "previous-release.txt").read_text("utf-8").split()


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
