"""Jobs that wait in a queue of Kueue, on a real cluster: `tests/cluster/addon-kueue`, then `pytest -m system`."""

import json
import time

import pytest

import samples
from contract.runner import alive, ended, request, result, signs
from runners import pods
from taxiway.core.jobs import Cause, JobState
from taxiway.hooks.jobs import JobDesk, Started, Watch
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store

globals().update({name: getattr(pods, name) for name in pods.__all__ if name != "namespace"})

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

NO_KUEUE = "The cluster has no Kueue that queues pods: run tests/cluster/addon-kueue."
BOTH = pytest.mark.parametrize("workload", ["pod", "job"])


@pytest.fixture
def namespace(cluster):
    """A namespace whose pods Kueue looks after, with the queue `training`, which has one GPU."""
    if "kueue.x-k8s.io" not in cluster.kubectl("get", "crd", "-o", "name"):
        pytest.skip(NO_KUEUE)
    with cluster.namespace(taxiway_test="kueue") as name:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(queue(name)))
        try:
            yield name
        finally:
            cluster.kubectl("delete", "clusterqueue,resourceflavor", name, "--wait=false")


def queue(name):
    api = "kueue.x-k8s.io/v1beta2"
    gpus = {"name": name, "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 1}]}
    spec = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "resourceGroups": [{"coveredResources": ["nvidia.com/gpu"], "flavors": [gpus]}],
        "preemption": {"withinClusterQueue": "LowerPriority"},
    }
    made = [
        {"apiVersion": api, "kind": "ResourceFlavor", "metadata": {"name": name}},
        {"apiVersion": api, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": api,
            "kind": "LocalQueue",
            "metadata": {"name": "training", "namespace": name},
            "spec": {"clusterQueue": name},
        },
    ]
    return {"apiVersion": "v1", "kind": "List", "items": made}


@pytest.fixture
def queued(make):
    """Makes a runner whose jobs ask for a GPU in the queue."""

    def making(**changed):
        return make(**{"gpus": 1, "queue": "training", **changed})

    return making


def waits(runner, handle, seconds=60.0):
    """The status of a job that is held back for a reason that its queue gives."""
    end = time.monotonic() + seconds
    while "queue 'training': " not in (status := runner.describe(handle)).detail:
        assert status.state in (JobState.QUEUED, JobState.WAITING), status
        assert time.monotonic() < end, status
        time.sleep(0.1)
    return status


@BOTH
def test_a_job_waits_while_another_holds_the_quota_and_then_runs_once(queued, store, workload):
    runner = queued(workload=workload)
    first, second = request("hangs", store, sign="first"), request("mark", store, sign="second")
    holder = runner.launch(first)
    alive(first)
    handle = runner.launch(second)
    status = waits(runner, handle)
    assert status.state is JobState.QUEUED
    assert "insufficient unused quota for nvidia.com/gpu" in status.detail
    assert signs(second) == []
    assert runner.describe(handle).state is JobState.QUEUED
    runner.cancel(holder)
    assert ended(runner, handle).failure is None
    assert result(second).failure is None
    assert len(signs(second)) == 1


@BOTH
def test_the_clock_of_a_job_starts_when_it_is_admitted(queued, store, workload):
    runner = queued(workload=workload)
    first = request("hangs", store, sign="first", deadline_s=300.0)
    holder = runner.launch(first)
    alive(first)
    asked = request("hangs", store, key=samples.job_key(task_id="second"), sign="second", deadline_s=20.0)
    handle = runner.launch(asked)
    waits(runner, handle)
    time.sleep(21)
    assert runner.describe(handle).state is JobState.QUEUED, "a deadline counts from the start"
    runner.cancel(holder)
    alive(asked)
    assert ended(runner, handle).failure.cause is Cause.DEADLINE


@BOTH
def test_a_job_that_waits_too_long_in_its_queue_ends_with_the_queues_words(queued, store, cluster, namespace, workload):
    runner = queued(workload=workload, gpus=2, queue_deadline_s=1.0)
    asked = request("mark", store, sign="never")
    desk = JobDesk(Mailbox(open_store(store)), runner)
    watch = Watch(desk, Started(asked.key, desk.start(asked), runner._spec, time.time() - 30.0), poll_s=0.5)
    end = time.monotonic() + 90
    while (found := watch.look()) is None:
        assert time.monotonic() < end
        time.sleep(watch.pause_s())
    assert found.failure.cause is Cause.UNSCHEDULABLE
    assert "for a place to run: queue 'training': " in found.failure.message
    assert "nvidia.com/gpu" in found.failure.message
    assert cluster.get("pods,jobs", "-n", namespace)["items"] == []
    assert signs(asked) == []


def test_a_pod_that_its_queue_takes_the_place_from_may_be_tried_again(queued, store, cluster, namespace):
    wanted = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": namespace}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({**wanted, "value": 1000, "preemptionPolicy": "Never"}))
    try:
        low, asked = queued(), request("hangs", store, sign="low")
        handle = low.launch(asked)
        alive(asked)
        high = queued(priority_class=namespace)
        winner = high.launch(request("echo", store))
        seen = None
        end = time.monotonic() + 90
        while (status := low.describe(handle)).state is not JobState.ENDED:
            seen = status.failure or seen
            assert time.monotonic() < end, status
        failure = seen or status.failure
        assert (failure.cause, failure.retryable) == (Cause.PREEMPTED, True), (seen, status)
        assert ended(high, winner).failure is None
    finally:
        cluster.kubectl("delete", "priorityclass", namespace)


def test_a_queue_that_is_not_there_is_named(queued, store):
    runner = queued(queue="trainnig")
    handle = runner.launch(request("echo", store))
    end = time.monotonic() + 60
    while "trainnig" not in (status := runner.describe(handle)).detail:
        assert time.monotonic() < end, status
        time.sleep(0.2)
    assert status.state is JobState.QUEUED
    assert "doesn't exist" in status.detail
    runner.cancel(handle)
