"""Two samples: may these two rows of counts come from one distribution, and how far apart are they beyond chance?

The distance is `sqrt(max(0, X - df) / n)`, with `X` the chi-square of the counts, `df` what chance alone contributes
to it, and `n` the harmonic size of the two samples. Two normal columns whose means lie `d` standard deviations apart
have a distance of about `d`, at any number of rows; equal ones have about 0, where a plain distance grows as rows get
fewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

LEAST = 5.0
"""A cell needs so many rows in either sample, as far as can be expected."""
MOST_CELLS = 20
_COMPONENTS = 3


class Answer(NamedTuple):
    """How often chance alone does this, 0 to 1, and the distance beyond chance."""

    p: float
    effect: float


def in_order(before: Sequence[int], now: Sequence[int]) -> Answer:
    """Whether the values of a column of numbers lie elsewhere; the counts are of bins in ascending order.

    Two tests at half the level each. One compares the shares of some 20 cells and finds values that heap up anywhere.
    The other compares where the ranks lie: in the middle (Wilcoxon's test), spread (Mood's) and lopsided, the first
    components of Neyman's smooth test; it finds shifts that no single cell shows.
    """
    import numpy as np

    counts = np.array([before, now], dtype=np.int64)
    shares, ranks = _chi_square(_joined(counts)), _smooth(counts)
    return Answer(min(1.0, 2 * min(shares.p, ranks.p)), max(shares.effect, ranks.effect))


def without_order(before: Sequence[int], now: Sequence[int]) -> Answer:
    """Whether the shares of some cells differ; cells with few rows together are joined."""
    import numpy as np

    counts = np.array([before, now], dtype=np.int64)
    return _chi_square(_rare_together(counts))


def share(before: tuple[int, int], now: tuple[int, int]) -> Answer:
    """Whether a share differs, each given as (how many, of how many); exact where there are few."""
    import numpy as np
    from scipy import stats

    counts = np.array([[some, of - some] for some, of in (before, now)], dtype=np.int64)
    if not counts.sum(axis=0).all() or not counts.sum(axis=1).all():
        return Answer(1.0, 0.0)
    found = _chi_square(counts)
    if _expected(counts).min() >= LEAST:
        return found
    return Answer(float(stats.fisher_exact(counts).pvalue), found.effect)


def rise(before: tuple[int, int], now: tuple[int, int]) -> Answer:
    """Whether a share has risen: the one-sided exact test, conditional on the total."""
    from scipy import stats

    (some, of), (more, out_of) = before, now
    p = float(stats.hypergeom.sf(more - 1, of + out_of, some + more, out_of)) if out_of and of else 1.0
    return Answer(min(1.0, p), share(before, now).effect)


def adjusted(chances: Sequence[float]) -> list[float]:
    """The same chances, considering how many questions were asked (Benjamini and Hochberg)."""
    from scipy import stats

    return [float(p) for p in stats.false_discovery_control(chances)] if chances else []


def _chi_square(counts: Ints) -> Answer:
    from scipy import stats

    counts = counts[:, counts.sum(axis=0) > 0]
    rows = counts.sum(axis=1)
    if counts.shape[1] <= 1 or not rows.all():
        return Answer(1.0, 0.0)
    found = stats.chi2_contingency(counts, correction=False)
    return Answer(float(found.pvalue), _effect(float(found.statistic), float(found.dof), rows))


def _smooth(counts: Ints) -> Answer:
    """The first components of the difference between the samples, along polynomials of the pooled ranks."""
    import numpy as np
    from scipy import stats

    counts = counts[:, counts.sum(axis=0) > 0]
    rows = counts.sum(axis=1)
    order = min(_COMPONENTS, counts.shape[1] - 1)
    if order < 1 or not rows.all():
        return Answer(1.0, 0.0)
    pooled = counts.sum(axis=0) / rows.sum()
    ranks = np.cumsum(pooled) - pooled / 2
    weights = np.sqrt(pooled)
    polynomials, _ = np.linalg.qr(np.vander(2 * ranks - 1, order + 1, increasing=True) * weights[:, None])
    apart = ((counts[0] / rows[0] - counts[1] / rows[1]) / weights) @ polynomials[:, 1:]
    statistic = float((apart**2).sum()) * _harmonic(rows)
    return Answer(float(stats.chi2.sf(statistic, order)), _effect(statistic, order, rows))


def _effect(statistic: float, chance: float, rows: Ints) -> float:
    return math.sqrt(max(0.0, statistic - chance) / _harmonic(rows))


def _harmonic(rows: Ints) -> float:
    return float(rows[0]) * float(rows[1]) / float(rows.sum())


def _expected(counts: Ints) -> Floats:
    """How many rows each cell would have if the shares were the same."""
    import numpy as np

    expected: Floats = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return expected


def _joined(counts: Ints) -> Ints:
    """Neighbouring cells joined until each has rows enough, and there are at most 20; the sums alone decide."""
    import numpy as np

    together = counts.sum(axis=0)
    total = int(together.sum())
    if not total:
        return counts
    smaller = counts.sum(axis=1).min() / total
    wanted = max(total / MOST_CELLS * 0.75, LEAST / smaller if smaller else total)
    groups, open_rows, group = [], 0, 0
    for rows in together:
        groups.append(group)
        open_rows += int(rows)
        if open_rows >= wanted:
            group, open_rows = group + 1, 0
    last = group if open_rows >= wanted else max(0, group - 1)
    index = np.minimum(groups, last)
    return np.stack([np.bincount(index, weights=each, minlength=last + 1) for each in counts]).astype(np.int64)


def _rare_together(counts: Ints) -> Ints:
    """The cells that may have fewer rows than 5 in either sample as one cell; the sums alone decide."""
    import numpy as np

    if not counts.sum():
        return counts
    few = _expected(counts).min(axis=0) < LEAST
    return np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
