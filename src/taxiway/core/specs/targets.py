"""Where a service runs, as an author writes it."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.records import spec
from taxiway.core.variants import OneOf

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]
_HERE = ("127.0.0.1", "::1", "localhost")


@spec
class Everybody:
    """Whoever reaches the server may ask it."""

    kind: Literal["everybody"] = dataclasses.field(default="everybody", kw_only=True)


@spec
class Tokens:
    """Who shows one of these tokens may ask.

    Attributes:
        source: the file with the tokens, one a line; on Kubernetes the Secret that holds them under the key `tokens`.
    """

    source: str
    kind: Literal["tokens"] = dataclasses.field(default="tokens", kw_only=True)


@spec
class WebTokens:
    """Who shows a JSON Web Token for this audience from this issuer may ask.

    Attributes:
        jwks: https URL of the issuer's keys.
        audience: what a token must be for.
        issuer: who must have issued it.
    """

    jwks: str
    audience: str
    issuer: str
    kind: Literal["web_tokens"] = dataclasses.field(default="web_tokens", kw_only=True)


Access = Annotated[Everybody | Tokens | WebTokens, OneOf()]


@spec
class Tuning:
    """What a server takes on.

    Attributes:
        deadline_s: how long a request may take.
        queue: requests that may wait; more are refused.
        batch: requests answered at once.
        predictors: processes per version.
        sample: which share of the requests is kept in the traffic log.
        drain_s: how long what is under way may take when a server ends.
        signed_by: PEM file of public keys, where the server runs: only versions that one of them signed are served.
    """

    deadline_s: PositiveFloat = 10.0
    queue: PositiveInt = 256
    batch: PositiveInt = 64
    predictors: PositiveInt = 1
    sample: Share = 0.1
    drain_s: PositiveFloat = 20.0
    signed_by: str | None = None


@spec
class LocalServer:
    """A supervised process on the machine of the Airflow worker; it is started again when it ends.

    Attributes:
        port: where it listens.
        host: which address it listens on.
        access: who may ask; must be said unless only this machine can reach it.
        certificate: PEM file with its certificate and chain; plain http without one.
        certificate_key: PEM file with its key.
        python: the interpreter of another virtual environment that has taxiway installed; the worker's own by default.
        env: environment variables to add.
        tuning: what it takes on.
    """

    port: Port = 8090
    host: str = "127.0.0.1"
    access: Access | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    python: str | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tuning: Tuning = dataclasses.field(default_factory=Tuning)
    kind: Literal["local"] = "local"

    def __post_init__(self) -> None:
        """Refuses a server that others can reach and nobody said who may."""
        if self.access is None and self.host not in _HERE:
            raise _open_to_all("LocalServer.access")
        if (self.certificate is None) != (self.certificate_key is None):
            raise SpecError("a certificate and its key belong together", where="LocalServer", do="Name both or none.")


@spec
class DockerServer:
    """A container of a Docker engine, started again when it ends, as little privileged as a server can be.

    Attributes:
        image: its image: the serving image, or one made from it.
        port: where the engine publishes it.
        host: on which of the engine's addresses.
        access: who may ask; must be said unless only this machine can reach it.
        url: the engine's address; `DOCKER_HOST`, else the local socket by default.
        env: environment variables to add.
        volumes: what else it sees, as `source:target` or `source:target:ro`.
        network: the engine's network to join.
        user: `uid:gid` instead of the image's own user.
        memory_bytes: a limit on its memory; none by default.
        tuning: what it takes on.
    """

    image: str
    port: Port = 8090
    host: str = "127.0.0.1"
    access: Access | None = None
    url: str | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    network: str | None = None
    user: str | None = None
    memory_bytes: PositiveInt | None = None
    tuning: Tuning = dataclasses.field(default_factory=Tuning)
    kind: Literal["docker"] = "docker"

    def __post_init__(self) -> None:
        """Refuses a server that others can reach and nobody said who may."""
        if self.access is None and self.host not in _HERE:
            raise _open_to_all("DockerServer.access")


@spec
class Gateway:
    """A Gateway of the Gateway API that routes to the service; weights are in its HTTPRoute.

    Attributes:
        name: of the Gateway.
        namespace: it is in; the service's own by default.
        hostnames: under which the service is reached; all by default.
        path: the prefix of the paths that lead to it.
    """

    name: str
    namespace: str | None = None
    hostnames: tuple[str, ...] = ()
    path: str = "/"


@spec
class KubernetesServers:
    """A Deployment and a Service of a Kubernetes cluster.

    With `followers` all replicas follow the service's log and split the traffic themselves. With `revisions` each
    version has a Deployment of its own, and the traffic is split by a Gateway, or moved as a whole by the Service.

    Attributes:
        image: the serving image, or one made from it.
        access: who may ask.
        namespace: where it runs.
        conn_id: Airflow connection of the cluster.
        mode: see above.
        gateway: what routes to the service; needed to split traffic between revisions.
        replicas: how many, and at least how many where the number may grow.
        max_replicas: at most how many; a HorizontalPodAutoscaler is made when it is more than `replicas`.
        target_cpu_pct: the load that the number of replicas is adjusted to.
        cpu: requested per replica, in Kubernetes' words: `500m`.
        memory: requested per replica and its limit: `512Mi`.
        service_account: whose rights the replicas have: to read the store.
        env: environment variables to add.
        secrets: Secrets whose keys become environment variables, such as the store's credentials.
        node_selector: labels of the nodes it may run on.
        tls_secret: Secret with the certificate; plain http inside the cluster without one.
        tuning: what each replica takes on.
    """

    image: str
    access: Access
    namespace: str = "default"
    conn_id: str = "kubernetes_default"
    mode: Literal["followers", "revisions"] = "followers"
    gateway: Gateway | None = None
    replicas: PositiveInt = 2
    max_replicas: NonNegativeInt = 0
    target_cpu_pct: Annotated[int, Field(ge=1, le=100)] = 70
    cpu: str = "500m"
    memory: str = "512Mi"
    service_account: str = "default"
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tls_secret: str | None = None
    tuning: Tuning = dataclasses.field(default_factory=Tuning)
    kind: Literal["kubernetes"] = "kubernetes"


@spec
class KServeServers:
    """InferenceServices of KServe 0.16 or later, in its Standard mode: without Knative.

    With `Direct` and `BlueGreen` each version has an InferenceService of its own, and a Service moves the traffic as a
    whole. With a `Canary` there is one InferenceService whose traffic KServe splits by `spec.canary`: from 0.21 on.

    Attributes:
        image: the serving image, or one made from it.
        access: who may ask.
        namespace: where it runs.
        conn_id: Airflow connection of the cluster.
        gateway: what routes to the service; none with a `Canary`, which KServe's own Gateway splits.
        replicas: how many of each version.
        cpu: requested per replica, in Kubernetes' words: `500m`.
        memory: requested per replica and its limit: `512Mi`.
        service_account: whose rights the replicas have: to read the store.
        env: environment variables to add.
        secrets: Secrets whose keys become environment variables, such as the store's credentials.
        node_selector: labels of the nodes it may run on.
        tuning: what each replica takes on.
    """

    image: str
    access: Access
    namespace: str = "default"
    conn_id: str = "kubernetes_default"
    gateway: Gateway | None = None
    replicas: PositiveInt = 2
    cpu: str = "500m"
    memory: str = "512Mi"
    service_account: str = "default"
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tuning: Tuning = dataclasses.field(default_factory=Tuning)
    kind: Literal["kserve"] = "kserve"

    @property
    def pods(self) -> KubernetesServers:
        """The same replicas as those of a Deployment for each version."""
        shared = [field.name for field in dataclasses.fields(self) if field.name != "kind"]
        return KubernetesServers(mode="revisions", **{name: getattr(self, name) for name in shared})


Servers = Annotated[LocalServer | DockerServer | KubernetesServers | KServeServers, OneOf()]


def _open_to_all(where: str) -> SpecError:
    return SpecError(
        "others can reach this server, and nobody said who may ask it",
        where=where,
        expected="access=Tokens(…), access=WebTokens(…) or access=Everybody()",
        got="nothing",
        do="Say who may ask, or let it listen on 127.0.0.1 only.",
    )
