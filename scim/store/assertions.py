"""Table `tokens`, beside the tokens: assertions that were used once and must not be used again (RFC 7523 §3, jti).

partition                  key                          what
assertion|{connection}     {expiry in s}|{proof}        nothing: that it is there is all
"""

from __future__ import annotations

from datetime import UTC, datetime

from scim.model import ConnectionId
from scim.store.table import Row, RowExists, Table

_SWEEP = 20  # expired rows taken away with each new one


class Assertions:
    """Assertions by what makes each unique (hex), for as long as they would be accepted."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def use(self, connection: ConnectionId, proof: str, expires: datetime) -> bool:
        """Whether this is the first use, on whatever instance. :raises StoreUnavailable: nobody knows."""
        partition = f"assertion|{connection}"
        try:
            await self._table.insert(Row(partition, f"{int(expires.timestamp()):012d}|{proof}", {"used": True}))
        except RowExists:
            return False
        now = f"{int(datetime.now(UTC).timestamp()):012d}"
        old = [row async for row in self._table.query(partition, first="0", last=now, limit=_SWEEP)]
        for row in old:
            await self._table.delete(partition, row.key)
        return True
