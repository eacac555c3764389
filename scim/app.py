"""The composition root: journal(guard(attributes(secretserver))) → resources → triggers. Adapters are named only here.

One Connector per process (`scim/connector.py`), made from the environment at the first request.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from pydantic import SecretStr, ValidationError

from scim import __version__
from scim.access.keys import KeyRing
from scim.access.managed_identity import ManagedIdentity
from scim.connector import Connector, probe
from scim.errors import NotSetUp
from scim.model import Vault
from scim.rehearsal import Rehearsal
from scim.secretserver.directory import SecretServerDirectory
from scim.settings import Settings
from scim.store.azure_tables import AzureStore
from scim.store.table import Store
from scim.upkeep import upkeep


def open_vault(vault: Vault, credential: SecretStr, settings: Settings) -> SecretServerDirectory:
    """A vault's adapter. Opens nothing yet."""
    return SecretServerDirectory.connect(
        vault,
        credential,
        insecure=settings.insecure_vault_urls,
        concurrency=settings.vault_concurrency,
        connect_seconds=settings.connect_seconds,
        read_seconds=settings.read_seconds,
        scan_rows=settings.scan_rows,
        memberships_seconds=settings.memberships_seconds,
    )


async def probe_vault(vault: Vault, credential: SecretStr) -> Mapping[str, Any]:
    """Log in to a vault and tell who the connector is there; for `vault test`."""
    return await probe(vault, open_vault(vault, credential, Settings()))


def open_store(settings: Settings) -> tuple[Store, ManagedIdentity | None]:
    """The tables that the settings name. :raises NotSetUp: they name none."""
    if settings.tables_connection_string is not None:
        return AzureStore(connection_string=settings.tables_connection_string.get_secret_value()), None
    if settings.tables_endpoint is None:
        raise NotSetUp("SCIM_TABLES_ENDPOINT is missing: the connector does not know where its tables are")
    identity = ManagedIdentity(settings.identity_client_id)
    return AzureStore(endpoint=settings.tables_endpoint, credential=identity), identity


@cache
def connector() -> Connector:
    """The connector of this process, from the environment.

    :raises NotSetUp: A setting is missing or wrong; the detail names it. Asked again at the next request.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"SCIM_{str(e['loc'][0]).upper()} {e['msg']}" for e in error.errors(include_input=False))
        raise NotSetUp(f"The connector is not configured: {wrong}") from None
    if not settings.public_url:
        host = os.environ.get("WEBSITE_HOSTNAME")
        if not host:
            raise NotSetUp("SCIM_PUBLIC_URL is missing: the connector does not know its own address")
        settings = settings.model_copy(update={"public_url": f"https://{host}"})
    logging.getLogger("scim").setLevel(settings.log_level)
    store, identity = open_store(settings)
    keys = KeyRing(settings, identity or ManagedIdentity(settings.identity_client_id))
    found = Connector(settings, store, keys, partial(open_vault, settings=settings), Rehearsal)
    if settings.open_telemetry:
        from scim.telemetry import Tracing  # half a second of imports, for those who asked for it

        found.tracing = Tracing(__version__)
    return found


async def keep_up() -> None:
    """What the timer does: everything that is due by the clock, in this process."""
    await upkeep(connector())
