"""A store with registered models and a service, a server of its own process that serves it, and a client."""

import contextlib
import dataclasses
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import samples
from runtime.kit import Workplace
from taxiway.core.registry import ModelVersion
from taxiway.core.serving import Phase, ServiceState
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.core.training import ModelRef, Target
from taxiway.runtime.process import look
from taxiway.runtime.training import train
from taxiway.stores.blobs import Blobs, blob_path
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.stores.services import Services

TESTS = Path(__file__).parents[2]
SERVICE = "flight-delay"
OPEN = ("--no-auth", "--plain-http")
PATIENCE_S = 120.0


@dataclasses.dataclass
class Airfield:
    """A workplace with a registry and one service."""

    place: Workplace

    @classmethod
    def at(cls, folder: Path) -> "Airfield":
        return cls(Workplace.at(folder))

    @classmethod
    def in_store(cls, folder: Path, store: ObjectStore) -> "Airfield":
        return cls(Workplace(folder, store))

    @property
    def uri(self) -> str:
        return self.place.store.uri

    def register(self, function: str = "train", **options: Any) -> ModelVersion:
        run = self.place.train(function, **options)
        return self.enter(run.model, run=run.run)

    def moody(self, **mood: Any) -> ModelVersion:
        """A version of its own whose mood is told; see `moody`."""
        job = self.place.job()
        training = Training("runtime.serving.moody:train", params={"name": self.place.jobs, **mood})
        run = train(TrainWork(model="flight-delay", training=training, dataset=self.place.dataset()), job)
        return self.enter(run.model, run=run.run)

    def file_of(self, version: ModelVersion) -> Path:
        """Where the store keeps the file that tells a version's mood."""
        files = Blobs(self.place.store)._manifest(version.model.digest)
        (mood,) = [file for file in files if file.path.endswith("mood")]
        return self.place.folder / "store" / blob_path(f"sha256:{mood.sha256}")

    def enter(self, model: ModelRef, run: str = "run-1") -> ModelVersion:
        registry = Registry(self.place.store)
        verdicts = [samples.verdict(model)]
        return registry.register(model, run=run, verdicts=verdicts, metrics={}, report=None, by=samples.author())

    def serve(
        self,
        live: ModelVersion | None,
        candidate: ModelVersion | None = None,
        *,
        weight: int = 0,
        shadow: bool = False,
    ) -> ServiceState:
        services = Services(self.place.store)
        now = services.state(SERVICE)
        state = ServiceState(
            service=SERVICE,
            model="flight-delay",
            generation=now.generation + 1 if now else 1,
            live=target(live),
            candidate=target(candidate),
            weight=weight,
            shadow=shadow,
            phase=Phase.SHADOW if shadow else Phase.TRIAL if candidate else Phase.LIVE,
        )
        services.serve(state, by=samples.author())
        return state


def target(version: ModelVersion | None) -> Target | None:
    return Target(number=version.number, model=version.model) if version else None


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def version(self) -> int:
        return int(self.headers["x-taxiway-version"])


class Server:
    """A server process; its log is read as it comes."""

    def __init__(self, process: subprocess.Popen[str], scheme: str, trust: ssl.SSLContext | None) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.scheme = scheme
        self._trust = trust
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        self.port = int(self.heard("listening")["port"])

    def _listen(self) -> None:
        with self.process.stderr as log:
            for line in log:
                with self._news:
                    self.lines.append(told(line))
                    self._news.notify_all()

    def heard(self, event: str, after: int = 0, **facts: Any) -> dict[str, Any]:
        """The first line of the log that says this; waits for it."""

        def found() -> dict[str, Any] | None:
            return next(
                (one for one in self.lines[after:] if one["event"] == event and facts.items() <= one.items()), None
            )

        with self._news:
            assert self._news.wait_for(found, PATIENCE_S), (event, facts, self.lines)
            return found()

    def connection(self) -> http.client.HTTPConnection:
        if self._trust:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_S, context=self._trust)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Reply:
        own = connection or self.connection()
        try:
            data = body if isinstance(body, bytes | type(None)) else json.dumps(body).encode()
            own.request(method, path, data, headers or {})
            answer = own.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            if connection is None:
                own.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.ask("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def predict(self, *rows: dict[str, Any], **headers: str) -> Reply:
        return self.post("/predict", {"rows": list(rows) or [ROW]}, **headers)

    def status(self) -> dict[str, Any]:
        return self.get("/status").json

    def metrics(self) -> dict[str, float]:
        lines = self.get("/metrics").body.decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def ready(self) -> bool:
        return self.get("/v2/health/ready").status == 200

    def until_ready(self) -> "Server":
        until(self.ready)
        return self

    def all_heard(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """The lines of the log so far that say this."""
        return [one for one in self.lines if one["event"] == event and facts.items() <= one.items()]

    def predictors(self, **facts: Any) -> list[int]:
        """The processes that hold models."""
        return [one["pid"] for one in self.all_heard("predictor ready", **facts) if alive(one["pid"])]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@dataclasses.dataclass
class Stand:
    """A field and one server that follows it: tests that need no other settings serve their own versions on it."""

    field: Airfield
    server: Server

    def serve(self, live: ModelVersion | None, candidate: ModelVersion | None = None, **how: Any) -> Server:
        state = self.field.serve(live, candidate, **how)
        self.server.heard("taken up", generation=state.generation)
        return self.server

    def moody(self, **mood: Any) -> int:
        """A version of this mood answers; its number."""
        version = self.field.moody(**mood)
        self.serve(version)
        return version.number

    def pair(self, **mood: Any) -> tuple[ModelVersion, ModelVersion]:
        """A version that answers, and another one of this mood."""
        return self.field.moody(times=3), self.field.moody(**mood)


def told(line: str) -> dict[str, Any]:
    """A line of the log; one that is no event, as a killed process leaves half a line, is what it said."""
    try:
        return json.loads(line) if line.startswith("{") else {"event": "said", "text": line}
    except ValueError:
        return {"event": "said", "text": line}


ROW = {"delay": 1.5, "hour": 12}


@contextlib.contextmanager
def standing(folder: Path, *options: str) -> Iterator[Stand]:
    field = Airfield.at(folder)
    with serving(field, *options) as server:
        yield Stand(field, server)


@contextlib.contextmanager
def serving(
    field: Airfield | str, *options: str, service: str = SERVICE, env: dict[str, str] | None = None, trust: Any = None
) -> Iterator[Server]:
    store = field if isinstance(field, str) else field.uri
    gate = () if {"--tokens", "--jwks", "--no-auth"} & {*options} else ("--no-auth",)
    tls = () if {"--certificate", "--plain-http"} & {*options} else ("--plain-http",)
    command = [sys.executable, "-m", "taxiway.runtime", "serve", "--service", service, "--store", store, "--port", "0"]
    given = {**os.environ, "PYTHONPATH": str(TESTS), **(env or {})}
    process = subprocess.Popen(
        [*command, "--poll-s", "0.05", *gate, *tls, *options], env=given, stderr=subprocess.PIPE, text=True
    )
    server = None
    try:
        server = Server(process, "https" if trust else "http", trust)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(is_so: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Waits until something is so, by the clock."""
    deadline = time.monotonic() + patience_s
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    return look(pid) is not None
