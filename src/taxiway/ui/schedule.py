"""When a model is trained next, by Airflow's own database."""

from collections.abc import Collection, Iterable
from datetime import datetime

from airflow.models.dag import DagModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from taxiway.core.overview import NextTraining, next_training

_SUFFIX = ".training"


def trainings(
    session: Session, models: Iterable[str], readable: Collection[str], now: datetime
) -> dict[str, NextTraining]:
    """The next training of each of the models whose DAG the user may read, and whose file is still there."""
    wanted = [dag_id for name in models if (dag_id := f"{name}{_SUFFIX}") in readable]
    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused)
    there = select(*columns).where(DagModel.dag_id.in_(wanted), DagModel.is_stale.is_(False))
    found = session.execute(there) if wanted else ()
    return {
        dag_id.removesuffix(_SUFFIX): next_training(dag_id, at, paused=bool(paused), now=now)
        for dag_id, at, paused in found
    }
