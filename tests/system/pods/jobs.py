"""DAGs for an Airflow whose trainings run in pods, and in containers: see `test_pods.py`."""

import os
from datetime import timedelta

from taxiway.core import Dataset, DockerJob, Evaluation, Holdout, KubernetesJob, Threshold, Training
from taxiway.factories import lifecycle

IMAGE, STORE = os.environ["TAXIWAY_TEST_IMAGE"], os.environ["TAXIWAY_TEST_STORE"]
POD = KubernetesJob(
    IMAGE,
    namespace=os.environ["TAXIWAY_TEST_NAMESPACE"],
    secrets=("taxiway-store",),
    cpu="100m",
    memory="1Gi",
    shm="64Mi",
    grace_s=5.0,
)
CONTAINER = DockerJob(IMAGE, grace_s=5.0)
ROWS = Dataset("rows", uri=f"{STORE}rows/", checks="operators.schema:Rows")
MEASURED = Evaluation(target="late", metrics=("roc_auc",), on=Holdout(0.2, by="id"), min_slice_rows=10)
FLIGHTS = Dataset("flights", uri=f"{STORE}flights/", checks="flight_delay.checks:Flights")

CASES = ("sigkill", "sigterm", "worker", "scheduler", "api-server", "triggerer", "failed", "cleared", "times-out")
AT_ONCE = ("first", "second", "third", "fourth")

for name, deferrable, cases in (("waits", False, CASES), ("defers", True, CASES + AT_ONCE)):
    for case in cases:
        model = f"{name}-{case}"
        lifecycle(
            model=model,
            dataset=ROWS,
            training=Training("operators.stages:held", params={"signs": STORE, "name": model}, on=POD),
            evaluation=MEASURED,
            gates=(Threshold("roc_auc", at_least=0.9),),
            default_args={
                "deferrable": deferrable,
                "retry_delay": 1,
                "poll_interval_s": 1.0,
                **({"execution_timeout": timedelta(seconds=90), "retries": 0} if case == "times-out" else {}),
            },
        )

lifecycle(
    model="evicted",
    dataset=ROWS,
    training=Training(
        "operators.stages:resumable",
        params={"signs": STORE, "name": "evicted", "steps": 100, "pause": 0.2, "every_s": 2.0},
        on=POD,
    ),
    evaluation=MEASURED,
    gates=(Threshold("roc_auc", at_least=0.9),),
    default_args={"deferrable": True, "retry_delay": 1, "poll_interval_s": 1.0},
)

for name, where in (("flights-in-a-pod", POD), ("flights-in-a-container", CONTAINER)):
    lifecycle(
        model=name,
        dataset=FLIGHTS,
        training=Training("flight_delay.train:train", params={"max_iter": 20}, on=where),
        evaluation=Evaluation(
            target="late", metrics=("roc_auc",), on=Holdout(0.2, by="flight_id"), resamples=100, where=where
        ),
        gates=(Threshold("roc_auc", at_least=0.75),),
        default_args={"deferrable": True, "poll_interval_s": 1.0},
    )
