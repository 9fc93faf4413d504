"""The metrics of a ranking, for many weightings at once: sorted once, then cumulative sums per weighting."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ranking = Callable[[NDArray[Any]], Floats]

_SAFE_ROWS = 100_000_000
"""With at most so many rows, sums of resampling counts fit into 32 bits."""


def roc_auc(positive: "NDArray[np.bool_]", score: "Floats") -> "Ranking":
    """The probability that a positive row is scored above a negative one, ties counting half; NaN without both."""
    import numpy as np

    ups, downs = _ascending(positive, score), _ascending(~positive, score)
    below = np.searchsorted(score[downs], score[ups], side="left")
    to_here = np.searchsorted(score[downs], score[ups], side="right")
    tied = not np.array_equal(below, to_here)

    def area(weights: "NDArray[Any]") -> "Floats":
        w, beaten = weights.take(ups, axis=1), _cumulative(weights, downs)
        wins = _dot(w, beaten.take(below, axis=1))
        if tied:
            wins = (wins + _dot(w, beaten.take(to_here, axis=1))) / 2
        return _quotient(wins, w.sum(axis=1, dtype=np.float64) * beaten[:, -1])

    return area


def average_precision(positive: "NDArray[np.bool_]", score: "Floats") -> "Ranking":
    """The mean precision at the positive rows, each threshold taking all of its ties; NaN without a positive row."""
    import numpy as np

    ups, downs = _ascending(positive, score)[::-1], _ascending(~positive, score)[::-1]
    found = np.searchsorted(-score[ups], -score[ups], side="right")
    wrong = np.searchsorted(-score[downs], -score[ups], side="right")

    def precision(weights: "NDArray[Any]") -> "Floats":
        w, hits = weights.take(ups, axis=1), _cumulative(weights, ups)
        right = hits.take(found, axis=1).astype(np.float64)
        said = right + _cumulative(weights, downs).take(wrong, axis=1)
        share = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
        return _quotient(_dot(w, share), hits[:, -1].astype(np.float64))

    return precision


def _ascending(chosen: "NDArray[np.bool_]", score: "Floats") -> "NDArray[np.int64]":
    import numpy as np

    rows = np.flatnonzero(chosen)
    return rows[np.argsort(score[rows], kind="stable")]


def _cumulative(weights: "NDArray[Any]", order: "NDArray[np.int64]") -> "NDArray[Any]":
    """Sums of the first 0, 1, 2, … weights in an order; shape (weightings, rows + 1)."""
    import numpy as np

    counts = weights.dtype == np.uint8 and weights.shape[1] <= _SAFE_ROWS
    sums = np.zeros((len(weights), len(order) + 1), dtype=np.int32 if counts else np.float64)
    np.cumsum(weights.take(order, axis=1), axis=1, dtype=sums.dtype, out=sums[:, 1:])
    return sums


def _quotient(above: "Floats", below: "Floats") -> "Floats":
    import numpy as np

    quotient: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return quotient


def _dot(left: "NDArray[Any]", right: "NDArray[Any]") -> "Floats":
    """One dot product per line; not by BLAS, whose threads would wait for each other more than they work."""
    import numpy as np

    dots: Floats = np.einsum("bi,bi->b", left.astype(np.float64, copy=False), right.astype(np.float64, copy=False))
    return dots
