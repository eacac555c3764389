"""Table `connections`: one row a SCIM client, and one that keeps its name unique."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from scim.errors import InvalidValue
from scim.model import Connection, ConnectionId, Policies, VaultId
from scim.store.named import Named, complaints, new_id
from scim.store.table import Table


class Connections:
    """The connections of this connector."""

    def __init__(self, table: Table) -> None:
        self._rows = Named(table, "connection", Connection)

    async def add(
        self,
        name: str,
        vault: VaultId,
        *,
        read_only: bool = False,
        scope: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
        policies: Policies | None = None,
        **more: Any,
    ) -> Connection:
        """:raises Uniqueness: when the name is taken, in whatever case.."""
        try:
            connection = Connection(
                id=ConnectionId(new_id()),
                name=name,
                vault=vault,
                read_only=read_only,
                scope=scope,
                sources=sources,
                policies=policies or Policies(),
                **more,
            )
        except ValidationError as error:
            raise InvalidValue(complaints(error)) from None
        return await self.insert(connection)

    async def insert(self, connection: Connection) -> Connection:
        """Add a connection whose id is given. :raises Uniqueness: when its id or its name is taken."""
        return await self._rows.add(connection, {})

    async def get(self, connection_id: ConnectionId) -> Connection | None:
        return await self._rows.get(connection_id)

    async def find(self, text: str) -> Connection | None:
        """By name, else by id."""
        return await self._rows.find(text)

    async def need(self, text: str) -> Connection:
        """As find. :raises NotFound:"""
        return await self._rows.need(text)

    async def list(self) -> list[Connection]:
        return await self._rows.list()

    async def update(self, connection_id: ConnectionId, **changes: Any) -> Connection:
        """:raises NotFound: :raises Uniqueness: the new name is taken. :raises InvalidValue: a value is not allowed."""
        return await self._rows.update(connection_id, changes)

    async def remove(self, connection_id: ConnectionId) -> None:
        """:raises NotFound:"""
        await self._rows.remove(connection_id)
