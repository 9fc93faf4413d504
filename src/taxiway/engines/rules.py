"""Rules: what a data contract asks, in the three forms that one streaming pass can answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from taxiway.core.validation import Severity
from taxiway.engines.columns import unused

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing a contract asks.

    Attributes:
        check: what is asked, in words.
        column: the column it is asked of; none for a rule over several.
        severity: what a failure means.
        note: what a person should know about it; shown whatever the outcome.
    """

    check: str
    column: str | None
    severity: Severity
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decided(Rule):
    """A rule about names and types, answered before any row is read; `broken` is none when it could not be asked."""

    broken: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows(Rule):
    """A rule that each row keeps or breaks.

    Attributes:
        keeps: true, false, or null where the rule is not asked.
        failed: how many rows break it, as an aggregation.
        asked: how many rows it is asked of, as an aggregation.
        shown: the columns that explain a failing row.
        raw: it reads the data as stored, before the contract's own conversions and defaults.
    """

    keeps: pl.Expr
    failed: pl.Expr
    asked: pl.Expr
    shown: tuple[str, ...]
    raw: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unique(Rule):
    """No two rows are alike in all of these columns; nulls are alike."""

    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole(Rule):
    """A rule that has one answer for the whole table.

    Attributes:
        ask: gives the answer itself, or a frame with one Boolean column whose every value must be true.
        blind: null answers do not count.
    """

    ask: Callable[[pl.LazyFrame], bool | pl.LazyFrame]
    blind: bool = True


def row_rule(
    keeps: pl.Expr,
    *,
    check: str,
    column: str | None,
    severity: Severity,
    shown: tuple[str, ...],
    raw: bool = False,
    blind: bool = True,
) -> Rows:
    """A rule asked of every row, or of those with a value in `column`; if not `blind`, no answer is a failure."""
    import polars as pl

    keeps = keeps if blind else keeps.fill_null(value=False)
    return Rows(
        check=check,
        column=column,
        severity=severity,
        keeps=keeps,
        failed=keeps.not_().sum(),
        asked=pl.col(column).count() if column is not None and blind else pl.len(),
        shown=shown,
        raw=raw,
    )


def repeated_rows(data: pl.LazyFrame, columns: tuple[str, ...]) -> tuple[pl.LazyFrame, str]:
    """The groups of rows that are alike in some columns, and the name of the column that counts each group's rows."""
    import polars as pl

    counter = unused("alike", columns)
    return data.group_by(columns).agg(pl.len().alias(counter)).filter(pl.col(counter) > 1), counter
