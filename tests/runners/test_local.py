import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import samples
from contract.runner import ended, everything, request, result, until
from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, JobRequest, JobState
from taxiway.core.specs.jobs import LocalJob
from taxiway.runners.local import LocalRunner
from taxiway.runtime import output, process
from taxiway.runtime.folder import JobFolder
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store


@pytest.fixture
def store(tmp_path):
    return (tmp_path / "store").as_uri()


def folder(state: Path, handle: str) -> JobFolder:
    return JobFolder(state / "jobs" / handle.rpartition("/")[2])


def gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while process.look(pid) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def launch_in_eight_processes(state: Path, warm_s: float, requests: list[JobRequest]) -> set[str]:
    """The handles that eight processes get who launch at the same moment."""
    context = multiprocessing.get_context("fork")
    start, handles = context.Barrier(len(requests)), context.SimpleQueue()

    def launch(asked: JobRequest) -> None:
        start.wait(30)
        handles.put(LocalRunner(state=state, warm_s=warm_s).launch(asked))

    launchers = [context.Process(target=launch, args=(asked,)) for asked in requests]
    for each in launchers:
        each.start()
    got = {handles.get() for _ in requests}
    for each in launchers:
        each.join()
    return got


@pytest.mark.parametrize("warm_s", [0, 60])
def test_eight_processes_that_launch_one_job_at_once_run_it_once(own_state, store, tmp_path, warm_s):
    asked = request("mark", store, file=str(tmp_path / "runs"), seconds=1)
    (handle,) = launch_in_eight_processes(own_state, warm_s, [asked] * 8)
    ended(LocalRunner(state=own_state), handle)
    assert len(until(tmp_path / "runs").splitlines()) == 1


def test_eight_starters_make_one_launcher(own_state, store):
    requests = [request("echo", store, key=samples.job_key(attempt=number)) for number in range(1, 9)]
    for handle in launch_in_eight_processes(own_state, 60, requests):
        ended(LocalRunner(state=own_state), handle)  # a job's processes are forks of the launcher and look like it
    assert len([line for line in command_lines() if str(own_state / "launchers") in line]) == 1


def test_a_job_outlives_the_process_that_launched_it(own_state, store, tmp_path):
    asked = request("mark", store, file=str(tmp_path / "runs"), seconds=0.5)
    runner = LocalRunner(state=own_state)
    first = os.fork()
    if first == 0:
        runner.launch(asked)
        signal.pause()
    until(tmp_path / "runs")
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    handle = runner.launch(asked)
    assert ended(runner, handle).failure is None
    assert result(asked).failure is None
    assert len(until(tmp_path / "runs").splitlines()) == 1


def test_a_worker_killed_by_a_stranger_has_crashed(warm, store):
    asked = request("dies", store)
    failure = ended(warm, warm.launch(asked)).failure
    assert failure.cause is Cause.CRASHED
    assert failure.retryable
    assert "signal 9 (SIGKILL)" in failure.message
    assert result(asked) is None


def test_with_its_supervisor_a_worker_dies_and_the_job_has_crashed(own_state, warm_state, warm, store, tmp_path):
    asked = request("hangs", store, file=str(tmp_path / "pid"))
    handle = warm.launch(asked)
    worker = int(until(tmp_path / "pid"))
    os.kill(folder(warm_state, handle).supervisor().pid, signal.SIGKILL)
    assert gone(worker)
    status = ended(warm, handle)
    assert status.failure.cause is Cause.CRASHED
    assert warm.describe(handle) == status
    assert not folder(warm_state, handle).scratch.exists()


def test_a_job_whose_supervisor_was_killed_is_not_run_again(warm_state, warm, store, tmp_path):
    asked = request("mark", store, file=str(tmp_path / "runs"), seconds=60)
    handle = warm.launch(asked)
    until(tmp_path / "runs")
    os.kill(folder(warm_state, handle).supervisor().pid, signal.SIGKILL)
    ended(warm, handle)
    warm.launch(asked)
    assert ended(warm, handle).failure.cause is Cause.CRASHED
    assert len(until(tmp_path / "runs").splitlines()) == 1


def test_what_a_killed_supervisor_left_behind_is_ended_with_the_job(warm_state, warm, store, tmp_path):
    asked = request("haunts_and_hangs", store, file=str(tmp_path / "pid"))
    handle = warm.launch(asked)
    daemon = int(until(tmp_path / "pid"))
    os.kill(folder(warm_state, handle).supervisor().pid, signal.SIGKILL)
    warm.cancel(handle)
    assert process.look(daemon) is None
    assert warm.describe(handle).state is JobState.ENDED


def test_a_killed_launcher_takes_no_job_with_it_and_the_next_job_has_another(own_state, store, tmp_path):
    runner = LocalRunner(state=own_state)
    asked = request("mark", store, file=str(tmp_path / "runs"), seconds=0.5)
    handle = runner.launch(asked)
    until(tmp_path / "runs")
    (note,) = (own_state / "launchers").glob("*/process")
    os.kill(json.loads(note.read_text())[0], signal.SIGKILL)
    after = request("echo", store)
    assert ended(runner, runner.launch(after)).failure is None
    assert ended(runner, handle).failure is None
    assert result(asked).failure is None
    assert result(after).failure is None


def test_a_job_that_fills_its_memory_says_so(warm_state, store):
    runner = LocalRunner(LocalJob(memory_bytes=512 << 20), state=warm_state)
    asked = request("hoards", store)
    assert ended(runner, runner.launch(asked)).failure is None
    assert result(asked).failure.cause is Cause.OUT_OF_MEMORY
    assert 256 << 20 < result(asked).peak_memory_bytes < 700 << 20


def test_a_job_that_prints_without_end_does_not_fill_the_disk(warm_state, warm, store):
    handle = warm.launch(request("shouts", store, mib=200))
    assert ended(warm, handle).failure is None
    kept = sum(file.stat().st_size for file in folder(warm_state, handle).output.iterdir())
    assert kept <= (output.HEAD + output.TAIL) * output.SEGMENT
    said = everything(warm, handle)
    assert said.startswith("0" * 15)
    assert f"{200 * 1024 - 1:015}" in said
    assert "bytes of output were left out here" in said


def test_a_job_leaves_no_daemon_behind(warm, store, tmp_path):
    asked = request("haunts", store, file=str(tmp_path / "pid"))
    assert ended(warm, warm.launch(asked)).failure is None
    assert gone(int(until(tmp_path / "pid")))
    assert result(asked).failure is None


def test_a_function_that_exits_has_not_succeeded(warm, store):
    asked = request("leaves", store)
    ended(warm, warm.launch(asked))
    assert result(asked).failure.cause is Cause.USER_CODE
    assert "SystemExit" in result(asked).failure.message


def test_a_job_deaf_to_sigterm_is_killed_after_its_grace(warm_state, store, tmp_path):
    runner = LocalRunner(LocalJob(grace_s=0.2), state=warm_state)
    handle = runner.launch(request("hangs_deaf", store, file=str(tmp_path / "pid")))
    worker = int(until(tmp_path / "pid"))
    began = time.monotonic()
    runner.cancel(handle)
    assert 0.2 <= time.monotonic() - began < 3
    assert process.look(worker) is None
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


def test_a_job_that_is_stopped_may_clean_up(warm, store, tmp_path):
    handle = warm.launch(request("hangs_tidily", store, file=str(tmp_path / "pid")))
    until(tmp_path / "pid")
    warm.cancel(handle)
    assert (tmp_path / "pid.clean").exists()


def test_a_stopped_supervisor_is_killed_too(warm_state, store, tmp_path):
    runner = LocalRunner(LocalJob(grace_s=0), state=warm_state, slack_s=0.3)
    handle = runner.launch(request("hangs", store, file=str(tmp_path / "pid")))
    worker = int(until(tmp_path / "pid"))
    os.kill(folder(warm_state, handle).supervisor().pid, signal.SIGSTOP)
    runner.cancel(handle)
    assert process.look(worker) is None
    assert runner.describe(handle).failure.cause is Cause.CANCELLED


def test_a_job_cancelled_before_anybody_ran_it_never_runs(warm_state, warm, store, tmp_path):
    asked = request("mark", store, file=str(tmp_path / "runs"))
    Path(warm.plan(asked)["folder"]).mkdir(parents=True, mode=0o700)
    handle = f"local://{os.uname().nodename}/{Path(warm.plan(asked)['folder']).name}"
    assert warm.describe(handle).state is JobState.WAITING
    warm.cancel(handle)
    assert warm.launch(asked) == handle
    assert warm.describe(handle).failure.cause is Cause.CANCELLED
    assert not (tmp_path / "runs").exists()


def test_a_store_that_is_lost_before_the_delivery_is_the_reason(warm, store, tmp_path):
    asked = request("loses_its_store", store, root=str(tmp_path / "store"), deadline_s=2)
    Mailbox(open_store(store)).post(asked)
    assert ended(warm, warm.launch(asked)).failure.cause is Cause.BACKEND


def test_a_job_whose_result_exists_does_nothing(warm, store, tmp_path):
    asked = request("mark", store, file=str(tmp_path / "runs"))
    newer = {"kind": "JobResult", "v": 99, "key": asked.key.dump(), "dreams": 7}
    assert open_store(store).create(f"jobs/{asked.key.slug}/result.json", json.dumps(newer).encode())
    assert ended(warm, warm.launch(asked)).failure is None
    assert not (tmp_path / "runs").exists()


def test_a_job_has_the_callers_surroundings_and_its_own(warm_state, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = LocalRunner(LocalJob(env={"COLOUR": "green"}), state=warm_state)
    handle = runner.launch(request("surroundings", store))
    ended(runner, handle)
    assert f"green {tmp_path} True 0o700" in everything(runner, handle)
    assert not folder(warm_state, handle).scratch.exists()


def test_secrets_are_never_on_disk(own_state, store, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2-environment")
    runner = LocalRunner(LocalJob(env={"TOKEN": "hunter2-job"}), state=own_state)
    asked = request("surroundings", store)
    ended(runner, runner.launch(asked))
    assert "hunter2" not in json.dumps(runner.plan(asked))
    for file in own_state.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file


@pytest.mark.parametrize("warm_s", [0, 60])
def test_everything_of_a_job_is_private(own_state, store, warm_s):
    runner = LocalRunner(state=own_state, warm_s=warm_s)
    ended(runner, runner.launch(request("echo", store)))
    for path in (own_state, *own_state.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_state_folder_that_others_may_enter_is_refused(tmp_path, store):
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(SpecError, match=r"not private.*mode 700.*TAXIWAY_STATE"):
        LocalRunner(state=tmp_path / "state").launch(request("echo", store))


def test_a_job_of_another_machine_is_said_to_be_there(warm):
    with pytest.raises(BackendError, match=r"another machine.*elsewhere"):
        warm.describe(f"local://elsewhere/{'a' * 32}-{'b' * 8}")


@pytest.mark.parametrize("handle", ["local://vm/../../etc", "pod://vm/x", "", f"local://vm/{'a' * 32}"])
def test_a_handle_of_something_else_is_refused(warm, handle):
    with pytest.raises(SpecError, match="no handle of a local job"):
        warm.cancel(handle)


def test_a_job_nobody_launched_is_unknown(warm):
    assert warm.describe(f"local://{os.uname().nodename}/{'a' * 32}-{'b' * 8}").state is JobState.UNKNOWN


def test_an_interpreter_that_is_missing_is_named(own_state, store):
    runner = LocalRunner(LocalJob(python="/no/such/python"), state=own_state)
    with pytest.raises(SpecError, match=r"/no/such/python.*No such file"):
        runner.launch(request("echo", store))


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment: uv run --extra dev pytest")
@pytest.mark.parametrize("warm_s", [0, 60])
def test_an_interpreter_without_taxiway_is_told_how_to_get_it(own_state, store, warm_s):
    bare = str(Path(sys.executable).resolve())
    runner = LocalRunner(LocalJob(python=bare), state=own_state, warm_s=warm_s)
    with pytest.raises(SpecError, match=r"has no taxiway.*-m pip install 'taxiway\[data,sklearn\]"):
        runner.launch(request("echo", store))


def command_lines() -> list[str]:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_text())
        except OSError:
            continue
    return lines
