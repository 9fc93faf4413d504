"""Tallies: how the columns of a table are counted, at the places of their reference.

Numbers are counted by aggregations, levels batch by batch: so neither the rows nor the levels of a table decide how
much memory it takes.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from taxiway.core.profiles import FEWEST, Bins, ColumnProfile, Confidence, Levels, Moments, blank_column, kind_of
from taxiway.engines.places import LONGEST, as_text

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_SHOWN = 20
_REMEMBERED = 2000
_SUM_BITS = 36


class PresenceTally:
    """A column of which only rows and missing values are counted: it is new, a time, or of a type of its own.

    Attributes:
        source: the column of the table.
    """

    def __init__(self, column: ColumnProfile, source: str, dtype: str, prefix: str) -> None:
        self.source = source
        self._column, self._dtype, self._prefix = column, dtype, prefix

    def ask(self) -> list[pl.Expr]:
        """Aggregations, whose names begin with the prefix."""
        import polars as pl

        return [pl.col(self.source).null_count().alias(f"{self._prefix} missing")]

    def ask_again(self, answers: Mapping[str, Any]) -> list[pl.Expr]:  # noqa: ARG002
        """What the answers leave open: nothing."""
        return []

    def result(self, answers: Mapping[str, Any], rows: int) -> ColumnProfile:
        """The column; where the reference counts values, all of these are foreign to it."""
        missing = answers[f"{self._prefix} missing"]
        counted = self._column.bins is not None or self._column.levels is not None
        foreign = rows - missing if counted else 0
        update = {"dtypes": (self._dtype,), "rows": rows, "missing": missing, "foreign": foreign}
        return self._column.model_copy(update=update)


class NumberTally:
    """A column of numbers: how many lie below each cut, and their moments.

    Attributes:
        source: the column of the table.
    """

    def __init__(self, column: ColumnProfile, source: str, dtype: str, prefix: str, *, masked: bool) -> None:
        self.source = source
        self._column, self._dtype, self._prefix, self._masked = column, dtype, prefix, masked
        self._edges = column.bins.edges if column.bins else ()
        self._centre = column.moments.centre if column.moments else 0.0

    def ask(self) -> list[pl.Expr]:
        """The counts, and the moments as they are if every value is finite."""
        value = self._value()
        counts = [(value < edge).sum().alias(f"{self._prefix} {n}") for n, edge in enumerate(self._edges)]
        missing = value.null_count() + value.is_nan().sum()
        infinite = value.is_infinite().sum()
        return [
            missing.alias(f"{self._prefix} missing"),
            infinite.alias(f"{self._prefix} infinite"),
            *self._moments(value),
            *counts,
        ]

    def ask_again(self, answers: Mapping[str, Any]) -> list[pl.Expr]:
        """The moments of the finite values alone, where a NaN or an infinity spoilt them."""
        total = answers[f"{self._prefix} total"]
        if math.isfinite(total or 0.0) and not answers[f"{self._prefix} infinite"]:
            return []
        value = self._value()
        return self._moments(value.filter(value.is_finite()))

    def result(self, answers: Mapping[str, Any], rows: int) -> ColumnProfile:
        """The column."""

        def said(what: object) -> Any:
            return answers[f"{self._prefix} {what}"]

        missing, infinite = said("missing"), said("infinite")
        below = [0, *(said(n) for n in range(len(self._edges))), rows - missing]
        known = rows > missing + infinite
        total, squares = _steady(said("total"), said("squares"), rows) if known else (0.0, 0.0)
        moments = Moments(
            centre=self._centre,
            count=rows - missing - infinite,
            total=_finite(total),
            squares=_finite(squares),
            low=said("low") if known and not self._masked else None,
            high=said("high") if known and not self._masked else None,
        )
        bins = Bins(edges=self._edges, counts=tuple(above - under for under, above in pairwise(below)))
        found = {"rows": rows, "missing": missing, "infinite": infinite, "moments": moments, "bins": bins}
        return self._column.model_copy(update={"dtypes": (self._dtype,), **found})

    def _value(self) -> pl.Expr:
        import polars as pl

        return pl.col(self.source).cast(pl.Float64)

    def _moments(self, value: pl.Expr) -> list[pl.Expr]:
        away = value - self._centre
        asked = {"total": away.sum(), "squares": (away * away).sum(), "low": value.min(), "high": value.max()}
        return [question.alias(f"{self._prefix} {name}") for name, question in asked.items()]


class LevelTally:
    """A column of levels: how often each named one occurs, and each bucket of the others.

    Attributes:
        source: the column of the table.
    """

    def __init__(self, column: ColumnProfile, source: str, dtype: str, *, masked: bool) -> None:
        self.source = source
        self._column, self._dtype, self._masked = column, dtype, masked
        levels = column.levels or Levels(counts={}, buckets=(0,))
        self._named = dict.fromkeys(levels.counts, 0)
        self._buckets = [0] * len(levels.buckets)
        self._sure = levels.sure
        self._fresh: Counter[str] = Counter()
        self._rows = self._missing = 0

    def take(self, batch: pl.DataFrame) -> None:
        """Adds a batch."""
        found = as_text(batch[self.source]).value_counts(sort=False)
        level, count = found.columns
        self._rows += batch.height
        for name, times in zip(found[level].to_list(), found[count].to_list(), strict=True):
            if name is None:
                self._missing += times
            elif name in self._named:
                self._named[name] += times
            else:
                self._buckets[bucket(name, len(self._buckets))] += times
                self._fresh[name] += times
        if len(self._fresh) > 2 * _REMEMBERED:
            self._fresh = Counter(dict(self._fresh.most_common(_REMEMBERED)))

    def result(self) -> ColumnProfile:
        """All batches."""
        shown = [] if self._masked else self._fresh.most_common(_SHOWN)
        fresh = {name[:LONGEST]: times for name, times in sorted(shown) if times >= FEWEST}
        levels = Levels(counts=self._named, buckets=tuple(self._buckets), sure=self._sure, fresh=fresh)
        update = {"dtypes": (self._dtype,), "rows": self._rows, "missing": self._missing, "levels": levels}
        return self._column.model_copy(update=update)


class SureTally:
    """How sure a classifier was of each answer.

    Attributes:
        sources: the columns of the table with the answer and the score.
    """

    def __init__(self, prediction: str, score: str, edges: tuple[float, ...]) -> None:
        self.sources = prediction, score
        self._edges = edges
        self._found: dict[str, NDArray[np.int64]] = {}

    def take(self, batch: pl.DataFrame) -> None:
        """Adds a batch; an answer without a finite score is not counted."""
        import numpy as np
        import polars as pl

        answer, score = (batch[source] for source in self.sources)
        known = pl.DataFrame({"label": as_text(answer), "score": score.cast(pl.Float64)}).filter(
            pl.col("label").is_not_null() & pl.col("score").is_finite()
        )
        for (label,), rows in known.group_by("label"):
            places = np.searchsorted(self._edges, rows["score"].to_numpy(), side="right")
            counts = np.bincount(places, minlength=len(self._edges) + 1)
            self._found[str(label)] = self._found.get(str(label), 0) + counts

    def result(self) -> tuple[Confidence, ...]:
        """All batches, by label."""
        labels = sorted(self._found)
        return tuple(Confidence(label=label, counts=tuple(map(int, self._found[label]))) for label in labels)


Aggregated = NumberTally | PresenceTally


def tally(column: ColumnProfile, source: str, dtype: str, prefix: str, *, masked: bool) -> Aggregated | LevelTally:
    """What counts a column of this type at the places of its reference."""
    kind = kind_of(dtype)
    expected = {kind_of(each) for each in column.dtypes} - {"nothing"} or {kind}
    column = blank_column(column)
    if column.bins is not None and kind == "number":
        return NumberTally(column, source, dtype, prefix, masked=masked)
    if column.levels is not None and kind in ("text", "truth") and kind in expected:
        return LevelTally(column, source, dtype, masked=masked)
    return PresenceTally(column, source, dtype, prefix)


def bucket(level: str, buckets: int) -> int:
    """Which bucket a level without a count of its own falls into; the same in every process, for ever."""
    return zlib.crc32(level.encode("utf-8", "surrogatepass")) % buckets


def _steady(total: float, squares: float, rows: int) -> tuple[float, float]:
    """Both sums to ten digits of what was added: threads add in any order, and the last digits are that order's.

    So the same table has the same profile, but where a sum lies on the very edge between two roundings: one in tens of
    thousands does. The sum of the distances may be small while they are large: by Cauchy and Schwarz they add up to no
    more than the root of `squares * rows`.
    """
    steady = _rounded(squares, squares)
    return _rounded(total, math.sqrt(steady) * math.sqrt(rows)), steady


def _rounded(value: float, scale: float) -> float:
    """The nearest multiple of a power of two that is a 2^35th of the scale, or half of that."""
    if not (math.isfinite(value) and math.isfinite(scale)) or scale == 0.0:
        return value
    unit = math.ldexp(1.0, math.frexp(scale)[1] - _SUM_BITS)
    return round(value / unit) * unit if unit else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
