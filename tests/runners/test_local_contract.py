import pytest

from contract.runner import RunnerContract
from taxiway.runners.local import LocalRunner


class TestWarm(RunnerContract):
    @pytest.fixture
    def runner(self, warm_state):
        return LocalRunner(state=warm_state)


class TestCold(RunnerContract):
    @pytest.fixture
    def runner(self, own_state):
        return LocalRunner(state=own_state, warm_s=0)
