"""The package holds what runs, with bytecode, and runs alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("infra_package", ROOT / "infra" / "package.py")
package = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(package)

TARGET = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A miniature of the project, with everything beside the app that must stay out."""
    root = tmp_path / "project"
    contents = {
        "function_app.py": "import scim\nprint(scim.NAME)\n",
        "host.json": "{}",
        "requirements.txt": "",
        ".funcignore": "# comment\n*.md\nscim/console/drafts/\n!scim/KEEP.md\n",
        "scim/__init__.py": "NAME = 'scim'\n",
        "scim/README.md": "",
        "scim/KEEP.md": "",
        "scim/console/page.html": "",
        "scim/console/drafts/page.html": "",
        "scim/__pycache__/__init__.cpython-311.pyc": "stale",
        "simulator/__init__.py": "",
        "local/__main__.py": "",
        "tests/test_it.py": "",
        "bench/one.py": "",
        "infra/package.py": "",
        "local.settings.json": "{}",
        ".env": "SECRET=1",
    }
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_only_what_runs_is_in_it(project: Path, tmp_path: Path):
    names = package.build(project, tmp_path / "api.zip", python=TARGET)
    assert names == [
        f"__pycache__/function_app.{TAG}.pyc",
        "function_app.py",
        "host.json",
        "requirements.txt",
        "scim/KEEP.md",
        "scim/__init__.py",
        f"scim/__pycache__/__init__.{TAG}.pyc",
        "scim/console/page.html",
    ]


def test_bytecode_is_trusted_without_a_look_at_the_source(project: Path, tmp_path: Path):
    """PEP 552: bit 0 says hash-based, bit 1 would ask for a check."""
    package.build(project, tmp_path / "api.zip", python=TARGET)
    with zipfile.ZipFile(tmp_path / "api.zip") as archive:
        code = archive.read(f"scim/__pycache__/__init__.{TAG}.pyc")
    assert int.from_bytes(code[4:8], "little") == 0b01
    assert b"/home/site/wwwroot/scim/__init__.py" in code


def test_bytecode_of_another_python_is_left_out(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    names = package.build(project, tmp_path / "api.zip", python="3.7")
    assert not [name for name in names if name.endswith(".pyc")]
    assert "no bytecode" in capsys.readouterr().err


def test_same_sources_same_bytes(project: Path, tmp_path: Path):
    package.build(project, tmp_path / "one.zip", python=TARGET)
    package.build(project, tmp_path / "two.zip", python=TARGET)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_missing_part_is_named(project: Path, tmp_path: Path):
    (project / "host.json").unlink()
    with pytest.raises(package.PackageError, match=r"host\.json is missing"):
        package.build(project, tmp_path / "api.zip")


@pytest.mark.parametrize(
    ("rules", "path", "dropped"),
    [
        (["*.md"], "a/b/x.md", True),
        (["/x.md"], "a/x.md", False),
        (["a/*.py"], "a/b/x.py", False),
        (["a/**/x.py"], "a/b/c/x.py", True),
        (["a/**"], "a/b/x.py", True),
        (["**/x.py"], "x.py", True),
        (["b/"], "a/b/x.py", True),
        (["b/"], "a/b", False),
        (["*.md", "!keep.md"], "keep.md", False),
        (["a/", "!a/keep.md"], "a/keep.md", True),
        (["x[!0-9].py"], "xa.py", True),
        (["x[!0-9].py"], "x1.py", False),
        (["# *.py", ""], "x.py", False),
    ],
)
def test_funcignore_reads_like_gitignore(rules: list[str], path: str, dropped: bool):
    assert package.Ignore(rules).drops(PurePosixPath(path)) is dropped


def test_the_real_package_imports_alone(tmp_path: Path):
    """function_app is imported from the unpacked package, and scim from there too, not from this checkout."""
    for name in package.FILES:
        if not (ROOT / name).is_file():
            pytest.skip(f"{name} is not written yet")
    names = package.build(ROOT, tmp_path / "api.zip", python=TARGET)
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"scim", "__pycache__"}
    assert {name for name in names if "/" not in name} == set(package.FILES)
    sources = {name for name in names if name.endswith(".py")}
    assert len(sources) == len([name for name in names if name.endswith(".pyc")])
    with zipfile.ZipFile(tmp_path / "api.zip") as archive:
        archive.extractall(tmp_path / "alone")
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "import function_app, scim, pathlib\n"
        "here = pathlib.Path('.').resolve()\n"
        "assert here in pathlib.Path(scim.__file__).resolve().parents, scim.__file__\n"
        "strangers = {'simulator', 'local', 'tests', 'bench'} & set(sys.modules)\n"
        "assert not strangers, strangers\n"
    )
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=tmp_path / "alone", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
