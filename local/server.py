"""Puts the host behind uvicorn on loopback, and drains it when it is told to end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from local.engines import BrokenApp, engine_named, has_worker_library
from local.host import Host, prepare
from local.processes import Trouble

LOOPBACK = "127.0.0.1"
_DRAIN_SECONDS = 8
# Kestrel keeps an idle connection for 130 s; uvicorn's own 5 s would race with clients that pool connections.
_KEEP_ALIVE_SECONDS = 130


class _Server(uvicorn.Server):
    """Ends quietly with status 0: uvicorn would raise the signal once more after it has drained."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; 0 picks a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise Trouble(f"port {port} on {LOOPBACK} cannot be used: {error.strerror or error}") from error
    listener.listen(2048)
    return listener


def serve(ports: list[int], engine: str | None, directory: Path, *, access_log: bool) -> int:
    """Serves an app until SIGTERM or SIGINT; requests in flight may finish within 8 s."""
    level = logging.INFO if access_log else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # the app sets the level of its own loggers (SCIM_LOG_LEVEL)
    logging.getLogger("azure").setLevel(logging.WARNING)
    directory = directory.resolve()
    if not (directory / "function_app.py").exists():
        raise Trouble(f"there is no function_app.py in {directory}")
    chosen = engine or ("worker" if has_worker_library() else "thin")
    if chosen == "worker" and not has_worker_library():
        raise Trouble("the worker engine needs Python 3.13 and azure-functions-runtime; use --engine thin")
    if engine is None and chosen == "thin":
        print(f"Python {sys.version_info.major}.{sys.version_info.minor}: thin engine, no worker library")
    listeners = [listen(port) for port in ports]
    prepare(directory)
    host = Host(
        engine_named(chosen),
        directory,
        access_log=access_log,
        reads_chunked=os.environ.get("LOCAL_CHUNKED") == "1",
        body_limit=int(os.environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "104857600")),
    )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve(host, listeners))
        except BrokenApp as error:
            raise Trouble(f"the function app cannot be loaded: {error}") from error
    return 0


async def _serve(host: Host, listeners: list[socket.socket]) -> None:
    await host.load()
    config = uvicorn.Config(
        host,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    for listener in listeners:
        port = listener.getsockname()[1]
        print(f"{host.engine.name} engine, {len(host.functions)} functions on http://{LOOPBACK}:{port}", flush=True)
    host.start_timers()
    try:
        await _Server(config).serve(sockets=listeners)
    finally:
        await host.stop(within=1.0)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
