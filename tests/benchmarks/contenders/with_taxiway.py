"""The same steps as a Taxiway lifecycle: an airflow dag file."""

import os

from steps import LIMIT, METRICS, PARAMS, RESAMPLES

from taxiway.core import Dataset, Evaluation, Threshold, Training
from taxiway.factories import lifecycle

LAKE = os.environ["BENCHMARK_LAKE"]

lifecycle(
    model="flight-delay",
    dataset=Dataset("flights", uri=f"file://{LAKE}/train/", checks="flight_delay.checks:Flights"),
    training=Training("flight_delay.train:train", params=PARAMS),
    evaluation=Evaluation(
        "late",
        metrics=METRICS,
        on=Dataset("december", uri=f"file://{LAKE}/december/", checks="flight_delay.checks:Flights"),
        resamples=RESAMPLES,
    ),
    gates=(Threshold("roc_auc", at_least=LIMIT),),
)
