import pytest

from taxiway.core import DockerServer, Everybody, Gateway, KServeServers, KubernetesServers, LocalServer, Tokens, Tuning
from taxiway.core.errors import SpecError


@pytest.mark.parametrize("server", [LocalServer, lambda **given: DockerServer("serve:1", **given)])
def test_a_server_that_others_can_reach_must_say_who_may_ask(server):
    assert server(host="localhost").access is None
    with pytest.raises(SpecError, match="others can reach this server, and nobody said who may ask it"):
        server(host="::")
    assert server(host="::", access=Tokens("tokens")).access == Tokens("tokens")
    assert server(host="::", access=Everybody()).access == Everybody()


@pytest.mark.parametrize("half", [{"certificate": "cert.pem"}, {"certificate_key": "key.pem"}])
def test_half_a_certificate_is_refused(half):
    with pytest.raises(SpecError, match="a certificate and its key belong together"):
        LocalServer(**half)


def test_the_pods_of_kserve_are_those_of_a_deployment_for_each_version():
    given = {
        "namespace": "models",
        "conn_id": "cluster",
        "gateway": Gateway("main"),
        "replicas": 3,
        "cpu": "1",
        "memory": "1Gi",
        "service_account": "models",
        "env": {"A": "1"},
        "secrets": ("store",),
        "node_selector": {"pool": "models"},
        "tuning": Tuning(batch=8),
    }
    made = KServeServers("serve:1", Everybody(), **given)
    assert made.pods == KubernetesServers("serve:1", Everybody(), mode="revisions", **given)
    assert made.kind == "kserve"
