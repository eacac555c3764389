"""The console in one process: memory tables, the simulator without sockets, requests straight into the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from scim.access.keys import KeyRing
from scim.administration.console_keys import make_key
from scim.connector import Connector
from scim.console.app import console_app
from scim.model import Vault
from scim.rehearsal import Rehearsal
from scim.secretserver.directory import SecretServerDirectory
from scim.settings import Settings
from scim.store.console_keys import ConsoleKeys
from scim.store.memory import MemoryStore
from scim.triggers.requests import answer_as
from simulator.app import create_app
from simulator.options import Options

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"
BASE = "http://127.0.0.1"
OURS = {"sec-fetch-site": "same-origin", "origin": BASE}


class Rig:
    """A connector with one vault and one connection, and its console."""

    def __init__(self, **settings: Any) -> None:
        self.simulator = create_app(Options(users=20, groups=4))
        given = {"console_development": True, "insecure_vault_urls": True, "public_url": BASE, **settings}
        self.settings = Settings(pepper=SecretStr(KEY), data_key=SecretStr(KEY), **given)
        self.store = MemoryStore()
        self.connector = Connector(self.settings, self.store, KeyRing(self.settings), self._open_vault, Rehearsal)
        self.application = console_app(self.connector, answer_as)

    def _open_vault(self, vault: Vault, secret: SecretStr) -> SecretServerDirectory:
        return SecretServerDirectory.connect(
            vault, secret, insecure=True, transport=httpx.ASGITransport(app=self.simulator)
        )

    async def furnish(self) -> Rig:
        vaults = await self.connector.vaults()
        self.vault = await vaults.add("vault", "http://vault.invalid", SecretStr("simulator-only"), username="svc-scim")
        self.connection = await self.connector.connections.add("idp", self.vault.id)
        return self

    def browser(self, base: str = BASE) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=_with_state(self.application), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=base, headers=OURS)

    @asynccontextmanager
    async def signed_in(self, role: str) -> AsyncIterator[httpx.AsyncClient]:
        async with self.browser() as browser:
            if role != "visitor":
                answer = await browser.post("/console/sign-in/development", data={"role": role})
                assert answer.status_code == 303, answer.text
            yield browser

    async def script(self, role: str) -> dict[str, str]:
        """The headers of a script with a key of this role."""
        keys = ConsoleKeys(self.store.table("settings"))
        pepper = (await self.connector.keys.keys()).pepper
        return {"authorization": f"Bearer {await make_key(keys, pepper, role=role, name='script')}"}

    def rows(self, table: str) -> dict[Any, Any]:
        return {keys: dict(row.values) for keys, row in self.store.table(table).rows.items()}


def _with_state(application: Any) -> Any:
    """As the trigger calls it."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "state": {"request_id": "request-of-a-test"}}, receive, send)

    return call
