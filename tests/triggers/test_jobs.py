import asyncio
import json
import time
from pathlib import Path

import pytest

import samples
from taxiway.core import KubernetesJob, LocalJob
from taxiway.core.jobs import Cause, Failure, JobRequest, JobResult, JobState, JobStatus
from taxiway.hooks.jobs import JobDesk, Started, Watch
from taxiway.hooks.store import TaxiwayHook
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import open_store
from taxiway.triggers.jobs import JobTrigger


class Runner:
    """A runner at the far edge: it says what the test wants of the job."""

    def __init__(self, state=JobState.RUNNING, failure=None, **status):
        self.state, self.failure, self.cancelled, self.launched = state, failure, [], []
        self.status = status

    def plan(self, *_):
        return {}

    def launch(self, request):
        self.launched.append(request.key)
        return "handle"

    def describe(self, *_):
        return JobStatus(state=self.state, failure=self.failure, **self.status)

    def logs(self, *_):
        return "", 0

    def cancel(self, handle):
        self.cancelled.append(handle)

    def missing_result_hint(self, *_):
        return "Look at the kernel's log."


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(open_store(tmp_path.as_uri()))


def result(key, failure=None):
    record = None if failure else samples.dataset_ref().dump()
    return JobResult(
        key=key, record=record, failure=failure, started_at="", ended_at="", cpu_s=0.0, peak_memory_bytes=0
    )


def failure(cause=Cause.CRASHED, *, retryable=True):
    return Failure(cause=cause, message="it died", retryable=retryable)


def started(where=None, began=None, **changes):
    """A job that was asked for just now."""
    now = time.time() if began is None else began
    return Started(samples.job_key(), "handle", where or LocalJob(), now, **changes)


def watch(mailbox, runner, job=None):
    return Watch(JobDesk(mailbox, runner), job or started(), poll_s=0.05)


def test_a_job_that_runs_has_no_result_yet(mailbox):
    assert watch(mailbox, Runner()).look() is None


def test_a_job_that_ended_without_a_word_gets_a_result_that_says_where_to_look(mailbox):
    seen = watch(mailbox, Runner(JobState.ENDED)).look()
    assert (seen.failure.cause, seen.failure.retryable) == (Cause.RESULT_MISSING, True)
    assert "Look at the kernel's log." in seen.failure.message
    assert mailbox.result(samples.job_key()) == seen


def test_the_runner_may_know_better_why_it_ended(mailbox):
    seen = watch(mailbox, Runner(JobState.ENDED, failure(Cause.OUT_OF_MEMORY, retryable=False))).look()
    assert seen.failure.cause is Cause.OUT_OF_MEMORY


def test_a_job_past_its_deadline_is_cancelled_by_the_clock(mailbox):
    runner = Runner()
    late = started(LocalJob(deadline_s=10), began=time.time() - 60)
    assert watch(mailbox, runner, late).look().failure.cause is Cause.DEADLINE
    assert runner.cancelled == ["handle"]


def test_a_result_that_is_there_stands_whatever_is_cancelled_later(mailbox):
    mailbox.deliver(result(samples.job_key()))
    assert watch(mailbox, Runner()).cancel("too late").failure is None


QUEUED = KubernetesJob("image:1", queue_deadline_s=5, deadline_s=5)


def test_a_queued_job_is_waited_for_by_a_clock_of_its_own(mailbox, caplog):
    runner = Runner(JobState.QUEUED, detail="0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    seen = watch(mailbox, runner, started(QUEUED))
    with caplog.at_level("INFO"):
        assert seen.look() is None
        assert seen.look() is None
    assert caplog.text.count("Insufficient nvidia.com/gpu") == 1
    assert "Insufficient" in seen.waiting_for
    late = watch(mailbox, runner, started(QUEUED, began=time.time() - 60)).look()
    assert late.failure.cause is Cause.UNSCHEDULABLE
    assert "it waited 60 s" in late.failure.message
    assert "Insufficient nvidia.com/gpu" in late.failure.message
    assert runner.cancelled == ["handle"]


def test_the_deadline_of_a_job_counts_from_when_it_began_to_run(mailbox):
    began = time.time() - 3600
    assert watch(mailbox, Runner(since=time.time()), started(QUEUED, began=began)).look() is None
    assert watch(mailbox, Runner(since=began), started(QUEUED, began=began)).look().failure.cause is Cause.DEADLINE


def test_pods_that_begin_again_wait_by_a_new_clock(mailbox):
    runner = Runner(since=time.time())
    seen = watch(mailbox, runner, started(QUEUED, began=time.time() - 3600))
    assert seen.look() is None
    runner.state = JobState.WAITING
    assert seen.look() is None


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_the_timeout_of_a_task_ends_its_job_even_when_the_task_is_deferred(mailbox, state):
    runner = Runner(state, since=time.time())
    assert watch(mailbox, runner, started(QUEUED, timeout_s=600.0)).look() is None
    over = watch(mailbox, runner, started(QUEUED, began=time.time() - 2, timeout_s=1.0)).look()
    assert over.failure.cause is Cause.DEADLINE
    assert "execution_timeout" in over.failure.message
    assert runner.cancelled == ["handle"]


def test_a_job_that_a_quota_has_no_room_for_is_asked_for_again(mailbox):
    mailbox.post(JobRequest(key=samples.job_key(), stage="train", work={}, store="file:///s"))
    runner = Runner(JobState.QUEUED, Failure.of(Cause.QUOTA, "exceeded quota"), detail="exceeded quota")
    assert watch(mailbox, runner, started(QUEUED)).look() is None
    assert runner.launched == [samples.job_key()]


def test_a_job_that_will_never_start_is_ended_with_the_reason(mailbox):
    runner = Runner(JobState.WAITING, Failure.of(Cause.IMAGE_PULL, "ErrImagePull: not found"))
    assert watch(mailbox, runner).look().failure.cause is Cause.IMAGE_PULL
    assert runner.cancelled == ["handle"]


def test_what_was_about_to_end_a_job_is_remembered_when_it_is_gone(mailbox):
    runner = Runner(JobState.RUNNING, Failure.of(Cause.PREEMPTED, "a more important pod came"), since=100.0)
    seen = watch(mailbox, runner, started(KubernetesJob("image:1", deadline_s=10 * time.time())))
    assert seen.look() is None
    runner.state, runner.failure = JobState.ENDED, None
    ended = seen.look()
    assert ended.failure.cause is Cause.PREEMPTED
    assert ended.started_at == "1970-01-01T00:01:40+00:00"


def test_a_crash_that_was_announced_is_what_was_announced(mailbox):
    runner = Runner(JobState.RUNNING, Failure.of(Cause.PREEMPTED, "a more important pod came"), since=time.time())
    seen = watch(mailbox, runner)
    assert seen.look() is None
    runner.failure = None  # the pod is gone, the others run for a moment longer
    assert seen.look() is None
    runner.state, runner.failure = JobState.ENDED, Failure.of(Cause.CRASHED, "the job ended with code 1")
    assert seen.look().failure.cause is Cause.PREEMPTED


def test_what_ended_pods_that_began_again_is_no_reason_any_more(mailbox):
    runner = Runner(JobState.RUNNING, Failure.of(Cause.PREEMPTED, "a more important pod came"), since=time.time())
    seen = watch(mailbox, runner)
    assert seen.look() is None
    runner.state, runner.failure = JobState.WAITING, None
    assert seen.look() is None
    runner.state, runner.failure = JobState.ENDED, Failure.of(Cause.CRASHED, "the job ended with code 1")
    assert seen.look().failure.cause is Cause.CRASHED


def test_a_job_that_ran_out_of_memory_is_over_only_where_it_may_grow(mailbox):
    mailbox.deliver(result(samples.job_key(), failure(Cause.OUT_OF_MEMORY, retryable=False)))
    desk = JobDesk(mailbox, Runner())
    assert desk.attempt(samples.job_key()) == (samples.job_key(), mailbox.result(samples.job_key()), False)
    assert desk.attempt(samples.job_key(), may_grow=True) == (samples.job_key(attempt=2), None, True)
    mailbox.deliver(result(samples.job_key(attempt=2), failure(Cause.OUT_OF_MEMORY, retryable=False)))
    assert desk.attempt(samples.job_key(), may_grow=True).key.attempt == 2


@pytest.mark.parametrize(
    ("failures", "attempt"),
    [
        ([], 1),
        ([failure()], 2),
        ([failure(), failure(Cause.CANCELLED, retryable=False)], 3),
        ([failure(Cause.USER_CODE, retryable=False)], 1),
        ([failure(), failure(Cause.SPEC, retryable=False)], 2),
    ],
)
def test_the_attempt_is_the_first_that_is_not_over_and_done_with(mailbox, failures, attempt):
    for number, each in enumerate(failures, start=1):
        mailbox.deliver(result(samples.job_key(attempt=number), each))
    assert JobDesk(mailbox, Runner()).attempt(samples.job_key())[0].attempt == attempt


def test_what_was_asked_first_under_a_key_is_what_is_done(mailbox):
    launched = []

    class Recording(Runner):
        def launch(self, request):
            launched.append(request.work)
            return "handle"

    desk = JobDesk(mailbox, Recording())
    for champion in (1, 2):
        desk.start(JobRequest(key=samples.job_key(), stage="train", work={"champion": champion}, store="file:///s"))
    assert launched == [{"champion": 1}, {"champion": 1}]


@pytest.fixture
def trigger(airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TAXIWAY__STORE", tmp_path.as_uri())
    monkeypatch.setenv("TAXIWAY_STATE", str(tmp_path / "state"))
    handle = "local://elsewhere/" + "0" * 32 + "-" + "0" * 8
    job = Started(samples.job_key(), handle, LocalJob(), time.time())
    return JobTrigger(taxiway_conn_id="taxiway_default", job=job.dump(), poll_s=0.05)


async def first(trigger):
    return (await anext(aiter(trigger.run()))).payload


def test_the_trigger_fires_when_there_is_a_result_and_only_names_it(trigger, tmp_path):
    Mailbox(open_store(tmp_path.as_uri())).deliver(result(samples.job_key()))
    event = asyncio.run(asyncio.wait_for(first(trigger), 10))
    assert Started.load(json.loads(json.dumps(event))) == Started.load(trigger.job)


def test_the_trigger_is_serialized_without_secrets_and_comes_back(trigger, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_TAXIWAY_DEFAULT", json.dumps({"conn_type": "taxiway", "extra": {"store": "s3://b", "x": "hush"}})
    )
    _ = TaxiwayHook().place
    path, arguments = trigger.serialize()
    assert path == "taxiway.triggers.jobs.JobTrigger"
    assert "hush" not in json.dumps(arguments)
    assert JobTrigger(**json.loads(json.dumps(arguments))).serialize() == trigger.serialize()


def test_a_job_on_a_machine_that_cannot_be_asked_is_waited_for_until_its_deadline(trigger):
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(first(trigger), 0.5))


def test_a_restart_of_the_triggerer_cancels_nothing(trigger):
    asyncio.run(trigger.cleanup())
    assert not Path(trigger.taxiway_conn_id).exists()
    assert TaxiwayHook().access(LocalJob()).desk.mailbox.result(samples.job_key()) is None
