"""What a platform of a cluster decides, with a shelf of objects; test_kubernetes_contract has a real one."""

import pytest

import samples
from targets.shelf import Shelf
from taxiway.core import BlueGreen, Canary, Everybody, Gateway, KubernetesServers, Service, Shadow, Tokens
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.serving import Phase
from taxiway.targets import kubernetes
from taxiway.targets.kubernetes import KubernetesPlatform

OLD, NEW = samples.target(1), samples.target(2)
LIVE = samples.service_state(4)
STARTING = samples.service_state(5, candidate=NEW, phase=Phase.STARTING)
TRIAL = samples.service_state(6, candidate=NEW, weight=25, phase=Phase.TRIAL)
PROMOTED = samples.service_state(7, live=NEW, earlier=(OLD,))


@pytest.fixture
def shelf():
    return Shelf()


def platform(shelf, rollout=None, options=None, access=None, **changes):
    spec = KubernetesServers("taxiway-serve:1", access or Everybody(), **changes)
    service = Service("delays", rollout or BlueGreen(), on=spec)
    return KubernetesPlatform(service, spec, shelf, store="s3://models/", options=options)


@pytest.mark.parametrize("rollout", [Shadow(requests=100), Canary(5, 100)])
def test_what_revisions_cannot_do_is_refused_before_anything_is_changed(shelf, rollout):
    with pytest.raises(SpecError, match=r"cannot compare the answers of a shadow|cannot split it"):
        platform(shelf, rollout, mode="revisions").check()
    platform(shelf, rollout).check()
    platform(Shelf("HTTPRoute"), Canary(5, 100), mode="revisions", gateway=Gateway("main")).check()


def test_a_cluster_without_a_gateway_api_is_named(shelf):
    with pytest.raises(SpecError, match="the cluster has no Gateway API"):
        platform(shelf, gateway=Gateway("main")).check()


def test_pods_that_would_not_be_let_into_the_store_are_refused(shelf):
    options = {"secret_access_key": "very secret", "region": "eu-1"}
    with pytest.raises(SpecError, match="the replicas would not be let into the store"):
        platform(shelf, options=options).check()
    let_in = platform(shelf, options=options, secrets=("store",))
    let_in.check()
    assert "very secret" not in str(let_in.plan(LIVE))
    assert {"name": "AWS_REGION", "value": "eu-1"} in container(let_in.plan(LIVE))["env"]


def container(plan):
    return plan["objects"][0]["spec"]["template"]["spec"]["containers"][0]


def test_what_is_applied_is_the_plan_and_what_is_removed_is_all_of_it(shelf):
    made = platform(shelf, mode="revisions")
    made.apply(STARTING)
    assert list(shelf.objects.values()) == made.plan(STARTING)["objects"]
    made.remove()
    assert shelf.objects == {}
    assert shelf.deleted[0][0] == "Service", "traffic first"


def test_a_version_that_is_no_longer_in_service_is_taken_away_and_the_last_good_one_stays(shelf):
    made = platform(shelf, mode="revisions")
    made.apply(TRIAL)
    shelf.pod("b", "2")
    made.apply(PROMOTED)
    assert ("Deployment", "taxiway-delays-v1") in shelf.objects
    made.apply(PROMOTED.model_copy(update={"earlier": ()}))
    assert ("Deployment", "taxiway-delays-v1") in shelf.deleted
    assert shelf.selected() == "2"


def test_traffic_does_not_move_to_a_version_without_a_ready_replica(shelf, monkeypatch):
    monkeypatch.setattr(kubernetes, "_READY_S", 0.2)
    monkeypatch.setattr(kubernetes, "_PAUSE_S", 0.01)
    made = platform(shelf, mode="revisions")
    made.apply(LIVE)
    shelf.pod("b", "2", ready=False, conditions=[], containerStatuses=[{"state": {"waiting": {"reason": "Pulling"}}}])
    with pytest.raises(BackendError, match=r"no ready replica.*b: Pulling"):
        made.apply(PROMOTED)
    assert shelf.selected() == "1"
    shelf.pod("b", "2")
    made.apply(PROMOTED)
    assert shelf.selected() == "2"


def test_when_it_is_reverted_traffic_moves_before_anything_else(shelf, monkeypatch):
    made = platform(shelf, mode="revisions")
    shelf.pod("a", "1")
    made.apply(TRIAL.model_copy(update={"weight": 100}))
    moved = []
    monkeypatch.setattr(shelf, "apply", lambda _, body: moved.append((body["kind"], body["metadata"]["name"])))
    made.revert(LIVE)
    assert moved[0] == ("Service", "taxiway-delays")


def test_replicas_are_asked_one_by_one_and_those_that_go_are_not(shelf):
    made = platform(shelf, replicas=2)
    made.apply(LIVE)
    shelf.pod("a")
    shelf.pod("b", generation=3)
    shelf.pod("c")["metadata"]["deletionTimestamp"] = "now"
    sight = made.observe(PROMOTED)
    assert [reading.replica for reading in sight.readings] == ["a", "b"]
    assert (sight.settled, sight.detail) == (False, "b is at generation 3 of 7")
    shelf.pod("b")
    assert made.observe(PROMOTED).settled


def test_a_ready_replica_that_does_not_answer_is_missing_metrics_and_one_that_starts_is_not(shelf):
    made = platform(shelf, replicas=2)
    made.apply(LIVE)
    for name, ready in (("a", True), ("b", False)):
        shelf.pod(name, ready=ready)
        del shelf.answers[f"pods/http:{name}:8080"]
    shelf.pod("c", phase="Pending", conditions=[{"type": "x", "reason": "Unschedulable", "message": "no room"}])
    sight = made.observe(LIVE)
    assert sight.unreachable == ("a",)
    assert "0 of 2 replicas answer" in sight.detail
    assert "c: no room" in sight.detail


def test_a_replica_that_no_traffic_reaches_yet_is_waited_for(shelf):
    made = platform(shelf, replicas=1)
    made.apply(LIVE)
    shelf.pod("a")
    shelf.objects["EndpointSlice", "a"]["endpoints"] = None
    assert (made.observe(LIVE).settled, made.observe(LIVE).detail) == (False, "no traffic reaches a yet")


def test_of_the_first_version_no_traffic_is_waited_for_since_followers_let_none_in_before_it_is_live(shelf):
    made = platform(shelf, replicas=1)
    first = STARTING.model_copy(update={"live": None})
    made.apply(first)
    shelf.pod("a", ready=False)
    assert made.observe(first).settled


def test_an_autoscaler_says_how_many_replicas_there_should_be(shelf):
    made = platform(shelf, replicas=1, max_replicas=5)
    made.apply(LIVE)
    shelf.objects["Deployment", "taxiway-delays"]["spec"]["replicas"] = 2
    shelf.pod("a")
    assert made.observe(LIVE).detail == "1 of 2 replicas answer"


def test_nothing_is_settled_before_the_gateway_has_taken_up_the_route(shelf):
    made = platform(shelf, replicas=1, gateway=Gateway("main"))
    made.apply(LIVE)
    shelf.pod("a")
    assert made.observe(LIVE).detail == "the gateway has not taken up the route"
    route = shelf.objects["HTTPRoute", "taxiway-delays"]
    route["metadata"]["generation"] = 2
    for generation, status, detail in ((1, "True", "the gateway has not taken up the route"), (2, "False", "no port")):
        said = {"type": "Accepted", "status": status, "observedGeneration": generation, "message": "no port"}
        route["status"] = {"parents": [{"conditions": [said]}]}
        assert made.observe(LIVE).detail == detail
    said["status"] = "True"
    assert made.observe(LIVE).settled


def test_a_version_is_asked_by_its_own_service(shelf):
    made = platform(shelf, mode="revisions")
    for name in ("taxiway-delays-v2", "taxiway-delays"):
        shelf.answers[f"services/http:{name}:http"] = name.encode()
    assert made.ask("/v2/models/m/versions/2/infer", b"{}") == b"taxiway-delays-v2"
    assert made.ask("/predict", b"{}") == b"taxiway-delays"
    assert platform(shelf).ask("/v2/models/m/versions/2/infer", b"{}") == b"taxiway-delays"


def test_a_service_that_wants_a_token_cannot_be_asked_through_the_api_server(shelf):
    with pytest.raises(BackendError, match="wants a token"):
        platform(shelf, access=Tokens("secret")).ask("/predict", b"{}")
