"""Our one pass and pandera's own validation say the same: the same failing checks, and as many rows."""

import collections
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from taxiway.core.outcomes import Outcome
from taxiway.engines.validation import check

INTS = st.lists(st.one_of(st.none(), st.integers(-4, 4)), min_size=1, max_size=12)
FLOATS = st.one_of(st.none(), st.sampled_from([-1.5, -0.0, 0.0, 1.0, 2.5, float("nan"), float("inf"), -float("inf")]))
TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "ab", "b", "é", "ba", "<b>", "a\nb", "日本"]))
NUMBER_CHECKS = (
    pa.Check.ge(0),
    pa.Check.gt(0),
    pa.Check.le(1),
    pa.Check.lt(1),
    pa.Check.eq(1),
    pa.Check.ne(1),
    pa.Check.in_range(-1, 2),
    pa.Check.in_range(-1, 2, include_min=False, include_max=False),
    pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) > 1), name="own", ignore_na=False),
    pa.Check(lambda value: value > 1, element_wise=True, name="each"),
)
INT_CHECKS = st.sampled_from([*NUMBER_CHECKS, pa.Check.isin([0, 1, 2]), pa.Check.notin([0, 1])])
FLOAT_CHECKS = st.sampled_from([*NUMBER_CHECKS, pa.Check.isin([0.0, 1.0]), pa.Check.notin([2.5, 1.0])])
TEXT_CHECKS = st.sampled_from(
    [
        pa.Check.isin(["a", "b"]),
        pa.Check.notin(["a"]),
        pa.Check.str_matches("a"),
        pa.Check.str_matches("^a$"),
        pa.Check.str_contains("b"),
        pa.Check.str_startswith("a"),
        pa.Check.str_endswith("b"),
        pa.Check.str_length(min_value=1, max_value=1),
        pa.Check.str_length(exact_value=2),
        pa.Check(lambda value: len(value) < 2, element_wise=True, name="short"),
    ]
)
TABLE_CHECKS = st.sampled_from(
    [
        pa.Check(lambda data: data.lazyframe.select(pl.col("i") <= pl.col("f")), name="ordered"),
        pa.Check(lambda data: data.lazyframe.select(pl.col("i", "f") < 2), name="both below"),
        pa.Check(
            lambda data: data.lazyframe.select((pl.col("i") > 0) | pl.col("s").is_null()), name="or", ignore_na=False
        ),
    ]
)


@st.composite
def tables(draw) -> pl.DataFrame:
    height = draw(st.integers(1, 12))
    columns = {
        "i": (st.one_of(st.none(), st.integers(-4, 4)), pl.Int64),
        "f": (FLOATS, pl.Float64),
        "s": (TEXTS, pl.String),
    }
    data = {name: draw(st.lists(values, min_size=height, max_size=height)) for name, (values, _) in columns.items()}
    return pl.DataFrame(data, schema={name: dtype for name, (_, dtype) in columns.items()})


@st.composite
def schemas(draw) -> pa.DataFrameSchema:
    def column(types, checks) -> pa.Column:
        return pa.Column(
            draw(st.sampled_from(types)),
            draw(st.lists(checks, max_size=3, unique_by=lambda one: str(one.error or one.name))),
            nullable=draw(st.booleans()),
            unique=draw(st.booleans()),
        )

    columns = {
        "i": column([pl.Int64, pl.Int64, pl.Int32], INT_CHECKS),
        "f": column([pl.Float64, pl.Float64, pl.Float32], FLOAT_CHECKS),
        "s": column([pl.String], TEXT_CHECKS),
    }
    if draw(st.booleans()):
        columns["zip"] = pa.Column(str, required=draw(st.booleans()))
    together = draw(st.sampled_from([None, ["i", "s"], ["f", "i"]]))
    return pa.DataFrameSchema(columns, checks=draw(st.lists(TABLE_CHECKS, max_size=2, unique=True)), unique=together)


def by_pandera(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> dict[tuple[str | None, str], int]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        counts: dict[tuple[str | None, str], int] = collections.Counter()
        for fault in error.schema_errors:
            counts[_place(fault)] += fault.failure_cases.height if isinstance(fault.failure_cases, pl.DataFrame) else -1
        return dict(counts)
    return {}


def _place(fault: Any) -> tuple[str | None, str]:
    name = fault.check if isinstance(fault.check, str) else str(fault.check.error or fault.check.name)
    if name == "column_in_dataframe":
        return str(fault.failure_cases), "present"
    if name == "multiple_fields_uniqueness":
        return None, "unique together"
    words = {"not_nullable": "not null", "field_uniqueness": "unique"}
    column = fault.schema.name
    return column, f"is {name[7:-2]}" if name.startswith("dtype(") else words.get(name, name)


def by_us(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> dict[tuple[str | None, str], int]:
    found = {}
    for result in check(frame.lazy(), schema):
        assert result.outcome is not Outcome.INCONCLUSIVE, result
        if result.outcome is Outcome.FAIL:
            name = result.check.removeprefix(f"{result.column}: ")
            name = "unique together" if name.endswith(": unique together") else name
            found[result.column, name] = -1 if result.note else result.failed
    return found


@settings(max_examples=100, deadline=None)
@given(tables(), schemas())
def test_the_same_checks_fail_on_as_many_rows(frame, schema):
    assert by_us(frame, schema) == by_pandera(frame, schema)


@settings(max_examples=50, deadline=None)
@given(INTS, st.integers(1, 4))
def test_the_answer_does_not_depend_on_how_the_rows_are_cut_into_batches(values, pieces):
    schema = pa.DataFrameSchema({"i": pa.Column(int, pa.Check.gt(0), nullable=True, unique=True)})
    whole = pl.DataFrame({"i": values}, schema={"i": pl.Int64})
    cut = pl.concat([whole[start : start + pieces] for start in range(0, whole.height, pieces)], rechunk=False)
    assert check(whole.lazy(), schema) == check(cut.lazy(), schema)
