"""Schedules occur when NCRONTAB says so."""

from datetime import UTC, datetime

import pytest

from local.timers import BadSchedule, schedule_of

MOMENT = datetime(2026, 2, 28, 23, 58, 30, 500000, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * * *", datetime(2026, 2, 28, 23, 58, 31, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 3, 1, 0, 0, 0, tzinfo=UTC)),
        ("30 58 23 * * *", datetime(2026, 3, 1, 23, 58, 30, tzinfo=UTC)),
        ("45 58 23 * * *", datetime(2026, 2, 28, 23, 58, 45, tzinfo=UTC)),
        ("0 0 9-17/4 * * 1-5", datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, 0, 0, 0, tzinfo=UTC)),
        ("0 15,45 * * Mar Sun", datetime(2026, 3, 1, 0, 15, 0, tzinfo=UTC)),
        ("0 0 0 * * 7", datetime(2026, 3, 1, 0, 0, 0, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 3, 1, 0, 0, 0, tzinfo=UTC)),
        ("00:01:00", datetime(2026, 2, 28, 23, 59, 30, 500000, tzinfo=UTC)),
    ],
)
def test_the_next_occurrence_is_the_first_one_later_than_now(text, expected):
    assert schedule_of(text).after(MOMENT) == expected


@pytest.mark.parametrize("text", ["", "* * *", "61 * * * * *", "0 */0 * * * *", "0 5-3 * * * *", "x * * * * *", "%NO%"])
def test_a_schedule_that_cannot_be_read_is_refused(text):
    with pytest.raises(BadSchedule):
        schedule_of(text)


def test_a_schedule_may_come_from_a_setting(monkeypatch):
    monkeypatch.setenv("RESUME_EVERY", "0 */2 * * * *")
    assert schedule_of("%RESUME_EVERY%") == schedule_of("0 */2 * * * *")


def test_a_day_that_never_comes_is_told():
    with pytest.raises(BadSchedule):
        schedule_of("0 0 0 31 2 *").after(MOMENT)
