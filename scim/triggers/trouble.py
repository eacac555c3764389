"""What keeps the connector itself from working is told to the log, too: who reads it can mend it, the caller cannot."""

from __future__ import annotations

import logging
import time

from scim.context import tell
from scim.errors import NotSetUp, StoreUnavailable

EVERY_SECONDS = 60.0  # every request meets the same trouble, and one line a minute says it

log = logging.getLogger("scim.trouble")
_told: dict[str, float] = {}  # details are sentences of ours: there are few


def tell_trouble(error: Exception) -> None:
    """A setting, role, secret or table that is missing, or tables that do not answer. Other errors: nothing."""
    if not isinstance(error, (NotSetUp, StoreUnavailable)):
        return
    now = time.monotonic()
    if now - _told.get(error.detail, -EVERY_SECONDS) >= EVERY_SECONDS:
        _told[error.detail] = now
        tell(log, "connector.trouble", detail=error.detail)
