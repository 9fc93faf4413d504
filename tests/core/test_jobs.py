import pytest

import samples
from taxiway.core.errors import SpecError
from taxiway.core.history import run_key
from taxiway.core.jobs import RETRYABLE, Cause, Failure, JobFailed, JobResult, require_record

TIMES = {"started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:01Z", "cpu_s": 1, "peak_memory_bytes": 1}


def result(record, failure):
    return JobResult(key=samples.job_key(), record=record, failure=failure, **TIMES)


def test_the_slug_of_a_key_never_changes():
    assert samples.job_key().slug == "04f30c982d53bdf007d566dac511382c"


@pytest.mark.parametrize(
    "change",
    [{"dag_id": "x"}, {"run_id": "x"}, {"task_id": "x"}, {"map_index": 0}, {"generation": 1}, {"attempt": 2}],
)
def test_every_part_of_a_key_makes_it_another_job(change):
    assert samples.job_key(**change).slug != samples.job_key().slug


def test_a_result_with_a_record_gives_the_record():
    assert require_record(result({"kind": "X"}, None)) == {"kind": "X"}


def test_a_result_with_a_failure_raises_it():
    failure = Failure(cause=Cause.OUT_OF_MEMORY, message="it took 9 GB", retryable=False)
    with pytest.raises(
        JobFailed, match=r"task 'train' of 'flight-delay\.training': OutOfMemory: it took 9 GB"
    ) as caught:
        require_record(result(None, failure))
    assert caught.value.failure == failure


def test_a_result_that_says_nothing_is_refused():
    with pytest.raises(SpecError, match="neither a record nor a failure"):
        require_record(result(None, None))


def test_what_the_user_must_mend_is_not_tried_again():
    assert {Cause.USER_CODE, Cause.SPEC, Cause.INTEGRITY, Cause.OUT_OF_MEMORY, Cause.CANCELLED}.isdisjoint(RETRYABLE)


def test_the_attempts_of_a_generation_write_one_run_history():
    third = samples.job_key(attempt=3)
    assert run_key("m", third) == run_key("m", third.next) == f"m.{samples.job_key().slug}"
    assert third.next == samples.job_key(attempt=4)
    assert run_key("m", samples.job_key(generation=1)) != run_key("m", third)


def test_a_job_that_ran_out_of_memory_is_tried_again_where_there_is_a_larger_profile():
    failure = Failure.of(Cause.OUT_OF_MEMORY, "it took 9 GB.")
    with pytest.raises(JobFailed, match=r"It is tried once more, with the profile 'gpu\.large'") as caught:
        require_record(result(None, failure), larger="gpu.large")
    assert caught.value.retryable
    with pytest.raises(JobFailed) as caught:
        require_record(result(None, failure))
    assert not caught.value.retryable
    with pytest.raises(JobFailed) as caught:
        require_record(result(None, Failure.of(Cause.USER_CODE, "no")), larger="gpu.large")
    assert not caught.value.retryable
