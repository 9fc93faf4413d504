"""Counting: how many rows break each rule, all rules in one streaming pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from taxiway.engines.columns import unreadable
from taxiway.engines.distinct import Seen, narrow
from taxiway.engines.rules import Decided, Rows, Rule, Unique, Whole, repeated_rows
from taxiway.engines.samples import clip

if TYPE_CHECKING:
    import polars as pl

WHOLE_TABLE = "one answer for the whole table"
NO_VALUES = "every value is null, so there was nothing to ask"
NO_ROWS = "there are no rows"


@dataclasses.dataclass(frozen=True)
class Count:
    """What counting gave for one rule.

    Attributes:
        failed: rows that break it.
        asked: rows it was asked of.
        answered: False when it could not be asked at all; `note` says why.
        broken: it fails even when there are no rows to fail it.
        note: what a person should know about these numbers.
    """

    failed: int
    asked: int
    answered: bool = True
    broken: bool = False
    note: str = ""


def count(rules: Sequence[Rule], stored: pl.LazyFrame, converted: pl.LazyFrame) -> tuple[int, list[Count]]:
    """The number of rows of a table, and one count per rule.

    Args:
        rules: what to ask.
        stored: the table as it is stored.
        converted: the same rows after the contract's own conversions; `stored` itself when it has none.

    Raises:
        SpecError: the table cannot be read.
    """
    numbered = dict(enumerate(rules))
    broken: dict[int, str] = {}
    seen: dict[int, Seen] = {}
    try:
        seen = _narrow(numbered, converted)
        answers = _collect(_plans(numbered, stored, converted, seen))
        _settle(numbered, seen, answers, converted)
    except Exception as error:  # noqa: BLE001 - a check may raise anything; find out which one it was
        answers, broken = _one_by_one(numbered, stored, converted, error)
    rows = answers["rows"]
    counts = [_count(number, rule, answers, broken) for number, rule in numbered.items()]
    return rows, [_confirm(rule, found, converted) for rule, found in zip(rules, counts, strict=True)]


def _narrow(rules: Mapping[int, Rule], data: pl.LazyFrame) -> dict[int, Seen]:
    """A set of flags for each rule about one column of numbers that lie close together."""
    alone = {
        number: rule.columns[0] for number, rule in rules.items() if isinstance(rule, Unique) and len(rule.columns) == 1
    }
    fit = narrow(data, list(dict.fromkeys(alone.values()))) if alone else set()
    return {number: Seen() for number, column in alone.items() if column in fit}


def _settle(rules: Mapping[int, Rule], seen: Mapping[int, Seen], answers: dict[str, int], data: pl.LazyFrame) -> None:
    """Puts what the flags saw in the place of what their aggregations said."""
    for number, flags in seen.items():
        if flags.given_up:
            answers |= _collect(_plans({number: rules[number]}, data, data, {}))
        else:
            nulls = answers["rows"] - answers[f"{number} asked"]
            answers[f"{number} failed"] = answers["rows"] - flags.count() - min(nulls, 1)
            answers[f"{number} asked"] = answers["rows"]


def _plans(
    rules: Mapping[int, Rule], stored: pl.LazyFrame, converted: pl.LazyFrame, seen: Mapping[int, Seen]
) -> list[pl.LazyFrame]:
    """Frames of one row whose columns are `rows`, `<number> failed` and `<number> asked`."""
    import polars as pl

    plain: list[pl.Expr] = [pl.len().alias("rows")]
    raw: list[pl.Expr] = []
    whole: list[pl.LazyFrame] = []
    for number, rule in rules.items():
        if isinstance(rule, Rows):
            (raw if rule.raw else plain).extend(_named(number, rule.failed, rule.asked))
        elif number in seen:
            (column,) = cast("Unique", rule).columns
            plain.extend(_named(number, seen[number].expression(column), pl.col(column).count()))
        elif isinstance(rule, Unique):
            repeated = pl.len().cast(pl.Int64) - _distinct(rule).cast(pl.Int64)
            plain.extend(_named(number, repeated, pl.len()))
        elif isinstance(rule, Whole):
            whole.append(_whole(number, rule, converted))
    return [converted.select(plain), *([stored.select(raw)] if raw else []), *whole]


def _named(number: int, failed: pl.Expr, asked: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    return failed.alias(f"{number} failed"), asked.alias(f"{number} asked")


def _distinct(rule: Unique) -> pl.Expr:
    import polars as pl

    if len(rule.columns) > 1:
        return pl.struct(*rule.columns).n_unique()
    return pl.col(rule.columns[0]).n_unique()


def _whole(number: int, rule: Whole, data: pl.LazyFrame) -> pl.LazyFrame:
    import polars as pl

    answer = rule.ask(data)
    if not isinstance(answer, pl.LazyFrame):
        answer = pl.LazyFrame({"answer": [bool(answer)]})
    keeps = pl.all_horizontal(pl.all()).cast(pl.Boolean)
    keeps = keeps if rule.blind else keeps.fill_null(value=False)
    return answer.select(_named(number, keeps.not_().sum(), pl.len()))


def _collect(plans: Iterable[pl.LazyFrame]) -> dict[str, int]:
    import polars as pl

    frames = pl.collect_all(list(plans), engine="streaming")
    return {name: int(value or 0) for frame in frames for name, value in frame.row(0, named=True).items()}


def _one_by_one(
    rules: Mapping[int, Rule], stored: pl.LazyFrame, converted: pl.LazyFrame, first: Exception
) -> tuple[dict[str, int], dict[int, str]]:
    """Asks each rule in a pass of its own, to tell the one that broke from the others and from broken data."""
    import polars as pl

    try:
        stored.select(pl.all().null_count()).collect(engine="streaming")
    except Exception:  # noqa: BLE001 - whatever it is, the data is the cause
        raise unreadable(first) from first
    answers = _collect(_plans({}, stored, converted, {}))
    broken: dict[int, str] = {}
    for number, rule in rules.items():
        try:
            answers |= _collect(_plans({number: rule}, stored, converted, {}))
        except Exception as error:  # noqa: BLE001 - a check may raise anything
            broken[number] = clip(f"the check itself broke: {type(error).__name__}: {error}")
    return answers, broken


def _count(number: int, rule: Rule, answers: Mapping[str, int], broken: Mapping[int, str]) -> Count:
    rows = answers["rows"]
    if isinstance(rule, Decided):
        return Count(rows if rule.broken else 0, rows, answered=rule.broken is not None, broken=bool(rule.broken))
    if number in broken:
        return Count(0, 0, answered=False, note=broken[number])
    if rows == 0:
        return Count(0, 0, answered=False, note=NO_ROWS)
    failed, asked = answers[f"{number} failed"], answers[f"{number} asked"]
    if isinstance(rule, Whole) and asked != rows:
        return Count(rows if failed else 0, rows, note=WHOLE_TABLE)
    return Count(failed, asked, note="" if asked else NO_VALUES)


def _confirm(rule: Rule, found: Count, data: pl.LazyFrame) -> Count:
    """For rows that repeat, how many there are: all of a group of equals, as pandera counts them."""
    import polars as pl

    if not isinstance(rule, Unique) or not found.failed:
        return found
    groups, counter = repeated_rows(data, rule.columns)
    repeated = groups.select(pl.col(counter).sum())
    return dataclasses.replace(found, failed=int(repeated.collect(engine="streaming").item()))
