"""Starting a job on this machine: by the warm launcher, or by a fresh interpreter where there can be none."""

import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from taxiway.core.errors import BackendError, SpecError, TaxiwayError
from taxiway.core.jobs import Cause, Failure
from taxiway.core.names import digest_of
from taxiway.runtime import process
from taxiway.runtime.environment import own_version
from taxiway.runtime.folder import private
from taxiway.runtime.launcher import PROCESS, SOCKET
from taxiway.runtime.worker import Order

log = logging.getLogger(__name__)

_START_S = 120.0
"""How long a start may take: importing every library from a cold disk included."""

_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "TMPDIR", "MALLOC_", "_RJEM_", "JE_", "GLIBC_", "SSL_")
_READ_AT_IMPORT = (
    "OMP_",
    "GOMP_",
    "KMP_",
    "OPENBLAS_",
    "GOTO_",
    "MKL_",
    "BLIS_",
    "NUMEXPR_",
    "POLARS_",
    "ARROW_",
    "SKLEARN_",
)
_NEEDED = ("PATH", "HOME", "USER", "LOGNAME", "VIRTUAL_ENV")


def early(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that an interpreter or a library reads when it starts, too early for a warm process to change."""
    return {name: value for name, value in sorted(env.items()) if name.startswith(_READ_AT_START + _READ_AT_IMPORT)}


@dataclasses.dataclass(frozen=True)
class Start:
    """How jobs are started on this machine.

    Attributes:
        state: the user's private folder.
        python: the interpreter.
        idle_s: how long a launcher stays without work; 0 starts every job by an interpreter of its own.
    """

    state: Path
    python: str = sys.executable
    idle_s: float = 60.0

    def command(self, *words: str) -> list[str]:
        """The command line of one of the runtime's processes."""
        return [self.python, "-P", "-m", "taxiway.runtime", *words]

    def home(self, env: Mapping[str, str]) -> Path:
        """The folder of the launcher that serves this interpreter and what of `env` is read early."""
        return self.state / "launchers" / digest_of([self.python, early(env)]).removeprefix("sha256:")[:16]

    def job(self, order: Order) -> None:
        """Has a supervisor take up the order; one that somebody took up already stays theirs.

        Raises:
            BackendError: it could not be started.
            SpecError: it cannot be: the interpreter does not exist or has no taxiway.
        """
        reply = self._warm(order) if self.idle_s > 0 else None
        reply = reply or self._run(["supervise"], order.env, order.encode())
        if reply.get("state") != "started":
            raise _refused(reply, order.folder)

    def _warm(self, order: Order) -> Mapping[str, Any] | None:
        """The launcher's reply; None, and a line in the log, when there is no launcher to be had."""
        home = self.home(order.env)
        try:
            private(home.parent)
            private(home)
            reply = _ask(home, order)
            if reply is None:
                self._rouse(home, order.env)
                reply = _ask(home, order)
        except (OSError, BackendError) as error:
            log.warning("the job in %s starts without a warm launcher: %s", order.folder, error)
            return None
        if reply is None:
            log.warning("the job in %s starts without a warm launcher: the one just started is gone", order.folder)
        return reply

    def _rouse(self, home: Path, env: Mapping[str, str]) -> None:
        """Starts a launcher if none listens; of several who would, one does and the others wait for it."""
        words = ["launcher", "--folder", str(home), "--idle-s", str(self.idle_s)]
        turn = os.open(home / "starting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)  # whoever holds it lets go after _START_S at the latest
            if not _listening(home):
                self._run(words, {**_only(env, _NEEDED), **early(env)}, b"")
        finally:
            os.close(turn)

    def _run(self, words: list[str], env: Mapping[str, str], data: bytes) -> Mapping[str, Any]:
        """The reply of a process that goes to the background when it has replied."""
        try:
            done = subprocess.run(
                self.command(*words), input=data, env=env, capture_output=True, timeout=_START_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BackendError("a process of the runtime did not start", where=self.python, got=str(error)) from error
        except OSError as error:
            raise SpecError(
                f"the interpreter cannot be started: {error.strerror}",
                where=f"LocalJob(python={self.python!r})",
                do="Give the path of a Python that is there.",
            ) from error
        if done.returncode != 0:
            raise _broken(self.python, done)
        return dict(json.loads(done.stdout))


def end_launchers(state: Path) -> None:
    """Ends the warm launchers of a state folder; the jobs they started go on.

    Raises:
        BackendError: one cannot be killed.
    """
    for note in (state / "launchers").glob(f"*/{PROCESS}"):
        *fields, boot = json.loads(note.read_bytes())
        launcher = process.Relative(*fields)
        if boot != process.boot():
            continue
        process.kill([launcher], signal.SIGTERM)
        if not (process.gone([launcher], 5) or process.vanish([launcher], 5)):
            raise BackendError("a launcher cannot be killed", where=str(note.parent), got=f"process {launcher.pid}")


@contextlib.contextmanager
def _connected(home: Path) -> Iterator[socket.socket | None]:
    """A connection to the launcher that lives in `home`; None when none does."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    near = f"/proc/self/fd/{folder}/{SOCKET}"  # a socket's path may have 107 bytes, and `home` may have more
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_START_S)
            missing = connection.connect_ex(near if process.LINUX else str(home / SOCKET))
            yield None if missing else connection
    finally:
        os.close(folder)


def _listening(home: Path) -> bool:
    with _connected(home) as connection:
        return connection is not None


def _ask(home: Path, order: Order) -> Mapping[str, Any] | None:
    """The reply of the launcher that lives in `home`; None when none does, or one that has just retired."""
    with _connected(home) as connection:
        if connection is None:
            return None
        connection.sendall(order.encode())
        line = connection.makefile("rb").readline()
    if not line:
        raise BackendError("the launcher hung up", where=str(home))
    reply = dict(json.loads(line))
    return None if reply.get("state") == "stale" else reply


def _only(env: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: env[name] for name in names if name in env}


def _refused(reply: Mapping[str, Any], folder: str) -> TaxiwayError:
    """The error behind a reply that is none of success."""
    failure = Failure.load(reply["failure"])
    kind = SpecError if failure.cause is Cause.SPEC else BackendError
    return kind(failure.message, where=f"the job in {folder}")


def _broken(python: str, done: "subprocess.CompletedProcess[bytes]") -> TaxiwayError:
    """What is wrong with an interpreter that cannot run the runtime."""
    said = done.stderr.decode(errors="replace").strip()
    where = f"LocalJob(python={python!r})"
    if "No module named taxiway" in said or "No module named 'taxiway" in said:
        same = f"=={own}" if (own := own_version()) else ""
        return SpecError(
            "this interpreter has no taxiway",
            where=where,
            do=f"Run: {python} -m pip install 'taxiway[data,sklearn]{same}'",
        )
    return BackendError(
        "a process of the runtime ended at its start",
        where=where,
        got=f"exit code {done.returncode}: {said[-400:]}",
        do="Run its command by hand and look.",
    )
