"""An inferred contract is source that imports, holds on its own data, and notices other data."""

import datetime as dt
import importlib.util
from types import ModuleType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.core.errors import SpecError
from taxiway.core.outcomes import Outcome
from taxiway.engines.inference import infer, outward
from taxiway.engines.validation import check

N = 300
ROWS = pl.DataFrame(
    {
        "id": range(N),
        "delay": [n * 0.37 - 55.5 for n in range(N)],
        "class": ["a", "b", None] * (N // 3),
        "my col": ["<b>\"'\n"] * N,
        "at": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * N,
        "day": [dt.date(2020, 1, 1)] * N,
        "nothing": [None] * N,
        "odd": [float("nan"), float("inf"), 1.0] * (N // 3),
        "flag": [True] * N,
        "list": [[1]] * N,
        "struct": [{"a": [1.0]}] * N,
        "array": pl.Series([[1, 2]] * N, dtype=pl.Array(pl.Int64, 2)),
        "level": pl.Series(["q"] * N, dtype=pl.Categorical),
        "enum": pl.Series(["a"] * N, dtype=pl.Enum(["a", "b"])),
        "price": pl.Series([1] * N).cast(pl.Decimal(10, 2)),
        "tiny": pl.Series([5] * N, dtype=pl.UInt8),
        "validate": [2] * N,
        "pl": [3] * N,
        "Config": [3] * N,
        "column_3": [4] * N,
        "__x": [5] * N,
    }
)


def load(source: str, tmp_path) -> ModuleType:
    file = tmp_path / "inferred.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("inferred", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_holds_on_the_data_it_was_inferred_from(tmp_path):
    contract = load(infer(ROWS.lazy(), "Flights"), tmp_path).Flights
    assert {result.check for result in check(ROWS.lazy(), contract) if result.outcome is not Outcome.PASS} == set()
    contract.validate(ROWS, lazy=True)


def test_it_notices_data_that_is_different(tmp_path):
    contract = load(infer(ROWS.lazy(), "Flights"), tmp_path).Flights
    other = ROWS.with_columns(
        id=pl.lit(1), delay=pl.lit(5000.0), day=pl.lit("x"), **{"class": pl.lit("z")}, new=pl.lit(1)
    )
    failing = {result.column for result in check(other.lazy(), contract) if result.outcome is Outcome.FAIL}
    assert failing == {"id", "delay", "day", "class", "new"}


def test_it_reads_like_something_a_person_wrote():
    source = infer(pl.LazyFrame({"carrier": ["UA", "AA"] * 100, "delay": [-7.3, 1234.0] * 100}), "Flights")
    assert "    carrier: pl.String = pa.Field(isin=['AA', 'UA'])\n" in source
    assert "    delay: pl.Float64 = pa.Field(ge=-7.3, le=1300.0)\n" in source


def test_values_of_a_large_set_do_not_get_into_the_source():
    assert "person" not in infer(pl.LazyFrame({"email": [f"person{n}@x" for n in range(1000)]}), "People")


@settings(deadline=None)
@given(st.floats(allow_nan=False))
def test_a_range_is_rounded_away_from_the_data(value):
    assert outward(value, up=False) <= value <= outward(value, up=True)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_a_range_of_whole_numbers_is_rounded_away_from_the_data(value):
    assert int(outward(value, up=False)) <= value <= int(outward(value, up=True))


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=30))
def test_any_column_of_numbers_passes_its_own_contract(tmp_path_factory, values):
    rows = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    contract = load(infer(rows.lazy(), "Numbers"), tmp_path_factory.mktemp("c")).Numbers
    assert {result.outcome for result in check(rows.lazy(), contract)} == {Outcome.PASS}


@pytest.mark.parametrize("name", ["", "class", "my model", "a-b", "1x"])
def test_a_contract_needs_the_name_of_a_class(name):
    with pytest.raises(SpecError, match="a contract is a class"):
        infer(ROWS.lazy(), name)


def test_nothing_can_be_inferred_from_no_rows():
    for rows in (pl.DataFrame(schema={"a": pl.Int64}), pl.DataFrame()):
        with pytest.raises(SpecError, match="no rows"):
            infer(rows.lazy(), "Flights")


def test_a_column_whose_name_is_a_pattern_is_refused():
    with pytest.raises(SpecError, match="as a pattern"):
        infer(pl.LazyFrame({"^a.*$": [1]}), "Flights")
