"""The cluster that the tests run against: pods that pass its strictest level, run our image and reach our storage."""

import json

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

CONTEXT = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def said_by_a_pod(cluster, namespace, image, *command):
    """What a pod of the level `restricted` prints until it ends well."""
    container = {"name": "job", "image": image, "command": [*command], "securityContext": CONTEXT}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "job", "namespace": namespace},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    cluster.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.phase}=Succeeded", "pod/job", "--timeout=100s")
    return cluster.kubectl("logs", "-n", namespace, "job")


def test_a_strict_pod_runs_the_job_image(cluster, namespace, load_image, job_image):
    said = said_by_a_pod(cluster, namespace, load_image(job_image), "python", "-m", "taxiway.runtime", "job", "--help")
    assert "--key KEY" in said


def test_a_pod_reaches_the_object_storage_of_the_tests(cluster, namespace, load_image, job_image, s3_for_pods):
    code = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=10)
except urllib.error.HTTPError as error:
    print(error.code)
"""
    command = ("python", "-c", code, s3_for_pods.endpoint)
    assert said_by_a_pod(cluster, namespace, load_image(job_image), *command) == "403\n"


def test_a_pod_that_is_not_strict_is_refused(cluster, namespace, job_image):
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        cluster.kubectl("run", "lax", "-n", namespace, "--image", job_image)
