"""Servers that the chart runs itself: they serve what the log says, let in who shows a token, and follow."""

import json
import time

import pytest

from helm.charts import found
from helm.sites import give_secret
from runtime.serving.kit import SERVICE, Airfield
from taxiway.stores.objects import open_store

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

TOKEN = "a-token-of-these-tests"
ASK = """
import json, sys, urllib.request
path, body, token = sys.argv[1:]
headers = {"authorization": f"Bearer {token}"} if token else {}
request = urllib.request.Request("http://127.0.0.1:8080" + path, body.encode() or None, headers)
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


@pytest.fixture(scope="module")
def helm():
    """One version is enough for what both make alike."""
    return found("helm")


@pytest.fixture
def field(s3_for_pods, tmp_path):
    with s3_for_pods.here():
        yield Airfield.in_store(tmp_path, open_store(f"{s3_for_pods.uri}served/"))


@pytest.fixture
def servers(site, field, s3_for_pods, serve_image, load_image):
    """Two replicas that the chart made, which serve version 1."""
    field.serve(field.register("train_with_words"))
    chart = ("--set", f"store.uri={s3_for_pods.uri}served/", "--set", "check.enabled=false")
    site.do("install", *chart)
    give_secret(site.cluster, site.serving, s3_for_pods)
    words = ("create", "secret", "generic", "tokens", "-n", site.serving, f"--from-literal=tokens={TOKEN}")
    site.cluster.kubectl(*words)
    service = {
        "access.tokens": "tokens",
        "image": load_image(serve_image),
        "maxReplicas": "3",
        "resources.requests.cpu": "50m",
        "args[0]": "--sample=1",
    }
    for name, value in service.items():
        chart += ("--set", f"serving.services.{SERVICE}.{name}={value}")
    site.do("upgrade", *chart)
    both = "--for=jsonpath={.status.readyReplicas}=2"  # from 1, by its HorizontalPodAutoscaler
    scaled = (both, f"deployment/{SERVICE}", "-n", site.serving)
    site.cluster.kubectl("wait", *scaled, "--timeout=300s", timeout_s=320)
    return Servers(site)


class Servers:
    def __init__(self, site):
        self.site = site

    def pods(self):
        found = self.site.cluster.get("pods", "-n", self.site.serving, "-l", f"taxiway.dev/service={SERVICE}")
        return [pod["metadata"]["name"] for pod in found["items"]]

    def ask(self, pod, path, body=None, token=TOKEN):
        words = ("python", "-c", ASK, path, json.dumps(body) if body is not None else "", token)
        return json.loads(self.site.cluster.kubectl("exec", "-n", self.site.serving, pod, "--", *words))

    def generations(self):
        return {self.ask(pod, "/status")["generation"] for pod in self.pods()}


def test_they_serve_what_the_log_says_and_follow_it_and_ask_for_a_token(servers, field):
    pods = servers.pods()
    assert len(pods) == 2
    question = {"rows": [{"carrier": "UA", "delay": 1.5, "hour": 12}]}
    for pod in pods:
        assert servers.ask(pod, "/predict", question)["version"] == 1
    with pytest.raises(AssertionError, match="401"):
        servers.ask(pods[0], "/predict", question, token="")
    made = servers.site.cluster.get("hpa,pdb", "-n", servers.site.serving)["items"]
    assert {one["kind"] for one in made} == {"HorizontalPodAutoscaler", "PodDisruptionBudget"}

    field.serve(field.register("train_a_forest"))
    end = time.monotonic() + 60
    while servers.generations() != {2}:
        assert time.monotonic() < end, servers.generations()
        time.sleep(0.5)
    assert {servers.ask(pod, "/predict", question)["version"] for pod in pods} == {2}
    assert servers.pods() == pods  # no replica was started again for it
