"""A vault in process for each test, spoken to over ASGI.  Answers are held against the API document if it is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from simulator.app import Simulator, create_app
from simulator.options import Options
from tests.simulator.openapi import OpenApiValidator, document_path

_DOCUMENT = document_path()
VALIDATOR = OpenApiValidator(_DOCUMENT) if _DOCUMENT else None


class Desk:
    """Someone who calls one simulated vault, logged in as its account."""

    def __init__(self, app: Simulator) -> None:
        self.app = app
        self.vault = app.vault
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://vault" + app.vault.options.base)

    async def log_in(self, **form: str) -> httpx.Response:
        options = self.vault.options
        fields = {"grant_type": "password", "username": options.account, "password": options.password, **form}
        answer = await self.http.post("/oauth2/token", data=fields)
        if "access_token" in answer.text:
            self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        if "params" in query:
            query = query["params"]
        extra: dict[str, Any] = {"params": query} if query else {}
        answer = await self.http.request(method, f"/api{path}", json=body, **extra)
        if VALIDATOR and "json" in answer.headers["content-type"] and answer.status_code not in {404, 405}:
            VALIDATOR.check_response(method, path, answer.status_code, answer.json())
        return answer

    async def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.call(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.call(method, path, body, **query)
        assert answer.status_code in {400, 403, 404, 409}, f"{answer.status_code} {answer.text}"
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"http://vault/_sim{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create(self, name: str = "ann", **more: Any) -> Any:
        body = {"userName": name, "displayName": name.title(), "password": "Abcdefg1", "enabled": True, **more}
        return await self.ok("POST", "/v1/users", body)


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """start(users=3, switches={...}) gives a Desk that is logged in."""
    async with AsyncExitStack() as stack:

        async def begin(*, logged_in: bool = True, switches: dict[str, Any] | None = None, **options: Any) -> Desk:
            given = Options(**options)
            for name, value in (switches or {}).items():
                given.switches.set(name, value)
            desk = Desk(create_app(given))
            await stack.enter_async_context(desk.http)
            if logged_in:
                await desk.log_in()
            return desk

        yield begin


@pytest.fixture
async def desk(start: Callable[..., Any]) -> Desk:
    """The default vault."""
    return await start()
