"""Every law of runners, with pods of a real cluster: `tests/cluster/up`, then `pytest -m system`."""

import pytest

from contract.runner import RunnerContract
from runners import pods

globals().update({name: getattr(pods, name) for name in pods.__all__})

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


class TestPods(RunnerContract):
    @pytest.fixture
    def runner(self, make):
        return make()

    @pytest.fixture
    def store(self, store):
        return store


class TestJobs(RunnerContract):
    """The same where a pod belongs to a Job."""

    @pytest.fixture
    def runner(self, make):
        return make(workload="job")

    @pytest.fixture
    def store(self, store):
        return store
