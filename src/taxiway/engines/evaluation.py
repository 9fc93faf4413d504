"""Measures of one model, or of two on the same rows, with the intervals of a paired bootstrap."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError
from taxiway.core.evaluation import QUANTILES, Difference, Measure, Slice
from taxiway.core.metrics import metric
from taxiway.core.specs.evaluation import Evaluation
from taxiway.engines.bootstrap import distributions, quantiles
from taxiway.engines.custom import Custom, custom
from taxiway.engines.metrics import Answers, Statistic, Truth, statistic

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_INTERVAL = (0.025, 0.975)
_MOST_LEVELS = 200
_UNDEFINED = "undefined on these rows"


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Everything measured on one set of rows; `champion` and `differences` are empty without a champion."""

    candidate: tuple[Measure, ...]
    champion: tuple[Measure, ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """One metric of one model: its value, or why there is none, and its values on the resamples."""

    name: str
    value: float | None
    note: str
    draws: "NDArray[np.float64]"

    def measure(self, rows: int, resamples: int) -> Measure:
        low, high = quantiles(self.draws, _INTERVAL) or (None, None)
        fewer = 0 < len(self.draws) < resamples
        note = f"the interval is from {len(self.draws)} resamples" if fewer else self.note
        return Measure(metric=self.name, value=self.value, low=low, high=high, rows=rows, note=note)


def measure(
    truth: Truth, answers: Sequence[Answers], metrics: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> Measured:
    """Each metric of the candidate and, if there is a second answer, of the champion, on the same resamples.

    The same arguments give the same numbers. What cannot be measured has no value, and its note says why. Without
    resamples, or with a single row, there are no intervals.
    """
    candidate, *rest = _found(truth, answers, metrics, resamples if truth.rows > 1 else 0, seed)
    measures = tuple(one.measure(truth.rows, resamples) for one in candidate)
    if not rest:
        return Measured(measures)
    champion = rest[0]
    return Measured(
        measures,
        tuple(one.measure(truth.rows, resamples) for one in champion),
        tuple(_difference(ours, theirs) for ours, theirs in zip(candidate, champion, strict=True)),
    )


def slices(truth: Truth, answers: Sequence[Answers], column: "pl.Series", asked: Evaluation) -> Iterator[Slice]:
    """The same measures, without intervals, for each level of a column that has enough rows; the largest level first.

    Raises:
        SpecError: the column has too many levels of that size.
    """
    import numpy as np

    codes = column.rank("dense").fill_null(0).to_numpy()
    levels, counts = np.unique(codes, return_counts=True)
    large = [(level, count) for level, count in zip(levels, counts, strict=True) if count >= asked.min_slice_rows]
    if len(large) > _MOST_LEVELS:
        raise SpecError(
            "a slice column has too many levels",
            where=f"Evaluation.slices {column.name!r}",
            expected=f"at most {_MOST_LEVELS} levels of {asked.min_slice_rows} rows or more",
            got=len(large),
            do="Group its values in the dataset, or raise min_slice_rows.",
        )
    for level, count in sorted(large, key=lambda one: (-one[1], one[0])):
        rows = np.flatnonzero(codes == level)
        measured = measure(truth.take(rows), [answer.take(rows) for answer in answers], asked.metrics, resamples=0)
        yield Slice(
            column=column.name,
            level=str(column[int(rows[0])]) if column[int(rows[0])] is not None else "(missing)",
            rows=int(count),
            measures=measured.candidate,
            champion=measured.champion,
        )


def _found(
    truth: Truth, answers: Sequence[Answers], metrics: Sequence[str], resamples: int, seed: int
) -> list[list[_Found]]:
    import numpy as np

    asked_of = [[_ready(name, truth, answer) for name in metrics] for answer in answers]
    together = [one for row in asked_of for one in row if isinstance(one, Statistic)]
    drawn = distributions(together, truth.rows, resamples, seed)
    draws = {id(one): draw for one, draw in zip(together, drawn, strict=True)}
    nothing = np.empty(0)

    def find(name: str, one: Statistic | Custom | str) -> _Found:
        if isinstance(one, str):
            return _Found(name, None, one, nothing)
        if isinstance(one, Custom):
            value, note, draw = one.value(), "", one.draws(resamples, seed)
        else:
            value, note, draw = float(one.of(np.ones((1, truth.rows)))[0]), one.note, draws[id(one)]
        return _Found(name, value, note, draw) if math.isfinite(value) else _Found(name, None, _UNDEFINED, nothing)

    return [[find(name, one) for name, one in zip(metrics, row, strict=True)] for row in asked_of]


def _ready(name: str, truth: Truth, answer: Answers) -> Statistic | Custom | str:
    if truth.rows == 0:
        return "no rows"
    return statistic(name, truth, answer) if metric(name).sklearn else custom(name, truth, answer)


def _difference(ours: _Found, theirs: _Found) -> Difference:
    if ours.value is None or theirs.value is None:
        return Difference(metric=ours.name, value=None)
    both = min(len(ours.draws), len(theirs.draws))
    spread = quantiles(ours.draws[:both] - theirs.draws[:both], QUANTILES)
    return Difference(metric=ours.name, value=ours.value - theirs.value, quantiles=spread)
