"""What the local host itself costs: CPU of its process for one HTTP request to a function that does nothing.

    python scripts/host_overhead.py [--engine worker|thin] [--requests 5000] [--concurrency 8]

The app is the fixture of tests/local; `answers/text` returns five bytes. The client is another process, so that its own
work does not count. Linux only (it reads /proc).
"""

# ruff: noqa: INP001, S603 - a script, and what it starts is our own host
import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def ask(port: int, path: str, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer ssc_{'x' * 43}\r\n"
        "Accept: application/scim+json\r\nUser-Agent: overhead\r\n\r\n"
    ).encode()
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.close()


async def load(port: int, path: str, requests: int, concurrency: int) -> None:
    await asyncio.gather(*(ask(port, path, requests // concurrency) for _ in range(concurrency)))


def measured(engine: str, path: str, requests: int, concurrency: int, flags: list[str]) -> str:
    command = [sys.executable, "-m", "local", "host", "--port", "0", "--engine", engine, *flags]
    command += ["--app", str(ROOT / "tests/local/fixture_app")]
    host = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert host.stdout
        port = int(host.stdout.readline().rpartition(":")[2])
        asyncio.run(load(port, path, 500, concurrency))
        before, started = cpu_seconds(host.pid), time.perf_counter()
        asyncio.run(load(port, path, requests, concurrency))
        taken = time.perf_counter() - started
        used = cpu_seconds(host.pid) - before
        return f"{engine:7}{path:22}{used / requests * 1000:.3f} ms CPU a request, {requests / taken:.0f} requests/s"
    finally:
        host.terminate()
        host.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("worker", "thin"), action="append")
    parser.add_argument("--path", default="/answers/text")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=8)
    options, flags = parser.parse_known_args()
    for engine in options.engine or ("worker", "thin"):
        print(measured(engine, options.path, options.requests, options.concurrency, flags))


if __name__ == "__main__":
    main()
