"""Table `settings`: what an administrator changes at run time. One JSON document a name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from scim.errors import StoreUnavailable
from scim.store.table import Row, RowChanged, RowExists, Table

_PARTITION = "settings"
_NAME = re.compile(r"[a-z][a-z0-9.-]{0,63}")


class SettingsTable:
    """Named documents, each changed as a whole and never blindly."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, name: str) -> tuple[dict[str, Any], str]:
        """The document and its etag; empty and "" when there is none."""
        row = await self._table.get(_PARTITION, _checked(name))
        if row is None:
            return {}, ""
        try:
            document = orjson.loads(row.values["document"])
        except (KeyError, orjson.JSONDecodeError):
            raise StoreUnavailable(f"The stored setting {name} cannot be read") from None
        return dict(document), row.etag

    async def put(self, name: str, document: dict[str, Any], etag: str) -> str:
        """Write it if it is still as it was read; the new etag. :raises RowChanged: somebody else was faster."""
        row = Row(_PARTITION, _checked(name), {"document": orjson.dumps(document).decode()})
        if etag:
            return await self._table.merge(row, etag=etag)
        try:
            return await self._table.insert(row)
        except RowExists:
            raise RowChanged from None

    async def due(self, name: str, every: timedelta) -> bool:
        """Whether it is time again for what is done once in `every`, by whichever instance asks first."""
        document, etag = await self.get(name)
        now = datetime.now(UTC).timestamp()
        if now - float(document.get("at", 0)) < every.total_seconds():
            return False
        try:
            await self.put(name, {"at": now}, etag)
        except RowChanged:
            return False
        return True


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not the name of a setting")
    return name
