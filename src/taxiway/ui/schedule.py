"""When a model is trained next, by Airflow's own database."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from airflow.models.dag import DagModel
from sqlalchemy import select
from sqlalchemy.orm import Session

_SUFFIX = ".training"


class Training(NamedTuple):
    """The DAG that trains a model.

    Attributes:
        dag_id: its id.
        at: when it runs next, ISO 8601; empty where no time is set.
        paused: it is switched off.
        words: what it waits for.
    """

    dag_id: str
    at: str
    paused: bool
    words: str


def trainings(session: Session, models: Iterable[str], readable: Collection[str]) -> dict[str, Training]:
    """The training of each of the models whose DAG the user may read."""
    wanted = [dag_id for name in models if (dag_id := f"{name}{_SUFFIX}") in readable]
    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused, DagModel.timetable_description)
    found = session.execute(select(*columns).where(DagModel.dag_id.in_(wanted))) if wanted else ()
    return {dag_id.removesuffix(_SUFFIX): _training(dag_id, at, paused, words) for dag_id, at, paused, words in found}


def _training(dag_id: str, at: datetime | None, paused: object, words: str | None) -> Training:
    return Training(dag_id, at.isoformat() if at else "", bool(paused), words or "")
