from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.stores.traffic import TrafficLog

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def rows(*minutes, **more):
    at = pl.Series([NOON + timedelta(minutes=minute) for minute in minutes], dtype=pl.Datetime("us", "UTC"))
    names = [f"r{minute}" for minute in minutes]
    frame = pl.DataFrame({"at": at, "request_id": names, "row": [0] * len(minutes), **more})
    buffer = BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def log(store):
    log = TrafficLog(store, "flights")
    log.write(NOON, 1, "abc", 1, rows(59, 1))
    log.write(NOON + timedelta(hours=1), 1, "abc", 2, rows(61, **{"input.hour": [3]}))
    log.write(NOON + timedelta(hours=1), 2, "abc", 2, rows(90, **{"input.delay": [1.5]}))
    log.write(NOON + timedelta(hours=12), 1, "abc", 3, rows(721))
    return log


def test_files_lie_in_a_folder_per_hour_of_utc(log, store):
    assert [info.path for info in store.list("traffic/")] == [
        "traffic/flights/2026-01-31/12/v1-abc-000001.parquet",
        "traffic/flights/2026-01-31/13/v1-abc-000002.parquet",
        "traffic/flights/2026-01-31/13/v2-abc-000002.parquet",
        "traffic/flights/2026-02-01/00/v1-abc-000003.parquet",
    ]


def test_a_time_of_another_zone_is_the_same_moment(log):
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    here = log.files(NOON, NOON + timedelta(hours=1))
    assert log.files(NOON.astimezone(kathmandu), (NOON + timedelta(hours=1)).astimezone(kathmandu)) == here
    assert [file.hour for file in here] == [NOON]


def test_rows_are_those_of_the_time_asked_for_oldest_first(log):
    found = log.read(NOON + timedelta(minutes=1), NOON + timedelta(minutes=90))
    assert found["request_id"].to_list() == ["r1", "r59", "r61"]
    assert log.read(NOON + timedelta(days=9), NOON + timedelta(days=10)).is_empty()


def test_versions_that_read_other_columns_stand_side_by_side(log):
    found = log.read(NOON, NOON + timedelta(hours=2))
    assert found["input.delay"].to_list() == [None, None, None, 1.5]
    assert log.read(NOON, NOON + timedelta(days=1), version=2)["request_id"].to_list() == ["r90"]


def test_writing_the_same_file_again_changes_nothing(log, store):
    path = log.write(NOON, 1, "abc", 1, rows(5))
    assert pl.read_parquet(store.get(path))["request_id"].to_list() == ["r59", "r1"]


def test_what_is_not_a_file_of_the_log_is_not_read(log, store):
    store.create("traffic/flights/2026-01-31/12/notes.txt", b"hello")
    assert len(log.files(NOON, NOON + timedelta(hours=1))) == 1


def test_a_service_that_could_leave_its_place_is_refused(store):
    with pytest.raises(SpecError):
        TrafficLog(store, "../up")
