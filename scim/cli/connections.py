"""`connection …`"""

from __future__ import annotations

import ipaddress
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Literal, TextIO, get_args, get_origin

from scim.cli.answer import Answer, sheet, table
from scim.cli.office import Office, Refused
from scim.cli.parser import RESOURCE_TYPES, Usage
from scim.cli.tokens import shown as shown_token
from scim.model import Connection, Policies

_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


async def add(office: Office, args: Namespace, _: TextIO) -> Answer:
    vault = await office.vaults.need(args.vault)
    connection = await office.connections.add(
        args.name,
        vault.id,
        read_only=args.read_only,
        scope=scope(args.scope or "all"),
        sources=sources(args.source or ()),
        policies=Policies(**policies(args.policy)),
    )
    return Answer(_shown(connection), f"connection {connection.name} added ({connection.id}); next: token add")


async def edit(office: Office, args: Namespace, _: TextIO) -> Answer:
    connection = await office.connections.need(args.name)
    changes: dict[str, Any] = {}
    if args.rename is not None:
        changes["name"] = args.rename
    if args.read_only is not None:
        changes["read_only"] = args.read_only
    if args.scope is not None:
        changes["scope"] = scope(args.scope)
    if args.source is not None:
        changes["sources"] = sources(args.source)
    if args.policy:
        changes["policies"] = {**connection.policies.model_dump(), **policies(args.policy)}
    if not changes:
        raise Usage("connection edit: nothing to change was named")
    changed = await office.connections.update(connection.id, **changes)
    return Answer(_shown(changed), f"connection {changed.name} changed: {', '.join(sorted(changes))}")


async def show_all(office: Office, _: Namespace, __: TextIO) -> Answer:
    names = {vault.id: vault.name for vault in await office.vaults.list()}
    rows = [
        {**_shown(connection), "vault_name": names.get(connection.vault, connection.vault)}
        for connection in await office.connections.list()
    ]
    people = [{**row, "vault": row["vault_name"], "scope": row["scope"] or "all"} for row in rows]
    return Answer(rows, table(people, ("name", "id", "vault", "enabled", "read_only", "scope", "sources")))


async def show(office: Office, args: Namespace, _: TextIO) -> Answer:
    connection = await office.connections.need(args.name)
    tokens = [shown_token(token) for token in await office.tokens.list(connection.id)]
    values = {**_shown(connection), "tokens": tokens}
    people = {**values, "tokens": [f"{token['key_id']} ({token['state']})" for token in tokens]}
    return Answer(values, sheet(people))


async def enable(office: Office, args: Namespace, _: TextIO) -> Answer:
    return await _switch(office, args.name, on=True)


async def disable(office: Office, args: Namespace, _: TextIO) -> Answer:
    return await _switch(office, args.name, on=False)


async def remove(office: Office, args: Namespace, _: TextIO) -> Answer:
    connection = await office.connections.need(args.name)
    # tokens first: should this stop half-way, a connection without tokens is the harmless half
    revoked = await office.tokens.revoke_all(connection.id)
    await office.connections.remove(connection.id)
    data = {"id": connection.id, "name": connection.name, "revoked_tokens": revoked}
    return Answer(data, f"connection {connection.name} removed, {revoked} tokens revoked")


async def _switch(office: Office, name: str, *, on: bool) -> Answer:
    connection = await office.connections.need(name)
    changed = await office.connections.update(connection.id, enabled=on)
    word = "enabled" if on else "disabled: its requests are refused within a minute"
    return Answer(_shown(changed), f"connection {changed.name} {word}")


def scope(text: str) -> tuple[str, ...]:
    """Resource types from a list with commas; () for all. :raises Refused: listing the known ones."""
    if text.strip().casefold() == "all":
        return ()
    known = {name.casefold(): name for name in RESOURCE_TYPES}
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in wanted if word.casefold() not in known]
    if unknown or not wanted:
        raise Refused(f"--scope knows {', '.join(RESOURCE_TYPES)} or all, not {', '.join(unknown) or 'nothing'}")
    return tuple(dict.fromkeys(known[word.casefold()] for word in wanted))


def sources(texts: Sequence[str]) -> tuple[str, ...]:
    """Address ranges in their canonical form; () for any. :raises Refused:"""
    if [text.casefold() for text in texts] == ["any"]:
        return ()
    found = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_network(text.strip())))
        except ValueError as error:
            raise Refused(f"--source takes ranges such as 203.0.113.0/24 or 2001:db8::/32: {error}") from None
    return tuple(dict.fromkeys(found))


def policies(texts: Sequence[str]) -> dict[str, Any]:
    """Policy values from KEY=VALUE texts. :raises Refused: listing what is allowed."""
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in Policies.model_fields:
            raise Refused(f"--policy knows {', '.join(Policies.model_fields)}; write KEY=VALUE")
        values[key] = _policy_value(key, value.strip())
    return values


def _policy_value(key: str, text: str) -> object:
    kind = Policies.model_fields[key].annotation
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise Refused(f"policy {key} is one of {', '.join(get_args(kind))}")
        return text
    if kind is bool:
        if text.casefold() not in _YES | _NO:
            raise Refused(f"policy {key} is true or false")
        return text.casefold() in _YES
    if kind is int:
        most = 100 if key.endswith("_percent") else 1_000_000
        if not text.isascii() or not text.isdigit() or int(text) > most:
            raise Refused(f"policy {key} is a whole number from 0 to {most}")
        return int(text)
    return tuple(word.strip().casefold() for word in text.split(",") if word.strip())


def _shown(connection: Connection) -> dict[str, Any]:
    return connection.model_dump()
