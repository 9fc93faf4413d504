from datetime import UTC, datetime, timedelta

import pytest

from taxiway.core.errors import SpecError
from taxiway.core.windows import last_whole, moment, same_slot, window

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def hour(start=NOON):
    return window("m", "all", start, start + timedelta(hours=1))


def test_a_window_is_a_path_that_sorts_by_time():
    assert hour().slug == "20260304T120000--20260304T130000"
    assert hour().slug < hour(NOON + timedelta(hours=1)).slug


def test_a_time_without_a_zone_is_utc():
    assert moment("2026-03-04T12:00:00") == moment("2026-03-04T13:00:00+01:00") == NOON


def test_what_is_no_time_is_refused():
    with pytest.raises(SpecError, match="this is no time"):
        moment("yesterday")


def test_a_window_without_length_is_refused():
    with pytest.raises(SpecError, match="a window ends after it starts"):
        window("m", "all", NOON, NOON)


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        ("@hourly", datetime(2026, 3, 4, 11, tzinfo=UTC), NOON),
        ("@daily", datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)),
        ("@weekly", datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_a_run_without_an_interval_means_the_newest_window_that_is_over(schedule, start, end):
    assert last_whole(schedule, NOON + timedelta(minutes=1)) == (start, end)


@pytest.mark.parametrize("schedule", [None, "5 4 * * *"])
def test_a_schedule_that_does_not_say_the_length_needs_a_date(schedule):
    with pytest.raises(SpecError, match="does not say which window"):
        last_whole(schedule, NOON)


def test_windows_of_the_same_slot_lie_days_or_weeks_back():
    days = same_slot(hour(), "hour", 7)
    assert [moment(one.start) for one in days] == [NOON - timedelta(days=back) for back in range(1, 8)]
    weeks = same_slot(hour(), "weekday", 2)
    assert [moment(one.end) for one in weeks] == [NOON + timedelta(hours=1) - timedelta(weeks=n) for n in (1, 2)]


def test_there_is_no_slot_without_a_season_or_in_a_window_that_is_longer():
    assert same_slot(hour(), "none", 4) == []
    assert same_slot(window("m", "all", NOON, NOON + timedelta(days=2)), "hour", 4) == []
