"""What the state of a pod says about its job: where it is, and why it ended, in our words.

Pods, Jobs and JobSets come as plain dicts, as the Kubernetes API describes them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from taxiway.core.jobs import Cause, Failure, JobState, JobStatus

Object = Mapping[str, Any]

DISRUPTIONS: Mapping[str, Cause] = {
    "PreemptionByScheduler": Cause.PREEMPTED,
    "EvictionByEvictionAPI": Cause.EVICTED,
    "TerminationByKubelet": Cause.EVICTED,
    "DeletionByTaintManager": Cause.NODE_LOST,
    "DeletionByPodGC": Cause.NODE_LOST,
    "WorkloadEvictedDueToPreempted": Cause.PREEMPTED,
}
"""Reasons of the conditions that announce a pod's end, and what they mean; any other is an eviction."""
_ANNOUNCED = ("DisruptionTarget", "TerminationTarget")
"""Conditions that announce a pod's end: by Kubernetes, and by Kueue."""
REASONS: Mapping[str, Cause] = {
    "DeadlineExceeded": Cause.DEADLINE,
    "Evicted": Cause.EVICTED,
    "Preempting": Cause.PREEMPTED,
    "Shutdown": Cause.EVICTED,
    "Terminated": Cause.EVICTED,
    "NodeShutdown": Cause.EVICTED,
    "NodeLost": Cause.NODE_LOST,
    "UnexpectedAdmissionError": Cause.EVICTED,
    "NodeAffinity": Cause.EVICTED,
}
"""Reasons of a failed pod as a whole; what begins with `OutOf` is a node that had no room after all."""
HOPELESS: Mapping[str, Cause] = {
    "InvalidImageName": Cause.IMAGE_PULL,
    "ErrImageNeverPull": Cause.IMAGE_PULL,
    "ErrImagePull": Cause.IMAGE_PULL,
    "ImagePullBackOff": Cause.IMAGE_PULL,
    "CreateContainerConfigError": Cause.SPEC,
    "CreateContainerError": Cause.SPEC,
    "RunContainerError": Cause.SPEC,
}
"""Reasons why a container does not start."""
_PASSING = (
    "429",
    "toomanyrequests",
    "500",
    "502",
    "503",
    "504",
    "timeout",
    "deadline exceeded",
    "connection re",
    "EOF",
)
_ENDS = ("Complete", "Completed", "Failed")
"""Conditions of a Job or a JobSet that has ended."""
_PATIENCE_S = 60.0
_KILLED, _ASKED_TO_STOP = 137, 143


def pod_status(pod: Object, *, now: float) -> JobStatus:
    """Where a job is that runs in one pod.

    Args:
        pod: as the API describes it.
        now: seconds since 1970.
    """
    status = pod.get("status", {})
    phase = status.get("phase", "Pending")
    since, until = _times(pod)
    if phase in ("Succeeded", "Failed"):
        failure = autopsy(pod)
        return JobStatus(state=JobState.ENDED, detail=failure.message, failure=failure, since=since, until=until)
    if _overdue(pod, now):
        failure = _doom(pod) or autopsy(pod)
        return JobStatus(state=JobState.ENDED, detail=failure.message, failure=failure, since=since, until=now)
    if phase == "Running" or _lost(pod):
        where = f"pod {pod['metadata']['name']} on {pod['spec'].get('nodeName', 'a node')}"
        return JobStatus(state=JobState.RUNNING, detail=where, failure=_doom(pod), since=since)
    return _pending(pod, now)


def gang_status(owner: Object, pods: Sequence[Object], events: Iterable[Object], *, now: float) -> JobStatus:
    """Where a job is that runs in the pods of a Job or a JobSet.

    Args:
        owner: the Job or JobSet.
        pods: those of its pods that are there.
        events: what was said about it, oldest first: why its pods cannot be made.
        now: seconds since 1970.
    """
    each = [pod_status(pod, now=now) for pod in pods]
    conditions = {one["type"]: one for one in owner.get("status", {}).get("conditions", ()) if one["status"] == "True"}
    since = max((one.since for one in each if one.since), default=None)
    if ended := next((conditions[one] for one in _ENDS if one in conditions), None):
        return _ended(pods, ended, since)
    if lost := next((told for told, pod in zip(each, pods, strict=True) if _overdue(pod, now)), None):
        return lost
    if waiting := _queued(owner, conditions, events, len(pods)):
        return waiting
    for state in (JobState.QUEUED, JobState.WAITING):
        if held := next((one for one in each if one.state is state), None):
            running = sum(one.state is JobState.RUNNING for one in each)
            return held.model_copy(update={"detail": f"{running} of {len(pods)} pods run; {held.detail}"})
    doom = next((one.failure for one in each if one.failure and one.state is JobState.RUNNING), None)
    return JobStatus(state=JobState.RUNNING, detail=f"{len(pods)} pods", failure=doom, since=since)


def is_over(found: Object) -> bool:
    """Whether a pod, Job or JobSet has ended for good; what a lost node keeps may run on, for all that is known."""
    status = found.get("status", {})
    ended = (one["type"] in _ENDS and one["status"] == "True" for one in status.get("conditions", ()))
    return status.get("phase") in ("Succeeded", "Failed") or any(ended)


def queue_reason(workloads: Iterable[Object], owner: str) -> str:
    """Why Kueue holds an object back, in its own words; empty where it says nothing of it.

    Args:
        workloads: Kueue's Workloads in the object's namespace.
        owner: the object's uid.
    """
    for workload in workloads:
        if any(one.get("uid") == owner for one in workload["metadata"].get("ownerReferences", ())):
            held = [one for one in workload.get("status", {}).get("conditions", ()) if one.get("status") == "False"]
            return next((_said(one) for one in held if one["type"] in ("QuotaReserved", "Admitted")), "")
    return ""


def culprit(pods: Sequence[Object]) -> Object | None:
    """The first of the pods that failed: the others were ended because of it. None where none has failed."""
    failed = [pod for pod in pods if pod.get("status", {}).get("phase") == "Failed"]
    return min(failed, key=lambda pod: (_followed(pod), _times(pod)[1] or 0.0), default=None)


def autopsy(pod: Object) -> Failure:
    """Why a pod ended that delivered no result."""
    status = pod.get("status", {})
    if status.get("reason") == "DeadlineExceeded":
        return Failure.of(Cause.DEADLINE, f"the pod was ended after its deadline: {_said(status)}")
    if disrupted := _disruption(pod):
        return disrupted
    reason = str(status.get("reason", ""))
    if cause := REASONS.get("NodeLost" if reason.startswith("OutOf") else reason):
        return Failure.of(cause, f"{reason}: {_said(status)}")
    return _exit(pod, _ended_container(pod))


def _exit(pod: Object, ended: Object) -> Failure:
    code, reason = ended.get("exitCode"), ended.get("reason", "")
    if reason == "OOMKilled":
        return Failure.of(Cause.OUT_OF_MEMORY, _memory(pod, ended))
    if code is None:
        return Failure.of(Cause.CRASHED, "the pod ended and does not say how")
    if code == 0:
        return Failure.of(Cause.RESULT_MISSING, "the job ended by itself and left no result")
    if code == _ASKED_TO_STOP:
        return Failure.of(Cause.EVICTED, "the pod was asked to stop, and nobody says why: it was deleted or drained")
    if code == _KILLED:
        return Failure.of(Cause.CRASHED, f"the job was killed (code {code}); its peak was {_peak(ended)}")
    return Failure.of(Cause.CRASHED, f"the job ended with code {code} and left no result")


def _memory(pod: Object, ended: Object) -> str:
    resources = pod["spec"]["containers"][0].get("resources", {})
    asked = resources.get("requests", {}).get("memory", "nothing")
    limit = resources.get("limits", {}).get("memory", "none")
    return (
        f"the job was killed for want of memory: it asked for {asked}, its limit is {limit}, and its peak was"
        f" {_peak(ended)} when it last looked. Ask for more, or work in smaller batches."
    )


def _peak(ended: Object) -> str:
    """The most memory a job held, as it wrote into its termination message while it lived."""
    try:
        return f"{json.loads(ended.get('message', ''))['peak_memory_bytes'] / 2**20:,.0f} MiB"
    except (ValueError, TypeError, KeyError):
        return "an amount that it did not write down"


def _pending(pod: Object, now: float) -> JobStatus:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled and scheduled.get("status") == "False":
        gated = scheduled.get("reason") == "SchedulingGated"
        said = "its queue holds it back" if gated else _said(scheduled)
        return JobStatus(state=JobState.QUEUED, detail=said, failure=Failure.of(Cause.UNSCHEDULABLE, said))
    waiting: Object = next(
        (one["state"]["waiting"] for one in _containers(pod) if "waiting" in one.get("state", {})), {}
    )
    reason, said = waiting.get("reason", ""), _said(waiting)
    detail = f"{reason}: {said}" if reason else "it is about to start"
    failure = None
    if cause := HOPELESS.get(reason):
        passing = any(word in said for word in _PASSING) or cause is Cause.SPEC
        placed = _seconds(scheduled.get("lastTransitionTime")) if scheduled else None
        if not passing or now - (placed or now) > _PATIENCE_S:
            failure = Failure.of(cause, detail)
    return JobStatus(state=JobState.WAITING, detail=detail, failure=failure)


def _queued(owner: Object, conditions: Mapping[str, Object], events: Iterable[Object], pods: int) -> JobStatus | None:
    """What a Job waits for that has no pods yet; None when it waits for nothing of its own."""
    suspended = conditions.get("Suspended", {})
    if suspended or owner.get("spec", {}).get("suspend"):
        said = _said(suspended) if owner.get("kind") == "JobSet" and suspended else "its queue has not admitted it"
        return JobStatus(state=JobState.QUEUED, detail=said, failure=Failure.of(Cause.UNSCHEDULABLE, said))
    if pods:
        return None
    for event in reversed(list(events)):
        if event.get("reason") == "FailedCreate" and "exceeded quota" in event.get("message", ""):
            said = event["message"]
            return JobStatus(state=JobState.QUEUED, detail=said, failure=Failure.of(Cause.QUOTA, said))
    return JobStatus(state=JobState.WAITING, detail="its pods are about to be made")


def _ended(pods: Sequence[Object], condition: Object, since: float | None) -> JobStatus:
    until = _seconds(condition.get("lastTransitionTime"))
    if condition["type"] != "Failed":
        failure = Failure.of(Cause.RESULT_MISSING, "the job ended by itself and left no result")
    else:
        first = culprit(pods)
        disrupted = Failure.of(Cause.EVICTED, f"{condition.get('reason')}: {_said(condition)}")
        failure = autopsy(first) if first else disrupted
        if failure.cause is Cause.CRASHED and "DisruptionTarget" in disrupted.message:  # of a pod that is gone by now
            failure = disrupted
    return JobStatus(state=JobState.ENDED, detail=failure.message, failure=failure, since=since, until=until)


def _followed(pod: Object) -> bool:
    """Whether a pod ended because it was told to, and nothing happened to the pod itself."""
    told = bool(pod["metadata"].get("deletionTimestamp")) or _code(pod) == _ASKED_TO_STOP
    return told and _disruption(pod) is None


def _code(pod: Object) -> int | None:
    return _ended_container(pod).get("exitCode")


def _doom(pod: Object) -> Failure | None:
    """Why a pod that runs is about to end."""
    if disrupted := _disruption(pod):
        return disrupted
    if _lost(pod):
        return Failure.of(Cause.NODE_LOST, "the pod's node does not answer any more")
    if pod["metadata"].get("deletionTimestamp"):
        return Failure.of(Cause.EVICTED, "somebody deleted the pod")
    return None


def _overdue(pod: Object, now: float) -> bool:
    """Whether a pod should have been gone for a while: its node does not answer, and nobody will ever say more."""
    gone_at = _seconds(pod["metadata"].get("deletionTimestamp"))
    return gone_at is not None and now > gone_at + _PATIENCE_S


def _lost(pod: Object) -> bool:
    status = pod.get("status", {})
    return bool(status.get("phase") == "Unknown" or status.get("reason") == "NodeLost")


def _disruption(pod: Object) -> Failure | None:
    told = (condition for kind in _ANNOUNCED if (condition := _condition(pod, kind)))
    condition = next((one for one in told if one.get("status") == "True"), None)
    if condition is None:
        return None
    reason = str(condition.get("reason", ""))
    return Failure.of(DISRUPTIONS.get(reason, Cause.EVICTED), f"{reason}: {_said(condition)}")


def _condition(pod: Object, kind: str) -> Object | None:
    return next((one for one in pod.get("status", {}).get("conditions", ()) if one["type"] == kind), None)


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _ended_container(pod: Object) -> Object:
    """How the container of the job ended; that of a sidecar or an init container only if the job's never did."""
    ended: list[Object] = [
        one["state"]["terminated"] for one in _containers(pod) if "terminated" in one.get("state", {})
    ]
    first = pod["spec"]["containers"][0]["name"]
    ours = [
        one["state"]["terminated"]
        for one in _containers(pod)
        if one.get("name") == first and one["state"].get("terminated")
    ]
    return next(iter(ours or ended), {})


def _times(pod: Object) -> tuple[float | None, float | None]:
    first = pod["spec"]["containers"][0]["name"]
    state: Object = next((one.get("state", {}) for one in _containers(pod) if one.get("name") == first), {})
    ran = state.get("running") or state.get("terminated") or {}
    return _seconds(ran.get("startedAt")), _seconds(ran.get("finishedAt"))


def _seconds(text: object) -> float | None:
    return datetime.fromisoformat(str(text)).timestamp() if text else None


def _said(told: Object) -> str:
    return str(told.get("message", "")).strip() or str(told.get("reason", "")) or "it does not say why"
