"""DAGs for the Airflow of the system tests: a deferred life with an approval, and some held while they train."""

import os

from taxiway.core import (
    Approval,
    BeatsChampion,
    Dataset,
    Evaluation,
    Holdout,
    LocalJob,
    Scoring,
    SlackAlerts,
    Threshold,
    Training,
)
from taxiway.factories import lifecycle

FOLDER = os.environ["TAXIWAY_TEST_FOLDER"]
ROWS = Dataset("rows", uri="{{ var.value.lake }}rows/", checks="operators.schema:Rows")
EVALUATION = Evaluation(target="late", metrics=("roc_auc",), on=Holdout(0.2, by="id"), min_slice_rows=10)
SCORING = Scoring(ROWS, output="{{ var.value.lake }}predictions/{{ run_id | replace(':', '-') }}/", keep=("id",))

lifecycle(
    model="approved",
    dataset=ROWS,
    training=Training("operators.stages:train"),
    evaluation=EVALUATION,
    gates=(Threshold("roc_auc", at_least=0.9), BeatsChampion("roc_auc"), Approval()),
    scoring=SCORING,
    default_args={"deferrable": True},
    alerts=SlackAlerts("#ml"),
)

HELD = {"held": {}, "held-deferred": {"deferrable": True}, "cleared": {}, "killed": {"retries": 0}}
for name, arguments in HELD.items():
    lifecycle(
        model=name,
        dataset=ROWS,
        training=Training(
            "operators.stages:counted",
            params={"starts": f"{FOLDER}/{name}.starts", "hold": f"{FOLDER}/{name}.hold"},
            on=LocalJob(grace_s=2.0),
        ),
        evaluation=EVALUATION,
        gates=(Threshold("roc_auc", at_least=0.9),),
        default_args={"retry_delay": 1, **arguments},
        alerts=SlackAlerts("#ml") if name == "killed" else None,
    )
