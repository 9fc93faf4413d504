"""Several models from one DAG file: for Airflow a recipe is a function call, so a loop makes many."""

from taxiway.core import BeatsChampion, Dataset, Evaluation, Holdout, Threshold, Training
from taxiway.factories import lifecycle

FLIGHTS = Dataset("flights", uri="{{ var.value.lake }}flights/2013-01.parquet", checks="flight_delay.checks:Flights")
WHEN_BOOKING = ["carrier", "origin", "dest", "month", "day", "hour", "distance"]

MODELS = {
    "delay-at-the-gate": ([*WHEN_BOOKING, "dep_delay"], 0.75),
    "delay-when-booking": (WHEN_BOOKING, 0.55),
}

for name, (columns, least) in MODELS.items():
    lifecycle(
        model=name,
        dataset=FLIGHTS,
        training=Training("flight_delay.train:train", params={"columns": columns, "max_iter": 30}),
        evaluation=Evaluation(target="late", metrics=("roc_auc",), on=Holdout(0.2, by="flight_id")),
        gates=(Threshold("roc_auc", at_least=least), BeatsChampion("roc_auc")),
        tags=["flights"],
    )
