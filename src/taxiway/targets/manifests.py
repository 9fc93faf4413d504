"""What a service asks a cluster for: plain objects, made of a specification and a state, and nothing else."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from taxiway.core.names import digest_of
from taxiway.core.serving import ALL, ServiceState
from taxiway.core.specs.targets import KubernetesServers, Tokens
from taxiway.targets import asking, commands

SERVICE_LABEL, VERSION_LABEL = "taxiway.dev/service", "taxiway.dev/version"
PORT = 8080
_LAME_S = 5.0
_SLACK_S = 5.0
_TOKENS, _TLS = "/etc/taxiway/access", "/etc/taxiway/tls"

Object = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The replicas of one service.

    Attributes:
        service: its name.
        spec: how they run.
        store: URI of the store that they read.
        env: how to reach it; nothing secret.
        longest: how much of the service's name is in the names of its objects.
    """

    service: str
    spec: KubernetesServers
    store: str
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    longest: int = 40

    @property
    def pinned(self) -> bool:
        """Whether each version has a Deployment of its own."""
        return self.spec.mode == "revisions"

    def name(self, version: int | None = None) -> str:
        """What the objects of the service, or of one of its versions, are called."""
        plain = re.sub(r"[^a-z0-9-]+", "-", self.service.lower()).strip("-")[: self.longest].strip("-")
        unlike = "" if plain == self.service else f"-{digest_of(self.service)[-6:]}"
        return f"taxiway-{plain}{unlike}" + ("" if version is None else f"-v{version}")

    def labels(self, version: int | None = None) -> dict[str, str]:
        """By what they are found."""
        own = {} if version is None else {VERSION_LABEL: str(version)}
        return {"app.kubernetes.io/managed-by": "taxiway", SERVICE_LABEL: self.name(), **own}


def versions(fleet: Fleet, state: ServiceState) -> list[int | None]:
    """Which Deployments there are: one of all followers, or one for each version in service and the last good one."""
    if not fleet.pinned:
        return [None]
    targets = (state.live, state.candidate, state.last_good)
    return list(dict.fromkeys(target.number for target in targets if target is not None))


def weights(fleet: Fleet, state: ServiceState) -> dict[int | None, int]:
    """Who gets how much of the traffic, as the state says; followers split it among themselves."""
    if not fleet.pinned:
        return {None: ALL}
    if state.live is None or state.candidate is None:
        target = state.live or state.candidate
        return {target.number: ALL} if target else {}
    shares = {state.live.number: ALL - state.weight, state.candidate.number: state.weight}
    return {number: share for number, share in shares.items() if share}


def backs(fleet: Fleet, state: ServiceState) -> list[Object]:
    """What answers: Deployments, what sizes them, and a Service for each of them."""
    made = []
    for version in versions(fleet, state):
        made += [deployment(fleet, version), *sizes(fleet, version)]
        if fleet.pinned:
            made.append(cluster_service(fleet, version, version))
    return made


def fronts(fleet: Fleet, state: ServiceState) -> list[Object]:
    """What leads the traffic to them: the Service of that name, and the route of its gateway."""
    shares = weights(fleet, state)
    most = max(shares, key=lambda version: shares[version], default=None)
    made = [cluster_service(fleet, None, most)]
    return [*made, route(fleet, shares)] if fleet.spec.gateway else made


def deployment(fleet: Fleet, version: int | None) -> Object:
    """The replicas of one version, or all followers; never fewer than there should be while they are replaced."""
    spec, labels = fleet.spec, fleet.labels(version)
    body: Object = {
        "selector": {"matchLabels": _selector(fleet, version)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "revisionHistoryLimit": 2,
        "template": {"metadata": {"labels": labels}, "spec": pod(fleet, version)},
    }
    if not _grows(spec):
        body["replicas"] = spec.replicas
    return _object("apps/v1", "Deployment", fleet, version, body)


def pod(fleet: Fleet, version: int | None) -> Object:
    """One replica, as little privileged as a pod can be: the Pod Security level `restricted`, and a `/tmp`."""
    spec = fleet.spec
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[Object] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the pod's own
    if isinstance(spec.access, Tokens):
        volumes.append({"name": "access", "secret": {"secretName": spec.access.source}})
        mounts.append({"name": "access", "mountPath": _TOKENS, "readOnly": True})
    if spec.tls_secret:
        volumes.append({"name": "tls", "secret": {"secretName": spec.tls_secret}})
        mounts.append({"name": "tls", "mountPath": _TLS, "readOnly": True})
    return {
        "automountServiceAccountToken": spec.service_account != "default",
        "serviceAccountName": spec.service_account,
        "enableServiceLinks": False,
        "nodeSelector": dict(spec.node_selector),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": math.ceil(_LAME_S + spec.tuning.drain_s + _SLACK_S),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {SERVICE_LABEL: fleet.name()}},
            }
        ],
        "containers": [_container(fleet, version, mounts)],
        "volumes": volumes,
    }


def _container(fleet: Fleet, version: int | None, mounts: list[Object]) -> Object:
    spec = fleet.spec
    scheme = "HTTPS" if spec.tls_secret else "HTTP"
    probe = {"scheme": scheme, "port": PORT}
    env = {"HOME": "/tmp", **fleet.env, **spec.env}  # noqa: S108 - the pod's own
    return {
        "name": "server",
        "image": spec.image,
        "command": ["python", "-m", "taxiway.runtime"],
        "args": arguments(fleet, version),
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "envFrom": [{"secretRef": {"name": secret}} for secret in spec.secrets],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": {
            "httpGet": {**probe, "path": "/v2/health/live"},
            "initialDelaySeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "readinessProbe": {
            "httpGet": {**probe, "path": "/v2/health/ready"},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 2,
        },
        "resources": {"requests": {"cpu": spec.cpu, "memory": spec.memory}, "limits": {"memory": spec.memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": mounts,
    }


def arguments(fleet: Fleet, version: int | None) -> list[str]:
    """What each server is told."""
    spec = fleet.spec
    access = Tokens(f"{_TOKENS}/tokens") if isinstance(spec.access, Tokens) else spec.access
    tls = ["--plain-http"]
    if spec.tls_secret:
        tls = ["--certificate", f"{_TLS}/tls.crt", "--certificate-key", f"{_TLS}/tls.key"]
    words = commands.serve(
        fleet.service,
        fleet.store,
        host="0.0.0.0",  # noqa: S104 - the pod's own
        port=PORT,
        tuning=spec.tuning,
        version=version,
    )
    return [*words, "--lame-s", f"{_LAME_S:g}", *asking.access_arguments(access), *tls]


def sizes(fleet: Fleet, version: int | None) -> list[Object]:
    """What keeps replicas while nodes are emptied, and what adds some under load."""
    spec, made = fleet.spec, []
    chosen = {"selector": {"matchLabels": _selector(fleet, version)}}
    if max(spec.replicas, spec.max_replicas) > 1:
        made.append(_object("policy/v1", "PodDisruptionBudget", fleet, version, {**chosen, "maxUnavailable": 1}))
    if _grows(spec):
        busy = {"type": "Utilization", "averageUtilization": spec.target_cpu_pct}
        body = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": fleet.name(version)},
            "minReplicas": spec.replicas,
            "maxReplicas": spec.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": busy}}],
        }
        made.append(_object("autoscaling/v2", "HorizontalPodAutoscaler", fleet, version, body))
    return made


def cluster_service(fleet: Fleet, version: int | None, to: int | None) -> Object:
    """The address of a version, or of the whole service, whose traffic goes `to` a version, or to all replicas."""
    port = {"name": "http", "port": 443 if fleet.spec.tls_secret else 80, "targetPort": PORT, "protocol": "TCP"}
    return _object("v1", "Service", fleet, version, {"selector": _selector(fleet, to), "ports": [port]})


def route(fleet: Fleet, shares: Mapping[int | None, int]) -> Object:
    """The HTTPRoute by which a gateway splits the traffic."""
    gateway = fleet.spec.gateway
    if gateway is None:
        raise TypeError(gateway)
    parent = {"name": gateway.name, **({"namespace": gateway.namespace} if gateway.namespace else {})}
    port = 443 if fleet.spec.tls_secret else 80
    rule: Object = {
        "matches": [{"path": {"type": "PathPrefix", "value": gateway.path}}],
        "backendRefs": [
            {"name": fleet.name(version), "port": port, "weight": share} for version, share in shares.items()
        ],
    }
    if gateway.path != "/":
        whole = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": {"path": whole}}]
    body: Object = {"parentRefs": [parent], "rules": [rule]}
    if gateway.hostnames:
        body["hostnames"] = list(gateway.hostnames)
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", fleet, None, body)


def _grows(spec: KubernetesServers) -> bool:
    return spec.max_replicas > spec.replicas


def _selector(fleet: Fleet, version: int | None) -> dict[str, str]:
    return {key: value for key, value in fleet.labels(version).items() if key.startswith("taxiway.dev/")}


def _object(api: str, kind: str, fleet: Fleet, version: int | None, body: Object) -> Object:
    metadata = {"name": fleet.name(version), "namespace": fleet.spec.namespace, "labels": fleet.labels(version)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": body}
