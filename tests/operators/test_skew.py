import polars as pl
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airflow_home
import samples
from core import journal
from runtime.kit import Workplace
from runtime.monitoring_kit import Watch, rows
from taxiway.core.outcomes import Outcome
from taxiway.core.skew import SkewReport
from taxiway.operators.skew import SkewOperator
from taxiway.stores.registry import Registry


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A model's store, and the reports of a window like its training data and of one that is not."""
    watch = Watch.over(Workplace.at(tmp_path_factory.mktemp("skew")))
    Registry(watch.place.store).register(
        watch.live.model,
        run="r",
        verdicts=[samples.verdict(watch.live.model)],
        metrics={},
        report=None,
        by=samples.author(),
        profile=watch.live.profile,
        baseline=watch.live.baseline,
    )
    alike, other = rows(seed=1), rows(seed=2).with_columns(delay=pl.lit(None, pl.Float64))
    looks = [watch.look(watch.monitoring(watch.write(data, f"{n}/0")), n) for n, data in enumerate((alike, other))]
    return watch.place.store.uri, looks


@pytest.fixture
def ask(reports, dag, airflow, monkeypatch):
    uri, looks = reports
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", uri)

    def asking(n, **options):
        report = looks[n] if isinstance(n, int) else n
        task = SkewOperator(task_id="skew", report=report.dump(), dag=dag, **options)
        return SkewReport.load(task.execute(airflow_home.context(task)))

    return asking


def test_a_window_like_the_training_data_has_no_skew(ask):
    assert ask(0).outcome is Outcome.PASS


def test_what_is_broken_is_told_and_fails_only_when_it_is_asked_to(ask):
    report = ask(1)
    assert {(one.column, one.breach) for one in report.found} == {("delay", "presence")}


def test_a_broken_schema_fails_without_a_retry(ask):
    with pytest.raises(AirflowFailException, match=r"delay, presence: expected 100\.0% of the rows, got 0\.0%"):
        ask(1, fail=True)


@pytest.mark.parametrize("report", [journal.drift_report(number=None), journal.drift_report()])
def test_without_two_profiles_there_is_nothing_to_compare(ask, report):
    with pytest.raises(AirflowSkipException, match="no two profiles"):
        ask(report)
