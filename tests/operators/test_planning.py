import json
import socket
from pathlib import Path

import pytest

import airflow_home
from operators import stages
from taxiway.core import (
    BlueGreen,
    Canary,
    Dataset,
    DockerJob,
    DockerServer,
    Everybody,
    KServeServers,
    KubernetesJob,
    KubernetesServers,
    LocalJob,
    LocalServer,
    Service,
    Training,
)
from taxiway.core.errors import SpecError
from taxiway.operators.planning import PLANNED, job_plans
from taxiway.operators.serving import DeployOperator
from taxiway.operators.training import TrainOperator
from taxiway.operators.validation import ValidateOperator

PROFILES = {"gpu.small": {"gpus": 1, "memory": "16Gi", "gpu_resource": "amd.com/gpu"}}


@pytest.fixture
def train(dag):
    """Makes a task that trains somewhere."""

    def making(on, task_id="train"):
        return TrainOperator(task_id=task_id, model="m", training=Training("stages:train", on=on), report={}, dag=dag)

    return making


@pytest.fixture
def connected(store, monkeypatch):
    """A store on S3 whose connection holds a secret, and one to a cluster."""
    extra = {"store": "s3://models/", "aws_conn_id": "aws", "profiles": PROFILES}
    connections = {
        "TAXIWAY_DEFAULT": {"conn_type": "taxiway", "extra": extra},
        "AWS": {"conn_type": "aws", "login": "ann", "password": "hush-hush", "extra": {"region_name": "eu-west-1"}},
        "GPUS": {"conn_type": "kubernetes", "extra": {"namespace": "training"}},
    }
    for name, values in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(values))


def test_what_is_planned_is_what_is_started(dag, store, rows):
    task = ValidateOperator(task_id="validate", dataset=Dataset("rows", uri=rows), dag=dag)
    (plan,) = job_plans(dag)
    assert (plan.dag, plan.task, plan.stage, plan.where) == (dag.dag_id, "validate", "validate", "local")
    assert plan.connection is None
    assert not Path(plan.request["folder"]).exists()
    task.execute(airflow_home.context(task, run_id=PLANNED))
    assert Path(plan.request["folder"]).is_dir()
    assert plan.request["sys_path"] == [str(Path(stages.__file__).parent)]


@pytest.mark.usefixtures("connected")
def test_a_pod_is_planned_whole_without_a_cluster_and_without_its_secrets(dag, train, monkeypatch):
    train(KubernetesJob("flights:1", resources="gpu.small", conn_id="gpus", secrets=("s3",), env={"COLOUR": "blue"}))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a plan asks nobody"))
    (plan,) = job_plans(dag)
    (pod,) = plan.request["objects"]
    container = pod["spec"]["containers"][0]
    assert (plan.where, plan.connection, plan.store) == ("kubernetes", "gpus", "s3://models/")
    assert (pod["kind"], pod["metadata"]["namespace"]) == ("Pod", "training")
    assert container["resources"]["limits"] == {"memory": "16Gi", "amd.com/gpu": "1"}
    assert {"name": "AWS_REGION", "value": "eu-west-1"} in container["env"]
    assert "hush-hush" not in json.dumps(plan)


@pytest.mark.usefixtures("connected")
def test_pods_that_work_together_are_planned_with_what_they_find_each_other_by(dag, train):
    train(KubernetesJob("flights:1", nodes=4, gpus=8, secrets=("s3",)))
    (plan,) = job_plans(dag)
    assert [made["kind"] for made in plan.request["objects"]] == ["Job", "Service"]


@pytest.mark.usefixtures("connected")
def test_a_container_is_planned_with_the_names_of_its_variables(dag, train):
    train(DockerJob("flights:1", env={"COLOUR": "blue"}))
    (plan,) = job_plans(dag)
    assert plan.request["image"] == "flights:1"
    assert {"AWS_SECRET_ACCESS_KEY", "COLOUR"} <= set(plan.request["environment"])
    assert "hush-hush" not in json.dumps(plan)


def test_every_task_that_starts_a_job_is_planned_in_the_order_of_the_dag(dag, train, store, rows):
    from airflow.sdk import task

    first = ValidateOperator(task_id="z", dataset=Dataset("rows", uri=rows), dag=dag)
    with dag:
        between = task(lambda: None, task_id="between")()
    first >> between >> train(LocalJob(), "a")
    assert [plan.task for plan in job_plans(dag)] == ["z", "a"]


@pytest.mark.usefixtures("store")
def test_a_mapped_task_is_planned_as_its_first_instance(dag):
    recipes = [Training("stages:train", on=LocalJob(memory_bytes=2**30)), Training("stages:guess")]
    with dag:
        TrainOperator.partial(task_id="train", model="m", report={}).expand(training=recipes)
    (plan,) = job_plans(dag)
    assert (plan.task, plan.request["memory_bytes"]) == ("train", 2**30)


@pytest.mark.usefixtures("store")
def test_where_a_task_runs_may_not_come_from_another_task(dag):
    from airflow.sdk import task

    @task
    def recipes():
        return []

    with dag:
        TrainOperator.partial(task_id="train", model="m", report={}).expand(training=recipes())
    with pytest.raises(SpecError, match="known only when it runs"):
        list(job_plans(dag))


@pytest.mark.usefixtures("store")
def test_a_connection_and_a_profile_that_do_not_exist_are_named(dag, train):
    train(KubernetesJob("flights:1", conn_id="gpsu"))
    with pytest.raises(SpecError, match="there is no connection 'gpsu'"):
        list(job_plans(dag))


@pytest.mark.usefixtures("connected")
def test_a_misspelt_profile_is_answered_with_the_nearest_one(dag, train):
    train(KubernetesJob("flights:1", resources="gpu.smal", secrets=("s3",)))
    with pytest.raises(SpecError, match=r"Did you mean 'gpu.small'\?"):
        list(job_plans(dag))


@pytest.mark.parametrize(
    ("on", "where", "shown"),
    [
        (LocalServer(), "local", "url"),
        (DockerServer("serve:1"), "docker", "image"),
        (KubernetesServers("serve:1", Everybody(), conn_id="GPUS", secrets=("store",)), "kubernetes", "objects"),
        (KServeServers("serve:1", Everybody(), conn_id="GPUS", secrets=("store",)), "kserve", "objects"),
    ],
)
@pytest.mark.usefixtures("connected")
def test_a_service_is_planned_as_what_would_be_made(dag, on, where, shown):
    DeployOperator(task_id="deploy", model="m", service=Service("delays", on=on), dag=dag)
    (plan,) = job_plans(dag)
    assert (plan.task, plan.stage, plan.where, plan.store) == ("deploy", "serve", where, "s3://models/")
    assert plan.connection == ("GPUS" if where in ("kubernetes", "kserve") else None)
    assert shown in plan.request
    assert "hush-hush" not in json.dumps(plan.request)


@pytest.mark.parametrize(("rollout", "name"), [(BlueGreen(), "taxiway-delays-v1"), (Canary(5, 100), "taxiway-delays")])
@pytest.mark.usefixtures("connected")
def test_inference_services_are_planned_as_the_rollout_needs_them(dag, rollout, name):
    service = Service("delays", rollout=rollout, on=KServeServers("serve:1", Everybody(), conn_id="GPUS"))
    DeployOperator(task_id="deploy", model="m", service=service, dag=dag)
    (plan,) = job_plans(dag)
    made = [one["metadata"]["name"] for one in plan.request["objects"] if one["kind"] == "InferenceService"]
    assert made == [name]


@pytest.mark.usefixtures("connected")
def test_revisions_are_planned_as_the_first_of_them(dag):
    on = KubernetesServers("serve:1", Everybody(), conn_id="GPUS", mode="revisions", replicas=1)
    DeployOperator(task_id="deploy", model="m", service=Service("delays", on=on), dag=dag)
    (plan,) = job_plans(dag)
    assert [made["metadata"]["name"] for made in plan.request["objects"]] == [
        "taxiway-delays-v1",
        "taxiway-delays-v1",
        "taxiway-delays",
    ]
