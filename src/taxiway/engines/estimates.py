"""Estimates: how well a model does on rows whose truth is not known yet, from its own answers to them.

Of a classifier: how often its answers were right where it was that sure, counted on the rows it was evaluated on, says
how often they are right now (confidence-based performance estimation). Of a regressor: how far it was off where it
answered so. Both see that the rows have become harder; neither can see that the same rows mean something else now.

The band around an estimate is three standard deviations wide to either side: of the truth, which is drawn, and of the
rates, which were counted on so many rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.evaluation import Measure
from taxiway.core.metrics import METRICS, Needs
from taxiway.core.performance import Baseline, Misses, values
from taxiway.core.profiles import Profile
from taxiway.engines.metrics import Answers, Truth, statistic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_EVALUATED, FEWEST_ANSWERED = 500, 100
_BAND = 3.0
_DRAWS = 200


class _Found(NamedTuple):
    """An estimate by the rates alone, the same for the rows of the evaluation, and the spread of the first."""

    now: float
    before: float
    spread: float


def estimate(baseline: Baseline, window: Profile, metrics: Sequence[str], *, seed: int = 0) -> tuple[Measure, ...]:
    """Each metric as it would be measured on the window if the truth were known; without a value where it cannot be.

    Args:
        baseline: how the model did on the rows it was evaluated on.
        window: the profile of the model's answers, counted at the baseline's places.
        metrics: which.
        seed: of the draws for the band.
    """
    rows = _rows(baseline, window)
    if note := _why_not(baseline, rows):
        return tuple(Measure(metric=name, value=None, rows=rows, note=note) for name in metrics)
    measured = values(baseline.measures)
    return tuple(_measure(name, _found(name, baseline, window, seed), measured.get(name), rows) for name in metrics)


def _rows(baseline: Baseline, window: Profile) -> int:
    if baseline.hits:
        return sum(sum(one.counts) for one in window.confidence)
    column = window.column("prediction", "prediction")
    return sum(column.bins.counts) if column and column.bins else 0


def _why_not(baseline: Baseline, rows: int) -> str:
    if not baseline.hits and baseline.misses is None:
        return "the model gives no probabilities"
    if baseline.rows < FEWEST_EVALUATED:
        return f"it was evaluated on {baseline.rows} rows, it takes {FEWEST_EVALUATED}"
    return "" if rows >= FEWEST_ANSWERED else f"there are {rows} answers, it takes {FEWEST_ANSWERED}"


def _measure(name: str, found: _Found | str, measured: float | None, rows: int) -> Measure:
    if isinstance(found, str):
        return Measure(metric=name, value=None, rows=rows, note=found)
    if measured is None or not all(map(math.isfinite, found)):
        return Measure(metric=name, value=None, rows=rows, note="it is not defined for these answers")
    value, width = measured + found.now - found.before, _BAND * found.spread
    return Measure(metric=name, value=value, low=value - width, high=value + width, rows=rows)


def _found(name: str, baseline: Baseline, window: Profile, seed: int) -> _Found | str:
    known = METRICS.get(name)
    if known is None:
        return "a metric of your own cannot be estimated"
    if baseline.misses is not None:
        return _of_numbers(name, baseline.misses, window) if known.needs is Needs.VALUE else "the model gives numbers"
    if known.needs is Needs.VALUE:
        return "the model gives classes"
    if baseline.positive is not None:
        return _Binary(baseline, window).found(name, seed)
    return _share_right(baseline, window) if name == "accuracy" else "of several classes only accuracy can be estimated"


class _Binary:
    """The answers as a few rows: a label, a bin of scores and either truth; each weighs as much as there are of it."""

    def __init__(self, baseline: Baseline, window: Profile) -> None:
        import numpy as np

        before = {one.label: np.array(one.rows) for one in baseline.hits}
        now = {one.label: np.array(one.counts) for one in window.confidence}
        labels = sorted({*before, *now})
        nothing = np.zeros(len(baseline.answers.edges) + 1, dtype=np.int64)
        self.before = np.concatenate([before.get(label, nothing) for label in labels])
        self.now = np.concatenate([now.get(label, nothing) for label in labels])
        rows, hits = (np.sum([getattr(one, what) for one in baseline.hits], axis=0) for what in ("rows", "hits"))
        self.rows, self.rates = rows, _rising(hits, rows)
        self.times = len(labels)
        scores = np.sum([one.scores for one in baseline.hits], axis=0) / np.maximum(rows, 1)
        self.scores = np.tile(_filled(scores, rows > 0), self.times)
        self.flipped = baseline.scored != baseline.positive
        self.codes = np.repeat([int(label == baseline.positive) for label in labels], len(nothing)).astype(np.int32)

    def found(self, name: str, seed: int) -> _Found | str:
        """One metric."""
        import numpy as np

        pairs = np.concatenate([self.codes, self.codes])
        scores = np.concatenate([self.scores, self.scores])
        scores = 1.0 - scores if self.flipped else scores
        truth = np.repeat(np.array([0, 1] if self.flipped else [1, 0], dtype=np.int32), len(self.codes))
        asked = statistic(
            name,
            Truth(None, truth, (0, 1)),
            Answers(None, pairs, np.column_stack([1.0 - scores, scores])),
        )
        if isinstance(asked, str):
            return asked
        rates = np.tile(self.rates, self.times)
        lines = [self._weights(count, (count * rates)[None, :]) for count in (self.now, self.before)]
        now, before = (float(asked.of(line)[0]) for line in lines)
        return _Found(now, before, float(np.std(asked.of(self._weights(self.now, self._drawn(seed))))))

    def _weights(self, count: NDArray[np.int64], positive: Floats) -> Floats:
        import numpy as np

        return np.column_stack([positive, count[None, :] - positive])

    def _drawn(self, seed: int) -> Floats:
        """How many of the answers are of the positive class, in many draws of the rates and of the truth."""
        import numpy as np

        random = np.random.default_rng(seed)
        hits = self.rates * self.rows
        rates = random.beta(hits + 0.5, self.rows - hits + 0.5, size=(_DRAWS, len(self.rows)))
        drawn: Floats = random.binomial(self.now, np.tile(rates, (1, self.times))).astype(np.float64)
        return drawn


def _share_right(baseline: Baseline, window: Profile) -> _Found:
    """The accuracy among several classes: how often answers of a label were right where the model was that sure."""
    import numpy as np

    rows, hits = (np.sum([getattr(one, what) for one in baseline.hits], axis=0) for what in ("rows", "hits"))
    now = np.sum([one.counts for one in window.confidence], axis=0)
    rates = _rising(hits, rows)
    shares = [count / count.sum() for count in (now, rows)]
    spread = (rates * (1 - rates) * (shares[0] / now.sum() + shares[0] ** 2 / np.maximum(rows, 1))).sum()
    return _Found(float(shares[0] @ rates), float(shares[1] @ rates), math.sqrt(spread))


def _of_numbers(name: str, misses: Misses, window: Profile) -> _Found | str:
    """A mean of errors: in each bin of answers it is what it was."""
    import numpy as np

    kind = METRICS[name].sklearn
    sign = -1.0 if name.startswith("neg_") else 1.0
    column = window.column("prediction", "prediction")
    if kind not in ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error") or not column:
        return "of numbers only means of errors can be estimated"
    rows, squares = np.array(misses.rows, dtype=np.float64), np.array(misses.squares)
    means = _filled((np.array(misses.absolute) if "absolute" in kind else squares) / np.maximum(rows, 1), rows > 0)
    varied = np.maximum(0.0, _filled(squares / np.maximum(rows, 1), rows > 0) - means**2)
    spreads = varied if "absolute" in kind else 2 * means**2
    now = np.array(column.bins.counts if column.bins else (), dtype=np.float64)
    shares = [count / count.sum() for count in (now, rows)]
    found = [float(share @ means) for share in shares]
    variance = float((spreads * (shares[0] / now.sum() + shares[0] ** 2 / np.maximum(rows, 1))).sum())
    if kind == "root_mean_squared_error":
        roots = [math.sqrt(mean) for mean in found]
        return _Found(sign * roots[0], sign * roots[1], math.sqrt(variance) / (2 * max(roots[0], 1e-300)))
    return _Found(sign * found[0], sign * found[1], math.sqrt(variance))


def _rising(hits: NDArray[np.int64], rows: NDArray[np.int64]) -> Floats:
    """The rate in each bin, made to rise with the score: that is what a score means, and it evens chance out."""
    import numpy as np
    from scipy.optimize import isotonic_regression

    rates: Floats = isotonic_regression((hits + 0.5) / (rows + 1.0), weights=rows + 1e-6).x
    return np.clip(rates, 0.0, 1.0)


def _filled(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """The values, with those that are not known taken from their neighbours that are."""
    import numpy as np

    places = np.arange(len(values))
    filled: Floats = np.interp(places, places[known], values[known]) if known.any() else values
    return filled
