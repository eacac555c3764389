"""Table `tokens`: what is kept of a token. Never the token: a keyed hash that nobody can turn back.

partition   key                     what
tokens      key|{key id}            digest, connection, expiry, revocation, last use, which pepper keyed the digest
tokens      lock|{connection}       changes with every new token, so that two administrators cannot both add a third
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from scim.errors import NotFound, StoreUnavailable, Uniqueness
from scim.model import ConnectionId
from scim.store.table import Operation, Row, RowChanged, RowExists, Table

DEFAULT_DAYS = 365
MOST_DAYS = 730
LIVE_AT_ONCE = 2  # of each kind: the old one and the new one while a client moves over

Kind = Literal["bearer", "client_secret"]
"""What a token is for: to be sent with each request, or to be exchanged for access tokens at /oauth/token."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_PARTITION = "tokens"
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One token as the table knows it. The digest is left out of repr: it is no secret, but nobody's business."""

    key_id: str
    connection: ConnectionId
    digest: bytes = field(repr=False)
    created: datetime
    expires: datetime
    revoked: datetime | None = None
    last_used: datetime | None = None  # to the day
    last_address: str = ""
    kind: Kind = "bearer"
    pepper_id: str = ""  # of the pepper under the digest; rows of the first version name none
    etag: str = field(default="", repr=False)

    def live(self, now: datetime) -> bool:
        return self.revoked is None and now < self.expires


class Tokens:
    """The tokens of all connections."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def add(
        self,
        connection: ConnectionId,
        key_id: str,
        digest: bytes,
        *,
        days: int = DEFAULT_DAYS,
        force: bool = False,
        kind: Kind = "bearer",
        pepper_id: str = "",
    ) -> StoredToken:
        """Keep a new token. With `force` the oldest of its kind makes room; it is revoked at the same moment.

        :raises Uniqueness: when two of its kind are live, or the key id is taken.
        :raises ValueError: for days out of range.
        """
        if not 1 <= days <= MOST_DAYS:
            raise ValueError(f"a token lives between 1 and {MOST_DAYS} days")
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError("not a key id")
        for _ in range(_ATTEMPTS):
            lock = await self._table.get(_PARTITION, f"lock|{connection}")
            now = datetime.now(UTC)
            live = [token for token in await self.list(connection) if token.live(now) and token.kind == kind]
            if len(live) >= LIVE_AT_ONCE and not force:
                raise Uniqueness(
                    f"This connection has {len(live)} live tokens ({', '.join(t.key_id for t in live)}), and no more "
                    "are allowed: revoke one, or use --force, which revokes the oldest"
                )
            until = now + timedelta(days=days)
            fresh = StoredToken(key_id, connection, digest, now, until, kind=kind, pepper_id=pepper_id)
            surplus = live[: len(live) + 1 - LIVE_AT_ONCE]
            try:
                await self._table.batch([_lock(connection, lock), _insert(fresh), *(_revoke(t, now) for t in surplus)])
            except RowChanged:
                continue
            except RowExists:
                if lock is not None or await self._table.get(_PARTITION, f"lock|{connection}") is None:
                    raise Uniqueness("This key id is taken; make another token") from None
                continue
            return fresh
        raise StoreUnavailable("Somebody else is changing this connection's tokens; please try again", retry_after=5)

    async def get(self, key_id: str) -> StoredToken | None:
        """A point read: what the request path does."""
        if not _KEY_ID.fullmatch(key_id):
            return None
        row = await self._table.get(_PARTITION, f"key|{key_id}")
        return None if row is None else _read(row)

    async def all(self) -> list[StoredToken]:
        """Every token of every connection. For administration."""
        rows = self._table.query(_PARTITION, first="key|", last="key|~")
        return [token async for row in rows if (token := _read(row))]

    async def list(self, connection: ConnectionId) -> list[StoredToken]:
        """All of a connection's tokens, dead ones too, oldest first. For administration."""
        rows = self._table.query(_PARTITION, first="key|", last="key|~", where={"connection": str(connection)})
        found = [token async for row in rows if (token := _read(row))]
        return sorted(found, key=lambda token: (token.created, token.key_id))

    async def by_connection(self) -> Mapping[ConnectionId, Sequence[StoredToken]]:
        """Every token, oldest first; one read for pages that show many connections."""
        found: dict[ConnectionId, list[StoredToken]] = {}
        async for row in self._table.query(_PARTITION, first="key|", last="key|~"):
            token = _read(row)
            if token is not None:
                found.setdefault(token.connection, []).append(token)
        return {c: sorted(tokens, key=lambda token: (token.created, token.key_id)) for c, tokens in found.items()}

    async def revoke(self, key_id: str) -> StoredToken:
        """Refuse a token from now on (within the caches' age everywhere). Twice is as good as once.

        :raises NotFound:
        """
        for _ in range(_ATTEMPTS):
            token = await self.get(key_id)
            if token is None:
                raise NotFound("There is no token with this key id")
            if token.revoked is not None:
                return token
            step = _revoke(token, datetime.now(UTC))
            try:
                await self._table.merge(step.row, etag=step.etag)
            except RowChanged:
                continue
        token = await self.get(key_id)
        if token is None or token.revoked is None:
            raise StoreUnavailable("The token could not be revoked; please try again", retry_after=5)
        return token

    async def revoke_all(self, connection: ConnectionId) -> int:
        """Revoke what is live of a connection, as its removal does. How many it were."""
        now = datetime.now(UTC)
        live = [token for token in await self.list(connection) if token.live(now)]
        for token in live:
            await self.revoke(token.key_id)
        return len(live)

    async def rehash(self, token: StoredToken, digest: bytes, pepper_id: str) -> None:
        """Keep a token's hash under another pepper. A lost race is no loss: the next use does it."""
        values = {"digest": digest, "pepper_id": pepper_id}
        try:
            await self._table.merge(Row(_PARTITION, f"key|{token.key_id}", values), etag=token.etag)
        except RowChanged:
            return

    async def touch(self, token: StoredToken, day: datetime, address: str) -> None:
        """Note day and address of use. A lost race is no loss: the next hour notes it again."""
        midnight = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        values = {"last_used": midnight, "last_address": address[:45]}
        try:
            # with the etag: a merge without one would bring a removed row back
            await self._table.merge(Row(_PARTITION, f"key|{token.key_id}", values), etag=token.etag)
        except RowChanged:
            return


def _lock(connection: ConnectionId, lock: Row | None) -> Operation:
    turn = 0 if lock is None else int(lock.values.get("turn", 0))
    row = Row(_PARTITION, f"lock|{connection}", {"turn": turn + 1})
    return Operation("insert", row) if lock is None else Operation("merge", row, lock.etag)


def _insert(token: StoredToken) -> Operation:
    values: Mapping[str, Any] = {
        "connection": str(token.connection),
        "digest": token.digest,
        "created": token.created,
        "expires": token.expires,
        "kind": token.kind,
    }
    if token.pepper_id:
        values = {**values, "pepper_id": token.pepper_id}
    return Operation("insert", Row(_PARTITION, f"key|{token.key_id}", values))


def _revoke(token: StoredToken, now: datetime) -> Operation:
    return Operation("merge", Row(_PARTITION, f"key|{token.key_id}", {"revoked": now}), token.etag)


def _read(row: Row) -> StoredToken | None:
    """The token in a row. One without owner, digest or expiry is no token at all: no rule never means allowed."""
    values = row.values
    owner, digest, expires = values.get("connection"), values.get("digest"), values.get("expires")
    if not isinstance(owner, str) or not owner or not isinstance(digest, bytes) or not isinstance(expires, datetime):
        return None
    kind = values.get("kind") or "bearer"  # rows of the first version name none
    if kind not in KINDS:
        return None
    return StoredToken(
        key_id=row.key.removeprefix("key|"),
        connection=ConnectionId(owner),
        digest=digest,
        created=values.get("created") or expires,
        expires=expires,
        revoked=values.get("revoked"),
        last_used=values.get("last_used"),
        last_address=str(values.get("last_address") or ""),
        kind=kind,
        pepper_id=str(values.get("pepper_id") or ""),
        etag=row.etag,
    )
