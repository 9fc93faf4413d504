"""Every law of platforms, with a container of a real engine: `tests/cluster/docker-up`, then `docker/build serve`."""

import os
from pathlib import Path

import pytest

from contract.target import PlatformContract, predict, settled
from runtime.serving.kit import SERVICE, Airfield, until
from targets.test_local import free_port
from taxiway.core import DockerServer, Tuning
from taxiway.targets.docker import DockerPlatform

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
TESTS = Path(__file__).parents[1]


@pytest.fixture
def airfield(tmp_path):
    return Airfield.at(tmp_path)


@pytest.fixture
def platform(airfield, docker_engine, serve_image, tmp_path):
    pytest.importorskip("docker.client", reason="Docker's client is not installed: pip install docker")
    spec = DockerServer(
        serve_image,
        port=free_port(),
        url=docker_engine.host,
        volumes=(f"{tmp_path}:{tmp_path}", f"{TESTS}:{TESTS}:ro"),
        env={"PYTHONPATH": str(TESTS)},
        user=f"{os.getuid()}:{os.getgid()}",  # whose folders these are
        tuning=Tuning(sample=0.0, drain_s=5.0),
    )
    made = DockerPlatform(SERVICE, spec, airfield.uri)
    yield made
    made.remove()


class TestDockerPlatform(PlatformContract):
    @pytest.fixture
    def airfield(self, airfield):
        return airfield

    @pytest.fixture
    def platform(self, platform):
        return platform


def test_a_server_that_is_killed_is_started_again_by_the_engine(airfield, platform, docker_engine):
    platform.apply(state := airfield.serve(airfield.register()))
    before = settled(platform, state).readings[0].started
    docker_engine.docker("exec", platform._name, "python", "-c", "import os; os.kill(1, 15)")
    until(lambda: (sight := platform.observe(state)).settled and sight.readings[0].started != before)
    assert predict(platform)
