"""Evaluation: what was measured for the candidate and the champion on the same rows."""

from itertools import pairwise

from pydantic import NonNegativeInt

from taxiway.core.data import DatasetRef
from taxiway.core.names import Digest, Name
from taxiway.core.records import Record
from taxiway.core.training import ModelRef

QUANTILES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
"""The points at which the bootstrap distribution of a difference is kept."""


class Measure(Record):
    """One metric of one model.

    Attributes:
        metric: its name.
        value: what was measured, in the metric's own unit; none when it could not be, and `note` says why.
        low: lower end of the 95 % bootstrap interval.
        high: upper end.
        rows: how many rows it was measured on.
        note: why there is no value.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: NonNegativeInt = 0
    note: str = ""


class Difference(Record):
    """Candidate minus champion on the same resampled rows; `quantiles` is its distribution at `QUANTILES`."""

    metric: str
    value: float | None
    quantiles: tuple[float, ...] = ()


class Slice(Record):
    """One level of one column; `measures` are the candidate's, `champion` the champion's; they have no intervals."""

    column: str
    level: str
    rows: NonNegativeInt
    measures: tuple[Measure, ...]
    champion: tuple[Measure, ...] = ()


class Rival(Record):
    """The champion a candidate was measured against."""

    name: Name
    number: int
    model: ModelRef


class EvaluationReport(Record):
    """What was measured.

    Attributes:
        model: the candidate.
        champion: what it was measured against; none for the first model.
        evaluated_on: the snapshot the rows are from.
        holdout: how they were chosen from it, in words; empty when all of them were used.
        rows: how many rows were used.
        measures: the candidate's, one per metric.
        champion_measures: the champion's, on the same rows.
        differences: candidate minus champion, paired row by row.
        slices: both, per level of the slice columns.
        baseline: digest of the candidate's `Baseline` on these rows; none from an older taxiway.
    """

    version = 2

    model: ModelRef
    champion: Rival | None
    evaluated_on: DatasetRef
    holdout: str
    rows: NonNegativeInt
    measures: tuple[Measure, ...]
    champion_measures: tuple[Measure, ...] = ()
    differences: tuple[Difference, ...] = ()
    slices: tuple[Slice, ...] = ()
    baseline: Digest | None = None

    def measure(self, metric: str) -> Measure | None:
        """The candidate's measure of a metric, or None when it was not asked for."""
        return next((m for m in self.measures if m.metric == metric), None)

    def difference(self, metric: str) -> Difference | None:
        """Candidate minus champion, or None when there is no champion or the metric was not asked for."""
        return next((d for d in self.differences if d.metric == metric), None)


def quantile(difference: Difference, p: float) -> float | None:
    """The `p`-quantile of a difference, between kept points by straight lines; None outside them or without any.

    Raises:
        ValueError: `p` is not between 0 and 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(p)
    points = list(zip(QUANTILES, difference.quantiles, strict=False))
    if len(points) != len(QUANTILES) or not QUANTILES[0] <= p <= QUANTILES[-1]:
        return None
    (p0, x0), (p1, x1) = next(pair for pair in pairwise(points) if p <= pair[1][0])
    return x0 + (x1 - x0) * (p - p0) / (p1 - p0)
