"""Administrators' doings in the audit trail: told before and after, and not done when they cannot be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from scim.audit.events import AuditEvent, Outcome
from scim.audit.trail import AuditTrail
from scim.errors import ConnectorError

T = TypeVar("T")
ANNOUNCED = "about to be done"


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does what to what. `action` is noun and verb, as everywhere in the trail: "vault.add"."""

    action: str
    who: str
    way: str  # where it is done: "cli vault add", "console POST /vaults"
    name: str = ""
    object_id: str = ""
    request_id: str = ""
    address: str = ""
    connection: str = ""
    changed: tuple[str, ...] = ()

    def event(self, outcome: Outcome, detail: str = "", status: int = 0) -> AuditEvent:
        return AuditEvent(
            at=datetime.now(UTC),
            request_id=self.request_id,
            action=self.action,
            outcome=outcome,
            connection=self.connection,
            connection_name=f"administrator {self.who}",
            address=self.address,
            route=self.way,
            kind=self.action.partition(".")[0],
            object_id=self.object_id,
            object_name=self.name,
            status=status,
            detail=detail,
            changed=self.changed,
        )


async def told(trail: AuditTrail, deed: Deed, work: Callable[[], Awaitable[T]]) -> T:
    """Do it between two audit rows. :raises StoreUnavailable: nothing was done, because it could not be told."""
    await trail.record(deed.event("unknown", ANNOUNCED))
    try:
        result = await work()
    except ConnectorError as error:
        await trail.record(deed.event("refused", error.detail, error.status))
        raise
    except BaseException as error:
        await trail.record(deed.event("failed", type(error).__name__, 500))
        raise
    await trail.record(deed.event("done", status=200))
    return result
