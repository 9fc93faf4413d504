import copy
import pickle

import pytest

from taxiway.core import errors
from taxiway.core.errors import BackendError, DeadlineExceeded, SpecError, TaxiwayError
from taxiway.core.jobs import Cause, Failure, JobFailed

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, TaxiwayError)]


def test_an_error_says_what_where_expected_got_and_what_to_do():
    error = SpecError("the column is gone", where="dataset 'x'", expected="'late'", got="'lateness'", do="Rename it.")
    assert str(error) == "dataset 'x': the column is gone. Expected 'late'. Got 'lateness'. Rename it."


def test_an_error_says_only_what_it_knows():
    assert str(SpecError("why?")) == "why?"


def test_an_error_stays_short_however_big_the_data_is():
    error = SpecError("x" * 5000, where="y" * 5000, expected="z" * 5000, got="v" * 5000, do="w" * 5000)
    assert len(str(error)) < 3300
    assert "(5000 characters)" in str(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_crosses_processes_whole(cls):
    error = cls("what", where="where", expected="this", got="that", do="Do it.")
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(again) is cls
        assert (str(again), again.where, again.do) == (str(error), "where", "Do it.")


def test_a_failed_job_crosses_processes_with_its_failure():
    failure = Failure(cause=Cause.CRASHED, message="it died", retryable=True)
    again = pickle.loads(pickle.dumps(JobFailed(failure, where="task 'train'")))  # noqa: S301 - our own bytes
    assert again.failure == failure
    assert str(again) == "task 'train': Crashed: it died."


def test_only_what_may_pass_by_itself_is_worth_another_try():
    assert {cls for cls in CLASSES if cls.retryable} == {BackendError, DeadlineExceeded}


def test_a_spec_error_is_a_value_error():
    assert issubclass(SpecError, ValueError)
