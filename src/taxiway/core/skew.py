"""Skew: whether what is served looks like what was learned from, as a schema and a distance say it.

The schema is inferred from the training data's profile: each column has a type, is there in so much of the rows, and
text has the levels that it had. Serving data breaks it or does not. The distance is the largest difference of any
share (of a level, or of a bin), which a person can check by hand; what chance alone allows at this size does not count.
"""

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum

from pydantic import NonNegativeInt

from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import ColumnProfile, Profile, kind_of
from taxiway.core.records import Record

_SIGMAS = 4.0


class Breach(StrEnum):
    """What of the schema is broken."""

    ABSENT = "absent"
    """The column is not there."""
    NEW = "new"
    """The column is not in the training data."""
    TYPE = "type"
    """It is of another type."""
    PRESENCE = "presence"
    """It has a value in fewer of the rows."""
    DOMAIN = "domain"
    """It has levels that the training data did not have."""
    DISTANCE = "distance"
    """Its values are distributed otherwise."""


class Skew(Record):
    """One finding.

    Attributes:
        column: which column.
        breach: what is broken.
        expected: what the training data has; a share, or a type.
        got: what serving has.
        size: by how much: of shares the difference; none for types.
    """

    column: str
    breach: Breach
    expected: str
    got: str
    size: float | None = None


class SkewReport(Record):
    """What training and serving differ in.

    Attributes:
        outcome: FAIL when anything is broken, INCONCLUSIVE without rows on either side.
        training_rows: how many rows the schema was inferred from.
        serving_rows: how many were held against it.
        found: what is broken, the worst first.
    """

    outcome: Outcome
    training_rows: NonNegativeInt
    serving_rows: NonNegativeInt
    found: tuple[Skew, ...] = ()


def skew(training: Profile, serving: Profile, *, most: float = 0.05) -> SkewReport:
    """Holds what is served against what was learned from.

    Args:
        training: the profile of the training data; its places are where both are counted.
        serving: the profile of what was served, counted at the same places.
        most: the largest difference of a share that is still alike.
    """
    rows = {"training_rows": training.rows, "serving_rows": serving.rows}
    if not training.rows or not serving.rows:
        return SkewReport(outcome=Outcome.INCONCLUSIVE, **rows)
    found = [*_columns(training, serving, most), *_new(training, serving)]
    ranked = sorted(found, key=lambda one: (one.size is not None, -(one.size or 0.0), one.column, one.breach))
    return SkewReport(outcome=Outcome.FAIL if found else Outcome.PASS, found=tuple(ranked), **rows)


def _columns(training: Profile, serving: Profile, most: float) -> Iterator[Skew]:
    for before in training.columns:
        if before.role == "input":
            now = serving.column(before.name)
            if now is None or not now.rows:
                yield _skew(before.name, Breach.ABSENT, ", ".join(before.dtypes), "nothing")
            else:
                yield from _column(before, now, most)


def _column(before: ColumnProfile, now: ColumnProfile, most: float) -> Iterator[Skew]:
    kinds = [{kind_of(dtype) for dtype in one.dtypes} - {"nothing"} for one in (before, now)]
    if kinds[0] and kinds[1] - kinds[0]:
        yield _skew(before.name, Breach.TYPE, ", ".join(before.dtypes), ", ".join(now.dtypes))
        return
    missing = _difference((before.missing, before.rows), (now.missing, now.rows))
    if missing > most:
        yield _shares(before.name, Breach.PRESENCE, 1 - before.missing_share, 1 - now.missing_share, missing)
    yield from _levels(before, now, most)
    largest = max(_differences(before, now), default=0.0)
    if largest > most:
        yield _skew(before.name, Breach.DISTANCE, f"at most {most:.1%} of any share", f"{largest:.1%}", largest)


def _levels(before: ColumnProfile, now: ColumnProfile, most: float) -> Iterator[Skew]:
    """Levels outside of the domain, where the training data had few enough for each to have a name."""
    if before.levels and now.levels:
        old, new = sum(before.levels.buckets), sum(now.levels.buckets)
        size = _difference((old, before.values), (new, now.values))
        if size > most:
            share = old / max(1, before.values)
            yield _shares(before.name, Breach.DOMAIN, 1 - share, 1 - new / max(1, now.values), size)


def _differences(before: ColumnProfile, now: ColumnProfile) -> Iterator[float]:
    pairs: Sequence[tuple[int, int]] = ()
    if before.bins and now.bins:
        pairs = list(zip(before.bins.counts, now.bins.counts, strict=True))
    elif before.levels and now.levels:
        pairs = [(count, now.levels.counts.get(name, 0)) for name, count in before.levels.counts.items()]
    for old, new in pairs:
        yield abs(_difference((old, before.values), (new, now.values), either=True))


def _difference(before: tuple[int, int], now: tuple[int, int], *, either: bool = False) -> float:
    """How much a share has risen beyond what chance allows; with `either` how much it differs."""
    (old, of), (new, out_of) = before, now
    if not of or not out_of:
        return 0.0
    rise = new / out_of - old / of
    pooled = (old + new) / (of + out_of)
    chance = _SIGMAS * math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / out_of))
    return max(0.0, (abs(rise) if either else rise) - chance)


def _new(training: Profile, serving: Profile) -> Iterator[Skew]:
    if training.whole:
        for now in serving.columns:
            if now.role == "input" and training.column(now.name) is None:
                yield _skew(now.name, Breach.NEW, "nothing", ", ".join(now.dtypes))


def _shares(column: str, breach: Breach, expected: float, got: float, size: float) -> Skew:
    return _skew(column, breach, f"{expected:.1%} of the rows", f"{got:.1%}", size)


def _skew(column: str, breach: Breach, expected: str, got: str, size: float | None = None) -> Skew:
    return Skew(column=column, breach=breach, expected=expected, got=got, size=size)
