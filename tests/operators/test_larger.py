"""A training that its resource profile is too small for, on a real cluster: `tests/cluster/up`, `pytest -m system`."""

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators import elsewhere
from runners import pods
from taxiway.core.jobs import JobFailed
from taxiway.core.training import TrainingRun

globals().update({name: getattr(pods, name) for name in pods.__all__ if name != "make"})
fly = elsewhere.fly

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]

PROFILES = {
    "cpu.small": {"memory": "400Mi", "larger": "cpu.medium"},
    "cpu.medium": {"memory": "1Gi", "larger": "cpu.large"},
    "cpu.large": {"memory": "2Gi"},
}
SMALL = {"resources": "cpu.small", "memory": None}


@pytest.fixture(autouse=True)
def _profiles(monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__PROFILES", json.dumps(PROFILES))


@pytest.fixture
def limits(cluster, namespace):
    """How much memory each pod may have, oldest first."""

    def asking():
        found = cluster.get("pods", "-n", namespace, "--sort-by=.metadata.creationTimestamp")["items"]
        return [pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for pod in found]

    return asking


def test_a_training_that_ran_out_of_memory_is_tried_again_in_the_next_larger_profile(fly, limits):
    flight = fly("operators.stages:fills", SMALL, mib=450)
    with pytest.raises(JobFailed, match=r"It is tried once more, with the profile 'cpu\.medium'") as caught:
        flight.execute()
    assert caught.value.retryable
    assert "it asked for 400Mi, its limit is 400Mi" in str(caught.value)
    assert TrainingRun.load(flight.execute()).model.name == "m"
    assert limits() == ["400Mi", "1Gi"]
    assert flight.spent() == [(1, "OutOfMemory", True), (2, "succeeded", False)]


def test_it_grows_once_and_no_more(fly, limits):
    flight = fly("operators.stages:fills", SMALL, mib=1500)
    with pytest.raises(JobFailed, match="It is tried once more"):
        flight.execute()
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="OutOfMemory"):
            flight.execute()
    assert limits() == ["400Mi", "1Gi"]
