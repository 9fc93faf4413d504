"""Every law of runners, with containers of a real engine: `tests/cluster/docker-up`, then `docker/build job`."""

import os

import pytest

from contract.runner import CODE, RunnerContract
from taxiway.core.specs.jobs import DockerJob
from taxiway.runners.docker import DockerRunner

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


class TestDocker(RunnerContract):
    @pytest.fixture
    def runner(self, docker_engine, job_image, tmp_path):
        pytest.importorskip("docker.client", reason="Docker's client is not installed: pip install docker")
        seen = (f"{tmp_path}:{tmp_path}", f"{CODE}:{CODE}:ro")
        user = f"{os.getuid()}:{os.getgid()}"  # whose folders these are
        return DockerRunner(
            DockerJob(job_image, url=docker_engine.host, volumes=seen, user=user, network="none", grace_s=2.0)
        )
