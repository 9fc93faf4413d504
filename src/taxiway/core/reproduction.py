"""Reproduction: what a second training from the same code, data, parameters and seed gave, and where it parted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import NonNegativeFloat, PositiveInt

from taxiway.core.history import MetricPoint
from taxiway.core.names import Digest, Name
from taxiway.core.records import Record
from taxiway.core.training import TrainingRun

GOLDEN = "golden/"
"""Where a model's folder keeps its golden requests; their answers may differ in the last digit on another processor."""


class Deviation(Record):
    """One thing that is not as it was: in words, or None where it is not there at all."""

    what: str
    then: str | None
    now: str | None


class Reproduction(Record):
    """What came of training a version again.

    Attributes:
        model: the model's name.
        number: of the version.
        digest: of the bytes that were registered.
        again: of the bytes that came out now; none when it was not trained, because its data is not what it was.
        code: where the code came from: a git commit, or a folder.
        seconds: of the training, then and now; now is none when it was not trained.
        differences: what is not as it was, the cause before its effect.
    """

    model: Name
    number: PositiveInt
    digest: Digest
    again: Digest | None
    code: str
    seconds: tuple[NonNegativeFloat, NonNegativeFloat | None]
    differences: tuple[Deviation, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the very same bytes came out."""
        return self.again == self.digest

    @property
    def same(self) -> bool:
        """Whether the same model came out: all its bytes, but for the answers that other processors round otherwise."""
        effects = [one for one in self.differences if one.what.startswith(("metric ", "file "))]
        return self.exact or (self.again is not None and all(one.what.startswith(f"file '{GOLDEN}") for one in effects))


class Made(NamedTuple):
    """One training and what it left.

    Attributes:
        run: its result.
        curves: the points of each metric, by step.
        files: path in the model's folder to digest.
    """

    run: TrainingRun
    curves: Mapping[str, Sequence[MetricPoint]]
    files: Mapping[str, str]


def differences(then: Made, now: Made) -> tuple[Deviation, ...]:
    """What is not the same in two trainings: what went in first, then the curves, then the files that came out."""
    return (*_inputs(then.run, now.run), *_curves(then.curves, now.curves), *_files(then.files, now.files))


def _inputs(then: TrainingRun, now: TrainingRun) -> Iterator[Deviation]:
    old, new = then.environment, now.environment
    data = then.model.trained_on.digest, now.model.trained_on.digest
    yield from _differing("source of the train function", old.source, new.source)
    yield from _differing("data", *data)
    yield from _each("parameter", then.params, now.params)
    yield from _differing("seed", then.seed, now.seed)
    yield from _differing("Python", old.python, new.python)
    both = old.packages.keys() & new.packages.keys()  # which ones are imported depends on what else the process did
    yield from _each("package", _only(old.packages, both), _only(new.packages, both))
    yield from _differing("platform", old.platform, new.platform)


def _curves(then: Mapping[str, Sequence[MetricPoint]], now: Mapping[str, Sequence[MetricPoint]]) -> Iterator[Deviation]:
    """Of each metric the first step that has another value."""
    for name in sorted({*then, *now}):
        old, new = _values(then.get(name, ())), _values(now.get(name, ()))
        for step in sorted({*old, *new}):
            if old.get(step) != new.get(step):
                yield Deviation(what=f"metric {name!r} at step {step}", then=old.get(step), now=new.get(step))
                break


def _values(points: Sequence[MetricPoint]) -> dict[int, str]:
    return {point.step: "no number" if point.value is None else repr(point.value) for point in points}


def _files(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Deviation]:
    """The model's own files first."""
    for path in sorted({*then, *now}, key=lambda path: (path.startswith(GOLDEN), path)):
        yield from _differing(f"file {path!r} of the model", then.get(path), now.get(path))


def _each(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Deviation]:
    for name in sorted({*then, *now}):
        yield from _differing(f"{what} {name!r}", then.get(name), now.get(name))


def _only(packages: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: packages[name] for name in names}


def _differing(what: str, then: Any, now: Any) -> Iterator[Deviation]:
    if then != now:
        yield Deviation(what=what, then=_word(then), now=_word(now))


def _word(value: Any) -> str | None:
    return None if value is None else str(value)
