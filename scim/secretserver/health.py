"""How the vault is, as far as our account can tell."""

from __future__ import annotations

import time

from scim.directory.port_vault import Health
from scim.errors import ConnectorError, VaultRefusedUs
from scim.secretserver import operations, wire
from scim.secretserver.account import Account
from scim.secretserver.client import VaultClient


async def examine(client: VaultClient, account: Account) -> Health:
    """Ask who we are, then which version answers; never raises for a vault that is ill."""
    begun = time.perf_counter()
    try:
        found = await account.read_again()
    except ConnectorError as error:
        ms = (time.perf_counter() - begun) * 1000
        refused = isinstance(error, VaultRefusedUs)
        return Health(refused, ms, credentials=not client.authentication.refused, problem=error.detail)
    ms = (time.perf_counter() - begun) * 1000
    try:
        version = (await client.call(operations.VERSION, wire.Version)).number
    except ConnectorError:
        version = None  # it may be hidden, and nothing depends on it
    return Health(reachable=True, ms=ms, account=found, version=version)
