"""The DAGs of the demo: this file is copied, as it is, into its DAGs folder, where Airflow reads it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from taxiway.core import (
    BeatsChampion,
    Canary,
    Dataset,
    Drift,
    Evaluation,
    Judge,
    LocalServer,
    MaxRegression,
    Monitoring,
    NotifierAlerts,
    Scoring,
    Service,
    Threshold,
    Training,
    Tuning,
)
from taxiway.factories import lifecycle  # makes an airflow dag

HOME = Path(__file__).resolve().parents[1]
CHECKS = "flight_delay.checks:Flights"

flights = lifecycle(
    model="flight-delay",
    dataset=Dataset("flights", uri=f"file://{HOME}/lake/flights/", checks=CHECKS),
    training=Training("flight_delay.train:train", params={"learning_rate": 0.1}),
    evaluation=Evaluation(
        target="late",
        metrics=("roc_auc", "log_loss", "accuracy"),
        on=Dataset("november", uri=f"file://{HOME}/lake/november/2013-11.parquet", checks=CHECKS),
        slices=("origin",),
    ),
    gates=(
        Threshold("roc_auc", at_least=0.7),
        Threshold("roc_auc", at_least=0.7, slice="origin"),
        BeatsChampion("roc_auc", confidence=0.95),
        MaxRegression("log_loss", by=0.01),
    ),
    scoring=Scoring(
        dataset=Dataset("december", uri=f"file://{HOME}/lake/december/2013-12.parquet", checks=CHECKS),
        output=f"file://{HOME}/predictions/",
        keep=("flight_id",),
    ),
    service=Service(
        "flight-delay",
        Canary(25, 100, bake=timedelta(seconds=2)),  # minutes or hours where there is time
        on=LocalServer(port=int(os.environ["TAXIWAY_DEMO_PORT"]), tuning=Tuning(drain_s=2.0)),
        judge=Judge(min_requests=50, max_error_increase=0.1, max_invalid_increase=0.1, max_distance=0.1, slow_s=0.5),
        every=timedelta(seconds=0.5),
        deadline=timedelta(minutes=5),
    ),
    monitoring=Monitoring(
        schedule="@daily",
        window=Dataset(
            "production", uri=f"file://{HOME}/lake/production/{{{{ window.start.strftime('%Y-%m-%d') }}}}.parquet"
        ),
        drift=Drift(ignore=("month", "day"), min_effect=1.0, season="none"),  # a winter moves delays by half of that
        evidently=True,
    ),
    alerts=NotifierAlerts("taxiway.cli.demo.notebook:Notebook", {"file": f"{HOME}/told.txt"}, text="text"),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    default_args={"deferrable": False},  # a rollout of seconds does not need the triggerer
)
for dag in flights.monitoring:
    dag.end_date = datetime(2014, 1, 1, tzinfo=UTC)  # a window of 2013 is asked for, whatever the clock says
    dag.max_active_runs = 2  # the next window is looked at while Evidently draws the last one
