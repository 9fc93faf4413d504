"""The predictor: one process, one loaded version, one batch at a time.

Whatever a model does to its process, ends here: the server sees the pipe close, answers what was under way, and has
another predictor made. A predictor that does not finish a batch in time is ended by the kernel, by its own alarm.
"""

import contextlib
import dataclasses
import gc
import os
import resource
import signal
import socket
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from taxiway.core.errors import IntegrityError, SpecError, TaxiwayError
from taxiway.core.traffic import Fault
from taxiway.engines.flavours import Prediction
from taxiway.runtime import golden
from taxiway.runtime.models import Model, open_model
from taxiway.runtime.serving import named, tensors
from taxiway.runtime.serving.answers import Asked, Speaker, checked, part, tally
from taxiway.runtime.serving.comparing import differs
from taxiway.runtime.serving.frames import (
    OTHER,
    Ask,
    Batch,
    Form,
    Told,
    pack_batch,
    pack_message,
    receive,
    refusal,
    unpack_asks,
    unpack_message,
)
from taxiway.runtime.serving.inputs import Inputs, kind_of
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.orders import Order

_IDLE_NICE = 19


def predict(pipe: socket.socket) -> None:
    """Loads what the first frame says, says what came of it, and answers batches until the other side is gone."""
    first = receive(pipe)
    if first is None:
        return
    order = Order.of(unpack_message(first))
    _settle(quiet=order.quiet)
    fault = Fault.LOAD
    try:
        predictor = Predictor(order)
        fault = Fault.GOLDEN
        ready = predictor.ready()
    except Exception as error:  # noqa: BLE001 - a model may raise anything while it is loaded
        pipe.sendall(pack_message(_failed(error, fault)))
        return
    _tidy()
    pipe.sendall(pack_message(ready))
    while (data := receive(pipe)) is not None:
        if order.patience_s:
            signal.setitimer(signal.ITIMER_REAL, order.patience_s)
        batch = predictor.answer(unpack_asks(data))
        if order.patience_s:
            signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.sendall(pack_batch(batch))


class Predictor:
    """A loaded version that answers batches of requests.

    Raises:
        IntegrityError: its bytes are not the registered ones, or it does not answer its golden requests as it did.
        SpecError: a library it needs is not installed.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._model: Model = open_model(order.model, Path(order.folder))
        personal, key = order.model.trained_on.personal, bytes.fromhex(order.secret)
        self._inputs = Inputs(order.model.inputs, arrays=self._model.takes_arrays, personal=personal, key=key)
        self._speaker = Speaker(order.model.name, order.number)
        self._labels: dict[str, int] = {}
        self._outputs: list[dict[str, Any]] = []

    def ready(self) -> dict[str, Any]:
        """Replays the golden requests, which warms the model up, and says what there is to know about it."""
        began = time.monotonic()
        asked = self._replay()
        return {
            "state": "ready",
            "pid": os.getpid(),
            "golden": asked,
            "classes": [str(one) for one in self._speaker.classes],
            "outputs": self._outputs,
            "seconds": time.monotonic() - began,
        }

    def answer(self, asks: Sequence[Ask]) -> Batch:
        """The responses to a batch; a request that cannot be answered does not hurt the others."""
        began = time.perf_counter()
        read = [self._read(ask) for ask in asks]
        good = [one for one in read if isinstance(one, Asked)]
        batch = Batch([])
        said = self._say(good, batch)
        places = iter(said)
        for ask, one in zip(asks, read, strict=True):
            told = next(places) if isinstance(one, Asked) else one
            batch.told.append(self._write(ask, one, told) if isinstance(told, Prediction) else told)
        batch.seconds = time.perf_counter() - began
        return batch

    def _read(self, ask: Ask) -> Asked | Told:
        try:
            if ask.form == Form.TENSORS:
                return tensors.read(self._inputs, ask.body, ask.header)
            return named.read(self._inputs, ask.body)
        except SpecError as error:
            return refusal(400, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a body does, the next one is answered
            return self._broken(error)

    def _say(self, good: Sequence[Asked], batch: Batch) -> list[Prediction | Told]:
        """What the model says about each request; about one at a time when it fails on all of them together."""
        if not good:
            return []
        try:
            whole = self._predict(self._inputs.gather([one.rows for one in good]), sum(one.count for one in good))
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            if len(good) == 1:
                return [self._fault(error, good[0])]
            return [told for one in good for told in self._say([one], batch)]
        self._count(whole, batch)
        if len(good) == 1:
            return [whole]
        starts = _starts(good)
        return [part(whole, start, one.count) for start, one in zip(starts, good, strict=True)]

    def _predict(self, rows: Any, count: int) -> Prediction:
        said = self._model.predict_array(rows) if self._inputs.arrays else self._model.predict(rows)
        return checked(said, count)

    def _count(self, said: Prediction, batch: Batch) -> None:
        self._outputs = self._outputs or tensors.described(said)
        if said.classes and not self._speaker.classes:
            self._speaker = dataclasses.replace(self._speaker, classes=said.classes)
            self._labels = {str(label): place for place, label in enumerate(said.classes)}
        found = tally(said)
        batch.rows += len(said.values)
        batch.invalid += found.invalid
        batch.bins = _sum(batch.bins, found.bins)
        batch.labels = _sum(
            batch.labels, {self._labels.get(name, OTHER): count for name, count in found.labels.items()}
        )

    def _write(self, ask: Ask, asked: Asked | Told, said: Prediction) -> Told:
        if not isinstance(asked, Asked):
            return asked
        try:
            if ask.given:
                return Told(200, int(differs(said, ask.form, ask.given, ask.given_header)), asked.count, b"")
            if ask.form == Form.TENSORS:
                header, body = tensors.write(self._speaker, asked, said)
                return Told(200, header, asked.count, body)
            return Told(200, 0, asked.count, named.write(self._speaker, asked, said))
        except SpecError as error:
            return refusal(400, str(error))
        except Exception as error:  # noqa: BLE001 - labels may be anything
            return self._broken(error)

    def _fault(self, error: Exception, asked: Asked) -> Told:
        """Whose fault it is that the model raised: the request's when it had missing values, which many cannot take."""
        if isinstance(error, SpecError):
            return refusal(400, str(error))
        if isinstance(error, ValueError) and _has_gaps(asked.rows):
            return refusal(400, f"the model cannot answer rows with missing values: {_first_line(error)}")
        return self._broken(error)

    def _broken(self, error: Exception) -> Told:
        say("predict failed", level="error", version=self._order.number, error=traceback.format_exc(limit=-5))
        return refusal(500, f"the model failed: {type(error).__name__}: {_first_line(error)}")

    def _replay(self) -> int:
        folder = Path(self._order.folder)
        columns = golden.columns(folder)
        if columns is None:
            return self._model.replay() or self._try_out()
        count = len(next(iter(columns.values()), ()))
        plain = Inputs(self._inputs.columns, arrays=self._inputs.arrays)  # the kept rows hold pseudonyms already
        batch = Batch([])

        def ask() -> Prediction:
            said = self._predict(plain.from_columns(columns), count)
            self._count(said, batch)
            return said

        golden.check(folder, ask, count)
        self._predict(plain.from_columns({name: values[:1] for name, values in columns.items()}), 1)
        return count

    def _try_out(self) -> int:
        """Warms up a model that has no golden requests with a made-up row, which it may refuse."""
        made_up = {"number": 0, "truth": False}
        with contextlib.suppress(Exception):
            row = {one.name: [made_up.get(kind_of(one.dtype), "")] for one in self._inputs.columns}
            self._count(self._predict(self._inputs.from_columns(row), 1), Batch([]))
        return 0


def _starts(good: Sequence[Asked]) -> list[int]:
    starts, at = [], 0
    for one in good:
        starts.append(at)
        at += one.count
    return starts


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    total = dict(one)
    for key, count in other.items():
        total[key] = total.get(key, 0) + count
    return total


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _has_gaps(rows: Any) -> bool:
    import numpy as np

    if isinstance(rows, np.ndarray):
        return any(value is None or value != value for value in rows.ravel().tolist())  # noqa: PLR0124 - NaN is not itself
    return any(rows[name].null_count() for name in rows.columns)


def _failed(error: Exception, fault: Fault) -> dict[str, Any]:
    """Why a version cannot be loaded, in a message."""
    say("the version cannot be loaded", level="error", error=traceback.format_exc(limit=-5))
    known = isinstance(error, TaxiwayError)
    return {
        "state": "failed",
        "fault": Fault.INTEGRITY if fault is Fault.LOAD and isinstance(error, IntegrityError) else fault,
        "reason": str(error) if known else f"{type(error).__name__}: {error}",
        "retryable": not known or error.retryable,  # type: ignore[attr-defined]
    }


def _settle(*, quiet: bool) -> None:
    """Makes this process one that only its pipe ends, that the kernel ends first, and, if quiet, that steps back."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # a model's warnings, once per request, would be all there is to read
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900" if quiet else "500", encoding="ascii")
    if quiet:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _IDLE_NICE)
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _tidy() -> None:
    """Gives back what loading took, and keeps the collector away from what stays."""
    import ctypes

    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
