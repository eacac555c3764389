"""`python -m local up` keeps its contract with whoever waits for its ready file."""

import itertools
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.processes import Trouble
from local.tables import azurite, node

KEYS = {"scim", "scim11", "token", "console", "secret_server", "tables", "pids"}


def has_tables() -> bool:
    try:
        return bool(node()) and azurite().exists()
    except Trouble:
        return False


needs_tables = pytest.mark.skipif(not has_tables(), reason="the table emulator is not installed: make setup")
Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start_up(project: Path, tmp_path: Path) -> Iterator[Start]:
    """`python -m local up` on free ports, with the stand-in project unless told otherwise."""
    started: list[subprocess.Popen] = []

    def start(*flags: str, app: Path | None = None, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "local", "up", "--port", "0", "--simulator-port", "0", "--tables-port", "0"]
        command += [
            "--app",
            str(app or project / "tests/local/fixture_project"),
            "--local-dir",
            str(tmp_path / "local"),
        ]
        process = subprocess.Popen(
            [*command, "--ready-file", str(tmp_path / "ready.json"), *flags],
            cwd=project,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=15)


def ready(process: subprocess.Popen, folder: Path, seconds: float = 30) -> dict:
    path = folder / "ready.json"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            return json.loads(path.read_text())
        time.sleep(0.02)
    raise AssertionError(process.communicate(timeout=1) if process.poll() is not None else "not ready in time")


def get(url: str, token: str = "") -> dict:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=5) as reply:
        return json.load(reply)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


@needs_tables
def test_the_ready_file_names_everything_and_its_token_works(start_up, tmp_path):
    process = start_up("--users", "3", "--secret-permissions", "7", "--latency-ms", "1", "--console-port", "0")
    told = ready(process, tmp_path)
    assert set(told) == KEYS
    assert set(told["pids"]) == {"up", "tables", "simulator", "host"}
    assert told["pids"]["up"] == process.pid
    assert stat.S_IMODE((tmp_path / "ready.json").stat().st_mode) == 0o600
    settings = get(f"{told['scim']}/ServiceProviderConfig", told["token"])["settings"]
    assert {"SCIM_TABLES_CONNECTION_STRING", "SCIM_PEPPER", "SCIM_DATA_KEY", "SCIM_PUBLIC_URL"} <= set(settings)
    assert told["scim11"] == told["scim"].replace("/v2", "/v1")
    assert told["console"].endswith("/console")
    assert told["console"].split("/")[2] != told["scim"].split("/")[2]
    assert "devstoreaccount1" in told["tables"]
    argv = get(f"{told['secret_server']}/_sim/calls")["argv"]
    assert argv[2:] == ["--users", "3", "--secret-permissions", "7", "--latency-ms", "1"]


@needs_tables
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it_in_time_and_takes_the_ready_file_away(number, start_up, tmp_path):
    process = start_up()
    pids = list(ready(process, tmp_path)["pids"].values())
    process.send_signal(number)
    assert process.wait(10) == 0
    assert all_gone(pids)
    assert not (tmp_path / "ready.json").exists()


@needs_tables
def test_a_signal_during_the_start_ends_all_of_it(start_up, tmp_path):
    process = start_up()
    time.sleep(0.8)
    process.terminate()
    assert process.wait(10) == 0
    assert not (tmp_path / "ready.json").exists()


@needs_tables
def test_a_child_that_dies_is_named_with_its_log_and_the_rest_is_ended(start_up, tmp_path):
    process = start_up()
    pids = ready(process, tmp_path)["pids"]
    os.kill(pids["simulator"], signal.SIGKILL)
    assert process.wait(10) == 1
    assert "simulator ended with status -9" in process.stderr.read()
    assert all_gone(list(pids.values()))


@needs_tables
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_the_children_do_not_outlive_a_killed_parent(start_up, tmp_path, until):
    process = start_up()
    pids = list(ready(process, tmp_path)["pids"].values())
    process.kill()
    assert until(lambda: all_gone(pids), 5)


def test_a_port_in_use_is_named_in_one_line(start_up):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_up("--port", str(port))
        assert process.wait(10) == 1
    assert (
        process.stderr.read()
        == f"local: port {port} is in use, the function app cannot have it (port 0 picks a free one)\n"
    )


@needs_tables
def test_a_vault_of_ones_own_takes_the_simulators_place(start_up, tmp_path):
    told = ready(start_up("--vault-url", "http://127.0.0.1:9"), tmp_path)
    assert told["secret_server"] == "http://127.0.0.1:9"
    assert "simulator" not in told["pids"]


@needs_tables
def test_a_command_of_the_app_that_fails_is_shown(start_up):
    process = start_up("--vault-username", "somebody-else")
    assert process.wait(30) == 1
    said = process.stderr.read()
    assert "local: `python -m scim.cli vault add demo" in said
    assert "that is not the account" in said


@needs_tables
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_demos_curl_lines_provision_a_user_and_show_it(start_up, tmp_path):
    process = start_up("--demo", FIXTURE_VAULT_FILE=str(tmp_path / "vault"))
    told = ready(process, tmp_path)
    shown = list(itertools.takewhile(lambda line: not line.startswith("Ctrl-C"), iter(process.stdout.readline, "")))
    for promised in (told["scim"], told["token"], told["console"]):
        assert any(promised in line for line in shown)
    create, look = [line for line in shown if line.startswith("curl")]
    assert "application/scim+json" in create
    created = subprocess.run(["sh", "-c", create], capture_output=True, text=True, check=True, timeout=10)
    assert "id" in json.loads(created.stdout)
    seen = subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=True, timeout=10)
    assert json.loads(seen.stdout)["userName"] in create
    assert len(get(f"{told['secret_server']}/_sim/state")["users"]) == 4  # three of the demo and ours


def test_the_real_stack_answers_as_promised(start_up, project, tmp_path):
    """The contract of `up` with the project's own app and simulator."""
    for needed in ("function_app.py", "scim/cli.py", "simulator/__main__.py"):
        if not (project / needed).exists() and not (project / needed.replace(".py", "/__main__.py")).exists():
            pytest.skip(f"{needed} is not there yet")
    if not has_tables():
        pytest.skip("the table emulator is not installed: make setup")
    told = ready(start_up("--users", "5", "--demo", app=project), tmp_path, 60)
    assert set(told) == KEYS
    assert get(f"{told['scim']}/ServiceProviderConfig", told["token"])["patch"]["supported"] is True
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{told['scim']}/Users", "wrong")
    assert get(f"{told['scim']}/Users?count=1", told["token"])["totalResults"] >= 5
    names = [user["userName"] for user in get(f"{told['secret_server']}/_sim/state")["users"]]
    assert any("ada" in name for name in names)
