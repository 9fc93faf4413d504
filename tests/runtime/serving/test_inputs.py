"""From what a request says to the rows that a model is asked about."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from taxiway.core.errors import SpecError
from taxiway.core.training import Column
from taxiway.engines.hashing import pseudonyms
from taxiway.runtime.serving import named
from taxiway.runtime.serving.inputs import Inputs, flat

NUMBERS = (Column(name="hour", dtype="Int64"), Column(name="delay", dtype="Float32"))
MIXED = (*NUMBERS, Column(name="carrier", dtype="String"), Column(name="late", dtype="Boolean"))
KEY = b"k" * 32


def test_numbers_become_a_matrix_of_the_type_that_polars_would_make_of_them():
    for columns in (NUMBERS, NUMBERS[1:], NUMBERS[:1], (Column(name="a", dtype="Int8"), NUMBERS[1])):
        inputs = Inputs(columns, arrays=True)
        rows = inputs.from_columns({column.name: [1, 2] for column in columns})
        frame = pl.DataFrame({column.name: pl.Series([1, 2], dtype=getattr(pl, column.dtype)) for column in columns})
        assert rows.dtype == np.result_type(frame.to_numpy().dtype, np.float32 if rows.dtype == "f4" else np.float64)
        np.testing.assert_array_equal(rows, frame.to_numpy())


def test_a_missing_number_is_nan_and_a_missing_text_is_none():
    rows = Inputs(MIXED, arrays=True).from_columns(
        {"hour": [None, 2], "delay": [1.5, None], "carrier": ["UA", None], "late": [True, None]}
    )
    assert rows.dtype == object
    assert [rows[0, 2], rows[1, 2], rows[0, 3]] == ["UA", None, 1.0]
    assert np.isnan([rows[0, 0], rows[1, 1], rows[1, 3]]).all()


def test_several_requests_are_asked_as_one():
    inputs = Inputs(NUMBERS, arrays=True)
    rows = [inputs.from_columns({"hour": [n], "delay": [n]}) for n in (1, 2, 3)]
    np.testing.assert_array_equal(inputs.gather(rows)[:, 0], [1, 2, 3])
    frames = Inputs(NUMBERS, arrays=False)
    rows = [frames.from_columns({"hour": [n], "delay": [n]}) for n in (1, 2, 3)]
    assert frames.gather(rows)["hour"].to_list() == [1, 2, 3]


def test_a_frame_has_the_types_it_had_in_training():
    columns = (
        *MIXED,
        Column(name="day", dtype="Date"),
        Column(name="at", dtype="Datetime(time_unit='us', time_zone=None)"),
        Column(name="kind", dtype="Categorical"),
        Column(name="price", dtype="Decimal(precision=10, scale=2)"),
    )
    inputs = Inputs(columns, arrays=True)
    assert not inputs.arrays
    given = {"hour": [3], "delay": [1.5], "carrier": ["UA"], "late": [True], "day": ["2026-01-02"], "kind": ["a"]}
    rows = inputs.from_columns({**given, "at": ["2026-01-02T03:04:05"], "price": [1.25]})
    expected = {"hour": [3], "delay": [1.5], "carrier": ["UA"], "late": [True], "day": [date(2026, 1, 2)]}
    expected |= {"at": [datetime(2026, 1, 2, 3, 4, 5)], "kind": ["a"], "price": [1.25]}  # noqa: DTZ001 - as it is
    assert_frame_equal(rows, pl.DataFrame(expected, schema_overrides={"delay": pl.Float32}))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("carrier", 7, "column 'carrier': this is not text"),
        ("late", "yes", "column 'late': this is not a number"),
        ("hour", 10**400, "too large"),
        ("day", "soon", "column 'day': this cannot be read"),
        ("day", 7, "this is not text"),
    ],
)
def test_values_that_are_none_of_the_column_are_refused_by_name(name, value, reason):
    inputs = Inputs((*MIXED, Column(name="day", dtype="Date")), arrays=True)
    given = {"hour": [3], "delay": [1.5], "carrier": ["UA"], "late": [True], "day": ["2026-01-02"]}
    with pytest.raises(SpecError, match=reason):
        inputs.from_columns({**given, name: [value]})


def test_columns_that_were_hashed_in_training_are_hashed_the_same_way():
    columns = (Column(name="tail", dtype="String"), NUMBERS[0])
    expected = pl.DataFrame({"tail": ["N1", None]}).select(pseudonyms("tail", pl.String(), KEY))["tail"].to_list()
    for arrays in (True, False):
        inputs = Inputs(columns, arrays=arrays, personal={"tail": "hash", "other": "drop"}, key=KEY)
        assert not inputs.numeric
        rows = inputs.from_columns({"tail": ["N1", None], "hour": [1, 2]})
        assert (rows[:, 0].tolist() if arrays else rows["tail"].to_list()) == expected
    with pytest.raises(SpecError, match="no plain value"):
        inputs.from_columns({"tail": [["N1"]], "hour": [1]})


def test_a_model_that_takes_whole_rows_gets_what_there_is_less_what_it_may_not_see():
    inputs = Inputs((), arrays=True, personal={"name": "drop", "tail": "hash"}, key=KEY)
    rows = inputs.from_columns({"name": ["Ann"], "tail": ["N1"], "hour": [1]})
    assert rows.columns == ["tail", "hour"]
    assert len(rows["tail"][0]) == 32
    with pytest.raises(SpecError, match="cannot read a bare matrix"):
        inputs.from_matrix(np.ones((1, 2)))
    with pytest.raises(SpecError, match="there are no columns"):
        inputs.from_columns({})
    with pytest.raises(SpecError, match="cannot be read"):
        inputs.from_columns({"hour": [1, "x"]})


def test_a_matrix_can_be_given_to_a_model_of_mixed_columns_as_far_as_it_holds_numbers():
    inputs = Inputs((*NUMBERS, MIXED[3]), arrays=True)
    np.testing.assert_array_equal(inputs.from_matrix(np.array([[1.0, 2.0, 1.0]])), [[1, 2, 1]])
    with pytest.raises(SpecError, match="not text"):
        Inputs(MIXED, arrays=True).from_matrix(np.ones((1, 4)))


def test_a_flat_list_comes_of_any_nesting():
    assert flat([[1, 2], [3, 4]], 4, "") == flat([1, 2, 3, 4], 4, "") == flat([[[1], [2]], [[3], [4]]], 4, "")
    for bad in ([[1, 2], 3], [[1], [2, 3, 4, 5]], "1234", None, {}):
        with pytest.raises(SpecError, match=r"shape|unevenly"):
            flat(bad, 4, "")


def test_without_polars_a_model_that_needs_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(SpecError, match=r"polars is not installed.*taxiway\[data\]"):
        Inputs((), arrays=False)
    assert Inputs(MIXED, arrays=True).arrays


def test_what_is_said_of_rows_is_said_of_columns():
    by_rows = named.columns(["a"], b'{"rows": [{"a": 1, "b": 2}, {"a": 3}]}')
    assert by_rows == named.columns(["a"], b'{"columns": {"a": [1, 3]}}') == ({"a": [1, 3]}, 2, "")
