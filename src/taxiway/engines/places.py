"""Where the values of each column are counted: chosen once, from a sample of the data a model learned from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from taxiway.core.profiles import BUCKETS, FEWEST, Bins, ColumnProfile, Levels, Moments, Role, kind_of
from taxiway.engines.columns import unused
from taxiway.engines.hashing import mixed

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CUTS = (0.01, *(n / 20 for n in range(1, 20)), 0.99)
"""At which shares of the values a column of numbers is cut, besides at its ends."""
SURE_CUTS = tuple(n / 100 for n in range(1, 100))
"""At which shares scores are cut where it is counted how sure a classifier was."""
NAMED = 250
"""At most so many levels of a column have a count of their own."""
LONGEST = 80
"""A level with more characters has none."""
_FEW = 20
_SAMPLE_CELLS = 8_000_000
_SAMPLE_ROWS = 20_000, 200_000
_DIGITS, _LARGEST = 3, 1.79e308
_SIGMAS = 5


def sample(data: pl.LazyFrame, rows: int, columns: int) -> pl.DataFrame:
    """Some 200,000 rows of a table, fewer if it is very wide, all if it has no more; always the same ones."""
    least, most = _SAMPLE_ROWS
    wanted = max(least, min(most, _SAMPLE_CELLS // max(columns, 1)))
    return some(data, rows, wanted)


def some(data: pl.LazyFrame, rows: int, wanted: int) -> pl.DataFrame:
    """About so many of the rows of a table, all if it has no more; always the same ones."""
    import polars as pl

    if rows <= wanted:
        return data.collect(engine="streaming")
    position = unused("position", data.collect_schema())
    chosen = mixed(pl.col(position), seed=0) < pl.lit(int(wanted / rows * 2**64), dtype=pl.UInt64)
    return data.with_row_index(position).filter(chosen).drop(position).collect(engine="streaming")


def places(values: pl.Series, role: Role, *, rows: int, masked: bool) -> ColumnProfile:
    """The places of a column, with nothing counted; `rows` is how many rows the whole table has.

    A column of numbers is cut where its values are, an equal share between two cuts, or at each value if there are few
    of them, and at both ends; of text and truth values the frequent ones get a count of their own. A masked column,
    whose values are personal, is cut at rounded numbers and not at its ends, and no level of it is named.
    """
    column = ColumnProfile(name=values.name, role=role)
    kind = kind_of(str(values.dtype))
    if kind == "number":
        known = finite(values)
        moments = Moments(centre=_round(_middle(known)) if len(known) else 0.0)
        edges = cuts(known, CUTS, masked=masked)
        return column.model_copy(update={"moments": moments, "bins": Bins(edges=edges, counts=(0,) * (len(edges) + 1))})
    if kind in ("text", "truth"):
        return column.model_copy(update=_levels(values, rows, masked=masked))
    return column


def cuts(known: Floats, shares: tuple[float, ...], *, masked: bool = False, ends: bool = True) -> tuple[float, ...]:
    """Where a column of these values is cut, ascending; none when there are no values.

    Args:
        known: the values, all of them finite.
        shares: at which shares of them.
        masked: no cut may give a value away.
        ends: cut below the smallest and above the largest value, too.
    """
    import numpy as np

    if not len(known):
        return ()
    values = np.unique(known)
    if len(values) > _FEW or masked:
        least = FEWEST / len(known)
        wanted = [share for share in _thin(shares, least) if least <= share <= 1 - least] or [0.5]
        values = np.unique(np.quantile(known, wanted, method="inverted_cdf"))
    if masked:
        return tuple(sorted({_round(float(value)) for value in values}))
    if ends:
        above = math.nextafter(float(known.max()), math.inf)
        values = np.unique([known.min(), *values, *([above] if math.isfinite(above) else [])])
    return tuple(float(value) for value in values)


def _thin(shares: tuple[float, ...], least: float) -> list[float]:
    """The shares of which two neighbours have at least so much between them."""
    kept: list[float] = []
    for share in shares:
        if not kept or share - kept[-1] >= least:
            kept.append(share)
    return kept


def finite(values: pl.Series) -> Floats:
    """The finite values of a column of numbers."""
    import numpy as np
    import polars as pl

    numbers: Floats = values.drop_nulls().cast(pl.Float64).to_numpy()
    return numbers[np.isfinite(numbers)]


def _middle(known: Floats) -> float:
    import numpy as np

    return float(np.quantile(known, 0.5, method="inverted_cdf"))


def _levels(values: pl.Series, rows: int, *, masked: bool) -> dict[str, Any]:
    found = as_text(values).drop_nulls().value_counts(sort=False)
    names, counts = found.columns
    ranked = sorted(
        zip(found[names].to_list(), found[counts].to_list(), strict=True), key=lambda one: (-one[1], one[0])
    )
    frequent = [(name, count) for name, count in ranked if count >= FEWEST]
    named = [] if masked else [name for name, _ in frequent[:NAMED] if len(name) <= LONGEST]
    cut = frequent[NAMED - 1][1] if len(frequent) > NAMED else FEWEST
    sure = math.ceil((cut + _SIGMAS * math.sqrt(cut)) * rows / max(1, len(values)))
    counted = Levels(counts=dict.fromkeys(sorted(named), 0), buckets=(0,) * BUCKETS, sure=sure)
    return {"levels": counted, "distinct": len(ranked)}


def as_text(values: pl.Series) -> pl.Series:
    """The levels of a column of text or truth values as text."""
    import polars as pl

    return values.cast(pl.String)


def _round(value: float) -> float:
    rounded = float(f"{value:.{_DIGITS}g}")
    return rounded if math.isfinite(rounded) else math.copysign(_LARGEST, value)
