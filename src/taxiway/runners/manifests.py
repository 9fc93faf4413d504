"""What a Kubernetes job asks the cluster for: plain objects, made of a specification and a request, and nothing else.

A pod is made in two halves. `safe` is what every pod of ours has unless its template says otherwise, and `asked` is
what this job needs; templates go between them.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from taxiway.core.jobs import JobRequest
from taxiway.core.specs.jobs import KubernetesJob

JOB_LABEL = "taxiway.dev/job"
STORE, KEEP = "taxiway.dev/store", "taxiway.dev/keep-s"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
CONTAINER = "base"
"""The name of the container, which templates for the pod operator use, too."""
_LAST_WORDS = "/dev/termination-log"
_PORT = 29_500
_LOST_S = 60
"""How long a pod may be on a node that does not answer before the cluster takes it away; its own default is 300."""

Object = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Gang:
    """Pods that work together: how many there are and how they find the first of them.

    Attributes:
        nodes: how many pods.
        processes: how many processes in each.
        host: the first pod's name in the cluster's DNS.
        patience_s: how long they wait for each other: others of them may still be in a queue.
    """

    nodes: int
    processes: int
    host: str
    patience_s: float


def safe(spec: KubernetesJob) -> Object:
    """The half of a pod that its template may change: the Pod Security level `restricted`, and a `/tmp` to write to."""
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    mounts = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108 - the pod's
    volumes: list[Object] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": spec.scratch} if spec.scratch else {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": spec.shm}},
    ]
    container = {
        "name": CONTAINER,
        "securityContext": context,
        "volumeMounts": mounts,
        "workingDir": "/tmp",  # noqa: S108 - the pod's own
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    keys = ("not-ready", "unreachable")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {},
        "spec": {
            "automountServiceAccountToken": spec.service_account is not None,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _LOST_S,
                }
                for key in keys
            ],
            "containers": [container],
            "volumes": volumes,
        },
    }


def asked(
    spec: KubernetesJob, request: JobRequest, name: str, variables: Mapping[str, str], gang: Gang | None
) -> Object:
    """The half of a pod that this job needs, which wins over its template.

    Args:
        spec: with its resource profile looked up.
        request: what it is to do.
        name: of the pod, or of what owns it.
        variables: how to reach the store; nothing secret.
        gang: the others, where there are any.
    """
    env = {"HOME": "/tmp", "TAXIWAY_LAST_WORDS": _LAST_WORDS, **variables, **spec.env}  # noqa: S108 - the pod's own
    container: Object = {
        "name": CONTAINER,
        "image": spec.image,
        "command": command(request, gang),
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "envFrom": [{"secretRef": {"name": secret}} for secret in spec.secrets],
        "resources": resources(spec),
    }
    body: Object = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": math.ceil(min(request.deadline_s, spec.deadline_s)),
        "terminationGracePeriodSeconds": math.ceil(spec.grace_s),
        "containers": [container],
    }
    named = {"serviceAccountName": spec.service_account, "priorityClassName": spec.priority_class}
    body |= {key: value for key, value in named.items() if value is not None}
    if gang:
        body["subdomain"] = name
    queue = {QUEUE_LABEL: spec.queue} if spec.queue and not gang and spec.workload == "pod" else {}
    metadata = {"name": name, "namespace": spec.namespace, "labels": {**labels(request), **queue}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "annotations": annotations(spec, request)},
        "spec": body,
    }


def command(request: JobRequest, gang: Gang | None) -> list[str]:
    """What the container runs.

    Which pod is the first is said by the Job, not found out from the DNS, which may not know the pods yet.
    """
    job = ["-m", "taxiway.runtime", "job", "--store", request.store, "--key", request.key.slug]
    if gang is None:
        return ["python", *job]
    return [
        "python",
        "-m",
        "torch.distributed.run",
        f"--nnodes={gang.nodes}",
        f"--nproc-per-node={gang.processes}",
        "--node-rank=$(JOB_COMPLETION_INDEX)",
        f"--master-addr={gang.host}",
        f"--master-port={_PORT}",
        f"--rdzv-id={request.key.slug}",
        f"--rdzv-conf=timeout={math.ceil(gang.patience_s)}",
        "--max-restarts=0",
        *job,
    ]


def resources(spec: KubernetesJob) -> Object:
    """What the container asks for and may not exceed; of processors it may use more where there are more."""
    gpus = {spec.gpu_resource: str(spec.gpus)} if spec.gpus else {}
    memory = {"memory": spec.memory} if spec.memory else {}
    requests = {**({"cpu": spec.cpu} if spec.cpu else {}), **memory, **gpus}
    return {"requests": requests, "limits": {**memory, **gpus}}


def labels(request: JobRequest) -> dict[str, str]:
    """By what the objects of a job are found: the job itself, and in Airflow's words whose it is."""
    key = request.key
    told = {"dag_id": key.dag_id, "task_id": key.task_id, "run_id": key.run_id}
    return {
        "app.kubernetes.io/managed-by": "taxiway",
        JOB_LABEL: key.slug,
        **{name: label(value) for name, value in told.items() if label(value)},
    }


def label(text: str) -> str:
    """The text as the value of a label: at most 63 letters, digits, `-`, `_` and `.`, the ends letters or digits."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in text)
    return kept[:63].strip("-_.")


def annotations(spec: KubernetesJob, request: JobRequest) -> dict[str, str]:
    """What a label cannot say: whose job it is in full, and how long to keep what is left of it."""
    return {
        "taxiway.dev/dag-id": request.key.dag_id,
        "taxiway.dev/run-id": request.key.run_id,
        "taxiway.dev/task-id": request.key.task_id,
        KEEP: f"{spec.keep_s:g}",
    }


def job(spec: KubernetesJob, pod: Object, name: str) -> Object:
    """An Indexed Job of a pod: it never replaces one, and ends all of them when one fails."""
    any_failure = {"containerName": CONTAINER, "operator": "NotIn", "values": [0]}
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    body: Object = {
        "completionMode": "Indexed",
        "completions": spec.nodes,
        "parallelism": spec.nodes,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onPodConditions": disrupted},
                {"action": "FailJob", "onExitCodes": any_failure},
            ]
        },
        "ttlSecondsAfterFinished": math.ceil(spec.keep_s),
        "template": template(pod),
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": owner(spec, pod, name), "spec": body}


def jobset(spec: KubernetesJob, pod: Object, name: str) -> Object:
    """A JobSet of one such Job: all pods begin again when one of them fails."""
    inner = {key: value for key, value in job(spec, pod, name)["spec"].items() if key != "ttlSecondsAfterFinished"}
    body = {
        "network": {"enableDNSHostnames": True, "subdomain": name},
        "failurePolicy": {"maxRestarts": spec.restarts},
        "ttlSecondsAfterFinished": math.ceil(spec.keep_s),
        "replicatedJobs": [{"name": "w", "replicas": 1, "template": {"spec": inner}}],
    }
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": owner(spec, pod, name),
        "spec": body,
    }


def service(spec: KubernetesJob, request: JobRequest, name: str) -> Object:
    """The headless Service by which the pods of a Job find each other, before they are ready, too."""
    metadata = {"name": name, "namespace": spec.namespace, "labels": labels(request)}
    body = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {JOB_LABEL: request.key.slug}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}


def owned(made: Object, by: Mapping[str, Any]) -> Object:
    """An object that goes when another one goes."""
    metadata = by["metadata"]
    reference = {"apiVersion": by["apiVersion"], "kind": by["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**made, "metadata": {**made["metadata"], "ownerReferences": [reference]}}


def template(pod: Object) -> Object:
    """A pod as the template of others, which get names of their own."""
    metadata = {key: pod["metadata"][key] for key in ("labels", "annotations") if key in pod["metadata"]}
    return {"metadata": metadata, "spec": pod["spec"]}


def owner(spec: KubernetesJob, pod: Object, name: str) -> Object:
    """The metadata of what owns the pods."""
    queue = {QUEUE_LABEL: spec.queue} if spec.queue else {}
    told = {key: pod["metadata"].get(key, {}) for key in ("labels", "annotations")}
    return {"name": name, "namespace": spec.namespace, **told, "labels": {**told["labels"], **queue}}


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Object:
    """The one over the other, field by field; of lists, what has the same name is one thing."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = overlay(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = _lists(old, value)
        else:
            result[key] = value
    return result


def _lists(below: list[Any], above: list[Any]) -> list[Any]:
    named = {one["name"]: one for one in above if isinstance(one, Mapping) and "name" in one}
    if not named:
        return above or below
    kept = [overlay(one, named.pop(one["name"])) if one.get("name") in named else one for one in below]
    return [*kept, *named.values()]
