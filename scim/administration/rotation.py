"""Where the change of pepper and data key stands, and the part of it that is ours to do (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scim.access.keys import Keys
from scim.store.connections import Connections
from scim.store.console_keys import ConsoleKeys
from scim.store.seal import key_id
from scim.store.tokens import StoredToken, Tokens
from scim.store.vaults import Vaults


@dataclass(frozen=True, slots=True)
class PepperState:
    """`moved`: live tokens under the current pepper; `waiting`: those that an older one still proves, by connection."""

    peppers: int
    moved: int
    waiting: tuple[tuple[str, StoredToken], ...]
    console_keys: int

    @property
    def finished(self) -> bool:
        return self.peppers == 1 or not self.waiting


async def pepper_state(tokens: Tokens, connections: Connections, console: ConsoleKeys, keys: Keys) -> PepperState:
    """A token moves to the new pepper at its next use, because nobody keeps its text. Rows without a mark count as old
    ones while two peppers are in force.
    """
    now, current = datetime.now(UTC), key_id(keys.pepper).hex()
    live = [token for token in await tokens.all() if token.live(now)]
    names = {connection.id: connection.name for connection in await connections.list()}
    waiting = [t for t in live if t.pepper_id != current] if len(keys.peppers) > 1 else []
    scripts = [key for key in await console.list() if not key.once and key.expires > now]
    told = sorted((names.get(token.connection, str(token.connection)), token) for token in waiting)
    return PepperState(len(keys.peppers), len(live) - len(waiting), tuple(told), len(scripts))


async def reseal(vaults: Vaults) -> tuple[Sequence[str], Sequence[str]]:
    """Seal every vault's credential with the current data key: names of those that were, and of those that are now.

    :raises VaultRefusedUs: one cannot be opened with any key in force.
    """
    already: list[str] = []
    now: list[str] = []
    for vault in await vaults.list():
        (now if await vaults.reseal(vault.id) else already).append(vault.name)
    return already, now
