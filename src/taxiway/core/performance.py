"""Performance in production: what was measured once the truth arrived, and what was estimated before."""

from collections.abc import Iterable, Mapping

from pydantic import NonNegativeFloat, NonNegativeInt

from taxiway.core.anomalies import Anomaly
from taxiway.core.evaluation import Measure, Slice
from taxiway.core.metrics import metric
from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import Profile
from taxiway.core.records import Record
from taxiway.core.windows import Window


class Hits(Record):
    """How often a classifier was right where it was so sure: per bin of its scores, for the answers of one label.

    Attributes:
        label: the label it gave.
        rows: how many answers.
        hits: of two classes, how many were of the one scored; of more, how many answers were right.
        scores: the sum of the scores.
    """

    label: str
    rows: tuple[NonNegativeInt, ...]
    hits: tuple[NonNegativeInt, ...]
    scores: tuple[NonNegativeFloat, ...]


class Misses(Record):
    """How far a regressor was off where it answered so: per bin of its answers.

    Attributes:
        rows: how many answers.
        absolute: the sum of the absolute errors.
        squares: the sum of their squares.
    """

    rows: tuple[NonNegativeInt, ...]
    absolute: tuple[NonNegativeFloat, ...]
    squares: tuple[NonNegativeFloat, ...]


class Baseline(Record):
    """How well a model did on rows it had never seen, and what its answers to them looked like.

    Attributes:
        rows: how many rows.
        measures: the metrics.
        answers: the profile of the predictions and scores, and of how sure it was.
        hits: of a classifier.
        misses: of a regressor.
        positive: the positive label of two.
        scored: the label of two whose probability the score is; none for more classes, and for a regressor.
        importance: how much its answers depend on each input, shares of 1.
    """

    rows: NonNegativeInt
    measures: tuple[Measure, ...]
    answers: Profile
    hits: tuple[Hits, ...] = ()
    misses: Misses | None = None
    positive: str | None = None
    scored: str | None = None
    importance: dict[str, float] = {}


class PerformanceReport(Record):
    """How well the live model did in a window, by the labels that arrived.

    Attributes:
        window: which one.
        number: the version that answered.
        live_since: when it went live, ISO 8601; empty when nobody knows.
        rows: how many predictions there are.
        labelled: how many of them have exactly one truth.
        coverage: `labelled` divided by `rows`, 0 to 1.
        delay_s: how many seconds after the end of the window half of the labels were known; none when nobody says.
        repeated: labels that arrived again, and said the same.
        contradictory: predictions whose labels contradict each other; they count as not labelled.
        outcome: PASS when it was measured, INCONCLUSIVE when too few labels arrived; `note` says how few.
        measures: what was measured.
        estimates: what had been estimated for the same rows.
        expected: how well it did on the rows it was evaluated on.
        slices: the metrics of each level of the slice columns.
        trends: what is remarkable about the metrics, since earlier windows.
        note: why there is no answer.
    """

    window: Window
    number: int | None
    live_since: str = ""
    rows: NonNegativeInt
    labelled: NonNegativeInt
    coverage: float
    delay_s: float | None = None
    repeated: NonNegativeInt = 0
    contradictory: NonNegativeInt = 0
    outcome: Outcome = Outcome.INCONCLUSIVE
    measures: tuple[Measure, ...] = ()
    estimates: tuple[Measure, ...] = ()
    expected: tuple[Measure, ...] = ()
    slices: tuple[Slice, ...] = ()
    trends: tuple[Anomaly, ...] = ()
    note: str = ""


class Track(Record):
    """How good the estimates of one metric turned out.

    Attributes:
        metric: which one.
        windows: in how many windows both were known.
        inside: in how many of them the measured value lay within the estimate's band.
        error: the mean absolute difference.
        bias: the mean difference, measured minus estimated.
    """

    metric: str
    windows: NonNegativeInt
    inside: NonNegativeInt
    error: float
    bias: float


def track_record(reports: Iterable[PerformanceReport]) -> tuple[Track, ...]:
    """How good the estimates turned out, per metric."""
    pairs: dict[str, list[tuple[Measure, float]]] = {}
    for report in reports:
        known = values(report.measures)
        for estimate in report.estimates:
            if estimate.value is not None and estimate.metric in known:
                pairs.setdefault(estimate.metric, []).append((estimate, known[estimate.metric]))
    return tuple(_track(name, pairs[name]) for name in sorted(pairs))


def _track(name: str, pairs: list[tuple[Measure, float]]) -> Track:
    gaps = [truth - (estimate.value or 0.0) for estimate, truth in pairs]
    return Track(
        metric=name,
        windows=len(pairs),
        inside=sum(_inside(estimate, truth) for estimate, truth in pairs),
        error=sum(map(abs, gaps)) / len(gaps),
        bias=sum(gaps) / len(gaps),
    )


def _inside(estimate: Measure, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def values(measures: Iterable[Measure]) -> dict[str, float]:
    """The measured values by metric; what was not measured is not there."""
    return {one.metric: one.value for one in measures if one.value is not None}


def drop(name: str, now: Measure | None, expected: Mapping[str, float]) -> tuple[float, float] | None:
    """How much worse a metric is than expected, and how much worse it is at the very least, its interval considered.

    None when either is not known.
    """
    before = expected.get(name)
    if now is None or now.value is None or before is None:
        return None
    if metric(name).higher_is_better:
        return before - now.value, before - (now.value if now.high is None else now.high)
    return now.value - before, (now.value if now.low is None else now.low) - before
