"""The chart's network policies where they are enforced: `tests/cluster/up` and `addon-policies`."""

import json
import time

import pytest

from contract.runner import ended, request, result
from helm.charts import found
from helm.sites import give_secret, new_site, restricted
from runners.pods import pod_image, runner_in

__all__ = ["pod_image"]

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

NOT_ENFORCED = "This cluster enforces no network policies: run tests/cluster/addon-policies."
PORT = 8000
PATIENCE_S = 30.0
JOB = {"taxiway.dev/job": "some"}
KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
except OSError:
    print("shut")
else:
    print("open")
"""
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


class Pod:
    """A pod that answers on one port, and may ask others."""

    def __init__(self, cluster, namespace, name, image, labels=()):
        self.cluster, self.namespace, self.name = cluster, namespace, name
        command = ["python", "-m", "http.server", str(PORT), "--directory", "/dev/shm"]
        meta = {"name": name, "namespace": namespace, "labels": dict(labels)}
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": restricted(image=image, command=command)}
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
        cluster.kubectl("wait", "-n", namespace, f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        self.address = cluster.get("pod", name, "-n", namespace)["status"]["podIP"]

    def reaches(self, other: "Pod") -> bool:
        asking = ("exec", "-n", self.namespace, self.name, "--", "python", "-c", KNOCK, other.address, str(PORT))
        return self.cluster.kubectl(*asking).strip() == "open"


def becomes(condition, expected: bool) -> bool:
    """Whether a condition becomes so within some seconds: rules follow the pods they are about."""
    end = time.monotonic() + PATIENCE_S
    while condition() is not expected:
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


@pytest.fixture(scope="module")
def helm():
    """One version is enough for what both make alike."""
    return found("helm")


@pytest.fixture(scope="module")
def stranger(cluster, load_image, job_image):
    """A pod that has nothing to do with Taxiway, in a cluster that enforces policies."""
    image = load_image(job_image)
    with cluster.namespace() as namespace:
        first, second = (Pod(cluster, namespace, name, image) for name in ("first", "second"))
        assert first.reaches(second)
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"}}
        cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps({**policy, "spec": DENY}))
        if not becomes(lambda: first.reaches(second), False):
            pytest.skip(NOT_ENFORCED)
        cluster.kubectl("delete", "networkpolicy", "deny", "-n", namespace)
        assert becomes(lambda: first.reaches(second), True)
        yield first


@pytest.fixture(scope="module")
def installed(stranger, cluster, helm, s3_for_pods, load_image, job_image):
    """The chart, with a way to the store and to nothing else."""
    with new_site(cluster, helm, s3_for_pods, load_image(job_image)) as site:
        site.do("install", "--set", "check.enabled=false")
        yield site


@pytest.fixture
def pod(installed, load_image, job_image):
    """Starts pods on the site."""
    image = load_image(job_image)
    made = []

    def starting(namespace, name, labels=()):
        made.append(Pod(installed.cluster, namespace, name, image, labels))
        return made[-1]

    yield starting
    for one in made:
        installed.cluster.kubectl("delete", "pod", one.name, "-n", one.namespace)


def test_a_job_does_its_work_where_it_reaches_the_store_alone(
    installed, kubeconfig, s3_for_pods, pod_image, monkeypatch
):
    for name, value in s3_for_pods.environment.items():
        monkeypatch.setenv(name, value)
    give_secret(installed.cluster, installed.training, s3_for_pods)
    store = f"{s3_for_pods.uri}{installed.release}/"
    runner = runner_in(kubeconfig, store, image=pod_image, namespace=installed.training)
    asked = request("echo", store)
    ended(runner, runner.launch(asked))
    answer = result(asked)
    assert answer.record, answer.failure


def test_the_pods_of_jobs_reach_each_other_and_nobody_else(installed, stranger, pod):
    one, other = (pod(installed.training, name, JOB) for name in ("one", "other"))
    assert becomes(lambda: one.reaches(stranger), False)
    assert becomes(lambda: stranger.reaches(other), False)
    assert becomes(lambda: one.reaches(other), True)


def test_what_is_no_job_reaches_nobody_in_the_namespace_of_jobs(installed, pod):
    job, idler = pod(installed.training, "job", JOB), pod(installed.training, "idler")
    assert becomes(lambda: idler.reaches(job), False)
    assert becomes(lambda: job.reaches(idler), False)


def test_servers_are_asked_by_airflow_and_by_whom_the_values_name(installed, stranger, pod):
    server, airflow = pod(installed.serving, "server"), pod(installed.airflow, "airflow")
    assert becomes(lambda: stranger.reaches(server), False)
    assert becomes(lambda: server.reaches(stranger), False)
    assert becomes(lambda: airflow.reaches(server), True)
    labels = {"kubernetes.io/metadata.name": stranger.namespace}
    peers = json.dumps([{"namespaceSelector": {"matchLabels": labels}}])
    installed.do("upgrade", "--set", "check.enabled=false", "--set-json", f"serving.networkPolicy.from={peers}")
    assert becomes(lambda: stranger.reaches(server), True)
