"""A training in a pod, waited for in the worker and deferred: a DAG file of this benchmark's Airflow."""

import json
import os
from datetime import UTC, datetime

from airflow.sdk import DAG

from taxiway.core import KubernetesJob, Training
from taxiway.operators.training import TrainOperator

told = json.loads(os.environ["TAXIWAY_BENCHMARK"])
params = {"signs": told["store"], "name": "{{ run_id }}"}
on = KubernetesJob(told["image"], secrets=(told["secret"],), cpu="100m", memory="1Gi", shm="16Mi")

for how in ("waiting", "deferred"):
    with DAG(f"ours-{how}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)):
        TrainOperator(
            task_id="train",
            model="m",
            report=told["report"],
            training=Training(
                "operators.stages:stamped", params={"signs": told["store"], "name": "{{ run_id }}"}, on=on
            ),
            deferrable=how == "deferred",
        )
