"""One Airflow for a whole pytest run: a home of its own, one sqlite database, and DAGs that run for real."""

import atexit
import functools
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

HOME = Path(tempfile.mkdtemp(prefix="taxiway-airflow-"))
LAKE = HOME / "lake"
REPOSITORY = Path(__file__).parents[1]
DAGS = REPOSITORY / "dags"


def settle() -> None:
    """Points this process at the home; Airflow must not have been imported before."""
    atexit.register(end)
    (HOME / "dags").mkdir()
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__DAGS_FOLDER=str(HOME / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__API_AUTH__JWT_SECRET="for tests alone, and long enough " * 2,
        AIRFLOW__API__SECRET_KEY="for tests alone",
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
        AIRFLOW_VAR_LAKE=f"{LAKE.as_uri()}/",
        TAXIWAY_STATE=str(HOME / "jobs"),
    )


@functools.cache
def database() -> None:
    """Creates the metadata database, once."""
    from airflow.utils.db import initdb

    with airflows_own_warnings():
        initdb()


@contextmanager
def airflows_own_warnings():
    """Lets Airflow and its libraries warn about themselves; what our code is warned of stays an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module="taxiway")
        yield


def register(dag) -> None:
    """Makes a DAG that no bundle holds known to the database, so that it can run."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    database()
    with airflows_own_warnings(), create_session() as session:
        if not session.get(DagBundleModel, "testing"):
            session.add(DagBundleModel(name="testing"))
            session.flush()
        SerializedDAG.bulk_write_to_db("testing", None, [LazyDeserializedDAG.from_dag(dag)], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="testing", session=session)


def forget(dag_id: str) -> None:
    """Takes a DAG, and all that it ever did, out of the database, whoever put it there."""
    from airflow.api.common.delete_dag import delete_dag
    from airflow.exceptions import DagNotFound

    database()
    with airflows_own_warnings(), suppress(DagNotFound):
        delete_dag(dag_id)


def run(dag, **conf):
    """Runs a DAG to its end and gives the DAG run back."""
    register(dag)
    with airflows_own_warnings():
        return dag.test(run_conf=conf or None)


def states(dag_run) -> dict[str, str]:
    """Task id to state."""
    return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}


def value(dag_run, task_id: str, key: str = "return_value"):
    """What a task pushed."""
    ti = dag_run.get_task_instance(task_id)
    return ti.xcom_pull(task_ids=task_id, key=key) if ti else None


class Outlets(dict):
    """The accessors of the events of a task's outlets."""

    def __missing__(self, asset):
        self[asset] = SimpleNamespace(extra=None)
        return self[asset]


def context(operator, run_id: str = "manual__1", *, tries_granted: int | None = None, run_type: str = "manual", **told):
    """The part of a task's context that operators read, for a call of `execute` without a task process.

    `told` are facts about the task instance, instead of those of a first try that a person has failed meanwhile.
    """
    pushed: dict[str, object] = {}
    ti = SimpleNamespace(
        dag_id=operator.dag_id,
        run_id=run_id,
        task_id=operator.task_id,
        map_index=-1,
        max_tries=operator.retries if tries_granted is None else tries_granted,
        task=operator,
        xcom_push=pushed.__setitem__,
        pushed=pushed,
        **{
            "state": "running",
            "try_number": 1,
            "get_task_states": lambda *_, **__: {run_id: {operator.task_id: "failed"}},
            **told,
        },
    )
    dag_run = SimpleNamespace(run_type=run_type, run_id=run_id)
    return {"ti": ti, "dag": operator.dag, "dag_run": dag_run, "outlet_events": Outlets(), "params": {}}


def end() -> None:
    """Ends what jobs left running, and removes the home."""
    from taxiway.runtime.launch import end_launchers

    end_launchers(HOME / "jobs")
    shutil.rmtree(HOME, ignore_errors=True)
