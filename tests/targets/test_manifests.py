import json

import pytest

import samples
from taxiway.core import Everybody, Gateway, KubernetesServers, Tokens, WebTokens
from taxiway.core.serving import Phase
from taxiway.targets.manifests import SERVICE_LABEL, VERSION_LABEL, Fleet, backs, fronts, versions, weights

OLD, NEW, OLDER = samples.target(1), samples.target(2), samples.target(3)
LIVE = samples.service_state(4)
TRIAL = samples.service_state(5, candidate=NEW, weight=25, phase=Phase.TRIAL)
FIRST = samples.service_state(1, live=None, candidate=NEW, phase=Phase.STARTING)
PROMOTED = samples.service_state(6, live=NEW, earlier=(OLD, OLDER))


def fleet(service="delays", **changes):
    return Fleet(service, KubernetesServers("taxiway-serve:1", Everybody(), **changes), "s3://models/", {"A": "1"})


def pinned(**changes):
    return fleet(mode="revisions", **changes)


def named(objects):
    return [(one["kind"], one["metadata"]["name"]) for one in objects]


def by_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def test_followers_are_one_deployment_whatever_the_state_is():
    made = backs(fleet(), TRIAL)
    assert named(made) == [("Deployment", "taxiway-delays"), ("PodDisruptionBudget", "taxiway-delays")]
    assert made == backs(fleet(), LIVE)
    assert weights(fleet(), TRIAL) == {None: 100}
    assert "--version" not in made[0]["spec"]["template"]["spec"]["containers"][0]["args"]


def test_revisions_are_a_deployment_and_a_service_for_each_version_in_service():
    made = backs(pinned(replicas=1), TRIAL)
    assert named(made) == [
        ("Deployment", "taxiway-delays-v1"),
        ("Service", "taxiway-delays-v1"),
        ("Deployment", "taxiway-delays-v2"),
        ("Service", "taxiway-delays-v2"),
    ]
    args = made[2]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[args.index("--version") + 1] == "2"


def test_the_last_good_version_stays_warm():
    assert versions(pinned(), PROMOTED) == [2, 1]


@pytest.mark.parametrize(
    ("state", "shares"),
    [
        (FIRST, {2: 100}),
        (LIVE, {1: 100}),
        (TRIAL, {1: 75, 2: 25}),
        (TRIAL.model_copy(update={"weight": 0}), {1: 100}),
        (TRIAL.model_copy(update={"weight": 100}), {2: 100}),
        (samples.service_state(1, live=None, phase=Phase.ROLLED_BACK), {}),
    ],
)
def test_traffic_goes_where_the_state_says(state, shares):
    assert weights(pinned(), state) == shares


def test_a_service_leads_to_the_version_that_gets_most():
    front = fronts(pinned(), TRIAL)
    assert named(front) == [("Service", "taxiway-delays")]
    assert front[0]["spec"]["selector"] == {SERVICE_LABEL: "taxiway-delays", VERSION_LABEL: "1"}
    assert fronts(fleet(), TRIAL)[0]["spec"]["selector"] == {SERVICE_LABEL: "taxiway-delays"}


def test_a_route_splits_what_a_gateway_gets():
    spec = pinned(gateway=Gateway("main", "gateways", hostnames=("delays.example",), path="/delays"))
    body = fronts(spec, TRIAL)[1]["spec"]
    assert body["parentRefs"] == [{"name": "main", "namespace": "gateways"}]
    assert body["hostnames"] == ["delays.example"]
    (rule,) = body["rules"]
    assert [(one["name"], one["port"], one["weight"]) for one in rule["backendRefs"]] == [
        ("taxiway-delays-v1", 80, 75),
        ("taxiway-delays-v2", 80, 25),
    ]
    assert rule["filters"][0]["type"] == "URLRewrite"
    plain = fronts(pinned(gateway=Gateway("main")), TRIAL)[1]["spec"]
    assert plain["parentRefs"] == [{"name": "main"}]
    assert "filters" not in plain["rules"][0]


def test_a_replica_is_restricted_and_probed_and_asks_for_what_it_needs():
    (made, _) = backs(fleet(secrets=("store",), cpu="1", memory="1Gi"), LIVE)
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert {"name": "A", "value": "1"} in container["env"]
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_service_that_may_grow_leaves_its_size_to_the_autoscaler():
    made = backs(fleet(replicas=2, max_replicas=6, target_cpu_pct=80), LIVE)
    (scaler,) = by_kind(made, "HorizontalPodAutoscaler")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)
    assert "replicas" not in made[0]["spec"]
    assert backs(fleet(replicas=3), LIVE)[0]["spec"]["replicas"] == 3


def test_a_single_replica_has_no_disruption_budget_that_would_hold_a_node():
    assert by_kind(backs(fleet(replicas=1), LIVE), "PodDisruptionBudget") == []


def test_tokens_and_certificates_come_from_secrets_by_name():
    spec = KubernetesServers("image", Tokens("delays-tokens"), tls_secret="delays-tls")
    made = backs(Fleet("delays", spec, "s3://models/"), LIVE)[0]["spec"]["template"]["spec"]
    assert [one["secret"]["secretName"] for one in made["volumes"][1:]] == ["delays-tokens", "delays-tls"]
    args = made["containers"][0]["args"]
    assert args[args.index("--tokens") + 1] == "/etc/taxiway/access/tokens"
    assert args[args.index("--certificate") + 1] == "/etc/taxiway/tls/tls.crt"
    assert made["containers"][0]["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    web = KubernetesServers("image", WebTokens("https://idp/keys", "flights", "https://idp/"))
    assert "--jwks" in backs(Fleet("d", web, "s3://m/"), LIVE)[0]["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("service", ["delays", "Delays", "de.lays", "de_lays", "x" * 90])
def test_objects_have_names_that_a_cluster_takes_and_different_services_have_different_ones(service):
    name = fleet(service).name(12)
    assert len(name) <= 63
    assert name == name.lower().replace("_", "-").replace(".", "-")
    assert service == "delays" or name != fleet("delays").name(12)


def test_objects_are_plain_data():
    made = [*backs(pinned(gateway=Gateway("g"), max_replicas=9), TRIAL), *fronts(pinned(gateway=Gateway("g")), TRIAL)]
    assert json.loads(json.dumps(made)) == made
