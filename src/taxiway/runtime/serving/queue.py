"""The queue: requests that wait for a predictor, so many and so long at most, and are taken from it in batches."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from taxiway.runtime.serving.frames import Ask, Told

_BATCH_BYTES = 4 << 20
"""Of the requests in one batch, unless one alone is longer."""


class Call:
    """One request on its way through a slot.

    Attributes:
        ask: the request.
        deadline: by the loop's clock.
        future: the answer.
        alone: it is asked in a batch of its own, for it may be what ended a predictor.
        size: of the request, in bytes.
    """

    __slots__ = ("alone", "ask", "deadline", "future", "size")

    def __init__(self, ask: Ask, deadline: float, future: "asyncio.Future[Told]") -> None:
        self.ask = ask
        self.deadline = deadline
        self.future = future
        self.alone = False
        self.size = len(ask.body) + len(ask.given)

    def tell(self, told: Told) -> None:
        """Answers it, unless it was answered (or given up) already."""
        if not self.future.done():
            self.future.set_result(told)


class Queue:
    """Requests that wait.

    Args:
        most: how many.
        most_bytes: how long they may be together; the last one may be longer.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._calls: deque[Call] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    @property
    def full(self) -> bool:
        """Whether there is no room for another one."""
        return len(self._calls) >= self._most or self._bytes >= self._most_bytes

    def append(self, call: Call) -> None:
        """Takes one on, as the last."""
        self._calls.append(call)
        self._bytes += call.size

    def ask_again(self, calls: Sequence[Call]) -> None:
        """Takes some back, as the first ones, each to be asked alone."""
        for call in reversed(calls):
            call.alone = True
            self._calls.appendleft(call)
            self._bytes += call.size

    def take(self, most: int) -> list[Call]:
        """The next batch, without those that nobody waits for any more; it may be empty."""
        calls: list[Call] = []
        size = 0
        while self._calls and len(calls) < most:
            call = self._calls[0]
            size += call.size
            if calls and (call.alone or size > _BATCH_BYTES):
                break
            self._calls.popleft()
            self._bytes -= call.size
            if call.future.done():
                continue
            calls.append(call)
            if call.alone:
                break
        return calls

    def forget_answered(self) -> None:
        """Drops those that nobody waits for any more."""
        self._calls = deque(call for call in self._calls if not call.future.done())
        self._bytes = sum(call.size for call in self._calls)
