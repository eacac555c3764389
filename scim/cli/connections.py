"""`connection …`"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any, TextIO

from scim.administration import words
from scim.administration.verbs import remove_connection
from scim.cli.answer import Answer, sheet, table
from scim.cli.office import Office, Refused
from scim.cli.parser import Usage
from scim.cli.tokens import shown as shown_token
from scim.model import Connection, Policies


async def add(office: Office, args: Namespace, _: TextIO) -> Answer:
    vault = await office.vaults.need(args.vault)
    connection = await office.connections.add(
        args.name,
        vault.id,
        read_only=args.read_only,
        scope=scope(args.scope or "all"),
        sources=words.sources(args.source or ()),
        policies=Policies(**policies(args.policy)),
        **sign_in(args),
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
        changes["sources"] = words.sources(args.source)
    if args.policy:
        changes["policies"] = {**connection.policies.model_dump(), **policies(args.policy)}
    changes |= sign_in(args)
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
    revoked = await remove_connection(office.connections, office.tokens, connection)
    data = {"id": connection.id, "name": connection.name, "revoked_tokens": revoked}
    return Answer(data, f"connection {connection.name} removed, {revoked} tokens revoked")


async def _switch(office: Office, name: str, *, on: bool) -> Answer:
    connection = await office.connections.need(name)
    changed = await office.connections.update(connection.id, enabled=on)
    word = "enabled" if on else "disabled: its requests are refused within a minute"
    return Answer(_shown(changed), f"connection {changed.name} {word}")


def sign_in(args: Namespace) -> dict[str, Any]:
    """How a connection may prove who it is beside its tokens; only what was named. "none" takes away."""
    given: dict[str, Any] = {} if args.basic is None else {"basic": args.basic}
    for name in ("entra_tenant", "entra_audience", "me_claim"):
        text = getattr(args, name)
        if text is not None:
            given[name] = "" if text.casefold() == "none" else text.strip()
    if args.entra_subject is not None:
        subjects = [text.strip() for text in args.entra_subject if text.strip().casefold() != "none"]
        given["entra_subjects"] = tuple(dict.fromkeys(text.lower() for text in subjects if text))
    return given


def scope(text: str) -> tuple[str, ...]:
    """Resource types from a list with commas; () for all. :raises InvalidValue: listing the known ones."""
    return words.scope([text])


def policies(texts: Sequence[str]) -> dict[str, Any]:
    """Policy values from KEY=VALUE texts. :raises Refused: :raises InvalidValue: listing what is allowed."""
    given: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise Refused(f"--policy knows {', '.join(Policies.model_fields)}; write KEY=VALUE")
        given[key] = value
    return words.policies(given)


def _shown(connection: Connection) -> dict[str, Any]:
    return connection.model_dump()
