"""A service as InferenceServices of KServe: plain objects, made of a specification and a state, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from taxiway.core.names import digest_of
from taxiway.core.rollouts import stages
from taxiway.core.serving import ALL, ServiceState
from taxiway.core.specs.serving import Rollout
from taxiway.targets.manifests import (
    VERSION_LABEL,
    Fleet,
    Object,
    cluster_service,
    pod,
    route,
    sizes,
    versions,
    weights,
)

LONGEST = 20
"""How much of a service's name is in those of its objects: KServe puts more behind it, and 63 letters is the end."""
_FORMAT = "taxiway"
_CONTAINER, _FETCHER = "kserve-container", "storage-initializer"
_MODE = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "none"}
_INSIDE = {"networking.kserve.io/visibility": "cluster-local"}


def splits(rollout: Rollout) -> bool:
    """Whether a rollout gives a candidate part of the traffic, which takes one InferenceService for all versions."""
    return any(0 < stage.weight < ALL for stage in stages(rollout))


def can_split(schema: Mapping[str, Any] | None) -> bool:
    """Whether InferenceServices of this OpenAPI schema have canaries; those without would lose them silently."""
    place: Any = schema or {}
    for step in ("properties", "spec", "properties", "canary", "items", "properties", "trafficPercent"):
        place = place.get(step) or {}
    return bool(place)


def leads_to(fleet: Fleet, version: int | None, *, split: bool) -> str:
    """The name of the Service that KServe makes for a version; of its Deployment, too."""
    name = f"{fleet.name()}-{_name(version)}" if split else fleet.name(version)
    return f"{name}-predictor"


def runtime(fleet: Fleet) -> Object:
    """How a container of any version is run; what differs between versions is said by its InferenceService.

    Its name changes with it, so that KServe, which does not look at runtimes again, takes up a new one.
    """
    (container,) = pod(fleet, None)["containers"]
    ports = [{**port, "protocol": "TCP"} for port in container["ports"]]
    body = {
        "supportedModelFormats": [{"name": _FORMAT}],
        "protocolVersions": ["v2"],
        "containers": [{**container, "name": _CONTAINER, "ports": ports}],
    }
    name = f"{fleet.name()}-{digest_of(body)[-8:]}"
    return _object(fleet, "serving.kserve.io/v1alpha1", "ServingRuntime", name, body)


def backs(fleet: Fleet, state: ServiceState, *, split: bool) -> list[Object]:
    """What the versions are run by, what keeps their replicas, and, where nothing is split, what runs them."""
    numbers = versions(fleet, state)
    kept = [made for number in numbers for made in sizes(fleet, number)]
    if split:
        return [runtime(fleet), *kept]
    alone = [_inference(fleet, fleet.name(one), {"predictor": predictor(fleet, one)}, one, _INSIDE) for one in numbers]
    return [runtime(fleet), *alone, *kept]


def fronts(fleet: Fleet, state: ServiceState, *, split: bool) -> list[Object]:
    """What leads the traffic: a Service and the route of a gateway, or the InferenceService that splits it."""
    given = weights(fleet, state)
    if split:
        return [shared(fleet, given, versions(fleet, state))] if given else []
    most = max(given, key=lambda version: given[version], default=None)
    made = [cluster_service(fleet, None, most)]
    return [*made, route(fleet, given)] if fleet.spec.gateway else made


def shared(fleet: Fleet, given: Mapping[int | None, int], numbers: list[int | None]) -> Object:
    """The InferenceService of several versions: the first one gets whatever the others do not.

    KServe takes the replicas of canaries off those of the first version as they become ready; so that one asks for as
    many more, and is never left with fewer than it should have.
    """
    first, *others = numbers
    stable = predictor(fleet, first, _name(first))
    stable["minReplicas"] = fleet.spec.replicas * len(numbers)
    body: Object = {"predictor": stable}
    if others:
        body["canary"] = [
            {"predictor": predictor(fleet, one, _name(one)), "trafficPercent": given.get(one, 0)} for one in others
        ]
    return _inference(fleet, fleet.name(), body, None, {})


def between(fleet: Fleet, now: Object | None, state: ServiceState) -> Object | None:
    """What the shared InferenceService must be before it can be as a state says; None when it can at once.

    Whatever is left out of it is gone before the traffic is led elsewhere. So a version that will not be there gets no
    traffic first, and the one that shall be first stands beside the one that is.
    """
    there, wanted = list(_numbers(now)), versions(fleet, state)
    if not there or not wanted or (there[0] == wanted[0] and set(there) <= set(wanted)):
        return None
    return shared(fleet, weights(fleet, state), list(dict.fromkeys([*there, *wanted])))


def routed(found: Object | None) -> dict[str, int]:
    """How an HTTPRoute splits the traffic between Services, in percent; a lone one gets all of it."""
    rules = (found or {}).get("spec", {}).get("rules") or [{}]
    backends = rules[0].get("backendRefs", ())
    if len(backends) == 1:
        return {backends[0]["name"]: ALL}
    return {one["name"]: one.get("weight", 1) for one in backends}


def predictor(fleet: Fleet, version: int | None, name: str = "") -> Object:
    """What runs one version: never fewer replicas than there should be while they are replaced."""
    spec = pod(fleet, version)
    (container,) = spec.pop("containers")
    return {
        **({"name": name} if name else {}),
        "model": {
            "modelFormat": {"name": _FORMAT},
            "protocolVersion": "v2",
            "runtime": runtime(fleet)["metadata"]["name"],
            "storageUri": f"{fleet.service}/versions/{version}",
            "args": ["--version", str(version)],
        },
        "initContainers": [_fetcher(container)],
        "minReplicas": fleet.spec.replicas,
        "labels": fleet.labels(version),
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        **spec,
    }


def _fetcher(container: Object) -> Object:
    """What stands where KServe would put its own download of the `storageUri`, and does nothing: servers read the log.

    A model must have such an address, and another one for each version: one without is taken for one of many and gets
    KServe's agent, and the name of a predictor may only change together with it. Without a scheme every KServe takes
    it, whatever the store is.
    """
    same = ("image", "resources", "securityContext")
    return {"name": _FETCHER, "command": ["python", "-c", ""], **{key: container[key] for key in same}}


def _inference(fleet: Fleet, name: str, body: Object, version: int | None, more: Mapping[str, str]) -> Object:
    made = _object(fleet, "serving.kserve.io/v1beta1", "InferenceService", name, body)
    made["metadata"] |= {"labels": {**fleet.labels(version), **more}, "annotations": dict(_MODE)}
    return made


def _numbers(found: Object | None) -> Iterator[int]:
    """The versions that an InferenceService has, the first one first."""
    spec = (found or {}).get("spec", {})
    for one in (spec.get("predictor"), *(canary["predictor"] for canary in spec.get("canary", ()))):
        number = (one or {}).get("labels", {}).get(VERSION_LABEL)
        if number is not None:
            yield int(number)


def _name(version: int | None) -> str:
    """Of a version within an InferenceService; another one than `Fleet.name` gives, whose Deployment may be there."""
    return f"version-{version}"


def _object(fleet: Fleet, api: str, kind: str, name: str, body: Object) -> Object:
    metadata = {"name": name, "namespace": fleet.spec.namespace, "labels": fleet.labels()}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": body}
