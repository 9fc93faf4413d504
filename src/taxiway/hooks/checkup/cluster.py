"""Whether this account may do in a cluster what Taxiway does there, and whether the cluster has what jobs ask for."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import TaxiwayError
from taxiway.core.specs.jobs import KubernetesJob
from taxiway.hooks.cluster import connect, namespace_of
from taxiway.hooks.store import TaxiwayHook
from taxiway.stores.probe import Finding, skew

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_PATIENCE_S = 15.0
_FORBIDDEN = 403


class Right(NamedTuple):
    """What an account must be allowed to do: `verbs` on a `resource` of an API `group`.

    `optional` rights are those in a group that not every cluster has; where it is absent they are not needed.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    optional: bool = False


LAUNCH = (
    Right("", "pods", ("create", "get", "list", "delete")),
    Right("", "pods/log", ("get",)),
    Right("", "events", ("list",)),
    Right("", "services", ("create",)),
    Right("batch", "jobs", ("create", "get", "delete")),
)
"""What running jobs takes."""
_APPLIED = ("list", "create", "patch", "delete")
_READ = ("get", *_APPLIED)
DEPLOY = (
    Right("apps", "deployments", _READ),
    Right("", "services", _READ),
    Right("policy", "poddisruptionbudgets", _APPLIED),
    Right("autoscaling", "horizontalpodautoscalers", _APPLIED),
    Right("", "pods", ("list",)),
    Right("discovery.k8s.io", "endpointslices", ("list",)),
    Right("", "pods/proxy", ("get",)),
    Right("", "services/proxy", ("get", "create")),
    Right("serving.kserve.io", "inferenceservices", _READ, optional=True),
    Right("serving.kserve.io", "servingruntimes", _APPLIED, optional=True),
)
"""What deploying services takes, gateways apart."""


def connected(
    hook: TaxiwayHook, place: str, *, rights: Sequence[Right] = LAUNCH, gpus: Iterable[str] = ()
) -> Iterator[Finding]:
    """The same for an Airflow connection: its namespace, and the GPUs of the resource profiles, unless they are given.

    Args:
        hook: to the store, whose connection holds the profiles.
        place: id of the connection to the cluster, or `id/namespace`.
        rights: what the account must be allowed to do there.
        gpus: names of the resources that jobs ask for.
    """
    conn_id, _, namespace = place.partition("/")
    try:
        conn = hook.access(KubernetesJob("-", conn_id=conn_id)).conn
        namespace = namespace or namespace_of(conn)
        gpus = tuple(gpus) or (_profiled(hook) if rights is LAUNCH else ())
    except TaxiwayError as error:
        yield Finding.of(f"the connection {conn_id!r} can be used", error)
        return
    yield from cluster(functools.partial(connect, conn), namespace, rights=rights, gpus=gpus)


def _profiled(hook: TaxiwayHook) -> tuple[str, ...]:
    profiles = hook.place.profiles.values()
    return tuple(sorted({one.gpu_resource or KubernetesJob.gpu_resource for one in profiles if one.gpus}))


def cluster(
    connect: "Callable[[], ApiClient]",
    namespace: str,
    *,
    rights: Sequence[Right] = LAUNCH,
    gpus: Iterable[str] = (),
    clock: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """What a cluster answers: that it does, each right in a namespace, each kind of GPU, and its clock.

    Args:
        connect: gives the client, with this account's rights.
        namespace: where jobs or services run.
        rights: what the account must be allowed to do there.
        gpus: names of the resources that jobs ask for, such as `nvidia.com/gpu`.
        clock: this machine's.
    """
    try:
        client = connect()
        yield from _clock(client, clock)
        served = _groups(client) if any(right.optional for right in rights) else frozenset()
        for right in rights:
            if not right.optional or right.group in served:
                yield _right(client, namespace, right)
        for resource in gpus:
            yield _gpu(client, resource)
    except TaxiwayError as error:
        yield Finding.of("the cluster answers", error)
    except _faults() as error:
        remedy = (
            "Check the connection of type 'kubernetes': its kubeconfig or in_cluster, its context, and the network."
        )
        yield Finding("the cluster answers", ok=False, detail=_words(error), remedy=remedy)


def _faults() -> tuple[type[Exception], ...]:
    """What a client raises when the cluster does not answer."""
    from kubernetes.client import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    return ApiException, HTTPError, OSError, ConfigException


def _clock(client: "ApiClient", clock: Callable[[], float]) -> Iterator[Finding]:
    from kubernetes.client import VersionApi

    began = clock()
    told, _, headers = VersionApi(client).get_code_with_http_info(_request_timeout=_PATIENCE_S)
    yield Finding(f"the cluster answers: Kubernetes {told.git_version}", ok=True)
    date = {name.lower(): value for name, value in dict(headers).items()}.get("date")
    if date:
        yield skew("the cluster", parsedate_to_datetime(date).timestamp(), (began, clock()))


def _groups(client: "ApiClient") -> frozenset[str]:
    """The API groups that the cluster serves."""
    from kubernetes.client import ApisApi

    return frozenset(one.name for one in ApisApi(client).get_api_versions(_request_timeout=_PATIENCE_S).groups)


def _right(client: "ApiClient", namespace: str, right: Right) -> Finding:
    denied = [verb for verb in right.verbs if not _may(client, namespace, right, verb)]
    check = f"this account may {', '.join(right.verbs)} {right.resource} in the namespace {namespace}"
    if not denied:
        return Finding(check, ok=True)
    rule = f"apiGroups: ['{right.group}'], resources: ['{right.resource}'], verbs: {denied}"
    remedy = f"Install the chart helm/taxiway with this account's name, or add to a Role in {namespace}: {rule}"
    return Finding(check, ok=False, detail=f"It may not {', '.join(denied)} them.", remedy=remedy)


def _may(client: "ApiClient", namespace: str, right: Right, verb: str) -> bool:
    from kubernetes.client import AuthorizationV1Api

    resource, _, part = right.resource.partition("/")
    asked = {"namespace": namespace, "group": right.group, "resource": resource, "subresource": part, "verb": verb}
    body: dict[str, Any] = {"spec": {"resourceAttributes": asked}}
    review = AuthorizationV1Api(client).create_self_subject_access_review(body, _request_timeout=_PATIENCE_S)
    return bool(review.status.allowed)


def _gpu(client: "ApiClient", resource: str) -> Finding:
    """Whether a node has a resource; not asked where this account may not look at nodes."""
    from kubernetes.client import ApiException, CoreV1Api

    check = f"a node of the cluster has {resource}"
    try:
        nodes = CoreV1Api(client).list_node(_request_timeout=_PATIENCE_S).items
    except ApiException as error:
        if error.status != _FORBIDDEN:
            raise
        detail = f"This account may not look at nodes. Ask with one that may: kubectl describe nodes | grep {resource}"
        return Finding(check, ok=True, detail=detail, asked=False)
    if any(int((node.status.allocatable or {}).get(resource, 0)) for node in nodes):
        return Finding(check, ok=True)
    remedy = "Install the device plugin of your GPUs (for NVIDIA: its GPU operator), or correct the resource profile."
    return Finding(check, ok=False, detail=f"None of its {len(nodes)} nodes has any.", remedy=remedy)


def _words(error: Exception) -> str:
    status, reason = getattr(error, "status", None), getattr(error, "reason", None)
    return f"{status} {reason}" if status else f"{type(error).__name__}: {error}"
