"""The nursery: a process that has imported the libraries of the models, and forks a predictor in a moment.

The server starts it when it will be needed, hands it one end of each predictor's pipe, and hears from it how a
predictor ended. Nothing depends on it later: predictors live on when it is gone.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from taxiway.core.errors import BackendError
from taxiway.runtime.serving.logs import say

_MILD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "OMP_WAIT_POLICY": "passive",
    "MALLOC_ARENA_MAX": "2",
}
"""A predictor answers small batches: threads inside of one cost more than they give. The environment overrides it."""
_LONGEST_WORD = 65536
_GONE_S = 1.0


class Nursery:
    """The server's side: starts the process, orders predictors, and hears how they ended.

    Attributes:
        needed: it stays, ordered or not.

    Args:
        idle_s: how long the process stays when nothing is ordered.
    """

    def __init__(self, idle_s: float = 60.0) -> None:
        self.needed = False
        self._idle_s = idle_s
        self._left: list[subprocess.Popen[bytes]] = []
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = 0
        self._ended: dict[int, Callable[[int], None]] = {}
        self._held = b""

    def prepare(self, flavour: str) -> None:
        """Says that a predictor of this kind will be ordered soon; it is only faster for it."""
        with contextlib.suppress(OSError, BackendError):
            self._open().sendall(json.dumps({"flavour": flavour}).encode() + b"\n")

    def spawn(self, flavour: str, ended: Callable[[int], None]) -> socket.socket:
        """Orders a predictor and gives the server's end of its pipe.

        Args:
            flavour: of the model it shall load.
            ended: is called with its exit code when it ends, if the nursery is still there to tell.

        Raises:
            BackendError: the nursery cannot be reached.
        """
        ours, theirs = socket.socketpair()
        self._numbers += 1
        order = json.dumps({"number": self._numbers, "flavour": flavour}).encode() + b"\n"
        try:
            with theirs:
                socket.send_fds(self._open(), [order], [theirs.fileno()])
        except OSError as error:
            ours.close()
            self._hang_up()
            raise BackendError("the nursery did not take an order", where="the server", got=str(error)) from error
        self._ended[self._numbers] = ended
        ours.setblocking(False)
        return ours

    def close(self) -> None:
        """Ends the process; predictors end when their own pipes are closed."""
        left = [*self._left, self._process]
        self._hang_up()
        for one in left:
            if one is not None:
                one.kill()
                one.wait()
        self._left = []

    def _hang_up(self) -> None:
        """Lets the process go: it ends when it has done what was ordered."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        if self._process is not None:
            self._left.append(self._process)
            self._process = None
            asyncio.get_running_loop().call_later(_GONE_S, self._reap)

    def _reap(self) -> None:
        self._left = [one for one in self._left if one.poll() is None]

    def _open(self) -> socket.socket:
        """The socket to the process, which is started when it is not there."""
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "taxiway.runtime", "nursery", "--idle-s", str(self._idle_s)]
            self._process = subprocess.Popen(
                [*command, "--control", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env={**_MILD, **os.environ},
                stdin=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._control = ours
        self._held = b""
        asyncio.get_running_loop().add_reader(ours.fileno(), self._hear)
        say("nursery started", pid=self._process.pid)
        return ours

    def _hear(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = self._control.recv(_LONGEST_WORD) if self._control is not None else b""
        if not data:
            say("the nursery is gone", level="warning")
            self._hang_up()
            return
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, told: dict[str, Any]) -> None:
        if "number" in told:
            ended = self._ended.pop(told["number"], None)
            if ended is not None:
                ended(told["status"])
        elif not self.needed:
            say("nursery left")
            self._hang_up()
