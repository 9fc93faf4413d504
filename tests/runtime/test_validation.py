"""The validation stage: one record that says what was asked of which bytes, and what came back."""

import sys

import polars as pl
import pytest

from samples import job_key
from taxiway.core import Dataset
from taxiway.core.errors import SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.stages import ValidateWork
from taxiway.core.validation import ValidationReport, require_valid
from taxiway.runtime.context import Job
from taxiway.runtime.validation import validate
from taxiway.stores.objects import open_store

CONTRACT = """
import pandera.polars as pa

class Flights(pa.DataFrameModel):
    delay: float = pa.Field(ge=0)
    email: str = pa.Field(str_contains="@")
"""


@pytest.fixture
def job(tmp_path, monkeypatch) -> Job:
    (tmp_path / "flight_rules.py").write_text(CONTRACT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "flight_rules", raising=False)
    return Job(job_key(), open_store(f"file://{tmp_path}/store"), tmp_path)


def report(job: Job, rows: dict | pl.DataFrame, *, sample: int | None = None, **options) -> ValidationReport:
    file = job.scratch / "a.parquet"
    pl.DataFrame(rows).write_parquet(file)
    options = {"checks": "flight_rules:Flights", **options}
    return validate(ValidateWork(dataset=Dataset("flights", file.as_uri(), **options), sample_rows=sample), job)


GOOD = {"delay": [1.0, 2.0], "email": ["a@x", "b@x"]}


def test_good_data_passes_and_gives_its_snapshot_to_the_next_stage(job):
    found = report(job, GOOD)
    assert found.outcome is Outcome.PASS
    assert require_valid(found) == found.dataset
    assert (found.rows, found.columns) == (2, {"delay": "Float64", "email": "String"})


def test_broken_data_is_a_report_and_not_an_error(job):
    found = report(job, {"delay": [1.0, -2.0], "email": ["a@x", "b"]}, personal={"email": "mask"})
    assert found.outcome is Outcome.FAIL
    with pytest.raises(SpecError, match=r"1 of 2 rows \(50.00%\), e.g. -2.0.*e.g. \*\*\*"):
        require_valid(found)


def test_a_missing_column_is_named_with_its_nearest_name(job):
    found = report(job, {"dely": [1.0], "email": ["a@x"]})
    with pytest.raises(SpecError, match="Did you mean 'dely'"):
        require_valid(found)


def test_data_without_rows_is_inconclusive(job):
    found = report(job, pl.DataFrame(schema={"delay": pl.Float64, "email": pl.String}))
    assert (found.outcome, found.rows) == (Outcome.INCONCLUSIVE, 0)


def test_a_dataset_without_a_contract_is_counted(job):
    found = report(job, GOOD, checks=None)
    assert (found.outcome, found.rows, found.checks, found.contract) == (Outcome.PASS, 2, (), None)


def test_a_sample_is_all_that_is_asked(job):
    found = report(job, {"delay": [1.0, -2.0], "email": ["a@x", "b"]}, sample=1)
    assert (found.outcome, found.rows, found.dataset.sample_rows) == (Outcome.PASS, 1, 1)


def test_the_report_survives_the_wire(job):
    found = report(job, GOOD)
    assert ValidationReport.load(found.dump()) == found


def test_the_contract_has_a_digest_that_changes_with_its_rules(job, monkeypatch):
    before = report(job, GOOD).contract
    assert report(job, GOOD).contract == before
    (job.scratch / "flight_rules.py").write_text(CONTRACT.replace("ge=0", "ge=0.5"))
    monkeypatch.delitem(sys.modules, "flight_rules")
    sys.path_importer_cache.clear()
    assert report(job, GOOD).contract != before


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ("flight_rules:Flihgts", "Did you mean 'Flights'"),
        ("flight_ruels:Flights", "there is no module 'flight_ruels'"),
        ("flight_rules:pa", "not a data contract"),
    ],
)
def test_a_contract_that_cannot_be_found_is_explained(job, checks, words):
    with pytest.raises(SpecError, match=words):
        report(job, GOOD, checks=checks)


def test_a_contract_that_cannot_be_imported_is_explained(job):
    (job.scratch / "broken_rules.py").write_text("1 / 0")
    with pytest.raises(SpecError, match="ZeroDivisionError"):
        report(job, GOOD, checks="broken_rules:Flights")
