"""A local Azure Functions host: Kestrel's and the script host's manners around a function app, behind uvicorn.

The worker library runs functions but does not speak HTTP. Routing, body rules and header rules belong to the .NET host
that Azure puts in front, and are emulated here (`routes`, `exchange`), so that an app that works on this host does not
meet new rules in Azure. Not emulated: function keys, Easy Auth, streaming, CORS, the 230 s limit of the front end.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local.engines import BrokenApp, Engine, Function, FunctionFailed
from local.exchange import Answer, BadPath, Request, forwarded, headers_of, paths, query_of
from local.routes import BadTemplate, Router
from local.timers import BadSchedule, Schedule, keep_time, schedule_of, timer_info

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

log = logging.getLogger("local.host")
_BODY_LIMIT = 104_857_600
_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT")
_EMPTY = ((b"content-length", b"0"),)
_JSON = (("content-type", "application/json; charset=utf-8"),)
_HOMEPAGE_SWITCH = "AzureWebJobsDisableHomepage"
_HOMEPAGE = Answer(200, (("content-type", "text/html"),), b"<p>Your Functions app is up and running</p>")


class _Gone(Exception):
    """The client hung up while it sent its body."""


class _TooLarge(Exception):
    """The body is larger than the host reads."""


@dataclass(slots=True)
class Host:
    """The ASGI application. `load` first, then serve."""

    engine: Engine
    directory: Path
    access_log: bool = False
    # A body without Content-Length reaches a function empty: the host looks at the header alone.
    reads_chunked: bool = False
    body_limit: int = _BODY_LIMIT
    functions: dict[str, Function] = field(default_factory=dict)
    _router: Router[Function] = field(default_factory=Router)
    _schedules: dict[str, Schedule] = field(default_factory=dict)
    _timers: list[asyncio.Task[None]] = field(default_factory=list)
    _runs: set[asyncio.Task[None]] = field(default_factory=set)

    async def load(self) -> None:
        """Indexes the app. Raises BrokenApp; a function with a refused route or schedule is left out, as in Azure."""
        prefix = _route_prefix(self.directory)
        for function in sorted(await self.engine.start(self.directory), key=lambda found: found.name.upper()):
            trigger = function.trigger
            try:
                if function.kind == "httpTrigger":
                    route = trigger.get("route")
                    template = f"{prefix}/{function.name if route is None else route}"
                    self._router.add(function.name, template, map(str, trigger.get("methods") or ()), function)
                elif function.kind == "timerTrigger":
                    self._schedules[function.name] = schedule_of(str(trigger["schedule"]))
            except (BadTemplate, BadSchedule) as error:
                log.error("the function %s is left out: %s", function.name, error)  # noqa: TRY400
                continue
            self.functions[function.name.lower()] = function

    def start_timers(self) -> None:
        for name, schedule in self._schedules.items():
            function = self.functions[name.lower()]
            if function.trigger.get("runOnStartup"):
                self._run(function, timer_info(None, None))
            self._timers.append(asyncio.create_task(keep_time(schedule, partial(self._run, function))))

    async def stop(self, within: float) -> None:
        """Waits for timer runs that are under way, then ends what is left."""
        for timer in self._timers:
            timer.cancel()
        if self._runs:
            await asyncio.wait(self._runs, timeout=within)
        left = [*self._timers, *self._runs]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.engine.stop()

    def _run(self, function: Function, info: dict[str, Any]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._fire(function, info))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return task

    async def _fire(self, function: Function, info: dict[str, Any]) -> None:
        try:
            await self.engine.fire(function, info)
        except FunctionFailed as error:
            log.error("%s failed:\n%s", function.name, error)  # noqa: TRY400 - the text holds the function's trace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        status = await self._serve(scope, receive, send)
        if self.access_log:
            taken = (time.perf_counter() - started) * 1000
            log.info("%s %s %s %.1f ms", scope["method"], scope["path"], status, taken)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        method = scope["method"]
        try:
            path, shown = paths(scope["raw_path"])
        except BadPath:
            return await _send_empty(send, 400)
        # /admin is the host's own: not even an app's catch-all gets it
        reserved = path.strip("/").lower().partition("/")[0] == "admin"
        found = None if reserved else self._router.match(method, path)
        if found is None:
            return await self._serve_host(method, path, send)
        function, route = found
        headers = headers_of(scope["headers"])
        try:
            body = await self._body(headers, receive)
        except _TooLarge:
            return await _send_empty(send, 413)
        except _Gone:
            return 0
        headers["x-forwarded-for"] = forwarded(headers.get("x-forwarded-for"), scope.get("client"))
        raw_query: bytes = scope["query_string"]
        url = f"{scope['scheme']}://{headers.get('host', '')}{shown}"
        if raw_query:
            url = f"{url}?{raw_query.decode('utf-8', 'replace')}"
        request = Request(method, url, headers, query_of(raw_query), route, body)
        try:
            answer = await self.engine.answer(function, request)
        except FunctionFailed as error:
            log.error("%s failed:\n%s", function.name, error)  # noqa: TRY400 - the text holds the function's trace
            return await _send_empty(send, 500)
        return await _send(send, answer)

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        length = headers.get("content-length")
        if length is None:
            if not self.reads_chunked or "transfer-encoding" not in headers:
                return b""
        elif length == "0":
            return b""
        elif int(length) > self.body_limit:
            raise _TooLarge
        pieces, size, more = [], 0, True
        while more:
            event = await receive()
            if event["type"] != "http.request":
                raise _Gone
            pieces.append(event["body"])
            size += len(event["body"])
            more = event.get("more_body", False)
            if size > self.body_limit:
                raise _TooLarge
        return b"".join(pieces)

    async def _serve_host(self, method: str, path: str, send: Send) -> int:
        """What the host answers itself: its admin routes, its homepage, and an empty 404."""
        parts = path.strip("/").lower().split("/")
        if parts == ["admin", "host", "status"] and method == "GET":
            state = {
                "id": "local",
                "state": "Running",
                "version": f"local-{self.engine.name}",
                "processId": os.getpid(),
            }
            return await _send(send, Answer(200, _JSON, json.dumps(state).encode()))
        if parts == ["admin", "functions"] and method == "GET":
            listing = [
                {"name": function.name, "config": {"bindings": function.bindings}}
                for function in self.functions.values()
            ]
            return await _send(send, Answer(200, _JSON, json.dumps(listing).encode()))
        if len(parts) == 3 and parts[:2] == ["admin", "functions"] and method == "POST":
            function = self.functions.get(parts[2])
            if function is None:
                return await _send_empty(send, 404)
            if function.kind != "timerTrigger":
                return await _send_empty(send, 400)
            self._run(function, timer_info(None, None))
            return await _send_empty(send, 202)
        if path == "/" and method in ("GET", "HEAD"):
            disabled = os.environ.get(_HOMEPAGE_SWITCH, "").lower() == "true"
            return await (_send_empty(send, 204) if disabled else _send(send, _HOMEPAGE))
        return await _send_empty(send, 404)


def _route_prefix(directory: Path) -> str:
    path = directory / "host.json"
    try:
        settings = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except ValueError as error:
        raise BrokenApp(f"cannot read {path}: {error}") from error
    prefix = settings.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    return str(prefix).strip("/")


async def _send(send: Send, answer: Answer) -> int:
    body = b"" if answer.status in (204, 304) else answer.body
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.wire_headers()})
    await send({"type": "http.response.body", "body": body})
    return answer.status


async def _send_empty(send: Send, status: int) -> int:
    headers = () if status == 204 else _EMPTY
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
    return status


def prepare(directory: Path) -> None:
    """The app's directory is where the worker runs, first on sys.path; local.settings.json fills the environment."""
    path = directory / "local.settings.json"
    if path.exists():
        for name, value in json.loads(path.read_text("utf-8")).get("Values", {}).items():
            os.environ.setdefault(name, str(value))
    os.chdir(directory)
    sys.path.insert(0, str(directory))
