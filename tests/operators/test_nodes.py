"""Trainings with torch in two pods, on a real cluster: `tests/cluster/up`, then `pytest -m system`."""

import json
import re

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators import elsewhere
from operators.elsewhere import until
from runners import pods
from taxiway.core.jobs import Cause, JobFailed
from taxiway.core.training import TrainingRun
from taxiway.runners.objects import Cluster

globals().update({name: getattr(pods, name) for name in pods.__all__ if name != "make"})
fly, torch_volume = elsewhere.fly, elsewhere.torch_volume

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

NO_JOBSET = "The cluster has no JobSet: run tests/cluster/addon-jobset."
LIBRARIES = {"PYTHONPATH": "/opt/code:/opt/torch", "OMP_NUM_THREADS": "1"}


@pytest.fixture(params=["Job", "JobSet"])
def kind(request, cluster, monkeypatch):
    """What the pods belong to: a JobSet where the cluster has that, a Job where it does not."""
    has = "jobsets.jobset.x-k8s.io" in cluster.kubectl("get", "crd", "-o", "name")
    if request.param == "JobSet" and not has:
        pytest.skip(NO_JOBSET)
    if request.param == "Job":
        monkeypatch.setattr(Cluster, "knows", lambda *_: False)
    return request.param


@pytest.fixture
def together(fly, torch_volume):
    """Makes a training in two pods, of one process each."""

    def making(function="operators.nets:train", **params):
        where = {"nodes": 2, "memory": "2Gi", "pod_template": torch_volume, "env": LIBRARIES, "grace_s": 20.0}
        return fly(function, where, **{"epochs": 4, **params})

    return making


@pytest.fixture
def ever(cluster, namespace):
    """How many pods ever were in the namespace, by the events that the cluster keeps about them."""

    def counting():
        told = cluster.get("events", "-n", namespace)["items"]
        return len({one["involvedObject"]["uid"] for one in told if one["involvedObject"]["kind"] == "Pod"})

    return counting


def begins(said):
    """At which epoch each process began, as the log has it."""
    return sorted(re.findall(r"rank (\d) of 2 begins at epoch (\d+)", said))


def test_two_pods_train_one_model_and_give_one_result(together, kind, cluster, namespace, ever):
    flight = together()
    run = TrainingRun.load(flight.execute())
    assert run.metrics["ranks"] == 2
    assert flight.steps("loss") == [0, 1, 2, 3]
    assert begins(flight.said()) == [("0", "0"), ("1", "0")]
    assert flight.spent() == [(1, "succeeded", False)]
    assert len(cluster.get("jobset" if kind == "JobSet" else "job", "-n", namespace)["items"]) == 1
    assert ever() == 2


def finish(flight, kind):
    """The training's end: a JobSet begins again by itself, else Airflow tries the task again."""
    if kind == "JobSet":
        return TrainingRun.load(flight.execute()), 1, None
    with pytest.raises(JobFailed) as caught:
        flight.execute()
    assert caught.value.retryable
    return TrainingRun.load(flight.execute()), 2, caught.value.failure


def test_a_process_that_dies_takes_all_back_to_the_last_checkpoint(together, kind, ever):
    flight = together(epochs=8, dies_after=4, dies_from=1, every_s=0)
    run, attempts, failure = finish(flight, kind)
    assert run.metrics["ranks"] == 2
    assert flight.steps("loss") == list(range(8))
    assert begins(flight.said(attempts))[-2:] == [("0", "5"), ("1", "5")]
    assert len(flight.spent()) == attempts
    assert failure is None or failure.cause is Cause.CRASHED
    assert ever() == 4


def test_a_pod_that_is_evicted_takes_all_back_to_the_last_checkpoint(together, kind, cluster, namespace, ever):
    flight = together(epochs=30, pause=0.5, every_s=1)
    task = flight.begin()
    until(lambda: len(flight.steps("loss")) > 4, 300)
    evict(cluster, namespace, rank=1)
    if kind == "Job":
        assert task.exception(150).failure.cause is Cause.EVICTED
        flight.execute()
    assert kind == "Job" or task.exception(300) is None
    attempts = 2 if kind == "Job" else 1
    assert flight.steps("loss") == list(range(30))
    assert all(int(epoch) > 4 for _, epoch in begins(flight.said(attempts))[-2:])
    assert len(flight.spent()) == attempts
    assert ever() == 4


def evict(cluster, namespace, rank):
    """Evicts one of the pods, as draining a node does."""
    label = f"batch.kubernetes.io/job-completion-index={rank}"
    (pod,) = cluster.get("pods", "-n", namespace, "-l", label)["items"]
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


@pytest.mark.parametrize("kind", ["Job"], indirect=True)
def test_what_a_process_raises_is_the_answer_of_all(together, kind):
    flight = together("operators.nets:fails_in_one", rank=1)
    with pytest.raises(AirflowFailException, match="rank 1 has no luck"):
        flight.execute()
    assert flight.result().failure.cause is Cause.USER_CODE
