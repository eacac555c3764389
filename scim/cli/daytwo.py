"""`backup`, `restore`, `rotate-pepper`, `rotate-data-key`, `breaker …`: what comes after the first day."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TextIO

from scim.administration import backup as copies
from scim.administration.rotation import pepper_state, reseal
from scim.cli.answer import Answer, sheet, table
from scim.cli.office import Office, Refused
from scim.cli.parser import Usage
from scim.directory.breaker import Breaker
from scim.model import Connection
from scim.store.console_keys import ConsoleKeys

MOST_MINUTES = 24 * 60


async def backup(office: Office, args: Namespace, _: TextIO) -> Answer:
    rows = await copies.back_up(office.store, Path(args.directory), office.keys)
    text = table([{"table": name, "rows": count} for name, count in rows.items()], ("table", "rows"))
    return Answer({"directory": args.directory, "rows": rows}, text, "keep it where you keep what names people")


async def restore(office: Office, args: Namespace, _: TextIO) -> Answer:
    done = await copies.restore(office.store, Path(args.directory), office.keys, replace=args.replace)
    text = table([{"table": name, "rows": count} for name, count in done.rows.items()], ("table", "rows"))
    words = [f"warning: {warning}" for warning in done.warnings]
    if done.kept_revoked:
        words.append(f"{done.kept_revoked} tokens that were revoked after the copy was made stay revoked")
    if not args.replace:
        words.append("tokens that were revoked after the copy was made are live again: look at them with `token list`")
    data = {"rows": done.rows, "kept_revoked": done.kept_revoked, "warnings": list(done.warnings)}
    return Answer(data, text, "\n".join(words))


async def rotate_pepper(office: Office, _: Namespace, __: TextIO) -> Answer:
    console = ConsoleKeys(office.store.table("settings"))
    state = await pepper_state(office.tokens, office.connections, console, office.keys)
    waiting = [
        {"connection": name, "key_id": token.key_id, "expires": token.expires, "last_used": token.last_used}
        for name, token in state.waiting
    ]
    data = {"peppers": state.peppers, "moved": state.moved, "waiting": waiting, "console_keys": state.console_keys}
    if state.peppers == 1:
        return Answer(data, "one pepper is in force; docs/operations.md says how a new one is brought in")
    if waiting:
        found = table(waiting, ("connection", "key_id", "expires", "last_used"))
        raise Refused(
            f"{found}\n{state.moved} live tokens are under the new pepper, these are not: each moves at its next use. "
            "Leave the old pepper in, or replace or revoke them"
        )
    note = f"{state.console_keys} console keys were not moved: make them anew" if state.console_keys else ""
    return Answer(data, f"all {state.moved} live tokens are under the new pepper: the old one may go", note)


async def rotate_data_key(office: Office, _: Namespace, __: TextIO) -> Answer:
    already, now = await reseal(office.vaults)
    words = f"{len(now)} credentials sealed with the current data key, {len(already)} were already"
    if len(office.keys.data_keys) > 1:
        words += ": the old key may go"
    return Answer({"resealed": list(now), "already": list(already)}, words)


async def breaker_release(office: Office, args: Namespace, _: TextIO) -> Answer:
    if not 1 <= args.minutes <= MOST_MINUTES:
        raise Usage(f"--minutes takes 1 to {MOST_MINUTES}")
    connection = await office.connections.need(args.connection)
    await _breaker(office, connection).release(args.minutes * 60)
    text = f"changes of {connection.name} pass for {args.minutes} minutes"
    return Answer({"connection": connection.name, "minutes": args.minutes}, text)


async def breaker_show(office: Office, args: Namespace, _: TextIO) -> Answer:
    connection = await office.connections.need(args.connection)
    counted, released = await _breaker(office, connection).counted()
    policies = connection.policies
    values = {
        "connection": connection.name,
        "changes_in_the_last_hour": counted,
        "floor": policies.breaker_floor,
        "percent_of_users": policies.breaker_percent,
        "released": released,
        "switched_on": policies.breaker,
    }
    return Answer(values, sheet(values))


def _breaker(office: Office, connection: Connection) -> Breaker:
    return Breaker(office.store.table("settings"), connection, _nobody_counts)


async def _nobody_counts() -> int:
    """The limit is a share of the vault's users, and this command asks no vault."""
    raise Refused("The limit is known to the connector only")
