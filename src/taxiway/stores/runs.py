"""Run histories: parameters, metric curves and artefacts, readable while the run goes on.

`runs/<run>/params.json`, `runs/<run>/chunks/<20 digits>.json` and, last, `runs/<run>/training-run.json` are all
put-if-absent. A writer that was killed, or whose answer was lost, goes on in the same history: a metric has one value
per step, the first one written, so nothing is doubled. `runs-of/<model>/<run>` finds the runs of a model, and
`trained-on/<dataset>/<algorithm>/<hex>/<model>/<run>` the runs that learned from a snapshot.
"""

import math
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from taxiway.core.errors import SpecError
from taxiway.core.history import Artifact, MetricPoint, RunChunk, Spent, spent
from taxiway.core.names import canonical, check_name
from taxiway.core.training import TrainingRun
from taxiway.stores.blobs import Blobs
from taxiway.stores.entries import decode, encode, parse
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import ObjectStore
from taxiway.stores.paths import check_path

_FLUSH_POINTS = 1000
_READERS = 16
_SLUG = re.compile(r"[0-9a-f]{32}")


class RunView(NamedTuple):
    """What is known of a run now.

    Attributes:
        params: the function's parameters.
        curves: the points of each metric, by step.
        artifacts: the newest file of each name.
        result: what came of it; none while it goes on, and when it failed.
        spent: what each attempt of its job cost, the wasted ones, too; empty for a run outside a job.
    """

    params: dict[str, JsonValue]
    curves: dict[str, tuple[MetricPoint, ...]]
    artifacts: dict[str, Artifact]
    result: TrainingRun | None
    spent: tuple[Spent, ...] = ()


class RunHistory:
    """The run histories in a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def writer(self, run: str, *, flush_every_s: float = 5.0) -> "RunWriter":
        """Begins the history of a run, or goes on in it.

        Args:
            run: its key: one segment of a path.
            flush_every_s: how old a point may become before the next one logged takes it along into a chunk.
        """
        return RunWriter(self._store, _root(run), self._chunks(run), flush_every_s)

    def read(self, run: str) -> RunView:
        """What is known of a run now.

        Raises:
            SpecError: there is no such run.
            IntegrityError: one of its objects is broken.
        """
        params = self._store.read(f"{_root(run)}params.json")
        chunks, result = self._chunks(run), self.result(run)
        if params is None and not chunks and result is None:
            raise SpecError(
                f"there is no run {run!r}",
                where=f"the run history at {self._store.uri}",
                do="Check its key; a run is there as soon as it has logged something.",
            )
        return RunView(
            params=parse(params, f"{self._store.uri}{_root(run)}params.json") if params is not None else {},
            curves=_curves(chunks),
            artifacts={artifact.name: artifact for chunk in chunks for artifact in chunk.artifacts},
            result=result,
            spent=self.spent(run),
        )

    def result(self, run: str) -> TrainingRun | None:
        """What came of a run; None while it goes on, when it failed, and when there is none of that key."""
        path = f"{_root(run)}training-run.json"
        data = self._store.read(path)
        return None if data is None else decode(TrainingRun, data, self._store.uri + path)

    def spent(self, run: str) -> tuple[Spent, ...]:
        """What each attempt of a run's job cost, in order: the ledger of its GPU-seconds."""
        mailbox = Mailbox(self._store)
        slug = run.rpartition(".")[2]
        request = mailbox.asked(slug) if _SLUG.fullmatch(slug) else None
        costs = []
        while request is not None:
            costs.append(spent(request, mailbox.result(request.key)))
            request = mailbox.request(request.key.next)
        return tuple(costs)

    def runs(self, model: str) -> list[str]:
        """The keys of the finished runs of a model, ordered."""
        folder = f"runs-of/{check_name(model)}/"
        return [info.path.removeprefix(folder) for info in self._store.list(folder)]

    def learned_from(self, dataset: str, digest: str) -> list[tuple[str, str]]:
        """The finished runs that learned from a snapshot of a dataset: model and run, ordered."""
        folder = _trained_on(dataset, digest)
        pairs = (info.path.removeprefix(folder).partition("/") for info in self._store.list(folder))
        return [(model, run) for model, _, run in pairs]

    def _chunks(self, run: str) -> list[RunChunk]:
        paths = [info.path for info in self._store.list(f"{_root(run)}chunks/")]
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(self._store.get, paths)
            return [decode(RunChunk, data, self._store.uri + path) for path, data in zip(paths, found, strict=True)]


class RunWriter:
    """Writes one run's history; several at once do no harm to each other."""

    def __init__(self, store: ObjectStore, root: str, before: list[RunChunk], flush_every_s: float) -> None:
        self._store = store
        self._root = root
        self._flush_every_s = flush_every_s
        self._flushed_at = time.monotonic()
        self._number = len(before)
        self._seen = {(point.name, point.step) for chunk in before for point in chunk.points}
        self._points: list[MetricPoint] = []
        self._artifacts: list[Artifact] = []

    def log_params(self, params: Mapping[str, JsonValue]) -> None:
        """Keeps the parameters.

        Raises:
            SpecError: this run has other ones already, or they are no JSON data.
        """
        path = f"{self._root}params.json"
        try:
            data = canonical(dict(params))
        except (TypeError, ValueError) as error:
            raise SpecError(
                "parameters must be plain JSON data",
                where="Training.params",
                got=str(error),
                do="Use numbers that are finite, text, booleans, lists and dicts.",
            ) from None
        if not self._store.create(path, data) and self._store.get(path) != data:
            raise SpecError(
                "this run was started with other parameters",
                where=self._store.uri + path,
                do="Give the new run a key of its own.",
            )

    def log_metric(self, name: str, value: float, step: int, at: float) -> None:
        """Keeps one value of a metric; a step that has one already keeps that.

        Args:
            name: the metric.
            value: NaN and infinity are kept as "no value".
            step: the caller's own count.
            at: seconds since 1970, UTC.
        """
        if (name, step) in self._seen:
            return
        number = float(value)
        self._points.append(MetricPoint(name=name, step=step, value=number if math.isfinite(number) else None, at=at))
        self._seen.add((name, step))
        if len(self._points) >= _FLUSH_POINTS or time.monotonic() - self._flushed_at >= self._flush_every_s:
            self.flush()

    def artifact(self, name: str, path: Path) -> Artifact:
        """Keeps a file under a name; the newest of a name is the one that is read."""
        digest = Blobs(self._store).put_file(path)
        kept = Artifact(
            name=check_path(name, where="an artefact's name"), digest=digest, size_bytes=path.stat().st_size
        )
        self._artifacts.append(kept)
        self.flush()
        return kept

    def flush(self) -> None:
        """Makes everything logged so far readable.

        Raises:
            BackendError: the store failed; what was logged is kept for the next flush.
        """
        chunk = RunChunk(points=tuple(self._points), artifacts=tuple(self._artifacts))
        if chunk.points or chunk.artifacts:
            data = encode(chunk)
            while not self._append(data):
                pass
            del self._points[: len(chunk.points)], self._artifacts[: len(chunk.artifacts)]
        self._flushed_at = time.monotonic()

    def finish(self, run: TrainingRun) -> TrainingRun:
        """Ends the history, and gives what came of the run: what was written first, if it ended before."""
        self.flush()
        path = f"{self._root}training-run.json"
        if not self._store.create(path, encode(run)):
            run = decode(TrainingRun, self._store.get(path), self._store.uri + path)
        key, data = self._root.split("/")[1], run.model.trained_on
        self._store.create(f"runs-of/{run.model.name}/{key}", b"")
        self._store.create(f"{_trained_on(data.name, data.digest)}{run.model.name}/{key}", b"")
        return run

    def _append(self, data: bytes) -> bool:
        """Whether a chunk is ours; else another writer's is there, and the next number is tried."""
        path = f"{self._root}chunks/{self._number + 1:020}.json"
        ours = self._store.create(path, data) or self._store.get(path) == data
        self._number += 1
        return ours


def _root(run: str) -> str:
    if "/" in run:
        raise SpecError("the key of a run is one word", where="run", got=repr(run), do="Take out the '/'.")
    return f"runs/{check_path(run, where='the key of a run')}/"


def _trained_on(dataset: str, digest: str) -> str:
    return f"trained-on/{check_name(dataset)}/{check_path(digest.replace(':', '/'))}/"


def _curves(chunks: list[RunChunk]) -> dict[str, tuple[MetricPoint, ...]]:
    first: dict[tuple[str, int], MetricPoint] = {}
    for chunk in chunks:
        for point in chunk.points:
            first.setdefault((point.name, point.step), point)
    curves: dict[str, list[MetricPoint]] = {}
    for (name, _), point in sorted(first.items()):
        curves.setdefault(name, []).append(point)
    return {name: tuple(points) for name, points in curves.items()}
