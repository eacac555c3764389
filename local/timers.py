"""Timer triggers: NCRONTAB schedules and the task that waits for the next occurrence."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

_YEARS_AHEAD = 9  # 29 February on a given weekday may be that far away
_NAMES = {name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS = {
    name: at
    for at, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}


class BadSchedule(ValueError):
    """A schedule that the host would refuse when it starts."""


class Schedule(Protocol):
    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than the moment."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The other form a schedule may have: `hh:mm:ss`, a time span."""

    length: timedelta

    def after(self, moment: datetime) -> datetime:
        return moment + self.length


@dataclass(frozen=True, slots=True)
class Crontab:
    """Six fields: second, minute, hour, day, month, day of week; a day must fit all of its three fields."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.date()
        for _ in range(366 * _YEARS_AHEAD):
            if self._has(day):
                found = self._first(day, start)
                if found is not None:
                    return found
            day += timedelta(days=1)
        raise BadSchedule("the schedule never occurs")

    def _has(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _first(self, day: date, start: datetime) -> datetime | None:
        midnight = datetime(day.year, day.month, day.day, tzinfo=start.tzinfo)
        for hour in self.hours:
            for minute in self.minutes:
                if midnight + timedelta(hours=hour, minutes=minute, seconds=59) < start:
                    continue
                for second in self.seconds:
                    moment = midnight + timedelta(hours=hour, minutes=minute, seconds=second)
                    if moment >= start:
                        return moment
        return None


def schedule_of(text: str) -> Schedule:
    """Reads `0 */5 * * * *`, `00:05:00` or `%SETTING%`, whose value is one of these."""
    setting = re.fullmatch(r"%(.+)%", text.strip())
    if setting:
        text = os.environ.get(setting[1], "")
        if not text:
            raise BadSchedule(f"the setting {setting[1]} of a timer's schedule is not set")
    span = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})", text.strip())
    if span:
        days, hours, minutes, seconds = (int(part or 0) for part in span.groups())
        return Interval(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
    fields = text.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != 6:
        raise BadSchedule(f"a schedule has six fields, or five without seconds: {text!r}")
    seconds_, minutes_, hours_, days_, months, weekdays = fields
    return Crontab(
        tuple(sorted(_field(seconds_, 0, 59))),
        tuple(sorted(_field(minutes_, 0, 59))),
        tuple(sorted(_field(hours_, 0, 23))),
        frozenset(_field(days_, 1, 31)),
        frozenset(_field(months, 1, 12, _MONTHS)),
        frozenset(day % 7 for day in _field(weekdays, 0, 7, _NAMES)),
    )


def _field(text: str, least: int, most: int, names: dict[str, int] | None = None) -> set[int]:
    values: set[int] = set()
    for item in text.lower().split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = least, (6 if most == 7 else most)
        else:
            low = _number(first, names)
            high = _number(last, names) if dash else (most if step else low)
        if not least <= low <= high <= most or (step and not (step.isdigit() and int(step))):
            raise BadSchedule(f"cannot read {item!r} in a schedule")
        values.update(range(low, high + 1, int(step or 1)))
    return values


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text[:3] in names:
        return names[text[:3]]
    if not text.isdigit():
        raise BadSchedule(f"cannot read {text!r} in a schedule")
    return int(text)


def timer_info(last: datetime | None, next_: datetime | None) -> dict[str, Any]:
    """The JSON that a timer trigger is given."""
    never = "0001-01-01T00:00:00+00:00"
    return {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {
            "Last": last.isoformat() if last else never,
            "LastUpdated": last.isoformat() if last else never,
            "Next": next_.isoformat() if next_ else never,
        },
        "IsPastDue": False,
    }


async def keep_time(schedule: Schedule, run: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Runs a timer at each occurrence (UTC), one run at a time: an occurrence during a run is left out.

    Cancelling this ends the waiting, not a run that has begun. `run` does not raise.
    """
    last: datetime | None = None
    while True:
        now = datetime.now(UTC)
        due = schedule.after(now)
        while now < due:  # the clock may be set back while we sleep
            await asyncio.sleep((due - now).total_seconds())
            now = datetime.now(UTC)
        await asyncio.shield(run(timer_info(last, schedule.after(due))))
        last = due
