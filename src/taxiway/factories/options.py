"""What a DAG is given where its author says nothing."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

from taxiway.core.names import check_name

_START = datetime(2024, 1, 1, tzinfo=UTC)
_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

_DRAFT = {"$schema": "http://json-schema.org/draft-07/schema#"}
"""Airflow checks each schema several times a parse; against this draft it takes a quarter of the time."""
_PARAMETERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sample_rows": (
        None,
        {
            "type": ["null", "integer"],
            "minimum": 1,
            "title": "Sample rows",
            "description": "Take only so many rows, for a trial. A model trained on a sample is never promoted.",
        },
    ),
    "promote": (True, {"type": "boolean", "title": "Promote", "description": "Let the model go live if it may."}),
    "reason": (
        None,
        {"type": ["null", "string"], "title": "Reason", "description": "Goes into the registry's log."},
    ),
    "version": (
        None,
        {
            "type": ["null", "integer"],
            "minimum": 1,
            "title": "Version",
            "description": "Take this version live, whatever the champion is.",
        },
    ),
    "why": (
        None,
        {
            "type": "string",
            "minLength": 3,
            "title": "Why",
            "description": "One sentence for the registry's log, and for whoever reads it at three in the morning.",
        },
    ),
}
SAMPLE_ROWS = "{{ params.sample_rows or '' }}"
"""Template of the parameter `sample_rows`."""


def build(dag_id: str, *, model: str, schedule: Any, given: dict[str, Any], **ours: Any) -> DAG:
    """The DAG without its parameters; what the author `given` wins over `ours`; tags and default arguments add up."""
    check_name(model)
    given = {name: value for name, value in given.items() if name != "alerts"}
    defaults = {"start_date": _START, "catchup": False, "max_active_runs": 1}
    merged = {
        "tags": sorted({"taxiway", model, *given.get("tags", ())}),
        "default_args": {**_RETRIES, **given.get("default_args", {})},
        "params": None,
    }
    when = given.pop("schedule", schedule)
    dag = DAG(dag_id=dag_id, schedule=when, **{**defaults, **ours, **given, **merged})
    dag.fileloc = _author() or dag.fileloc
    return dag


def finish(dag: DAG, given: dict[str, Any], *parameters: str) -> DAG:
    """The DAG with these parameters of ours, and the author's.

    They come after the tasks on purpose: each task would take a copy, and Airflow checks the schema of each copy five
    times a parse. A run renders its templates with the DAG's parameters all the same.
    """
    ours = {name: Param(_PARAMETERS[name][0], **{**_DRAFT, **_PARAMETERS[name][1]}) for name in parameters}
    dag.params = ParamsDict({**ours, **(given.get("params") or {})})
    return dag


def _author() -> str | None:
    """The file that called the factory, where its author's code lies; Airflow itself finds it only when it parses."""
    frame = sys._getframe(2)  # noqa: SLF001 - inspect.stack() reads every source file on the way
    while frame.f_globals.get("__package__") == __package__ and frame.f_back:
        frame = frame.f_back
    return frame.f_globals.get("__file__")
