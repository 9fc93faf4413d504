"""What two versions of a model have in common, and what they do not."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, PositiveInt

from taxiway.core.names import Name
from taxiway.core.records import Record
from taxiway.core.registry import ModelVersion
from taxiway.core.training import TrainingRun

Pair = tuple[JsonValue, JsonValue]


class Comparison(Record):
    """Version `a` beside version `b`; in every pair the first is of `a`, and None means that it has none.

    Attributes:
        model: the model's name.
        a: number of the one version.
        b: number of the other.
        metrics: every metric of either.
        params: the parameters that differ; none when a run history is missing.
        packages: the installed packages that differ; none when a run history is missing.
        data: the fields of the training data's snapshot that differ; empty when both saw the same rows.
        inputs: the input columns that only one of them reads, or that have another type.
    """

    model: Name
    a: PositiveInt
    b: PositiveInt
    metrics: dict[str, Pair]
    params: dict[str, Pair] | None
    packages: dict[str, Pair] | None
    data: dict[str, Pair]
    inputs: dict[str, Pair]


def compare(a: ModelVersion, b: ModelVersion, runs: tuple[TrainingRun | None, TrainingRun | None]) -> Comparison:
    """Two versions of one model, side by side; `runs` are what their run histories say."""
    run_a, run_b = runs
    return Comparison(
        model=a.model.name,
        a=a.number,
        b=b.number,
        metrics=_pairs(a.metrics, b.metrics, everything=True),
        params=_pairs(run_a.params, run_b.params) if run_a and run_b else None,
        packages=_pairs(run_a.environment.packages, run_b.environment.packages) if run_a and run_b else None,
        data=_pairs(a.model.trained_on.dump(), b.model.trained_on.dump()),
        inputs=_pairs(_columns(a), _columns(b)),
    )


def _columns(version: ModelVersion) -> dict[str, str]:
    return {column.name: column.dtype for column in version.model.inputs}


def _pairs(a: Mapping[str, Any], b: Mapping[str, Any], *, everything: bool = False) -> dict[str, Pair]:
    names = sorted({*a, *b})
    return {name: (a.get(name), b.get(name)) for name in names if everything or a.get(name) != b.get(name)}
