"""What the system tests run against: the parts that `tests/cluster` starts, or whatever the environment names."""

from cluster.fixtures import (
    bare_image,
    base_image,
    cluster,
    docker_engine,
    job_image,
    kubeconfig,
    load_image,
    namespace,
    s3_for_containers,
    s3_for_pods,
    serve_image,
    steps_image,
)

__all__ = [
    "bare_image",
    "base_image",
    "cluster",
    "docker_engine",
    "job_image",
    "kubeconfig",
    "load_image",
    "namespace",
    "s3_for_containers",
    "s3_for_pods",
    "serve_image",
    "steps_image",
]
