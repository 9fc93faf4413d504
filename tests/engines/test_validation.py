"""A contract is asked as a whole, and nothing in it can hide another failure or break the report."""

import math
from datetime import datetime
from types import SimpleNamespace

import pandera.polars as pa
import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.validation import CheckResult
from taxiway.engines.validation import check, count_rows, examine


def ask(data: dict | pl.DataFrame, schema: object, **options) -> dict[str, CheckResult]:
    frame = data if isinstance(data, pl.DataFrame) else pl.DataFrame(data, strict=False)
    return {result.check: result for result in check(frame.lazy(), schema, **options)}


def one(data: dict | pl.DataFrame, column: pa.Column, name: str = "a") -> dict[str, CheckResult]:
    return ask(data, pa.DataFrameSchema({name: column}))


class Flights(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    carrier: str = pa.Field(isin=["UA", "AA"])
    delay: float = pa.Field(ge=-60, le=2000, nullable=True)
    distance: int = pa.Field(gt=0, metadata={"severity": "warning"})

    @pa.dataframe_check
    def short_flights_are_not_very_late(cls, data):  # noqa: N805 - pandera makes it a class method
        return data.lazyframe.select((pl.col("distance") > 100) | (pl.col("delay") < 600))


GOOD = {"id": [1, 2, 3], "carrier": ["UA", "AA", "UA"], "delay": [1.5, None, -3.0], "distance": [10, 500, 7]}


def test_data_that_keeps_its_contract_passes_every_check():
    examined = examine(pl.LazyFrame(GOOD), Flights)
    assert examined.rows == 3
    assert {result.outcome for result in examined.checks} == {Outcome.PASS}
    assert [result.check for result in examined.checks][:3] == ["id: is Int64", "id: not null", "id: unique"]


def test_all_failures_are_collected_with_counts_rates_and_samples():
    bad = {"id": [1, 1, 3], "carrier": ["UA", "XX", None], "delay": [5000.0, None, -61.0], "distance": [10, 0, 7]}
    results = ask(bad, Flights)
    failing = {name: result.failed for name, result in results.items() if result.outcome is Outcome.FAIL}
    assert failing == {
        "id: unique": 2,
        "carrier: not null": 1,
        "carrier: isin(['UA', 'AA'])": 1,
        "delay: greater_than_or_equal_to(-60)": 1,
        "delay: less_than_or_equal_to(2000)": 1,
        "distance: greater_than(0)": 1,
        "short_flights_are_not_very_late": 1,
    }
    assert results["carrier: isin(['UA', 'AA'])"].samples == ("XX",)
    assert results["carrier: isin(['UA', 'AA'])"].rate == 0.5
    assert results["id: unique"].samples == ("1",)
    assert results["short_flights_are_not_very_late"].samples == ("distance=10, delay=5000.0",)


def test_a_check_that_only_warns_says_so():
    schema = pa.DataFrameSchema(
        {
            "a": pa.Column(int, [pa.Check.gt(0, raise_warning=True), pa.Check.lt(10)]),
            "b": pa.Column(int, pa.Check.gt(0), metadata={"severity": "warning"}),
        }
    )
    severities = {result.check: result.severity for result in check(pl.LazyFrame({"a": [1], "b": [0]}), schema)}
    assert severities["a: greater_than(0)"] == "warning"
    assert severities["a: less_than(10)"] == "error"
    assert severities["b: is Int64"] == severities["b: greater_than(0)"] == "warning"


def test_an_unknown_severity_is_refused_with_the_nearest_one():
    with pytest.raises(SpecError, match="Did you mean 'warning'"):
        one({"a": [1]}, pa.Column(int, metadata={"severity": "warn"}))


def test_a_missing_column_offers_the_nearest_name():
    result = one({"dep_dela": [1.0]}, pa.Column(float), "dep_delay")["dep_delay: present"]
    assert result.outcome is Outcome.FAIL
    assert result.failed == 1
    assert "Did you mean 'dep_dela'?" in result.note


def test_a_column_that_a_policy_dropped_is_explained():
    result = ask({"a": [1]}, pa.DataFrameSchema({"email": pa.Column(str)}), personal={"email": "drop"})
    assert "policy drops it" in result["email: present"].note


def test_a_column_that_may_be_missing_is_not_asked_for():
    assert one({"b": [1]}, pa.Column(int, pa.Check.gt(0), required=False)) == {}


def test_a_column_of_another_type_fails_and_its_other_checks_are_still_asked():
    results = one({"a": [1, -2]}, pa.Column(float, pa.Check.ge(0)))
    assert results["a: is Float64"].note == "the column is Int64, not Float64"
    assert results["a: is Float64"].failed == 2
    assert results["a: greater_than_or_equal_to(0)"].failed == 1


def test_a_check_that_does_not_fit_the_type_is_inconclusive_and_hides_nothing():
    results = one({"a": ["x", None]}, pa.Column(int, pa.Check.ge(0)))
    broken = results["a: greater_than_or_equal_to(0)"]
    assert broken.outcome is Outcome.INCONCLUSIVE
    assert "the column is String" in broken.note
    assert results["a: not null"].failed == 1


def test_a_strict_contract_names_each_unexpected_column():
    schema = pa.DataFrameSchema({"delay": pa.Column(int)}, strict=True)
    results = ask({"delai": [1], "x": [2]}, schema)
    assert results["delai: expected"].note.endswith("Did you mean 'delay'?")
    assert results["x: expected"].outcome is Outcome.FAIL


def test_the_order_of_columns_counts_where_the_contract_says_so():
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(int)}, ordered=True)
    name = "columns in the contract's order"
    assert ask({"a": [1], "b": [1]}, schema)[name].outcome is Outcome.PASS
    assert ask({"b": [1], "a": [1]}, schema)[name].note == "the first one out of order is 'b'"


def test_a_pattern_speaks_of_every_column_it_matches_but_those_written_out():
    schema = pa.DataFrameSchema({"^x.$": pa.Column(int, pa.Check.gt(0)), "x9": pa.Column(str)})
    results = ask({"x1": [1], "x2": [0], "x9": ["a"]}, schema)
    assert results["x2: greater_than(0)"].failed == 1
    assert results["x1: greater_than(0)"].outcome is Outcome.PASS
    assert "x9: greater_than(0)" not in results


def test_nan_is_missing_where_nothing_may_be_missing():
    result = one({"a": [1.0, math.nan, None]}, pa.Column(float))["a: not null"]
    assert (result.failed, result.samples) == (2, ("nan", "null"))


def test_infinity_is_a_number_and_breaks_a_range():
    results = one({"a": [math.inf, -math.inf, 0.0]}, pa.Column(float, pa.Check.in_range(-1, 1)))
    assert results["a: in_range(-1, 1)"].failed == 2


def test_a_column_without_any_value_passes_its_checks_and_says_that_nothing_was_asked():
    result = one(
        pl.DataFrame({"a": [None, None]}, schema={"a": pl.Int64}), pa.Column(int, pa.Check.gt(0), nullable=True)
    )
    assert result["a: greater_than(0)"].outcome is Outcome.PASS
    assert "nothing to ask" in result["a: greater_than(0)"].note


def test_an_empty_table_leaves_every_question_about_rows_open():
    results = ask(pl.DataFrame(schema={"id": pl.Int64, "carrier": pl.String}), Flights)
    assert results["id: unique"].outcome is Outcome.INCONCLUSIVE
    assert results["id: is Int64"].outcome is Outcome.PASS
    assert results["delay: present"].outcome is Outcome.FAIL
    assert results["delay: present"].rate == 1.0


def test_rows_repeated_in_several_columns_are_counted_as_groups():
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(str)}, unique=["a", "b"])
    result = ask({"a": [1, 1, 1, 2], "b": ["x", "x", "y", "x"]}, schema)["a, b: unique together"]
    assert (result.failed, result.samples) == (2, ("a=1, b=x",))


def test_uniqueness_over_a_column_that_is_missing_is_inconclusive():
    schema = pa.DataFrameSchema({"a": pa.Column(int)}, unique=["a", "bee"])
    assert ask({"a": [1], "be": [2]}, schema)["a, bee: unique together"].outcome is Outcome.INCONCLUSIVE


def test_a_python_function_is_asked_value_by_value_and_never_about_nulls():
    asked = []

    def even(value: int) -> bool:
        asked.append(value)
        return value % 2 == 0

    results = one({"a": [1, 2, None]}, pa.Column(int, pa.Check(even, element_wise=True), nullable=True))
    assert results["a: even"].failed == 1
    assert None not in asked


def test_a_python_function_that_raises_is_inconclusive_and_the_others_are_asked():
    checks = [pa.Check(lambda value: 1 / value > 0, element_wise=True, name="inverse"), pa.Check.gt(5)]
    results = one({"a": [0, 1, 9]}, pa.Column(int, checks))
    assert results["a: inverse"].outcome is Outcome.INCONCLUSIVE
    assert "ZeroDivisionError" in results["a: inverse"].note
    assert results["a: greater_than(5)"].failed == 2


@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (lambda data: data.lazyframe.select(pl.col("a").mean() > 5), Outcome.FAIL),
        (lambda data: data.lazyframe.select(pl.col("a").mean() < 5), Outcome.PASS),
        (lambda data: data.lazyframe.select(pl.col("a").mean()).collect().item() > 5, Outcome.FAIL),
        (lambda data: data.lazyframe.collect().height == 3, Outcome.PASS),
    ],
)
def test_a_check_of_the_whole_table_has_one_answer(function, outcome):
    result = one({"a": [1, 2, 3]}, pa.Column(int, pa.Check(function, name="whole")))["a: whole"]
    assert result.outcome is outcome
    assert result.failed == (3 if outcome is Outcome.FAIL else 0)


def test_a_check_that_builds_its_own_frame_is_counted_by_rows():
    def positive(data):
        return data.lazyframe.with_columns(doubled=pl.col("a") * 2).select(pl.col("doubled") > 2)

    assert one({"a": [1, 2, 3]}, pa.Column(int, pa.Check(positive)))["a: positive"].failed == 1


def test_a_check_that_does_not_answer_with_true_or_false_is_inconclusive():
    check_ = pa.Check(lambda data: data.lazyframe.select(pl.col("a") + 1), name="plus")
    assert "not with true or false" in one({"a": [1]}, pa.Column(int, check_))["a: plus"].note


def test_a_null_answer_counts_as_a_failure_where_the_check_says_so():
    strict = pa.Check(lambda data: data.lazyframe.select(pl.col("a") > 0), ignore_na=False, name="strict")
    assert one({"a": [1, None]}, pa.Column(int, strict, nullable=True))["a: strict"].failed == 1


def test_conversion_is_asked_as_whether_every_value_reads_as_the_type():
    results = one({"a": ["1", "2", "x"]}, pa.Column(int, pa.Check.gt(1), coerce=True))
    assert (results["a: reads as Int64"].failed, results["a: reads as Int64"].samples) == (1, ("x",))
    assert (results["a: greater_than(1)"].failed, results["a: greater_than(1)"].samples) == (1, ("1",))


def test_a_conversion_that_does_not_exist_fails_for_every_row():
    result = one({"a": ["2020-01-01"]}, pa.Column(pl.Datetime("us"), coerce=True))
    (conversion,) = [one for name, one in result.items() if "reads as" in name]
    assert (conversion.outcome, conversion.failed) == (Outcome.FAIL, 1)


def test_a_default_stands_for_missing_values():
    assert one({"a": [None, 3]}, pa.Column(int, pa.Check.gt(0), default=5))["a: not null"].outcome is Outcome.PASS


def test_a_nested_schema_is_left_to_pandera_batch_by_batch():
    class Inner(pa.DataFrameModel):
        x: int = pa.Field(gt=0)

    class Outer(pa.DataFrameModel):
        inner: Inner

    frame = pl.DataFrame({"inner": [{"x": 1}, {"x": -1}, {"x": -5}]})
    (result,) = [one for name, one in ask(frame, Outer).items() if "reads as" in name]
    assert result.failed == 2


def test_samples_are_capped_in_number_and_length_and_stay_text():
    hostile = ["<script>alert(1)</script>\n" + "é" * 500, *(f"*bold* {number}" for number in range(100))]
    result = one({"a": hostile}, pa.Column(str, pa.Check.eq("fine")))["a: equal_to(fine)"]
    assert len(result.samples) == 5
    assert max(map(len, result.samples)) <= 80
    assert result.samples[0].startswith("<script>alert(1)</script> é")


def test_samples_of_personal_columns_are_masked_also_beside_others():
    schema = pa.DataFrameSchema(
        {"email": pa.Column(str, pa.Check.str_contains("@"))},
        checks=pa.Check(
            lambda data: data.lazyframe.select(pl.col("email").str.len_chars() < pl.col("n")), name="short"
        ),
    )
    results = ask({"email": ["ann", "bob"], "n": [1, 2]}, schema, personal={"email": "mask"})
    assert results["email: str_contains('@')"].samples == ("***",)
    assert results["short"].samples == ("email=***, n=1", "email=***, n=2")


@pytest.mark.parametrize("name", ["naïve <b>", "日本", "a.b", "*", "x" * 300, "rows", "0 failed", "alike"])
def test_a_column_may_have_any_name(name):
    results = ask({name: [1, 1, -1]}, pa.DataFrameSchema({name: pa.Column(int, pa.Check.gt(0), unique=True)}))
    assert sorted(result.failed for result in results.values()) == [0, 0, 1, 2]


def test_data_that_cannot_be_read_is_a_fault_and_not_a_failed_check(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 this is not parquet PAR1")
    data = pl.scan_parquet(tmp_path / "bad.parquet")
    with pytest.raises(SpecError, match="cannot be read"):
        examine(data, Flights)
    with pytest.raises(SpecError, match="cannot be read"):
        count_rows(data)


def test_a_value_that_the_reader_meets_late_is_a_fault_and_not_a_failed_check(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n2\nthree\n")
    data = pl.scan_csv(tmp_path / "a.csv", infer_schema_length=2)
    with pytest.raises(SpecError, match="cannot be read"):
        examine(data, pa.DataFrameSchema({"a": pa.Column(int, pa.Check.gt(0))}))


@pytest.mark.parametrize("contract", [None, 3, "flights:Flights", dict, SimpleNamespace()])
def test_what_is_no_polars_schema_is_refused(contract):
    with pytest.raises(SpecError, match="not a data contract"):
        check(pl.LazyFrame({"a": [1]}), contract)


def test_hundreds_of_columns_are_asked_in_one_pass():
    names = [f"c{number}" for number in range(300)]
    schema = pa.DataFrameSchema({name: pa.Column(int, pa.Check.ge(0)) for name in names})
    examined = examine(pl.LazyFrame({name: [1, 2, -1] for name in names}), schema)
    assert sum(result.failed for result in examined.checks) == 300


def test_times_are_compared_as_times():
    column = pa.Column(pl.Datetime("us"), pa.Check.ge(datetime(2020, 1, 1)))  # noqa: DTZ001 - a column without a zone
    frame = pl.DataFrame({"a": [datetime(2019, 1, 1), datetime(2021, 1, 1)]})  # noqa: DTZ001
    (result,) = [one for name, one in one(frame, column).items() if "greater" in name]
    assert (result.failed, result.samples) == (1, ("2019-01-01 00:00:00",))
