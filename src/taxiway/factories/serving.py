"""The DAGs that take a model live and back: one follows the champion, one is a button."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from taxiway.core.names import CHAMPION
from taxiway.factories.assets import champion_asset, service_asset
from taxiway.factories.documentation import deployment_doc, rollback_doc
from taxiway.factories.notices import tell
from taxiway.factories.options import build, finish

if TYPE_CHECKING:
    from taxiway.core.specs.serving import Service


def deployment_dag(*, model: str, service: "Service", **dag: Any) -> DAG:
    """The DAG `<service>.deployment`, scheduled on the champion's asset: takes it live, or gives it up.

    Args:
        model: the model's name.
        service: what serves it, where, and how a new version goes live.
        dag: any other argument of `airflow.sdk.DAG`; and `alerts`, whom to tell what happens: one or several of
            `SlackAlerts` and `NotifierAlerts`.
    """
    from taxiway.operators.serving import DeployOperator, GiveUpOperator

    schedule = [champion_asset(model)] if service.alias == CHAMPION else None
    doc = deployment_doc(model, service)
    with build(f"{service.name}.deployment", model=model, given=dag, schedule=schedule, doc_md=doc) as made:
        deploy = DeployOperator(
            task_id="deploy",
            model=model,
            service=service,
            version="{{ params.version or '' }}",
            outlets=[service_asset(service.name)],
        )
        # A teardown runs whatever became of the deployment, and the run's state is that of the deployment.
        give_up = GiveUpOperator(task_id="give_up", model=model, service=service, of="deploy").as_teardown()
        deploy >> give_up
    return tell(finish(made, dag, "version"), dag.get("alerts"))


def rollback_dag(*, model: str, service: "Service", **dag: Any) -> DAG:
    """The DAG `<service>.rollback`, started by hand with a reason: the last good version is live again.

    Args:
        model: the model's name.
        service: what serves it.
        dag: any other argument of `airflow.sdk.DAG`; and `alerts`.
    """
    from taxiway.operators.serving import RollbackServiceOperator

    doc = rollback_doc(model, service)
    with build(f"{service.name}.rollback", model=model, given=dag, schedule=None, doc_md=doc) as made:
        RollbackServiceOperator(
            task_id="roll_back",
            model=model,
            service=service,
            reason="{{ params.why }}",
            outlets=[service_asset(service.name)],
        )
    return tell(finish(made, dag, "why"), dag.get("alerts"))
