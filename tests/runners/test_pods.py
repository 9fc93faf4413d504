"""The Kubernetes runner over an API server in memory, whose objects the test changes as a cluster would."""

import json
import time

import pytest

import samples
from runners.api_server import serving
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, JobRequest, JobResult, JobState
from taxiway.core.specs.jobs import KubernetesJob
from taxiway.hooks.jobs import JobDesk, Started, Watch
from taxiway.runners import kubernetes, manifests
from taxiway.runners.kubernetes import KubernetesRunner
from taxiway.runners.objects import Cluster
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store

STARTED, FINISHED = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
NOBODY = {"failure": None, "record": {"kind": "x"}, "cpu_s": 1.0, "peak_memory_bytes": 1}


@pytest.fixture
def api():
    with serving() as (server, connect):
        server.connect = connect
        yield server


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


@pytest.fixture
def make(api, store):
    def making(options=None, **changed):
        spec = KubernetesJob(**{"image": "i:1", "namespace": "ns", "secrets": ("s",), **changed})
        return KubernetesRunner(spec, Cluster(api.connect), store=store, options=options)

    return making


@pytest.fixture
def asked(store):
    return JobRequest(key=samples.job_key(), stage="train", work={}, store=store, deadline_s=60)


def name(handle):
    return handle.rpartition("/")[2]


def ended(code, reason="Error"):
    state = {"terminated": {"exitCode": code, "reason": reason, "startedAt": STARTED, "finishedAt": FINISHED}}
    return {"phase": "Failed", "containerStatuses": [{"name": "base", "state": state}]}


def deliver(asked):
    result = JobResult(key=asked.key, started_at=STARTED, ended_at=FINISHED, **NOBODY)
    assert Mailbox(open_store(asked.store)).deliver(result)


def test_a_launch_creates_one_pod_however_often_it_is_asked_for(make, api, asked):
    handles = {make().launch(asked) for _ in range(3)}
    (pod,) = api.of("Pod")
    assert handles == {f"kubernetes://ns/Pod/{pod['metadata']['name']}"}


def test_a_pod_that_is_gone_is_not_made_again(make, api, asked):
    handle = make().launch(asked)
    api.objects.clear()
    assert make().launch(asked) == handle
    assert api.of("Pod") == []
    status = make().describe(handle)
    assert (status.state, status.failure.cause) == (JobState.ENDED, Cause.EVICTED)


@pytest.mark.parametrize(
    ("reason", "cause"), [("Preempted", Cause.PREEMPTED), ("TaintManagerEviction", Cause.NODE_LOST)]
)
def test_a_pod_that_is_gone_has_the_cause_that_its_events_name(make, api, asked, reason, cause):
    handle = make().launch(asked)
    api.objects.clear()
    event = {"kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"name": name(handle)}, "reason": reason}
    api.add("/api/v1/namespaces/ns/events", event)
    assert make().describe(handle).failure.cause is cause


def test_a_pod_that_is_gone_with_its_result_has_not_failed(make, api, asked):
    handle = make().launch(asked)
    api.objects.clear()
    deliver(asked)
    assert make().describe(handle).failure is None


def test_a_result_counts_however_its_pod_ended(make, api, asked):
    handle = make().launch(asked)
    api.change(name(handle), **ended(1))
    deliver(asked)
    status = make().describe(handle)
    assert (status.state, status.failure) == (JobState.ENDED, None)


def test_a_crash_comes_with_the_last_lines(make, api, asked):
    handle = make().launch(asked)
    api.change(name(handle), **ended(3))
    api.logs[name(handle)] = b"it is over\n"
    assert "It last printed: it is over" in make().describe(handle).failure.message
    del api.logs[name(handle)]
    assert "last printed" not in make().describe(handle).failure.message


def test_a_quota_without_room_is_waited_for_and_asked_again(make, api, asked):
    runner = make()
    api.refuse["POST", "/pods"] = (403, "exceeded quota: gpus")
    handle = runner.launch(asked)
    status = runner.describe(handle)
    assert (status.state, status.failure.cause, status.detail) == (JobState.QUEUED, Cause.QUOTA, "exceeded quota: gpus")
    assert make().describe(handle).state is JobState.QUEUED
    api.refuse.clear()
    assert runner.launch(asked) == handle
    assert len(api.of("Pod")) == 1


def test_a_cancelled_job_is_gone_and_never_made_again(make, api, asked):
    runner = make(grace_s=0.0)
    handle = runner.launch(asked)
    runner.cancel(handle)
    assert api.of("Pod") == []
    assert runner.launch(asked) == handle
    assert api.of("Pod") == []
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


def test_a_job_that_ended_is_not_cancelled(make, api, asked):
    handle = make().launch(asked)
    api.change(name(handle), **ended(3))
    make().cancel(handle)
    assert make().describe(handle).failure.cause is Cause.CRASHED


def test_a_pod_whose_node_does_not_let_go_is_forgotten_by_force(make, api, asked, monkeypatch):
    monkeypatch.setattr(kubernetes, "_SLACK_S", 0.2)
    runner = make(grace_s=0.0)
    handle = runner.launch(asked)
    api.lasting.add(name(handle))
    runner.cancel(handle)
    assert api.of("Pod") == []


def test_a_pod_that_nothing_removes_is_said(make, api, asked, monkeypatch):
    monkeypatch.setattr(kubernetes, "_SLACK_S", 0.2)
    runner = make(grace_s=0.0)
    handle = runner.launch(asked)
    api.refuse["DELETE", "/pods"] = (404, "")
    with pytest.raises(BackendError, match="do not end"):
        runner.cancel(handle)


def test_pods_whose_time_is_over_are_removed_and_others_are_not(make, api, asked):
    first = make(keep_s=0.0).launch(asked)
    api.change(name(first), **ended(0))
    second = make(keep_s=1e9).launch(asked.model_copy(update={"key": samples.job_key(task_id="b")}))
    api.change(name(second), **ended(0))
    make().launch(asked.model_copy(update={"key": samples.job_key(task_id="c")}))
    left = {pod["metadata"]["name"] for pod in api.of("Pod")}
    assert name(first) not in left
    assert name(second) in left


def test_secrets_of_the_connection_stay_out_of_pods_and_the_rest_goes_in(make, asked):
    options = {"access_key_id": "hunter2", "secret_access_key": "hunter2", "endpoint": "http://s3", "region": "eu"}
    with pytest.raises(SpecError, match="secrets of the connection are not written into pods"):
        make(options, secrets=()).launch(asked)
    (pod,) = make(options).plan(asked)["objects"]
    assert {"name": "AWS_ENDPOINT_URL", "value": "http://s3"} in pod["spec"]["containers"][0]["env"]
    assert "hunter2" not in json.dumps(pod)


def test_several_pods_are_a_jobset_where_there_are_such_and_else_a_job_with_a_service(make, api, asked):
    assert "/JobSet/" in make(nodes=2).launch(asked)
    api.objects.clear()
    api.kinds.clear()
    other = asked.model_copy(update={"key": samples.job_key(task_id="b")})
    handle = make(nodes=2).launch(other)
    assert "/Job/" in handle
    ((job,), (service,)) = api.of("Job"), api.of("Service")
    assert service["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert [one["kind"] for one in make(nodes=2).plan(other)["objects"]] == ["Job", "Service"]


def pods_of(api, handle, asked, **statuses):
    """Makes the pods of a Job, as its controller does."""
    for suffix, status in statuses.items():
        labels = {manifests.JOB_LABEL: asked.key.slug}
        metadata = {"name": f"{name(handle)}-{suffix}", "labels": labels, "ownerReferences": [{"uid": "j"}]}
        body = {"kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "base"}]}, "status": status}
        api.add("/api/v1/namespaces/ns/pods", body)


def test_the_output_of_several_pods_is_one_text(make, api, asked):
    api.kinds.clear()
    handle = make(nodes=2).launch(asked)
    running = {
        "phase": "Running",
        "containerStatuses": [{"name": "base", "state": {"running": {"startedAt": STARTED}}}],
    }
    pods_of(api, handle, asked, a=running, b=running)
    api.logs[f"{name(handle)}-a"] = b"2026-01-01T00:00:01Z one\n"
    api.logs[f"{name(handle)}-b"] = b"2026-01-01T00:00:00Z two\n"
    said, position = make(nodes=2).logs(handle, 0)
    assert said == "[1] two\n[0] one\n"
    assert make(nodes=2).logs(handle, position) == ("", position)
    status = make(nodes=2).describe(handle)
    assert (status.state, status.detail) == (JobState.RUNNING, "2 pods")


def test_a_crash_of_several_comes_with_the_last_lines_of_the_one_that_crashed(make, api, asked):
    api.kinds.clear()
    handle = make(nodes=2).launch(asked)
    api.change(name(handle), conditions=[{"type": "Failed", "status": "True", "lastTransitionTime": FINISHED}])
    told = ended(143)
    pods_of(api, handle, asked, a=told, b=ended(3))
    api.logs[f"{name(handle)}-a"], api.logs[f"{name(handle)}-b"] = b"bystander\n", b"it was me\n"
    message = make(nodes=2).describe(handle).failure.message
    assert "code 3" in message
    assert "it was me" in message
    assert "bystander" not in message


@pytest.mark.parametrize("workload", ["pod", "job"])
def test_a_job_that_waits_says_what_its_queue_says(make, api, asked, workload):
    runner = make(queue="training", workload=workload)
    handle = runner.launch(asked)
    if workload == "job":
        api.change(name(handle), conditions=[{"type": "Suspended", "status": "True"}])
    else:
        held = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
        api.change(name(handle), phase="Pending", conditions=[held])
    assert runner.describe(handle).state is JobState.QUEUED
    (found,) = [one for one in api.objects.values() if one["metadata"]["name"] == name(handle)]
    said = {"type": "QuotaReserved", "status": "False", "message": "insufficient unused quota"}
    metadata = {"name": "w", "ownerReferences": [{"uid": found["metadata"]["uid"]}]}
    workloads = "/apis/kueue.x-k8s.io/v1beta2/namespaces/ns/workloads"
    api.add(workloads, {"kind": "Workload", "metadata": metadata, "status": {"conditions": [said]}})
    status = runner.describe(handle)
    assert status.detail == "queue 'training': insufficient unused quota"
    api.refuse["GET", "/workloads"] = (403, "you may not read them")
    assert runner.describe(handle).state is JobState.QUEUED


@pytest.mark.parametrize("workload", ["pod", "job"])
def test_what_a_lost_node_keeps_is_forgotten_and_may_be_tried_again(make, api, asked, monkeypatch, workload):
    monkeypatch.setattr(kubernetes, "_SLACK_S", 0.2)
    runner = make(workload=workload, grace_s=0.0)
    desk = JobDesk(Mailbox(open_store(asked.store)), runner)
    handle = desk.start(asked)
    lost = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    if workload == "job":
        pods_of(api, handle, asked, a={})
    (pod,) = api.of("Pod")
    pod["metadata"]["deletionTimestamp"] = STARTED
    pod["status"] = {"phase": "Running", "conditions": [lost]}
    api.lasting.add(pod["metadata"]["name"])  # as the node does not say that it has ended
    ended = Watch(desk, Started(asked.key, handle, runner._spec, time.time()), poll_s=0.1).look()
    assert (ended.failure.cause, ended.failure.retryable) == (Cause.NODE_LOST, True)
    assert api.of("Pod") == []
    assert runner.launch(asked) == handle
    assert api.of("Pod") == api.of("Job") == []


def test_a_hint_names_what_to_look_at(make, asked):
    runner = make()
    assert "kubectl describe pod taxiway-" in runner.missing_result_hint(runner.launch(asked))


def test_a_pod_that_runs_is_told_from_one_that_is_cancelled(make, api, asked):
    runner = make()
    handle = runner.launch(asked)
    api.change(name(handle), phase="Running")
    assert runner.describe(handle).state is JobState.RUNNING
    Mailbox(open_store(asked.store)).mark(asked.key.slug, "cancelled")
    api.change(name(handle), **ended(143))
    assert runner.describe(handle).failure.cause is Cause.CANCELLED
