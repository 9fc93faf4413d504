"""One model in detail: the way of a version from its data into production, and two of anything side by side."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from taxiway.core.changes import VersionRow, in_words
from taxiway.core.data import DatasetRef
from taxiway.core.evaluation import EvaluationReport, Slice
from taxiway.core.registry import Change, Commit, ModelVersion, Point, Register
from taxiway.core.serving import Serve, arriving
from taxiway.core.training import TrainingRun

Pair = tuple[Any, Any]


class Stop(NamedTuple):
    """One stop on the way of a version.

    Attributes:
        what: a word for it: `data`, `training`, `evaluation`, `gates`, `registered`, `alias`, `service`, `yanked`.
        words: one sentence.
        at: when, ISO 8601; empty where nobody noted it.
        who: who did it; empty where it happened by itself.
        why: in their words.
        digest: of the bytes that it is about.
        refused: it ended the way.
    """

    what: str
    words: str
    at: str = ""
    who: str = ""
    why: str = ""
    digest: str = ""
    refused: bool = False


class Side(NamedTuple):
    """One of two things that are compared: a version with its run, or a run alone.

    Attributes:
        label: what it is called.
        run: its training; none where its history is gone.
        metrics: what was measured.
        slices: likewise, per level of the slice columns.
        data: what it learned from.
    """

    label: str
    run: TrainingRun | None
    metrics: Mapping[str, float | None]
    slices: tuple[Slice, ...] = ()
    data: DatasetRef | None = None


class Contrast(NamedTuple):
    """Two sides; in each pair the first is of the first side, and none means that it has none.

    Attributes:
        metrics: all of them.
        slices: those that either has, by column, level and metric.
        params: those that differ.
        packages: those that differ.
        data: the fields of the snapshot that differ.
        environment: what else differs: Python, platform, code, seed.
    """

    metrics: dict[str, Pair]
    slices: dict[tuple[str, str, str], Pair]
    params: dict[str, Pair]
    packages: dict[str, Pair]
    data: dict[str, Pair]
    environment: dict[str, Pair]


def way(row: VersionRow, commits: Iterable[Commit], report: EvaluationReport | None) -> tuple[Stop, ...]:
    """The way of a version from the snapshot of its data to what serves it now, in order."""
    return (*_origin(row.version, report), *(stop for commit in commits for stop in _stops(row.version, commit)))


def _origin(version: ModelVersion, report: EvaluationReport | None) -> Iterable[Stop]:
    data = version.model.trained_on
    rows = "" if data.rows is None else f", {data.rows:,} rows"
    yield Stop("data", f"a snapshot of {data.name}{rows}", digest=data.digest)
    yield Stop("training", f"run {version.run}", digest=version.model.digest)
    if report:
        rival = f"beside version {report.champion.number}" if report.champion else "without a champion to beat"
        told = f"measured on {report.rows:,} rows of {report.evaluated_on.name}, {rival}"
        yield Stop("evaluation", told, digest=report.evaluated_on.digest)
    for verdict in version.verdicts:
        who = "" if verdict.decided_by == "taxiway" else verdict.decided_by
        yield Stop("gates", f"{verdict.gate}: {verdict.outcome}", who=who, why=verdict.reason, digest=verdict.evidence)


def _stops(version: ModelVersion, commit: Commit) -> Iterable[Stop]:
    change = commit.change
    what = _what(version.number, change)
    if what:
        why = change.state.reason if isinstance(change, Serve) else ""
        words, by = in_words(change), commit.by
        yield Stop(what, words, commit.at, by.who, why or by.why, refused=what == "yanked")


def _what(number: int, change: Change) -> str:
    """Which kind of stop a change is on the way of a version; empty when it is none."""
    if isinstance(change, Serve):
        return "service" if any(target.number == number for target in arriving(None, change.state)) else ""
    if isinstance(change, Point):
        return "alias" if change.to == number else ""
    if isinstance(change, Register):
        return "registered" if change.entry.number == number else ""
    return "yanked" if change.number == number else ""


def contrast(a: Side, b: Side) -> Contrast:
    """What two sides have in common and what they do not."""
    runs = (a.run, b.run)
    known = runs if runs[0] and runs[1] else (None, None)
    return Contrast(
        metrics=paired(a.metrics, b.metrics),
        slices=paired(_sliced(a.slices), _sliced(b.slices)),
        params=differing(*(run.params if run else {} for run in known)),
        packages=differing(*(run.environment.packages if run else {} for run in known)),
        data=differing(_data(a.data), _data(b.data)),
        environment=differing(*(_surroundings(run) if run else {} for run in known)),
    )


def paired(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> dict[Any, Pair]:
    """The values of two mappings by key."""
    return {key: (a.get(key), b.get(key)) for key in sorted({*a, *b})}


def differing(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> dict[Any, Pair]:
    """Those of them that differ."""
    return {key: pair for key, pair in paired(a, b).items() if pair[0] != pair[1]}


def _surroundings(run: TrainingRun) -> dict[str, Any]:
    made = run.environment
    return {"python": made.python, "platform": made.platform, "code": made.code, "seed": run.seed}


def _sliced(slices: Iterable[Slice]) -> dict[tuple[str, str, str], float | None]:
    return {(one.column, one.level, each.metric): each.value for one in slices for each in one.measures}


def _data(data: DatasetRef | None) -> dict[str, Any]:
    if data is None:
        return {}
    return {key: value for key, value in data.dump().items() if key not in ("kind", "v", "manifest")}
