"""DAGs for the Airflow of the rollout tests: a service on this machine that follows the champion."""

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from taxiway.core import Canary, Judge, LocalServer, Service, Tuning
from taxiway.factories import deployment_dag, rollback_dag
from taxiway.operators.serving import DeployOperator

SECOND = timedelta(seconds=1)
MODEL = "flight-delay"
SERVICE = Service(
    MODEL,
    Canary(50, 100, bake=4 * SECOND),
    on=LocalServer(port=int(os.environ["TAXIWAY_TEST_PORT"]), tuning=Tuning(sample=0.0, drain_s=5.0)),
    judge=Judge(min_requests=50, max_error_increase=0.1, max_invalid_increase=0.1, slow_s=5.0),
    deadline=timedelta(minutes=10),
    every=SECOND,
)
AGAIN = {"retries": 3, "retry_delay": SECOND}

deployment_dag(model=MODEL, service=SERVICE, default_args=AGAIN)
rollback_dag(model=MODEL, service=SERVICE)

with DAG("waiting", schedule=None, start_date=datetime(2026, 1, 1), default_args=AGAIN):  # noqa: DTZ001 - not scheduled
    DeployOperator(task_id="deploy", model=MODEL, service=SERVICE, deferrable=False)
