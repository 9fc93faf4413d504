import io
import time

import pytest
from rich.console import Console

from taxiway.cli.demo.api import TaskState
from taxiway.cli.demo.screen import Screen


def screen(*, terminal):
    return Screen(Console(file=io.StringIO(), force_terminal=terminal, width=100))


def text(screen):
    return screen.console.file.getvalue()


def test_each_stage_is_told_once_when_it_is_over():
    plain = screen(terminal=False)
    with plain.board({"train": "Train", "gate": "Ask the gates"}) as board:
        board.show([TaskState("train", "running", None, 1), TaskState("gate", "waiting", None, 0)])
        for _ in range(2):
            board.show([TaskState("train", "success", 2.04, 1), TaskState("gate", "failed", 1.0, 1)])
        board.show([TaskState("unknown", "success", 1.0, 1)])
    assert text(plain) == "  Train: done (2.0 s)\n  Ask the gates: failed (1.0 s)\n"


def test_a_terminal_shows_a_bar_for_each_stage():
    bars = screen(terminal=True)
    with bars.board({"train": "Train", "gate": "Ask the gates"}) as board:
        board.show([TaskState("train", "running", None, 1)])
        board.show([TaskState("train", "success", 2.0, 1), TaskState("gate", "up_for_retry", None, 1)])
    assert "Train" in text(bars)
    assert "done" in text(bars)
    assert "retrying" in text(bars)


def test_the_time_of_a_running_stage_goes_on_and_a_waiting_one_has_none():
    bars = screen(terminal=True)
    with bars.board({"train": "Train", "gate": "Ask the gates"}) as board:
        time.sleep(0.2)
        board.show([TaskState("train", "running", None, 1)])
        time.sleep(0.2)
        board._progress.refresh()
        train, gate = text(bars).splitlines()[-2:]
    assert "0.2 s" in train
    assert " s" not in gate.partition("waiting")[2]


def test_a_step_that_breaks_is_shown_as_failed():
    plain = screen(terminal=False)
    with pytest.raises(RuntimeError), plain.step("Start Airflow"):
        raise RuntimeError
    assert "Start Airflow: failed" in text(plain)
