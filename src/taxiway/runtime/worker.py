"""The process that does a job's work, as its supervisor's child."""

import contextlib
import dataclasses
import json
import os
import random
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from taxiway.core.errors import SpecError
from taxiway.core.jobs import Failure
from taxiway.runtime import job, process
from taxiway.runtime.folder import MARK
from taxiway.runtime.stopping import Stop, Stopped


@dataclasses.dataclass(frozen=True)
class Order:
    """Everything one job needs on this machine. It holds secrets: it travels through pipes and sockets, never a disk.

    Attributes:
        folder: the job's private folder.
        request: the `JobRequest`, dumped.
        cwd: the folder to work in.
        env: the whole environment of the job.
        credentials: what opens the store, if the environment does not.
        memory_bytes: how much the process may allocate; none for no limit.
        grace_s: seconds between asking it to stop and killing it.
    """

    folder: str
    request: dict[str, Any]
    cwd: str
    env: dict[str, str] = dataclasses.field(repr=False)
    credentials: dict[str, str] | None = dataclasses.field(repr=False, default=None)
    memory_bytes: int | None = None
    grace_s: float = 10.0

    def encode(self) -> bytes:
        """As one line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Order":
        """What `encode` wrote.

        Raises:
            SpecError: it is none of this version of Taxiway.
        """
        try:
            return cls(**json.loads(line))
        except (TypeError, ValueError) as error:
            raise SpecError(
                "the order of a job cannot be read",
                got=type(error).__name__,
                do="Install the same version of taxiway in the worker's and in the job's environment.",
            ) from None


class Ends:
    """The two pipes between a job and its supervisor: what it prints, and how it went."""

    def __init__(self) -> None:
        self.output, self.prints = os.pipe()
        self.report, self.reports = os.pipe()


def work(order: Order, ends: Ends, *, parent: int, close: int) -> NoReturn:
    """Does the job in this freshly forked process and ends it."""
    code = 1
    try:
        os.setpgid(0, 0)
        process.die_with(parent)
        os.close(close)
        _redirect(ends)
        _settle(order)
        failure = _do(order, Stop().listen())
        os.write(ends.reports, json.dumps(failure.dump() if failure else None).encode())
        code = 1 if failure else 0
    except Stopped:
        code = 128 + signal.SIGTERM
    except BaseException:  # noqa: BLE001 - the last frame of this process
        traceback.print_exc()
    finally:
        _leave(code)


def _do(order: Order, stop: Stop) -> Failure | None:
    """The failure to report where no result could be delivered."""
    from taxiway.stores.objects import open_store

    try:
        store = open_store(str(order.request.get("store")), credentials=order.credentials)
        job.perform(order.request, store, scratch=Path(order.folder) / "scratch", stop=stop)
    except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor writes it down
        traceback.print_exc()
        return job.failure_of(error)
    return None


def _redirect(ends: Ends) -> None:
    """Makes the pipes this process's only connection to the world it was forked in."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(ends.prints, 1)
    os.dup2(ends.prints, 2)
    for file in (nothing, ends.prints, ends.output, ends.report):
        os.close(file)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]


def _settle(order: Order) -> None:
    """Takes over the caller's surroundings, and nothing of the process this one was forked from."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update({**order.env, MARK: Path(order.folder).name})
    os.chdir(order.cwd)
    os.umask(0o022)
    random.seed()
    if "numpy" in sys.modules:  # its global generator was seeded when it was imported, the same for every fork
        sys.modules["numpy"].random.seed()
    if order.memory_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = process.data_bytes() + order.memory_bytes
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _leave(code: int) -> NoReturn:
    """Ends the process like the interpreter would, without the time it takes to free every module."""
    import atexit

    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - what the user's libraries registered
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
