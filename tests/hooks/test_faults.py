import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from taxiway.core import errors
from taxiway.core.jobs import Cause, Failure, JobFailed
from taxiway.hooks.faults import in_airflows_words

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.mark.parametrize("kind", [errors.SpecError, errors.IntegrityError, errors.GateRefused, errors.Conflict])
def test_what_nobody_can_mend_by_trying_again_is_not_tried_again(kind):
    with pytest.raises(AirflowFailException, match="no"), in_airflows_words():
        raise kind("no")


@pytest.mark.parametrize("kind", [errors.BackendError, errors.DeadlineExceeded])
def test_what_may_pass_is_left_to_airflows_retries(kind):
    with pytest.raises(kind), in_airflows_words():
        raise kind("not now")


def test_a_refusal_may_skip():
    with pytest.raises(AirflowSkipException), in_airflows_words("skip"):
        raise errors.GateRefused("no")


@pytest.mark.parametrize(
    ("cause", "retryable", "expected"),
    [
        (Cause.USER_CODE, False, AirflowFailException),
        (Cause.OUT_OF_MEMORY, False, AirflowFailException),
        (Cause.CRASHED, True, JobFailed),
        (Cause.CANCELLED, False, JobFailed),
    ],
)
def test_the_failure_of_a_job_decides_by_its_cause(cause, retryable, expected):
    failure = Failure(cause=cause, message="m", retryable=retryable)
    with pytest.raises(expected), in_airflows_words():
        raise JobFailed(failure, where="task 't'")


def test_errors_that_are_not_ours_pass_unchanged():
    with pytest.raises(ZeroDivisionError), in_airflows_words():
        raise ZeroDivisionError
