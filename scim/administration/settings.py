"""What administrators set while the connector runs: one list of what may be set, for pages, API and command line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scim.errors import InvalidValue
from scim.store.switches import BULK_BYTES, BULK_OPERATIONS, Switches
from scim.store.tokens import MOST_DAYS


@dataclass(frozen=True, slots=True)
class Number:
    """A setting that is a number: what it is called, its bounds, its unit and what it does."""

    name: str
    title: str
    low: int
    high: int
    unit: str
    meaning: str
    optional: bool = False  # may be left empty: then the environment's value holds


_SAID = "A larger bulk is 413; ServiceProviderConfig says so."
_CIRCUIT = (
    "After so many a vault is left alone for five seconds, then one call tries again: it mends itself. The vendor's "
    "connector switches itself off after 20 errors and waits for a person."
)
_SWEEP = "So often, for filters on meta.lastModified; 0: never; empty: as SCIM_SWEEP_SECONDS says."

NUMBERS = (
    Number("bulk_operations", "Operations in a bulk", 1, BULK_OPERATIONS, "operations", _SAID),
    Number("bulk_bytes", "Size of a bulk", 1_024, BULK_BYTES, "bytes", _SAID),
    Number("vault_failures", "Unanswered calls in a row", 1, 1_000, "calls", _CIRCUIT),
    Number("token_days", "Life of a new token", 1, MOST_DAYS, "days", "Tokens that are there keep their end."),
    Number("sweep_seconds", "Look for changes made in the vault", 0, 604_800, "seconds", _SWEEP, optional=True),
    Number("message_days", "Keep messages", 1, 30, "days", "The audit trail is not affected."),
)
MESSAGES = ("full", "outline", "off")
MOST_NOTE = 200


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they may be stored; numbers may come as text. :raises InvalidValue: naming the setting."""
    numbers = {number.name: number for number in NUMBERS}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in numbers:
            values[name] = _number(numbers[name], value)
        elif name == "maintenance":
            values[name] = _switch(name, value)
        elif name == "note":
            if not isinstance(value, str) or len(value) > MOST_NOTE or not (value.isprintable() or value == ""):
                raise InvalidValue(f"note: at most {MOST_NOTE} printable characters")
            values[name] = value
        elif name == "messages":
            if value not in MESSAGES:
                raise InvalidValue(f"messages: what is kept of them is {', '.join(MESSAGES)}")
            values[name] = value
        else:
            known = ", ".join(["maintenance", "messages", "note", *sorted(numbers)])
            raise InvalidValue(f"There is no setting of that name; there are {known}")
    return values


async def change_settings(switches: Switches, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Store checked settings; the names of those that are others now. :raises StoreUnavailable:"""
    before = await switches.read(fresh=True)
    changed = tuple(sorted(name for name, value in values.items() if getattr(before, name) != value))
    if changed:
        await switches.change(**values)
    return changed


async def end_sessions(switches: Switches) -> None:
    """End every session of a person, those that began within this very second too. :raises StoreUnavailable:"""
    await switches.change(sessions_from=int(time.time()) + 1)


def _number(number: Number, value: Any) -> int | None:
    if number.optional and value in (None, ""):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not number.low <= value <= number.high:
        bounds = f"{number.low} to {number.high} {number.unit}"
        raise InvalidValue(f"{number.name}: {number.title.lower()} takes {bounds}")
    return value


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "on", "false", "off"):
        return value.casefold() in ("true", "on")
    if not isinstance(value, bool):
        raise InvalidValue(f"{name}: it is true or false")
    return value
