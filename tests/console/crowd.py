"""After years: 100,000 audit rows in valid chains, and thousands of rows in every list, straight into the tables."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from scim.audit import chain
from scim.audit.events import AuditEvent, canonical, columns
from scim.errors import StoreUnavailable
from scim.model import Connection, ConnectionId, Kind, Policies, Vault, VaultId
from scim.store.attributes import digest
from scim.store.azure_tables import AzureStore
from scim.store.messages import Message, Minute, _row
from scim.store.named import _name_key
from scim.store.table import Operation, Row

AUDIT = 100_000
CONNECTIONS = 300
VAULTS = 20
MESSAGES = 5_000
MANY = 2_000  # keys for scripts, unfinished work, renamed accounts, tokens of one connection
DAYS = 20
WRITERS = 5  # chains a day: instances come and go
ACTIONS = ("user.create", "user.change", "group.members.add", "user.disable", "read.query", "read.read")


async def crowd(connection_string: str, vault: str, connection: str) -> None:
    """Fill the tables of a stack that runs. `vault` and `connection` are rows that are really there."""
    store = AzureStore(connection_string=connection_string, budget_seconds=60)
    try:
        await _write(store, "connections", connection_rows(vault))
        await _write(store, "tokens", token_rows(connection))
        await _write(store, "vaults", vault_rows())
        await _write(store, "messages", message_rows(connection))
        await _write(store, "settings", key_rows())
        await _write(store, "journal", open_rows(vault))
        await _write(store, "attributes", alias_rows(vault))
        await _write(store, "audit", audit_rows(connection))
    finally:
        await store.close()


async def _write(store: AzureStore, name: str, rows: Iterable[Row]) -> None:
    """In batches of a partition; rows of one partition come together. A put may be sent twice."""
    table, batch = store.table(name), list[Operation]()

    async def flush() -> None:
        for _ in range(3):
            with suppress(StoreUnavailable):  # the emulator drops connections that were idle for a while
                return await table.batch(batch)
        return await table.batch(batch)

    for row in rows:
        if batch and (len(batch) == 100 or batch[0].row.partition != row.partition):
            await flush()
            batch = []
        batch.append(Operation("put", row))
    if batch:
        await flush()


def audit_rows(connection: str) -> Iterable[Row]:
    """Chains of many processes over some weeks, and one long one of today; every row hangs on the one before it."""
    dice, today = random.Random(7), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    now, share = datetime.now(UTC), AUDIT // (DAYS + 2) // WRITERS
    left = AUDIT
    for back in range(DAYS, -1, -1):
        begins = today - timedelta(days=back)
        lasts = min(timedelta(days=1), now - begins) - timedelta(seconds=1)
        for writer in range(WRITERS):
            count = share if back or writer < WRITERS - 1 else left
            left -= count
            yield from _chain(f"crowd{back:02d}-{writer}", begins, lasts, count, connection, dice)


def _chain(
    name: str, begins: datetime, lasts: timedelta, count: int, connection: str, dice: random.Random
) -> Iterable[Row]:
    partition, head = chain.partition(f"{begins:%Y%m%d}", name), chain.genesis(name)
    before = head
    for i in range(count):
        event = _event(begins + lasts * (i / count), i, connection, dice)
        text = canonical(event)
        head = chain.link(head, text)
        yield Row(partition, chain.key(head.seq), {"event": text, "hash": head.hash, **columns(event)})
    yield chain.anchor_row(partition, head, before, begins + lasts)


def _event(at: datetime, i: int, connection: str, dice: random.Random) -> AuditEvent:
    action, person = dice.choice(ACTIONS), dice.randrange(5_000)
    outcome: Any = "read" if action.startswith("read") else "refused" if i % 97 == 0 else "done"
    return AuditEvent(
        at, f"{dice.getrandbits(64):016x}", action, outcome, connection, "crowd", "0badc0de", "203.0.113.7",
        "POST", "/Users", "user", str(person), f"person{person}@example.com", 200,
        "" if outcome != "refused" else "userName: taken", ("create user",), (), 2, 12.5, ("userName",),
    )  # fmt: skip


def connection_rows(vault: str) -> Iterable[Row]:
    for i in range(CONNECTIONS):
        found = Connection(
            id=ConnectionId(f"c{i:015x}"), name=f"crowd {i:04d}", vault=VaultId(vault), client="okta",
            policies=Policies(container_rights={"Admin": "Owner"}),
        )  # fmt: skip
        yield Row("connection", f"id|{found.id}", {"document": found.model_dump_json()})
        yield Row("connection", _name_key(found.name), {"id": str(found.id)})


def token_rows(connection: str) -> Iterable[Row]:
    now = datetime.now(UTC)
    for i in range(CONNECTIONS + MANY):
        owner = f"c{i:015x}" if i < CONNECTIONS else connection
        values = {"connection": owner, "digest": bytes(32), "created": now, "expires": now + timedelta(days=20)}
        dead = {} if i < CONNECTIONS else {"revoked": now}
        yield Row("tokens", f"key|{i:08x}", {**values, **dead, "kind": "bearer"})


def vault_rows() -> Iterable[Row]:
    for i in range(VAULTS):
        vault = Vault(id=VaultId(f"v{i:015x}"), name=f"crowd {i:04d}", url="http://127.0.0.1:1", username="svc-scim")
        values = {"document": vault.model_dump_json(), "sealed": bytes(60), "sealed_at": vault.created}
        yield Row("vault", f"id|{vault.id}", values)
        yield Row("vault", _name_key(vault.name), {"id": str(vault.id)})


def message_rows(connection: str) -> Iterable[Row]:
    now = datetime.now(UTC)
    body = orjson.dumps({"userName": "ada@example.com", "displayName": "x" * 400}).decode()
    made = [
        Message(
            now - timedelta(seconds=3 * i), f"{i:016x}", connection, "crowd", "0badc0de", "203.0.113.7", "crowd",
            "POST",
            "/Users", "/Users", "", 201 if i % 9 else 409, 31.0, body, body, upstream=(("GET", "/v1/users", 200, 9.0),),
        )
        for i in range(MESSAGES)
    ]  # fmt: skip
    yield from sorted(map(_row, made), key=lambda row: (row.partition, row.key))
    for back in range(24 * 60):
        minute = now - timedelta(minutes=back)
        busy = {f"c{i:015x}": [9, 1, 0] for i in range(40)}
        for instance in range(2):
            numbers = asdict(Minute(360, 40, 0, 900, 0, [float(t) for t in range(64)], busy))
            row = Row(
                f"t|{minute:%Y%m%d%H}", f"{minute:%M}|crowd{instance}", {"numbers": orjson.dumps(numbers).decode()}
            )
            yield row
    for i in range(CONNECTIONS):
        seen = {"last_at": now - timedelta(minutes=i), "last_status": 200, "streak": 12 if i % 100 == 0 else 0}
        yield Row("s", f"c{i:015x}", {**seen, "last_error": "401 GET /Users", "agent": "crowd", "firsts": "{}"})


def key_rows() -> Iterable[Row]:
    now = datetime.now(UTC)
    values = {"digest": bytes(32), "role": "auditor", "expires": now + timedelta(days=9), "once": False, "created": now}
    return (Row("console", f"key|c{i:07x}", {**values, "name": f"script {i}"}) for i in range(MANY))


def open_rows(vault: str) -> Iterable[Row]:
    at = datetime.now(UTC) - timedelta(hours=1)
    for i in range(MANY):
        values = {
            "connection": "gone", "request": f"{i:016x}", "action": "user.create", "kind": "user", "object": 0,
            "name": f"crowd{i}", "at": at, "plan": "{}", "state": "unknown", "steps": "[]",
        }  # fmt: skip
        yield Row(f"open|{vault}", f"{i:020d}-{i:016x}-0", values)


def alias_rows(vault: str) -> Iterable[Row]:
    partition = f"{vault}|{Kind.USER}|alias"
    return (Row(partition, digest(f"crowd{i}"), {"id": i + 2}) for i in range(MANY))
