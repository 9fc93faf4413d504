"""What a registry on object storage costs: commits, finding the champion, and what a long history adds.

    python tests/benchmarks/registry.py            a table
    python tests/benchmarks/registry.py --json     one line

S3 is versitygw on this machine, MLflow is asked on sqlite without a server; the rows of a program that is not installed
are left out. To have MLflow:

    uv venv ~/.cache/taxiway/mlflow
    uv pip install --python ~/.cache/taxiway/mlflow mlflow-skinny sqlalchemy alembic
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

# ruff: noqa: E402 - the tests' own helpers lie one folder up
from table import report, row

import s3 as server
import samples
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.registry import Registry

NAME = "flight-delay"
BY = samples.author()
COMMITS = 400
SHORT, LONG = 12, 5000
"""After 12 commits the state remembers as many earlier champions as it ever will, so it grows no more."""
MLFLOW = Path("~/.cache/taxiway/mlflow/bin/python").expanduser()


class Counted(ObjectStore):
    """A store that counts its requests; a listing of one page is one request."""

    requests = 0

    def __getattribute__(self, name: str) -> Any:
        if name in {"get", "read", "head", "create", "replace", "list", "folders", "download", "delete", "upload"}:
            Counted.requests += name != "read"  # reading is getting
        return super().__getattribute__(name)


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = on_files(folder)
        if server.binary():
            rows += on_s3(stack.enter_context(server.serving(folder / "s3")))
        if MLFLOW.exists():
            rows += against_mlflow(folder, rows)
    return report(rows, sys.argv)


def on_files(folder: Path) -> list[dict[str, Any]]:
    uri = (folder / "files").as_uri()
    short, long = with_history(open_store(f"{uri}/short"), SHORT), with_history(open_store(f"{uri}/long"), LONG)
    resolve = seconds(lambda: short.resolve(NAME), 500)
    writes = [commit_once(registry) for registry in (short, long)]
    resolves = [lambda registry=registry: registry.resolve(NAME) for registry in (short, long)]
    return [
        row("file: commits/s, 1 writer", often(f"{uri}/one", 1), 200, at_most=False),
        row("file: commits/s, 8 writers", often(f"{uri}/eight", 8), 200, at_most=False),
        row("file: resolve champion, ms", 1000 * resolve, 2, at_most=True),
        row(f"file: resolve after {LONG} commits / after {SHORT}", growth(resolves), 1.2, at_most=True),
        row(f"file: commit after {LONG} commits / after {SHORT}", growth(writes), 1.2, at_most=True),
    ]


def on_s3(s3: server.S3) -> list[dict[str, Any]]:
    registry = with_history(open_store(s3.uri(), credentials=s3.options), 10)
    counted = Registry(Counted(open_store(s3.uri(), credentials=s3.options).backend))
    fill(counted, 10)
    Counted.requests = 0
    counted.resolve(NAME)
    requests = Counted.requests
    return [
        row("S3: commits/s, 1 writer", often(s3.uri(), 1, s3), None, at_most=False),
        row("S3: commits/s, 8 writers", often(s3.uri(), 8, s3), None, at_most=False),
        row("S3: resolve champion, requests", requests, 2, at_most=True),
        row("S3: resolve champion, ms", 1000 * seconds(lambda: registry.resolve(NAME), 200), None, at_most=True),
    ]


def with_history(store: ObjectStore, commits: int) -> Registry:
    return fill(Registry(store), commits)


def fill(registry: Registry, commits: int) -> Registry:
    """Versions one and two, and the champion moved between them so often."""
    for letter in "ab":
        register(registry, samples.hexes(letter))
    for number in range(commits - 2):
        registry.promote(NAME, 1 + number % 2, by=BY)
    return registry


def register(registry: Registry, hexes: str) -> None:
    model = samples.model_ref(digest=f"folder-sha256:{hexes}")
    registry.register(model, run="run", verdicts=(samples.verdict(model),), metrics={}, report=None, by=BY)


def commit_once(registry: Registry) -> Callable[[], object]:
    """Moves the champion to the other version."""

    def move() -> object:
        champion = registry.resolve(NAME)
        return registry.promote(NAME, 3 - champion.number if champion else 1, by=BY)

    return move


def growth(short_and_long: list[Callable[[], object]]) -> float:
    """How many times as long the second takes, asked in turns so that both see the same machine."""
    short, long = short_and_long
    return median(seconds(long, 40) / seconds(short, 40) for _ in range(15))


def seconds(act: Callable[[], object], times: int) -> float:
    """What one call takes, by the wall clock: the median."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return median(taken)


WRITER = """
import json, sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import registry as bench
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry
uri, options, gate = sys.argv[3], json.loads(sys.argv[4]), Path(sys.argv[7])
number, count = int(sys.argv[5]), int(sys.argv[6])
registry = Registry(open_store(uri, credentials=options))
bench.register(Registry(open_store(uri + "-warm-up", credentials=options)), f"{number:064x}")
gate.with_suffix(f".{number}").touch()
while not gate.exists():
    time.sleep(0.001)
began = time.time()
for each in range(count):
    bench.register(registry, f"{1 + number * count + each:064x}")
print(json.dumps([began, time.time()]))
"""


def often(uri: str, writers: int, s3: server.S3 | None = None) -> float:
    """The median of three measurements, each in a registry of its own."""
    return median(commits_per_s(f"{uri}-{number}", writers, s3) for number in range(3))


def commits_per_s(uri: str, writers: int, s3: server.S3 | None = None) -> float:
    """Versions registered per second by so many processes, each version one commit and its pointers."""
    options, count = json.dumps(s3.options if s3 else {}), COMMITS // writers
    with tempfile.TemporaryDirectory() as folder:
        gate = Path(folder, "gate")
        command = [sys.executable, "-c", WRITER, str(HERE), str(HERE.parent), uri, options]
        started = [
            subprocess.Popen([*command, str(number), str(count), str(gate)], stdout=subprocess.PIPE, text=True)
            for number in range(writers)
        ]
        while len(list(gate.parent.iterdir())) < writers:
            time.sleep(0.01)
        gate.touch()
        spans = [json.loads(process.communicate()[0]) for process in started]
    return writers * count / (max(ended for _, ended in spans) - min(began for began, _ in spans))


MLFLOW_RUN = """
import json, sys, time
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
client.create_registered_model("m")
def timed(act, times):
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times
def version():
    made = client.create_model_version("m", "file:///nowhere")
    client.set_registered_model_alias("m", "champion", made.version)
version()
print(json.dumps([timed(version, 30), timed(lambda: client.get_model_version_by_alias("m", "champion"), 30)]))
"""


def against_mlflow(folder: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Version and alias, and resolve, in MLflow on sqlite, as multiples of ours on files."""
    command = [str(MLFLOW), "-c", MLFLOW_RUN, f"sqlite:///{folder}/mlflow.db"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
    write_s, resolve_s = json.loads(answer.strip().splitlines()[-1])
    ours = {each["name"]: each["value"] for each in rows}
    registry = with_history(open_store((folder / "beside-mlflow").as_uri()), 10)
    numbers = iter(range(10**6))

    def version() -> None:
        register(registry, f"{next(numbers):064x}")
        registry.promote(NAME, registry.state(NAME).last_number, by=BY)

    return [
        row("MLflow on sqlite / file: version and alias", write_s / seconds(version, 30), 1, at_most=False),
        row(
            "MLflow on sqlite / file: resolve",
            1000 * resolve_s / ours["file: resolve champion, ms"],
            1,
            at_most=False,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
