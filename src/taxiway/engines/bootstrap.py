"""The paired bootstrap: many resamples of the same rows, each a line of counts that every statistic is given alike.

A resample draws each row Poisson(1) times, independently. For more than a few dozen rows that is the classical
resampling with replacement but for its total, which every metric divides by; and it needs no shuffling.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from taxiway.engines.metrics import Statistic, Sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BLOCK_CELLS = 800_000
"""Counts held at a time; 8 bytes each while they are multiplied."""
_LEVELS = 65_536
_UNKNOWN = 0.05
"""With a larger share of undefined resamples there is no interval."""


def resamples(rows: int, number: int, seed: int) -> "Iterator[NDArray[np.uint8]]":
    """`number` resamples of `rows` rows, in blocks of shape (some, rows); the same ones for the same arguments."""
    import numpy as np

    random, table = np.random.default_rng(seed), _poisson()
    block = max(1, _BLOCK_CELLS // max(rows, 1))
    for start in range(0, number, block):
        size = min(block, number - start)
        uniform = np.frombuffer(random.bytes(2 * size * rows), dtype="<u2")
        yield table.take(uniform).reshape(size, rows)


def distributions(statistics: Sequence[Statistic], rows: int, number: int, seed: int) -> "Floats":
    """Each statistic on the same resamples; shape (statistics, resamples)."""
    import numpy as np

    if not statistics:
        return np.empty((0, number))
    sums = [s for s in statistics if isinstance(s, Sums)]
    columns = np.column_stack([s.columns for s in sums]) if sums else None
    done: list[Floats] = [_apply(statistics, sums, columns, block) for block in resamples(rows, number, seed)]
    return np.concatenate(done, axis=1) if done else np.empty((len(statistics), 0))


def _apply(
    statistics: Sequence[Statistic], sums: Sequence[Sums], columns: "Floats | None", weights: "NDArray[np.uint8]"
) -> "Floats":
    import numpy as np

    results: dict[int, Any] = {}
    if columns is not None:
        totals = weights.astype(np.float64) @ columns
        ends = np.cumsum([s.columns.shape[1] for s in sums])
        parts = np.split(totals, ends[:-1], axis=1)
        results = {id(s): s.finish(part) for s, part in zip(sums, parts, strict=True)}
    return np.array([results[id(s)] if id(s) in results else s.of(weights) for s in statistics])


def quantiles(draws: "Floats", at: Sequence[float]) -> tuple[float, ...]:
    """A distribution at some points; none at all when too many of its draws are undefined."""
    import numpy as np

    known = draws[np.isfinite(draws)]
    if not len(known) or len(known) < (1 - _UNKNOWN) * len(draws):
        return ()
    return tuple(float(value) for value in np.quantile(known, at))


def _poisson() -> "NDArray[np.uint8]":
    """Of each of 65,536 equally likely numbers, the count it stands for: Poisson(1) to five digits."""
    import numpy as np

    shares = np.cumprod([1.0, *(1.0 / k for k in range(1, 12))]) * np.exp(-1.0)
    return np.searchsorted(np.cumsum(shares), (np.arange(_LEVELS) + 0.5) / _LEVELS).astype(np.uint8)
