"""What every runner does, whatever it runs jobs on: `class TestMine(RunnerContract)` with a `runner` of its own."""

import json
import time
from pathlib import Path

import pytest

import samples
from taxiway.core.jobs import Cause, JobKey, JobRequest, JobResult, JobState, JobStatus, Runner
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store

CODE = Path(__file__).parent
PATIENCE_S = 60.0


def request(function: str, store: str, *, key: JobKey | None = None, deadline_s: float = 60.0, **params) -> JobRequest:
    """A request for one of the functions in `steps.py`."""
    training = Training("contract.steps:echo", params=params)
    work = TrainWork(model="flight-delay", training=training, dataset=samples.dataset_ref())
    return JobRequest(
        key=key or samples.job_key(task_id=function),
        stage=f"steps:{function}",
        work=work.dump(),
        store=store,
        sys_path=(str(CODE),),
        deadline_s=deadline_s,
    )


def ended(runner: Runner, handle: str) -> JobStatus:
    """The job's last status."""
    end = time.monotonic() + PATIENCE_S
    while (status := runner.describe(handle)).state is not JobState.ENDED:
        assert time.monotonic() < end, status
        time.sleep(0.01)
    return status


def result(request: JobRequest) -> JobResult | None:
    return Mailbox(open_store(request.store)).result(request.key)


def until(file: Path) -> str:
    """What a job writes into a file, once it has."""
    end = time.monotonic() + PATIENCE_S
    while not file.exists() or not file.read_text():
        assert time.monotonic() < end, f"{file} was never written"
        time.sleep(0.01)
    return file.read_text()


def signs(asked: JobRequest) -> list[str]:
    """What the runs of a job left in its store, one sign each."""
    store = open_store(asked.store)
    name = asked.work["training"]["params"]["sign"]
    return [store.get(info.path).decode() for info in store.list(f"signs/{name}/")]


def alive(asked: JobRequest) -> list[str]:
    """The signs of a job, once there is one."""
    end = time.monotonic() + PATIENCE_S
    while not (found := signs(asked)):
        assert time.monotonic() < end, "it gave no sign of life"
        time.sleep(0.02)
    return found


def everything(runner: Runner, handle: str) -> str:
    """All that a job printed, as far as it is kept."""
    return read_on(runner, handle, 0)[0]


def read_on(runner: Runner, handle: str, position: int) -> tuple[str, int]:
    """All that a job printed since a position, and the position after it."""
    said = ""
    while True:
        more, after = runner.logs(handle, position)
        if after == position:
            return said, position
        said, position = said + more, after


class RunnerContract:
    """Laws of `taxiway.core.jobs.Runner`."""

    @pytest.fixture
    def runner(self) -> Runner:
        """The runner to judge."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> str:
        """URI of a store that the jobs reach too."""
        return (tmp_path / "store").as_uri()

    def test_a_job_delivers_its_record(self, runner, store):
        asked = request("echo", store)
        status = ended(runner, runner.launch(asked))
        assert status.failure is None
        assert result(asked).record == asked.work

    def test_a_job_that_ended_is_adopted_not_run_again(self, runner, store):
        asked = request("mark", store, sign="runs")
        handle = runner.launch(asked)
        ended(runner, handle)
        assert runner.launch(asked) == handle
        ended(runner, handle)
        assert len(signs(asked)) == 1

    def test_a_running_job_is_adopted(self, runner, store):
        asked = request("mark", store, sign="runs", seconds=0.5)
        handle = runner.launch(asked)
        alive(asked)
        assert runner.launch(asked) == handle
        ended(runner, handle)
        assert len(signs(asked)) == 1

    def test_another_attempt_is_another_job(self, runner, store):
        first = request("echo", store)
        second = request("echo", store, key=samples.job_key(task_id="echo", attempt=2))
        assert runner.launch(first) != runner.launch(second)
        assert ended(runner, runner.launch(second)).failure is None
        assert ended(runner, runner.launch(first)).failure is None

    def test_what_the_users_code_raises_becomes_the_result(self, runner, store):
        asked = request("raises", store)
        status = ended(runner, runner.launch(asked))
        assert status.failure is None
        failure = result(asked).failure
        assert failure.cause is Cause.USER_CODE
        assert "no such column: dep_delya" in failure.message
        assert "steps.py" in failure.traceback
        assert "taxiway/runtime" not in failure.traceback

    def test_a_process_that_ends_itself_leaves_no_result_and_a_reason(self, runner, store):
        asked = request("vanishes", store)
        handle = runner.launch(asked)
        status = ended(runner, handle)
        assert result(asked) is None
        assert status.failure.cause in (Cause.RESULT_MISSING, Cause.CRASHED)
        assert runner.missing_result_hint(handle)

    def test_a_job_is_ended_after_its_deadline(self, runner, store):
        asked = request("hangs", store, deadline_s=2, sign="pid")
        status = ended(runner, runner.launch(asked))
        assert status.failure.cause is Cause.DEADLINE
        assert result(asked) is None

    def test_a_cancelled_job_is_gone_and_cancelling_twice_is_the_same(self, runner, store):
        asked = request("hangs", store, sign="pid")
        handle = runner.launch(asked)
        alive(asked)
        runner.cancel(handle)
        runner.cancel(handle)
        assert runner.describe(handle).state is JobState.ENDED
        assert runner.describe(handle).failure.cause is Cause.CANCELLED
        assert result(asked) is None

    def test_cancelling_a_job_that_ended_changes_nothing(self, runner, store):
        asked = request("echo", store)
        handle = runner.launch(asked)
        ended(runner, handle)
        runner.cancel(handle)
        assert runner.describe(handle).failure is None
        assert result(asked).failure is None

    def test_what_a_job_prints_can_be_read_on_from_where_it_was_left(self, runner, store):
        handle = runner.launch(request("echo", store, say="première ligne\nsecond"))
        ended(runner, handle)
        said, end = read_on(runner, handle, 0)
        assert "première ligne\nsecond\n" in said
        assert runner.logs(handle, end) == ("", end)

    def test_output_that_is_no_text_is_shown_as_far_as_it_is(self, runner, store):
        handle = runner.launch(request("babbles", store))
        ended(runner, handle)
        assert "grüße ✈ \ufffd\ufffd\ufffd end\n" in everything(runner, handle)

    @pytest.mark.parametrize(
        "run_id", ["ж" * 300, "../../etc/passwd", "manual 2026-01-01T00:00:00+00:00 <b>&</b>", "\n"]
    )
    def test_a_run_may_be_called_anything(self, runner, store, run_id):
        asked = request("echo", store, key=samples.job_key(run_id=run_id))
        assert ended(runner, runner.launch(asked)).failure is None
        assert result(asked).key.run_id == run_id

    def test_a_plan_is_plain_data_and_says_the_same_twice(self, runner, store):
        asked = request("echo", store)
        assert json.loads(json.dumps(runner.plan(asked))) == runner.plan(asked)

    def test_a_plan_starts_nothing(self, runner, store):
        asked = request("mark", store, sign="runs")
        runner.plan(asked)
        assert signs(asked) == []
        assert Mailbox(open_store(store)).request(asked.key) is None
