"""The whole life of one model, in 25 lines: a DAG file that says what, and leaves the how to Airflow."""

from taxiway.core import BeatsChampion, Dataset, Evaluation, Holdout, MaxRegression, Scoring, Threshold, Training
from taxiway.factories import lifecycle

lifecycle(
    model="flight-delay",
    schedule="@weekly",
    dataset=Dataset("flights", uri="{{ var.value.lake }}flights/", checks="flight_delay.checks:Flights"),
    training=Training("flight_delay.train:train", params={"learning_rate": 0.1}),
    evaluation=Evaluation(
        target="late", metrics=("roc_auc", "log_loss"), slices=("origin",), on=Holdout(0.2, by="flight_id")
    ),
    gates=(
        Threshold("roc_auc", at_least=0.75),
        Threshold("roc_auc", at_least=0.70, slice="origin"),
        BeatsChampion("roc_auc", confidence=0.95),
        MaxRegression("log_loss", by=0.01),
    ),
    scoring=Scoring(
        Dataset("december", uri="{{ var.value.lake }}flights/2013-12.parquet", checks="flight_delay.checks:Flights"),
        output="{{ var.value.lake }}predictions/flight-delay/",
        keep=("flight_id",),
    ),
)
