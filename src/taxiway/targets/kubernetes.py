"""A service as Deployments of a Kubernetes cluster: one of replicas that follow the log, or one for each version."""

import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from taxiway.core.counts import Reading, read
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.platforms import followers, revisions
from taxiway.core.rollouts import Sight, stages
from taxiway.core.serving import ALL, Phase, ServiceState
from taxiway.core.specs.serving import Service
from taxiway.core.specs.targets import Everybody, KubernetesServers
from taxiway.runners.objects import Cluster
from taxiway.targets.manifests import PORT, SERVICE_LABEL, VERSION_LABEL, Fleet, Object, backs, fronts, versions

_VERSION = re.compile(r"/versions/(\d+)/")
_PATIENCE_S = 5.0
_READY_S = 300.0
_PAUSE_S = 0.5
_AT_ONCE = 8
_PLAIN = {"region": "AWS_REGION", "endpoint": "AWS_ENDPOINT_URL"}
_SECRET = frozenset({"access_key_id", "secret_access_key", "session_token"})


class KubernetesPlatform:
    """Keeps the objects of one service as its log says, by server-side apply: what others manage of them stays theirs.

    The replicas are asked through the API server, so it works from wherever the cluster can be reached.

    Args:
        service: the recipe's service.
        spec: where it runs.
        cluster: whoever may make its objects.
        store: URI of the store that the replicas read.
        options: what opens it here, in obstore's names; replicas are told what of it is not secret.
    """

    _kinds: ClassVar = ("HTTPRoute", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Deployment")
    """What belongs to a service, in the order in which it is taken away."""
    _longest = 40
    _place = "KubernetesServers"

    def __init__(
        self,
        service: Service,
        spec: KubernetesServers,
        cluster: Cluster,
        *,
        store: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        told = {variable: (options or {})[name] for name, variable in _PLAIN.items() if (options or {}).get(name)}
        self._fleet = Fleet(service.name, spec, store, told, self._longest)
        self._rollout = service.rollout
        self._spec, self._cluster = spec, cluster
        self._secret = bool(_SECRET & (options or {}).keys())

    def check(self) -> None:
        """Refuses what these objects cannot do, before anything is changed.

        Raises:
            BackendError: the API server did not answer.
            SpecError: the rollout needs a split or a copy of the traffic that this way of serving has not, or replicas
                would not be let into the store.
        """
        if self._secret and not self._spec.secrets and self._spec.service_account == "default":
            raise SpecError(
                "the replicas would not be let into the store: secrets of the connection are not written into pods",
                where=self._place,
                expected="secrets=('NAME',), a Secret with AWS_ACCESS_KEY_ID and the like, or a service_account",
                got="neither",
                do="Create the Secret in the namespace of the service and name it.",
            )
        if self._spec.gateway and not self._cluster.knows("HTTPRoute"):
            raise SpecError(
                "the cluster has no Gateway API", where=f"{self._place}.gateway", do="Install it, or leave it out."
            )
        if self._fleet.pinned:
            self._check_revisions()

    def _check_revisions(self) -> None:
        self._refuse_shadows()
        if any(stage.weight < ALL for stage in stages(self._rollout)) and self._spec.gateway is None:
            raise SpecError(
                "a Service moves all traffic at once, and cannot split it",
                where=f"{self._place}.gateway",
                expected="a Gateway, or mode='followers', for a Canary",
                got="none",
            )

    def _refuse_shadows(self) -> None:
        if any(stage.phase is Phase.SHADOW for stage in stages(self._rollout)):
            raise SpecError(
                "replicas that serve one version each cannot compare the answers of a shadow",
                where="Service.rollout",
                expected="KubernetesServers(mode='followers') for a Shadow",
                got=repr(self._spec.mode),
            )

    def plan(self, state: ServiceState) -> dict[str, Any]:
        """Exactly what `apply` would make of a state: the objects, in order; pure."""
        return {"objects": [*self._backs(state), *self._fronts(state)]}

    def apply(self, state: ServiceState) -> None:
        """Makes the objects so. Traffic never moves to a version of which no replica is ready, while another one is.

        That is waited for where a rollback goes to a version that was taken away long ago.

        Raises:
            BackendError: the API server did not answer, or the version to move to was not ready in five minutes.
            SpecError: this account may not make them.
        """
        for made in self._backs(state):
            self._cluster.apply(self._spec.namespace, made)
        ahead = self._fronts(state)
        self._await_ready(ahead[0])
        for made in ahead:
            self._cluster.apply(self._spec.namespace, made)
        self._prune(self.plan(state)["objects"])

    def revert(self, state: ServiceState) -> None:
        """Gives all traffic to the live version first, if it is there, and then does what `apply` does."""
        if self._fleet.pinned and state.live and self._ready(str(state.live.number)):
            for made in self._fronts(state):
                self._cluster.apply(self._spec.namespace, made)
        self.apply(state)

    def observe(self, state: ServiceState) -> Sight:
        """What the replicas say, whether traffic reaches them, and whether the gateway has taken up the route."""
        numbers = versions(self._fleet, state.model_copy(update={"earlier": ()}))
        pods = [pod for pod in self._pods() if _version(pod) in {number and str(number) for number in numbers}]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(self._reading, pods))
        readings = [(_version(pod) or "", one) for pod, one in zip(pods, found, strict=True) if one]
        silent = [_name(pod) for pod, one in zip(pods, found, strict=True) if one is None and _is_ready(pod)]
        wanted = max((self._wanted(number) for number in numbers), default=1)
        if self._fleet.pinned:
            sight = revisions(state, readings, expected=wanted, unreachable=silent)
        else:
            sight = followers(state, [one for _, one in readings], expected=wanted, unreachable=silent)
        names = [one.replica for _, one in readings] if state.live or self._fleet.pinned else []  # none answers before
        unled = [self._route_trouble(state), *self._unreached(names, numbers)]
        missing = [sight.detail, *map(_trouble, pods), *unled]
        told = "; ".join(dict.fromkeys(filter(None, missing)))
        return sight.model_copy(update={"settled": sight.settled and not any(unled), "detail": told})

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """What a replica that is ready answers; of the version that the path names, where each has its own.

        Raises:
            BackendError: none answered with success, or only who shows a token may ask: the API server passes none on.
        """
        if not isinstance(self._spec.access, Everybody) and not path.startswith("/v2/health"):
            raise BackendError(
                "this service wants a token, which the API server does not pass on",
                where=path,
                do="Replay needs live traffic, or access=Everybody() behind a NetworkPolicy.",
            )
        named = _VERSION.search(path)
        name = self._service(int(named[1]) if named and self._fleet.pinned else None)
        what = f"services/{self._scheme}:{name}:http"
        return self._cluster.proxy(self._spec.namespace, what, path, json.loads(body) if body else None)

    def remove(self) -> None:
        """Takes away everything that was made for the service."""
        self._prune([])

    def _backs(self, state: ServiceState) -> list[Object]:
        return backs(self._fleet, state)

    def _fronts(self, state: ServiceState) -> list[Object]:
        return fronts(self._fleet, state)

    def _service(self, version: int | None) -> str:
        """The name of the Service of a version, or of the whole service."""
        return self._fleet.name(version)

    @property
    def _scheme(self) -> str:
        return "https" if self._spec.tls_secret else "http"

    def _prune(self, kept: list[Object]) -> None:
        names = {(made["kind"], made["metadata"]["name"]) for made in kept}
        for kind in self._kinds:
            for found in self._list(kind):
                if (kind, _name(found)) not in names and not found["metadata"].get("ownerReferences"):
                    self._cluster.delete(kind, self._spec.namespace, _name(found))

    def _list(self, kind: str) -> list[Object]:
        selector = f"{SERVICE_LABEL}={self._fleet.name()}"
        return self._cluster.list(kind, self._spec.namespace, labelSelector=selector)

    def _pods(self) -> list[Object]:
        return [pod for pod in self._list("Pod") if not pod["metadata"].get("deletionTimestamp")]

    def _ready(self, version: str | None) -> bool:
        return any(_version(pod) == version and _is_ready(pod) for pod in self._pods())

    def _await_ready(self, front: Object) -> None:
        """Returns when the version that traffic is to move to has a ready replica, or when nothing serves anyway."""
        now = self._cluster.get("Service", self._spec.namespace, _name(front))
        selector = front["spec"]["selector"]
        if now is None or now["spec"].get("selector") == selector:
            return
        ends = time.monotonic() + _READY_S
        while not self._ready(selector.get(VERSION_LABEL)):
            if time.monotonic() > ends:
                raise BackendError(
                    "the version that traffic shall move to has no ready replica",
                    where=self._fleet.name(),
                    expected=f"one within {_READY_S:g} s",
                    got="; ".join(filter(None, map(_trouble, self._pods()))) or "none",
                )
            time.sleep(_PAUSE_S)

    def _unreached(self, names: list[str], numbers: list[int | None]) -> list[str]:
        """The replicas that answer, and that Services do not lead to yet."""
        reached = set()
        for number in numbers:
            selector = f"kubernetes.io/service-name={self._service(number)}"
            for piece in self._cluster.list("EndpointSlice", self._spec.namespace, labelSelector=selector):
                ready = [one for one in piece.get("endpoints") or () if one.get("conditions", {}).get("ready")]
                reached |= {one.get("targetRef", {}).get("name") for one in ready}
        return [f"no traffic reaches {name} yet" for name in names if name not in reached]

    def _wanted(self, version: int | None) -> int:
        """How many replicas there should be: what an autoscaler says where there is one."""
        found = self._cluster.get("Deployment", self._spec.namespace, self._fleet.name(version))
        return int((found or {}).get("spec", {}).get("replicas") or self._spec.replicas)

    def _reading(self, pod: Object) -> Reading | None:
        if pod.get("status", {}).get("phase") != "Running":
            return None
        what, name = f"pods/{self._scheme}:{_name(pod)}:{PORT}", _name(pod)
        try:
            text = self._cluster.proxy(self._spec.namespace, what, "/metrics", patience_s=_PATIENCE_S).decode()
        except BackendError:
            return None
        return read(text, service=self._fleet.service, replica=name)

    def _route_trouble(self, state: ServiceState) -> str:  # noqa: ARG002 - what was applied says the shares
        """Why the gateway does not route as it should yet; empty when it does, or when there is none."""
        if self._spec.gateway is None:
            return ""
        return self._routing(self._cluster.get("HTTPRoute", self._spec.namespace, self._fleet.name()) or {})

    def _routing(self, found: Object) -> str:
        """Why a gateway does not do what a route says."""
        said = [one for parent in found.get("status", {}).get("parents", ()) for one in parent.get("conditions", ())]
        wrong = [one.get("message", one["type"]) for one in said if one["status"] != "True"]
        late = any(one.get("observedGeneration") != found["metadata"]["generation"] for one in said)
        return "; ".join(wrong) if wrong else "the gateway has not taken up the route" if late or not said else ""


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _version(pod: Object) -> str | None:
    label = pod["metadata"].get("labels", {}).get(VERSION_LABEL)
    return None if label is None else str(label)


def _is_ready(pod: Object) -> bool:
    said = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in said)


def _trouble(pod: Object) -> str:
    """Why a replica does not run."""
    for one in pod.get("status", {}).get("containerStatuses", ()):
        waiting = one.get("state", {}).get("waiting")
        if waiting:
            return f"{_name(pod)}: {waiting.get('message') or waiting.get('reason')}"
    said = pod.get("status", {}).get("conditions", ())
    return next((f"{_name(pod)}: {one.get('message')}" for one in said if one.get("reason") == "Unschedulable"), "")
