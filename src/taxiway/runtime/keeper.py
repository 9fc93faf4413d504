"""The keeper of a server on this machine: starts it, starts it again when it ends, keeps its output, and ends it.

It leads a session of its own, so it outlives whoever asked for it; the server cannot outlive it. In its folder:

    lock        held for its whole life: locked means kept
    kept.json   its process, and which order it carries out
    output/     what the server printed, within a bound
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taxiway.core.errors import BackendError
from taxiway.runtime import output, process
from taxiway.runtime.bell import Bell

_START_S = 60.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 10.0
_LONG_S = 30.0
"""A server that lived this long may be started again at once."""
_CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Order:
    """What a keeper is told.

    Attributes:
        folder: its private folder.
        command: how the server is started.
        env: the server's environment, all of it.
        name: tells this order from another one for the same folder.
        grace_s: how long the server may take to end.
    """

    folder: str
    command: tuple[str, ...]
    env: Mapping[str, str] = dataclasses.field(repr=False)
    name: str
    grace_s: float

    def encode(self) -> bytes:
        """The order as text; it holds secrets and goes through a pipe only."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Order":
        """What `encode` wrote."""
        said = json.loads(data)
        return cls(**{**said, "command": tuple(said["command"])})


@dataclasses.dataclass(frozen=True)
class Kept:
    """A keeper that lives.

    Attributes:
        itself: its process.
        name: which order it carries out.
    """

    itself: process.Relative
    name: str


def kept(folder: Path) -> Kept | None:
    """The keeper of a folder, or None when none lives."""
    if not _locked(folder):
        return None
    try:
        said = json.loads((folder / "kept.json").read_text(encoding="utf-8"))
        return Kept(process.Relative(said["pid"], 0, said["pid"], said["started"]), said["name"])
    except (OSError, ValueError, KeyError):
        return None


def keep(python: str, order: Order) -> None:
    """Has a keeper carry out an order; one that is there already stays.

    Raises:
        BackendError: it could not be started.
    """
    command = [python, "-P", "-m", "taxiway.runtime", "keep"]
    try:
        done = subprocess.run(
            command, input=order.encode(), env=order.env, capture_output=True, timeout=_START_S, check=False
        )
        replied = json.loads(done.stdout or b"{}").get("state")
        got = done.stderr.decode(errors="replace").strip()
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        replied, got = None, str(error)
    if replied not in ("kept", "busy"):
        raise BackendError(
            "the server's keeper could not be started",
            where=order.folder,
            got=got[-500:],
            do=f"Try by hand: {' '.join(order.command)}",
        )


def end(folder: Path, within_s: float) -> None:
    """Ends the keeper of a folder and its server; idempotent.

    Raises:
        BackendError: it cannot be ended.
    """
    found = kept(folder)
    if found is None:
        return
    below = process.descendants(found.itself.pid)
    process.kill([found.itself], signal.SIGTERM)
    if not process.gone([found.itself], within_s) and not process.vanish([found.itself, *below], within_s):
        raise BackendError("a server cannot be ended", where=str(folder), got=f"process {found.itself.pid}")


def last_words(folder: Path) -> str:
    """The last line the server printed."""
    found = output.segments(folder / "output")
    try:
        lines = found[-1].path.read_bytes().strip().splitlines() if found else []
    except OSError:
        lines = []
    return lines[-1].decode(errors="replace")[:300] if lines else ""


def main(data: bytes) -> int:
    """`python -m taxiway.runtime keep`: goes to the background as a keeper, if there is none yet."""
    order = Order.decode(data)
    folder = Path(order.folder)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _reply("busy")
    if os.fork():
        os._exit(0)
    os.setsid()
    _note(folder, {"pid": os.getpid(), "started": process.started(os.getpid()), "name": order.name})
    _reply("kept")
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(nothing, file)
    with contextlib.suppress(Exception):
        _Keeper(order, folder).run()
    os._exit(0)


class _Keeper:
    def __init__(self, order: Order, folder: Path) -> None:
        self._order = order
        self._output = output.Writer(folder / "output")
        self._bell = Bell()
        self._pause_s = _FIRST_PAUSE_S

    def run(self) -> None:
        """Until it is told to stop."""
        process.adopt_orphans()
        while not self._told():
            began = time.monotonic()
            code = self._serve()
            lived_s = time.monotonic() - began
            if self._told():
                return
            self._pause_s = _FIRST_PAUSE_S if lived_s > _LONG_S else min(2 * self._pause_s, _LAST_PAUSE_S)
            words = f'{{"event": "the server ended", "code": {code}, "again_s": {self._pause_s:g}}}\n'
            self._output.write(words.encode())
            self._wait(self._pause_s)

    def _told(self) -> bool:
        return self._bell.rung

    def _serve(self) -> int:
        """The exit code of one life of the server."""
        itself = os.getpid()
        server = subprocess.Popen(
            self._order.command,
            env=dict(self._order.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: process.die_with(itself),  # noqa: PLW1509 - this process has one thread
        )
        pipe = server.stdout.fileno() if server.stdout else -1
        told, deadline = False, 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            selector.register(self._bell.file, selectors.EVENT_READ)
            while server.poll() is None:
                if self._bell.rung and not told:
                    told, deadline = True, time.monotonic() + self._order.grace_s
                    server.terminate()
                if told and time.monotonic() > deadline:
                    server.kill()
                self._take(selector, pipe)
        self._rest(pipe)
        if server.stdout:
            server.stdout.close()
        process.vanish(process.descendants(itself), 1.0)
        return server.wait()

    def _take(self, selector: selectors.BaseSelector, pipe: int) -> None:
        for key, _ in selector.select(timeout=0.5):
            if key.fd == pipe:
                data = os.read(pipe, _CHUNK)
                self._output.write(data)
                if not data:
                    selector.unregister(pipe)
            else:
                self._bell.hush()

    def _rest(self, pipe: int) -> None:
        """What is left in the pipe; a predictor that lives on may hold its other end."""
        os.set_blocking(pipe, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(pipe, _CHUNK):
                self._output.write(data)

    def _wait(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not self._bell.rung and time.monotonic() < ends:
            time.sleep(0.05)


def _locked(folder: Path) -> bool:
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _note(folder: Path, about: Mapping[str, Any]) -> None:
    new = folder / "kept.new"
    new.write_text(json.dumps(about), encoding="utf-8")
    new.replace(folder / "kept.json")


def _reply(state: str) -> int:
    sys.stdout.write(f"{json.dumps({'state': state})}\n")
    sys.stdout.flush()
    return 0
