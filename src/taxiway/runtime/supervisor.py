"""The process that answers for one job: it starts the worker, keeps its output, its clock and its last words.

It leads a session of its own and holds the job's lock, so it outlives the process that launched it, and its own end can
be seen from outside. The worker cannot outlive it.
"""

import contextlib
import json
import logging
import os
import resource
import selectors
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from taxiway.core.jobs import Cause, Failure
from taxiway.runtime import output, process
from taxiway.runtime.bell import Bell
from taxiway.runtime.folder import Exit, JobFolder
from taxiway.runtime.job import failure_of
from taxiway.runtime.worker import Ends, Order, work

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_NEAR = 0.8
"""A process that held this much of its limit and died by a signal died of want of memory."""


class Stop(StrEnum):
    """Why a supervisor ends its worker."""

    CANCEL = "cancel"
    DEADLINE = "deadline"


class Ending(NamedTuple):
    """What is known of a worker that has ended.

    Attributes:
        status: of `wait`, as an exit code: negative for a signal.
        said: whether it reported at its end.
        failure: what it reported; none when it delivered a result.
        stop: why it was told to stop, if it was.
        peak_memory_bytes: the most it held.
        memory_bytes: its limit.
        oom_kills: processes the kernel killed for want of memory while it ran.
        deadline_s: what it had.
    """

    status: int
    said: bool = False
    failure: Failure | None = None
    stop: Stop | None = None
    peak_memory_bytes: int = 0
    memory_bytes: int | None = None
    oom_kills: int = 0
    deadline_s: float = 0.0


def verdict(end: Ending) -> Failure | None:
    """Why there is no result; None when there is one."""
    if end.said and end.failure is None:
        return None
    if end.stop is Stop.CANCEL:
        return Failure.of(Cause.CANCELLED, "the job was cancelled")
    if end.stop is Stop.DEADLINE:
        return Failure.of(Cause.DEADLINE, f"the job was ended after its deadline of {end.deadline_s:g} s")
    if end.failure:
        return end.failure
    if end.status < 0:
        return _killed(end)
    return Failure.of(
        Cause.CRASHED if end.status else Cause.RESULT_MISSING,
        f"the process ended itself with exit code {end.status} before it delivered a result. Look for os._exit, exec or"
        " a native library that ends the process in the code it ran.",
    )


def _killed(end: Ending) -> Failure:
    name = signal.Signals(-end.status).name if -end.status in set(signal.Signals) else "unknown"
    held = f"the process was killed by signal {-end.status} ({name}) when it held at most {_mib(end.peak_memory_bytes)}"
    if end.memory_bytes is not None and end.peak_memory_bytes >= _NEAR * end.memory_bytes:
        limit = f"{held}, with a limit of {_mib(end.memory_bytes)}. Raise memory_bytes, or work in smaller batches."
        return Failure.of(Cause.OUT_OF_MEMORY, limit)
    if end.status == -signal.SIGKILL and end.oom_kills:
        kernel = f"{held}; the kernel ran out of memory then. Give the machine more, or work in smaller batches."
        return Failure.of(Cause.OUT_OF_MEMORY, kernel)
    return Failure.of(Cause.CRASHED, f"{held}. Look at its output, and at the kernel's log (dmesg) for what killed it.")


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"


Reply = Callable[[Mapping[str, Any]], None]
"""Tells the launching process how its order went; it may have gone, and that must not matter."""


def become_supervisor(order: Order, reply: Reply) -> NoReturn:
    """Makes this freshly forked process the supervisor of a job, and ends it when the job has ended.

    Replies `{"state": "started"}` as soon as the job is run, by this process or by another one that was first.
    """
    code = 1
    try:
        os.setsid()
        _supervise(order, reply)
        code = 0
    except Exception as error:
        log.exception("the job in %s has no supervisor", order.folder)
        reply({"state": "failed", "failure": failure_of(error).dump()})
    finally:
        os._exit(code)


def _supervise(order: Order, reply: Reply) -> None:
    stop = Bell()
    folder = JobFolder(Path(order.folder))
    with folder.elected(order.request, order.grace_s) as lock:
        reply({"state": "started"})
        if lock is not None:
            folder.finish(_Watch(order, folder, stop).run(lock))


class _Watch:
    """One worker, from its start to its end."""

    def __init__(self, order: Order, folder: JobFolder, bell: Bell) -> None:
        self._order = order
        self._folder = folder
        self._bell = bell
        self._deadline_s = float(order.request["deadline_s"])
        self._stop: Stop | None = None
        self._kill_at = 0.0
        self._said = b""
        self._log = output.Writer(folder.output)

    def run(self, lock: int) -> Exit:
        """Starts the worker and stays until nothing of it is left."""
        process.adopt_orphans()
        kills, deadline = process.oom_kills(), time.monotonic() + self._deadline_s
        ends, parent = Ends(), os.getpid()
        worker = os.fork()
        if worker == 0:
            work(self._order, ends, parent=parent, close=lock)
        with contextlib.suppress(OSError):  # the worker does it too: whoever comes first
            os.setpgid(worker, worker)
        os.close(ends.prints)
        os.close(ends.reports)
        status, usage = self._wait(worker, ends, deadline)
        process.vanish(process.descendants(parent), within_s=10)
        self._drain(ends)
        shutil.rmtree(self._folder.scratch, ignore_errors=True)
        return self._exit(status, usage, process.oom_kills() - kills)

    def _wait(self, worker: int, ends: Ends, deadline: float) -> tuple[int, resource.struct_rusage]:
        with selectors.DefaultSelector() as selector:
            for file in (ends.output, ends.report, self._bell.file):
                os.set_blocking(file, False)
                selector.register(file, selectors.EVENT_READ)
            while True:
                ended = self._reap(worker)
                if ended:
                    return ended
                next_s = self._mind(worker, deadline)
                for key, _ in selector.select(next_s):
                    if not self._listen(key.fd, ends):
                        selector.unregister(key.fd)

    def _mind(self, worker: int, deadline: float) -> float:
        """Does what is due by the clock or asked for; gives the seconds until something is due again, at most 3,600."""
        now = time.monotonic()
        if self._stop is None and (self._bell.rung or now >= deadline):
            self._stop = Stop.CANCEL if self._bell.rung else Stop.DEADLINE
            self._kill_at = now + self._order.grace_s
            _signal(worker, signal.SIGTERM)
        if self._stop is None:
            return min(deadline - now, 3600)
        if now >= self._kill_at:
            _signal(worker, signal.SIGKILL)
            process.kill(process.descendants(os.getpid()))
            self._kill_at = now + 1
        return self._kill_at - now

    def _listen(self, file: int, ends: Ends) -> bool:
        """Takes what is there to read; false when there will be no more."""
        try:
            data = os.read(file, _CHUNK)
        except BlockingIOError:
            return True
        if file == ends.output:
            self._log.write(data)
        elif file == ends.report:
            self._said += data
        return bool(data)

    def _reap(self, worker: int) -> tuple[int, resource.struct_rusage] | None:
        while True:
            try:
                child, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if child == worker:
                return os.waitstatus_to_exitcode(status), usage
            if child == 0:
                return None

    def _drain(self, ends: Ends) -> None:
        """Takes what the worker left in the pipes; not more, should somebody unkillable still write."""
        for file in (ends.output, ends.report):
            for _ in range(64):
                before = self._log.size, len(self._said)
                if not self._listen(file, ends) or before == (self._log.size, len(self._said)):
                    break

    def _exit(self, status: int, usage: resource.struct_rusage, oom_kills: int) -> Exit:
        peak = usage.ru_maxrss * (1024 if process.LINUX else 1)
        said = json.loads(self._said) if self._said else None
        end = Ending(
            status,
            bool(self._said),
            Failure.load(said) if said else None,
            stop=self._stop,
            peak_memory_bytes=peak,
            memory_bytes=self._order.memory_bytes,
            oom_kills=oom_kills,
            deadline_s=self._deadline_s,
        )
        return Exit(
            verdict(end),
            code=max(status, 0) if status >= 0 else None,
            signal=-status if status < 0 else None,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_memory_bytes=peak,
        )


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
