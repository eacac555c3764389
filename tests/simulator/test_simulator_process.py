"""The command: how fast it starts, how it cuts real connections, and how it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from simulator.app import create_app
from simulator.options import Options

ROOT = Path(__file__).resolve().parents[2]


def _start(tmp_path, *arguments):
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "simulator", "--port", "0", "--ready-file", str(ready), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 10
    while not ready.exists():
        assert time.monotonic() < limit, "not ready within 10 s"
        assert process.poll() is None, "ended at once"
        time.sleep(0.02)
    return process, json.loads(ready.read_text())


def test_a_large_vault_starts_within_ten_seconds_and_ends_at_once(tmp_path):
    process, ready = _start(tmp_path, "--users", "100000", "--base", "/SecretServer", "--switch", "version_shape=plain")
    try:
        with httpx.Client(base_url=ready["url"]) as client:
            form = {"grant_type": "password", "username": ready["account"], "password": ready["password"]}
            token = client.post("/oauth2/token", data=form).json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            assert "version" in client.get("/api/v1/version").json()
            assert client.get("/api/v1/users", params={"take": 1}).json()["total"] > 100_000
            for do, problem in (
                ("drop-before", httpx.RemoteProtocolError),
                ("truncated", httpx.RemoteProtocolError),
                ("hang", httpx.ReadTimeout),
            ):
                rule = {"match": "^GET /api/v1/users", "do": do, "times": 1}
                client.put("/_sim/faults", json={"rules": [rule]})
                with pytest.raises(problem):
                    client.get("/api/v1/users", timeout=0.3)
            assert client.get("/api/v1/users/current").status_code == 200
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert time.monotonic() - began < 1


def test_a_large_tree_is_planted_in_seconds():
    began = time.monotonic()
    sizes = {"folders": 20_000, "secrets": 50_000, "folder_permissions": 100_000, "groups": 500, "users": 1_000}
    vault = create_app(Options(**sizes)).vault
    assert time.monotonic() - began < 10
    assert len(vault.tree.folders) >= 20_000
    assert len(vault.tree.secrets) == 50_000
    assert len(vault.tree.folder_grants.rows) >= 100_000


def test_help_names_every_switch():
    command = [sys.executable, "-m", "simulator", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in Options().switches.as_dict():
        assert f"  {name}=" in text


def test_a_wrong_switch_ends_with_the_list_of_right_ones():
    command = [sys.executable, "-m", "simulator", "--port", "0", "--switch", "no_such=1"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "missing_status" in result.stderr


def test_the_simulator_imports_nothing_of_the_connector():
    code = "import sys, simulator.app; print([m for m in sys.modules if m.split('.')[0] == 'scim'])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
