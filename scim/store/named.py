"""Rows that people know by name: connections and vaults. Small tables, one partition each.

    partition      key                     what
    {kind}         id|{id}                 the model as JSON, and what else the table keeps beside it
    {kind}         name|{hash of name}     {"id": …}: keeps names unique, whatever their case and width

Row and name are written in one transaction, so two administrators cannot take one name at the same moment.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from scim.errors import InvalidValue, NotFound, StoreUnavailable, Uniqueness
from scim.model import Connection, Vault
from scim.names import fold
from scim.store.table import Operation, Row, RowChanged, RowExists, Table

M = TypeVar("M", bound=Connection | Vault)

_ATTEMPTS = 3


def complaints(error: ValidationError) -> str:
    """What is wrong with a value, without the library's words for who says so."""
    return "; ".join(str(complaint["msg"]).removeprefix("Value error, ") for complaint in error.errors())


class Named(Generic[M]):
    """One kind of named row. Fields and columns that a newer version wrote stay as they are."""

    def __init__(self, table: Table, kind: str, model: type[M]) -> None:
        self._table = table
        self._kind = kind
        self._model = model

    async def add(self, item: M, columns: Mapping[str, Any]) -> M:
        """:raises Uniqueness: when the name (or, against all odds, the id) is taken. :raises InvalidValue:"""
        _check_label(item.name)
        try:
            await self._table.batch(
                [Operation("insert", self._row(item, columns)), Operation("insert", self._name_row(item))]
            )
        except RowExists:
            raise Uniqueness(f"A {self._kind} with this name exists already") from None
        return item

    async def get(self, item_id: str) -> M | None:
        row = await self.row(item_id)
        return None if row is None else self.read(row)

    async def row(self, item_id: str) -> Row | None:
        """The whole row, for columns that are not part of the model."""
        if not item_id.isalnum() or not item_id.isascii() or len(item_id) > 64:
            return None  # never an id of ours, and perhaps not even a key
        return await self._table.get(self._kind, f"id|{item_id}")

    async def find(self, text: str) -> M | None:
        """By name, else by id: what an administrator types."""
        index = await self._table.get(self._kind, _name_key(text))
        return await self.get(text if index is None else str(index.values["id"]))

    async def need(self, text: str) -> M:
        """As find. :raises NotFound:"""
        item = await self.find(text)
        if item is None:
            raise NotFound(f"There is no {self._kind} of this name or id")
        return item

    async def list(self) -> list[M]:
        """All of them, by name."""
        rows = self._table.query(self._kind, first="id|", last="id|~")
        return sorted([self.read(row) async for row in rows], key=lambda item: fold(item.name))

    async def update(
        self,
        item_id: str,
        changes: Mapping[str, Any],
        *,
        columns: Mapping[str, Any] = MappingProxyType({}),
        judge: Callable[[M, M], None] | None = None,
    ) -> M:
        """Change some fields, against a fresh read.

        :param columns: What stands beside the model, and is written with it.
        :param judge: Is shown what is there and what would be; an error of its is an error of this.

        :raises NotFound: :raises Uniqueness: the new name is taken. :raises InvalidValue: the model refuses a value.
        """
        for _ in range(_ATTEMPTS):
            row = await self.row(item_id)
            if row is None:
                raise NotFound(f"There is no {self._kind} of this name or id")
            old = self.read(row)
            new = self._changed(old, changes)
            _check_label(new.name)
            if judge is not None:
                judge(old, new)
            operations = [Operation("merge", self._row(new, columns), row.etag)]
            if fold(new.name) != fold(old.name):
                operations += [
                    Operation("delete", self._name_row(old)),
                    Operation("insert", self._name_row(new)),
                ]
            try:
                await self._table.batch(operations)
            except RowExists:
                raise Uniqueness(f"A {self._kind} with this name exists already") from None
            except RowChanged:
                continue
            return new
        raise StoreUnavailable(f"Somebody else keeps changing this {self._kind}; please try again", retry_after=5)

    async def remove(self, item_id: str) -> None:
        """:raises NotFound:"""
        for _ in range(_ATTEMPTS):
            row = await self.row(item_id)
            if row is None:
                raise NotFound(f"There is no {self._kind} of this name or id")
            old = self.read(row)
            try:
                await self._table.batch([Operation("delete", row, row.etag), Operation("delete", self._name_row(old))])
            except RowChanged:
                continue
            return
        raise StoreUnavailable(f"Somebody else keeps changing this {self._kind}; please try again", retry_after=5)

    def read(self, row: Row) -> M:
        """The model in a row. :raises StoreUnavailable: when a newer version wrote what this one cannot read."""
        try:
            return cast("M", self._model.model_validate_json(row.values["document"]))
        except (ValidationError, KeyError):
            # unknown is never absent: a row that cannot be read must not look like one that is not there
            raise StoreUnavailable(
                f"A stored {self._kind} ({row.key.removeprefix('id|')}) cannot be read by this version of the connector"
            ) from None

    def _changed(self, old: M, changes: Mapping[str, Any]) -> M:
        try:
            return cast("M", self._model.model_validate({**old.model_dump(), **changes}))
        except ValidationError as error:
            raise InvalidValue(complaints(error)) from None

    def _row(self, item: M, columns: Mapping[str, Any]) -> Row:
        return Row(self._kind, f"id|{item.id}", {"document": item.model_dump_json(), **columns})

    def _name_row(self, item: M) -> Row:
        return Row(self._kind, _name_key(item.name), {"id": str(item.id)})


def new_id() -> str:
    """64 random bits: nobody chooses an id, so nobody can aim one at another's namespace."""
    return secrets.token_hex(8)


def _check_label(name: str) -> None:
    """People read names in lists and logs: nothing invisible, nothing endless."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidValue("a name is 1 to 100 printable characters")


def _name_key(name: str) -> str:
    return "name|" + hashlib.sha256(fold(name).encode("utf-8", "surrogatepass")).hexdigest()
