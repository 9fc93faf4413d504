"""The nursery's own process: it imports the libraries of models, never computes, and forks a predictor per order.

It leaves when it has had nothing to do for a while: what it has imported is memory that nobody uses.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import time
import warnings
from collections.abc import Iterable
from typing import Any

from taxiway.runtime import process
from taxiway.runtime.bell import Bell
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.predictor import predict

_SKLEARN = (
    "taxiway.engines.flavours.sklearn:skops_io",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
)
LIBRARIES = {
    "sklearn": _SKLEARN,
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "onnx": ("onnxruntime",),
    "torch": ("torch", "safetensors.torch"),
    "folder": ("polars",),
}
"""What a flavour's models need; `module:function` imports when it is called."""
_ALWAYS = ("numpy", "taxiway.stores.blobs", "taxiway.engines.flavours")
LONGEST_ORDER = 65536


def serve(control: socket.socket, idle_s: float) -> None:
    """Takes orders until the server hangs up; asks it to when nothing was ordered for so long."""
    process.die_with(os.getppid())
    bell = Bell()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[int, int] = {}
    warm: set[str] = set()
    _import(_ALWAYS)
    idle_since = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(bell.file, selectors.EVENT_READ)
        while not bell.rung:
            ready = [key.fd for key, _ in selector.select(max(0.1, idle_s))]
            bell.hush()
            _reap(control, children)
            if control.fileno() in ready:
                if not _answer(control, children, warm):
                    return
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= idle_s:
                _tell(control, {"leaving": True})  # and is gone when the server has hung up: no order is lost
                idle_since = time.monotonic()


def _answer(control: socket.socket, children: dict[int, int], warm: set[str]) -> bool:
    """Takes one order; false when the server is gone. One without a pipe only says what will be needed."""
    data, pipes, _, _ = socket.recv_fds(control, LONGEST_ORDER, 1)
    if not data:
        return False
    for line in data.splitlines():
        order = json.loads(line)
        flavour = str(order["flavour"])
        if flavour not in warm:
            warm.add(flavour)
            _import(LIBRARIES.get(flavour, ()))
        if "number" in order:
            with socket.socket(fileno=pipes[0]) as pipe:
                children[_fork(pipe, control)] = int(order["number"])
    return True


def _fork(pipe: socket.socket, control: socket.socket) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 counts the allocators' own threads
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        predict(pipe)
        status = 0
    except BaseException as error:  # noqa: BLE001 - a fork never returns to where it came from
        say("a predictor ended by itself", level="error", error=f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _tell(control, {"number": children.pop(pid, 0), "status": os.waitstatus_to_exitcode(status)})


def _tell(control: socket.socket, told: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(told).encode() + b"\n")


def _import(names: Iterable[str]) -> None:
    for name in names:
        module, _, function = name.partition(":")
        try:
            found = importlib.import_module(module)
            if function:
                getattr(found, function)()
        except Exception as error:  # noqa: BLE001 - the predictor will meet it too, and say it where it matters
            say("a library is not imported beforehand", level="warning", library=name, error=str(error))
    gc.collect()
    gc.freeze()  # the collector of a child does not touch, and so not copy, what is here
