"""What of a window is drawn."""

import polars as pl
import pytest

from core.journal import drift_report, hour, measured, performance_report
from taxiway.engines.charts import draw
from taxiway.engines.pictures import distributions, series
from taxiway.engines.profiles import profile, reference

BEFORE = pl.DataFrame({"delay": [float(n % 40) for n in range(400)], "carrier": ["AA", "UA", "DL", "AA"] * 100})
AT = reference(BEFORE.lazy())


def drawn(now, *names, at=AT):
    return {one.title: one for one in distributions(at, profile(now.lazy(), at), names)}


def test_a_column_is_drawn_beside_its_reference_in_the_order_of_the_evidence():
    now = BEFORE.with_columns(delay=pl.lit(7.0))
    found = drawn(now, "carrier", "gone", "delay", "carrier")
    assert [*found] == ["carrier", "delay"]
    delay = found["delay"]
    assert delay.labels[0] == "less"
    assert delay.labels[-1] == "missing"
    assert max(delay.window) == 1.0
    assert max(delay.reference) < 0.1
    for side in (delay.reference, delay.window, found["carrier"].reference):
        assert sum(side) == pytest.approx(1.0)
    assert draw([*found.values()])


def test_levels_that_are_new_are_named_and_the_rest_is_drawn_together():
    now = BEFORE.with_columns(carrier=pl.when(pl.col("delay") < 20).then(pl.lit("ZZ")).otherwise(pl.lit("once")))
    one = drawn(now, "carrier")["carrier"]
    assert set(one.labels) == {"AA", "UA", "DL", "ZZ", "once", "others", "missing"}
    assert dict(zip(one.labels, one.window, strict=True))["ZZ"] == pytest.approx(0.5)
    many = pl.DataFrame({"name": [f"level {n % 25}" for n in range(1000)]})
    at = reference(many.lazy())
    found = drawn(many, "name", at=at)["name"]
    assert len(found.labels) == 12
    assert dict(zip(found.labels, found.window, strict=True))["others"] == pytest.approx(0.6)


def test_values_that_are_missing_are_seen_to_be():
    one = drawn(BEFORE.with_columns(delay=pl.lit(None, pl.Float64)), "delay")["delay"]
    assert one.window[-1] == 1.0
    assert sum(one.window) == 1.0


def test_a_column_of_times_is_not_drawn():
    dates = BEFORE.with_columns(day=pl.lit("2026-01-01").str.to_date())
    at = reference(dates.lazy())
    assert drawn(dates, "day", at=at) == {}


def test_no_value_of_personal_data_is_drawn():
    at = reference(BEFORE.lazy(), masked=frozenset({"carrier"}))
    window = profile(BEFORE.lazy(), at, masked=frozenset({"carrier"}))
    (one,) = distributions(at, window, ["carrier"])
    assert one.labels == ["others", "missing"]


def test_a_metric_is_drawn_with_its_limit_and_the_windows_of_the_incident():
    expected = (measured(0.8),)
    reports = [drift_report(window=hour(n), estimates=(measured(0.8 - n / 20),), expected=expected) for n in range(4)]
    found = series(reports, "roc_auc", max_drop=0.05, since=hour(1).start, until=hour(2).end)
    assert found.values == pytest.approx([0.8, 0.75, 0.7, 0.65])
    assert found.times[0] == "05 Jan 00:00"
    assert found.limit == pytest.approx(0.75)
    assert found.fault == (1, 2)
    errors = [performance_report(window=hour(n), measures=(measured(n, "log_loss"),)) for n in range(2)]
    late = series(errors, "log_loss", max_drop=0.05, since=hour(8).start, until=hour(9).end)
    assert (late.values, late.limit, late.fault) == ([0.0, 1.0], None, None)
    worse = [one.model_copy(update={"expected": (measured(0.3, "log_loss"),)}) for one in errors]
    assert series(worse, "log_loss", max_drop=0.05, since="", until="").limit == pytest.approx(0.35)


def test_one_point_is_no_line():
    assert series([drift_report(estimates=(measured(0.8),))], "roc_auc", max_drop=0.1, since="", until="") is None
