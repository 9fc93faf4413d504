"""Waiting for an incident, and for labels."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

import airflow_home
from core import journal
from runtime.kit import Workplace
from runtime.monitoring_kit import Watch, rows
from taxiway.core import Alarm, Dataset, Labels, Monitoring
from taxiway.core.incidents import Incident, Mark, Phase
from taxiway.core.performance import PerformanceReport
from taxiway.core.records import dump_spec
from taxiway.core.transitions import Rules
from taxiway.hooks.store import Place, TaxiwayHook
from taxiway.sensors.monitoring import DriftSensor, LabelsSensor
from taxiway.stores.journal import Journal
from taxiway.stores.objects import open_store
from taxiway.triggers.monitoring import DriftTrigger, LabelsTrigger

RULES = Rules(Alarm(), None)
MODEL = "flight-delay"


def happen(marks, first=0):
    kinds = {mark.value[0]: mark for mark in Mark}
    kept = TaxiwayHook().journal(MODEL, "all")
    for n, mark in enumerate(marks, start=first):
        kept.record(journal.observation(n, kinds[mark]), RULES, at=journal.clock(n))


@pytest.fixture
def sensor(dag, store):
    def sensing(**changes):
        values = {"task_id": "wait", "model": MODEL, "poke_interval": 0.05, "timeout": 20, **changes}
        return DriftSensor(dag=dag, **values)

    return sensing


def test_an_incident_that_is_there_is_seen_at_once(sensor):
    happen("bb")
    task = sensor()
    assert Incident.load(task.execute(airflow_home.context(task))).phase is Phase.CONFIRMED


def test_a_suspicion_is_not_waited_for_unless_it_is_asked_for(sensor):
    happen("b")
    task = sensor()
    assert not task.poke(airflow_home.context(task)).is_done
    assert sensor(task_id="other", phases=("suspected",)).poke({}).is_done


def test_nothing_at_all_is_no_incident(sensor):
    assert not sensor().poke({}).is_done


def test_it_waits_in_the_triggerer_when_it_is_told_to(sensor):
    task = sensor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(airflow_home.context(task))
    path, values = deferred.value.trigger.serialize()
    assert path == "taxiway.triggers.monitoring.DriftTrigger"
    happen("bb")
    event = asyncio.run(first(DriftTrigger(**values)))
    assert (event["phase"], event["number"], event["severity"]) == ("confirmed", 1, "major")
    assert Incident.load(task.execute_complete({}, event)).number == 1


def test_what_moved_on_since_the_trigger_fired_is_told_as_it_is_now(sensor):
    happen("bbgg")
    assert Incident.load(sensor().execute_complete({}, {})).phase is Phase.RECOVERED


async def first(trigger):
    return (await anext(trigger.run())).payload


async def some(trigger, count, meanwhile):
    """So many events of a trigger, while something happens."""
    found = []

    async def collect():
        async for event in trigger.run():
            found.append(event.payload)
            if len(found) == count:
                return

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.3)
    await asyncio.to_thread(meanwhile)
    await asyncio.wait_for(task, 20)
    return found


def test_a_watcher_fires_for_each_step_from_now_on_and_for_none_before(sensor):
    sensor()
    happen("bb")
    trigger = DriftTrigger(MODEL, phases=("confirmed", "recovered", "suspected"), poll_s=0.05)
    told = asyncio.run(some(trigger, 2, lambda: happen("gggggggggb", first=2)))
    assert [(one["phase"], one["number"]) for one in told] == [("recovered", 1), ("suspected", 2)]
    assert told[0]["why"] == "2 windows in a row were good"


def test_what_happens_while_a_watcher_looks_is_told_once(sensor, monkeypatch):
    sensor()
    happen("b")
    trigger, place, tip = DriftTrigger(MODEL), Place(TaxiwayHook().place.uri), Journal.tip

    def tip_before_more(journal):
        found = tip(journal)
        monkeypatch.setattr(Journal, "tip", tip)
        happen("b", first=1)
        return found

    monkeypatch.setattr(Journal, "tip", tip_before_more)
    seen, told = trigger._look(place, 0)
    _, later = trigger._look(place, seen)
    assert [one["phase"] for one in told + later] == ["confirmed"]


def test_a_journal_that_cannot_be_read_is_waited_out(sensor, caplog):
    sensor()
    trigger = DriftTrigger(MODEL)
    place = Place(TaxiwayHook().place.uri)
    open_store(place.uri).create(f"monitoring/{MODEL}/all/journal/{1:020}.json", b"{")
    assert trigger._look(place, 0) == (0, [])
    assert trigger._look(place, None) == (None, [])


@pytest.fixture
def labelled(tmp_path, store, airflow):
    """A sensor over the predictions of a window, and the folder where their labels arrive."""
    watch = Watch(Workplace(tmp_path, open_store(store)), None)
    data = rows(600, 1)
    answered = data.select("id", "late").rename({"late": "prediction"})
    asked = watch.monitoring(watch.write(answered, "w/0"))
    folder = tmp_path / "labels"

    def sensing(dag, **options):
        labels = Labels(Dataset("labels", f"{folder.as_uri()}/"), "id", "late", **options.pop("labels", {}))
        rules = Monitoring(window=asked.window, labels=labels)
        parts = [part.dump() for part in watch.parts(asked).parts]
        return LabelsSensor(task_id="labels", parts=parts, monitoring=rules, dag=dag, poke_interval=0.1, **options)

    def arrive(count, name="0"):
        folder.mkdir(exist_ok=True)
        data.select("id", "late").head(count).write_parquet(folder / f"{name}.parquet")

    return sensing, arrive


def context(task):
    found = airflow_home.context(task)
    found["ti"].try_number = 1
    return found


LONG = {"labels": {"patience": timedelta(days=5000)}}


def test_enough_labels_end_the_waiting(labelled, dag):
    sensing, arrive = labelled
    arrive(500)
    task = sensing(dag, **LONG)
    report = PerformanceReport.load(task.execute(context(task)))
    assert (report.rows, report.labelled) == (600, 500)
    assert report.measures == ()


def test_labels_that_arrive_later_are_looked_at_when_they_have_changed(labelled, dag):
    sensing, arrive = labelled
    task = sensing(dag, deferrable=True, **LONG)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(task))
    assert (deferred.value.method_name, deferred.value.kwargs) == ("execute_complete", {"look": 1})
    path, values = deferred.value.trigger.serialize()
    assert path == "taxiway.triggers.monitoring.LabelsTrigger"
    trigger = LabelsTrigger(**values)
    assert not trigger._changed()
    arrive(100)
    event = asyncio.run(first(trigger))
    assert event == {"changed": True}
    with pytest.raises(TaskDeferred) as again:
        task.execute_complete(context(task), event, look=1)
    arrive(600, "1")
    assert asyncio.run(first(again.value.trigger)) == {"changed": True}
    assert PerformanceReport.load(task.execute_complete(context(task), event, look=2)).coverage == 1.0


def test_the_patience_ends_by_the_clock(labelled, dag):
    sensing, _ = labelled
    task = sensing(dag, labels={"patience": timedelta(hours=1)})
    report = PerformanceReport.load(task.execute(context(task)))
    assert (report.coverage, report.rows) == (0.0, 600)
    trigger = LabelsTrigger(
        dataset=dump_spec(Dataset("l", "file:///nowhere/")), known="", ends_at=0, taxiway_conn_id="x"
    )
    assert asyncio.run(first(trigger)) == {"changed": False}


def test_it_waits_in_the_worker_when_it_is_told_to(labelled, dag, monkeypatch):
    sensing, arrive = labelled
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        arrive(600)

    task = sensing(dag, **LONG)
    monkeypatch.setattr("taxiway.sensors.monitoring.time", SimpleNamespace(sleep=sleep, time=lambda: 0.0))
    assert PerformanceReport.load(task.execute(context(task))).coverage == 1.0
    assert slept == [0.1]


def test_labels_that_cannot_be_listed_are_waited_out(tmp_path):
    for name in ("a.parquet", "b.csv"):
        (tmp_path / name).write_text("x")
    mixed = dump_spec(Dataset("labels", f"{tmp_path.as_uri()}/"))
    assert not LabelsTrigger(dataset=mixed, known="x", ends_at=0, taxiway_conn_id="x")._changed()


def test_nobody_who_named_labels_is_told_so(labelled, dag):
    sensing, _ = labelled
    task = sensing(dag)
    task.monitoring = Monitoring(window=Dataset("w", "file:///w/"))
    with pytest.raises(AirflowFailException, match="nobody said where the labels are"):
        task.execute(context(task))


def test_the_place_of_the_labels_may_hold_the_window(labelled, dag):
    sensing, _ = labelled
    task = sensing(dag)
    uri = "file:///labels/{{ window.start.strftime('%Y') }}/"
    task.monitoring = Monitoring(window=Dataset("w", "file:///w/"), labels=Labels(Dataset("l", uri), "id"))
    where = {"dag_run": SimpleNamespace(conf={"start": "2026-01-05T00:00:00Z", "end": "2026-01-05T01:00:00Z"})}
    task.render_template_fields(where)
    assert task.monitoring.labels.dataset.uri == "file:///labels/2026/"
