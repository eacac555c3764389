"""The ASGI application: one request from the wire to the vault and back, with the faults that were ordered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from simulator.auth import bearer, unauthorised
from simulator.calls import Record, stamp
from simulator.errors import ApiError
from simulator.faults import Rule, refusal
from simulator.http import Answer, Call, Router, answer, denied, page
from simulator.observe import Observatory
from simulator.options import Options
from simulator.routes import ROUTES
from simulator.seed import fill
from simulator.vault import Vault
from simulator.wire import cut, hang, send_dripping, send_huge, send_truncated

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


PLATFORM = ("/identity/", "/vaultbroker/", "/health")
"""A platform tenant answers these at its root, wherever the vault lies."""


class Simulator:
    """One vault behind one ASGI callable; `vault` is its state, `observatory` what /_sim shows."""

    def __init__(self, options: Options) -> None:
        self.vault = Vault(options)
        fill(self.vault)
        self.observatory = Observatory(self.vault)
        self._router = Router(ROUTES)
        self._base = options.base.rstrip("/")
        self._delay = options.latency_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        body = await _body(receive)
        path: str = scope["path"]
        inner = path[len(self._base) :] if self._base and path.lower().startswith(self._base.lower() + "/") else path
        query = scope.get("query_string", b"").decode("latin-1")
        if inner == "/_sim" or inner.startswith("/_sim/"):
            await _send(send, self.observatory.answer(scope["method"], inner, query, body))
            return
        headers = dict(scope["headers"])
        outside = bool(self._base) and inner is path and not path.startswith(PLATFORM)
        call = Call(self.vault, scope["method"], inner, query, body, headers)
        record = Record(
            call.method, call.path, query, 0, stamp(), 0.0, form=b"urlencoded" in headers.get(b"content-type", b"")
        )
        self.observatory.journal.add(record)
        if self._delay:
            await asyncio.sleep(self._delay)
        rule = self.observatory.faults.take(f"{call.method} {call.path}{'?' if query else ''}{query}")
        if rule is not None:
            await self._misbehave(rule, call, record, receive, send)
            return
        found = self._unknown(call.path) if outside else self.answer(call)
        self._close(record, call, found)
        await _send(send, found)

    def _close(self, record: Record, call: Call, found: Answer) -> None:
        record.status, record.ended = found.status, stamp()
        self.observatory.journal.keep(record, call.body, found.body)

    def answer(self, call: Call) -> Answer:
        """What the vault says to a request: authentication, route, permission, handler."""
        limit = self.vault.switches.max_query
        if limit and len(call.raw_query) > limit:
            return page("404 - File or directory not found.", "The query string is too long.", 404)
        try:
            found = self._router.find(call.method, call.path)
            if found is None:
                if self._router.knows(call.path):
                    return answer(
                        {"message": f"The requested resource does not support http method '{call.method}'."}, 405
                    )
                return self._unknown(call.path)
            route, call.params = found
            if not route.public:
                call.user = bearer(call)
                if call.user is None:
                    return unauthorised()
                if route.needs and not call.may(*route.needs):
                    raise denied(self.vault)
            result = route.handler(call)
        except ApiError as error:
            return answer(error.body, error.status)
        except LookupError:
            return self._unknown(call.path)
        return result if isinstance(result, Answer) else answer(result)

    def _unknown(self, path: str) -> Answer:
        if self.vault.switches.unknown_path == "json":
            return answer({"message": f"No HTTP resource was found that matches the request URI '{path}'."}, 404)
        return page(
            "404 - File or directory not found.", "The resource you are looking for might have been removed.", 404
        )

    async def _misbehave(self, rule: Rule, call: Call, record: Record, receive: Receive, send: Send) -> None:
        early = refusal(rule)
        if early is not None:
            self._close(record, call, early)
            await _send(send, early)
            return
        if rule.do == "slow":
            await asyncio.sleep(rule.ms / 1000)
        elif rule.do in {"drop-before", "hang"}:
            record.ended = stamp()
            self.observatory.journal.keep(record, call.body, b"")
            await (cut(send, receive) if rule.do == "drop-before" else hang(receive))
            return
        found = self.answer(call)
        self._close(record, call, found)
        match rule.do:
            case "drop-after":
                await cut(send, receive)
            case "bad-json":
                await _send(send, Answer(200, found.body[: max(len(found.body) // 2, 1)] + b"\\}<"))
            case "truncated":
                await send_truncated(send, receive, found)
            case "drip":
                await send_dripping(send, found)
            case "huge":
                await send_huge(send)
            case _:
                await _send(send, found)


def create_app(options: Options | None = None) -> Simulator:
    """A vault of its own on every call."""
    return Simulator(options or Options())


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Send, found: Answer) -> None:
    headers = [
        (b"content-type", found.content_type),
        (b"content-length", str(len(found.body)).encode()),
        *found.headers,
    ]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": found.body})
