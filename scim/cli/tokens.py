"""`token …`"""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any, TextIO

from scim.administration.verbs import add_token
from scim.cli.answer import Answer, table
from scim.cli.office import Office
from scim.cli.parser import Usage
from scim.store.settings_table import SettingsTable
from scim.store.switches import Switches
from scim.store.tokens import MOST_DAYS, StoredToken


async def add(office: Office, args: Namespace, _: TextIO) -> Answer:
    if args.days is not None and not 1 <= args.days <= MOST_DAYS:
        raise Usage(f"--days takes 1 to {MOST_DAYS}")
    days = args.days or (await Switches(SettingsTable(office.store.table("settings"))).read(fresh=True)).token_days
    connection = await office.connections.need(args.connection)
    made = await add_token(office.tokens, connection, office.keys.pepper, days=days, force=args.force, kind=args.kind)
    until = f"{made.stored.expires:%Y-%m-%d}"
    note = f"for {connection.name}, valid until {until}; it cannot be shown again, so store it now"
    return Answer({"token": made.text, **shown(made.stored)}, made.text, note)


async def show_all(office: Office, args: Namespace, _: TextIO) -> Answer:
    connection = await office.connections.need(args.connection)
    rows = [shown(token) for token in await office.tokens.list(connection.id)]
    return Answer(rows, table(rows, ("key_id", "kind", "state", "created", "expires", "last_used", "last_address")))


async def revoke(office: Office, args: Namespace, _: TextIO) -> Answer:
    token = await office.tokens.revoke(args.keyid)
    return Answer(shown(token), f"token {token.key_id} is revoked; every instance refuses it within a minute")


def shown(token: StoredToken) -> dict[str, Any]:
    """What administrators may see of a token."""
    now = datetime.now(UTC)
    state = "live" if token.live(now) else "expired" if token.revoked is None else "revoked"
    return {
        "key_id": token.key_id,
        "kind": token.kind,
        "connection": token.connection,
        "state": state,
        "created": token.created,
        "expires": token.expires,
        "revoked": token.revoked,
        "last_used": None if token.last_used is None else f"{token.last_used:%Y-%m-%d}",
        "last_address": token.last_address or None,
    }
