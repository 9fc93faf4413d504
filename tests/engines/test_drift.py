"""What is said about a window."""

import numpy as np
import polars as pl
import pytest

from taxiway.core.drift import Asks
from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import ColumnProfile, Profile, merge
from taxiway.core.specs.monitoring import Drift
from taxiway.engines.drift import compare
from taxiway.engines.profiles import profile, reference

ROWS = 3000


def table(rows=ROWS, seed=0, **changes):
    random = np.random.default_rng(seed)
    data = pl.DataFrame(
        {
            "delay": random.normal(3, 2, rows),
            "hour": random.integers(0, 24, rows),
            "carrier": random.choice(["AA", "UA", "DL"], rows, p=[0.6, 0.3, 0.1]),
        }
    )
    return data.with_columns(**changes)


AT = reference(table().lazy())


def held(window, drift=None, at=AT, **options):
    found = compare(at, profile(window.lazy(), at, **options), drift or Drift())
    return found, {one.name: one for one in found.columns}


def drifted(window, drift=None):
    found, columns = held(window, drift)
    return {
        (name, finding.asks)
        for name, one in columns.items()
        for finding in one.findings
        if finding.outcome is Outcome.FAIL
    } | {(fault.column, fault.what) for fault in found.faults}


def test_the_same_kind_of_data_has_not_drifted():
    found, columns = held(table(seed=1))
    assert drifted(table(seed=1)) == set()
    assert {one.outcome for one in found.columns} == {Outcome.PASS}
    assert [finding.asks for finding in columns["carrier"].findings] == [Asks.MISSING, Asks.VALUES, Asks.LEVELS]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"delay": pl.col("delay") + 1}, {("delay", Asks.VALUES)}),
        ({"delay": pl.col("delay") * 2}, {("delay", Asks.VALUES)}),
        ({"hour": pl.col("hour") // 2}, {("hour", Asks.VALUES)}),
        ({"carrier": pl.col("carrier").replace({"AA": "UA", "UA": "AA"})}, {("carrier", Asks.VALUES)}),
        (
            {"carrier": pl.when(pl.col("hour") < 6).then(pl.lit("ZZ")).otherwise("carrier")},
            {("carrier", Asks.VALUES), ("carrier", Asks.LEVELS)},
        ),
        ({"delay": pl.when(pl.col("hour") > 3).then("delay")}, {("delay", Asks.MISSING)}),
        ({"hour": pl.lit(12)}, {("hour", Asks.VALUES), ("hour", "stuck")}),
        ({"delay": pl.lit(None, pl.Float64)}, {("delay", Asks.MISSING)}),
        ({"delay": pl.col("delay").cast(pl.String)}, {("delay", "type")}),
        ({"novel": pl.lit(1)}, {("novel", "new")}),
    ],
)  # fmt: skip
def test_what_changed_is_named(changes, expected):
    assert drifted(table(seed=1, **changes)) == expected


def test_a_column_that_was_renamed_is_missing_and_new():
    assert drifted(table(seed=1).rename({"delay": "departure_delay"})) == {
        ("delay", "missing"), ("departure_delay", "new"),
    }  # fmt: skip


def test_a_shift_too_small_to_matter_is_no_drift_however_sure_it_is():
    rows = 200_000
    at = reference(table(rows).lazy())
    small = table(rows, 1, delay=pl.col("delay") + 0.08)
    asked = Drift(min_effect=0.08)
    found = compare(at, profile(small.lazy(), at), asked)
    delay = next(one for one in found.columns if one.name == "delay").findings[1]
    assert delay.p < 1e-9
    assert delay.outcome is Outcome.PASS
    assert delay.effect == pytest.approx(0.04, abs=0.01)


def test_too_few_rows_say_nothing():
    found, columns = held(table(150, 1, delay=pl.col("delay") + 9))
    assert {one.outcome for one in found.columns} == {Outcome.INCONCLUSIVE}
    assert columns["delay"].findings[0].note == "150 rows are too few, it takes 200"
    assert held(table(150, 1), Drift(min_rows=100))[0].columns[0].outcome is Outcome.PASS


def test_too_few_values_say_nothing_about_values_but_that_they_are_missing():
    _, columns = held(table(seed=1, delay=pl.when(pl.col("hour") == 0).then("delay")))
    missing, values = columns["delay"].findings
    assert missing.outcome is Outcome.FAIL
    assert values.outcome is Outcome.INCONCLUSIVE
    assert "values are too few" in values.note


def test_a_window_without_rows_says_nothing():
    found, _ = held(table(0))
    assert {one.outcome for one in found.columns} == {Outcome.INCONCLUSIVE}
    assert found.faults == ()


def test_columns_can_be_chosen_and_ignored():
    moved = table(seed=1, delay=pl.col("delay") + 1, hour=pl.col("hour") // 2, novel=pl.lit(1))
    assert {name for name, _ in drifted(moved, Drift(ignore=("hour", "novel")))} == {"delay"}
    assert {name for name, _ in drifted(moved, Drift(columns=("hour",)))} == {"hour", "novel"}


def test_a_column_weighs_what_the_author_says_else_what_the_model_does():
    at = AT.model_copy(update={"importance": {"delay": 0.7, "hour": 0.3}})
    _, columns = held(table(seed=1), Drift(weights={"hour": 5.0}), at)
    assert [columns[name].weight for name in ("delay", "hour", "carrier")] == [0.7, 5.0, 0.0]
    assert held(table(seed=1))[1]["carrier"].weight == 1.0


def test_a_column_is_told_in_a_few_words():
    _, columns = held(table(seed=1, carrier=pl.when(pl.col("hour") > 3).then("carrier")))
    assert columns["delay"].before == "mean 2.932, deviation 1.99"
    assert columns["carrier"].before == "AA 60.4%, UA 29.7%, DL 9.8%"
    assert columns["carrier"].now.endswith("16.3% missing")


def test_nothing_of_a_personal_column_is_told():
    masked = frozenset({"carrier"})
    at = reference(table().lazy(), masked=masked)
    _, columns = held(table(seed=1), at=at, masked=masked)
    assert columns["carrier"].before == columns["carrier"].now == ""
    assert columns["carrier"].outcome is Outcome.PASS
    _, columns = held(table(seed=1, carrier=pl.lit("DL")), at=at, masked=masked)
    assert columns["carrier"].outcome is Outcome.FAIL, "its drift is seen all the same"


def test_predictions_are_compared_like_columns():
    answers = {"late": pl.col("delay") > 3, "p": pl.col("delay") / 20}
    outputs = {"prediction": "late", "score": "p"}
    at = reference(table(**answers).lazy(), ("delay",), outputs=outputs)
    found = compare(at, profile(table(seed=1, **answers).with_columns(p=0.5).lazy(), at, outputs=outputs), Drift())
    assert {one.role: one.outcome for one in found.columns} == {
        "input": Outcome.PASS,
        "prediction": Outcome.PASS,
        "score": Outcome.FAIL,
    }
    without = compare(at, profile(table(seed=1).lazy(), at), Drift())
    assert [one.role for one in without.columns] == ["input"], "what is not there is not compared"


def test_a_column_missing_in_some_partitions_is_told():
    parts = [profile(part.lazy(), AT) for part in (table(1000, 1), table(1000, 2).drop("delay"))]
    found = compare(AT, merge(parts), Drift())
    assert [(fault.column, fault.what, fault.got) for fault in found.faults] == [
        ("delay", "missing", "in 1,000 of 2,000 rows")
    ]


def test_a_column_that_never_had_a_type_accepts_one():
    at = reference(table(delay=pl.lit(None)).lazy())
    assert compare(at, profile(table(seed=1).lazy(), at), Drift()).faults == ()


def test_a_profile_without_a_column_of_its_reference_lacks_it():
    lean = Profile(rows=500, columns=())
    found = compare(AT, lean, Drift())
    assert {fault.what for fault in found.faults} == {"missing"}
    assert found.columns == ()


def test_many_levels_do_not_cry_wolf():
    random = np.random.default_rng(3)
    names = np.array([f"level {n}" for n in range(200)])
    cries = 0
    for _ in range(150):
        before, now = (pl.DataFrame({"c": names[random.integers(0, 200, 1000)]}) for _ in range(2))
        at = reference(before.lazy())
        cries += any(one.outcome is Outcome.FAIL for one in compare(at, profile(now.lazy(), at), Drift()).columns)
    assert cries <= 15, "5 % of 150, and three standard deviations of chance"


def test_a_reference_without_rows_says_nothing():
    empty = reference(table(0).lazy())
    found = compare(empty, profile(table(seed=1).lazy(), empty), Drift())
    assert {one.outcome for one in found.columns} == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("value", [12, 1e9, 0.1])
@pytest.mark.parametrize("masked", [frozenset(), frozenset({"delay"})])
def test_a_sensor_that_is_stuck_is_told_wherever_it_is_stuck_and_in_personal_data(value, masked):
    at = reference(table().lazy(), masked=masked)
    window = profile(table(seed=1, delay=pl.lit(float(value))).lazy(), at, masked=masked)
    assert [(one.column, one.what) for one in compare(at, window, Drift()).faults] == [("delay", "stuck")]


def test_a_constant_that_stays_one_is_not_stuck():
    at = reference(table(hour=pl.lit(5)).lazy())
    assert compare(at, profile(table(seed=1, hour=pl.lit(5)).lazy(), at), Drift()).faults == ()


def test_a_column_of_a_kind_of_its_own_is_only_asked_whether_it_is_missing():
    at = reference(table(when=pl.lit("2026-01-01").str.to_date()).lazy())
    found = compare(at, profile(table(seed=1, when=pl.lit("2027-01-01").str.to_date()).lazy(), at), Drift())
    when = next(one for one in found.columns if one.name == "when")
    assert [finding.asks for finding in when.findings] == [Asks.MISSING]
    assert ColumnProfile(name="x").values == 0
