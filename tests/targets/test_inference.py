import json
from datetime import timedelta

import pytest

import samples
from taxiway.core import BlueGreen, Canary, Direct, Everybody, Gateway, KServeServers, Shadow, Tokens
from taxiway.core.serving import Phase
from taxiway.targets.inference import (
    LONGEST,
    backs,
    between,
    can_split,
    fronts,
    leads_to,
    predictor,
    routed,
    runtime,
    splits,
)
from taxiway.targets.manifests import SERVICE_LABEL, VERSION_LABEL, Fleet

OLD, NEW, OLDER = samples.target(1), samples.target(2), samples.target(3)
LIVE = samples.service_state(4)
STARTING = samples.service_state(5, candidate=NEW, phase=Phase.STARTING)
TRIAL = samples.service_state(6, candidate=NEW, weight=25, phase=Phase.TRIAL)
PROMOTED = samples.service_state(7, live=NEW, earlier=(OLD, OLDER))
ALONE = samples.service_state(7, live=NEW)
FIRST = samples.service_state(1, live=None, candidate=NEW, phase=Phase.STARTING)
NOTHING = samples.service_state(1, live=None, phase=Phase.ROLLED_BACK)


def fleet(service="delays", access=None, **changes):
    spec = KServeServers("taxiway-serve:1", access or Everybody(), **changes)
    return Fleet(service, spec.pods, "s3://models/", {"A": "1"}, LONGEST)


def named(objects):
    return [(one["kind"], one["metadata"]["name"].removeprefix("taxiway-delays")) for one in objects]


def shared(state, **changes):
    (made,) = fronts(fleet(**changes), state, split=True)
    return made["spec"]


def shares(spec):
    return [(one["predictor"]["name"], one["trafficPercent"]) for one in spec.get("canary", ())]


@pytest.mark.parametrize(
    ("rollout", "parted"),
    [
        (Direct(), False),
        (BlueGreen(), False),
        (Canary(100), False),
        (Canary(5, 100), True),
        (Shadow(timedelta(hours=1)), False),
        (Shadow(timedelta(hours=1), then=Canary(5, 100)), True),
    ],
)
def test_only_a_rollout_that_parts_the_traffic_needs_an_inference_service_that_splits(rollout, parted):
    assert splits(rollout) is parted


def test_where_traffic_moves_as_a_whole_each_version_has_an_inference_service_and_a_service_leads_to_one():
    made = backs(fleet(), TRIAL, split=False)
    assert named(made[1:]) == [
        ("InferenceService", "-v1"),
        ("InferenceService", "-v2"),
        ("PodDisruptionBudget", "-v1"),
        ("PodDisruptionBudget", "-v2"),
    ]
    (front,) = fronts(fleet(), TRIAL.model_copy(update={"weight": 100}), split=False)
    assert front["spec"]["selector"] == {SERVICE_LABEL: "taxiway-delays", VERSION_LABEL: "2"}
    assert named(fronts(fleet(gateway=Gateway("main")), LIVE, split=False)) == [("Service", ""), ("HTTPRoute", "")]


def test_an_inference_service_is_run_without_knative_at_its_size_and_without_an_address_outside():
    made = backs(fleet(replicas=3), LIVE, split=False)[1]
    assert made["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
    }
    assert made["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert made["spec"]["predictor"]["minReplicas"] == 3
    assert made["spec"]["predictor"]["deploymentStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_version_is_a_model_of_our_own_runtime_so_that_it_may_have_canaries():
    made = predictor(fleet(secrets=("store",)), 2)
    assert made["model"]["args"] == ["--version", "2"]
    assert made["model"]["storageUri"] == "delays/versions/2", "its name may only change together with that"
    (fetcher,) = made["initContainers"]
    assert (fetcher["name"], fetcher["command"]) == ("storage-initializer", ["python", "-c", ""])
    assert fetcher["securityContext"]["readOnlyRootFilesystem"] is True
    assert made["model"]["runtime"] == runtime(fleet(secrets=("store",)))["metadata"]["name"]
    assert "containers" not in made
    assert made["labels"][VERSION_LABEL] == "2"
    assert made["securityContext"]["runAsNonRoot"] is True
    (container,) = runtime(fleet(secrets=("store",)))["spec"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["image"] == "taxiway-serve:1"
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert "--version" not in container["args"]


def test_tokens_come_from_a_secret_by_name():
    made = predictor(fleet(access=Tokens("delays-tokens")), 1)
    assert made["volumes"][1]["secret"]["secretName"] == "delays-tokens"


def test_another_image_is_another_runtime_for_kserve_does_not_look_at_one_again():
    one, other = (runtime(fleet(cpu=cpu))["metadata"]["name"] for cpu in ("1", "2"))
    assert one != other
    assert one == runtime(fleet("delays", cpu="1"))["metadata"]["name"]


def test_a_canary_is_one_inference_service_that_says_what_the_candidate_gets():
    assert named(backs(fleet(), TRIAL, split=True)[1:]) == [
        ("PodDisruptionBudget", "-v1"),
        ("PodDisruptionBudget", "-v2"),
    ]
    spec = shared(TRIAL)
    assert spec["predictor"]["name"] == "version-1"
    assert shares(spec) == [("version-2", 25)]
    assert shares(shared(STARTING)) == [("version-2", 0)]
    assert shared(FIRST)["predictor"]["name"] == "version-2"
    assert "canary" not in shared(FIRST)
    assert fronts(fleet(), NOTHING, split=True) == []


def test_the_last_good_version_stays_warm_without_traffic():
    spec = shared(PROMOTED)
    assert spec["predictor"]["name"] == "version-2"
    assert shares(spec) == [("version-1", 0)]


def test_the_live_version_keeps_its_replicas_though_kserve_takes_those_of_canaries_off_them():
    spec = shared(TRIAL, replicas=3)
    assert spec["predictor"]["minReplicas"] - sum(one["predictor"]["minReplicas"] for one in spec["canary"]) == 3
    assert shared(LIVE, replicas=3)["predictor"]["minReplicas"] == 3


def test_nothing_comes_between_two_states_with_the_same_versions():
    (now,) = fronts(fleet(), STARTING, split=True)
    assert between(fleet(), None, LIVE) is None
    assert between(fleet(), {"spec": {"predictor": {"model": {}}}}, LIVE) is None
    assert between(fleet(), now, TRIAL) is None
    assert between(fleet(), now, NOTHING) is None


def test_a_candidate_loses_its_traffic_before_it_is_taken_away():
    (now,) = fronts(fleet(), TRIAL, split=True)
    step = between(fleet(), now, LIVE)
    assert step["spec"]["predictor"]["name"] == "version-1"
    assert shares(step["spec"]) == [("version-2", 0)]


def test_a_promoted_version_gets_all_traffic_before_it_is_the_first_one():
    (now,) = fronts(fleet(), TRIAL, split=True)
    step = between(fleet(), now, ALONE)
    assert step["spec"]["predictor"]["name"] == "version-1"
    assert shares(step["spec"]) == [("version-2", 100)]


def test_a_version_that_was_taken_away_is_back_before_the_traffic_moves_to_it():
    (now,) = fronts(fleet(), ALONE, split=True)
    step = between(fleet(), now, LIVE)
    assert step["spec"]["predictor"]["name"] == "version-2"
    assert shares(step["spec"]) == [("version-1", 100)]


CANARY = {"items": {"properties": {"predictor": {}, "trafficPercent": {"type": "integer"}}}}


@pytest.mark.parametrize(
    ("spec", "can"),
    [
        ({"canary": CANARY}, True),
        ({"canary": {"type": "object"}}, False),
        ({"predictor": {"properties": {"canaryTrafficPercent": {"type": "integer"}}}}, False),
    ],
)
def test_only_an_inference_service_with_canaries_can_split(spec, can):
    assert can_split({"properties": {"spec": {"properties": spec}}}) is can
    assert not can_split(None)


def test_a_route_says_who_gets_what():
    backends = [{"name": "a", "weight": 75}, {"name": "b", "weight": 0}]
    assert routed({"spec": {"rules": [{"backendRefs": backends}]}}) == {"a": 75, "b": 0}
    assert routed({"spec": {"rules": [{"backendRefs": [{"name": "a"}]}]}}) == {"a": 100}
    assert routed(None) == {}


@pytest.mark.parametrize("service", ["delays", "Delays", "x" * 90])
@pytest.mark.parametrize("split", [True, False])
def test_what_kserve_makes_has_a_name_that_a_cluster_takes(service, split):
    assert len(leads_to(fleet(service), 123, split=split)) <= 63
    assert leads_to(fleet(), 2, split=True) != leads_to(fleet(), 2, split=False)


def test_objects_are_plain_data():
    made = [*backs(fleet(), TRIAL, split=False), *fronts(fleet(), TRIAL, split=True)]
    assert json.loads(json.dumps(made)) == made
