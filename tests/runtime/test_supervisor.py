import signal

import pytest

from taxiway.core.jobs import Cause, Failure
from taxiway.runtime.supervisor import Ending, Stop, verdict

MIB = 1 << 20
REPORTED = Failure(cause=Cause.BACKEND, message="the store is away", retryable=True)


def test_a_delivered_result_is_the_last_word_whatever_else_happened():
    assert verdict(Ending(-9, said=True, stop=Stop.CANCEL)) is None


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (Ending(-15, stop=Stop.CANCEL), Cause.CANCELLED),
        (Ending(-9, stop=Stop.DEADLINE, deadline_s=5), Cause.DEADLINE),
        (Ending(1, said=True, failure=REPORTED), Cause.BACKEND),
        (Ending(1, said=True, failure=REPORTED, stop=Stop.DEADLINE), Cause.DEADLINE),
        (Ending(-9), Cause.CRASHED),
        (Ending(-9, oom_kills=1), Cause.OUT_OF_MEMORY),
        (Ending(-9, peak_memory_bytes=500 * MIB, memory_bytes=512 * MIB), Cause.OUT_OF_MEMORY),
        (Ending(-6, peak_memory_bytes=500 * MIB, memory_bytes=512 * MIB), Cause.OUT_OF_MEMORY),
        (Ending(-6, peak_memory_bytes=100 * MIB, memory_bytes=512 * MIB), Cause.CRASHED),
        (Ending(-11, oom_kills=1), Cause.CRASHED),
        (Ending(0), Cause.RESULT_MISSING),
        (Ending(3), Cause.CRASHED),
    ],
)
def test_what_is_known_of_the_end_says_why_there_is_no_result(end, cause):
    assert verdict(end).cause is cause


def test_only_what_may_pass_by_itself_is_tried_again():
    assert verdict(Ending(-9)).retryable
    assert not verdict(Ending(-9, oom_kills=1)).retryable
    assert not verdict(Ending(-15, stop=Stop.CANCEL)).retryable


def test_a_signal_is_named_with_the_memory_that_was_held():
    message = verdict(Ending(-signal.SIGSEGV, peak_memory_bytes=1234 * MIB)).message
    assert "signal 11 (SIGSEGV)" in message
    assert "1,234 MiB" in message


def test_a_signal_without_a_name_is_no_trouble():
    assert "signal 40 (unknown)" in verdict(Ending(-40)).message
