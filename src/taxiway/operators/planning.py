"""What the jobs and services of a DAG would be: the very requests that would be made, while nothing is started."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import SpecError
from taxiway.core.specs.jobs import Where
from taxiway.hooks.access import connection_of
from taxiway.operators.base import JobOperator
from taxiway.operators.serving import DeployOperator

if TYPE_CHECKING:
    from airflow.sdk import DAG

PLANNED = "planned"
"""The run that jobs are planned for: what a run's name makes of theirs shows, and belongs to no real one."""


class JobPlan(NamedTuple):
    """One job of a DAG, or one service.

    Attributes:
        dag: id of the DAG.
        task: id of the task; each mapped instance asks for the same, under a name of its own.
        stage: what the job does; `serve` for a service.
        where: what runs it: `local`, `docker` or `kubernetes`.
        connection: id of the Airflow connection to that place; none where it needs none.
        store: URI of the store between the task and the job.
        request: exactly what would be asked for. Jinja stands as it is written; a service serves a first version.
    """

    dag: str
    task: str
    stage: str
    where: str
    connection: str | None
    store: str
    request: dict[str, Any]


def job_plans(dag: "DAG") -> Iterator[JobPlan]:
    """The jobs and services of a DAG, in the order of its tasks; asks neither a cluster nor an engine.

    Raises:
        SpecError: a connection or a resource profile is not defined, or a pod template is none.
    """
    tasks: Callable[[], Iterable[Any]] = dag.topological_sort
    for task in tasks():
        operator = _unmapped(task)
        if operator is not None:
            yield _plan(dag, operator)
        elif isinstance(task, DeployOperator):
            yield _service(dag, task)


def _unmapped(task: Any) -> JobOperator | None:
    """The operator of a task that runs a job; of a mapped one its first instance, as far as that is known by now."""
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    if not isinstance(task, MappedOperator):
        return task if isinstance(task, JobOperator) else None
    kind = task.operator_class
    if not issubclass(kind, JobOperator):
        return None
    mapped = task.expand_input.value
    first = {name: _first(values) for name, values in mapped.items()} if isinstance(mapped, dict) else {}
    return kind(task_id=task.task_id, **{**task.partial_kwargs, **first})


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list | tuple) and values else None


def _plan(dag: "DAG", operator: JobOperator) -> JobPlan:
    from taxiway.core.jobs import JobKey, JobRequest
    from taxiway.hooks.jobs import code_folders

    access = operator.hook.access(_where(operator))
    request = JobRequest(
        key=JobKey(dag_id=dag.dag_id, run_id=PLANNED, task_id=operator.task_id),
        stage=operator.stage,
        work={},
        store=access.place.uri,
        sys_path=code_folders(dag),
        deadline_s=access.where.deadline_s,
        gpus=access.gpus,
    )
    return JobPlan(
        dag=dag.dag_id,
        task=operator.task_id,
        stage=operator.stage,
        where=access.where.kind,
        connection=connection_of(access.where),
        store=access.place.uri,
        request=access.runner().plan(request),
    )


def _service(dag: "DAG", operator: DeployOperator) -> JobPlan:
    from taxiway.core.serving import Phase, ServiceState
    from taxiway.core.training import Target
    from taxiway.hooks.serving import connection_of_service, field

    found, service = field(operator.hook, operator.service, operator.model), operator.service
    first = Target.model_construct(number=1)  # type: ignore[call-arg] # of which nothing but its number is asked
    state = ServiceState.model_construct(
        service=service.name, model=operator.model, generation=1, live=first, phase=Phase.LIVE
    )
    return JobPlan(
        dag=dag.dag_id,
        task=operator.task_id,
        stage="serve",
        where=service.on.kind,
        connection=connection_of_service(service),
        store=found.place.uri,
        request=found.platform().plan(state),
    )


def _where(operator: JobOperator) -> Where:
    try:
        return operator.where()
    except AttributeError:
        raise SpecError(
            "where this task runs comes from another task, and is known only when it runs",
            where=f"task {operator.task_id!r}",
            do="Map over what the job does, and say in the recipe where it runs.",
        ) from None
