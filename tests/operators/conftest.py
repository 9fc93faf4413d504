import dataclasses
import uuid
from datetime import UTC, datetime

import pytest

import samples
from operators import stages
from operators.production import MODEL
from runtime.kit import Workplace
from runtime.monitoring_kit import Watch
from taxiway.stores.registry import Registry


@pytest.fixture
def store(airflow, tmp_path, monkeypatch):
    """A store of the test's own, as the task finds it."""
    uri = f"{(tmp_path / 'store').as_uri()}/"
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", uri)
    return uri


@pytest.fixture
def rows(tmp_path):
    """URI of a folder with good rows."""
    return stages.write_rows(tmp_path / "rows")


@pytest.fixture
def dag(airflow):
    """A DAG of the test's own, in a file beside the user code under test."""
    from airflow.sdk import DAG

    made = DAG(f"test-{uuid.uuid4().hex[:8]}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC))
    made.fileloc = stages.__file__
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory, airflow):
    """A model that was trained, evaluated, registered and promoted; its store."""
    watch = Watch.over(Workplace.at(tmp_path_factory.mktemp("production")))
    registry = Registry(watch.place.store)
    verdicts = [samples.verdict(watch.live.model)]
    by = samples.author()
    version = registry.register(
        watch.live.model,
        run="run-1",
        verdicts=verdicts,
        metrics={"roc_auc": 0.9},
        report=None,
        by=by,
        profile=watch.live.profile,
        baseline=watch.live.baseline,
    )
    registry.promote(MODEL, version.number, by=by)
    return watch


@pytest.fixture
def watch(trained, tmp_path, monkeypatch):
    """The same model over a store whose journal is empty."""
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", trained.place.store.uri)
    for path in [info.path for info in trained.place.store.list("monitoring/")]:
        trained.place.store.delete(path)
    place = dataclasses.replace(trained.place, folder=tmp_path)
    return dataclasses.replace(trained, place=place)
