"""A slot: one version, its predictors, and the requests that wait for them.

Batching is greedy: whenever a predictor is free, it gets what has come in since, and nobody waits for more to come.
"""

import asyncio
import contextlib
import dataclasses
import itertools
from collections import deque
from enum import StrEnum
from typing import Any

from taxiway.core.errors import BackendError
from taxiway.core.traffic import Fault
from taxiway.core.training import Target
from taxiway.runtime import process
from taxiway.runtime.serving.frames import (
    Ask,
    Batch,
    Frames,
    Told,
    pack_asks,
    pack_message,
    refusal,
    unpack_batch,
    unpack_message,
)
from taxiway.runtime.serving.ledger import Ledger
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.nursery import Nursery
from taxiway.runtime.serving.orders import Order
from taxiway.runtime.serving.queue import Call, Queue

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0
_STEADY_S = 60.0
"""A predictor that lived this long, or answered a batch, is not one that always crashes."""
_SWEEP_S = 0.02
_WORDS_S, _LOOK_S = 2.0, 0.02
"""How long a closed pipe waits to hear how its process ended, and how often it looks."""
_SIGALRM = -14


class State(StrEnum):
    """What a slot is doing."""

    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    CLOSED = "closed"


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much a slot takes on.

    Attributes:
        queue: requests that may wait; the next one is told to come back (429).
        queue_bytes: how long they may be together.
        batch: requests that are answered at once, at most.
        predictors: processes.
        load_s: how long a version may take to load.
    """

    queue: int = 256
    queue_bytes: int = 64 << 20
    batch: int = 64
    predictors: int = 1
    load_s: float = 300.0


class Slot:
    """One version in this process.

    Attributes:
        target: the version.
        quiet: it only works when nobody else needs the processor.
        state: what it is doing.
        reason: why it failed, or why its last predictor ended.
        fault: what kind of failure that was.
        classes: the labels it gives.
        outputs: the tensors it gives, as the protocol describes them; empty while that is not known.
        golden: how many golden requests it answered.
        ledger: where its batches are counted now.
        settled: done when it is ready for the first time, or failed.
    """

    def __init__(self, order: Order, nursery: Nursery, limits: Limits, ledger: Ledger) -> None:
        self.target = Target(number=order.number, model=order.model)
        self.quiet = order.quiet
        self.state = State.LOADING
        self.reason = ""
        self.fault = Fault.LOAD
        self.classes: list[str] = []
        self.outputs: list[dict[str, Any]] = []
        self.golden = 0
        self.ledger = ledger
        self._order = order
        self._nursery = nursery
        self._limits = limits
        self._queue = Queue(limits.queue, limits.queue_bytes)
        self._free: deque[_Pipe] = deque()
        self._pipes: set[_Pipe] = set()
        self._loop = asyncio.get_running_loop()
        self._pumping = False
        self._idle = asyncio.Event()
        self.settled: asyncio.Future[bool] = self._loop.create_future()
        self._tasks = [self._loop.create_task(self._keep_one()) for _ in range(limits.predictors)]
        self._tasks.append(self._loop.create_task(self._sweep()))

    @property
    def ready(self) -> bool:
        """Whether a predictor is there that has loaded these bytes and answered their golden requests."""
        return self.state is State.READY

    @property
    def secret(self) -> str:
        """The key of the pseudonyms it was trained on."""
        return self._order.secret

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    @property
    def busy(self) -> int:
        """How many requests a predictor is being asked now."""
        return sum(len(pipe.calls) for pipe in self._pipes)

    def offer(self, ask: Ask, deadline: float) -> "asyncio.Future[Told]":
        """Takes a request on, or says at once why not; the answer comes by the deadline, whatever it is."""
        future: asyncio.Future[Told] = self._loop.create_future()
        if self.state in (State.FAILED, State.CLOSED, State.LOADING):
            future.set_result(refusal(503, f"version {self.target.number} is not ready: {self.reason or self.state}"))
        elif self._queue.full:
            future.set_result(refusal(429, "too many requests wait already; try again in a moment"))
        else:
            self._queue.append(Call(ask, deadline, future))
            self._wake()
        return future

    async def close(self, patience_s: float) -> None:
        """Answers what waits, for so long at most, and ends the predictors."""
        if not self._is_idle():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience_s)
        self.state = State.CLOSED
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self._queue:
            call.tell(refusal(503, "the version is going down"))

    def _wake(self) -> None:
        """Fills free predictors at the end of this turn of the loop, with all that came in during it."""
        if self._free and not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while self._free and self._queue:
            calls = self._queue.take(self._limits.batch)
            if calls:
                self._free.popleft().send(calls)

    async def _keep_one(self) -> None:
        """Keeps one predictor alive, with growing pauses when it does not live long."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            pipe, began = _Pipe(self), self._loop.time()
            if not await self._live(pipe):
                return
            steady = pipe.answered or self._loop.time() - began > _STEADY_S
            pause_s = _SHORTEST_PAUSE_S if steady else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _live(self, pipe: "_Pipe") -> bool:
        """The life of one predictor; false when another one would not live either."""
        try:
            end = self._nursery.spawn(self.target.model.flavour, pipe.ended)
            await self._loop.create_connection(lambda: pipe, sock=end)
        except (BackendError, OSError) as error:
            self._down("the nursery failed", str(error))
            return True
        try:
            pipe.write([pack_message(self._order.message())])
            said = await asyncio.wait_for(pipe.first, self._limits.load_s)
        except TimeoutError:
            said = {"state": "failed", "reason": f"not loaded within {self._limits.load_s:g} s", "retryable": True}
        except asyncio.CancelledError:
            pipe.close()
            raise
        if said["state"] != "ready":
            pipe.close()
            return self._not_loaded(said)
        self._up(pipe, said)
        try:
            reason = await pipe.closed
        finally:
            self._pipes.discard(pipe)
            pipe.close()
        self._crashed(pipe, reason)
        return True

    def _up(self, pipe: "_Pipe", said: dict[str, Any]) -> None:
        self.classes, self.outputs, self.golden = said["classes"], said["outputs"], said["golden"]
        self.state, self.reason = State.READY, ""
        pipe.pid = said["pid"]
        self._pipes.add(pipe)
        self._free.append(pipe)
        say("predictor ready", **self._who(), pid=said["pid"], golden=said["golden"], seconds=round(said["seconds"], 3))
        if not self.settled.done():
            self.settled.set_result(True)
        self._wake()

    def _not_loaded(self, said: dict[str, Any]) -> bool:
        retryable = bool(said.get("retryable")) and self.settled.done()
        self.reason, self.fault = str(said["reason"]), Fault(said.get("fault", Fault.LOAD))
        say("predictor not loaded", level="error", **self._who(), reason=self.reason)
        if not self._pipes:
            self.state = State.RESTARTING if retryable else State.FAILED
        if not self.settled.done():
            self.settled.set_result(False)
        return retryable

    def _down(self, what: str, why: str) -> None:
        self.reason = f"{what}: {why}"
        say(what, level="error", **self._who(), reason=why)

    def _crashed(self, pipe: "_Pipe", reason: str) -> None:
        """A predictor is gone: what it was asked is asked again, one by one; what was alone before has done it."""
        self.ledger.crashed(reason)
        self._down("a predictor ended", reason)
        with contextlib.suppress(ValueError):
            self._free.remove(pipe)
        if not self._pipes and self.state is State.READY:
            self.state = State.RESTARTING
        calls, pipe.calls = pipe.calls, []
        for call in calls:
            if call.alone:
                call.tell(refusal(500, f"the model's process ended while it answered: {reason}"))
        self._queue.ask_again([call for call in calls if not call.alone])
        self._wake()

    async def _sweep(self) -> None:
        """Gives up requests whose time is over, waiting or under way."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._loop.time()
            late = [call for call in self._queue if call.deadline <= now]
            late += [call for pipe in self._pipes for call in pipe.calls if call.deadline <= now]
            for call in late:
                call.tell(refusal(504, "the deadline of the request is over"))
            if late:
                self._queue.forget_answered()
            self._is_idle()

    def _is_idle(self) -> bool:
        """Whether nobody waits for anything; whoever waits for that, hears it."""
        calls = itertools.chain(self._queue, *(pipe.calls for pipe in self._pipes))
        idle = all(call.future.done() for call in calls)
        if idle:
            self._idle.set()
        else:
            self._idle.clear()
        return idle

    def _who(self) -> dict[str, Any]:
        return {"version": self.target.number, "digest": self.target.model.digest, "slot": self.ledger.slot}

    def _answered(self, pipe: "_Pipe", batch: Batch) -> None:
        self.ledger.predicted(batch, self.classes)
        self._free.append(pipe)
        self._wake()


class _Pipe(asyncio.Protocol):
    """The server's end of the pipe to one predictor.

    Attributes:
        calls: what it is asked now.
        answered: it has answered a batch.
        first: what it says about loading.
        pid: of the process, once it has said so.
        closed: why it ended.
    """

    def __init__(self, slot: Slot) -> None:
        loop = asyncio.get_running_loop()
        self.calls: list[Call] = []
        self.answered = False
        self.first: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._slot = slot
        self.pid = 0
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if not self.first.done():
                self.first.set_result(unpack_message(frame))
                continue
            batch = unpack_batch(frame)
            calls, self.calls, self.answered = self.calls, [], True
            for call, told in zip(calls, batch.told, strict=True):
                call.tell(told)
            self._slot._answered(self, batch)  # noqa: SLF001 - two halves of one thing

    def connection_lost(self, exc: Exception | None) -> None:
        """The pipe closes a moment before or after the nursery says why, or the process is ours since it left."""
        self._lost(f"its pipe closed{f' ({exc})' if exc else ''}", self._loop.time() + _WORDS_S)

    def _lost(self, reason: str, deadline: float) -> None:
        status = process.reap(self.pid) if self.pid and not self.closed.done() else None
        if status is not None:
            self._end(_words(status))
        elif self.closed.done() or self._loop.time() > deadline:
            self._end(reason)
        else:
            self._loop.call_later(_LOOK_S, self._lost, reason, deadline)

    def ended(self, status: int) -> None:
        """The nursery says how the process ended."""
        self._end(_words(status))

    def send(self, calls: list[Call]) -> None:
        """Asks it a batch."""
        self.calls = calls
        self.write(pack_asks([call.ask for call in calls]))

    def write(self, pieces: list[bytes]) -> None:
        """Sends bytes."""
        if self._transport is not None:
            self._transport.writelines(pieces)

    def close(self) -> None:
        """Hangs up; the process ends."""
        if self._transport is not None:
            self._transport.close()

    def _end(self, reason: str) -> None:
        if not self.first.done():
            self.first.set_result({"state": "failed", "reason": f"its process ended: {reason}", "retryable": True})
        if not self.closed.done():
            self.closed.set_result(reason)


def _words(status: int) -> str:
    if status == _SIGALRM:
        return "it did not answer in time"
    if status < 0:
        import signal

        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
