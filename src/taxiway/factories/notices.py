"""Who is told what happens: the callbacks of a recipe's DAGs, and the DAG that delivers what waits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from taxiway.core.specs.alerts import AnyAlerts
from taxiway.factories.options import build
from taxiway.hooks import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from taxiway.notifications.notices import NoticeNotifier

_ON_SUCCESS = {"ApproveOperator": "answered", "PromoteOperator": "promoted", "RollbackOperator": "rolled_back"}
_MAY_SKIP = ("GateOperator", "ApproveOperator")
Alerts = AnyAlerts | Sequence[AnyAlerts] | None


def notices_dag(*, dag_id: str = "taxiway.notices", schedule: Any = "*/5 * * * *", **dag: Any) -> DAG:
    """The DAG that delivers what waits in the outbox, and calls somebody where nobody reacted; one is enough for all.

    Args:
        dag_id: its id.
        schedule: how often.
        dag: any other argument of `airflow.sdk.DAG`.
    """
    from taxiway.operators.notices import DeliverOperator

    doc = "## Notices\n\nDelivers what could not be delivered at once; where nobody reacts in time, it calls somebody."
    with build(dag_id, model="notices", given=dag, schedule=schedule, doc_md=doc) as made:
        DeliverOperator(task_id="deliver")
    return made


def tell(dag: DAG, alerts: Alerts) -> DAG:
    """The DAG, whose callbacks tell people what happens; what the author has given stays.

    Told are: a gate or a person refused, an approval is wanted and was given, a model went live or was rolled back, a
    task failed and why, and that it succeeded after all.
    """
    for to in _each(alerts):
        for task in dag.tasks:
            _tell_of(task, to, str(dag.default_args.get("taxiway_conn_id") or DEFAULT_CONN_ID))
        given = dag.on_failure_callback or []
        notifier = _notifier(to, "failed", str(dag.default_args.get("taxiway_conn_id") or DEFAULT_CONN_ID))
        dag.on_failure_callback = [*(given if isinstance(given, list) else [given]), notifier]
        dag.has_on_failure_callback = True
    return dag


def _tell_of(task: Any, to: AnyAlerts, conn_id: str) -> None:
    done = _ON_SUCCESS.get(task.task_type)
    task.on_failure_callback = [*task.on_failure_callback, _notifier(to, "failed", conn_id)]
    task.on_success_callback = [
        *task.on_success_callback,
        *(_notifier(to, event, conn_id) for event in ("mended", done) if event),
    ]
    if task.task_type in _MAY_SKIP:
        task.on_skipped_callback = [*task.on_skipped_callback, _notifier(to, "failed", conn_id)]
    if task.task_type == "ApproveOperator":
        task.notifiers = [*task.notifiers, _notifier(to, "asked", conn_id)]


def _notifier(to: AnyAlerts, event: Any, conn_id: str) -> "NoticeNotifier":
    from taxiway.notifications.notices import NoticeNotifier

    return NoticeNotifier(to, event=event, taxiway_conn_id=conn_id)


def _each(alerts: Alerts) -> tuple[AnyAlerts, ...]:
    if alerts is None:
        return ()
    return tuple(alerts) if isinstance(alerts, Sequence) else (alerts,)
