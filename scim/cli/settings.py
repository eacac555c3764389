"""`settings …`: what administrators set while the connector runs; the same list as the console's page."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any, TextIO

from scim.administration.settings import change_settings, checked
from scim.cli.answer import Answer, table
from scim.cli.office import Office
from scim.cli.parser import Usage
from scim.store.settings_table import SettingsTable
from scim.store.switches import Switches


async def show(office: Office, _: Namespace, __: TextIO) -> Answer:
    values = await _values(office)
    rows = [{"setting": name, "value": "" if value is None else value} for name, value in values.items()]
    return Answer(values, table(rows, ("setting", "value")))


async def edit(office: Office, args: Namespace, _: TextIO) -> Answer:
    pairs = [text.partition("=") for text in args.settings]
    if any(not equals for _, equals, _ in pairs):
        raise Usage("settings are given as NAME=VALUE")
    changed = await change_settings(_switches(office), checked({name: value for name, _, value in pairs}))
    told = f"changed: {', '.join(changed)}; every instance follows within a minute" if changed else "nothing to change"
    return Answer(await _values(office), told)


async def _values(office: Office) -> dict[str, Any]:
    values = asdict(await _switches(office).read(fresh=True))
    values.pop("sessions_from")  # the console's own mark
    return values


def _switches(office: Office) -> Switches:
    return Switches(SettingsTable(office.store.table("settings")))
