"""Recipes for tests of the factories; run as a program, it prints the hash of each DAG they make."""

import json
from datetime import timedelta

from taxiway.core import (
    Approval,
    BeatsChampion,
    Canary,
    Dataset,
    Evaluation,
    Holdout,
    Labels,
    Monitoring,
    Scoring,
    Service,
    Threshold,
    Training,
)
from taxiway.factories import lifecycle

FLIGHTS = Dataset("flights", uri="s3://lake/flights/", checks="flight_delay.checks:Flights", personal={"tail": "hash"})


def whole(model="flight-delay", **changes):
    recipe = {
        "dataset": FLIGHTS,
        "training": Training("flight_delay.train:train", params={"b": 1, "a": [1, 2], "learning_rate": 0.1}),
        "evaluation": Evaluation(target="late", metrics=("roc_auc", "log_loss"), slices=("carrier",), on=Holdout(0.2)),
        "gates": (Threshold("roc_auc", at_least=0.7, slice="carrier"), BeatsChampion("roc_auc"), Approval(("ann",))),
        "scoring": Scoring(Dataset("december", uri="s3://lake/{{ run_id }}/"), output="s3://lake/predictions/"),
        "monitoring": Monitoring(
            "@hourly",
            Dataset("production", uri="s3://lake/production/{{ window.start.isoformat() }}/"),
            labels=Labels(Dataset("arrivals", uri="s3://lake/arrivals/"), "flight_id"),
        ),
        "service": Service("delays", Canary(5, 25, 100, bake=timedelta(minutes=15))),
        "tags": ["b", "a", "c"],
    }
    return lifecycle(model=model, **{**recipe, **changes})


def hashes():
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import DagSerialization

    made = whole()
    return [SerializedDagModel.hash(DagSerialization.to_dict(dag)) for dag in made.dags]


if __name__ == "__main__":
    print(json.dumps(hashes()))
