"""The Kubernetes API in the few words that jobs and services need: objects as plain dicts, logs, and a way to pods."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import BackendError, SpecError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_PATIENCE_S = 30.0
_LOG_PATIENCE_S = 5.0
"""A log comes from the pod's node, which may not answer; the client asks four times."""
_PIECE = 65_536
PATHS: Mapping[str, str] = {
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Event": "/api/v1/namespaces/{namespace}/events",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "JobSet": "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets",
    "Workload": "/apis/kueue.x-k8s.io/v1beta2/namespaces/{namespace}/workloads",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes",
    "InferenceService": "/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices",
    "ServingRuntime": "/apis/serving.kserve.io/v1alpha1/namespaces/{namespace}/servingruntimes",
}
"""Where the API keeps objects of each kind."""
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_APPLY = {**_JSON, "Content-Type": "application/apply-patch+yaml"}
_MANAGER = "taxiway"
_ANSWERS = tuple(set(range(400, 600)) - {HTTPStatus.FORBIDDEN})
"""What a server behind the API server may say; only that this account may not ask is said by the API server itself."""


class Refusal(NamedTuple):
    """Why the API server did not create something, though nothing is wrong with it."""

    reason: str


class _Answer(NamedTuple):
    """An answer that the client took for an error."""

    status: int
    data: bytes


class Cluster:
    """A cluster, as a client with the rights of one account sees it.

    Every method raises `SpecError` for what this account may not do or the server can never accept, and `BackendError`
    when the server does not answer.

    Args:
        connect: gives the client; called when it is needed first.
    """

    def __init__(self, connect: "Callable[[], ApiClient]") -> None:
        self._connect = connect

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """An object; None when there is none of that name."""
        status, data = self._call("GET", f"{_path(kind, namespace)}/{name}")
        return None if status == HTTPStatus.NOT_FOUND else _object(data)

    def create(self, namespace: str, body: Mapping[str, Any]) -> Refusal | None:
        """Creates an object, unless one of its name is there; a refusal when a quota has no room for it now."""
        kind = body["kind"]
        status, data = self._call("POST", _path(kind, namespace), body=dict(body), allowed=(HTTPStatus.FORBIDDEN,))
        message = _message(data)
        if status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return None
        if "exceeded quota" in message:
            return Refusal(message)
        raise _refused(f"a {kind} in the namespace {namespace!r}", message)

    def apply(self, namespace: str, body: Mapping[str, Any]) -> None:
        """Makes an object so, by server-side apply: what others manage of it stays theirs."""
        path = f"{_path(body['kind'], namespace)}/{body['metadata']['name']}"
        query = {"fieldManager": _MANAGER, "force": "true"}
        answer = self._ask("PATCH", path, body=dict(body), query=query, headers=_APPLY)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise _refused(f"a {body['kind']} in the namespace {namespace!r}", _message(answer.data))
        if answer.status == HTTPStatus.CONFLICT:  # it is being deleted
            raise _fault("PATCH", path, int(answer.status), _message(answer.data))

    def proxy(
        self, namespace: str, what: str, path: str, body: Any = None, *, patience_s: float = _PATIENCE_S
    ) -> bytes:
        """What a pod or a service answers, asked through the API server.

        Args:
            namespace: where it is.
            what: `pods/http:NAME:PORT` or `services/http:NAME:PORT`.
            path: of the request, with its slash.
            body: what to post, as plain data.
            patience_s: for the whole request.

        Raises:
            BackendError: it did not answer, or not with success.
            SpecError: this account may not ask.
        """
        where = f"/api/v1/namespaces/{namespace}/{what}/proxy{path}"
        method = "GET" if body is None else "POST"
        answer = self._ask(method, where, body=body, allowed=_ANSWERS, patience_s=patience_s)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _fault(method, where, int(answer.status), _message(bytes(answer.data)), ours=False)
        return bytes(answer.data)

    def delete(self, kind: str, namespace: str, name: str, *, grace_s: float | None = None) -> None:
        """Deletes an object, and what it owns; nothing when there is none."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = round(grace_s)
        self._call("DELETE", f"{_path(kind, namespace)}/{name}", body=options)

    def list(self, kind: str, namespace: str, **query: str) -> list[dict[str, Any]]:
        """The objects of a kind that a query (`labelSelector`, `fieldSelector`) matches; none where nobody knows it."""
        status, data = self._call("GET", _path(kind, namespace), query=query)
        return [] if status == HTTPStatus.NOT_FOUND else list(_object(data).get("items", ()))

    def log(self, namespace: str, pod: str, **query: str) -> Iterator[bytes]:
        """What a container of a pod printed, in pieces; nothing while there is no log. Not all of it need be taken."""
        path = f"{_path('Pod', namespace)}/{pod}/log"
        response = self._ask("GET", path, query=query, allowed=(HTTPStatus.BAD_REQUEST,), patience_s=_LOG_PATIENCE_S)
        if response.status == HTTPStatus.OK:
            with contextlib.closing(response):
                yield from response.stream(_PIECE)

    @functools.cache  # noqa: B019 - a client lives as long as a task
    def knows(self, kind: str) -> bool:
        """Whether the cluster has objects of a kind."""
        group = PATHS[kind].partition("/namespaces/")[0]
        status, data = self._call("GET", group)
        return status == HTTPStatus.OK and any(one.get("kind") == kind for one in _object(data).get("resources", ()))

    def schema(self, kind: str) -> dict[str, Any] | None:
        """The OpenAPI schema by which the cluster reads objects of a kind; None where it says none."""
        group = PATHS[kind].partition("/namespaces/")[0]
        status, data = self._call("GET", f"/openapi/v3{group}")
        if status == HTTPStatus.NOT_FOUND:
            return None
        schemas = _object(data).get("components", {}).get("schemas", {}).values()
        return next((one for one in schemas if _describes(one, kind)), None)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        allowed: tuple[int, ...] = (),
    ) -> tuple[int, bytes]:
        """The status and the bytes of an answer: good, not found, there already, or one of the `allowed` ones."""
        response = self._ask(method, path, body=body, query=query, allowed=allowed)
        return int(response.status), bytes(response.data)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        allowed: tuple[int, ...] = (),
        headers: Mapping[str, str] = _JSON,
        patience_s: float = _PATIENCE_S,
    ) -> Any:
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params=dict(headers),
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=patience_s,
            )
            return answer[0] if isinstance(answer, tuple) else answer
        except ApiException as error:
            data = error.body.encode() if isinstance(error.body, str) else bytes(error.body or b"")
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, *allowed):
                return _Answer(int(error.status), data)
            raise _fault(method, path, int(error.status or 0), _message(data) or str(error.reason)) from None
        except (HTTPError, OSError, ConfigException) as error:
            raise _fault(method, path, 0, str(error)) from error

    @functools.cached_property
    def _client(self) -> "ApiClient":
        return self._connect()


def _path(kind: str, namespace: str) -> str:
    return PATHS[kind].format(namespace=namespace)


def _describes(schema: Mapping[str, Any], kind: str) -> bool:
    return any(one.get("kind") == kind for one in schema.get("x-kubernetes-group-version-kind", ()))


def _object(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data))


def _message(data: bytes) -> str:
    """What the API server says in the body of a bad answer."""
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace")


def _refused(what: str, message: str) -> SpecError:
    return SpecError(
        f"the cluster does not let this account create {what}",
        where="Kubernetes",
        got=message,
        do="Give the account of the worker and the triggerer the right to, or change the pod so that it is allowed.",
    )


def _fault(method: str, path: str, status: int, message: str, *, ours: bool = True) -> BackendError | SpecError:
    where = f"{method} {path}"
    if not ours:
        return BackendError("the server did not answer", where=where, got=f"{status}: {message}", do="Look at its log.")
    if status == HTTPStatus.FORBIDDEN:
        do = "Give the account of the worker and the triggerer this right: see docs/how-to/run-on-kubernetes.md."
        return SpecError("the cluster does not let this account do that", where=where, got=message, do=do)
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return SpecError("the cluster does not accept that", where=where, got=message, do="Correct the specification.")
    got = f"{status}: {message}" if status else message
    return BackendError("the Kubernetes API server could not do it", where=where, got=got)
