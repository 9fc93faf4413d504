"""Bad ends of jobs in containers, against a real engine: `tests/cluster/docker-up`, then `pytest -m system`."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.runner import CODE, ended, request, result, until
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, JobFailed, JobState
from taxiway.core.specs.jobs import DockerJob
from taxiway.runners.docker import DockerRunner

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture
def spec(docker_engine, job_image, tmp_path):
    pytest.importorskip("docker.client", reason="Docker's client is not installed: pip install docker")
    seen = (f"{tmp_path}:{tmp_path}", f"{CODE}:{CODE}:ro")
    user = f"{os.getuid()}:{os.getgid()}"

    def make(image=job_image, **changed):
        given = {"url": docker_engine.host, "volumes": seen, "user": user, "network": "none", "grace_s": 1.0}
        return DockerRunner(DockerJob(image, **{**given, **changed}))

    return make


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


def name(handle):
    return handle.removeprefix("docker://")


def test_ten_that_launch_at_once_get_one_container(spec, store, tmp_path, docker_engine):
    asked = request("mark", store, file=str(tmp_path / "runs"))
    barrier = threading.Barrier(10)

    def launch(_):
        barrier.wait()
        return spec().launch(asked)

    with ThreadPoolExecutor(10) as pool:
        handles = set(pool.map(launch, range(10)))
    (handle,) = handles
    assert ended(spec(), handle).failure is None
    assert len(until(tmp_path / "runs").splitlines()) == 1
    named = docker_engine.docker("ps", "--all", "--quiet", "--filter", f"name={name(handle)}")
    assert len(named.split()) == 1


def test_a_container_that_was_created_but_not_started_is_started_by_the_next(spec, store, docker_engine):
    runner, asked = spec(), request("echo", store)
    with runner._engine() as engine:
        runner._create(engine, runner._container(asked))
    assert runner.launch(asked).startswith("docker://")
    assert ended(runner, runner.launch(asked)).failure is None


def test_a_job_that_takes_more_memory_than_its_limit_is_told_so(spec, store):
    runner, asked = spec(memory_bytes=200 << 20), request("hoards", store)
    failure = ended(runner, runner.launch(asked)).failure
    if result(asked) is None:
        assert failure.cause is Cause.OUT_OF_MEMORY
        assert "200 MiB" in failure.message
    else:
        assert result(asked).failure.cause is Cause.OUT_OF_MEMORY


def test_a_job_that_does_not_listen_is_killed_and_still_known_as_cancelled(spec, store, tmp_path):
    runner, asked = spec(), request("hangs_deaf", store, file=str(tmp_path / "pid"))
    handle = runner.launch(asked)
    until(tmp_path / "pid")
    runner.cancel(handle)
    assert spec().describe(handle).failure.cause is Cause.CANCELLED
    assert runner.launch(asked) == handle
    assert runner.describe(handle).state is JobState.ENDED


def test_a_container_that_somebody_killed_is_a_crash_worth_trying_again(spec, store, tmp_path, docker_engine):
    runner, asked = spec(), request("hangs", store, file=str(tmp_path / "pid"))
    handle = runner.launch(asked)
    until(tmp_path / "pid")
    docker_engine.docker("kill", name(handle))
    failure = ended(runner, handle).failure
    assert (failure.cause, failure.retryable) == (Cause.CRASHED, True)


def test_a_container_that_somebody_removed_is_unknown(spec, store, docker_engine):
    runner = spec()
    handle = runner.launch(request("echo", store))
    ended(runner, handle)
    docker_engine.docker("rm", "--force", name(handle))
    assert runner.describe(handle).state is JobState.UNKNOWN
    assert runner.logs(handle, 0) == ("", 0)
    runner.cancel(handle)


def test_a_job_has_a_private_tmp_no_rights_and_a_read_only_root(spec, store, docker_engine):
    runner = spec(env={"COLOUR": "blue"})
    handle = runner.launch(request("surroundings", store))
    ended(runner, handle)
    assert runner.logs(handle, 0)[0].split() == ["blue", "/tmp", "True", "0o700"]
    told = json.loads(docker_engine.docker("inspect", name(handle)))[0]
    host = told["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert host["ShmSize"] == 1 << 30


def test_long_output_is_read_in_pieces_that_fit_together(spec, store):
    runner = spec()
    handle = runner.launch(request("shouts", store, mib=1))
    ended(runner, handle)
    pieces, offset = [], 0
    while (piece := runner.logs(handle, offset)) != ("", offset):
        pieces.append(piece[0])
        offset = piece[1]
    lines = "".join(pieces).splitlines()
    assert [int(line[:15]) for line in lines] == list(range(1024))
    assert max(len(piece) for piece in pieces) <= 256 * 1024


@pytest.mark.parametrize("pull", ["missing", "always", "never"])
def test_an_image_that_cannot_be_had_is_named(spec, store, pull):
    runner = spec(image="registry.invalid/no/such:1", pull=pull)
    with pytest.raises(JobFailed, match=r"registry.invalid/no/such:1.*ImagePull: the image cannot be had") as caught:
        runner.launch(request("echo", store))
    assert caught.value.failure.cause is Cause.IMAGE_PULL


def test_an_image_without_python_says_so(spec, store, docker_engine, base_image):
    runner = spec(image=base_image)
    failure = ended(runner, runner.launch(request("echo", store))).failure
    assert failure.cause is Cause.CRASHED
    assert "No module named 'taxiway'" in failure.message


def test_a_store_that_the_container_would_not_see_is_refused_before_anything_is_written(spec, store, tmp_path):
    with pytest.raises(SpecError, match=r"would not see its store.*among them"):
        spec(volumes=(f"{tmp_path}x:/data",)).launch(request("echo", store))
    assert not (tmp_path / "store").exists()


def test_an_engine_that_does_not_answer_is_a_fault_of_the_backend(spec, store):
    with pytest.raises(BackendError, match=r"docker engine could not do it.*docker info"):
        spec(url="tcp://127.0.0.1:1").launch(request("echo", store))


def test_a_plan_tells_the_names_of_variables_and_never_their_values(job_image, monkeypatch):
    for mine in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(mine)
    credentials = {"access_key_id": "hunter2-key", "aws_secret_access_key": "hunter2-secret"}
    plan = DockerRunner(DockerJob(job_image, env={"TOKEN": "hunter2"}), credentials=credentials).plan(
        request("echo", "s3://bucket/prefix")
    )
    assert plan["environment"] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TOKEN"]
    assert "hunter2" not in json.dumps(plan)


def test_ended_containers_and_marks_of_cancelling_are_removed_when_their_time_is_over(
    spec, store, docker_engine, tmp_path
):
    file = str(tmp_path / "pid")
    short, longer = spec(keep_s=0.0), spec()
    kept = longer.launch(request("echo", store))
    handles = [short.launch(request(stage, store, deadline_s=3.0, file=file)) for stage in ("hangs", "hangs_deaf")]
    short.cancel(handles[1])
    ended(longer, kept)
    time.sleep(6.0)
    longer.launch(request("raises", store))
    assert [short.describe(handle).state for handle in handles] == [JobState.UNKNOWN] * 2
    assert docker_engine.docker("volume", "ls", "--quiet", "--filter", f"name={name(handles[1])}") == ""
    assert longer.describe(kept).state is JobState.ENDED


@pytest.mark.parametrize("handle", ["docker://other", "local://vm/x", "", f"docker://taxiway-{'a' * 32}"])
def test_a_handle_of_something_else_is_refused(job_image, handle):
    with pytest.raises(SpecError, match="no handle of a container"):
        DockerRunner(DockerJob(job_image)).cancel(handle)
