"""Requests that wait: how many, how long they may be together, and who is asked with whom."""

import asyncio

import pytest

from taxiway.runtime.serving import queue
from taxiway.runtime.serving.frames import Ask, Form
from taxiway.runtime.serving.queue import Call, Queue


@pytest.fixture
def loop():
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def call(loop, size=1):
    return Call(Ask(Form.NAMED, 0, b"x" * size), 0.0, loop.create_future())


def test_a_queue_is_full_by_number_or_by_length(loop):
    waiting = Queue(3, 10)
    waiting.append(call(loop, 9))
    assert not waiting.full
    waiting.append(call(loop, 20))
    assert waiting.full
    assert len(waiting.take(64)) == 2
    for _ in range(3):
        assert not waiting.full
        waiting.append(call(loop))
    assert waiting.full


def test_a_batch_has_so_many_requests_and_bytes_at_most(loop, monkeypatch):
    monkeypatch.setattr(queue, "_BATCH_BYTES", 100)
    waiting = Queue(64, 10_000)
    for size in (60, 30, 20, 500, 1, 1, 1):
        waiting.append(call(loop, size))
    batches = [[one.size for one in waiting.take(2)] for _ in range(5)]
    assert batches == [[60, 30], [20], [500], [1, 1], [1]]
    assert waiting.take(2) == []


def test_who_has_an_answer_already_is_not_asked(loop):
    waiting = Queue(64, 10_000)
    calls = [call(loop) for _ in range(4)]
    for one in calls:
        waiting.append(one)
    calls[1].future.cancel()
    calls[2].tell("told")
    calls[2].tell("told again")
    assert calls[2].future.result() == "told"
    waiting.forget_answered()
    assert [*waiting] == [calls[0], calls[3]]
    calls[0].future.cancel()
    assert waiting.take(64) == [calls[3]]


def test_who_was_there_when_a_predictor_ended_is_asked_first_and_alone(loop):
    waiting = Queue(64, 10_000)
    first, second, third = (call(loop) for _ in range(3))
    waiting.append(third)
    waiting.ask_again([first, second])
    assert [waiting.take(64) for _ in range(3)] == [[first], [second], [third]]
