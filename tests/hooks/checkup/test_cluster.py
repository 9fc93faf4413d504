import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes.client import ApiClient, Configuration

from taxiway.hooks.checkup.cluster import DEPLOY, LAUNCH, cluster, connected
from taxiway.hooks.store import TaxiwayHook

GPU = "nvidia.com/gpu"


@contextmanager
def api_server(*, denied=(), nodes=({},), may_see_nodes=True, groups=()):
    """A cluster that allows all but some verbs; gives what connects to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/version/":
                return self.say(200, {"gitVersion": "v1.35.0", **dict.fromkeys(VERSION, "")})
            if self.path == "/apis/":
                return self.say(200, {"groups": [{"name": one, "versions": []} for one in groups]})
            items = [{"status": {"allocatable": one}} for one in nodes]
            return self.say(200, {"items": items}) if may_see_nodes else self.say(403, {"message": "forbidden"})

        def do_POST(self):
            spec = json.loads(self.rfile.read(int(self.headers["content-length"])))["spec"]
            asked = spec["resourceAttributes"]
            allowed = (asked["resource"], asked["subresource"], asked["verb"]) not in denied
            self.say(201, {"spec": spec, "status": {"allowed": allowed}})

        def say(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        configuration = Configuration()
        configuration.host = f"http://127.0.0.1:{server.server_port}"
        yield lambda: ApiClient(configuration)
        server.shutdown()
        thread.join()


VERSION = ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform")


def wrong(found):
    return [(one.check, one.detail, one.remedy) for one in found if not one.ok]


def test_a_cluster_that_allows_everything_is_well():
    with api_server(nodes=({}, {GPU: "8"})) as connect:
        found = list(cluster(connect, "training", gpus=[GPU]))
    assert wrong(found) == []
    assert found[0].check == "the cluster answers: Kubernetes v1.35.0"
    assert len(found) == 2 + len(LAUNCH) + 1


def test_a_missing_right_is_found_with_the_rule_to_add():
    with api_server(denied=[("pods", "", "delete"), ("pods", "log", "get")]) as connect:
        first, second = wrong(cluster(connect, "training"))
    assert first[:2] == (
        "this account may create, get, list, delete pods in the namespace training",
        "It may not delete them.",
    )
    assert "apiGroups: [''], resources: ['pods'], verbs: ['delete']" in first[2]
    assert "resources: ['pods/log'], verbs: ['get']" in second[2]


def test_deploying_services_takes_other_rights():
    with api_server(denied=[("deployments", "", "patch")]) as connect:
        ((check, detail, remedy),) = wrong(cluster(connect, "models", rights=DEPLOY))
    assert check.startswith("this account may get, list, create, patch, delete deployments")
    assert detail == "It may not patch them."
    assert "apiGroups: ['apps']" in remedy


def test_where_there_is_kserve_its_rights_are_asked_too():
    denied = [("inferenceservices", "", "patch")]
    with api_server(denied=denied, groups=["apps"]) as connect:
        assert wrong(cluster(connect, "models", rights=DEPLOY)) == []
    with api_server(denied=denied, groups=["serving.kserve.io"]) as connect:
        assert wrong(cluster(connect, "models")) == []
        ((check, detail, remedy),) = wrong(cluster(connect, "models", rights=DEPLOY))
    assert "inferenceservices in the namespace models" in check
    assert detail == "It may not patch them."
    assert "apiGroups: ['serving.kserve.io']" in remedy


def test_a_missing_gpu_resource_is_found_with_what_to_install():
    with api_server(nodes=({"cpu": "8"}, {GPU: "0"})) as connect:
        ((check, detail, remedy),) = wrong(cluster(connect, "training", gpus=[GPU]))
    assert (check, detail) == (f"a node of the cluster has {GPU}", "None of its 2 nodes has any.")
    assert "GPU operator" in remedy


def test_an_account_that_may_not_see_nodes_is_not_blamed_for_it():
    with api_server(may_see_nodes=False) as connect:
        last = list(cluster(connect, "training", gpus=[GPU]))[-1]
    assert (last.ok, last.asked) == (True, False)
    assert "kubectl describe nodes" in last.detail


def test_a_clock_that_is_off_is_found():
    with api_server() as connect:
        ((check, *_),) = wrong(cluster(connect, "training", clock=lambda: time.time() - 120))
    assert check == "the clocks of this machine and of the cluster agree"


def test_a_cluster_that_does_not_answer_is_one_finding():
    configuration = Configuration()
    configuration.host, configuration.retries = "http://127.0.0.1:9", False
    ((check, _, remedy),) = wrong(cluster(lambda: ApiClient(configuration), "training"))
    assert check == "the cluster answers"
    assert "kubeconfig" in remedy


@pytest.mark.usefixtures("airflow")
def test_a_connection_that_is_not_there_is_one_finding():
    ((check, _, remedy),) = wrong(connected(TaxiwayHook(), "nowhere"))
    assert check == "the connection 'nowhere' can be used"
    assert "Add a connection" in remedy
