"""Resource profiles: what a platform team calls its sizes of machine, so that authors need only the name."""

from collections.abc import Mapping

from pydantic import JsonValue, NonNegativeInt

from taxiway.core.records import spec
from taxiway.core.specs.jobs import Quantity


@spec
class ResourceProfile:
    """What a pod of this size asks for.

    Attributes:
        cpu: processors, as a quantity.
        memory: memory, which is also the limit, as a quantity.
        gpus: how many GPUs.
        gpu_resource: what they are called in the cluster.
        queue: Kueue's LocalQueue to wait in.
        priority_class: which pods go first.
        pod_template: what else such a pod needs, as a pod: node selector, tolerations, runtime class.
        larger: name of the profile to try once with when a job ran out of memory in this one.
    """

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpus: NonNegativeInt | None = None
    gpu_resource: str | None = None
    queue: str | None = None
    priority_class: str | None = None
    pod_template: Mapping[str, JsonValue] | None = None
    larger: str | None = None
