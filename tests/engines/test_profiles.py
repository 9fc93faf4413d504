"""Profiles: counted in one pass, added up in any way, and without a row in them."""

import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.core.errors import SpecError
from taxiway.core.profiles import FEWEST, Profile, merge
from taxiway.engines.profiles import profile, reference

RANDOM = np.random.default_rng(0)


def table(rows=1000, seed=0):
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "delay": random.normal(3, 2, rows),
            "hour": random.integers(0, 24, rows),
            "carrier": random.choice(["AA", "UA", "DL"], rows, p=[0.6, 0.3, 0.1]),
            "late": random.random(rows) < 0.2,
        }
    )


def of(data, *columns, **options):
    return reference(data.lazy(), columns, **options)


def again(data, at, **options):
    return profile(data.lazy(), at, **options)


ROWS = st.fixed_dictionaries(
    {
        "delay": st.floats(-50, 50) | st.none() | st.sampled_from([math.nan, math.inf, -math.inf, 1e6]),
        "hour": st.integers(-3, 30) | st.none(),
        "carrier": st.sampled_from(["AA", "UA", "DL", "new", ""]) | st.none(),
        "late": st.booleans() | st.none(),
    }
)
AT = of(table())


def close(a: Profile, b: Profile) -> bool:
    """Equal, but for what rounding does to sums."""
    for one, other in zip(a.columns, b.columns, strict=True):
        plain = {"moments": None, "distinct": None}
        assert one.model_copy(update=plain) == other.model_copy(update=plain)
        if one.moments:
            assert (one.moments.count, one.moments.low, one.moments.high) == (
                other.moments.count,
                other.moments.low,
                other.moments.high,
            )
            added = math.sqrt(one.moments.squares * one.moments.count)
            assert one.moments.total == pytest.approx(other.moments.total, abs=1e-9 * added)
            assert one.moments.squares == pytest.approx(other.moments.squares, rel=1e-9)
    return (a.rows, a.confidence) == (b.rows, b.confidence)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_the_profile_of_a_table_is_the_sum_of_the_profiles_of_its_parts(rows, cuts):
    data = pl.DataFrame(rows, schema=table().schema)
    places = sorted({0, len(rows), *(cut for cut in cuts if cut <= len(rows))})
    parts = [data[a:b] for a, b in pairwise(places)] or [data]
    assert close(merge([again(part, AT) for part in parts]), again(data, AT))


def test_a_reference_counts_its_own_data():
    data = table()
    at = of(data)
    assert [(one.name, one.distinct) for one in at.columns if one.levels] == [("carrier", 3), ("late", 2)]
    assert close(again(data, at), merge([at]))
    delay = at.column("delay")
    assert delay.moments.mean == pytest.approx(data["delay"].mean())
    assert delay.moments.deviation == pytest.approx(data["delay"].std())
    assert sum(delay.bins.counts) == 1000
    assert delay.bins.counts[0] == delay.bins.counts[-1] == 0, "nothing lies beyond its ends"
    assert max(delay.bins.counts) <= 51
    assert at.column("carrier").levels.counts == dict(data["carrier"].value_counts().sort("carrier").iter_rows())
    assert sum(at.column("late").levels.counts.values()) == 1000


def test_values_are_counted_where_they_lie():
    at = of(pl.DataFrame({"x": [1.0, 2.0, 2.0, 3.0]}))
    bins = at.column("x").bins
    assert bins.edges[:3] == (1.0, 2.0, 3.0)
    assert bins.counts == (0, 1, 2, 1, 0)
    moved = again(pl.DataFrame({"x": [0.5, 1.0, 1.5, 2.0, 3.0, 3.5]}), at).column("x").bins
    assert moved.counts == (1, 2, 1, 1, 1)


def test_what_is_no_number_is_counted_apart():
    at = of(table())
    data = pl.DataFrame({"delay": [1.0, None, math.nan, math.inf, -math.inf, 2.0]})
    column = again(data, at).column("delay")
    assert (column.rows, column.missing, column.infinite) == (6, 2, 2)
    assert (column.moments.count, column.moments.high) == (2, 2.0)
    assert column.moments.mean == pytest.approx(1.5)
    assert column.bins.counts[0] == column.bins.counts[-1] == 1
    assert sum(column.bins.counts) == 4


@pytest.mark.parametrize(
    "values",
    [[None, None], [math.nan, math.nan], [math.inf], []],
    ids=["nulls", "nans", "infinities", "nothing"],
)
def test_a_column_without_a_value_has_a_profile(values):
    data = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    at = of(data)
    assert at.column("x").bins.edges == ()
    assert again(table().rename({"delay": "x"}), at).column("x").values == 1000
    assert again(data, AT.model_copy(update={"columns": (AT.column("delay").model_copy(update={"name": "x"}),)}))


def test_a_constant_column_has_places_for_what_is_not_it():
    at = of(pl.DataFrame({"x": [7.0] * 50}))
    counts = again(pl.DataFrame({"x": [6.0, 7.0, 7.0, 8.0]}), at).column("x").bins.counts
    assert counts == (1, 2, 1)


def test_one_row_has_a_profile():
    at = of(table(1))
    assert at.rows == 1
    assert at.column("carrier").levels.counts == {}, "a level of one row has no name"


@pytest.mark.parametrize("value", [1e308, -1e308, 1.7976931348623157e308, 5e-324])
def test_numbers_at_the_ends_of_what_can_be_said_are_counted(value):
    data = pl.DataFrame({"x": [0.0, value, value]})
    column = of(data).column("x")
    assert sum(column.bins.counts) == 3
    assert column.moments.count == 3


def test_types_that_are_numbers_are_numbers():
    data = pl.DataFrame(
        {"i": [1, 2], "f": [1.0, 2.0], "d": [Decimal("1.5"), Decimal("2.5")], "s": [1, 2]},
        schema={"i": pl.UInt8, "f": pl.Float32, "d": pl.Decimal(10, 2), "s": pl.Int64},
    )
    assert all(one.bins and one.moments.count == 2 for one in of(data).columns)


def test_categories_are_text():
    data = pl.DataFrame({"c": ["a"] * FEWEST}, schema={"c": pl.Categorical})
    assert of(data).column("c").levels.counts == {"a": FEWEST}
    enum = pl.DataFrame({"c": ["a"] * 3}, schema={"c": pl.Enum(["a", "b"])})
    assert again(enum, of(data)).column("c").levels.counts == {"a": 3}


def test_times_and_lists_are_only_counted():
    data = pl.DataFrame({"t": [datetime(2026, 1, 1, tzinfo=UTC), None], "l": [[1], [2]]})
    at = of(data)
    assert [(one.name, one.rows, one.missing) for one in at.columns] == [("l", 2, 0), ("t", 2, 1)]
    assert all(one.bins is None and one.levels is None for one in at.columns)


def test_a_column_of_another_type_is_foreign_and_counted_nowhere():
    at = of(table())
    changed = pl.DataFrame({"delay": ["3.5", None], "carrier": [1, 2], "late": ["yes", "no"], "hour": [1, 2]})
    window = again(changed, at)
    assert [(one.name, one.foreign, one.missing) for one in window.columns] == [
        ("carrier", 2, 0),
        ("delay", 1, 1),
        ("hour", 0, 0),
        ("late", 2, 0),
    ]
    assert sum(window.column("delay").bins.counts) == 0


def test_a_column_of_nulls_without_a_type_is_missing_and_not_foreign():
    window = again(pl.DataFrame({"delay": [None, None], "carrier": [None, None]}), of(table()))
    assert [(one.missing, one.foreign) for one in window.columns if one.rows] == [(2, 0), (2, 0)]


def test_a_column_that_is_gone_counts_no_rows_and_a_new_one_is_noted():
    window = again(table().rename({"delay": "delays"}), of(table()))
    assert window.column("delay").rows == 0
    assert window.column("delays").dtypes == ("Float64",)
    some = of(table(), "delay")
    assert [one.name for one in again(table(), some).columns] == ["delay"], "the model does not read the others"


def test_rare_levels_have_no_name_and_long_ones_neither():
    levels = ["common"] * 50 + ["rare"] * (FEWEST - 1) + ["x" * 200] * 50
    found = of(pl.DataFrame({"c": levels})).column("c").levels
    assert found.counts == {"common": 50}
    assert sum(found.buckets) == 59


def test_a_reference_holds_no_value_of_a_personal_column():
    random = np.random.default_rng(5)
    salaries = random.lognormal(10, 1, 5000)
    data = pl.DataFrame({"salary": salaries, "name": random.choice(["Ann", "Bob"], 5000)})
    at = of(data, masked=frozenset({"salary", "name"}))
    text = at.model_dump_json()
    assert "Ann" not in text
    assert at.column("salary").moments.low is at.column("salary").moments.high is None
    assert not {*at.column("salary").bins.edges} & {*salaries.tolist()}
    assert len(at.column("salary").bins.edges) > 15
    window = again(data, at, masked=frozenset({"salary", "name"}))
    assert "Ann" not in window.model_dump_json()
    assert sum(window.column("name").levels.buckets) == 5000


def test_a_million_levels_take_bounded_room():
    rows = 1_000_000
    data = pl.DataFrame({"id": pl.int_range(rows, eager=True).cast(pl.String)})
    at = of(pl.DataFrame({"id": ["a"] * 50}))
    levels = again(data, at).column("id").levels
    assert sum(levels.buckets) == rows
    assert levels.fresh == {}
    assert min(levels.buckets) > 0.9 * rows / len(levels.buckets), "buckets are even"


def test_new_levels_that_are_frequent_are_shown():
    at = of(table())
    new = pl.DataFrame({"carrier": ["AA"] * 20 + ["ZZ"] * 30 + ["once"]})
    assert again(new, at).column("carrier").levels.fresh == {"ZZ": 30}


def test_a_reference_of_many_rows_is_chosen_from_some_and_counted_over_all():
    rows = 300_000
    data = pl.DataFrame({"x": np.random.default_rng(1).normal(size=rows)})
    at = of(data)
    assert 190_000 < at.sampled < 210_000
    assert sum(at.column("x").bins.counts) == rows
    assert at.column("x").bins.counts[10] == pytest.approx(rows / 20, rel=0.05)


def test_the_same_table_has_the_same_profile_in_whatever_order_threads_add_it():
    program = """if True:
        import hashlib, numpy, polars
        from taxiway.engines.profiles import reference
        random = numpy.random.default_rng(1)
        data = polars.DataFrame({"x": random.normal(size=400_000), "far": 100 + random.lognormal(0, 3, 400_000)})
        print({hashlib.sha256(reference(data.lazy()).model_dump_json().encode()).hexdigest() for _ in range(8)})
    """
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in (1, 5)
    }
    assert len(said) == 1, said
    assert said.pop().count("'") == 2, "one digest"


def test_how_sure_a_classifier_was_is_counted_by_its_answer():
    data = table().with_columns(p=pl.Series(np.random.default_rng(2).random(1000)), answer=pl.col("late"))
    outputs = {"prediction": "answer", "score": "p"}
    at = of(data, "delay", outputs=outputs)
    assert [(one.role, one.name) for one in at.columns] == [
        ("input", "delay"), ("prediction", "prediction"), ("score", "score"),
    ]  # fmt: skip
    assert [one.label for one in at.confidence] == ["false", "true"]
    assert sum(map(sum, (one.counts for one in at.confidence))) == 1000
    other = again(data.rename({"p": "q"}), at, outputs={"prediction": "answer", "score": "q"})
    assert other.confidence == at.confidence
    assert again(data, at).confidence == (), "nobody said which columns are the answers"


def test_a_missing_score_is_sure_of_nothing():
    data = pl.DataFrame({"answer": [True, True, None], "p": [0.9, math.nan, 0.2]})
    at = of(data, "answer", outputs={"prediction": "answer", "score": "p"})
    assert sum(map(sum, (one.counts for one in at.confidence))) == 1


def test_columns_may_have_any_name():
    names = ["", " ", "<b>", "0 missing", 'a"b', "{{ ds }}", "ü" * 300]
    data = pl.DataFrame({name: [1.0, 2.0] for name in names} | {"words": ["a", "b"]})
    assert {one.name for one in again(data, of(data)).columns} == {*names, "words"}


def test_a_table_without_rows_or_columns_has_a_profile():
    assert of(table(0)).rows == 0
    assert again(pl.DataFrame(), of(table())).rows == 0
    assert again(table(0), of(table())).columns[0].rows == 0


def test_data_that_cannot_be_read_is_said_so(tmp_path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SpecError, match="the data cannot be read"):
        profile(pl.scan_parquet(tmp_path / "torn.parquet"), AT)
