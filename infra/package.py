# ruff: noqa: INP001 - scripts, run by path
"""Builds the package that Azure runs: only what runs, with bytecode compiled beforehand.

    python infra/package.py --output dist/api.zip
    python infra/package.py --output dist/api.zip --with-dependencies    # no build on the platform's side needed

Two builds of the same sources give the same bytes: entries are sorted and carry one fixed date.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

# A list of what goes in, and not of what stays out: a new folder in the project must not reach Azure by itself.
FILES = ("function_app.py", "host.json", "requirements.txt")
FOLDERS = ("scim",)

# Where the host unpacks the package; tracebacks then name the file as it is called there.
HOME = "/home/site/wwwroot"
DATE = (2020, 1, 1, 0, 0, 0)
ALWAYS_OUT = ("__pycache__/", "*.pyc", "local.settings.json", ".env", ".DS_Store")


class PackageError(Exception):
    """The package cannot be built from what is here."""


class Ignore:
    """The rules of a .funcignore file: those of .gitignore, of which the last match decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules: list[tuple[re.Pattern[str], bool, bool]] = []
        for line in lines:
            rule = line.rstrip()
            if not rule or rule.startswith("#"):
                continue
            keep = rule.startswith("!")
            rule = rule.removeprefix("!").removeprefix("\\")
            only_folders = rule.endswith("/")
            rule = rule.rstrip("/")
            anchored = "/" in rule
            self._rules.append((_pattern(rule.lstrip("/"), anchored=anchored), only_folders, keep))

    def drops(self, path: PurePosixPath) -> bool:
        """Whether the file stays out, by itself or because one of its folders does."""
        parts = path.parts
        return any(
            self._matches("/".join(parts[: depth + 1]), folder=depth + 1 < len(parts)) for depth in range(len(parts))
        )

    def _matches(self, path: str, *, folder: bool) -> bool:
        dropped = False
        for pattern, only_folders, keep in self._rules:
            if pattern.fullmatch(path) and (folder or not only_folders):
                dropped = not keep
        return dropped


def _pattern(rule: str, *, anchored: bool) -> re.Pattern[str]:
    """A rule as a regular expression over paths. One star stays within a folder, two cross them."""
    wild = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", rule)
    body = "".join(
        wild.get(piece) or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )
    return re.compile(body if anchored else f"(?:[^/]+/)*{body}")


def sources(root: Path) -> Iterator[PurePosixPath]:
    """Every file of the package, relative to the project and before compilation."""
    funcignore = root / ".funcignore"
    written = funcignore.read_text("utf-8").splitlines() if funcignore.exists() else []
    ignore, never = Ignore(written), Ignore(ALWAYS_OUT)
    for name in FILES:
        if not (root / name).is_file():
            raise PackageError(f"{name} is missing in {root}")
        if ignore.drops(PurePosixPath(name)):
            raise PackageError(f".funcignore drops {name}, without which nothing runs")
        yield PurePosixPath(name)
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            if path.is_file() and not never.drops(relative) and not ignore.drops(relative):
                yield relative


def compile_into(stage: Path) -> None:
    """Bytecode beside its source. unchecked-hash: the worker neither stats nor hashes the source, it just loads."""
    arguments = [
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        str(stage),
        "-p",
        HOME,
        str(stage),
    ]
    subprocess.run([sys.executable, *arguments], check=True)  # noqa: S603


def install_into(stage: Path, python: str) -> None:
    """Dependencies as wheels for the worker's platform, where the worker looks for them."""
    arguments = [
        *("-m", "pip", "install", "--quiet", "--requirement", str(stage / "requirements.txt")),
        *("--target", str(stage / ".python_packages" / "lib" / "site-packages")),
        *("--only-binary", ":all:", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"),
        *("--implementation", "cp", "--python-version", python, "--no-compile"),
    ]
    subprocess.run([sys.executable, *arguments], check=True)  # noqa: S603


def build(root: Path, output: Path, *, with_dependencies: bool = False, python: str = "3.13") -> list[str]:
    """Write the package to `output` and return the names in it.

    :raises PackageError: When something that must be in it is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / "package"
        for name in sources(root):
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, stage / name)
        if with_dependencies:
            install_into(stage, python)
        if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
            compile_into(stage)
        else:
            # Bytecode of another version is dead weight: the worker would not even look at it.
            print(f"package: no bytecode, this is not Python {python}", file=sys.stderr)
        names = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        output.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, DATE)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, (stage / name).read_bytes())
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the package that Azure runs.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "api.zip")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--with-dependencies", action="store_true", help="put the libraries in, as Linux wheels")
    parser.add_argument("--python", default="3.13", help="the worker's Python version")
    given = parser.parse_args()
    try:
        names = build(given.root, given.output, with_dependencies=given.with_dependencies, python=given.python)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"{given.output}: {len(names)} files, {given.output.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
