"""What a platform of KServe decides, with a shelf of objects; test_kserve_contract has a real KServe."""

import threading

import pytest

import samples
from targets.shelf import Shelf
from taxiway.core import BlueGreen, Canary, Everybody, Gateway, KServeServers, Service, Shadow
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.serving import Phase
from taxiway.targets import kserve
from taxiway.targets.kserve import on_kserve
from taxiway.targets.manifests import SERVICE_LABEL

OLD, NEW = samples.target(1), samples.target(2)
LIVE = samples.service_state(4)
STARTING = samples.service_state(5, candidate=NEW, phase=Phase.STARTING)
TRIAL = samples.service_state(6, candidate=NEW, weight=25, phase=Phase.TRIAL)
FULL = samples.service_state(6, candidate=NEW, weight=100, phase=Phase.TRIAL)
ALONE = samples.service_state(7, live=NEW)
CANARY = {"items": {"properties": {"predictor": {}, "trafficPercent": {"type": "integer"}}}}


def schema(**more):
    return {"properties": {"spec": {"properties": {"predictor": {}, **more}}}}


class Controlled(Shelf):
    """A shelf that routes as KServe does, when it does."""

    routes = True

    def apply(self, namespace, body):
        super().apply(namespace, body)
        if self.routes and "name" in body["spec"].get("predictor", {}):
            self.lead(body["metadata"]["name"], body["spec"])

    def lead(self, name, spec):
        canaries = spec.get("canary", [])
        rest = 100 - sum(one["trafficPercent"] for one in canaries)
        parts = [(spec["predictor"], rest), *((one["predictor"], one["trafficPercent"]) for one in canaries)]
        backends = [{"name": f"{name}-{one['name']}-predictor", "weight": share} for one, share in parts]
        said = {"type": "Accepted", "status": "True", "observedGeneration": 1}
        self.objects["HTTPRoute", name] = {
            "metadata": {"name": name, "generation": 1, "ownerReferences": [{"kind": "InferenceService"}]},
            "spec": {"rules": [{"backendRefs": backends}]},
            "status": {"parents": [{"conditions": [said]}]},
        }


@pytest.fixture
def shelf():
    made = Controlled("InferenceService", "HTTPRoute")
    made.schemas["InferenceService"] = schema(canary=CANARY)
    made.led = "taxiway-delays-version-{}-predictor"
    return made


def platform(shelf, rollout=None, options=None, **changes):
    spec = KServeServers("taxiway-serve:1", Everybody(), **{"replicas": 1, **changes})
    service = Service("delays", rollout or BlueGreen(), on=spec)
    return on_kserve(service, spec, shelf, store="s3://models/", options=options)


def split(shelf, **changes):
    return platform(shelf, Canary(25, 100), **changes)


def shares(shelf):
    spec = shelf.objects["InferenceService", "taxiway-delays"]["spec"]
    canaries = {one["predictor"]["name"]: one["trafficPercent"] for one in spec.get("canary", ())}
    return spec["predictor"]["name"], canaries


def test_a_cluster_without_kserve_is_refused():
    with pytest.raises(SpecError, match="the cluster has no KServe"):
        platform(Shelf()).check()


def test_a_kserve_that_would_leave_the_canary_out_is_refused_and_serves_for_other_rollouts(shelf):
    shelf.schemas["InferenceService"] = schema()
    with pytest.raises(SpecError) as caught:
        split(shelf).check()
    told = str(caught.value)
    assert "the rollout be a full one" in told
    assert "KServe 0.21 or later" in told
    assert "choose BlueGreen()" in told
    platform(shelf).check()


def test_a_kserve_with_canaries_is_let_through(shelf):
    split(shelf).check()


def test_a_canary_needs_the_gateway_of_kserve_and_no_other(shelf):
    with pytest.raises(SpecError, match="by no other"):
        split(shelf, gateway=Gateway("main")).check()
    shelf.knew = ("InferenceService",)
    with pytest.raises(SpecError, match="by which KServe splits the traffic"):
        split(shelf).check()
    platform(shelf).check()


def test_a_shadow_is_refused(shelf):
    for rollout in (Shadow(requests=100), Shadow(requests=100, then=Canary(5, 100))):
        with pytest.raises(SpecError, match="cannot compare the answers of a shadow"):
            platform(shelf, rollout).check()


def test_pods_that_would_not_be_let_into_the_store_are_refused_in_the_name_of_their_spec(shelf):
    with pytest.raises(SpecError, match="KServeServers: the replicas would not be let into the store"):
        platform(shelf, options={"secret_access_key": "very secret"}).check()


def test_what_is_applied_is_the_plan_and_what_is_removed_is_all_of_it(shelf):
    made = platform(shelf)
    made.apply(STARTING)
    assert list(shelf.objects.values()) == made.plan(STARTING)["objects"]
    made.remove()
    assert shelf.deleted[0][0] == "Service", "traffic first"
    assert shelf.objects == {}


def test_what_kserve_made_is_left_to_kserve(shelf):
    made = platform(shelf)
    made.apply(LIVE)
    metadata = {"name": "taxiway-delays-v1-predictor", "labels": {SERVICE_LABEL: "taxiway-delays"}}
    owned = {"kind": "Service", "metadata": {**metadata, "ownerReferences": [{"kind": "InferenceService"}]}}
    shelf.objects["Service", metadata["name"]] = owned
    made.apply(LIVE)
    made.remove()
    assert ("Service", metadata["name"]) in shelf.objects


def test_removing_waits_for_the_replicas_that_kserve_takes_away_and_not_for_ever(shelf, monkeypatch):
    made = platform(shelf)
    made.apply(LIVE)
    shelf.pod("first", "1")
    going = threading.Timer(0.3, lambda: shelf.objects.pop(("Pod", "first")))
    going.start()
    made.remove()
    assert ("Pod", "first") not in shelf.objects
    going.join()
    shelf.pod("stays", "1")
    monkeypatch.setattr(kserve, "_GONE_S", 0.0)
    with pytest.raises(BackendError, match="replicas are still there whose InferenceService is gone"):
        made.remove()


def test_a_version_is_asked_by_the_service_that_kserve_made_for_it(shelf):
    for name in ("taxiway-delays-v2-predictor", "taxiway-delays", "taxiway-delays-version-2-predictor"):
        shelf.answers[f"services/http:{name}:http"] = name.encode()
    assert platform(shelf).ask("/v2/models/m/versions/2/infer", b"{}") == b"taxiway-delays-v2-predictor"
    assert platform(shelf).ask("/predict", b"{}") == b"taxiway-delays"
    made = split(shelf)
    made.apply(ALONE)
    assert made.ask("/v2/models/m/versions/2/infer", b"{}") == b"taxiway-delays-version-2-predictor"
    assert made.ask("/predict", b"{}") == b"taxiway-delays-version-2-predictor"
    made.remove()
    with pytest.raises(BackendError):
        split(Controlled()).ask("/predict", b"{}")


def seen_by(shelf, monkeypatch):
    """What the shelf's InferenceService was in turn."""
    turns, before = [], shelf.apply

    def applying(namespace, body):
        before(namespace, body)
        if body["kind"] == "InferenceService":
            turns.append(shares(shelf))

    monkeypatch.setattr(shelf, "apply", applying)
    return turns


def test_traffic_is_led_away_before_a_version_goes_and_to_one_before_it_is_first(shelf, monkeypatch):
    made = split(shelf)
    made.apply(LIVE)
    turns = seen_by(shelf, monkeypatch)
    shelf.pod("a", "1")
    shelf.pod("b", "2")
    made.apply(TRIAL)
    made.revert(LIVE)
    assert turns == [("version-1", {"version-2": 25}), ("version-1", {"version-2": 0}), ("version-1", {})]
    turns.clear()
    made.apply(FULL)
    made.apply(ALONE)
    assert turns == [("version-1", {"version-2": 100}), ("version-1", {"version-2": 100}), ("version-2", {})]


def test_nothing_moves_to_a_version_without_a_ready_replica(shelf, monkeypatch):
    monkeypatch.setattr(kserve, "_READY_S", 0.05)
    monkeypatch.setattr(kserve, "_PAUSE_S", 0.01)
    made = split(shelf)
    made.apply(LIVE)
    shelf.pod("b", "2", ready=False, conditions=[])
    with pytest.raises(BackendError, match=r"no ready replica.*none of version 2"):
        made.apply(ALONE)
    assert shares(shelf)[0] == "version-1"


def test_a_candidate_goes_though_its_route_never_changes(shelf, monkeypatch):
    monkeypatch.setattr(kserve, "_LED_S", 0.05)
    monkeypatch.setattr(kserve, "_PAUSE_S", 0.01)
    made = split(shelf)
    shelf.pod("a", "1")
    made.apply(TRIAL)
    shelf.routes = False
    made.revert(LIVE)
    assert shares(shelf) == ("version-1", {})


def test_what_kserve_routes_is_held_against_what_it_shall_route(shelf):
    made = split(shelf)
    made.apply(TRIAL)
    shelf.pod("a", "1")
    shelf.pod("b", "2")
    assert "KServe" not in made.observe(TRIAL).detail
    shelf.routes = False
    made.apply(FULL)
    assert "KServe's route gives 75 % to version 1, which shall get 0 %" in made.observe(FULL).detail


def test_a_kserve_that_knows_canaries_and_does_not_split_is_found_out_before_the_candidate_gets_traffic(shelf):
    made = split(shelf)
    made.apply(LIVE)
    shelf.routes = False
    made.apply(STARTING)
    sight = made.observe(STARTING)
    assert not sight.settled
    assert "KServe's route does not know version 2, which shall get 0 %" in sight.detail
