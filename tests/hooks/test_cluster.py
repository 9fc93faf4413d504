import json
import socket

import pytest
import yaml
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from kubernetes.config import ConfigException

from taxiway.core.errors import SpecError
from taxiway.hooks.cluster import connect, namespace_of

pytestmark = pytest.mark.usefixtures("airflow")

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {"name": "near", "cluster": {"server": "https://near.example:6443", "insecure-skip-tls-verify": True}},
        {"name": "far", "cluster": {"server": "https://far.example:6443"}},
    ],
    "users": [{"name": "me", "user": {"token": "hush"}}],
    "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("near", "far")],
    "current-context": "near",
}


@pytest.fixture
def kubeconfig(tmp_path, monkeypatch):
    """A kubeconfig that nobody finds who is not told; its path."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(KUBECONFIG))
    return str(file)


def connection(monkeypatch, extra):
    """The Airflow connection with these fields."""
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    from airflow.sdk import BaseHook

    return BaseHook.get_connection("cluster")


def settings(client):
    """What a client was told, as far as it matters to a server."""
    told = client.configuration
    options = sorted(told.socket_options or [])
    return told.host, told.verify_ssl, told.api_key, told.ssl_ca_cert, options


def fields(path):
    """Extras of connections of which each says where a cluster is in another way."""
    return {
        "a path": {"kube_config_path": path},
        "a path and a context": {"kube_config_path": path, "cluster_context": "far"},
        "a whole kubeconfig": {"kube_config": KUBECONFIG},
        "one as text": {"kube_config": json.dumps(KUBECONFIG), "cluster_context": "far"},
        "the long names of old": {"extra__kubernetes__kube_config_path": path},
        "without verification": {"kube_config_path": path, "cluster_context": "far", "disable_verify_ssl": True},
        "the same in a word": {"kube_config_path": path, "cluster_context": "far", "disable_verify_ssl": "True"},
        "without probes": {"kube_config_path": path, "disable_tcp_keepalive": True},
        "empty fields": {"kube_config_path": path, "kube_config": "", "in_cluster": False, "cluster_context": ""},
    }


@pytest.mark.parametrize("case", fields(""))
def test_a_connection_means_what_it_means_to_the_pod_operator(kubeconfig, monkeypatch, case):
    made = connection(monkeypatch, fields(kubeconfig)[case])
    assert settings(connect(made)) == settings(KubernetesHook(conn_id="cluster").get_conn())


def test_without_a_connection_the_machine_itself_knows(kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    assert connect(None).configuration.host == "https://near.example:6443"
    assert connect(connection(monkeypatch, {"cluster_context": "far"})).configuration.host == "https://far.example:6443"


def test_a_pod_uses_the_account_that_it_was_given(kubeconfig, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("hush")
    (tmp_path / "ca.crt").write_text("a certificate")
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for made in (None, connection(monkeypatch, {"in_cluster": True})):
        told = connect(made).configuration
        assert (told.host, set(told.api_key.values())) == ("https://10.0.0.1:443", {"bearer hush"})


def test_an_idle_connection_is_probed(kubeconfig, monkeypatch):
    options = connect(connection(monkeypatch, {"kube_config_path": kubeconfig})).configuration.socket_options
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options


def test_how_often_it_is_probed_is_what_the_site_configured(kubeconfig, monkeypatch):
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__TCP_KEEP_IDLE", "45")
    made = connection(monkeypatch, {"kube_config_path": kubeconfig})
    assert (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45) in connect(made).configuration.socket_options
    assert settings(connect(made)) == settings(KubernetesHook(conn_id="cluster").get_conn())


def test_a_connection_that_says_two_clusters_is_refused(kubeconfig, monkeypatch):
    both = connection(monkeypatch, {"kube_config_path": kubeconfig, "in_cluster": True})
    with pytest.raises(SpecError, match=r"connection 'cluster': .*in_cluster and kube_config_path.*Empty all but one"):
        connect(both)


@pytest.mark.parametrize("extra", [{"kube_config_path": "/nowhere/kubeconfig"}, {"in_cluster": True}, {}])
def test_a_cluster_that_is_not_there_is_an_error_of_the_configuration(kubeconfig, monkeypatch, extra):
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/nowhere/kubeconfig")
    with pytest.raises(ConfigException):
        connect(connection(monkeypatch, extra))


def test_the_namespace_is_the_connections_or_the_default_one(monkeypatch):
    assert namespace_of(None) == "default"
    assert namespace_of(connection(monkeypatch, {"namespace": "training"})) == "training"
    assert namespace_of(connection(monkeypatch, {"extra__kubernetes__namespace": "old"})) == "old"
