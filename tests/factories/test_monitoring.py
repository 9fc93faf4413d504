"""What a recipe's monitoring becomes."""

from datetime import timedelta

import pytest
from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronDataIntervalTimetable, CronTriggerTimetable

from factories.recipes import whole
from taxiway.core import Alarm, Dataset, Drift, Evaluation, Labels, Monitoring, Retrain
from taxiway.core.errors import SpecError
from taxiway.factories import drift_dag, monitoring_dag, performance_dag
from taxiway.factories.monitoring import or_retrain

pytestmark = pytest.mark.usefixtures("airflow")

WINDOW = Dataset("production", "s3://lake/production/{{ window.start.isoformat() }}/")
LABELS = Labels(Dataset("arrivals", "s3://lake/arrivals/"), "flight_id", patience=timedelta(days=2))


def made(**changes):
    return monitoring_dag(model="flight-delay", monitoring=Monitoring(**{"window": WINDOW, **changes}))


def test_a_window_is_taken_profiled_side_by_side_compared_and_judged():
    dag = made()
    assert dag.dag_id == "flight-delay.monitoring"
    assert sorted(dag.task_ids) == [
        "drift.compare", "incident.announce", "incident.judge", "incident.retrain", "window.profile", "window.take",
    ]  # fmt: skip
    assert dag.task_dict["window.profile"].is_mapped
    assert dag.task_dict["drift.compare"].upstream_task_ids == {"window.take", "window.profile"}
    assert isinstance(dag.schedule, CronDataIntervalTimetable)
    assert dag.max_active_runs == 1


def test_without_a_schedule_it_looks_at_what_was_scored():
    dag = made(schedule=None, window=None)
    assert [asset.uri for asset in dag.schedule] == ["x-taxiway://models/flight-delay/predictions"]


def test_without_retraining_nothing_is_retrained():
    assert "incident.retrain" not in made(retrain=None).task_ids


@pytest.mark.parametrize("several", [tuple, list])
def test_each_population_has_a_dag_of_its_own(several):
    both = several(Monitoring(window=WINDOW, population=name) for name in ("all", "ewr"))
    assert [dag.dag_id for dag in whole(monitoring=both).monitoring] == [
        "flight-delay.monitoring", "flight-delay.monitoring.ewr",
    ]  # fmt: skip


def test_the_target_is_no_input():
    dag = whole().monitoring[0]
    assert dag.task_dict["drift.compare"].monitoring.drift.ignore == ("late",)
    kept = Monitoring(window=WINDOW, drift=Drift(columns=("late",)))
    assert whole(monitoring=kept).monitoring[0].task_dict["drift.compare"].monitoring.drift.ignore == ()


def test_the_metrics_of_the_evaluation_are_estimated():
    assert whole().monitoring[0].task_dict["drift.compare"].metrics == ("roc_auc", "log_loss")


def test_labels_are_waited_for_and_measured_in_a_dag_of_their_own():
    evaluation = Evaluation("late", ("roc_auc",))
    dag = performance_dag(model="m", monitoring=Monitoring(window=WINDOW, labels=LABELS), evaluation=evaluation)
    assert dag.dag_id == "m.performance"
    assert dag.max_active_runs > 1
    assert dag.task_dict["truth.wait"].deferrable
    assert dag.task_dict["truth.measure"].upstream_task_ids == {"window.take", "truth.wait"}
    assert dag.task_dict["incident.judge"].upstream_task_ids == {"truth.measure"}
    assert "2 days" in dag.doc_md


def test_performance_without_labels_is_refused():
    with pytest.raises(SpecError, match="nobody said where the labels are"):
        performance_dag(model="m", monitoring=Monitoring(window=WINDOW))


def test_a_table_without_a_model_is_held_against_another():
    dag = drift_dag(name="bookings", reference=Dataset("last-year", "s3://lake/2025/"), current=WINDOW)
    assert dag.dag_id == "bookings.drift"
    assert "incident.retrain" not in dag.task_ids
    assert dag.task_dict["window.take"].versioned is False
    assert "reference.profile" in dag.task_dict["drift.compare"].upstream_task_ids
    assert dag.task_dict["incident.announce"].outlets[0].uri == "x-taxiway://models/bookings/drift"
    by_hand = Monitoring(schedule=None)
    assert drift_dag(name="b", reference=WINDOW, current=WINDOW, monitoring=by_hand).schedule is None


ASSET = Asset("rows", uri="x-test://rows")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, list),
        ("@weekly", AssetOrTimeSchedule),
        ("0 4 * * *", AssetOrTimeSchedule),
        (CronTriggerTimetable("0 4 * * *", timezone="UTC"), AssetOrTimeSchedule),
        ([ASSET], AssetAny),
        (ASSET, AssetAny),
        (AssetAny(ASSET), AssetAny),
    ],
)
def test_a_training_also_starts_when_a_retraining_is_worth_it(given, kind):
    schedule = or_retrain(given, "m")
    assert isinstance(schedule, kind)
    condition = schedule.asset_condition if kind is AssetOrTimeSchedule else schedule
    assert "x-taxiway://models/m/retrain" in str(condition.objects if kind is AssetAny else condition)


@pytest.mark.parametrize("given", ["@once", 7, timedelta(days=1)])
def test_a_schedule_that_cannot_be_joined_with_an_asset_is_refused(given):
    with pytest.raises(SpecError, match="cannot also be started by a retraining"):
        or_retrain(given, "m")


def test_a_training_without_monitoring_keeps_its_schedule_and_its_tasks():
    training = whole(monitoring=(), schedule="@weekly").training
    assert "registry.retrained" not in training.task_ids
    assert training.schedule == "@weekly"
    assert "registry.retrained" not in whole(monitoring=Monitoring(window=WINDOW, retrain=None)).training.task_ids


def test_windows_that_do_not_follow_one_another_are_refused():
    with pytest.raises(SpecError, match="windows follow one another"):
        made(schedule="@once")


def test_the_page_of_the_dag_says_its_rules_in_words():
    doc = made(alarm=Alarm(confirm=3, among=5), retrain=Retrain(cool_down=timedelta(days=3))).doc_md
    assert "3 bad windows of 5 confirm one" in doc
    assert "at most once in 3 days" in doc
    assert "Nothing is retrained" in made(retrain=None).doc_md
    assert "the traffic of service `svc`" in made(window=None, service="svc").doc_md
