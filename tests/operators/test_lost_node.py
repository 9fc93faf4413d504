"""A node that does not answer any more, on a real cluster: `tests/cluster/up`, then `pytest -m system`."""

import os
import signal
import time

import pytest

from cluster.fixtures import STATES
from operators import elsewhere
from operators.elsewhere import until
from runners import pods
from taxiway.core.jobs import JobFailed
from taxiway.core.training import TrainingRun

globals().update({name: getattr(pods, name) for name in pods.__all__ if name != "make"})
fly = elsewhere.fly

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(900)]

HURRIES = {
    "tolerations": [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in ("not-ready", "unreachable")
    ]
}
"""Takes pods from a lost node at once, instead of after a minute: other tests want the node back."""


@pytest.fixture
def node(cluster):
    """Stops the node's agent, and lets it go on at the end; the pods on it run on meanwhile, unseen."""
    file = STATES / "cluster" / "run" / "kubelet.pid"
    if os.environ.get("KUBECONFIG", cluster.kubeconfig) != str(STATES / "cluster" / "admin.kubeconfig"):
        pytest.skip("only the node of tests/cluster/up can be taken away and given back")
    agent = int(file.read_text().split()[0])

    class Node:
        def stop(self):
            """Until the cluster has noticed, and sends the pods away.

            Where no node is left at all it does not: then it takes itself for what is cut off. The taint is what it
            would set if there were another one.
            """
            os.kill(agent, signal.SIGSTOP)
            until(lambda: not self.ready(), 120, "nobody missed the node")
            name = self.seen()["metadata"]["name"]
            cluster.kubectl("taint", "node", name, "node.kubernetes.io/unreachable=:NoExecute", "--overwrite")

        def go_on(self):
            os.kill(agent, signal.SIGCONT)

        def seen(self):
            (node,) = cluster.get("nodes")["items"]
            return node

        def ready(self):
            conditions = self.seen()["status"]["conditions"]
            return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

        def answers(self):
            return self.ready() and not self.seen()["spec"].get("taints")

    found = Node()
    yield found
    found.go_on()
    until(found.answers, 120, "the node did not come back")


@pytest.mark.parametrize("workload", ["pod", "job"])
def test_a_training_whose_node_is_lost_goes_on_elsewhere_from_its_checkpoint(
    fly, node, cluster, namespace, monkeypatch, workload
):
    monkeypatch.setattr("taxiway.core.pods._PATIENCE_S", 5.0)
    where = {"workload": workload, "pod_template": {"spec": HURRIES}}
    flight = fly("operators.stages:resumable", where, steps=800, pause=0.25, every_s=1.0)
    task = flight.begin()
    until(lambda: len(flight.steps("counted")) > 20, 300)
    node.stop()
    began = time.monotonic()
    error = task.exception(400)
    print(f"{workload}: known to be lost after {time.monotonic() - began:.0f} s")
    assert (type(error), error.retryable) == (JobFailed, True)
    assert "NodeLost: DeletionByTaintManager" in str(error)
    until(lambda: not cluster.get("pods", "-n", namespace)["items"], 15, "what is forgotten holds a GPU")
    saved = max(flight.steps("counted"))
    node.go_on()
    until(node.answers, 120)
    run = TrainingRun.load(flight.execute())
    first = int(flight.said(2).partition("begins at step ")[2].split()[0])
    assert saved - 20 < first
    assert flight.steps("counted") == list(range(800))
    assert flight.spent() == [(1, "NodeLost", True), (2, "succeeded", False)]
    assert run.run == flight.history().result.run
