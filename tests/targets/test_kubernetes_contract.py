"""Every law of platforms, with pods of a real cluster: `tests/cluster/up`, `addon-gateway`, `docker/build serve`."""

import json
import time
import urllib.request

import pytest

from contract.target import PATIENCE_S, ROWS, Load, PlatformContract, settled
from runtime.serving.kit import SERVICE
from taxiway.core import BlueGreen, Canary, Gateway, KubernetesServers, Service
from taxiway.core.errors import BackendError, SpecError
from taxiway.targets.kubernetes import KubernetesPlatform

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
NO_GATEWAY = "The cluster has no Gateway API: run tests/cluster/addon-gateway."


@pytest.fixture
def make(field, asking, small):
    """Makes platforms in the namespace, and takes them away."""
    made = []

    def making(rollout=None, **changes):
        spec = KubernetesServers(**{**small, **changes})
        made.append(KubernetesPlatform(Service(SERVICE, rollout or BlueGreen()), spec, asking, store=field.uri))
        return made[-1]

    yield making
    for one in made:
        one.remove()


class TestFollowers(PlatformContract):
    @pytest.fixture
    def airfield(self, field):
        return field

    @pytest.fixture
    def platform(self, make):
        return make(replicas=2)


class TestRevisions(PlatformContract):
    @pytest.fixture
    def airfield(self, field):
        return field

    @pytest.fixture
    def platform(self, make):
        return make(mode="revisions")


@pytest.fixture
def gateway(cluster):
    """The gateway of the cluster, and where it listens."""
    if "httproutes" not in cluster.kubectl("api-resources", "--api-group=gateway.networking.k8s.io", "-o", "name"):
        pytest.skip(NO_GATEWAY)
    found = [one for one in cluster.get("gateways", "-A")["items"] if one["metadata"]["name"] == "taxiway"]
    if not found:
        pytest.skip(NO_GATEWAY)
    return f"http://{found[0]['status']['addresses'][0]['value']}/predict"


def through(url, host):
    """Which version answers a request through the gateway."""
    headers = {"host": host, "content-type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps({"rows": ROWS}).encode(), headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the gateway of the test
        return int(answer.headers["x-taxiway-version"])


def test_a_gateway_splits_the_traffic_between_revisions_and_loses_no_request(field, make, gateway, namespace):
    host = f"{namespace}.example"
    routed = Gateway("taxiway", "taxiway-gateway", hostnames=(host,))
    platform = make(Canary(50, 100), mode="revisions", gateway=routed)
    platform.check()
    versions = [field.register("train"), field.register("train_worse")]
    platform.apply(state := field.serve(versions[0]))
    settled(platform, state)
    end = time.monotonic() + PATIENCE_S
    while not reaches(gateway, host):
        assert time.monotonic() < end
    answered = []
    with Load(lambda: answered.append(through(gateway, host))) as load:
        for live, candidate, weight in ((0, 1, 0), (0, 1, 50), (0, 1, 100), (1, None, 0), (0, None, 0)):
            picked = None if candidate is None else versions[candidate]
            platform.apply(state := field.serve(versions[live], picked, weight=weight))
            settled(platform, state)
            time.sleep(2)
            seen = len(answered)
            end = time.monotonic() + PATIENCE_S
            while len(answered) < seen + 40:
                assert time.monotonic() < end
                time.sleep(0.05)
            now = answered[seen:]
            expected = {1, 2} if weight == 50 else {2 if weight == 100 or live == 1 else 1}
            assert set(now) == expected, (live, candidate, weight, now)
    assert load.failed == []


def reaches(url, host):
    try:
        return through(url, host) == 1
    except OSError:
        time.sleep(0.2)
        return False


def test_a_rollback_to_a_version_that_was_taken_away_waits_until_it_is_back(field, make):
    platform = make(mode="revisions")
    versions = [field.register("train"), field.register("train_worse")]
    platform.apply(state := field.serve(versions[0]))
    settled(platform, state)
    platform.apply(state := field.serve(versions[1]))  # nobody says that version 1 was good, so it does not stay
    settled(platform, state)
    with Load(lambda: platform.ask("/predict", json.dumps({"rows": ROWS}).encode())) as load:
        platform.revert(state := field.serve(versions[0]))
        settled(platform, state)
    assert load.failed == []


def test_what_others_manage_of_an_object_stays_theirs(field, make, cluster, namespace):
    platform = make()
    platform.apply(state := field.serve(field.register()))
    cluster.kubectl("annotate", "deployment", "-n", namespace, "--all", "team.example/owner=ann")
    platform.apply(state)
    (found,) = cluster.get("deployments", "-n", namespace, "--show-managed-fields")["items"]
    assert found["metadata"]["annotations"]["team.example/owner"] == "ann"
    assert "taxiway" in {one["manager"] for one in found["metadata"]["managedFields"]}


def test_a_namespace_that_is_not_there_is_named(field, make):
    platform = make(namespace="no-such-namespace")
    with pytest.raises((SpecError, BackendError), match="no-such-namespace"):
        platform.apply(field.serve(field.register()))
