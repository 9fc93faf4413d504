"""Samples: a few failing values as text, capped in number and length, masked where they are personal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from taxiway.engines.rules import Rows, Rule, Unique, repeated_rows

if TYPE_CHECKING:
    import polars as pl

MOST_SAMPLES = 5
LONGEST_SAMPLE = 80
MASK = "***"
_LONGEST_TEXT = 160
_FETCHED = 25


def clip(text: str, longest: int = _LONGEST_TEXT) -> str:
    """`text` on one line, cut where it would be too long to read."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fetch(
    failing: Sequence[Rule], stored: pl.LazyFrame, converted: pl.LazyFrame, *, masked: frozenset[str]
) -> list[tuple[str, ...]]:
    """For each rule up to `MOST_SAMPLES` different failing values of the table, none for a rule without rows.

    A value is given as it is, several as `name=value`; each is cut to `LONGEST_SAMPLE` characters. All of them come
    from one more pass over the table. A null reads `null`, a value of a `masked` column `***`.
    """
    import polars as pl

    tables = {True: _Table.of(stored), False: _Table.of(converted)}
    plans = {number: _plan(rule, tables) for number, rule in enumerate(failing)}
    wanted = {number: plan for number, plan in plans.items() if plan is not None}
    frames = pl.collect_all(list(wanted.values()), engine="streaming")
    found = dict(zip(wanted, frames, strict=True))
    return [_texts(found[number], masked) if number in found else () for number in range(len(failing))]


class _Table(NamedTuple):
    """A table and its columns of text."""

    data: pl.LazyFrame
    texts: frozenset[str]

    @classmethod
    def of(cls, data: pl.LazyFrame) -> Self:
        import polars as pl

        return cls(data, frozenset(name for name, dtype in data.collect_schema().items() if dtype == pl.String))

    def short(self, names: Sequence[str]) -> list[pl.Expr]:
        """The columns, long text cut before it is fetched."""
        import polars as pl

        return [pl.col(name).str.head(LONGEST_SAMPLE + 1) if name in self.texts else pl.col(name) for name in names]


def _plan(rule: Rule, tables: Mapping[bool, _Table]) -> pl.LazyFrame | None:
    if isinstance(rule, Rows):
        table = tables[rule.raw]
        return table.data.filter(rule.keeps.not_()).select(table.short(rule.shown)).head(_FETCHED)
    if isinstance(rule, Unique):
        groups, _ = repeated_rows(tables[False].data, rule.columns)
        return groups.select(tables[False].short(rule.columns)).head(_FETCHED)
    return None


def _texts(frame: pl.DataFrame, masked: frozenset[str]) -> tuple[str, ...]:
    texts = (_text(row, masked) for row in frame.iter_rows(named=True))
    return tuple(dict.fromkeys(texts))[:MOST_SAMPLES]


def _text(row: dict[str, Any], masked: frozenset[str]) -> str:
    values = {name: MASK if name in masked else "null" if value is None else str(value) for name, value in row.items()}
    if len(values) == 1:
        return clip(next(iter(values.values())), LONGEST_SAMPLE)
    return clip(", ".join(f"{name}={value}" for name, value in values.items()), LONGEST_SAMPLE)
