"""Services in pods of a real cluster: what their tests have in common."""

import json

import pytest

from runtime.serving.kit import Airfield
from taxiway.core import Everybody, Tuning
from taxiway.runners.objects import Cluster
from taxiway.stores.objects import open_store

SECRET = "taxiway-store"


@pytest.fixture
def field(s3_for_pods, cluster, namespace, monkeypatch, tmp_path):
    """Versions in a store of their own that pods of the namespace are let into."""
    for name, value in s3_for_pods.environment.items():
        monkeypatch.setenv(name, value)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": namespace}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({**secret, "stringData": s3_for_pods.environment}))
    return Airfield.in_store(tmp_path, open_store(f"{s3_for_pods.uri}{namespace}/"))


@pytest.fixture
def asking(kubeconfig):
    """Whoever may make the objects of a service."""
    pytest.importorskip("kubernetes.client", reason="Kubernetes' client is not installed: pip install kubernetes")
    from kubernetes.config import new_client_from_config

    return Cluster(lambda: new_client_from_config(kubeconfig))


@pytest.fixture
def small(namespace, load_image, serve_image):
    """How a service of one small replica runs in the namespace, as its specification says it."""
    return {
        "image": load_image(serve_image),
        "access": Everybody(),
        "namespace": namespace,
        "replicas": 1,
        "cpu": "50m",
        "memory": "600Mi",
        "secrets": (SECRET,),
        "tuning": Tuning(sample=0.0, drain_s=5.0),
    }
