"""Airflow as its own commands see it: its connections, and the DAGs of a file."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    from airflow.sdk import DAG


@contextlib.contextmanager
def as_airflow_does() -> Iterator[None]:
    """Lets connections be found where Airflow's own commands find them: in its database, too.

    What is printed meanwhile goes to the standard error, so that the output of a command is its own.

    Raises:
        SpecError: Airflow is not installed here.
    """
    if importlib.util.find_spec("airflow") is None:
        raise SpecError(
            "this command asks Airflow, which is not installed here",
            expected="the environment of an Airflow worker, or a copy of it",
            do="Run it there, or: pip install 'taxiway[airflow]'",
        )
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    before = os.environ.get("_AIRFLOW_PROCESS_CONTEXT")
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.environ.pop("_AIRFLOW_PROCESS_CONTEXT", None)
        os.environ.update({"_AIRFLOW_PROCESS_CONTEXT": before} if before is not None else {})


def dags_of(file: Path) -> "list[DAG]":
    """The DAGs of a file, as the dag-processor would find them, by their ids.

    Raises:
        SpecError: there is no such file, it cannot be imported, or it holds no DAG.
    """
    from airflow.dag_processing.dagbag import DagBag

    if not file.is_file():
        raise SpecError("there is no such file", where=str(file), do="Name a Python file with a DAG in it.")
    sys.path.insert(0, str(file.absolute().parent))
    bag = DagBag(dag_folder=str(file.absolute()), collect_dags=False, load_op_links=False)
    bag.collect_dags(str(file.absolute()), only_if_updated=False, safe_mode=False)
    if bag.import_errors:
        told = next(iter(bag.import_errors.values())).strip()
        raise SpecError("the DAG file cannot be imported", where=str(file), got=told.splitlines()[-1], do="Correct it.")
    if not bag.dags:
        raise SpecError("this file holds no DAG", where=str(file), do="Call lifecycle(…) in it, or another factory.")
    return [dag for _, dag in sorted(bag.dags.items())]
