"""Reports are kept once per state of the data, and found by their window."""

import threading

import pytest

from core.journal import drift_report, hour, performance_report
from taxiway.core.drift import DriftReport
from taxiway.core.errors import IntegrityError
from taxiway.core.performance import PerformanceReport
from taxiway.stores.monitoring import Reports, populations
from taxiway.stores.objects import open_store


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def reports(store):
    return Reports(store, "flight-delay", "all")


def test_a_report_is_found_by_its_window(reports):
    report = reports.keep(drift_report())
    assert reports.find(DriftReport, hour()) == report
    assert reports.find(DriftReport, hour(1)) is None
    assert reports.find(PerformanceReport, hour()) is None


def test_the_same_report_is_kept_once_and_another_one_beside_it(reports, store):
    for rows in (10, 10, 20, 20):
        reports.keep(drift_report(rows=rows))
    assert len(list(store.list("monitoring/flight-delay/all/drift/"))) == 2
    assert reports.find(DriftReport, hour()).rows == 20, "late data gave another report, which counts"


def test_the_newest_windows_come_oldest_first(reports):
    for n in (3, 1, 2):
        reports.keep(drift_report(window=hour(n), rows=n))
    reports.keep(drift_report(window=hour(1), rows=100))
    assert [one.rows for one in reports.newest(DriftReport, 2)] == [2, 3]
    assert [one.rows for one in reports.newest(DriftReport, 9)] == [100, 2, 3]
    assert reports.newest(DriftReport, 0) == []


def test_both_kinds_lie_side_by_side(reports):
    reports.keep(performance_report())
    reports.keep(drift_report())
    assert reports.newest(PerformanceReport, 5) == [performance_report()]


def test_several_jobs_at_once_keep_one_report_each(reports):
    threads = [threading.Thread(target=reports.keep, args=(drift_report(rows=n % 3),)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports.find(DriftReport, hour()).rows in range(3)


def test_a_broken_report_is_named(reports, store):
    reports.keep(drift_report())
    (path,) = (info.path for info in store.list("monitoring/"))
    store.replace(path, b"{}")
    with pytest.raises(IntegrityError, match=r"not a whole DriftReport"):
        reports.find(DriftReport, hour())


def test_what_is_watched_is_listed(store):
    assert list(populations(store)) == []
    for model, population in (("b", "all"), ("a", "ewr"), ("a", "all")):
        Reports(store, model, population).keep(drift_report())
    assert list(populations(store)) == [("a", "all"), ("a", "ewr"), ("b", "all")]
