"""What the Models page costs with 1,000 models of 50 versions each, on files and on S3.

    python tests/benchmarks/pages.py            a table
    python tests/benchmarks/pages.py --json     one line
    python tests/benchmarks/pages.py --quick    100 models of 5 versions: the targets decide nothing

The whole web server of Airflow answers in this process: signing in, the permission, the read model, Airflow's database
for the next training, the template. Before each question somebody promotes a version of some model, so that each answer
has something to follow. On a busy machine the CPU that this process used says more than the clock. S3 is versitygw on
this machine; its rows are left out where its program is not installed.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

# ruff: noqa: E402 - the tests' own helpers lie one folder up, and they settle where Airflow is before it is imported
from table import report, row

import airflow_home

airflow_home.settle()
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"

import s3 as server
import samples
from taxiway.core.names import canonical, sha256
from taxiway.core.registry import Commit, Point, Register, RegistryState, advance
from taxiway.stores.entries import encode
from taxiway.stores.heads import head_path
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.registry import Registry

MODELS, VERSIONS = (100, 5) if "--quick" in sys.argv else (1000, 50)
TIMES = 20 if "--quick" in sys.argv else 100
P95_MS, WEIGHT_KB = 200, 500


def main() -> int:
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ask = stack.enter_context(web())
        rows += measured("file", (folder / "store").as_uri(), {}, ask)
        if server.binary():
            s3 = stack.enter_context(server.serving(folder / "s3"))
            rows += measured("S3", s3.uri(), s3.options, ask)
    return report(rows, sys.argv)


def measured(name: str, uri: str, options: dict[str, str], ask: Callable[[str], Any]) -> list[dict[str, Any]]:
    from taxiway.ui import shop

    store = open_store(uri, credentials=options)
    fill(store)
    shop._SHOP = Fixed(store)
    cold = seconds(lambda: ask("/taxiway/models"))
    registry, by = Registry(store), samples.author()
    taken, cpu, weight = [], [], 0
    for number in range(TIMES):
        registry.promote(model(number * 7 % MODELS), 1 + number % 2, by=by)
        began, used = time.perf_counter(), time.process_time()
        answer = ask("/taxiway/models?sort=-attention")
        taken.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
        weight = max(weight, len(answer.content))
    page = [1000 * seconds(lambda: ask(f"/taxiway/models/{model(0)}")) for _ in range(20)]
    return [
        row(f"{name}: models page, p95, ms", quantiles(taken, n=20)[-1], P95_MS, at_most=True),
        row(f"{name}: models page, median, ms", quantiles(taken, n=2)[0], None, at_most=True),
        row(f"{name}: models page, CPU of the web server, p95, ms", quantiles(cpu, n=20)[-1], None, at_most=True),
        row(f"{name}: models page, first of a process, s", cold, None, at_most=True),
        row(f"{name}: models page, weight, KB", weight / 1000, WEIGHT_KB, at_most=True),
        row(f"{name}: page of one model, p95, ms", quantiles(page, n=20)[-1], None, at_most=True),
    ]


class Fixed:
    """A shop with one library, whose read model looks at the logs at each question, however fast they come."""

    def __init__(self, store: ObjectStore) -> None:
        from taxiway.ui.library import Library
        from taxiway.ui.shelf import Shelf

        self._library = Library(store)
        ticks = count(step=60)
        self._library.shelf = Shelf(store, clock=lambda: float(next(ticks)))

    def library(self) -> Any:
        return self._library


@contextmanager
def web() -> Iterator[Callable[[str], Any]]:
    """Asks the web server as a viewer."""
    with airflow_home.airflows_own_warnings():
        airflow_home.database()
        from airflow.api_fastapi.app import create_app, get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from starlette.testclient import TestClient

        with TestClient(create_app()) as client:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role="viewer"))

            def ask(path: str) -> Any:
                answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 200, answer.text
                return answer

            yield ask


def model(number: int) -> str:
    return f"model-{number:04}"


def fill(store: ObjectStore) -> None:
    """Writes what so many writers would have left behind, as far as pages read it: logs, pointers and heads."""
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: write_log(store, model(number)), range(MODELS)))


def write_log(store: ObjectStore, name: str) -> None:
    state, previous, data = RegistryState(), None, b""
    for number, change in enumerate(changes(name), start=1):
        state = advance(state, change, model=name)
        commit = Commit(
            number=number,
            id=f"{number:032}",
            model=name,
            at="2026-01-01T00:00:00.000+00:00",
            by=samples.author(),
            change=change,
            previous=previous,
            state=state,
        )
        data = encode(commit)
        previous = sha256(data)
        store.create(f"models/{name}/log/{number:020}.json", data)
        if isinstance(change, Register):
            store.create(f"models/{name}/versions/{change.entry.number}.json", canonical({"commit": number}))
    store.replace(head_path("models", name), data)


def changes(name: str) -> Iterator[Register | Point]:
    refs = [samples.model_ref(name=name, digest=f"folder-sha256:{number:064x}") for number in range(1, VERSIONS + 1)]
    for number, ref in enumerate(refs, start=1):
        entry = samples.model_version(number, model=ref, verdicts=(samples.verdict(ref),))
        yield Register(entry=entry.model_copy(update={"registered_at": "2026-01-01T00:00:00.000+00:00"}))
    yield Point(alias="champion", to=VERSIONS, model=refs[-1], expected=0)


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
