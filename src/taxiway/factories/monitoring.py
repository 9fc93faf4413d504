"""The DAGs that watch a model in production, or a table that has no model."""

import dataclasses
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, AssetAll, AssetAny, AssetOrTimeSchedule, TaskGroup
from airflow.sdk.bases.timetable import BaseTimetable
from airflow.sdk.definitions.asset import BaseAsset

from taxiway.core.errors import SpecError
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation
from taxiway.factories.assets import dataset_asset, drift_asset, predictions_asset, retrain_asset
from taxiway.factories.documentation import drift_doc, monitoring_doc, performance_doc
from taxiway.factories.notices import Alerts, tell
from taxiway.factories.options import build, finish

if TYPE_CHECKING:
    from airflow.sdk import CronDataIntervalTimetable

    from taxiway.core.specs.monitoring import Monitoring

_ONCE = ("@once", "@continuous")


def monitoring_dag(*, model: str, monitoring: "Monitoring", evaluation: Evaluation | None = None, **dag: Any) -> DAG:
    """The DAG `<model>.monitoring`, and for another population than `all`, `<model>.monitoring.<population>`.

    Each run looks at the window that it ends: it is profiled by jobs side by side, compared with the data that the live
    version learned from, and written into the journal of incidents.

    Args:
        model: the model's name.
        monitoring: what to watch.
        evaluation: what was measured before a version went live: its target is no input, its metrics are estimated.
        dag: any other argument of `airflow.sdk.DAG`.

    Raises:
        SpecError: the schedule is none that windows can be made of.
    """
    asked = _without_target(monitoring, evaluation)
    schedule = _windows(asked.schedule) if asked.schedule else [predictions_asset(model)]
    doc = monitoring_doc(model, asked)
    with build(_name(model, "monitoring", asked), model=model, given=dag, schedule=schedule, doc_md=doc) as made:
        parts, profiles = _window(model, asked)
        report = _compared(asked, parts, profiles, evaluation.metrics if evaluation else ())
        _incident(model, asked, report, dag.get("alerts"))
    return tell(finish(made, dag), dag.get("alerts"))


def performance_dag(*, model: str, monitoring: "Monitoring", evaluation: Evaluation | None = None, **dag: Any) -> DAG:
    """The DAG `<model>.performance`: waits until enough labels of a window have arrived, and measures.

    Several windows may be waiting at a time, and nothing but a trigger waits for each.

    Args:
        model: the model's name.
        monitoring: what to watch, and where the labels arrive.
        evaluation: the target, the metrics and the slices.
        dag: any other argument of `airflow.sdk.DAG`.

    Raises:
        SpecError: nobody says where the labels are.
    """
    from taxiway.operators.monitoring import MeasureOperator, WindowOperator
    from taxiway.sensors.monitoring import LabelsSensor

    if monitoring.labels is None:
        raise SpecError("nobody said where the labels are", where="Monitoring.labels", do="Add Labels(…).")
    schedule = monitoring.labels.schedule
    asked = dataclasses.replace(monitoring, schedule=schedule)
    ours = {"schedule": _windows(schedule), "doc_md": performance_doc(model, asked), "max_active_runs": 16}
    with build(_name(model, "performance", asked), model=model, given=dag, **ours) as made:
        with TaskGroup("window", tooltip="Which predictions were made?"):
            parts = WindowOperator(task_id="take", model=model, monitoring=asked)
        with TaskGroup("truth", tooltip="What has become of them?"):
            wait = LabelsSensor(
                task_id="wait", parts=parts.output, monitoring=asked, evaluation=evaluation, deferrable=True
            )
            report = MeasureOperator(task_id="measure", parts=parts.output, monitoring=asked, evaluation=evaluation)
            wait >> report
        _incident(model, asked, report, dag.get("alerts"))
    return tell(finish(made, dag), dag.get("alerts"))


def drift_dag(
    *, name: str, reference: Dataset, current: Dataset, monitoring: "Monitoring | None" = None, **dag: Any
) -> DAG:
    """The DAG `<name>.drift`: holds a table against another one; no model is needed.

    Args:
        name: what people call it: its journal, its asset and its DAG are found by it.
        reference: what the table should look like.
        current: the table; its URI may name the window by Jinja.
        monitoring: when to look, and the rules; hourly by default.
        dag: any other argument of `airflow.sdk.DAG`.
    """
    from taxiway.core.specs.monitoring import Monitoring
    from taxiway.operators.monitoring import ReferenceOperator
    from taxiway.operators.validation import ValidateOperator

    asked = dataclasses.replace(monitoring or Monitoring(), window=current, service=None, retrain=None)
    schedule = _windows(asked.schedule) if asked.schedule else None
    doc = drift_doc(name, reference, asked)
    with build(f"{name}.drift", model=name, given=dag, schedule=schedule, doc_md=doc) as made:
        with TaskGroup("reference", tooltip="What should it look like?"):
            report = ValidateOperator(task_id="validate", dataset=reference, outlets=[dataset_asset(reference.name)])
            profile = ReferenceOperator(task_id="profile", report=report.output, monitoring=asked)
        parts, profiles = _window(name, asked, profile)
        _incident(
            name, asked, _compared(asked, parts, profiles, (), profile, report.output), dag.get("alerts"), profile
        )
    return tell(finish(made, dag), dag.get("alerts"))


def or_retrain(schedule: Any, model: str) -> Any:
    """A schedule of a training DAG that also starts when a retraining is worth it.

    Raises:
        SpecError: it cannot be joined with an asset.
    """
    from airflow.sdk import CronTriggerTimetable

    asset = retrain_asset(model)
    if schedule is None:
        return [asset]
    if isinstance(schedule, str) and schedule not in _ONCE:
        return AssetOrTimeSchedule(timetable=CronTriggerTimetable(schedule, timezone="UTC"), assets=asset)
    if isinstance(schedule, list | tuple) and schedule:
        return AssetAny(AssetAll(*schedule), asset)
    if isinstance(schedule, BaseAsset):
        return AssetAny(schedule, asset)
    if isinstance(schedule, BaseTimetable):
        return AssetOrTimeSchedule(timetable=schedule, assets=asset)
    raise SpecError(
        "a training on this schedule cannot also be started by a retraining",
        where="schedule",
        expected="a cron expression, a timetable, or assets",
        got=repr(schedule),
        do="Choose another schedule, or give Monitoring(retrain=None).",
    )


def _name(model: str, what: str, asked: "Monitoring") -> str:
    return f"{model}.{what}" if asked.population == "all" else f"{model}.{what}.{asked.population}"


def _windows(schedule: str) -> "CronDataIntervalTimetable":
    from airflow.sdk import CronDataIntervalTimetable

    if schedule in _ONCE:
        raise SpecError(
            "windows follow one another",
            where="Monitoring.schedule",
            expected="a cron expression, or a preset such as @hourly",
            got=repr(schedule),
            do="Choose another schedule.",
        )
    return CronDataIntervalTimetable(schedule, timezone="UTC")


def _without_target(asked: "Monitoring", evaluation: Evaluation | None) -> "Monitoring":
    """The target is no input: rows of production need not have it."""
    if evaluation is None or evaluation.target in asked.drift.columns:
        return asked
    drift = dataclasses.replace(asked.drift, ignore=(*asked.drift.ignore, evaluation.target))
    return dataclasses.replace(asked, drift=drift)


def _window(name: str, asked: "Monitoring", reference: Any = None) -> tuple[Any, Any]:
    from taxiway.operators.monitoring import ProfileOperator, WindowOperator

    at = {"reference": reference.output} if reference is not None else {}
    with TaskGroup("window", tooltip="What does production look like?"):
        parts = WindowOperator(task_id="take", model=name, versioned=reference is None, monitoring=asked)
        profiles = ProfileOperator.partial(task_id="profile", monitoring=asked, **at).expand(part=parts.output)
    return parts, profiles


def _compared(
    asked: "Monitoring", parts: Any, profiles: Any, metrics: tuple[str, ...], reference: Any = None, table: Any = None
) -> Any:
    from taxiway.operators.monitoring import CompareOperator, EvidentlyOperator

    at = {"reference": reference.output} if reference is not None else {}
    with TaskGroup("drift", tooltip="Is it what the model learned from?"):
        report = CompareOperator(
            task_id="compare", parts=parts.output, profiles=profiles.output, monitoring=asked, metrics=metrics, **at
        )
        if asked.evidently:
            EvidentlyOperator(
                task_id="evidently", parts=parts.output, report=report.output, reference=table, monitoring=asked
            )
    return report


def _incident(name: str, asked: "Monitoring", report: Any, alerts: Alerts, reference: Any = None) -> None:
    from taxiway.operators.incidents import AnnounceOperator, IncidentOperator, RetrainOperator, TellOperator

    with TaskGroup("incident", tooltip="Is anything wrong, and is it worth a retraining?"):
        entry = IncidentOperator(task_id="judge", report=report.output, monitoring=asked)
        AnnounceOperator(task_id="announce", entry=entry.output, outlets=[drift_asset(name)])
        if asked.retrain is not None:
            RetrainOperator(task_id="retrain", entry=entry.output, outlets=[retrain_asset(name)])
        if alerts:
            at = {"reference": reference.output} if reference is not None else {}
            TellOperator(
                task_id="tell", entry=entry.output, report=report.output, alerts=alerts, monitoring=asked, **at
            )
