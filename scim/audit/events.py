"""What the audit trail tells: who asked for what, from where, what became of it. Never a secret, never a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import orjson

from scim.store.table import Row

Outcome = Literal["done", "refused", "failed", "unknown", "read"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)

MOST_CHARACTERS = 20_000  # of an event's JSON: a property holds 64 KiB of UTF-16, and 100 events travel in one batch
_MOST_TEXT = 1_000  # of any one text within it


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was asked of the connector, or that it did by itself.

    `action` is noun and verb: "user.create", "group.members.add", "token.revoke". `steps` are what was done upstream,
    in order. `normalised` is what the dialects changed in the request. `changed` names attributes, never their values.
    """

    at: datetime
    request_id: str
    action: str
    outcome: Outcome
    connection: str = ""  # id; "" for the connector's own doings and for administrators
    connection_name: str = ""
    token_key: str = ""  # the key id of the token, never the token
    address: str = ""
    method: str = ""
    route: str = ""  # the template, never the URL: queries hold people's names
    kind: str = ""
    object_id: str = ""
    object_name: str = ""
    status: int = 0  # of our answer; 0 while there is none
    detail: str = ""
    steps: tuple[str, ...] = ()
    normalised: tuple[str, ...] = ()
    upstream: int = 0  # calls to the vault
    ms: float = 0.0
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place: which chain (`partition` is day and chain), which number, under which hash."""

    partition: str
    seq: int
    hash: str
    event: AuditEvent


_FIELDS = tuple(field.name for field in fields(AuditEvent))
_LISTS = ("steps", "normalised", "changed")


def canonical(event: AuditEvent) -> str:
    """The one JSON form of an event: sorted keys, no blanks, times in UTC. What is hashed is what is stored."""
    values = {name: _clean(getattr(event, name)) for name in _FIELDS}
    values["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = _dump(values)
    while len(text) > MOST_CHARACTERS and any(values[name] for name in _LISTS):
        longest = max(_LISTS, key=lambda name: sum(map(len, values[name])))
        kept = values[longest][: len(values[longest]) // 2]
        values[longest] = kept
        values["cut"] = True  # an auditor must see that a list is not whole
        text = _dump(values)
    return text


def read(text: str) -> AuditEvent:
    """The event in a canonical text. Fields of a newer version are passed over; missing ones have their defaults."""
    values: dict[str, Any] = {name: value for name, value in orjson.loads(text).items() if name in _FIELDS}
    values["at"] = datetime.fromisoformat(values["at"])
    for name in _LISTS:
        values[name] = tuple(values.get(name) or ())
    return AuditEvent(**values)


def columns(event: AuditEvent) -> dict[str, Any]:
    """What is kept beside the text so that the service can search by it. `verify` holds it against the text."""
    found: Mapping[str, Any] = {
        "at": event.at.astimezone(UTC),
        "connection": event.connection,
        "action": event.action,
        "outcome": event.outcome,
        "object": event.object_id,
    }
    return dict(found)


def entry(row: Row) -> Entry:
    """The entry in a row. :raises ValueError, KeyError, TypeError: when the row is not one."""
    return Entry(row.partition, int(row.key), str(row.values["hash"]), read(row.values["event"]))


def _dump(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def _clean(value: Any) -> Any:
    """Bounded, and without what JSON or the table refuses (lone surrogates, from hostile requests)."""
    if isinstance(value, str):
        return value[:_MOST_TEXT].encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [_clean(str(item)) for item in value]
    return value
