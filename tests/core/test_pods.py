import json

import pytest

from taxiway.core.jobs import Cause, JobState
from taxiway.core.pods import autopsy, gang_status, is_over, pod_status, queue_reason

NOW = 1_767_225_700.0
EARLIER = "2026-01-01T00:00:00Z"


def pod(phase="Running", *, state=None, conditions=(), name="p", deleted=False, **status):
    """A pod as the API describes it."""
    metadata = {"name": name, **({"deletionTimestamp": EARLIER} if deleted else {})}
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    containers = [{"name": "base", "state": state}] if state is not None else []
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "base", "resources": resources}], "nodeName": "n1"},
        "status": {"phase": phase, "conditions": list(conditions), "containerStatuses": containers, **status},
    }


def condition(kind, status="True", reason="", message="", at=EARLIER):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def waiting(reason, message="", at=EARLIER):
    return pod(
        "Pending",
        state={"waiting": {"reason": reason, "message": message}},
        conditions=[condition("PodScheduled", at=at)],
    )


def ended(code, reason="Error", **more):
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": EARLIER, "finishedAt": EARLIER, **more}}


def job(*conditions, kind="Job"):
    return {"kind": kind, "metadata": {"name": "j"}, "status": {"conditions": list(conditions)}}


def test_a_pod_that_nobody_can_place_is_queued_in_the_schedulers_own_words():
    said = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    seen = pod_status(pod("Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", said)]), now=NOW)
    assert (seen.state, seen.detail, seen.failure.cause) == (JobState.QUEUED, said, Cause.UNSCHEDULABLE)


def test_a_pod_that_its_queue_holds_back_is_queued_and_has_not_failed():
    seen = pod_status(pod("Pending", conditions=[condition("PodScheduled", "False", "SchedulingGated")]), now=NOW)
    assert (seen.state, seen.detail) == (JobState.QUEUED, "its queue holds it back")


def test_a_pod_that_starts_is_waited_for():
    assert pod_status(pod("Pending", conditions=[condition("PodScheduled")]), now=NOW).state is JobState.WAITING
    assert pod_status({"metadata": {}, "spec": {"containers": [{"name": "base"}]}}, now=NOW).failure is None
    assert pod_status(waiting("ContainerCreating"), now=NOW).failure is None


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("ErrImagePull", "not found", Cause.IMAGE_PULL),
        ("InvalidImageName", "", Cause.IMAGE_PULL),
        ("ErrImageNeverPull", "", Cause.IMAGE_PULL),
        ("CreateContainerConfigError", 'secret "keys" not found', Cause.SPEC),
    ],
)
def test_a_container_that_will_never_start_says_why(reason, message, cause):
    seen = pod_status(waiting(reason, message), now=NOW)
    assert (seen.state, seen.failure.cause) == (JobState.WAITING, cause)
    assert reason in seen.failure.message


@pytest.mark.parametrize("message", ["429 Too Many Requests", "i/o timeout", "503 Service Unavailable"])
def test_a_registry_that_is_busy_is_given_a_minute(message):
    just_now = "2026-01-01T00:01:30Z"
    assert pod_status(waiting("ImagePullBackOff", message, at=just_now), now=NOW).failure is None
    assert pod_status(waiting("ImagePullBackOff", message), now=NOW).failure.cause is Cause.IMAGE_PULL


def test_a_container_that_does_not_start_before_anybody_saw_the_pod_placed_is_given_time():
    unplaced = pod("Pending", state={"waiting": {"reason": "ImagePullBackOff", "message": "timeout"}})
    assert pod_status(unplaced, now=NOW).failure is None


def test_a_pod_that_runs_says_since_when():
    seen = pod_status(pod(state={"running": {"startedAt": EARLIER}}), now=NOW)
    assert (seen.state, seen.since, seen.failure) == (JobState.RUNNING, 1_767_225_600.0, None)
    assert "on n1" in seen.detail


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (pod(conditions=[condition("DisruptionTarget", reason="PreemptionByScheduler")]), Cause.PREEMPTED),
        (pod(conditions=[condition("DisruptionTarget", reason="EvictionByEvictionAPI")]), Cause.EVICTED),
        (pod(conditions=[condition("DisruptionTarget", reason="DeletionByTaintManager")]), Cause.NODE_LOST),
        (pod(conditions=[condition("DisruptionTarget", reason="SomethingNew")]), Cause.EVICTED),
        (pod(conditions=[condition("TerminationTarget", reason="WorkloadEvictedDueToPreempted")]), Cause.PREEMPTED),
        (pod("Unknown"), Cause.NODE_LOST),
        (pod(reason="NodeLost"), Cause.NODE_LOST),
        (pod(deleted=True), Cause.EVICTED),
    ],
)
def test_a_pod_that_is_about_to_end_says_why(seen, cause):
    status = pod_status(seen, now=NOW - 60)
    assert (status.state, status.failure.cause) == (JobState.RUNNING, cause)


def test_a_disruption_that_is_over_is_none():
    assert pod_status(pod(conditions=[condition("DisruptionTarget", "False")]), now=NOW).failure is None


@pytest.mark.parametrize(
    ("seen", "cause", "said"),
    [
        (pod("Failed", reason="DeadlineExceeded", message="Pod was active too long"), Cause.DEADLINE, "too long"),
        (pod("Failed", reason="Evicted", message="The node was low on memory"), Cause.EVICTED, "low on memory"),
        (pod("Failed", reason="OutOfnvidia.com/gpu"), Cause.NODE_LOST, "OutOfnvidia.com/gpu"),
        (pod("Failed", reason="Preempting"), Cause.PREEMPTED, "Preempting"),
        (pod("Failed", state=ended(0)), Cause.RESULT_MISSING, "by itself"),
        (pod("Succeeded", state=ended(0, "Completed")), Cause.RESULT_MISSING, "by itself"),
        (pod("Failed", state=ended(3)), Cause.CRASHED, "code 3"),
        (pod("Failed", state=ended(137)), Cause.CRASHED, "killed"),
        (pod("Failed", state=ended(143)), Cause.EVICTED, "asked to stop"),
        (pod("Failed"), Cause.CRASHED, "does not say how"),
        (
            pod("Failed", conditions=[condition("DisruptionTarget", reason="PreemptionByScheduler")]),
            Cause.PREEMPTED,
            "",
        ),
    ],
)
def test_a_pod_that_ended_without_a_result_has_a_cause(seen, cause, said):
    failure = autopsy(seen)
    assert failure.cause is cause
    assert said in failure.message
    assert pod_status(seen, now=NOW).state is JobState.ENDED


def test_a_job_that_was_killed_for_want_of_memory_says_what_it_asked_for_and_what_it_held():
    words = json.dumps({"peak_memory_bytes": 2040 * 2**20})
    failure = autopsy(pod("Failed", state=ended(137, "OOMKilled", message=words)))
    assert (failure.cause, failure.retryable) == (Cause.OUT_OF_MEMORY, False)
    assert "it asked for 1Gi, its limit is 2Gi, and its peak was 2,040 MiB" in failure.message
    assert "did not write down" in autopsy(pod("Failed", state=ended(137, "OOMKilled", message="{}"))).message
    assert "did not write down" in autopsy(pod("Failed", state=ended(137, "OOMKilled", message="gone"))).message


def test_the_container_of_the_job_decides_whatever_becomes_of_its_sidecars():
    both = pod("Failed", state=ended(3))
    both["status"]["containerStatuses"].insert(0, {"name": "proxy", "state": ended(0)})
    assert "code 3" in autopsy(both).message
    first = pod("Failed", initContainerStatuses=[{"name": "setup", "state": ended(5)}])
    assert "code 5" in autopsy(first).message


def test_a_suspended_job_waits_for_its_queue():
    seen = gang_status(job(condition("Suspended")), [], [], now=NOW)
    assert (seen.state, seen.detail) == (JobState.QUEUED, "its queue has not admitted it")
    jobset = job(condition("Suspended", message="jobset is suspended"), kind="JobSet")
    assert gang_status(jobset, [], [], now=NOW).detail == "jobset is suspended"
    just_made = {**job(), "spec": {"suspend": True}}
    assert gang_status(just_made, [], [], now=NOW).state is JobState.QUEUED


def test_a_job_that_a_quota_has_no_room_for_is_queued_with_the_quotas_words():
    said = 'pods "j-0" is forbidden: exceeded quota: gpus, requested: 1, used: 2, limited: 2'
    events = [{"reason": "FailedCreate", "message": said}, {"reason": "Other", "message": ""}]
    seen = gang_status(job(), [], events, now=NOW)
    assert (seen.state, seen.detail, seen.failure.cause) == (JobState.QUEUED, said, Cause.QUOTA)


def test_a_job_whose_pods_are_not_made_yet_is_waited_for():
    assert gang_status(job(), [], [{"reason": "FailedCreate", "message": "later"}], now=NOW).state is JobState.WAITING


def test_pods_that_work_together_run_when_all_of_them_do():
    running = [pod(state={"running": {"startedAt": EARLIER}}, name=name) for name in "ab"]
    seen = gang_status(job(), running, [], now=NOW)
    assert (seen.state, seen.detail, seen.since) == (JobState.RUNNING, "2 pods", 1_767_225_600.0)
    unplaced = pod("Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", "no room")])
    seen = gang_status(job(), [running[0], unplaced], [], now=NOW)
    assert (seen.state, seen.detail) == (JobState.QUEUED, "1 of 2 pods run; no room")
    seen = gang_status(job(), [running[0], waiting("ContainerCreating")], [], now=NOW)
    assert seen.state is JobState.WAITING
    doomed = pod(conditions=[condition("DisruptionTarget", reason="PreemptionByScheduler")])
    assert gang_status(job(), [running[0], doomed], [], now=NOW).failure.cause is Cause.PREEMPTED


def test_the_first_pod_that_failed_says_why_all_of_them_ended():
    failed = condition("Failed", reason="PodFailurePolicy", message="a pod failed")
    first = pod("Failed", state=ended(137, "OOMKilled"))
    told_to_stop = pod("Failed", state={"terminated": {"exitCode": 143, "finishedAt": "2025-12-31T23:59:59Z"}})
    seen = gang_status(job(failed), [told_to_stop, first], [], now=NOW)
    assert (seen.state, seen.failure.cause, seen.until) == (JobState.ENDED, Cause.OUT_OF_MEMORY, 1_767_225_600.0)
    deleted = pod("Failed", state=ended(1), deleted=True)
    assert gang_status(job(failed), [deleted, first], [], now=NOW).failure.cause is Cause.OUT_OF_MEMORY
    assert gang_status(job(failed), [], [], now=NOW).failure.cause is Cause.EVICTED
    crashed = pod("Failed", state=ended(1))
    assert gang_status(job(failed), [crashed], [], now=NOW).failure.cause is Cause.CRASHED
    said = "Pod ns/j-1 has condition DisruptionTarget matching FailJob rule at index 0"
    disrupted = job(condition("Failed", reason="PodFailurePolicy", message=said))
    assert gang_status(disrupted, [crashed], [], now=NOW).failure.cause is Cause.EVICTED


def test_a_job_that_completed_without_a_result_misses_it():
    assert gang_status(job(condition("Complete")), [], [], now=NOW).failure.cause is Cause.RESULT_MISSING
    assert gang_status(job(condition("Completed"), kind="JobSet"), [], [], now=NOW).state is JobState.ENDED


def test_a_pod_that_should_have_been_gone_for_a_minute_has_ended_whatever_its_node_says():
    lost = condition("DisruptionTarget", reason="DeletionByTaintManager")
    status = pod_status(pod(deleted=True, conditions=[lost]), now=NOW)
    assert (status.state, status.failure.cause) == (JobState.ENDED, Cause.NODE_LOST)
    status = pod_status(pod(deleted=True, state=ended(3)), now=NOW)
    assert (status.state, status.failure.cause) == (JobState.ENDED, Cause.EVICTED)
    assert pod_status(pod(deleted=True), now=NOW - 60).state is JobState.RUNNING


def test_pods_of_a_lost_node_end_their_job_though_nobody_says_that_they_have_ended():
    lost = pod(deleted=True, conditions=[condition("DisruptionTarget", reason="DeletionByTaintManager")])
    alive = pod(state={"running": {"startedAt": EARLIER}}, name="other")
    status = gang_status(job(), [alive, lost], [], now=NOW)
    assert (status.state, status.failure.cause) == (JobState.ENDED, Cause.NODE_LOST)
    assert not any(is_over(one) for one in (job(), alive, lost))


def test_what_ended_for_good_is_over():
    assert all(is_over(one) for one in (pod("Failed"), pod("Succeeded"), job(condition("Failed"))))
    assert not is_over(job(condition("Failed", "False")))


def test_the_queue_says_why_it_holds_a_job_back():
    said = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"
    held = {"type": "QuotaReserved", "status": "False", "message": said}
    other = {"metadata": {"ownerReferences": [{"uid": "b"}]}, "status": {"conditions": [held]}}
    ours = {"metadata": {"ownerReferences": [{"uid": "a"}]}, "status": {"conditions": [held]}}
    assert queue_reason([{"metadata": {}}, other, ours], "a") == said
    assert queue_reason([other], "a") == ""
    assert queue_reason([{**ours, "status": {}}], "a") == ""
