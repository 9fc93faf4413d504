"""`python -m taxiway.runtime`: the processes that do the work.

`job` is the one that containers and pods start; `supervise` and `launcher` are how a job runs on this machine. `serve`
answers requests, `nursery` is how it makes the processes that hold the models, and `keep` keeps it on this machine.
`sign` vouches for a version, where the key is.
"""

import argparse
import gc
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taxiway.core.errors import TaxiwayError

_ASKED_TO_STOP = 128 + 15
"""The exit code of a process that SIGTERM ended."""


def main(words: list[str] | None = None) -> int:
    """Runs one of the runtime's processes; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m taxiway.runtime", description="The processes that do the work.")
    commands = parser.add_subparsers(dest="command", required=True)
    job = commands.add_parser("job", help="do one job and deliver its result")
    job.add_argument("--store", required=True, help="URI of the store that holds the request")
    job.add_argument("--key", required=True, help="the job's slug, 32 hexadecimal digits")
    commands.add_parser("supervise", help="start the job whose order comes on standard input")
    launcher = commands.add_parser("launcher", help="start jobs without importing their libraries again and again")
    launcher.add_argument("--folder", required=True, type=Path)
    launcher.add_argument("--idle-s", required=True, type=float)
    serve = commands.add_parser("serve", help="serve what the log of a service's model says")
    if (sys.argv[1:] if words is None else words)[:1] == ["serve"]:
        from taxiway.runtime.serving.settings import add_arguments

        add_arguments(serve)
    sign = commands.add_parser("sign", help="vouch for a version with a private key")
    sign.add_argument("--store", required=True, help="URI of the store that holds the version")
    sign.add_argument("--model", required=True)
    sign.add_argument("--version", required=True, type=int)
    sign.add_argument("--key", required=True, type=Path, help="PEM file; its password is in TAXIWAY_KEY_PASSWORD")
    nursery = commands.add_parser("nursery", help="fork predictors for a server")
    nursery.add_argument("--control", required=True, type=int, help="the file of the socket to the server")
    nursery.add_argument("--idle-s", required=True, type=float)
    commands.add_parser("traffic", help="write what a server recorded, which comes on standard input")
    commands.add_parser("keep", help="keep a server running whose order comes on standard input")
    given = parser.parse_args(words)
    return _start(given)


def _start(given: argparse.Namespace) -> int:
    starts: dict[str, Callable[[], int]] = {
        "job": lambda: _job(given.store, given.key),
        "supervise": _supervise,
        "serve": lambda: _serve(given),
        "sign": lambda: _sign(given),
        "traffic": _traffic,
        "nursery": lambda: _nursery(given.control, given.idle_s),
        "keep": _keep,
        "launcher": lambda: _launcher(given.folder, given.idle_s),
    }
    return starts[given.command]()


def _job(uri: str, slug: str) -> int:
    gc.disable()  # until the stage begins: it would look at every module a hundred times, and free nothing
    from taxiway.runtime.job import fetch, perform
    from taxiway.runtime.last_words import last_words
    from taxiway.runtime.stopping import Stop, Stopped
    from taxiway.stores.objects import open_store

    stop = Stop().listen()
    try:
        with last_words():
            store = open_store(uri)
            return 1 if perform(fetch(store, slug), store, stop=stop) else 0
    except Stopped:
        return _ASKED_TO_STOP
    except TaxiwayError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _serve(given: argparse.Namespace) -> int:
    from taxiway.runtime.serving.server import serve
    from taxiway.runtime.serving.settings import guard, settings

    try:
        return serve(settings(given), guard(given))
    except TaxiwayError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _sign(given: argparse.Namespace) -> int:
    from taxiway.runtime.signing import sign
    from taxiway.stores.objects import open_store
    from taxiway.stores.registry import Registry

    try:
        store = open_store(given.store)
        model = Registry(store).version(given.model, given.version).model
        key = sign(model, store, given.key, os.environ.get("TAXIWAY_KEY_PASSWORD"))
    except TaxiwayError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{model.digest} is signed by {key}\n")
    return 0


def _nursery(control: int, idle_s: float) -> int:
    from taxiway.runtime.serving.forking import serve

    with socket.socket(fileno=control) as channel:
        serve(channel, idle_s)
    return 0


def _traffic() -> int:
    from taxiway.runtime.serving.writing import write

    return write(sys.stdin.buffer)


def _keep() -> int:
    from taxiway.runtime.keeper import main as keep

    return keep(sys.stdin.buffer.read())


def _supervise() -> int:
    from taxiway.runtime.supervisor import become_supervisor
    from taxiway.runtime.worker import Order

    order = Order.decode(sys.stdin.buffer.read())
    if os.fork() == 0:
        become_supervisor(order, _reply)
    return 0


def _launcher(folder: Path, idle_s: float) -> int:
    from taxiway.runtime.launcher import Launcher

    launcher = Launcher(folder, idle_s)
    if not launcher.open():
        _reply({"state": "busy"})
    elif os.fork() == 0:
        os.setsid()
        _reply({"state": "listening"}, log=folder / "log")
        launcher.serve()
        os._exit(0)
    return 0


def _reply(reply: Mapping[str, Any], log: Path | None = None) -> None:
    """Says `reply` to the process that waits for it, and lets go of its pipes."""
    sys.stdout.write(f"{json.dumps(reply)}\n")
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if log else nothing
    for file, replacement in ((0, nothing), (1, said), (2, said)):
        os.dup2(replacement, file)


if __name__ == "__main__":
    sys.exit(main())
