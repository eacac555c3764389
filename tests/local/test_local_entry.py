"""The entry points: make, the choice of a Python, and what a deployment ships."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from pathspec import PathSpec

SHIPPED = {"function_app.py", "scim", "host.json", "requirements.txt"}
TARGETS = {"help", "setup", "run", "test", "test-fast", "check", "bench", "clean"}


def fake_python(path: Path, version: str, *, works: bool = True) -> None:
    """An interpreter that knows nothing but its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version}'\n" if works else "#!/bin/sh\nexit 127\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def choose(project, tmp_path):
    """Runs the chooser where only its own shell tools and the fakes under `bin` and `pyenv` can be found."""
    for tool in ("sh", "cat", "dirname"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))

    def run(**environment: str) -> subprocess.CompletedProcess:
        known = {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)}
        script = str(project / "scripts/choose_python.sh")
        return subprocess.run(
            ["sh", script], env={**known, **environment}, capture_output=True, text=True, check=False, timeout=10
        )

    return run


def test_the_wanted_python_on_path_is_taken(choose, tmp_path):
    fake_python(tmp_path / "bin/python3", "3 12")
    fake_python(tmp_path / "bin/python3.13", "3 13")
    fake_python(tmp_path / "bin/python3.14", "3 14")
    chosen = choose()
    assert (chosen.stdout.strip(), chosen.stderr) == (str(tmp_path / "bin/python3.13"), "")


def test_a_shim_that_does_not_start_is_passed_over_for_pyenvs_own(choose, tmp_path):
    fake_python(tmp_path / "bin/python3.13", "", works=False)
    fake_python(tmp_path / "pyenv/versions/3.13.2/bin/python", "3 13")
    assert choose().stdout.strip() == str(tmp_path / "pyenv/versions/3.13.2/bin/python")


def test_uv_is_asked_where_it_is_installed(choose, tmp_path):
    fake_python(tmp_path / "uv-python", "3 13")
    fake_python(tmp_path / "bin/uv", str(tmp_path / "uv-python"))
    assert choose().stdout.strip() == str(tmp_path / "uv-python")


def test_without_it_the_newest_is_taken_and_the_thin_engine_announced(choose, tmp_path):
    fake_python(tmp_path / "bin/python3", "3 11")
    fake_python(tmp_path / "pyenv/versions/3.12.1/bin/python", "3 12")
    chosen = choose()
    assert chosen.stdout.strip() == str(tmp_path / "pyenv/versions/3.12.1/bin/python")
    assert "thin engine" in chosen.stderr


def test_no_usable_python_is_said_clearly(choose, tmp_path):
    fake_python(tmp_path / "bin/python3", "3 9")
    fake_python(tmp_path / "bin/python", "2 7")
    chosen = choose()
    assert (chosen.returncode, chosen.stdout) == (1, "")
    assert "3.13" in chosen.stderr


def test_a_python_of_ones_own_wins(choose, tmp_path):
    fake_python(tmp_path / "bin/python3.13", "3 13")
    fake_python(tmp_path / "mine", "3 14")
    assert choose(PYTHON=str(tmp_path / "mine")).stdout.strip() == str(tmp_path / "mine")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_lists_its_targets(project):
    listing = subprocess.run(["make"], cwd=project, capture_output=True, text=True, check=True, timeout=10).stdout
    assert {line.split()[0] for line in listing.splitlines()} == TARGETS


@pytest.mark.parametrize("script", ["scripts/choose_python.sh", "scripts/setup.sh"])
def test_the_scripts_need_no_more_than_a_posix_shell(project, script):
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-n", script], cwd=project, check=True, timeout=10)
    assert os.access(project / script, os.X_OK)


def test_a_deployment_ships_the_app_and_nothing_else(project):
    spec = PathSpec.from_lines("gitignore", (project / ".funcignore").read_text().splitlines())
    entries = {path.name + ("/" if path.is_dir() else "") for path in project.iterdir()}
    shipped = {name.rstrip("/") for name in entries if not spec.match_file(name)}
    assert shipped <= SHIPPED
    assert not any(
        spec.match_file(name) for name in ("function_app.py", "scim/app.py", "host.json", "requirements.txt")
    )


def test_the_package_lock_works_with_any_registry(project):
    lock = json.loads((project / "package-lock.json").read_text())
    assert not any("resolved" in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
