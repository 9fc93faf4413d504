"""The DAGs of a model for an Airflow in a cluster: trained in a pod, measured in a Job, served by a Deployment."""

import os

from taxiway.core import (
    Dataset,
    Direct,
    Evaluation,
    Everybody,
    Holdout,
    KubernetesJob,
    KubernetesServers,
    Service,
    Threshold,
    Training,
)
from taxiway.factories import lifecycle

STORE = os.environ["AIRFLOW__TAXIWAY__STORE"]
POD = {"resources": "cpu.tiny", "conn_id": "taxiway_training", "shm": "64Mi"}
IMAGE = os.environ["TAXIWAY_TEST_IMAGE"]

lifecycle(
    model="flights",
    dataset=Dataset("flights", uri=f"{STORE}flights/", checks="flight_delay.checks:Flights"),
    training=Training("flight_delay.train:train", params={"max_iter": 20}, on=KubernetesJob(IMAGE, **POD)),
    evaluation=Evaluation(
        target="late",
        metrics=("roc_auc",),
        on=Holdout(0.2, by="flight_id"),
        resamples=100,
        where=KubernetesJob(IMAGE, workload="job", **POD),
    ),
    gates=(Threshold("roc_auc", at_least=0.75),),
    service=Service(
        "flights",
        rollout=Direct(),
        on=KubernetesServers(
            os.environ["TAXIWAY_TEST_SERVER"],
            Everybody(),
            namespace=os.environ["TAXIWAY_TEST_SERVING"],
            conn_id="taxiway_serving",
            replicas=1,
            max_replicas=2,
            cpu="50m",
            secrets=("taxiway-store",),
            service_account="taxiway-server",
        ),
    ),
    default_args={"deferrable": True, "poll_interval_s": 1.0},
)
