"""`taxiway plan`: what the jobs and services of a DAG file would ask for, without a cluster."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from taxiway.cli import places

if TYPE_CHECKING:
    from taxiway.operators.planning import JobPlan

File = Annotated[Path, typer.Argument(help="A Python file with DAGs in it.")]
Dag = Annotated[str, typer.Option("--dag", help="Only the DAG of this id; all of the file by default.")]
Manifests = Annotated[
    bool, typer.Option("--manifests", help="Only the objects for Kubernetes, for kubectl apply --dry-run=server -f -")
]


def plan(file: File, *, dag: Dag = "", manifests: Manifests = False, as_json: places.AsJson = False) -> None:
    """Print exactly what each job or service of a DAG file would ask for: process, container, pod. Nothing is started.

    Connections are looked up where Airflow has them; secrets are not printed. Names hold the digest of a run that is
    called `planned`, where a real run has its own.
    """
    plans = [one for one in _plans(file) if not dag or one.dag == dag]
    if not plans:
        from taxiway.core.names import unknown

        raise unknown("DAG", dag, {one.dag for one in _plans(file)}, where=str(file))
    if manifests:
        _print([made for one in plans for made in one.request.get("objects", ())], as_json=as_json)
        return
    _print([one._asdict() for one in plans], as_json=as_json)


def _plans(file: Path) -> "list[JobPlan]":
    from taxiway.cli.airflow import as_airflow_does, dags_of

    with as_airflow_does():
        from taxiway.operators.planning import job_plans

        return [one for found in dags_of(file) for one in job_plans(found)]


def _print(documents: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """One JSON list, or one YAML document each."""
    if as_json:
        typer.echo(json.dumps(list(documents)))
        return
    import yaml

    typer.echo(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120), nl=False)
