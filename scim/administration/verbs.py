"""The verbs that change vaults, connections and tokens, where they are more than one call to a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from scim.access.tokens import digest, mint
from scim.errors import InvalidValue, Uniqueness
from scim.model import Connection, Vault
from scim.store.connections import Connections
from scim.store.seal import key_id
from scim.store.tokens import MOST_DAYS, StoredToken, Tokens
from scim.store.tokens import Kind as TokenKind
from scim.store.vaults import Vaults, vault_url

_URLS = ("url", "platform_url")


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token: its text, which exists only here and now, and what is stored of it."""

    text: str
    stored: StoredToken


def checked_vault(fields: dict[str, Any], *, insecure: bool) -> dict[str, Any]:
    """The fields of a vault as they may be stored. :raises InvalidValue: naming the field."""
    if fields.get("auth") == "platform" and not fields.get("platform_url"):
        raise InvalidValue("signing in with a platform account needs the platform's URL")
    urls = {name: vault_url(str(fields[name]), insecure=insecure) for name in _URLS if fields.get(name)}
    return {**fields, **urls}


async def add_vault(vaults: Vaults, credential: SecretStr, fields: dict[str, Any], *, insecure: bool) -> Vault:
    """:raises Uniqueness: :raises InvalidValue:"""
    values = checked_vault(fields, insecure=insecure)
    if not credential.get_secret_value():
        raise InvalidValue("the password is empty")
    return await vaults.add(values.pop("name"), values.pop("url"), credential, **values)


async def remove_vault(vaults: Vaults, connections: Connections, vault: Vault) -> None:
    """:raises Uniqueness: connections still use it."""
    users = [connection.name for connection in await connections.list() if connection.vault == vault.id]
    if users:
        raise Uniqueness(f"{vault.name} is in use by {', '.join(users)}: remove these connections first")
    await vaults.remove(vault.id)


async def add_token(
    tokens: Tokens, connection: Connection, pepper: bytes, *, days: int, force: bool, kind: TokenKind = "bearer"
) -> Minted:
    """:raises Uniqueness: two are live. :raises InvalidValue: days out of range."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidValue(f"a token lives between 1 and {MOST_DAYS} days")
    token = mint()
    hashed = digest(token, pepper)
    mark = key_id(pepper).hex()
    stored = await tokens.add(connection.id, token.key_id, hashed, days=days, force=force, kind=kind, pepper_id=mark)
    return Minted(token.text, stored)


async def remove_connection(connections: Connections, tokens: Tokens, connection: Connection) -> int:
    """How many tokens were revoked. Those first: a connection without tokens is the harmless half."""
    revoked = await tokens.revoke_all(connection.id)
    await connections.remove(connection.id)
    return revoked
