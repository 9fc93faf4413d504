"""Where a job runs, as an author writes it."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.records import spec
from taxiway.core.variants import OneOf

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$")]
"""An amount in Kubernetes' words: `500m`, `2`, `16Gi`."""


@spec
class LocalJob:
    """A child process on the machine of the Airflow worker, in a session of its own.

    Attributes:
        python: the interpreter of another virtual environment that has taxiway installed; the worker's own by default.
        env: environment variables to add.
        memory_bytes: how much each process of the job may allocate, its libraries not counted; no limit by default.
        deadline_s: seconds after which it is ended, waiting included.
        grace_s: seconds between asking it to stop and killing it.
    """

    python: str | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    memory_bytes: PositiveInt | None = None
    deadline_s: PositiveFloat = 24 * 3600.0
    grace_s: NonNegativeFloat = 10.0
    kind: Literal["local"] = "local"


@spec
class DockerJob:
    """A container of a Docker engine, as little privileged as a job can be.

    Attributes:
        image: its image, with taxiway and the user's code in it.
        url: the engine's address; `DOCKER_HOST`, else the local socket by default.
        conn_id: the Airflow connection of type `docker` that logs in to the image's registry.
        pull: when to ask the registry for the image.
        env: environment variables to add.
        volumes: what else the job sees, as `source:target` or `source:target:ro`; a source is a folder or a volume.
        network: the engine's network to join.
        user: `uid:gid` instead of the image's own user.
        gpus: how many GPUs; -1 asks for all of them.
        memory_bytes: a limit on its memory; none by default.
        shm_bytes: the size of `/dev/shm`, through which data loaders hand over their batches.
        deadline_s: seconds after which it is ended.
        grace_s: seconds between asking it to stop and killing it.
        keep_s: seconds to keep a container that has ended, for its log.
    """

    image: str
    url: str | None = None
    conn_id: str | None = None
    pull: Literal["missing", "always", "never"] = "missing"
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    network: str | None = None
    user: str | None = None
    gpus: Annotated[int, Field(ge=-1)] = 0
    memory_bytes: PositiveInt | None = None
    shm_bytes: PositiveInt = 1 << 30
    deadline_s: PositiveFloat = 24 * 3600.0
    grace_s: NonNegativeFloat = 10.0
    keep_s: NonNegativeFloat = 24 * 3600.0
    kind: Literal["docker"] = "docker"


@spec
class KubernetesJob:
    """A pod of a Kubernetes cluster, or one for each node, that passes the Pod Security level `restricted`.

    Attributes:
        image: its image, with taxiway and the user's code in it.
        resources: name of a resource profile that the platform team defined; what is said here wins over it.
        gpus: how many GPUs each pod asks for.
        gpu_resource: what a GPU is called in the cluster.
        cpu: processors that each pod asks for, as a quantity.
        memory: memory that each pod asks for and may not exceed, as a quantity.
        nodes: how many pods work together; with more than one, `torchrun` starts the processes of each.
        processes: how many processes `torchrun` starts in each pod; one for each GPU by default.
        restarts: how often all pods of a JobSet begin again, from the last checkpoint, when one of them dies.
        workload: what one pod is launched as: a bare pod needs no right beyond those of the pod operator. Several are
            an Indexed Job, or a JobSet where the cluster has that.
        queue: Kueue's LocalQueue to wait in.
        namespace: where; the connection's by default.
        conn_id: the Airflow connection of type `kubernetes`; the default one need not exist.
        pod_template: what else the pod should have: a pod as a dict, or the path of a YAML file; merged as the pod
            operator merges its own, and what is said here wins.
        env: environment variables to add.
        secrets: names of Secrets of that namespace; each of their keys becomes an environment variable.
        service_account: the account the pod runs as; its token is mounted only when one is named.
        priority_class: which pods go first.
        shm: the size of `/dev/shm`, through which data loaders hand over their batches; it counts as memory.
        scratch: the size of `/tmp`; as much as the node has by default.
        deadline_s: seconds after its start after which it is ended.
        queue_deadline_s: seconds that it may wait for a place to run.
        grace_s: seconds between asking it to stop and killing it: enough to save a checkpoint.
        keep_s: seconds to keep a pod that has ended, for its log.
    """

    image: str
    resources: str | None = None
    gpus: NonNegativeInt | None = None
    gpu_resource: str = "nvidia.com/gpu"
    cpu: Quantity | None = None
    memory: Quantity | None = None
    nodes: PositiveInt = 1
    processes: PositiveInt | None = None
    restarts: NonNegativeInt = 3
    workload: Literal["pod", "job"] = "pod"
    queue: str | None = None
    namespace: str | None = None
    conn_id: str = "kubernetes_default"
    pod_template: Mapping[str, JsonValue] | str | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    service_account: str | None = None
    priority_class: str | None = None
    shm: Quantity = "1Gi"
    scratch: Quantity | None = None
    deadline_s: PositiveFloat = 24 * 3600.0
    queue_deadline_s: PositiveFloat = 24 * 3600.0
    grace_s: NonNegativeFloat = 10.0
    keep_s: NonNegativeFloat = 24 * 3600.0
    kind: Literal["kubernetes"] = "kubernetes"

    def __post_init__(self) -> None:
        """Refuses what no cluster could run."""
        if not self.image.strip():
            raise SpecError("a pod needs an image", where="KubernetesJob.image", do="Name one, with its tag.")


Where = Annotated[LocalJob | DockerJob | KubernetesJob, OneOf(default="local")]
"""Where a stage may run."""


def queue_s(where: LocalJob | DockerJob | KubernetesJob) -> float:
    """How long a job may wait for a place to run, in seconds; the clock of its deadline starts after that."""
    return where.queue_deadline_s if isinstance(where, KubernetesJob) else where.deadline_s
