"""The connector without sockets: memory tables, the simulator in process, the real steps in between."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from scim.access.keys import KeyRing
from scim.connector import Connector
from scim.model import Caller, Connection, ConnectionId, Policies, Vault
from scim.secretserver.directory import SecretServerDirectory
from scim.settings import Settings
from scim.store.memory import MemoryStore
from simulator.app import create_app
from simulator.options import Options

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"


class InProcess:
    """One connector over one simulated vault. `vault` is the simulator's state."""

    def __init__(self, *, policies: Policies | None = None, **options: Any) -> None:
        self.simulator = create_app(Options(**options))
        self.settings = Settings(pepper=SecretStr(KEY), data_key=SecretStr(KEY), public_url="http://test.invalid")
        self.store = MemoryStore()
        self.connector = Connector(self.settings, self.store, KeyRing(self.settings), self._directory)
        self.policies = policies or Policies()
        self.connection: Connection | None = None

    def _directory(self, vault: Vault, secret: SecretStr) -> SecretServerDirectory:
        return SecretServerDirectory.connect(
            vault, secret, insecure=True, transport=httpx.ASGITransport(app=self.simulator)
        )

    async def caller(self, name: str = "test", **changes: Any) -> Caller:
        """A caller of its own connection to the one vault."""
        vaults = await self.connector.vaults()
        vault = await vaults.find("vault") or await vaults.add(
            "vault", "http://vault.invalid", SecretStr("simulator-only"), username="svc-scim"
        )
        policies = changes.pop("policies", self.policies)
        connection = Connection(id=ConnectionId(name), name=name, vault=vault.id, policies=policies, **changes)
        return Caller(connection, f"request-{name}")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One of the simulator's own `_sim` endpoints."""
        transport = httpx.ASGITransport(app=self.simulator)
        async with httpx.AsyncClient(transport=transport, base_url="http://vault.invalid") as client:
            return (await client.request(method, path, json=body)).json()

    async def state(self, *tables: str) -> dict[str, Any]:
        """What really happened in the vault."""
        only = f"?only={','.join(tables)}" if tables else ""
        return dict(await self.ask("GET", f"/_sim/state{only}"))
