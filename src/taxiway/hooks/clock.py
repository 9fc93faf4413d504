"""Calls that end by the clock, whatever the other side does."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from taxiway.core.delivery import AnswerLost

T = TypeVar("T")


def within(call: Callable[[], T], seconds: float) -> T:
    """What a call gives, by the clock: a server that sends a byte now and then would hold it for ever.

    Raises:
        AnswerLost: it takes longer; it goes on in a thread that nobody waits for.
    """
    done: list[Callable[[], T]] = []

    def run() -> None:
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.append(functools.partial(_raise, error))
        else:
            done.append(lambda: value)

    thread = threading.Thread(target=run, daemon=True, name="taxiway-slack")
    thread.start()
    thread.join(seconds)
    if not done:
        raise AnswerLost(
            "the answer did not come in time", expected=f"one within {seconds:g} s", do="It is tried again."
        )
    return done[0]()


def _raise(error: BaseException) -> Any:
    raise error
