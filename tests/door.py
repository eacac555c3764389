"""The whole function app in process: the host's routing, every trigger of function_app.py, memory tables, simulator.

What a client sends over HTTP goes the same way here, without sockets, so that thousands of requests fit into a second
and a test can look into tables and vault, make them fail at a chosen call, and restart the connector between two.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import azure.functions as func
import httpx
import orjson
from pydantic import SecretStr

from local.engines import Function, ThinEngine
from local.host import Host
from scim.access.keys import KeyRing
from scim.access.tokens import Token, digest, mint
from scim.connector import Connector
from scim.context import request_context
from scim.model import Connection, Policies, Vault
from scim.secretserver.directory import SecretServerDirectory
from scim.settings import Settings
from scim.store.memory import MemoryStore
from scim.store.table import Store
from scim.store.tokens import Tokens
from scim.upkeep import upkeep
from simulator.app import create_app
from simulator.options import Options

ROOT = Path(__file__).resolve().parent.parent
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"
HOST = "http://connector.invalid"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
VAULT_PASSWORD = "simulator-only"


def function_app(connector: Callable[[], Any]) -> func.FunctionApp:
    """The app of function_app.py itself, with another connector behind its triggers."""

    async def keep_up() -> None:
        await upkeep(connector())

    with mock.patch("scim.app.connector", connector), mock.patch("scim.app.keep_up", keep_up):
        spec = importlib.util.spec_from_file_location("function_app_of_a_test", ROOT / "function_app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.app


class _Indexed(ThinEngine):
    """The thin engine over an app that is there already."""

    def __init__(self, app: func.FunctionApp) -> None:
        super().__init__()
        self._app = app

    async def start(self, directory: Path) -> list[Function]:
        return [self._indexed(found) for found in self._app.get_functions()]


async def no_sleep(_seconds: float) -> None:
    """Retries without waiting."""
    await asyncio.sleep(0)


class Door:
    """One function app over one simulated vault.

    :param settings: Any of SCIM_*, in lower case and without the prefix.
    :param patient: Whether retries really wait.
    :param options: Of the simulator; `switches` by name.
    """

    def __init__(
        self,
        *,
        settings: dict[str, Any] | None = None,
        switches: dict[str, Any] | None = None,
        patient: bool = False,
        **options: Any,
    ) -> None:
        given = Options(**options)
        for name, value in (switches or {}).items():
            given.switches.set(name, value)
        self.simulator = create_app(given)
        self.vault = self.simulator.vault
        keys = {"pepper": SecretStr(KEY), "data_key": SecretStr(KEY)}
        fast = {"requests_per_second": 100_000, "burst": 100_000}
        self.settings = Settings(**{**keys, "public_url": HOST, **fast, **(settings or {})})
        self.store = MemoryStore()
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(app=self.simulator)
        self.patient = patient
        self.connector = self.make(self.store, self.transport)
        self._host: Host | None = None

    # -- processes ---------------------------------------------------------------------------------------------------

    def make(self, store: Store, transport: httpx.AsyncBaseTransport) -> Connector:
        def open_vault(vault: Vault, secret: SecretStr) -> SecretServerDirectory:
            directory = SecretServerDirectory.connect(
                vault,
                secret,
                insecure=True,
                transport=transport,
                connect_seconds=self.settings.connect_seconds,
                read_seconds=self.settings.read_seconds,
                scan_rows=self.settings.scan_rows,
                memberships_seconds=self.settings.memberships_seconds,
            )
            if not self.patient:
                directory.client._sleep = no_sleep
            return directory

        return Connector(self.settings, store, KeyRing(self.settings), open_vault)

    def restart(self, store: Store | None = None, transport: httpx.AsyncBaseTransport | None = None) -> Connector:
        """Another process over the same tables and the same vault; the old one is left as if it had been killed."""
        self.connector = self.make(store or self.store, transport or self.transport)
        return self.connector

    async def host(self) -> Host:
        if self._host is None:
            self._host = Host(_Indexed(function_app(lambda: self.connector)), ROOT)
            await self._host.load()
        return self._host

    # -- clients -----------------------------------------------------------------------------------------------------

    async def connection(self, name: str = "entra", **fields: Any) -> Connection:
        connector = self.make(self.store, self.transport)
        vaults = await connector.vaults()
        vault = await vaults.find("vault") or await vaults.add(
            "vault", "http://vault.invalid", SecretStr(VAULT_PASSWORD), username="svc-scim"
        )
        return await connector.connections.add(name, vault.id, **fields)

    async def token(self, connection: Connection, **more: Any) -> Token:
        token = mint()
        pepper = (await self.connector.keys.keys()).pepper
        await Tokens(self.store.table("tokens")).add(connection.id, token.key_id, digest(token, pepper), **more)
        return token

    async def open(self, token: Token | None, *, root: str = "/scim/v2") -> httpx.AsyncClient:
        """A client that shows this token."""
        headers = {"Content-Type": "application/scim+json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
        transport = httpx.ASGITransport(app=await self.host())
        return httpx.AsyncClient(transport=transport, base_url=HOST + root, headers=headers, timeout=60)

    async def client(
        self, name: str = "entra", *, policies: Policies | None = None, **fields: Any
    ) -> httpx.AsyncClient:
        """A new connection and a client with a token of it."""
        connection = await self.connection(name, policies=policies or Policies(), **fields)
        return await self.open(await self.token(connection))

    # -- the vault ---------------------------------------------------------------------------------------------------

    def sim(self, method: str, path: str, body: Any = None) -> Any:
        """One of the simulator's own `_sim` endpoints."""
        path, _, query = path.partition("?")
        sent = b"" if body is None else orjson.dumps(body)
        answer = self.simulator.observatory.answer(method, "/_sim" + path, query, sent)
        assert answer.status == 200, answer.body
        return orjson.loads(answer.body)

    def fail(self, *rules: dict[str, Any]) -> None:
        self.sim("PUT", "/faults", {"rules": list(rules)})

    def heal(self) -> None:
        self.sim("DELETE", "/faults")
        self.store.fail_next(0)

    def state(self, *tables: str) -> dict[str, Any]:
        """What really is in the vault, without the traces of our own log-ins."""
        found = dict(self.sim("GET", f"/state?only={','.join(tables)}" if tables else "/state"))
        found.pop("logins", None)
        for row in found.get("users", []):
            row.pop("lastLogin", None)
        return found

    def calls(self, *, forget: bool = True) -> list[dict[str, Any]]:
        """The calls since the last time."""
        found = list(self.sim("GET", "/calls")["calls"])
        if forget:
            self.sim("DELETE", "/calls")
        return found

    def changes(self) -> list[dict[str, Any]]:
        """The calls since the last time that may have changed something."""
        return [c for c in self.calls() if c["method"] != "GET" and "oauth2" not in c["path"]]

    # -- the tables --------------------------------------------------------------------------------------------------

    def rows(self, table: str) -> list[Any]:
        return list(self.store.table(table).rows.values())

    def table_calls(self) -> int:
        return sum(table.calls for table in self.store.tables.values())

    def open_intents(self) -> list[Any]:
        return [row for row in self.rows("journal") if row.partition.startswith("open|")]

    def claims(self, since: datetime) -> list[Any]:
        """Who created which name, of those that were settled since."""
        rows = [row for row in self.rows("journal") if row.partition.startswith("create|")]
        return [row for row in rows if row.values["at"] >= since]

    def kept(self) -> dict[str, Any]:
        """Everything that clients' requests may change in the tables, without journal and watching."""
        names = ("attributes", "externalids", "connections", "vaults")
        return {n: {k: dict(r.values) for k, r in self.store.table(n).rows.items()} for n in names}

    def age(self, minutes: int = 10) -> None:
        """What the journal holds was announced so many minutes earlier."""
        table = self.store.table("journal")
        for key, row in list(table.rows.items()):
            values = {**row.values, "at": row.values["at"] - timedelta(minutes=minutes)}
            table.rows[key] = replace(row, values=values)

    async def upkeep(self) -> None:
        """What the timer does every two minutes, ten minutes later."""
        self.age()
        with request_context("timer", 60):
            await upkeep(self.connector)

    async def audit(self) -> list[Any]:
        hour = timedelta(hours=1)
        trail = self.connector.trail
        return [e.event async for e in trail.search(datetime.now(UTC) - hour, datetime.now(UTC) + hour)]


def user(name: str, /, **more: Any) -> dict[str, Any]:
    return {"schemas": [USER], "userName": name, **more}


def group(name: str, /, *members: str, **more: Any) -> dict[str, Any]:
    return {"schemas": [GROUP], "displayName": name, "members": [{"value": m} for m in members], **more}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH_OP], "Operations": list(operations)}
