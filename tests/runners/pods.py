"""Jobs in pods of a real cluster: what their tests have in common."""

import functools
import json

import pytest

from taxiway.core.specs.jobs import KubernetesJob
from taxiway.runners.kubernetes import KubernetesRunner
from taxiway.runners.objects import Cluster

__all__ = ["make", "pod_image", "runner", "runner_in", "store"]

SECRET = "taxiway-store"


@pytest.fixture(scope="session")
def pod_image(load_image, steps_image) -> str:
    """The image of the tests, where the cluster has it."""
    return load_image(steps_image)


@pytest.fixture
def store(s3_for_pods, cluster, namespace, monkeypatch):
    """URI of a store that pods of the namespace are let into by a Secret, and this process by its environment."""
    for name, value in s3_for_pods.environment.items():
        monkeypatch.setenv(name, value)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "stringData": s3_for_pods.environment,
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(secret))
    return f"{s3_for_pods.uri}{namespace}/"


def runner_in(kubeconfig, store, **given) -> KubernetesRunner:
    """A runner whose jobs are as `given`; their namespace has the store's Secret."""

    def connect():
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_kube_config(kubeconfig, client_configuration=settings)
        return client.ApiClient(settings)

    usual = {"secrets": (SECRET,), "grace_s": 2.0, "shm": "16Mi"}
    return KubernetesRunner(KubernetesJob(**{**usual, **given}), Cluster(connect), store=store)


@pytest.fixture
def make(kubeconfig, namespace, store, pod_image):
    """Makes a runner of the namespace."""
    return functools.partial(runner_in, kubeconfig, store, image=pod_image, namespace=namespace)


@pytest.fixture
def runner(make):
    return make()
