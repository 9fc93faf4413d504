"""The monitoring of a model as Airflow runs it, hour after hour, over real jobs and a real store."""

import dataclasses
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import airflow_home
import samples
from core import journal
from operators.production import ALARM, MODEL, asked, broken, look, write
from runtime.monitoring_kit import hour, rows
from taxiway.core import Dataset, Drift, Evaluation, Labels, Monitoring, Retrain
from taxiway.core.drift import DriftReport
from taxiway.core.incidents import Ask, Incident, JournalEntry, Phase
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import PerformanceReport
from taxiway.core.records import load_record
from taxiway.factories import drift_asset, drift_dag, monitoring_dag, performance_dag, retrain_asset
from taxiway.hooks.monitoring import Span, live_version
from taxiway.hooks.store import TaxiwayHook
from taxiway.operators.incidents import (
    AnnounceOperator,
    DeclareOperator,
    IncidentOperator,
    RetrainedOperator,
    RetrainOperator,
)
from taxiway.operators.monitoring import CompareOperator, WindowOperator
from taxiway.stores.monitoring import Reports
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry


def test_a_day_with_a_broken_sensor_is_one_incident_and_one_retraining(watch):
    dag = monitoring_dag(model=MODEL, monitoring=asked(watch))
    runs = []
    for n, data in enumerate((rows(1500, 1), broken(1), broken(2), broken(3))):
        write(watch, n, data, "a", "b")
        runs.append(look(watch, n, dag))
    states = [airflow_home.states(run) for run in runs]
    assert [one["incident.announce"] for one in states] == ["skipped", "skipped", "success", "skipped"]
    assert [one["incident.retrain"] for one in states] == ["skipped", "skipped", "success", "skipped"]
    assert {one["drift.compare"] for one in states} == {"success"}
    incident = load_record(airflow_home.value(runs[2], "incident.announce"))
    assert isinstance(incident, Incident)
    assert (incident.number, incident.phase, incident.since) == (1, Phase.CONFIRMED, hour(1).start)
    ask = Ask.load(airflow_home.value(runs[2], "incident.retrain"))
    assert (ask.model, ask.number) == (MODEL, 1)
    kept = TaxiwayHook().journal(MODEL, "all").replayed()
    assert len(kept) == 4
    assert kept[-1].watched.incidents == 1
    report = Reports(watch.place.store, MODEL, "all").find(DriftReport, hour(2))
    assert report.rows == 1500
    assert {fault.column for fault in report.faults if fault.what == "stuck"} == {"delay"}


def test_a_window_without_rows_is_no_fault(watch):
    run = look(watch, 7, monitoring_dag(model=MODEL, monitoring=asked(watch)))
    states = airflow_home.states(run)
    assert states["incident.judge"] == "success"
    assert DriftReport.load(airflow_home.value(run, "drift.compare")).note == "the window has no rows"
    assert TaxiwayHook().journal(MODEL, "all").watched().phase is Phase.WATCH


def test_a_window_is_profiled_by_mapped_tasks(watch):
    write(watch, 0, rows(900, 1), *"abcdef")
    run = look(watch, 0, monitoring_dag(model=MODEL, monitoring=asked(watch, partitions=3)))
    mapped = [ti for ti in run.get_task_instances() if ti.task_id == "window.profile"]
    assert sorted(ti.map_index for ti in mapped) == [0, 1, 2]
    assert DriftReport.load(airflow_home.value(run, "drift.compare")).rows == 900


def test_a_model_that_is_not_live_yet_is_not_watched(watch):
    states = airflow_home.states(look(watch, 0, monitoring_dag(model="nobody", monitoring=asked(watch))))
    assert set(states.values()) == {"skipped"}


def test_the_truth_is_waited_for_and_measured(watch):
    data = rows(1500, 1)
    write(watch, 0, data.drop("late"))
    folder = watch.place.folder / "labels"
    folder.mkdir()
    data.select("id", "late").write_parquet(folder / "labels.parquet")
    labels = Labels(Dataset("labels", f"{folder.as_uri()}/"), "id", schedule="@hourly")
    dag = performance_dag(
        model=MODEL,
        monitoring=asked(watch, labels=labels, alarm=dataclasses.replace(ALARM, max_drop=0.2)),
        evaluation=Evaluation("late", ("roc_auc", "accuracy")),
    )
    run = look(watch, 0, dag)
    assert airflow_home.states(run)["truth.measure"] == "success"
    report = PerformanceReport.load(airflow_home.value(run, "truth.measure"))
    assert (report.outcome, report.coverage, report.number) == (Outcome.PASS, 1.0, 1)
    assert PerformanceReport.load(airflow_home.value(run, "truth.wait")).coverage == 1.0
    entry = JournalEntry.load(airflow_home.value(run, "incident.judge"))
    assert (entry.event.source, entry.event.mark) == ("performance", "good")
    assert entry.event.values.keys() == {"roc_auc", "accuracy"}


def test_labels_that_never_come_are_measured_after_the_patience(watch):
    write(watch, 0, rows(600, 1).drop("late"))
    nowhere = Dataset("labels", f"{(watch.place.folder / 'nowhere').as_uri()}/")
    labels = Labels(nowhere, "id", target="late", patience=timedelta(hours=1), schedule="@hourly")
    run = look(watch, 0, performance_dag(model=MODEL, monitoring=asked(watch, labels=labels)))
    report = PerformanceReport.load(airflow_home.value(run, "truth.measure"))
    assert report.note == "there are no labels for 600 predictions"
    assert JournalEntry.load(airflow_home.value(run, "incident.judge")).event.mark == "unknown"


def test_a_table_is_held_against_another_without_a_model(watch):
    before = watch.write(rows(1500, 1), "before/0")
    write(watch, 0, rows(1500, 2).with_columns(delay=pl.lit(None, pl.Float64)))
    write(watch, 1, rows(1500, 3).with_columns(delay=pl.lit(None, pl.Float64)))
    dag = drift_dag(
        name="bookings",
        reference=Dataset("before", before),
        current=asked(watch).window,
        monitoring=asked(watch, drift=Drift(season="none", ignore=("id",))),
    )
    runs = [look(watch, n, dag) for n in (0, 1)]
    assert [airflow_home.states(run)["incident.announce"] for run in runs] == ["skipped", "success"]
    report = DriftReport.load(airflow_home.value(runs[0], "drift.compare"))
    assert (report.number, report.drifted) == (None, 1)
    assert Incident.load(airflow_home.value(runs[1], "incident.announce")).severity == "minor"


def entry_of(watched, steps=(), ask=None):
    return JournalEntry(
        number=1,
        id="x",
        at=journal.clock(0),
        event=journal.observation(0),
        alarm=ALARM,
        retrain=None,
        watched=watched,
        steps=steps,
        ask=ask,
    ).dump()


@pytest.fixture
def confirmed():
    played = journal.Journal(ALARM, Retrain())
    step = played.hours("bb")
    return entry_of(step.watched, step.steps, step.ask)


def test_an_incident_is_announced_with_itself_as_the_event(dag, store, confirmed):
    asset = drift_asset(MODEL)
    task = AnnounceOperator(task_id="announce", entry=confirmed, outlets=[asset], dag=dag)
    context = airflow_home.context(task)
    incident = Incident.load(task.execute(context))
    assert Incident.load(context["outlet_events"][asset].extra) == incident
    other = AnnounceOperator(task_id="other", entry=confirmed, phases=("recovered",), dag=dag)
    with pytest.raises(AirflowSkipException, match="No incident went to recovered"):
        other.execute(airflow_home.context(other))


def test_a_retraining_is_asked_for_with_the_ask_as_the_event(dag, store, confirmed):
    asset = retrain_asset(MODEL)
    task = RetrainOperator(task_id="retrain", entry=confirmed, outlets=[asset], dag=dag)
    context = airflow_home.context(task)
    assert Ask.load(task.execute(context)).number == 1
    assert Ask.load(context["outlet_events"][asset].extra).number == 1
    again = RetrainOperator(task_id="again", entry=entry_of(journal.Watched()), dag=dag)
    with pytest.raises(AirflowSkipException, match="No retraining is worth it now"):
        again.execute(airflow_home.context(again))


def judged(dag, report, run_type="manual", name="judge", **changes):
    rules = Monitoring(window=Dataset("w", "file:///w/"), alarm=ALARM, **changes)
    task = IncidentOperator(task_id=name, report=report.dump(), monitoring=rules, dag=dag)
    return JournalEntry.load(task.execute(airflow_home.context(task, run_type=run_type)))


BAD = {"expected": (journal.measured(0.8),), "estimates": (journal.measured(0.6, low=0.59, high=0.61),)}


def test_a_report_that_is_judged_again_is_written_once(dag, store):
    report = journal.drift_report(**BAD)
    first, again = judged(dag, report), judged(dag, report, name="again")
    assert first == again
    assert len(TaxiwayHook().journal(MODEL, "all").entries()) == 1


def test_a_backfill_wakes_nobody(dag, store):
    with pytest.raises(AirflowSkipException, match="wakes nobody"):
        judged(dag, journal.drift_report(**BAD), run_type="backfill")
    assert TaxiwayHook().journal(MODEL, "all").tip() is None


def test_what_is_no_report_is_refused(dag, store):
    with pytest.raises(AirflowFailException, match="this is another kind of record"):
        judged(dag, samples.dataset_ref())


def test_the_metric_that_decides_can_be_named(dag, store):
    values = {"expected": (journal.measured(0.8), journal.measured(0.5, "f1")), "estimates": BAD["estimates"]}
    report = journal.drift_report(**values)
    assert judged(dag, report, metric="f1").event.mark == "good"


def ended(dag, version, *extras):
    task = RetrainedOperator(task_id=f"retrained-{len(extras)}-{bool(version)}", version=version, dag=dag)
    context = airflow_home.context(task, run_id="asset__1")
    context["triggering_asset_events"] = {"asset": [SimpleNamespace(extra=extra) for extra in extras]}
    return task.execute(context)


def test_what_came_of_a_retraining_is_written_into_the_journal(dag, store):
    for n in (0, 1):
        entry = judged(dag, journal.drift_report(window=journal.hour(n), **BAD, columns=(moved(),)), name=f"judge-{n}")
    assert entry.watched.phase is Phase.MITIGATING
    done = JournalEntry.load(ended(dag, None, {"kind": "other"}, entry.ask.dump()))
    assert done.watched.incident.escalated
    assert done.steps[0].why == "retraining 1 brought no new version: run asset__1 let no version go live"


def moved():
    from taxiway.core.drift import Asks, DriftTest

    return journal.column("delay", DriftTest(asks=Asks.VALUES, p=1e-9, effect=1.0, outcome="fail"))


def test_a_retraining_that_promotes_says_which_version(dag, store):
    for n in (0, 1):
        entry = judged(dag, journal.drift_report(window=journal.hour(n), **BAD, columns=(moved(),)), name=f"judge-{n}")
    done = JournalEntry.load(ended(dag, samples.model_version(2).dump(), entry.ask.dump()))
    assert done.event.number == 2
    assert done.watched.ask.ended
    assert done.watched.phase is Phase.MITIGATING


def test_a_training_that_nobody_asked_for_says_nothing(dag, store):
    with pytest.raises(AirflowSkipException, match="No retraining was asked for"):
        ended(dag, None)


def test_a_declared_change_makes_the_windows_after_it_quiet_once(dag, store):
    task = DeclareOperator(task_id="declare", model=MODEL, what="schema", why="a new sensor", dag=dag)
    entries = [JournalEntry.load(task.execute(airflow_home.context(task))) for _ in range(2)]
    assert entries[0] == entries[1]
    assert entries[0].event.who == f"airflow:{dag.dag_id}.declare"
    assert entries[0].watched.quiet_until


def test_the_window_of_a_run_is_what_it_says_it_is():
    when = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)

    def span(schedule="@hourly", conf=None, **context):
        run = SimpleNamespace(conf=conf, run_after=when)
        found = Span({"dag_run": run, **context}, schedule)
        return found.start, found.end

    noon = when.replace(minute=0)
    assert span(data_interval_start=noon, data_interval_end=when) == (noon, when)
    assert span(data_interval_start=noon, data_interval_end=noon) == (noon - timedelta(hours=1), noon)
    assert span() == (noon - timedelta(hours=1), noon)
    assert span(None) == (when, when + timedelta(seconds=1))
    said = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00+00:00"}
    assert span(conf=said) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_the_live_version_is_known_with_the_time_it_went_live(watch):
    live = live_version(TaxiwayHook(), MODEL, None)
    assert (live.number, live.profile, live.baseline) == (1, watch.live.profile, watch.live.baseline)
    promoted = Registry(watch.place.store).history(MODEL)[-1]
    assert live.since == promoted.at
    assert live_version(TaxiwayHook(), MODEL, "no-such-service").number == 1
    assert live_version(TaxiwayHook(), "nobody", None) is None


def test_predictions_that_were_scored_are_the_window(watch, dag):
    from taxiway.core.scoring import BatchScores

    scores = BatchScores(
        model=MODEL,
        number=1,
        model_digest=watch.live.model.digest,
        dataset=samples.dataset_ref(),
        manifest="file:///scores/x/manifest.json",
        files=(),
        rows=0,
    )
    task = WindowOperator(task_id="take", model=MODEL, monitoring=Monitoring(schedule=None), dag=dag)
    context = airflow_home.context(task)
    extras = [{"kind": "other"}, scores.dump(), scores.model_copy(update={"rows": 5}).dump()]
    context["triggering_asset_events"] = {"predictions": [SimpleNamespace(extra=extra) for extra in extras]}
    work = task.work(context)
    assert [one.rows for one in work.scores] == [0, 5]
    assert work.live.number == 1


def test_a_report_is_told_in_the_log(dag, store, monkeypatch):
    report = journal.drift_report(**BAD, columns=(moved(),), note="2 rows are odd", outcome="fail")
    task = CompareOperator(task_id="compare", parts=[], profiles=[], monitoring=Monitoring(), dag=dag)
    lines = []
    monkeypatch.setattr(type(task), "log", SimpleNamespace(info=lambda _, line: lines.append(line)))
    assert task.finish(airflow_home.context(task), report.dump()) == report.dump()
    text = "\n".join(lines)
    for told in ("fail: 1,000 rows beside the data that version 1", "2 rows are odd", "delay moved by 1", "0.6"):
        assert told in text


def test_a_store_is_left_as_it_was(store):
    assert list(open_store(store).list("monitoring/")) == []
