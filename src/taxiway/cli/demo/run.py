"""Runs the demo from its first process to its last."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.cli.demo import summary
from taxiway.cli.demo.airflow import Airflow, free_port, sweep
from taxiway.cli.demo.api import Api
from taxiway.cli.demo.home import Home
from taxiway.cli.demo.lake import Lake, lay_recipe
from taxiway.cli.demo.production import Watched
from taxiway.cli.demo.runs import Runs
from taxiway.cli.demo.screen import Screen
from taxiway.cli.demo.service import DEPLOYMENT, Endpoint
from taxiway.cli.demo.story import ACTS, MODEL, SCORING, TRAINING, Teller, Told
from taxiway.cli.demo.watch import MONITORING, Watcher
from taxiway.core.errors import TaxiwayError
from taxiway.core.registry import CHAMPION

if TYPE_CHECKING:
    from rich.console import Console

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(home: Path, *, port: int | None, leave: bool, as_json: bool) -> int:
    """Lives the whole life of one model in a private Airflow, and gives the exit code.

    Args:
        home: the folder for everything it writes.
        port: of Airflow's web pages; any free one by default.
        leave: stop when the story is told, instead of serving the pages until Ctrl-C.
        as_json: print one JSON object to the standard output, and everything else to the standard error.
    """
    from rich.console import Console

    console = Console(stderr=as_json)
    place = Home(home.absolute())
    began = time.monotonic()
    result: dict[str, Any] | None = None
    with _ended_by_signals(), place.held():
        sweep(place)
        place.clean()
        airflow, endpoint = _places(place, port)
        place.note(pid=os.getpid(), url=airflow.url)
        places: dict[str, Any] = {
            "ui": airflow.url,
            "store": place.store.as_uri(),
            "logs": str(place.airflow / "logs"),
            "told": str(place.told),
        }
        try:
            told, watched = _live(airflow, endpoint, Screen(console))
            served = summary.serving(told, endpoint)
            result = summary.summarize(told, watched, _champion(place), served, places | _seconds(began))
            summary.show(console, told, result)
            _report(result, as_json=as_json)
            if not leave:
                _serve(airflow, console)
        except TaxiwayError as error:
            _report(summary.failed(str(error), places | _seconds(began)), as_json=as_json)
            raise
        except KeyboardInterrupt:
            console.print("\nStopping.")
            if not result:
                _report(summary.failed("it was told to stop", places | _seconds(began)), as_json=as_json)
            return 0 if result else 130
        finally:
            _stop(airflow)
    return 0 if result["outcome"] == "ok" else 1


def _places(home: Home, port: int | None) -> tuple[Airflow, Endpoint]:
    """An Airflow and a service that do not run yet, each with a port of its own."""
    pages = free_port(port)
    serving = next(found for found in iter(free_port, None) if found != pages)
    return Airflow(home, pages, serving), Endpoint(home, serving)


def _seconds(began: float) -> dict[str, Any]:
    return {"seconds": round(time.monotonic() - began, 1)}


def _live(airflow: Airflow, endpoint: Endpoint, screen: Screen) -> tuple[list[Told], Watched]:
    screen.heading("A private Airflow", f"Everything it writes is in {airflow.home.root}")
    lake = Lake(airflow.home)
    migration = airflow.migrate()
    with screen.step("Unpack the flights of 2013"):
        lay_recipe(airflow.home)
        lake.prepare()
    with screen.step("Create Airflow's database"):
        airflow.wait_for_database(migration)
    with contextlib.closing(Api(airflow.url, airflow.check)) as api:
        _up(airflow, api, screen)
        try:
            runs = Runs(api, screen, airflow.check)
            teller = Teller(runs, lake, endpoint)
            return [teller.tell(act) for act in ACTS], Watcher(runs, lake, airflow.home).watch()
        finally:
            lake.restore()


def _up(airflow: Airflow, api: Api, screen: Screen) -> None:
    with screen.step("Start Airflow"):
        airflow.start("api-server", "scheduler", "dag-processor")
        api.wait_until_up()
        api.wait_for_dags(TRAINING, SCORING, DEPLOYMENT, MONITORING)
        airflow.start("triggerer")
    screen.console.print(f"  Watch it at {api.link(TRAINING)}", highlight=False)


def _champion(home: Home) -> int | None:
    from taxiway.stores.objects import open_store
    from taxiway.stores.registry import Registry

    target = Registry(open_store(home.store.as_uri())).resolve(MODEL, CHAMPION)
    return target.number if target else None


def _stop(airflow: Airflow) -> None:
    """Ends everything; an impatient second Ctrl-C must not leave half of it running."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    airflow.stop()


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(result)}\n")
        sys.stdout.flush()


def _serve(airflow: Airflow, console: "Console") -> None:
    console.print(f"\nIt keeps running: [bold]{airflow.url}[/bold]. Ctrl-C stops it.", highlight=False)
    while True:
        airflow.check()
        time.sleep(1)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Makes being told to end, or the terminal's end, the same as Ctrl-C: the block's `finally` runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
