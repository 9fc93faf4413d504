import samples
from taxiway.core.history import spent
from taxiway.core.jobs import Cause, Failure, JobRequest, JobResult


def asked(**changes):
    return JobRequest(key=samples.job_key(), stage="train", work={}, store="s3://m/", **{"gpus": 2, **changes})


def result(failure=None, ended="2026-01-01T00:01:00Z"):
    record = None if failure else {"kind": "X"}
    times = {"started_at": "2026-01-01T00:00:00Z", "ended_at": ended}
    return JobResult(key=samples.job_key(), record=record, failure=failure, cpu_s=0, peak_memory_bytes=0, **times)


def test_gpu_seconds_are_gpus_times_seconds():
    told = spent(asked(), result())
    assert (told.seconds, told.gpu_s, told.outcome, told.wasted) == (60, 120, "succeeded", False)
    assert spent(asked(gpus=0), result()).gpu_s == 0


def test_an_attempt_that_failed_was_wasted_and_says_why():
    told = spent(asked(), result(Failure.of(Cause.NODE_LOST, "gone")))
    assert (told.gpu_s, told.outcome, told.wasted) == (120, "NodeLost", True)


def test_nothing_is_counted_yet_of_an_attempt_that_runs():
    told = spent(asked(), None)
    assert (told.seconds, told.gpu_s, told.outcome, told.wasted) == (None, 0, "running", False)


def test_a_clock_that_went_back_costs_nothing():
    assert spent(asked(), result(ended="2025-12-31T23:59:59Z")).seconds == 0
