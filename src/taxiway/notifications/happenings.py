"""What a task's or run's context says has happened."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk.log import mask_logs

from taxiway.links import page_of

if TYPE_CHECKING:
    from taxiway.core.gates import Clearance
    from taxiway.core.happenings import Moment
    from taxiway.core.notices import Notice

Event = Literal["failed", "mended", "asked", "answered", "promoted", "rolled_back"]
"""What a notifier looks out for; `failed` tells a refusal, a missed deadline and a failure apart by itself."""
_LONGEST_CAUSE = 2000

Context = Mapping[str, Any]


def happened(context: Context, event: Event) -> "Notice | None":
    """The notice about it; None when there is nothing to tell: in a backfill, or when it was no such event."""
    moment = moment_of(context, tab="required_actions" if event == "asked" else "")
    if _run_type(context) == "backfill":
        return None
    return _EVENTS[event](context, moment)


def moment_of(context: Context, *, tab: str = "") -> "Moment":
    """Which try of which task this is, or which run."""
    from taxiway.core.happenings import Moment

    now = datetime.now(UTC).isoformat()
    ti = context.get("ti")
    if ti is None or context.get("reason"):
        dag_id, run_id = _run_of(context)
        return Moment(dag_id, run_id, "", -1, 0, now, page_of(dag_id, run_id))
    index = -1 if ti.map_index is None else ti.map_index
    page = page_of(ti.dag_id, ti.run_id, ti.task_id, index, tab)
    return Moment(ti.dag_id, ti.run_id, ti.task_id, index, ti.try_number, now, page)


def _run_of(context: Context) -> tuple[str, str]:
    """The DAG and run of a callback of the DAG, or of a deadline, whose context is plain JSON."""
    run = context.get("dag_run")
    if isinstance(run, Mapping):
        return str(run["dag_id"]), str(run["dag_run_id"])
    return str(context["dag"].dag_id), str(context.get("run_id") or getattr(run, "run_id", ""))


def _run_type(context: Context) -> str:
    run = context.get("dag_run")
    return str(run.get("run_type") if isinstance(run, Mapping) else getattr(run, "run_type", ""))


def _failed(context: Context, moment: "Moment") -> "Notice | None":
    from taxiway.core.happenings import failed, late, refused
    from taxiway.core.outcomes import Outcome

    if context.get("deadline"):
        return late(moment, str(context["deadline"].get("deadline_time")))
    decides = moment.task_id and hasattr(context["task"], "on_refusal")
    clearance = _clearance(context) if decides else None
    if clearance is not None and clearance.outcome is not Outcome.PASS:
        return refused(moment, _model(context), clearance)
    skipped = moment.task_id and str(context["ti"].state) == "skipped"
    return None if skipped else failed(moment, _cause(context))


def _mended(_: Context, moment: "Moment") -> "Notice | None":
    """A first try has nothing to mend; whether a later one has, the thread knows: see `is_news`."""
    from taxiway.core.happenings import mended

    return mended(moment) if moment.try_number > 1 else None


def _asked(context: Context, moment: "Moment") -> "Notice | None":
    from taxiway.core.evaluation import EvaluationReport
    from taxiway.core.gates import Clearance
    from taxiway.core.happenings import asked

    task = context["task"]
    before = Clearance.load(task.clearance).verdicts if task.clearance else ()
    return asked(moment, EvaluationReport.load(task.report), before)


def _answered(context: Context, moment: "Moment") -> "Notice | None":
    from taxiway.core.happenings import approved

    clearance = _clearance(context)
    return approved(moment, _model(context), clearance) if clearance else None


def _promoted(context: Context, moment: "Moment") -> "Notice | None":
    from taxiway.core.happenings import promoted
    from taxiway.core.registry import ModelVersion

    return promoted(moment, ModelVersion.load(_pulled(context, "return_value")))


def _rolled_back(context: Context, moment: "Moment") -> "Notice | None":
    from taxiway.core.happenings import rolled_back
    from taxiway.core.registry import ModelVersion

    why = context["task"].reason or "a rollback was asked for"
    return rolled_back(moment, ModelVersion.load(_pulled(context, "return_value")), why)


_EVENTS: dict[str, "Callable[[Context, Moment], Notice | None]"] = {
    "failed": _failed,
    "mended": _mended,
    "asked": _asked,
    "answered": _answered,
    "promoted": _promoted,
    "rolled_back": _rolled_back,
}


def _cause(context: Context) -> str:
    """Why it failed, without the secrets that Airflow knows."""
    error = context.get("exception") or context.get("reason") or ""
    text = str(error)
    if isinstance(error, BaseException) and not type(error).__module__.startswith(("airflow.", "taxiway.")):
        text = f"{type(error).__name__}: {text}"
    return str(mask_logs(None, "", {"event": text[:_LONGEST_CAUSE]})["event"])


def _clearance(context: Context) -> "Clearance | None":
    from taxiway.core.gates import Clearance

    said = _pulled(context, "clearance")
    return Clearance.load(said) if said else None


def _model(context: Context) -> str:
    """The name of the model that the task's report is about."""
    from taxiway.core.evaluation import EvaluationReport

    return EvaluationReport.load(context["task"].report).model.name


def _pulled(context: Context, key: str) -> Any:
    ti = context["ti"]
    return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)
