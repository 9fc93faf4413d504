"""A service on KServe: an InferenceService for each version, or one whose traffic KServe splits between versions."""

import time
from collections.abc import Mapping
from typing import ClassVar

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.serving import ServiceState
from taxiway.core.specs.serving import Service
from taxiway.core.specs.targets import KServeServers
from taxiway.runners.objects import Cluster
from taxiway.targets import inference
from taxiway.targets.kubernetes import KubernetesPlatform
from taxiway.targets.manifests import Object, versions, weights

_READY_S = 300.0
_LED_S = 60.0
_GONE_S = 60.0
_PAUSE_S = 0.5


def on_kserve(
    service: Service, spec: KServeServers, cluster: Cluster, *, store: str, options: Mapping[str, str] | None = None
) -> "KServePlatform":
    """The platform of a service, as its rollout needs it; the arguments are those of `KServePlatform`."""
    kind = KServeSplit if inference.splits(service.rollout) else KServePlatform
    return kind(service, spec, cluster, store=store, options=options)


class KServePlatform(KubernetesPlatform):
    """Keeps an InferenceService for each version; the Service of that name moves the traffic as a whole.

    Args:
        service: the recipe's service.
        spec: where it runs.
        cluster: whoever may make its objects.
        store: URI of the store that the replicas read.
        options: what opens it here, in obstore's names; replicas are told what of it is not secret.
    """

    _kinds: ClassVar = ("HTTPRoute", "Service", "PodDisruptionBudget", "InferenceService", "ServingRuntime")
    _longest = inference.LONGEST
    _place = "KServeServers"
    _split = False

    def __init__(
        self,
        service: Service,
        spec: KServeServers,
        cluster: Cluster,
        *,
        store: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(service, spec.pods, cluster, store=store, options=options)

    def check(self) -> None:
        """Refuses what these objects cannot do, before anything is changed.

        Raises:
            BackendError: the API server did not answer.
            SpecError: there is no KServe, or it has not what the rollout needs, or replicas would not be let into the
                store.
        """
        super().check()
        if not self._cluster.knows("InferenceService"):
            raise SpecError(
                "the cluster has no KServe",
                where="KServeServers",
                expected="InferenceServices of serving.kserve.io/v1beta1: KServe 0.16 or later",
                got="none",
                do="Install it, or use KubernetesServers.",
            )

    def remove(self) -> None:
        """Takes away everything that was made for the service, and returns when KServe has taken away its part.

        Raises:
            BackendError: the API server did not answer, or replicas were still there after a minute.
        """
        super().remove()
        ends = time.monotonic() + _GONE_S
        while left := self._pods():
            if time.monotonic() > ends:
                raise BackendError(
                    "replicas are still there whose InferenceService is gone",
                    where=self._fleet.name(),
                    expected=f"none after {_GONE_S:g} s",
                    got=f"{len(left)}",
                    do="Look whether Kubernetes' garbage collector runs, and remove the service again.",
                )
            time.sleep(_PAUSE_S)

    def _backs(self, state: ServiceState) -> list[Object]:
        return inference.backs(self._fleet, state, split=self._split)

    def _fronts(self, state: ServiceState) -> list[Object]:
        return inference.fronts(self._fleet, state, split=self._split)

    def _service(self, version: int | None) -> str:
        if version is None:
            return self._fleet.name()
        return inference.leads_to(self._fleet, version, split=self._split)

    def _wanted(self, version: int | None) -> int:  # noqa: ARG002 - as many of each
        return self._spec.replicas


class KServeSplit(KServePlatform):
    """Keeps one InferenceService of all versions, whose `spec.canary` says how KServe's route splits the traffic.

    Its arguments are those of `KServePlatform`.
    """

    _split = True

    def check(self) -> None:
        """Refuses what these objects cannot do, before anything is changed.

        Raises:
            BackendError: the API server did not answer.
            SpecError: what `KServePlatform` refuses, a gateway of one's own, or a KServe that would not split anything.
        """
        if self._spec.gateway is not None:
            raise SpecError(
                "a Canary is split by the Gateway that KServe is configured with, and by no other",
                where="KServeServers.gateway",
                expected="none with a Canary",
                got=repr(self._spec.gateway.name),
                do="Leave it out, or use KubernetesServers(mode='revisions', gateway=…).",
            )
        super().check()
        if not inference.can_split(self._cluster.schema("InferenceService")):
            raise SpecError(
                "this KServe cannot split the traffic: a canary would be left out, and the rollout be a full one",
                where="KServeServers",
                expected="KServe 0.21 or later, whose InferenceService has spec.canary",
                got="an InferenceService without it",
                do="Update KServe and its CRDs, choose BlueGreen(), or use KubernetesServers, which splits by itself.",
            )
        if not self._cluster.knows("HTTPRoute"):
            raise SpecError(
                "the cluster has no Gateway API, by which KServe splits the traffic",
                where="KServeServers",
                do="Install it and set enableGatewayApi in KServe's configuration, or choose BlueGreen().",
            )

    def _check_revisions(self) -> None:
        self._refuse_shadows()

    def apply(self, state: ServiceState) -> None:
        """Makes the objects so. Nothing that still gets traffic is taken away, and nothing gets any that is not ready.

        Raises:
            BackendError: the API server did not answer, or a version to move to was not ready in five minutes.
            SpecError: this account may not make them.
        """
        for made in self._backs(state):
            self._cluster.apply(self._spec.namespace, made)
        now = self._cluster.get("InferenceService", self._spec.namespace, self._fleet.name())
        step = inference.between(self._fleet, now, state)
        if step is not None:
            self._cluster.apply(self._spec.namespace, step)
            self._await_versions(state)
            self._await_route(state)
        for made in self._fronts(state):
            self._cluster.apply(self._spec.namespace, made)
        self._prune(self.plan(state)["objects"])

    def revert(self, state: ServiceState) -> None:
        """The same as `apply`, whose first step leads the traffic to the live version."""
        self.apply(state)

    def _service(self, version: int | None) -> str:
        if version is not None:
            return super()._service(version)
        # whoever gets most: the traffic moves before a version goes
        shares = inference.routed(self._cluster.get("HTTPRoute", self._spec.namespace, self._fleet.name()))
        return max(shares, key=lambda name: shares[name], default=self._fleet.name())

    def _await_versions(self, state: ServiceState) -> None:
        """Returns when each version that gets traffic has a replica that is ready."""
        ends = time.monotonic() + _READY_S
        wanted = [str(number) for number in weights(self._fleet, state)]
        while late := [number for number in wanted if not self._ready(number)]:
            if time.monotonic() > ends:
                raise BackendError(
                    "a version that traffic shall move to has no ready replica",
                    where=self._fleet.name(),
                    expected=f"one within {_READY_S:g} s",
                    got=f"none of version {', '.join(late)}",
                )
            time.sleep(_PAUSE_S)

    def _await_route(self, state: ServiceState) -> None:
        """Returns when the route leads as the state says, or after a minute: what must go away goes in any case."""
        ends = time.monotonic() + _LED_S
        while self._route_trouble(state) and time.monotonic() < ends:
            time.sleep(_PAUSE_S)

    def _route_trouble(self, state: ServiceState) -> str:
        """Why KServe's route does not split the traffic as it should yet.

        A candidate without traffic must be in it, too: a KServe that does not split would give it none for ever.
        """
        if self._cluster.get("InferenceService", self._spec.namespace, self._fleet.name()) is None:
            return "there is no InferenceService"
        found = self._cluster.get("HTTPRoute", self._spec.namespace, self._fleet.name()) or {}
        shares, given = inference.routed(found), weights(self._fleet, state)
        for number in versions(self._fleet, state.model_copy(update={"earlier": ()})):
            share = shares.get(self._service(number))
            if share != given.get(number, 0):
                led = "does not know" if share is None else f"gives {share} % to"
                return f"KServe's route {led} version {number}, which shall get {given.get(number, 0)} %"
        return self._routing(found)
