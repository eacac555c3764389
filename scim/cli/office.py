"""What a command works with: settings, tables, keys. Opened once a process, so that a batch pays for it once."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError

from scim.access.keys import Keys, load_keys
from scim.access.managed_identity import ManagedIdentity
from scim.errors import ConnectorError, Unimplemented
from scim.model import Vault
from scim.settings import Settings
from scim.store.azure_tables import AzureStore
from scim.store.connections import Connections
from scim.store.seal import Seal
from scim.store.table import Store
from scim.store.tokens import Tokens
from scim.store.vaults import Vaults

Probe = Callable[[Vault, SecretStr], Awaitable[Mapping[str, Any]]]


class Refused(ConnectorError):
    """A command that is understood and not carried out: exit code 1."""

    status = 400


@dataclass(slots=True)
class Office:
    """The tables as repositories, and the keys.

    `probe` logs in to a vault and tells who the connector is there: {"account": …, "version": …, …}.
    """

    settings: Settings
    store: Store
    keys: Keys
    probe: Probe

    @property
    def connections(self) -> Connections:
        return Connections(self.store.table("connections"))

    @property
    def vaults(self) -> Vaults:
        return Vaults(self.store.table("vaults"), Seal(self.keys.data_keys))

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.store.table("tokens"))

    async def close(self) -> None:
        await self.store.close()


async def open_office() -> Office:
    """From the environment. :raises Refused: naming the settings that are missing or wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"SCIM_{str(e['loc'][0]).upper()} {e['msg']}" for e in error.errors(include_input=False))
        raise Refused(f"The settings are not usable: {wrong}") from None
    identity = ManagedIdentity(settings.identity_client_id)
    if settings.tables_connection_string is not None:
        store = AzureStore(connection_string=settings.tables_connection_string.get_secret_value())
    elif settings.tables_endpoint is not None:
        store = AzureStore(endpoint=settings.tables_endpoint, credential=identity)
    else:
        raise Refused(
            "Where are the tables? Set SCIM_TABLES_ENDPOINT, or SCIM_TABLES_CONNECTION_STRING for an emulator"
        )
    return Office(settings, store, await load_keys(settings, identity), probe_with_app)


async def probe_with_app(vault: Vault, credential: SecretStr) -> Mapping[str, Any]:
    """Ask the composition root, which alone knows the adapters: `async scim.app.probe_vault(vault, credential)`."""
    try:
        found: Probe = importlib.import_module("scim.app").probe_vault
    except (ImportError, AttributeError):
        raise Unimplemented("This build of the connector cannot test vaults") from None
    return await found(vault, credential)
