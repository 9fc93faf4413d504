"""The warm launcher: a process that has imported what jobs need and forks a supervisor for each.

Importing the libraries of a stage costs seconds of processor time, and a process per stage pays it each time. The
launcher pays it once. It imports and never computes, runs none of the user's code, and forks before any library has
started threads that matter. It serves one user, one interpreter and one set of installed packages, over a socket in
that user's private folder, and ends when it has had nothing to do for a while. Jobs do not depend on it once started.
"""

import contextlib
import fcntl
import gc
import importlib
import json
import logging
import os
import selectors
import socket
import struct
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from taxiway.core.errors import SpecError
from taxiway.core.records import Record
from taxiway.core.stages import Stage
from taxiway.runtime import process
from taxiway.runtime.bell import Bell
from taxiway.runtime.folder import sweep
from taxiway.runtime.job import STAGES
from taxiway.runtime.supervisor import become_supervisor
from taxiway.runtime.worker import Order

log = logging.getLogger(__name__)

SOCKET = "socket"
PROCESS = "process"
"""The names of the socket and of the note of who listens, in the launcher's folder."""

_STORE = ("obstore.store", "taxiway.stores.objects", "taxiway.stores.mailbox")
_DATA = (
    "numpy",
    "polars",
    "pyarrow.parquet",
    "taxiway.runtime.data",
    "taxiway.stores.datasets",
    "taxiway.stores.blobs",
)
_PANDERA = ("pandera.polars", "pandera.backends.polars.builtin_checks", "pandera.backends.polars.container")
_CHECKS = (*_PANDERA, "taxiway.engines.contracts", "taxiway.engines.validation", "taxiway.engines.translation")
_SKLEARN = ("scipy.sparse", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline")
_MODEL = (*_SKLEARN, "narwhals._polars.dataframe", "taxiway.engines.flavours.sklearn:skops_io")
WARM: Mapping[str, tuple[str, ...]] = {
    Stage.VALIDATE: (*_DATA, *_CHECKS),
    Stage.TRAIN: (*_DATA, *_MODEL, "taxiway.stores.runs"),
    Stage.EVALUATE: (*_DATA, *_MODEL, "sklearn.metrics"),
    Stage.SCORE: (*_DATA, *_MODEL),
    **dict.fromkeys((Stage.WINDOW, Stage.REFERENCE, Stage.PROFILE, Stage.ILLUSTRATE), _DATA),
    **dict.fromkeys((Stage.COMPARE, Stage.MEASURE), (*_DATA, "scipy.stats")),
}
"""What the stages import, and the libraries most training functions do; `module:function` imports when it is called."""

_SLOWEST_READER_S = 5.0
_LONGEST_ORDER = 64 << 20


class Packages:
    """The installed packages this process has imported, as they were when it did."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def remember(self) -> None:
        """Notes what was imported since."""
        ours = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "taxiway"]
        shelves = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        for path in (*filter(None, ours), *shelves):
            self._seen.setdefault(path, _modified(path))

    def changed(self) -> bool:
        """Whether something was installed, upgraded or edited since it was noted."""
        return any(_modified(path) != then for path, then in self._seen.items())


class Launcher:
    """The server; `folder`, in `launchers/` of the state folder, is for one user, interpreter and environment."""

    def __init__(self, folder: Path, idle_s: float) -> None:
        self._folder = folder
        self._idle_s = idle_s
        self._packages = Packages()
        self._jobs: set[int] = set()
        self._warm: set[str] = set()
        self._lock = -1
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def open(self) -> bool:
        """Takes the folder and listens in it; false when another launcher does."""
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.umask(0o077)
        os.chdir(self._folder)  # a socket's path may have 107 bytes, and this folder's may have more
        Path(SOCKET).unlink(missing_ok=True)
        self._listener.bind(SOCKET)
        self._listener.listen(128)
        return True

    def serve(self) -> None:
        """Starts jobs until there was nothing to do for long enough, or the packages changed, or it is told to end."""
        bell = Bell()
        self._import(_STORE)
        sweep(self._folder.parent.parent / "jobs")
        here = process.look(os.getpid())
        if here:
            Path(PROCESS).write_text(json.dumps([*here, process.boot()]), encoding="ascii")
        idle_since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(bell.file, selectors.EVENT_READ)
            while not bell.rung and (self._jobs or time.monotonic() - idle_since < self._idle_s):
                ready = [key.fd for key, _ in selector.select(self._idle_s)]
                bell.hush()
                if self._reap() or self._listener.fileno() in ready:
                    idle_since = time.monotonic()
                if self._listener.fileno() in ready and not self._answer():
                    break
        self._close()

    def _answer(self) -> bool:
        """Serves one caller; false when this launcher should not serve another."""
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(_SLOWEST_READER_S)
            try:
                order = _receive(connection)
                if order is None:
                    return True
                if self._packages.changed():
                    self._close()
                    _send(connection, {"state": "stale"})
                    return False
                self._prepare(str(order.request.get("stage")))
                self._fork(order, connection)
            except (OSError, SpecError) as error:
                log.warning("a caller was not served: %s", error)
        return True

    def _prepare(self, stage: str) -> None:
        """Imports what a stage needs, once."""
        if stage in self._warm:
            return
        self._warm.add(stage)
        step = STAGES.get(stage)
        self._import((*WARM.get(stage, ()), *((step.function.partition(":")[0],) if step else ())))

    def _import(self, names: Iterable[str]) -> None:
        for name in names:
            module, _, function = name.partition(":")
            try:
                found = importlib.import_module(module)
                if function:
                    getattr(found, function)()
            except Exception as error:  # noqa: BLE001 - the job will meet it too, and say it where it matters
                log.warning("%s is not imported beforehand: %s", name, error)
        for record in Record.kinds.values():
            record.model_rebuild()  # pydantic builds a validator at its first use, and looks for plugins at the first
        self._packages.remember()
        gc.collect()
        gc.freeze()  # the collector of a child does not touch, and so not copy, what is here

    def _fork(self, order: Order, connection: socket.socket) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 counts the allocators' own threads
            child = os.fork()
        if child:
            self._jobs.add(child)
            return
        self._listener.close()
        os.close(self._lock)
        become_supervisor(order, lambda reply: _send(connection, reply))

    def _reap(self) -> bool:
        before = len(self._jobs)
        with contextlib.suppress(ChildProcessError):
            while child := os.waitpid(-1, os.WNOHANG)[0]:
                self._jobs.discard(child)
        return len(self._jobs) < before

    def _close(self) -> None:
        """Makes room for another launcher; what was started here goes on without this one."""
        if self._lock >= 0:
            Path(SOCKET).unlink(missing_ok=True)
            self._listener.close()
            os.close(self._lock)
            self._lock = -1


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a hundred of them for each job
    except OSError:
        return 0


def _receive(connection: socket.socket) -> Order | None:
    """The caller's order; None when it only wanted to know whether somebody listens, or is not our user."""
    if hasattr(socket, "SO_PEERCRED"):
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", peer)[1] != os.getuid():
            return None
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < _LONGEST_ORDER:
        piece = connection.recv(1 << 16)
        if not piece:
            break
        data += piece
    return Order.decode(bytes(data)) if data else None


def _send(connection: socket.socket, reply: Mapping[str, object]) -> None:
    with contextlib.suppress(OSError):  # the caller may have been killed; its job is not its own
        connection.sendall(json.dumps(reply).encode() + b"\n")
        connection.shutdown(socket.SHUT_RDWR)
