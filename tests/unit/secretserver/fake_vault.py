"""A vault of a few lines that misbehaves on order: what stands behind the client in unit tests, in place of a mock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
from pydantic import SecretStr

from scim.secretserver.authentication import Credentials
from scim.secretserver.client import VaultClient

Reply = httpx.Response | Exception | Callable[[httpx.Request], Any]


class Clock:
    """Time that passes when it is told to; sleeping is remembered and takes none."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class FakeVault(httpx.AsyncBaseTransport):
    """Gives out tokens `t1`, `t2` … and honours the newest ones; answers API requests from `script`, then `default`."""

    def __init__(self, *, password: str = "right") -> None:
        self.password = password
        self.token_requests: list[dict[str, str]] = []
        self.requests: list[httpx.Request] = []
        self.refused: set[str] = set()
        self.script: list[Reply] = []
        self.default: Reply = json_reply({"id": 7, "userName": "ann", "enabled": True})
        self.token_reply: Callable[[str], httpx.Response] = lambda token: json_reply(
            {"access_token": token, "token_type": "bearer", "expires_in": 1000}
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        if "oauth2/token" in request.url.path:
            form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
            self.token_requests.append(form)
            if form.get("password", form.get("client_secret")) != self.password:
                return json_reply({"error": "Login failed."}, 400)
            return self.token_reply(f"t{len(self.token_requests)}")
        self.requests.append(request)
        if request.headers["authorization"].removeprefix("Bearer ") in self.refused:
            return json_reply({"message": "expired"}, 401)
        reply = self.script.pop(0) if self.script else self.default
        if callable(reply):
            reply = reply(request)
            if asyncio.iscoroutine(reply):
                reply = await reply
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    def client(self, clock: Clock | None = None, *, kind: str = "password", **more: Any) -> VaultClient:
        given: dict[str, Any] = {"url": "http://vault/SecretServer", "insecure": True, "transport": self, **more}
        if clock is not None:
            given |= {"clock": clock, "sleep": clock.sleep}
        domain = given.pop("domain", "")
        platform = given.pop("platform_url", "")
        secret = given.pop("secret", "right")
        credentials = Credentials(kind, "svc", SecretStr(secret), domain, platform)  # type: ignore[arg-type]
        return VaultClient(given.pop("url"), credentials, **given)


def json_reply(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, headers={"content-type": "application/json", **headers}, content=content)


def html_reply(status: int = 200) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "text/html; charset=utf-8"}, content=b"<html>log in</html>")
