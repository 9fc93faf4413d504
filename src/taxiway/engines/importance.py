"""Importance: how much a model's answers depend on each input, without knowing the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from taxiway.engines.flavours.base import Prediction

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

ROWS = 2_000
_LEAST, _CELLS = 100, 200_000


def importance(
    predict: Callable[[pl.DataFrame], Prediction], rows: pl.DataFrame, columns: Sequence[str], *, seed: int = 0
) -> dict[str, float]:
    """How far the answers move when one column is shuffled among the rows, as shares of 1; empty when none moves any.

    Args:
        predict: asks the model.
        rows: a sample; some 2,000 are enough.
        columns: which inputs.
        seed: of the shuffling.
    """
    rows = rows.head(max(_LEAST, _CELLS // max(1, len(columns))))
    before = predict(rows)
    moved = {}
    for name in columns:
        shuffled = rows.with_columns(rows[name].shuffle(seed=seed))
        moved[name] = _apart(before, predict(shuffled))
    total = sum(moved.values())
    return {name: distance / total for name, distance in moved.items()} if total > 0 else {}


def _apart(a: Prediction, b: Prediction) -> float:
    """The mean distance between two sets of answers to the same rows; what is not finite counts nothing."""
    import numpy as np

    if a.scores is not None and b.scores is not None:
        return _mean(np.abs(a.scores - b.scores))
    if a.values.dtype.kind in "biuf" and not a.classes:
        return _mean(np.abs(a.values.astype(np.float64) - b.values.astype(np.float64)))
    return _mean((a.values != b.values).astype(np.float64))


def _mean(distances: NDArray[np.float64]) -> float:
    import numpy as np

    known = distances[np.isfinite(distances)]
    return float(known.mean()) if len(known) else 0.0
