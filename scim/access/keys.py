"""The connector's keys: from Key Vault in Azure, from the environment elsewhere.

One secret may hold two keys, separated by a comma: the current one, and the one before it that still opens what it
sealed or proves what it hashed. That is how data key and pepper are changed without an outage (docs/operations.md).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from scim.errors import NotSetUp, Unavailable
from scim.settings import Settings, decode_keys

API_VERSION = "7.4"
PEPPER, DATA_KEY = "scim-pepper", "scim-data-key"
RENEW_SECONDS = 15 * 60.0
_SCOPE = "https://vault.azure.net/.default"


class Credential(Protocol):
    async def get_token(self, *scopes: str) -> AccessToken: ...


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Each 32 bytes. `data_keys` and `peppers` hold the current one first, then those that are on their way out."""

    pepper: bytes
    data_key: bytes
    cursor_secret: bytes
    older_data_keys: tuple[bytes, ...] = field(default=())
    older_peppers: tuple[bytes, ...] = field(default=())

    @property
    def data_keys(self) -> tuple[bytes, ...]:
        return (self.data_key, *self.older_data_keys)

    @property
    def peppers(self) -> tuple[bytes, ...]:
        return (self.pepper, *self.older_peppers)

    def __repr__(self) -> str:
        return "Keys(...)"

    __str__ = __repr__


def derive(pepper: bytes, data_keys: tuple[bytes, ...], older_peppers: tuple[bytes, ...] = ()) -> Keys:
    """The keys, with those that are derived. The cursor secret is the same on every instance, as cursors travel."""
    cursor = HKDF(SHA256(), length=32, salt=None, info=b"scim-connector cursor v1").derive(data_keys[0])
    return Keys(pepper, data_keys[0], cursor, data_keys[1:], older_peppers)


async def load_keys(
    settings: Settings, credential: Credential | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> Keys:
    """Read the keys once.

    :raises Unavailable: When something is missing; the detail names the setting or the role assignment.
    """
    if settings.pepper is not None and settings.data_key is not None:
        peppers = decode_keys(settings.pepper)
        return derive(peppers[0], decode_keys(settings.data_key), peppers[1:])
    if settings.key_vault_uri is None:
        raise NotSetUp("Keys are missing: set SCIM_KEY_VAULT_URI, or SCIM_PEPPER and SCIM_DATA_KEY")
    if credential is None:
        raise NotSetUp("Key Vault needs the managed identity's credential")
    token = await credential.get_token(_SCOPE)
    # trust_env off: a proxy in the environment must not see the answers
    async with httpx.AsyncClient(timeout=5.0, trust_env=False, transport=transport) as client:
        pepper = await _read(client, settings.key_vault_uri, PEPPER, token.token)
        data = await _read(client, settings.key_vault_uri, DATA_KEY, token.token)
    return derive(pepper[0], data, pepper[1:])


class KeyRing:
    """Keys, read again every 15 minutes by one caller at a time; the last good ones serve through an outage."""

    def __init__(self, settings: Settings, credential: Credential | None = None) -> None:
        self._settings = settings
        self._credential = credential
        self._keys: Keys | None = None
        self._renew_at = 0.0
        self._locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    async def keys(self) -> Keys:
        """:raises Unavailable: when they were never read and cannot be read now."""
        if self._keys is not None and time.monotonic() < self._renew_at:
            return self._keys
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if self._keys is not None and time.monotonic() < self._renew_at:
                return self._keys
            try:
                self._keys = await load_keys(self._settings, self._credential)
            except Unavailable:
                if self._keys is None:
                    raise
                self._renew_at = time.monotonic() + 60  # no queue of callers, each waiting for its own time-out
                return self._keys
            self._renew_at = time.monotonic() + RENEW_SECONDS
            return self._keys


async def _read(client: httpx.AsyncClient, vault: str, name: str, token: str) -> tuple[bytes, ...]:
    url = f"{vault.rstrip('/')}/secrets/{name}"
    try:
        answer = await client.get(
            url, params={"api-version": API_VERSION}, headers={"Authorization": f"Bearer {token}"}
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"Key Vault cannot be reached ({type(error).__name__})") from None
    if answer.status_code in {401, 403}:
        raise NotSetUp(
            f"Key Vault refuses to hand out {name}{_code(answer)}: the connector's managed identity needs the role "
            "Key Vault Secrets User on the vault, and the vault's firewall must let it in"
        )
    if answer.status_code == 404:
        raise NotSetUp(f"Key Vault has no secret {name}: put the base64url form of 32 random bytes there")
    if answer.status_code != 200:
        raise Unavailable(f"Key Vault answered {answer.status_code}")
    try:
        keys = decode_keys(SecretStr(str(answer.json()["value"])))
    except (ValueError, KeyError, TypeError):
        keys = ()
    if not keys or any(len(key) != 32 for key in keys):
        raise NotSetUp(f"The secret {name} in Key Vault is not the base64url form of 32 random bytes")
    return keys


def _code(answer: httpx.Response) -> str:
    """Key Vault's own word: ForbiddenByRbac is the role, ForbiddenByFirewall the network."""
    try:
        error = answer.json()["error"]
        code = str((error.get("innererror") or error)["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({code})" if code.isalnum() else ""
