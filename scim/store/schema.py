"""Which form the tables have, and the way from an older form to this one.

One row says it: table `settings`, partition `schema`, key `version`. RULES, so that a version and the one before it can
share the tables while instances change over:

* new columns and new fields only; what is not known is carried along (model._Stored, store/named.py);
* what an old row lacks has a meaning in the code that reads it;
* a form that the version before cannot read takes two releases: first read both, then write the new one.

A migration is for what has to be rewritten all the same. It runs once, by whoever comes first, and can be interrupted:
it must bear to be begun again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from scim.errors import StoreUnavailable
from scim.store.table import Row, RowChanged, RowExists, Store

VERSION = 1
OLDEST_READER = 1  # the oldest version that reads what this one writes

Migration = Callable[[Store], Awaitable[None]]
MIGRATIONS: Mapping[int, Migration] = {}
"""Version → how the tables get there from the version before it. Empty so far: version 1 is the first."""

LEASE = timedelta(minutes=10)
_PARTITION, _KEY = "schema", "version"


async def prepare(store: Store, *, version: int = VERSION, migrations: Mapping[int, Migration] = MIGRATIONS) -> int:
    """Bring the tables to this version; the version that they have afterwards.

    Tables of a newer version stay as they are, if that version says that this one can read them.

    :raises StoreUnavailable: they are too new, or somebody else is migrating them.
    """
    table = store.table("settings")
    row = await table.get(_PARTITION, _KEY)
    if row is None:
        try:
            await table.insert(_row(version))
        except RowExists:
            return await prepare(store, version=version, migrations=migrations)
        return version
    found = int(row.values["version"])
    if found > version:
        if int(row.values.get("oldest_reader", found)) > version:
            raise StoreUnavailable(
                f"The tables have the form {found}, and this version of the connector reads up to {version}: "
                "deploy the newer version again, or restore a backup"
            )
        return found
    for step in range(found + 1, version + 1):
        row = await _lease(store, row)
        if step in migrations:
            await migrations[step](store)
        await table.put(_row(step), etag=row.etag)
        row = await table.get(_PARTITION, _KEY) or _row(step)
    return version


async def _lease(store: Store, row: Row) -> Row:
    """The right to migrate, for ten minutes: an instance that dies meanwhile is succeeded by another."""
    until = row.values.get("migrating_until")
    now = datetime.now(UTC)
    if isinstance(until, datetime) and until > now:
        raise StoreUnavailable("The tables are being brought to a newer form; please try again", retry_after=30)
    held = Row(row.partition, row.key, {**row.values, "migrating_until": now + LEASE})
    try:
        etag = await store.table("settings").put(held, etag=row.etag)
    except RowChanged:
        raise StoreUnavailable("The tables are being brought to a newer form", retry_after=30) from None
    return Row(held.partition, held.key, held.values, etag)


def _row(version: int) -> Row:
    values = {"version": version, "oldest_reader": min(OLDEST_READER, version), "since": datetime.now(UTC)}
    return Row(_PARTITION, _KEY, values)
