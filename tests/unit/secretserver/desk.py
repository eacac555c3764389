"""A simulated vault in process and a directory over it, with every request held against the API document."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from scim.model import Vault, VaultId
from scim.secretserver.directory import SecretServerDirectory
from simulator.app import create_app
from simulator.options import Options
from tests.simulator.openapi import OpenApiValidator, document_path

_DOCUMENT = document_path()
VALIDATOR = OpenApiValidator(_DOCUMENT) if _DOCUMENT else None
URL = "http://vault"


class Checked(httpx.AsyncBaseTransport):
    """Passes requests on to the simulator, unless the API document does not know them."""

    def __init__(self, app: Any, *, checked: bool) -> None:
        self._inner = httpx.ASGITransport(app)
        self._validator = VALIDATOR if checked else None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._validator and not request.url.path.startswith("/wrong"):
            body: Any = None
            if request.content:
                text = request.content.decode()
                form = "urlencoded" in request.headers.get("content-type", "")
                body = dict(parse_qsl(text)) if form else json.loads(text)
            query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
            self._validator.check_request(request.method, request.url.path, query, body)
        return await self._inner.handle_async_request(request)


class Desk:
    """One vault. `checked=False` spares the check where thousands of known requests are sent.

    `app.vault` is its state, which tests read, and change the way a person there would.
    """

    def __init__(self, *, switches: dict[str, Any] | None = None, checked: bool = True, **options: Any) -> None:
        given = Options(**options)
        for name, value in (switches or {}).items():
            given.switches.set(name, value)
        self.app = create_app(given)
        self.vault = self.app.vault
        self.transport = Checked(self.app, checked=checked)
        self.directory = self.connect()

    def connect(self, *, password: str = "simulator-only", sleep: Any = None, **more: Any) -> SecretServerDirectory:
        """Another directory over the same vault, as another instance would have it."""
        vault = Vault(id=VaultId("v"), name="v", url=URL, username="svc-scim")
        directory = SecretServerDirectory.connect(
            vault, SecretStr(password), insecure=True, transport=self.transport, **more
        )
        if sleep is not None:
            directory.client._sleep = sleep
        return directory

    def calls(self) -> list[str]:
        """The requests since the last time, as `METHOD /path`; log-ins included."""
        observed = self._sim("GET", "/calls")
        self._sim("DELETE", "/calls")
        return [f"{call['method']} {call['path'].removeprefix('/api')}" for call in observed["calls"]]

    def fail(self, match: str, do: str, **more: Any) -> None:
        self._sim("PUT", "/faults", {"rules": [{"match": match, "do": do, **more}]})

    def heal(self) -> None:
        self._sim("DELETE", "/faults")

    def switch(self, **switches: Any) -> None:
        self._sim("PUT", "/switches", switches)

    def _sim(self, method: str, path: str, body: Any = None) -> Any:
        sent = json.dumps(body).encode() if body is not None else b""
        answer = self.app.observatory.answer(method, "/_sim" + path, "", sent)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


async def no_sleep(_seconds: float) -> None:
    """Retries without waiting."""
