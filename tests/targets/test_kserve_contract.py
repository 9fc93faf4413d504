"""Every law of platforms on a real KServe, and what is refused there: `tests/cluster/up` and `addon-kserve`."""

import contextlib
import copy
import json
import time
import urllib.request

import pytest

from contract.target import PATIENCE_S, ROWS, Load, PlatformContract, predict, settled
from runtime.serving.kit import SERVICE
from taxiway.core import BlueGreen, Canary, Direct, KServeServers, Service
from taxiway.core.errors import BackendError, SpecError
from taxiway.runners.objects import PATHS
from taxiway.targets.inference import can_split
from taxiway.targets.kserve import on_kserve

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
NO_KSERVE = "The cluster has no KServe: run tests/cluster/addon-kserve."
CRD = "inferenceservices.serving.kserve.io"
OURS = "canary.taxiway.dev"
NAMES = {"kind": "InferenceService", "listKind": "InferenceServiceList", "plural": "splitservices"}


@pytest.fixture
def crd(cluster):
    """The definition of InferenceServices that the cluster serves."""
    if CRD not in cluster.kubectl("get", "crd", "-o", "name"):
        pytest.skip(NO_KSERVE)
    return cluster.get("crd", CRD)


@pytest.fixture
def make(crd, field, asking, small):
    """Makes platforms in the namespace, and takes them away."""
    made = []

    def making(rollout=None, **changes):
        spec = KServeServers(**{**small, **changes})
        made.append(on_kserve(Service(SERVICE, rollout or BlueGreen()), spec, asking, store=field.uri))
        return made[-1]

    yield making
    for one in made:
        one.remove()


class TestBlueGreen(PlatformContract):
    @pytest.fixture
    def airfield(self, field):
        return field

    @pytest.fixture
    def platform(self, make):
        return make(BlueGreen())


def test_a_version_goes_live_directly_and_back_without_a_lost_request(field, make):
    platform = make(Direct(), replicas=2)
    platform.check()
    versions = [field.register("train"), field.register("train_worse")]
    platform.apply(state := field.serve(versions[0]))
    settled(platform, state)
    with Load(lambda: predict(platform)) as load:
        for live in (1, 0):
            platform.apply(state := field.serve(versions[live]))
            settled(platform, state)
    assert load.asked >= 10
    assert load.failed == []


def test_kserve_says_of_each_version_that_it_is_ready(field, make, cluster, namespace):
    platform = make()
    platform.apply(state := field.serve(field.register()))
    settled(platform, state)
    cluster.kubectl("wait", CRD, "--all", "-n", namespace, "--for=condition=Ready", "--timeout=60s")


def test_what_others_manage_of_an_inference_service_stays_theirs(field, make, cluster, namespace):
    platform = make()
    platform.apply(state := field.serve(field.register()))
    cluster.kubectl("annotate", CRD, "-n", namespace, "--all", "team.example/owner=ann")
    platform.apply(state)
    (found,) = cluster.get(CRD, "-n", namespace, "--show-managed-fields")["items"]
    assert found["metadata"]["annotations"]["team.example/owner"] == "ann"
    assert "taxiway" in {one["manager"] for one in found["metadata"]["managedFields"]}


@pytest.fixture
def old(crd):
    """A KServe whose InferenceService has no canary, as the one that addon-kserve brings."""
    if has_canary(crd):
        pytest.skip("This KServe has spec.canary: the one of tests/cluster/addon-kserve has not.")


@pytest.fixture
def new(crd):
    """A KServe that splits the traffic."""
    if not has_canary(crd):
        pytest.skip(
            "This KServe cannot split the traffic: it takes KServe 0.21, whose InferenceService has spec.canary."
        )


def schema_of(crd):
    (version,) = [one for one in crd["spec"]["versions"] if one["name"] == "v1beta1"]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def has_canary(crd):
    return "canary" in schema_of(crd)


@pytest.mark.usefixtures("old")
def test_a_kserve_that_would_leave_the_canary_out_is_refused_before_anything_is_made(make, cluster, namespace):
    platform = make(Canary(5, 100))
    with pytest.raises(SpecError, match=r"KServe 0\.21 or later, whose InferenceService has spec\.canary"):
        platform.check()
    assert cluster.get(f"{CRD},servingruntimes.serving.kserve.io", "-n", namespace)["items"] == []


@pytest.mark.usefixtures("old")
def test_nor_does_the_api_server_let_the_canary_be_left_out_if_nobody_checked(field, make, cluster, namespace):
    versions = [field.register("train"), field.register("train_worse")]
    with pytest.raises((SpecError, BackendError), match="canary"):
        make(Canary(5, 100)).apply(field.serve(versions[0], versions[1]))
    assert cluster.get(CRD, "-n", namespace)["items"] == []


@pytest.fixture
def definition(crd, cluster):
    """What KServe 0.21 publishes of canaries, put into a definition of our own beside that of the cluster's KServe."""
    made = copy.deepcopy(crd)
    spec = schema_of(made)
    spec["predictor"]["properties"]["name"] = {"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}
    share = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 100}
    canary = {
        "type": "object",
        "required": ["predictor", "trafficPercent"],
        "properties": {"predictor": spec["predictor"], "trafficPercent": share},
    }
    spec["canary"] = {"type": "array", "x-kubernetes-list-type": "atomic", "items": canary}
    made["metadata"] = {"name": f"splitservices.{OURS}"}
    made["spec"] |= {"group": OURS, "conversion": {"strategy": "None"}, "names": NAMES}
    made["spec"]["versions"] = [one for one in made["spec"]["versions"] if one["name"] == "v1beta1"]
    made.pop("status")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
    yield
    cluster.kubectl("delete", "crd", f"splitservices.{OURS}")


@pytest.mark.usefixtures("definition")
def test_a_definition_with_canaries_takes_our_object_whole(field, make, cluster, namespace, asking, monkeypatch):
    versions = [field.register("train"), field.register("train_worse")]
    plan = make(Canary(5, 100)).plan(field.serve(versions[0], versions[1], weight=5))
    (ours,) = [one for one in plan["objects"] if one["kind"] == "InferenceService"]
    monkeypatch.setitem(PATHS, "InferenceService", f"/apis/{OURS}/v1beta1/namespaces/{{namespace}}/splitservices")
    end = time.monotonic() + PATIENCE_S
    while not can_split(asking.schema("InferenceService")):  # which is published a moment later
        assert time.monotonic() < end
        time.sleep(0.5)
    asking.apply(namespace, {**ours, "apiVersion": f"{OURS}/v1beta1"})
    (found,) = cluster.get(f"splitservices.{OURS}", "-n", namespace)["items"]
    assert kept(ours["spec"], found["spec"])


def kept(ours, found):
    """Whether all that is in one is in the other."""
    if isinstance(ours, dict):
        return all(name in found and kept(value, found[name]) for name, value in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(found) and all(map(kept, ours, found))
    return ours == found


@pytest.mark.usefixtures("new")
class TestCanary(PlatformContract):
    @pytest.fixture
    def airfield(self, field):
        return field

    @pytest.fixture
    def platform(self, make):
        return make(Canary(50, 100))


@pytest.mark.usefixtures("new")
def test_kserve_splits_the_traffic_and_loses_no_request(field, make, cluster, namespace):
    platform = make(Canary(50, 100))
    platform.check()
    versions = [field.register("train"), field.register("train_worse")]
    platform.apply(state := field.serve(versions[0]))
    settled(platform, state)
    url, host = where(cluster, namespace)
    answered = []
    with Load(lambda: answered.append(through(url, host))) as load:
        for live, candidate, weight in ((0, 1, 0), (0, 1, 50), (0, 1, 100), (1, None, 0), (0, None, 0)):
            picked = None if candidate is None else versions[candidate]
            platform.apply(state := field.serve(versions[live], picked, weight=weight))
            settled(platform, state)
            time.sleep(2)
            seen, end = len(answered), time.monotonic() + PATIENCE_S
            while len(answered) < seen + 40:
                assert time.monotonic() < end
                time.sleep(0.05)
            expected = {1, 2} if weight == 50 else {2 if weight == 100 or live == 1 else 1}
            assert set(answered[seen:]) == expected, (live, candidate, weight)
    assert load.failed == []


def where(cluster, namespace):
    """Where KServe's gateway listens, and the host that leads to the service, once it does."""
    (gateway,) = [one for one in cluster.get("gateways", "-A")["items"] if one["metadata"]["name"] == "taxiway"]
    url, end = f"http://{gateway['status']['addresses'][0]['value']}/predict", time.monotonic() + PATIENCE_S
    while True:
        (found,) = cluster.get(CRD, "-n", namespace)["items"]
        host = found.get("status", {}).get("url", "").removeprefix("http://")
        with contextlib.suppress(OSError):
            through(url, host)
            return url, host
        assert time.monotonic() < end, found.get("status")
        time.sleep(0.5)


def through(url, host):
    """Which version answers a request through the gateway."""
    headers = {"host": host, "content-type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps({"rows": ROWS}).encode(), headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the gateway of the test
        return int(answer.headers["x-taxiway-version"])
