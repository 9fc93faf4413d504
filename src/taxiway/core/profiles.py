"""Profiles: what a table looks like, column by column, in numbers that can be added and hold no row.

A *reference* is made once, of the data a model learned from; it fixes where each column's values are counted. Every
later profile counts at the same places. So the profile of two tables together is the sum of their profiles, whoever
made them, and whichever way they are grouped.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import NonNegativeInt, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.records import Record

T = TypeVar("T")
Role = Literal["input", "prediction", "score"]
Kind = Literal["number", "truth", "text", "time", "nothing", "other"]
BUCKETS = 64
"""How many buckets share the levels that have no count of their own."""
FEWEST = 10
"""A level that is rarer than this in a reference has no name in it."""
_ALIKE = 1e-8
_KINDS: Mapping[str, Kind] = {
    "Boolean": "truth",
    "String": "text",
    "Categorical": "text",
    "Enum": "text",
    "Date": "time",
    "Datetime": "time",
    "Time": "time",
    "Duration": "time",
    "Null": "nothing",
}


class Moments(Record):
    """Sums over the finite values of a column, about a fixed point, so that they can be added; to ten digits.

    Attributes:
        centre: the point.
        count: how many values.
        total: the sum of their distances from the centre; none when it is too large for a number.
        squares: the sum of the squares of these distances; none likewise.
        low: the smallest value; none without any, and in a column with personal data.
        high: the largest one.
    """

    centre: float
    count: NonNegativeInt = 0
    total: float | None = 0.0
    squares: float | None = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def mean(self) -> float | None:
        """The mean of the values."""
        if not self.count or self.total is None:
            return None
        return _finite(self.centre + self.total / self.count)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation."""
        if self.count <= 1 or self.total is None or self.squares is None:
            return None
        if self.low is not None and self.low == self.high:
            return 0.0
        return math.sqrt(max(0.0, self.squares - self.total * (self.total / self.count)) / (self.count - 1))

    @property
    def constant(self) -> bool:
        """Whether all values are the same, as far as can be told: without the ends, to four digits of the distance."""
        if self.low is not None or not self.deviation:
            return self.deviation == 0.0
        return (self.count - 1) * self.deviation**2 <= _ALIKE * (self.squares or 0.0)


class Bins(Record):
    """How many values lie where: `counts[i]` is of `edges[i - 1] <= value < edges[i]`, the outer bins are open."""

    edges: tuple[float, ...]
    counts: tuple[NonNegativeInt, ...]


class Levels(Record):
    """How often each level of a column occurs.

    Attributes:
        counts: of the levels that have a name here.
        buckets: of all others, each in the bucket that its text alone decides.
        sure: a level that occurs at least so often in the reference has a name whatever chance did.
        fresh: levels without a name in the reference that are frequent in what was counted since; to be shown, not
            tested.
    """

    counts: dict[str, NonNegativeInt]
    buckets: tuple[NonNegativeInt, ...]
    sure: NonNegativeInt = 0
    fresh: dict[str, NonNegativeInt] = {}


class ColumnProfile(Record):
    """One column.

    Attributes:
        name: its name.
        role: an input of the model, its answer, or the probability it gives.
        dtypes: the polars names of the types it had.
        rows: how many rows were counted.
        missing: how many of them are null or NaN.
        foreign: how many are of a type that the reference does not have, and so are counted nowhere.
        infinite: how many are infinite; they are in the outer bins.
        moments: of a column of numbers.
        bins: of a column of numbers.
        levels: of a column of text or truth values.
        distinct: how many levels the reference saw.
    """

    name: str
    role: Role = "input"
    dtypes: tuple[str, ...] = ()
    rows: NonNegativeInt = 0
    missing: NonNegativeInt = 0
    foreign: NonNegativeInt = 0
    infinite: NonNegativeInt = 0
    moments: Moments | None = None
    bins: Bins | None = None
    levels: Levels | None = None
    distinct: NonNegativeInt | None = None

    @property
    def missing_share(self) -> float:
        """How much of it is missing, 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def values(self) -> int:
        """How many values were counted."""
        return self.rows - self.missing - self.foreign


class Confidence(Record):
    """How sure a classifier was of each answer: of those that gave one label, how many scores lie in each bin.

    The score is the probability of the second class of two, or of the label given out of more.
    """

    label: str
    counts: tuple[NonNegativeInt, ...]


class Profile(Record):
    """A table.

    Attributes:
        rows: how many rows.
        columns: its columns, by role and name.
        edges: where scores are cut for `confidence`; none without a classifier.
        confidence: by the label that was given.
        whole: every column of the table has a place, so a column without one is new.
        outside: rows whose time lies outside of their window.
        importance: how much the model's answers depend on each input, shares of 1; in a reference.
        sampled: how many rows the places were chosen from; in a reference.
    """

    rows: NonNegativeInt
    columns: tuple[ColumnProfile, ...]
    edges: tuple[float, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    whole: bool = False
    outside: NonNegativeInt = 0
    importance: dict[str, float] = {}
    sampled: PositiveInt | None = None

    def column(self, name: str, role: Role = "input") -> ColumnProfile | None:
        """The column of a name and role, or None."""
        return next((one for one in self.columns if one.name == name and one.role == role), None)


def kind_of(dtype: str) -> Kind:
    """What a polars type is, as far as profiles care."""
    name = dtype.partition("(")[0]
    if name.startswith(("Int", "UInt", "Float", "Decimal")):
        return "number"
    return _KINDS.get(name, "other")


def blank(profile: Profile) -> Profile:
    """The same places with nothing counted: `merge([blank(p), p]) == p`, but for what only a reference has."""
    return profile.model_copy(
        update={
            "rows": 0,
            "columns": tuple(blank_column(column) for column in profile.columns),
            "confidence": (),
            "outside": 0,
            "importance": {},
            "sampled": None,
        }
    )


def merge(profiles: Iterable[Profile]) -> Profile:
    """The profile of all their rows together. The order and the grouping do not matter, but for rounding in moments.

    Raises:
        SpecError: there is none, or they were not counted at the same places.
    """
    found = list(profiles)
    if not found:
        raise SpecError("there is nothing to add", where="merge", expected="one profile or more")
    return functools.reduce(_sum, found)


def _sum(a: Profile, b: Profile) -> Profile:
    columns: dict[tuple[Role, str], ColumnProfile] = {(one.role, one.name): one for one in a.columns}
    for one in b.columns:
        key = (one.role, one.name)
        columns[key] = _column(columns[key], one) if key in columns else one
    scored = [one for one in (a, b) if one.edges]
    return Profile(
        rows=a.rows + b.rows,
        columns=tuple(columns[key] for key in sorted(columns)),
        edges=_same("edges of scores", *(one.edges for one in scored)) if scored else (),
        confidence=_confidence(a.confidence, b.confidence),
        whole=a.whole and b.whole,
        outside=a.outside + b.outside,
    )


def _column(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    return ColumnProfile(
        name=a.name,
        role=a.role,
        dtypes=tuple(sorted({*a.dtypes, *b.dtypes})),
        rows=a.rows + b.rows,
        missing=a.missing + b.missing,
        foreign=a.foreign + b.foreign,
        infinite=a.infinite + b.infinite,
        moments=_moments(a.moments, b.moments) if a.moments and b.moments else a.moments or b.moments,
        bins=_bins(a.name, a.bins, b.bins) if a.bins and b.bins else a.bins or b.bins,
        levels=_levels(a.name, a.levels, b.levels) if a.levels and b.levels else a.levels or b.levels,
    )


def _moments(a: Moments, b: Moments) -> Moments:
    return Moments(
        centre=_same("centre of the moments", a.centre, b.centre),
        count=a.count + b.count,
        total=_plus(a.total, b.total),
        squares=_plus(a.squares, b.squares),
        low=_extreme(min, a.low, b.low),
        high=_extreme(max, a.high, b.high),
    )


def _bins(name: str, a: Bins, b: Bins) -> Bins:
    return Bins(edges=_same(f"bins of {name!r}", a.edges, b.edges), counts=_added(a.counts, b.counts))


def _levels(name: str, a: Levels, b: Levels) -> Levels:
    _same(f"levels of {name!r}", sorted(a.counts), sorted(b.counts))
    return Levels(
        counts=_tally(a.counts, b.counts),
        buckets=_added(a.buckets, b.buckets),
        sure=a.sure,
        fresh=_tally(a.fresh, b.fresh),
    )


def _confidence(a: Sequence[Confidence], b: Sequence[Confidence]) -> tuple[Confidence, ...]:
    found = {one.label: one.counts for one in a}
    for one in b:
        found[one.label] = _added(found[one.label], one.counts) if one.label in found else one.counts
    return tuple(Confidence(label=label, counts=found[label]) for label in sorted(found))


def blank_column(column: ColumnProfile) -> ColumnProfile:
    """The same places of one column with nothing counted."""
    moments, bins, levels = column.moments, column.bins, column.levels
    return ColumnProfile(
        name=column.name,
        role=column.role,
        moments=Moments(centre=moments.centre) if moments else None,
        bins=Bins(edges=bins.edges, counts=(0,) * len(bins.counts)) if bins else None,
        levels=Levels(counts=dict.fromkeys(levels.counts, 0), buckets=(0,) * len(levels.buckets), sure=levels.sure)
        if levels
        else None,
    )


def _same(what: str, *found: T) -> T:
    if any(one != found[0] for one in found):
        raise SpecError(
            "profiles that were counted at other places cannot be added",
            where=what,
            do="Profile both tables against the same reference.",
        )
    return found[0]


def _added(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _tally(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in sorted({*a, *b})}


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else _finite(a + b)


def _extreme(choose: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    return choose(a, b) if a is not None and b is not None else a if b is None else b


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
