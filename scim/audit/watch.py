"""Looking at the audit trail by the clock, so that somebody is told of a break before an auditor finds it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from scim.audit.verify import verify_since
from scim.context import tell
from scim.store.settings_table import SettingsTable
from scim.store.table import Table

EVERY = timedelta(hours=6)
_MARK = "audit-verified"  # in the settings table: when the trail was last looked at, by whichever instance
_MOST_TOLD = 5

log = logging.getLogger("scim.audit")


async def look(audit: Table, settings: SettingsTable) -> bool:
    """Check yesterday and today, a few times a day; whether it was time to. Findings go to the log."""
    if not await settings.due(_MARK, EVERY):
        return False
    report = await verify_since(audit, f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d}")
    for finding in report.findings[:_MOST_TOLD]:
        tell(log, "audit.chain_broken", kind=finding.kind, partition=finding.partition, seq=finding.seq)
    return True
