"""`console …`: ways into the web console that need no identity platform."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import TextIO

from scim.administration.console_keys import make_code, make_key
from scim.cli.answer import Answer, table
from scim.cli.office import Office
from scim.cli.parser import Usage
from scim.store.console_keys import ConsoleKeys

MOST_MINUTES, MOST_DAYS = 24 * 60, 365


async def code(office: Office, args: Namespace, _: TextIO) -> Answer:
    if not 1 <= args.minutes <= MOST_MINUTES:
        raise Usage(f"--minutes takes 1 to {MOST_MINUTES}")
    text = await make_code(_keys(office), office.keys.pepper, role=args.role, name=args.name, minutes=args.minutes)
    note = f"lets {args.name} in once as {args.role}, within {args.minutes} minutes: {_address(office)}/sign-in"
    return Answer({"code": text, "role": args.role, "minutes": args.minutes}, text, note)


async def key(office: Office, args: Namespace, _: TextIO) -> Answer:
    if not 1 <= args.days <= MOST_DAYS:
        raise Usage(f"--days takes 1 to {MOST_DAYS}")
    text = await make_key(_keys(office), office.keys.pepper, role=args.role, name=args.name, days=args.days)
    note = f"for {_address(office)}/api as {args.role}, for {args.days} days; it cannot be shown again"
    return Answer({"key": text, "role": args.role, "days": args.days}, text, note)


async def show_all(office: Office, _: Namespace, __: TextIO) -> Answer:
    now = datetime.now(UTC)
    rows = [
        {
            "key_id": found.key_id,
            "name": found.name,
            "role": found.role,
            "kind": "code" if found.once else "key",
            "state": "live" if now < found.expires else "expired",
            "expires": found.expires,
        }
        for found in await _keys(office).list()
    ]
    return Answer(rows, table(rows, ("key_id", "name", "role", "kind", "state", "expires")))


async def remove(office: Office, args: Namespace, _: TextIO) -> Answer:
    await _keys(office).remove(args.keyid)
    return Answer({"key_id": args.keyid}, f"{args.keyid} is removed and no longer accepted")


def _keys(office: Office) -> ConsoleKeys:
    return ConsoleKeys(office.store.table("settings"))


def _address(office: Office) -> str:
    return f"{office.settings.public_url.rstrip('/')}/console"
