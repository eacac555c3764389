"""A day's numbers without reading the day each time: hours that are over do not change, and are kept in memory.

They are kept by the minutes that a bar of the picture is wide, so a day of many busy connections is a few megabytes.
An hour counts as over ten minutes after its end: instances write a minute late.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from scim.store.messages import Messages, Minute

HOUR = timedelta(hours=1)
LATE = timedelta(minutes=10)
MOST_HOURS = 30
MOST_TIMES = 256  # of a bar: a sample of a sample


class PastHours:
    """The numbers of a long stretch of time."""

    def __init__(self, messages: Messages, width: int) -> None:
        """:param width: Minutes of one bar; an hour holds whole ones."""
        self._messages, self._width = messages, width
        self._kept: dict[datetime, dict[datetime, Minute]] = {}
        self._reading = asyncio.Lock()

    async def minutes(self, since: datetime, until: datetime) -> dict[datetime, Minute]:
        """As `Messages.minutes`, but until about an hour ago by the bar.

        :raises StoreUnavailable:
        """
        over = (datetime.now(UTC) - LATE).replace(minute=0, second=0, microsecond=0)
        first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        past = [first + HOUR * n for n in range(max(0, int((min(over, until) - first) / HOUR)))]
        async with self._reading:  # who comes meanwhile finds what this one reads
            unknown = [hour for hour in past if hour not in self._kept]
            if unknown:
                found = await self._messages.minutes(unknown[0], unknown[-1] + HOUR)
                for hour in unknown:
                    self._kept[hour] = self._bars({at: m for at, m in found.items() if hour <= at < hour + HOUR})
            for hour in sorted(self._kept)[:-MOST_HOURS]:
                del self._kept[hour]
            known = [self._kept[hour] for hour in past]
        recent = await self._messages.minutes(max(over, since), until)
        return {at: m for hour in known for at, m in hour.items() if at >= since} | recent

    def _bars(self, minutes: dict[datetime, Minute]) -> dict[datetime, Minute]:
        found: dict[datetime, Minute] = {}
        for at, minute in minutes.items():
            bar = at.replace(minute=at.minute // self._width * self._width)
            found.setdefault(bar, Minute()).merge(minute.as_row())
        for whole in found.values():
            whole.times = whole.times[:: max(1, len(whole.times) // MOST_TIMES)]
        return found
