"""The DAG that scores a partition whenever it is time, or whenever the champion changes."""

from typing import Any

from airflow.sdk import DAG, TaskGroup

from taxiway.core.names import CHAMPION
from taxiway.core.specs.scoring import Scoring
from taxiway.factories.assets import champion_asset, dataset_asset, predictions_asset
from taxiway.factories.documentation import scoring_doc
from taxiway.factories.notices import tell
from taxiway.factories.options import SAMPLE_ROWS, build, finish


def scoring_dag(*, model: str, scoring: Scoring, **dag: Any) -> DAG:
    """The DAG `<model>.scoring`, scheduled by `scoring.schedule`, or else by the champion's asset.

    Args:
        model: the model's name.
        scoring: what to score and where to.
        dag: any other argument of `airflow.sdk.DAG`; and `alerts`, whom to tell what happens: one or several of
            `SlackAlerts` and `NotifierAlerts`.
    """
    from taxiway.operators.scoring import ScoreOperator
    from taxiway.operators.validation import ValidateOperator

    on_champion = scoring.alias == CHAMPION and scoring.schedule is None
    schedule = [champion_asset(model)] if on_champion else scoring.schedule
    doc = scoring_doc(model, scoring)
    with build(f"{model}.scoring", model=model, given=dag, schedule=schedule, doc_md=doc) as made:
        with TaskGroup("data", tooltip="Do the data keep their contract?"):
            report = ValidateOperator(
                task_id="validate",
                dataset=scoring.dataset,
                sample_rows=SAMPLE_ROWS,
                outlets=[dataset_asset(scoring.dataset.name)],
            )
        with TaskGroup("predictions", tooltip="Visible only when they are whole."):
            ScoreOperator(
                task_id="score",
                model=model,
                scoring=scoring,
                report=report.output,
                outlets=[predictions_asset(model)],
            )
    return tell(finish(made, dag, "sample_rows"), dag.get("alerts"))
