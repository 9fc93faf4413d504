"""Jobs as processes of this machine: they outlive the worker that launched them, and whoever asks next adopts them."""

import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Cause, Failure, JobRequest, JobState, JobStatus
from taxiway.core.names import digest_of
from taxiway.core.specs.jobs import LocalJob
from taxiway.runtime import output, process
from taxiway.runtime.folder import Exit, JobFolder, private, state_folder
from taxiway.runtime.launch import Start
from taxiway.runtime.worker import Order

_SCHEME = "local://"
_FOLDER = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}")
_LOST = "the process that kept the job was killed, and the job with it. Look at the kernel's log (dmesg) for why."
_CANCELLED = "the job was cancelled"
_NEIGHBOURLY = {"GOMP_SPINCOUNT": "10000"}
"""How often a waiting thread of GNU OpenMP looks again before it gives its processor to the machine's other jobs.

Its own 300,000 burns what neighbours need; a passive wait costs three times the time of a fit that has many short
parallel steps. The environment's own word wins.
"""


class LocalRunner:
    """Runs jobs in processes of their own on this machine.

    Two runners of the same user and machine see the same jobs.

    Args:
        spec: the interpreter, environment and limits of the jobs.
        credentials: what the jobs open their store with, if the environment does not say it; never written to a disk.
        state: where the jobs' folders are; `TAXIWAY_STATE`, else a folder of the user's by default.
        warm_s: how long the warm launcher waits for the next job; 0 starts every job by a fresh interpreter.
        slack_s: how long the system may take, beyond the job's own grace, to carry out a killing.
    """

    def __init__(
        self,
        spec: LocalJob | None = None,
        *,
        credentials: Mapping[str, str] | None = None,
        state: Path | None = None,
        warm_s: float = 60.0,
        slack_s: float = 5.0,
    ) -> None:
        self._spec = spec or LocalJob()
        self._credentials = credentials
        self._state = state
        self._warm_s = warm_s
        self._slack_s = slack_s

    def plan(self, request: JobRequest) -> dict[str, Any]:
        """Exactly what `launch` would start, as plain data without the values of variables; pure."""
        start, order = self._start(), self._order(request)
        return {
            "command": start.command("supervise"),
            "launcher": str(start.home(order.env)) if self._warm_s > 0 else None,
            "folder": order.folder,
            "cwd": order.cwd,
            "env": sorted(self._spec.env),
            "stage": request.stage,
            "store": request.store,
            "sys_path": list(request.sys_path),
            "deadline_s": order.request["deadline_s"],
            "grace_s": order.grace_s,
            "memory_bytes": order.memory_bytes,
        }

    def launch(self, request: JobRequest) -> str:
        """The handle of the one job of this key: a running or ended one is adopted, else it is started.

        Raises:
            BackendError: it could not be started.
            SpecError: it cannot be: the interpreter has no taxiway, or the state folder is not private.
        """
        order = self._order(request)
        folder = JobFolder(Path(order.folder))
        private(self._root())
        private(folder.path.parent)
        if not (folder.supervisor() or folder.exit()):
            self._start().job(order)
        return f"{_SCHEME}{socket.gethostname()}/{folder.path.name}"

    def describe(self, handle: str) -> JobStatus:
        """Where the job is now; a job whose supervisor was killed is ended here, with all that is left of it."""
        folder = self._folder(handle)
        if not folder.path.is_dir():
            return JobStatus(state=JobState.UNKNOWN, detail=f"{folder.path} does not exist")
        supervisor = folder.supervisor()
        if supervisor is None and folder.exit() is None:
            return JobStatus(state=JobState.WAITING, detail="nobody runs it yet")
        if supervisor and folder.exit() is None and folder.running():
            return JobStatus(state=JobState.RUNNING, detail=f"process {supervisor.pid}")
        ended = _bury(folder, Failure.of(Cause.CRASHED, _LOST), self._slack_s)
        return JobStatus(state=JobState.ENDED, detail=_words(ended), failure=ended.failure)

    def logs(self, handle: str, position: int) -> tuple[str, int]:
        """What the job printed since `position`, in bytes, and the one to ask from next; at most 256 KiB a call."""
        return output.read(self._folder(handle).output, position)

    def cancel(self, handle: str) -> None:
        """Asks the job to stop, kills it after its grace period, and returns when it is gone; idempotent.

        Raises:
            BackendError: something of it cannot be killed.
        """
        folder = self._folder(handle)
        cancelled = Failure.of(Cause.CANCELLED, _CANCELLED)
        if not folder.path.is_dir() or folder.exit() or folder.forestall(Exit(cancelled)):
            return
        supervisor = folder.supervisor()
        if supervisor and folder.running():
            process.kill([supervisor.itself], signal.SIGTERM)
            if not folder.gone(supervisor.grace_s + self._slack_s):
                process.vanish([supervisor.itself, *folder.relatives()], self._slack_s)
        _bury(folder, cancelled, self._slack_s)

    def missing_result_hint(self, handle: str) -> str:
        """What a person should check when the job has ended and left no result."""
        folder = self._folder(handle)
        ended = folder.exit()
        how = _words(ended) if ended else "nothing says how it ended"
        return (
            f"On {socket.gethostname()}: {how}. Look at what the job printed, in {folder.output}, and at the kernel's"
            " log (dmesg) for a process killed for want of memory."
        )

    def _root(self) -> Path:
        return self._state or state_folder()

    def _start(self) -> Start:
        return Start(self._root(), self._spec.python or sys.executable, self._warm_s)

    def _order(self, request: JobRequest) -> Order:
        deadline_s = min(request.deadline_s, self._spec.deadline_s)
        return Order(
            folder=str(self._root() / "jobs" / f"{request.key.slug}-{digest_of(request.store)[-8:]}"),
            request=request.model_copy(update={"deadline_s": deadline_s}).dump(),
            cwd=str(Path.cwd()),
            env={**_NEIGHBOURLY, **os.environ, **self._spec.env},
            credentials=dict(self._credentials) if self._credentials is not None else None,
            memory_bytes=self._spec.memory_bytes,
            grace_s=self._spec.grace_s,
        )

    def _folder(self, handle: str) -> JobFolder:
        host, _, name = handle.removeprefix(_SCHEME).partition("/")
        if not handle.startswith(_SCHEME) or not _FOLDER.fullmatch(name):
            raise SpecError("this is no handle of a local job", expected="local://host/slug", got=repr(handle))
        if host != socket.gethostname():
            raise BackendError(
                "the job runs on another machine",
                where=handle,
                expected=f"a job of {socket.gethostname()!r}",
                got=f"one of {host!r}",
                do="Ask there, or give this task a queue that only one machine serves.",
            )
        return JobFolder(self._root() / "jobs" / name)


def _bury(folder: JobFolder, failure: Failure, slack_s: float) -> Exit:
    """How a job ended that no supervisor runs any more; if it could not say so itself, nothing of it is left now."""
    ended = folder.exit()
    if ended:
        return ended
    if not process.vanish(folder.relatives(), slack_s):
        raise BackendError("a process of the job cannot be killed", where=str(folder.path), got=folder.relatives())
    shutil.rmtree(folder.scratch, ignore_errors=True)
    folder.finish(Exit(failure))
    return folder.exit() or Exit(failure)


def _words(ended: Exit) -> str:
    if ended.signal:
        return f"killed by signal {ended.signal} at {ended.peak_memory_bytes >> 20:,} MiB"
    if ended.code is None:
        return ended.failure.message if ended.failure else "ended"
    return f"exit code {ended.code} after {ended.cpu_s:.1f} s of processor time, {ended.peak_memory_bytes >> 20:,} MiB"
