import pytest

from taxiway.runners.local import LocalRunner
from taxiway.runtime.launch import end_launchers


@pytest.fixture(scope="session")
def warm_state(tmp_path_factory):
    """A state folder whose warm launcher serves all tests that do not harm it."""
    state = tmp_path_factory.mktemp("state") / "taxiway"
    yield state
    end_launchers(state)


@pytest.fixture
def own_state(tmp_path):
    """A state folder of the test's own."""
    state = tmp_path / "state"
    yield state
    end_launchers(state)


@pytest.fixture
def cold(own_state):
    """A runner that starts every job by a fresh interpreter."""
    return LocalRunner(state=own_state, warm_s=0)


@pytest.fixture
def warm(warm_state):
    """A runner with a warm launcher."""
    return LocalRunner(state=warm_state)
