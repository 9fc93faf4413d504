"""Jobs as pods of a Kubernetes cluster: they outlive whoever launched them, and whoever asks next adopts them."""

import functools
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, Failure, JobRequest, JobState, JobStatus
from taxiway.core.names import digest_of
from taxiway.core.pods import culprit, gang_status, is_over, pod_status, queue_reason
from taxiway.core.specs.jobs import KubernetesJob
from taxiway.runners import manifests
from taxiway.runners.manifests import JOB_LABEL, Gang
from taxiway.runners.objects import Cluster
from taxiway.runners.stamped import lines, newer, page, second
from taxiway.stores.mailbox import REQUEST, RESULT, Mailbox
from taxiway.stores.objects import open_store

_SCHEME = "kubernetes://"
_HANDLE = re.compile(r"kubernetes://([a-z0-9-]{1,63})/(Pod|Job|JobSet)/(taxiway-([0-9a-f]{32})-[0-9a-f]{8})")
_CANCELLED, _LAUNCHED = "cancelled", "launched"
_SLACK_S = 20.0
_TIDY_EVERY_S = 60.0
_EVENTS: Mapping[str, Cause] = {
    "Preempted": Cause.PREEMPTED,
    "Evicted": Cause.EVICTED,
    "TaintManagerEviction": Cause.NODE_LOST,
    "NodeNotReady": Cause.NODE_LOST,
}
"""Events of a pod that say why it is gone."""
_PLAIN = {"region": "AWS_REGION", "endpoint": "AWS_ENDPOINT_URL"}
_SECRET = frozenset({"access_key_id", "secret_access_key", "session_token"})

Finish = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
"""Makes a pod of its two halves, `safe` and `asked`, with whatever goes between them."""


class _Place(NamedTuple):
    namespace: str
    kind: str
    name: str
    slug: str


class KubernetesRunner:
    """Runs jobs in pods that are as little privileged as pods can be.

    Args:
        spec: the pods, with their resource profile looked up and their namespace named.
        cluster: who creates them.
        store: URI of the store that the jobs read and write.
        options: what opens it here, in obstore's names; pods are told what of it is not secret.
        finish: merges the two halves of a pod, and its templates.
    """

    def __init__(
        self,
        spec: KubernetesJob,
        cluster: Cluster,
        *,
        store: str,
        options: Mapping[str, str] | None = None,
        finish: Finish = manifests.overlay,
    ) -> None:
        self._spec, self._cluster, self._finish = spec, cluster, finish
        self._store, self._options = store, dict(options or {})
        self._refusals: dict[str, str] = {}
        self._tidy_at = 0.0

    def plan(self, request: JobRequest) -> dict[str, Any]:
        """Exactly what `launch` would create, as plain data; pure. Several pods are a JobSet where there are such."""
        return {"objects": self._objects(request, jobset=False)}

    def launch(self, request: JobRequest) -> str:
        """The handle of the one job of this key: one that is there is adopted, else it is created.

        Where a quota has no room for it, nothing is created, and the job is queued until it is launched again.

        Raises:
            BackendError: the API server did not answer.
            SpecError: this account may not create it, or the server can never accept it.
        """
        self._check_credentials()
        jobset = self._spec.nodes > 1 and self._cluster.knows("JobSet")
        objects = self._objects(request, jobset=jobset)
        main = objects[0]
        place = _Place(str(self._spec.namespace), main["kind"], main["metadata"]["name"], request.key.slug)
        found = self._mailbox.found(place.slug)
        if REQUEST not in found:
            self._mailbox.post(request)
        if not {_CANCELLED, _LAUNCHED} & found:
            self._create(place, objects)
        self._tidy(place.namespace)
        return f"{_SCHEME}{place.namespace}/{place.kind}/{place.name}"

    def describe(self, handle: str) -> JobStatus:
        """Where the job is now."""
        place = _place(handle)
        found = self._cluster.get(place.kind, place.namespace, place.name)
        if found is None:
            return self._gone(place)
        status = self._status(place, found)
        if status.state is JobState.QUEUED and self._spec.queue:
            return self._with_the_queues_words(place, found, status)
        if status.state is not JobState.ENDED:
            return status
        left = self._mailbox.found(place.slug)
        if _CANCELLED in left:
            return status.model_copy(update={"failure": Failure.of(Cause.CANCELLED, "the job was cancelled")})
        if RESULT in left:
            return status.model_copy(update={"failure": None})
        return self._with_last_words(place, status)

    def logs(self, handle: str, position: int) -> tuple[str, int]:
        """What the job printed since `position`, a moment in nanoseconds, and the one to ask from next."""
        place = _place(handle)
        pods = [place.name] if place.kind == "Pod" else [pod["metadata"]["name"] for pod in self._pods(place)]
        query = {"container": manifests.CONTAINER, "timestamps": "true"}
        query |= {"sinceTime": second(position)} if position else {}
        outputs = [self._cluster.log(place.namespace, pod, **query) for pod in sorted(pods)]
        return page([newer(lines(one), position) for one in outputs], position)

    def cancel(self, handle: str) -> None:
        """Asks the job to stop, kills it after its grace period, and returns when it is gone; idempotent.

        Raises:
            BackendError: it is still there after that.
        """
        place = _place(handle)
        found = self._cluster.get(place.kind, place.namespace, place.name)
        if found is not None and is_over(found):
            return
        self._mailbox.mark(place.slug, _CANCELLED)
        self._cluster.delete(place.kind, place.namespace, place.name)
        for grace_s, patience_s in ((None, self._spec.grace_s + _SLACK_S), (0, _SLACK_S)):
            for pod in self._pods(place) if grace_s == 0 else ():  # its node may be lost: forget it
                self._cluster.delete("Pod", place.namespace, pod["metadata"]["name"], grace_s=grace_s)
            if self._is_gone(place, patience_s):
                return
        raise BackendError("the pods of a cancelled job do not end", where=handle, do="Look at their node.")

    def missing_result_hint(self, handle: str) -> str:
        """What a person should check when the job has ended and left no result."""
        place = _place(handle)
        kind, ns = place.kind.lower(), place.namespace
        return (
            f"Look at how it ended (kubectl describe {kind} {place.name} -n {ns}) and at what it printed"
            f" (kubectl logs -l {JOB_LABEL}={place.slug} -n {ns})."
        )

    def _objects(self, request: JobRequest, *, jobset: bool) -> list[dict[str, Any]]:
        """What the job is made of; the first one is the job itself, and owns the others."""
        spec = self._spec
        name = f"taxiway-{request.key.slug}-{digest_of(request.store)[-8:]}"
        gang = self._gang(name, jobset=jobset)
        pod = self._finish(manifests.safe(spec), manifests.asked(spec, request, name, self._variables(), gang))
        if jobset:
            return [manifests.jobset(spec, pod, name)]
        if gang:
            return [manifests.job(spec, pod, name), manifests.service(spec, request, name)]
        return [manifests.job(spec, pod, name)] if spec.workload == "job" else [pod]

    def _gang(self, name: str, *, jobset: bool) -> Gang | None:
        spec = self._spec
        processes = spec.processes or max(1, spec.gpus or 1)
        if spec.nodes == 1 and spec.processes in (None, 1):
            return None
        first = f"{name}-w-0-0.{name}" if jobset else f"{name}-0.{name}"
        return Gang(spec.nodes, processes, first, spec.queue_deadline_s)

    def _status(self, place: _Place, found: Mapping[str, Any]) -> JobStatus:
        if place.kind == "Pod":
            return pod_status(found, now=time.time())
        told = f"involvedObject.name={place.name}"
        events = self._cluster.list("Event", place.namespace, fieldSelector=told)
        return gang_status(found, self._pods(place), events, now=time.time())

    def _gone(self, place: _Place) -> JobStatus:
        """What to say of a job of which nothing is there."""
        found = self._mailbox.found(place.slug)
        if _CANCELLED in found:
            return JobStatus(state=JobState.ENDED, failure=Failure.of(Cause.CANCELLED, "the job was cancelled"))
        if RESULT in found:
            return JobStatus(state=JobState.ENDED, detail="it has its result, and its pod was cleared away")
        if _LAUNCHED not in found:
            said = self._refusals.get(place.name, "a quota of the namespace has no room for it")
            return JobStatus(state=JobState.QUEUED, detail=said, failure=Failure.of(Cause.QUOTA, said))
        events = self._cluster.list("Event", place.namespace, fieldSelector=f"involvedObject.name={place.name}")
        told = [event for event in events if event.get("reason") in _EVENTS]
        failure = Failure.of(Cause.EVICTED, "the pod is gone: somebody deleted it, or its node did not come back")
        if told:
            failure = Failure.of(_EVENTS[told[-1]["reason"]], f"{told[-1]['reason']}: {told[-1].get('message', '')}")
        return JobStatus(state=JobState.ENDED, detail=failure.message, failure=failure)

    def _with_the_queues_words(self, place: _Place, found: Mapping[str, Any], status: JobStatus) -> JobStatus:
        """A job that waits in a queue with the reason that Kueue gives, if this account may read it."""
        try:
            workloads = self._cluster.list("Workload", place.namespace)
        except SpecError:
            return status
        said = queue_reason(workloads, str(found["metadata"].get("uid")))
        if not said:
            return status
        told = f"queue {self._spec.queue!r}: {said}"
        return status.model_copy(update={"detail": told, "failure": Failure.of(Cause.UNSCHEDULABLE, told)})

    def _with_last_words(self, place: _Place, status: JobStatus) -> JobStatus:
        """A crash with the last lines that were printed before it."""
        if status.failure is None or status.failure.cause is not Cause.CRASHED:
            return status
        pod = culprit(self._pods(place))
        if pod is None:
            return status
        name, query = pod["metadata"]["name"], {"container": manifests.CONTAINER, "tailLines": "3"}
        lines = b"".join(self._cluster.log(place.namespace, name, **query))
        last = lines.decode(errors="replace").strip()
        message = f"{status.failure.message}. It last printed: {last}" if last else status.failure.message
        return status.model_copy(update={"failure": Failure.of(Cause.CRASHED, message), "detail": message})

    def _create(self, place: _Place, objects: list[dict[str, Any]]) -> None:
        """Creates what is not there yet, and notes that it was; a refusal is remembered instead."""
        refused = self._cluster.create(place.namespace, objects[0])
        if refused:
            self._refusals[place.name] = refused.reason
            return
        for one in objects[1:]:
            main = self._cluster.get(place.kind, place.namespace, place.name) or {}
            self._cluster.create(place.namespace, manifests.owned(one, main))
        self._mailbox.mark(place.slug, _LAUNCHED)

    def _pods(self, place: _Place) -> list[dict[str, Any]]:
        return self._cluster.list("Pod", place.namespace, labelSelector=f"{JOB_LABEL}={place.slug}")

    def _is_gone(self, place: _Place, patience_s: float) -> bool:
        end = time.monotonic() + patience_s
        while self._pods(place):
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def _tidy(self, namespace: str) -> None:
        """Deletes pods that have ended and whose time is over; Jobs do so themselves."""
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + _TIDY_EVERY_S
        for phase in ("Succeeded", "Failed"):
            query = {"labelSelector": JOB_LABEL, "fieldSelector": f"status.phase={phase}"}
            for pod in self._cluster.list("Pod", namespace, **query):
                until, keep = pod_status(pod, now=0).until, pod["metadata"].get("annotations", {}).get(manifests.KEEP)
                if until and keep and not pod["metadata"].get("ownerReferences") and time.time() > until + float(keep):
                    self._cluster.delete("Pod", namespace, pod["metadata"]["name"])

    def _variables(self) -> dict[str, str]:
        return {variable: self._options[name] for name, variable in _PLAIN.items() if self._options.get(name)}

    def _check_credentials(self) -> None:
        if _SECRET & self._options.keys() and not (self._spec.secrets or self._spec.service_account):
            raise SpecError(
                "the pod would not be let into its store: secrets of the connection are not written into pods",
                where="KubernetesJob",
                expected="secrets=('NAME',), a Secret with AWS_ACCESS_KEY_ID and the like, or a service_account",
                got="neither",
                do="Create the Secret in the pod's namespace and name it.",
            )

    @functools.cached_property
    def _mailbox(self) -> Mailbox:
        return Mailbox(open_store(self._store, credentials=self._options or None))


def _place(handle: str) -> _Place:
    told = _HANDLE.fullmatch(handle)
    if told is None:
        raise SpecError(
            "this is no handle of a pod", expected="kubernetes://NAMESPACE/Pod/taxiway-SLUG-STORE", got=repr(handle)
        )
    return _Place(*told.groups())
