"""The private folder of a job on this machine: who runs it, whether it lives, what it printed, how it ended.

    lock        held by the job's supervisor for its whole life: locked means running
    started     the supervisor's process, written once: whoever writes it is the one that runs the job
    job.json    the request
    output/     what the job printed
    scratch/    the job's own files, removed when it ends
    exit.json   how it ended, written once

A lock cannot outlive its process and a process number can, so only the lock says that a job runs.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from taxiway.core.errors import BackendError, SpecError
from taxiway.core.jobs import Failure
from taxiway.runtime import process

MARK = "TAXIWAY_JOB"
"""The variable by which what a job started can be told from everything else, should its supervisor be killed."""


KEPT_S = 30 * 24 * 3600.0
"""How long the output of a job is kept."""


def state_folder() -> Path:
    """This user's folder for what must survive the process that started a job.

    `TAXIWAY_STATE`, else `taxiway` in `XDG_STATE_HOME`, else `~/.local/state/taxiway`.
    """
    chosen = os.environ.get("TAXIWAY_STATE")
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(chosen).absolute() if chosen else Path(home) / "taxiway"


def private(folder: Path) -> Path:
    """`folder`, made if it is missing, and only ours.

    Raises:
        SpecError: it is a link, belongs to somebody else, or others may enter it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SpecError(
            f"the state folder cannot be made: {error.strerror}", where=str(folder), do="Set TAXIWAY_STATE to another."
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SpecError(
            "the state folder is not private",
            where=str(folder),
            expected=f"a folder of user {os.getuid()} with mode 700",
            got=f"user {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}",
            do="Correct that (chmod 700), or set TAXIWAY_STATE to another folder.",
        )
    return folder


@dataclasses.dataclass(frozen=True)
class Supervisor:
    """The process that runs a job; `boot` and `started` tell it from a later one of the same number."""

    pid: int
    started: int
    boot: str
    grace_s: float

    @property
    def itself(self) -> process.Relative:
        """This process."""
        return process.Relative(self.pid, 0, self.pid, self.started)


@dataclasses.dataclass(frozen=True)
class Exit:
    """How a job ended.

    Attributes:
        failure: why it left no result; none when it delivered one.
        code: the process's exit code; none when a signal ended it.
        signal: the signal that ended it.
        cpu_s: processor seconds of the process and of what it waited for.
        peak_memory_bytes: the most memory it held.
    """

    failure: Failure | None
    code: int | None = None
    signal: int | None = None
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0

    def dump(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**dataclasses.asdict(self), "failure": self.failure.dump() if self.failure else None}

    @classmethod
    def load(cls, data: dict[str, Any]) -> Self:
        """What `dump` wrote."""
        return cls(**{**data, "failure": Failure.load(data["failure"]) if data["failure"] else None})


class JobFolder:
    """One job's folder; every reading tolerates that it is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def output(self) -> Path:
        """Where the job's output is."""
        return self.path / "output"

    @property
    def scratch(self) -> Path:
        """Where the job may write what nobody needs afterwards."""
        return self.path / "scratch"

    def supervisor(self) -> Supervisor | None:
        """The process that was elected to run the job; None before that."""
        found = self._read("started")
        return Supervisor(**found) if found else None

    def exit(self) -> Exit | None:
        """How the job ended; None while it runs, and when its supervisor was killed."""
        found = self._read("exit.json")
        return Exit.load(found) if found else None

    def finish(self, ended: Exit) -> None:
        """Writes how the job ended, unless that is written already."""
        self._create("exit.json", ended.dump())

    def relatives(self) -> list[process.Relative]:
        """What still runs of the job: below its supervisor, in its session, or started with its mark."""
        elected = self.supervisor()
        if elected is None or elected.boot != process.boot():
            return []
        below = process.descendants(elected.pid) if process.started(elected.pid) == elected.started else []
        found = [*process.members(elected.pid, elected.started), *below, *process.marked(f"{MARK}={self.path.name}")]
        return [relative for relative in set(found) if relative.pid != os.getpid()]

    def running(self) -> bool:
        """Whether a supervisor lives."""
        with self._open() as file:
            if not _lock(file, fcntl.LOCK_SH):
                return True
        return False

    def gone(self, within_s: float) -> bool:
        """Waits until no supervisor lives; false when that takes longer."""
        deadline = time.monotonic() + within_s
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def forestall(self, ended: Exit) -> bool:
        """Ends a job that nobody runs yet, so that nobody ever will; false when somebody does or did."""
        with self._open() as file:
            if not self._take(file) or self.supervisor():
                return False
            self.finish(ended)
            return True

    @contextlib.contextmanager
    def elected(self, request: dict[str, Any], grace_s: float) -> Iterator[int | None]:
        """The open lock, if this process is the one that runs the job, which counts as running until the block ends.

        At most one process is ever given it, however many ask; the others get None as soon as one has it. A forked
        child has to close it.

        Raises:
            BackendError: nobody was elected within ten seconds.
        """
        with self._open() as file:
            yield file if self._take(file) and self._elect(request, grace_s) else None

    def _take(self, file: int) -> bool:
        deadline = time.monotonic() + 10
        while not _lock(file, fcntl.LOCK_EX):
            if self.supervisor():
                return False
            if time.monotonic() > deadline:
                raise BackendError("the job's lock is held and nobody runs it", where=str(self.path), do="Look who.")
            time.sleep(0.005)
        return True

    def _elect(self, request: dict[str, Any], grace_s: float) -> bool:
        if self.exit():
            return False
        here = Supervisor(os.getpid(), process.started(os.getpid()), process.boot(), grace_s)
        won = self._create("started", dataclasses.asdict(here))
        if won:
            self._create("job.json", request)
        return won

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        private(self.path)
        file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield file
        finally:
            os.close(file)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads((self.path / name).read_bytes()))
        except FileNotFoundError:
            return None

    def _create(self, name: str, data: dict[str, Any]) -> bool:
        """Writes a file whole or not at all; false when it exists."""
        private(self.path)
        draft = self.path / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_bytes(json.dumps(data).encode())
        try:
            os.link(draft, self.path / name)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True


def sweep(jobs: Path, older_than_s: float = KEPT_S) -> None:
    """Removes the folders of jobs that ended so long ago; their results are in the store."""
    before = time.time() - older_than_s
    for path in jobs.iterdir() if jobs.is_dir() else ():
        with contextlib.suppress(OSError, SpecError):
            folder = JobFolder(path)
            if path.stat().st_mtime < before and folder.exit() and not folder.running():
                shutil.rmtree(path)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
