"""Serving the same two models: Taxiway's server against a bare FastAPI, KServe's Python server, MLServer and LitServe.

    uv run --extra dev python tests/benchmarks/serving.py [--json] [--quick] [--seconds 2]

Each runs in an environment of its own, made once in the cache folder, and is asked the same body by the same load
generator: one row of twenty numbers, by one connection and by 32. All of them are asked in turns, round after round,
while the others are halted, so that a busy minute of the machine is nobody's alone; medians of the rounds count.
MLServer and LitServe take part with their batching, too, and the better of both counts. The memory of all processes of
a server is counted, shared pages once.
"""

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

from memory import memory_mb, tree
from table import report, row

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
CONTENDERS = HERE / "contenders" / "serving"
COLUMNS = tuple(f"c{number}" for number in range(20))
PATH = "/v2/models/model/infer"
MODELS = ("line", "forest")
SKLEARN = ("scikit-learn==1.9.1", "joblib")
START_S = 180
IDLE_S = 3.0
ROUNDS = 5
WHO = (
    ("taxiway", 1),
    ("bare", 1),
    ("kserve", 1),
    ("mlserver", 1),
    ("mlserver", 32),
    ("litserve", 1),
    ("litserve", 32),
)
"""Who takes part, and how many requests it may answer at once; Taxiway needs no telling."""


def environments() -> dict[str, Path]:
    """The interpreter of each contender."""
    from venvs import python_with

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    ours = (*project["dependencies"], *extras["serve"], *extras["sklearn"])
    return {
        "taxiway": python_with(*ours, *SKLEARN),
        "bare": python_with("fastapi", "uvicorn[standard]", *SKLEARN),
        "kserve": python_with("kserve==0.21.0", *SKLEARN),
        "mlserver": python_with("mlserver==1.7.1", "mlserver-sklearn==1.7.1", *SKLEARN),
        "litserve": python_with("litserve==0.2.19", *SKLEARN),
    }


def train(folder: Path) -> None:
    """Both models, as joblib files and as registered versions of a store each."""
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    rows = random.random((5000, len(COLUMNS)), dtype=np.float32)
    late = rows[:, 0] + rows[:, 1] * rows[:, 2] > 0.7
    for name, kinds in (
        ("line", (LogisticRegression(), LogisticRegression(C=0.5))),
        ("forest", (RandomForestClassifier(100, random_state=0), RandomForestClassifier(100, random_state=1))),
    ):
        fitted = [kind.fit(rows, late) for kind in kinds]
        joblib.dump(fitted[0], folder / f"{name}.joblib")
        register(folder / name, fitted, rows[:10])


def register(folder: Path, models, rows) -> None:
    import polars as pl

    import samples
    from runtime.serving.kit import Airfield
    from taxiway.core.training import Column
    from taxiway.engines.flavours import flavour
    from taxiway.runtime import golden
    from taxiway.runtime.models import Model
    from taxiway.stores.blobs import Blobs

    field = Airfield.at(folder)
    inputs = tuple(Column(name=name, dtype="Float32") for name in COLUMNS)
    versions = []
    for number, model in enumerate(models):
        saved = folder / f"model-{number}"
        saved.mkdir(parents=True)
        flavour("sklearn").save(model, saved, allow_pickle=False)
        loaded = Model(inputs, flavour("sklearn").load(saved, allow_pickle=False), saved)
        golden.keep(loaded, pl.DataFrame(rows, schema=list(COLUMNS)), saved)
        blob = Blobs(field.place.store).put_folder(saved)
        ref = samples.model_ref(
            name="model", digest=blob.digest, uri=blob.uri, inputs=inputs, size_bytes=blob.size_bytes
        )
        versions.append(ref)
    commit(field, field.enter(versions[0]))
    (folder / "second.json").write_text(json.dumps(versions[1].dump()))


def commit(field, version) -> None:
    """Says that a version shall serve."""
    import samples
    from taxiway.core.serving import Phase, ServiceState
    from taxiway.core.training import Target
    from taxiway.stores.services import Services

    services = Services(field.place.store)
    now = services.state("model")
    live = Target(number=version.number, model=version.model)
    generation = now.generation + 1 if now else 1
    state = ServiceState(service="model", model="model", generation=generation, live=live, phase=Phase.LIVE)
    services.serve(state, by=samples.author())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One contender with one model."""

    def __init__(
        self, name: str, python: Path, model: str, folder: Path, batch: int = 1, nursery_s: float = IDLE_S
    ) -> None:
        self.port = free_port()
        self._nursery_s = nursery_s
        self._python, self._model, self._folder, self._batch = python, folder / f"{model}.joblib", folder, batch
        self._store = folder / model / "store"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src") if name == "taxiway" else ""}
        self._log = (folder / f"{name}-{model}-{batch}.log").open("w")
        command = [str(python), *getattr(self, f"_{name}")()]
        where = self._mlserver_folder() if name == "mlserver" else folder
        self.process = subprocess.Popen(
            command, cwd=where, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def _taxiway(self):
        words = ["-m", "taxiway.runtime", "serve", "--service", "model", "--store", self._store.as_uri()]
        return [*words, "--port", str(self.port), "--no-auth", "--plain-http", "--nursery-s", str(self._nursery_s)]

    def _bare(self):
        return [str(CONTENDERS / "bare.py"), str(self._model), str(self.port)]

    def _kserve(self):
        return [str(CONTENDERS / "kserve_server.py"), str(self._model), str(self.port)]

    def _litserve(self):
        return [str(CONTENDERS / "litserve_server.py"), str(self._model), str(self.port), str(self._batch)]

    def _mlserver(self):
        return ["-m", "mlserver.cli.main", "start", "."]

    def _mlserver_folder(self) -> Path:
        folder = self._folder / f"mlserver-{self.port}"
        folder.mkdir()
        ports = {"http_port": self.port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "settings.json").write_text(json.dumps({**ports, "parallel_workers": 0, "debug": False}))
        model = {"name": "model", "implementation": "mlserver_sklearn.SKLearnModel"}
        if self._batch > 1:
            model |= {"max_batch_size": self._batch, "max_batch_time": 0.002}
        (folder / "model-settings.json").write_text(json.dumps({**model, "parameters": {"uri": str(self._model)}}))
        return folder

    def __enter__(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask()[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{self._log.name}: {Path(self._log.name).read_text()[-3000:]}")

    def __exit__(self, *_) -> None:
        below = tree(self.process.pid)
        self.process.terminate()
        self.signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def signal(self, number: int) -> None:
        """To all of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    @contextlib.contextmanager
    def running(self):
        """It runs only in here."""
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def ask(self) -> tuple[int, str | None]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{PATH}", body(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
                return answer.status, answer.headers.get("x-taxiway-version")
        except urllib.error.HTTPError as error:
            return error.code, None

    def load(self, connections: int, seconds: float) -> dict[str, float]:
        command = [sys.executable, str(HERE / "load.py"), str(self.port), str(connections), str(seconds), PATH]
        done = subprocess.run(command, input=body(), capture_output=True, check=True)
        found = json.loads(done.stdout)
        if found["failed"]:
            raise SystemExit(f"{self._log.name}: {found['failed']} requests failed")
        return found


def body() -> bytes:
    tensor = {"name": "rows", "shape": [1, 20], "datatype": "FP32", "data": [round(0.05 * n, 2) for n in range(20)]}
    asked = {"inputs": [tensor]}
    return json.dumps(asked).encode()


def measure(pythons: dict[str, Path], model: str, folder: Path, seconds: float, rounds: int) -> dict[str, dict]:
    """Of each contender: latency by one connection, throughput by 32, and memory in MB."""
    found = {}
    with contextlib.ExitStack() as stack:
        servers = {}
        for kind, batch in WHO:
            name = f"{kind} with batches" if batch > 1 else kind
            servers[name] = server = stack.enter_context(Server(kind, pythons[kind], model, folder, batch))
            with server.running():
                server.load(32, min(1.0, seconds))
                found[name] = {"memory at first": memory_mb(server.process.pid)}
        times = [{name: one_round(server, seconds) for name, server in servers.items()} for _ in range(rounds)]
        for name, server in servers.items():
            with server.running():
                time.sleep(2 * IDLE_S if name == "taxiway" else 0)
                found[name]["memory"] = memory_mb(server.process.pid)
            for what in times[0][name]:
                found[name][what] = statistics.median(each[name][what] for each in times)
    return found


def one_round(server: Server, seconds: float) -> dict[str, float]:
    with server.running():
        server.load(32, min(0.5, seconds))
        one, many = server.load(1, seconds), server.load(32, seconds)
    return {"rps C=1": one["rps"], "p50 C=1": one["p50"], "rps C=32": many["rps"], "p99 C=32": many["p99"]}


def swap_s(python: Path, model: str, folder: Path) -> tuple[float, float]:
    """From the commit to the first answer of the new version: of one just registered, and out of the blue."""
    from runtime.serving.kit import Airfield
    from taxiway.core.training import ModelRef
    from taxiway.stores.registry import Registry

    field = Airfield.at(folder / model)
    first = Registry(field.place.store).version("model", 1)
    with Server("taxiway", python, model, folder, nursery_s=60) as server:
        second = field.enter(ModelRef.load(json.loads((folder / model / "second.json").read_text())))
        announced = _until(server, field, second)
    with Server("taxiway", python, model, folder) as server:
        time.sleep(2 * IDLE_S)
        return announced, _until(server, field, first)


def _until(server: Server, field, version) -> float:
    began = time.monotonic()
    commit(field, version)
    while server.ask()[1] != str(version.number):
        if time.monotonic() - began > START_S:
            raise SystemExit("the new version never answered")
        time.sleep(0.005)
    return time.monotonic() - began


def compare(model: str, found: dict[str, dict[str, float]]) -> list[dict]:
    ours, bare = found["taxiway"], found["bare"]
    best = max((name for name in found if name not in ("taxiway", "bare")), key=lambda name: found[name]["rps C=32"])
    peer = found[best]
    rows = [
        row(
            f"{model}: requests/s of 32, times {best}'s (best peer)",
            ours["rps C=32"] / peer["rps C=32"],
            4,
            at_most=False,
        ),
        row(f"{model}: p99 of 32, times {best}'s", ours["p99 C=32"] / peer["p99 C=32"], 1, at_most=True),
        row(
            f"{model}: requests/s of 32, times bare FastAPI's", ours["rps C=32"] / bare["rps C=32"], None, at_most=False
        ),
        row(f"{model}: latency of 1, times bare FastAPI's", ours["p50 C=1"] / bare["p50 C=1"], 1.15, at_most=True),
        row(f"{model}: memory beyond bare FastAPI's, MB", ours["memory"] - bare["memory"], 30, at_most=True),
        row(
            f"{model}: the same while the nursery is there, MB",
            ours["memory at first"] - bare["memory at first"],
            None,
            at_most=True,
        ),
    ]
    figures = ("rps C=1", "p50 C=1", "rps C=32", "p99 C=32", "memory")
    each = ((name, what) for name in found for what in figures)
    return rows + [row(f"{model}: {name}, {what}", found[name][what], None, at_most=True) for name, what in each]


def main(argv: list[str]) -> int:
    seconds, rounds, models = 2.0, ROUNDS, MODELS
    if "--seconds" in argv:
        seconds = float(argv[argv.index("--seconds") + 1])
    if "--quick" in argv:
        seconds, rounds, models = 0.3, 1, MODELS[:1]
    pythons = environments()
    rows = []
    with tempfile.TemporaryDirectory(prefix="taxiway-benchmark-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        train(folder)
        for model in models:
            found = measure(pythons, model, folder, seconds, rounds)
            rows += compare(model, found)
            announced, sudden = swap_s(pythons["taxiway"], model, folder)
            rows.append(
                row(f"{model}: from commit to serving, s, of a version just registered", announced, 3, at_most=True)
            )
            rows.append(row(f"{model}: from commit to serving, s, out of the blue", sudden, 3, at_most=True))
    return report(rows, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
