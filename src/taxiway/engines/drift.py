"""Drift: a window's profile beside its reference, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from taxiway.core.drift import Asks, ColumnDrift, DriftTest, Fault, judge_column
from taxiway.core.outcomes import Outcome
from taxiway.core.profiles import ColumnProfile, Levels, Profile, kind_of
from taxiway.core.specs.monitoring import Drift
from taxiway.engines.tallies import bucket
from taxiway.engines.twosample import Answer, adjusted, in_order, rise, share, without_order

_STUCK = 0.95
"""A column of which so much was one value before is not stuck when all of it is."""
_SHOWN = 3
_NONE = Levels(counts={}, buckets=(0,))


Counts = tuple[int, ...]


class Compared(NamedTuple):
    """What came of it: every column, and what is wrong with the shape of the data."""

    columns: tuple[ColumnDrift, ...]
    faults: tuple[Fault, ...]


class _Asked(NamedTuple):
    asks: Asks
    answer: Answer | None
    effect: float | None
    note: str = ""


def compare(reference: Profile, window: Profile, asked: Drift) -> Compared:
    """Holds a window against its reference.

    A column drifts when what was found is unlikely, all questions of the report considered, and larger than
    `asked.min_effect`. With fewer than `asked.min_rows` rows on either side every answer is INCONCLUSIVE.
    """
    pairs = [
        (before, window.column(before.name, before.role)) for before in reference.columns if _wanted(before, asked)
    ]
    found = [(before, now, list(_questions(before, now, asked))) for before, now in pairs if now is not None]
    chances = iter(adjusted([one.answer.p for _, _, all_ in found for one in all_ if one.answer is not None]))
    columns = []
    for before, now, questions in found:
        findings = tuple(_finding(one, next(chances) if one.answer else None, asked) for one in questions)
        columns.append(_column(before, now, findings, _weight(before.name, reference, asked)))
    return Compared(tuple(columns), tuple(_faults(reference, window, asked)))


def _wanted(column: ColumnProfile, asked: Drift) -> bool:
    if column.role != "input":
        return True
    return column.name not in asked.ignore and (not asked.columns or column.name in asked.columns)


def _weight(name: str, reference: Profile, asked: Drift) -> float:
    if name in asked.weights:
        return asked.weights[name]
    return reference.importance.get(name, 0.0) if reference.importance else 1.0


def _questions(before: ColumnProfile, now: ColumnProfile, asked: Drift) -> Iterator[_Asked]:
    if not now.rows:
        return
    few = min(before.rows, now.rows)
    note = "" if few >= asked.min_rows else f"{few} rows are too few, it takes {asked.min_rows}"
    yield _missing(before, now, note)
    note = note or _untold(before, now, asked)
    if before.bins and now.bins:
        yield _values(note, in_order, before.bins.counts, now.bins.counts)
    elif before.levels and now.levels:
        cells = _cells(before, now)
        yield _values(note, without_order, *cells.shares)
        yield _unnamed(cells, before.values, now.values, note)


def _untold(before: ColumnProfile, now: ColumnProfile, asked: Drift) -> str:
    few = min(before.values, now.values)
    return "" if few >= asked.min_rows else f"{few} values are too few, it takes {asked.min_rows}"


def _values(note: str, ask: Callable[[Counts, Counts], Answer], before: Counts, now: Counts) -> _Asked:
    if note:
        return _Asked(Asks.VALUES, None, None, note)
    answer = ask(before, now)
    return _Asked(Asks.VALUES, answer, answer.effect)


def _missing(before: ColumnProfile, now: ColumnProfile, note: str) -> _Asked:
    if note:
        return _Asked(Asks.MISSING, None, None, note)
    answer = share((before.missing, before.rows), (now.missing, now.rows))
    return _Asked(Asks.MISSING, answer, now.missing_share - before.missing_share)


class _Cells(NamedTuple):
    """The levels of both sides as counts of the same cells, and how many rows lie in those without a name."""

    shares: tuple[Counts, Counts]
    rest: tuple[int, int]


def _cells(before: ColumnProfile, now: ColumnProfile) -> _Cells:
    """Which cells there are is decided by the sums of both sides, never by the reference alone.

    Else chance would decide twice: a level that was frequent in the reference by chance gets a name for it, and is
    less frequent in every window. So a level stands for itself only if, by the sum, it would have got its name anyway;
    the others go into their buckets, with all that never had one.
    """
    old, new = before.levels or _NONE, now.levels or _NONE
    share_of_old = before.values / max(1, before.values + now.values)
    named, merged = [], ([*old.buckets], [*new.buckets])
    for name in old.counts:
        pair = old.counts[name], new.counts.get(name, 0)
        if sum(pair) * share_of_old >= old.sure:
            named.append(pair)
            continue
        place = bucket(name, len(old.buckets))
        for side, count in zip(merged, pair, strict=True):
            side[place] += count
    columns = list(zip(*named, strict=True)) or [(), ()]
    return _Cells(((*columns[0], *merged[0]), (*columns[1], *merged[1])), (sum(merged[0]), sum(merged[1])))


def _unnamed(cells: _Cells, before: int, now: int, note: str) -> _Asked:
    if note:
        return _Asked(Asks.LEVELS, None, None, note)
    old, new = cells.rest
    return _Asked(Asks.LEVELS, rise((old, before), (new, now)), new / now - old / before)


def _finding(one: _Asked, p: float | None, asked: Drift) -> DriftTest:
    if one.answer is None or p is None:
        return DriftTest(asks=one.asks, note=one.note)
    drifted = p < asked.alpha and one.answer.effect >= asked.min_effect
    outcome = Outcome.FAIL if drifted else Outcome.PASS
    return DriftTest(asks=one.asks, p=p, effect=one.effect, outcome=outcome)


def _column(before: ColumnProfile, now: ColumnProfile, findings: tuple[DriftTest, ...], weight: float) -> ColumnDrift:
    return ColumnDrift(
        name=before.name,
        role=before.role,
        outcome=judge_column(findings),
        findings=findings,
        weight=weight,
        before=_words(before),
        now=_words(now),
    )


def _faults(reference: Profile, window: Profile, asked: Drift) -> Iterator[Fault]:
    if not window.rows:
        return
    for before in reference.columns:
        if before.role == "input" and _wanted(before, asked):
            now = window.column(before.name)
            yield from _fault(before, now, window.rows, asked)
    if reference.whole:
        for now in window.columns:
            if now.role == "input" and reference.column(now.name) is None and now.name not in asked.ignore:
                yield Fault(column=now.name, what="new", got=", ".join(now.dtypes))


def _fault(before: ColumnProfile, now: ColumnProfile | None, rows: int, asked: Drift) -> Iterator[Fault]:
    had, name = ", ".join(before.dtypes), before.name
    if now is None or now.rows < rows:
        seen = f"in {now.rows:,} of {rows:,} rows" if now and now.rows else ""
        yield Fault(column=name, what="missing", expected=had, got=seen)
    if now is None:
        return
    kinds = [{kind_of(dtype) for dtype in one.dtypes} - {"nothing"} for one in (before, now)]
    if kinds[0] and kinds[1] - kinds[0]:
        yield Fault(column=name, what="type", expected=had, got=", ".join(now.dtypes))
    elif min(rows, now.values) >= asked.min_rows and _stuck(before, now):
        yield Fault(column=name, what="stuck", expected=_words(before), got=_words(now))


def _stuck(before: ColumnProfile, now: ColumnProfile) -> bool:
    """Whether a column that varied has only one value now."""
    if not before.values or not before.moments or not now.moments or not before.bins or not now.bins:
        return False
    usual = max(before.bins.counts, default=0) / before.values
    one = now.moments.constant and max(now.bins.counts, default=0) == now.values
    return one and usual < _STUCK


def _words(column: ColumnProfile) -> str:
    parts = [*_numbers(column), *_frequent(column.levels, column.values)]
    if column.missing:
        parts.append(f"{column.missing_share:.1%} missing")
    return ", ".join(parts)


def _numbers(column: ColumnProfile) -> Iterator[str]:
    if column.moments and column.moments.mean is not None:
        yield f"mean {column.moments.mean:.4g}"
        if column.moments.deviation is not None:
            yield f"deviation {column.moments.deviation:.3g}"


def _frequent(levels: Levels | None, values: int) -> Iterator[str]:
    """The most frequent levels, new ones among them; masked columns have none."""
    if levels and values:
        known = {**levels.counts, **levels.fresh}
        for name in sorted(known, key=lambda one: (-known[one], one))[:_SHOWN]:
            if known[name]:
                yield f"{name} {known[name] / values:.1%}"
