"""A reverse proxy on loopback that holds every request and answer against the API document on its way through."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self
from urllib.parse import parse_qsl

import httpx
import uvicorn

from tests.simulator.openapi import OpenApiValidator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive", "date", "server"}


class ValidatingProxy:
    """Serves in a thread of its own. `complaints` holds what was not as the document has it, `seen` each operation."""

    def __init__(self, target: str, validator: OpenApiValidator) -> None:
        self._target, self._validator = target.rstrip("/"), validator
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.complaints: list[str] = []
        self.seen: dict[str, int] = {}
        config = uvicorn.Config(self, log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        headers = [(k.decode(), v.decode()) for k, v in scope["headers"] if k.decode().lower() not in _HOP]
        form = any("urlencoded" in v for k, v in headers if k.lower() == "content-type")
        watched = not path.startswith("/_sim")
        if watched:
            self._check(
                lambda: self._validator.check_request(scope["method"], path, _pairs(query), _read(body, form=form))
            )
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            url = f"{self._target}{path}{'?' if query else ''}{query}"
            answer = await client.request(scope["method"], url, headers=headers, content=body)
        if watched:
            shown = f"{scope['method']} {_template(path)}"
            self.seen[shown] = self.seen.get(shown, 0) + 1
            if "json" in answer.headers.get("content-type", ""):
                status = answer.status_code
                self._check(lambda: self._validator.check_response(scope["method"], path, status, answer.json()))
        passed = [
            (k.encode(), v.encode()) for k, v in answer.headers.items() if k.lower() not in {*_HOP, "content-encoding"}
        ]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": passed})
        await send({"type": "http.response.body", "body": answer.content})

    def _check(self, check: Callable[[], None]) -> None:
        try:
            check()
        except AssertionError as complaint:
            self.complaints.append(str(complaint)[:500])


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _read(body: bytes, *, form: bool) -> Any:
    if not body:
        return None
    return dict(parse_qsl(body.decode())) if form else json.loads(body)


def _template(path: str) -> str:
    return "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
