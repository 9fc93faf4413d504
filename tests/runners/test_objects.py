import pytest

from runners.api_server import serving
from taxiway.core.errors import BackendError, SpecError
from taxiway.runners.objects import Cluster

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {}}


@pytest.fixture
def api():
    with serving() as (server, connect):
        yield server, Cluster(connect)


def test_an_object_is_created_once_found_listed_and_deleted(api):
    server, cluster = api
    assert cluster.get("Pod", "ns", "p") is None
    assert cluster.create("ns", POD) is None
    assert cluster.create("ns", POD) is None
    assert len(server.objects) == 1
    assert cluster.get("Pod", "ns", "p")["spec"] == {}
    assert [one["metadata"]["name"] for one in cluster.list("Pod", "ns", labelSelector="a=b")] == ["p"]
    assert cluster.list("Pod", "ns", labelSelector="a=c") == []
    cluster.delete("Pod", "ns", "p")
    cluster.delete("Pod", "ns", "p", grace_s=0)
    assert server.objects == {}


def test_a_full_quota_is_no_error_and_any_other_refusal_is(api):
    server, cluster = api
    server.refuse["POST", "/pods"] = (403, 'pods "p" is forbidden: exceeded quota: gpus')
    assert "exceeded quota: gpus" in cluster.create("ns", POD).reason
    server.refuse["POST", "/pods"] = (403, 'pods "p" is forbidden: violates PodSecurity "restricted"')
    with pytest.raises(SpecError, match="violates PodSecurity"):
        cluster.create("ns", POD)
    server.refuse["POST", "/pods"] = (404, 'namespaces "ns" not found')
    with pytest.raises(SpecError, match="not found"):
        cluster.create("ns", POD)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (403, SpecError, "run-on-kubernetes.md"),
        (422, SpecError, "Correct the specification"),
        (400, SpecError, "does not accept"),
        (500, BackendError, "500: no luck"),
        (429, BackendError, "429: no luck"),
    ],
)
def test_an_answer_that_is_none_says_what_to_do(api, status, error, says):
    server, cluster = api
    server.refuse["GET", "/pods"] = (status, "no luck")
    with pytest.raises(error, match=says) as caught:
        cluster.list("Pod", "ns")
    assert "no luck" in str(caught.value)


def test_a_server_that_is_not_there_may_come_back():
    with serving() as (_, connect):
        cluster = Cluster(connect)
    with pytest.raises(BackendError, match="could not do it"):
        cluster.get("Pod", "ns", "p")


def test_a_log_that_does_not_exist_yet_is_empty(api):
    server, cluster = api
    assert b"".join(cluster.log("ns", "p")) == b""
    server.logs["p"] = b"2026-01-01T00:00:00Z hello\n"
    assert b"".join(cluster.log("ns", "p", timestamps="true")) == b"2026-01-01T00:00:00Z hello\n"


def test_what_kinds_there_are_is_asked_once(api):
    server, cluster = api
    assert cluster.knows("JobSet")
    server.kinds.clear()
    assert cluster.knows("JobSet")
    server.refuse["GET", "kueue"] = (404, "no such group")
    assert not cluster.knows("Workload")
    assert cluster.list("Workload", "ns") == []


def test_a_cluster_says_by_which_schema_it_reads_a_kind(api):
    server, cluster = api
    assert cluster.schema("InferenceService") is None
    list_of = {"x-kubernetes-group-version-kind": [{"kind": "InferenceServiceList"}]}
    of_one = {"x-kubernetes-group-version-kind": [{"kind": "InferenceService"}], "properties": {"spec": {}}}
    server.schemas = {"components": {"schemas": {"meta": {}, "list": list_of, "one": of_one}}}
    assert cluster.schema("InferenceService")["properties"] == {"spec": {}}
    assert cluster.schema("ServingRuntime") is None
