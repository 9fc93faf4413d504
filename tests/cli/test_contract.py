import importlib.util

import polars as pl
import pytest
from typer.testing import CliRunner

from taxiway.cli.app import app
from taxiway.cli.contract import class_name
from taxiway.core.errors import SpecError


@pytest.fixture
def flights(tmp_path):
    file = tmp_path / "flights-2013.parquet"
    rows = pl.DataFrame({"flight_id": range(200), "origin": ["JFK", "LGA"] * 100, "delay": [1.5, None] * 100})
    rows.write_parquet(file)
    return file


def infer(*words):
    result = CliRunner().invoke(app, ["contract", "infer", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def contract(file, name):
    spec = importlib.util.spec_from_file_location("inferred", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_the_inferred_contract_holds_on_the_data_it_was_inferred_from(flights, tmp_path):
    out = tmp_path / "checks.py"
    assert "checks='checks:Flights2013'" in infer(flights, "--out", out).replace("\n", "")
    rows = pl.read_parquet(flights)
    assert contract(out, "Flights2013").validate(rows).equals(rows)
    with pytest.raises(Exception, match="origin"):
        contract(out, "Flights2013").validate(rows.with_columns(origin=pl.lit("LHR")))


def test_without_a_file_the_contract_goes_to_the_standard_output(flights):
    assert "class Trips(pa.DataFrameModel):" in infer(flights, "--name", "Trips")


def test_csv_and_folders_are_read_as_well(tmp_path):
    folder = tmp_path / "trips"
    folder.mkdir()
    pl.DataFrame({"n": [1, 2]}).write_csv(folder / "a.csv")
    assert "class Trips" in infer(f"{folder}/")


def test_a_contract_is_never_written_over(flights, tmp_path):
    out = tmp_path / "checks.py"
    out.write_text("mine")
    with pytest.raises(SpecError, match="this file exists"):
        infer(flights, "--out", out)
    assert out.read_text() == "mine"


def test_data_that_is_not_there_is_said_to_be_missing_and_no_file_is_left(tmp_path):
    with pytest.raises(SpecError):
        infer(tmp_path / "nothing.parquet", "--out", tmp_path / "checks.py")
    assert not (tmp_path / "checks.py").exists()


def test_a_name_that_is_no_class_is_refused(flights):
    with pytest.raises(SpecError, match="a contract is a class"):
        infer(flights, "--name", "not a name")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://lake/flights-2013/", "Flights2013"),
        ("flights_2013.parquet", "Flights2013"),
        ("s3://lake/trips/*.parquet", "Data"),
        ("2013.csv", "Data2013"),
        ("lake/tripData.tar.gz", "TripData"),
        ("***", "Data"),
    ],
)
def test_a_class_is_named_after_the_data(uri, name):
    assert class_name(uri) == name
