"""Probes: how a check written in Python becomes an expression, or is found not to be one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import polars as pl


class Outcome(NamedTuple):
    """What became of asking a check about no rows.

    Attributes:
        keeps: the expression it selects; none when it does something else.
        scalar: the expression gives one answer for all rows.
        reads: the columns it reads.
        broken: what it raised.
    """

    keeps: pl.Expr | None = None
    scalar: bool = False
    reads: tuple[str, ...] = ()
    broken: str = ""


class Recorder:
    """A table of no rows that notes what is selected from it.

    Attributes:
        columns: its columns and their types.
        rowless: the table itself.
    """

    def __init__(self, columns: pl.Schema) -> None:
        import polars as pl

        self.columns = columns
        self.rowless = _recording(pl.LazyFrame)(schema=columns)

    def ask(self, function: Callable[[Any], Any], column: str | None) -> Outcome:
        """Calls a check with the table and tells what it selected; nothing it raises escapes."""
        import polars as pl
        from pandera.api.polars.types import PolarsData

        self.rowless.answer = None
        try:
            answer = function(PolarsData(self.rowless, column or "*"))
        except Exception as error:  # noqa: BLE001 - any code may raise anything
            return self._misunderstood(error)
        if answer is None or answer is not self.rowless.answer:
            return Outcome()
        keeps = _together(self.rowless.selected)
        try:
            answers = self.rowless.select(keeps.alias("keeps")).collect()
        except Exception as error:  # noqa: BLE001 - expressions may hold any code
            return Outcome(broken=f"{type(error).__name__}: {error}")
        if answers.schema["keeps"] not in (pl.Boolean, pl.Null):
            return Outcome(broken=f"it answers with {answers.schema['keeps']}, not with true or false")
        return Outcome(keeps, scalar=answers.height == 1, reads=self._reads(keeps))

    def knows(self, cast: pl.Expr) -> bool:
        """Whether polars has this cast for the table at all; some it refuses only when there is a value."""
        import polars as pl

        reads = [name for name in cast.meta.root_names() if name in self.columns]
        values = {name: [""] if self.columns[name] == pl.String else [None] for name in reads}
        try:
            pl.LazyFrame(values, schema={name: self.columns[name] for name in reads}).select(cast).collect()
        except (pl.exceptions.PolarsError, TypeError):
            return False
        return True

    def after(self, conversions: Sequence[pl.Expr]) -> Recorder:
        """The table after conversions."""
        return Recorder(self.rowless.with_columns(*conversions).collect_schema()) if conversions else self

    def _misunderstood(self, error: Exception) -> Outcome:
        """Wrong types show without rows; anything else may only be due to there being none, so ask with rows."""
        import polars as pl

        typed = isinstance(
            error, pl.exceptions.InvalidOperationError | pl.exceptions.SchemaError | pl.exceptions.ColumnNotFoundError
        )
        return Outcome(broken=f"{type(error).__name__}: {error}") if typed else Outcome()

    def _reads(self, keeps: pl.Expr) -> tuple[str, ...]:
        roots = dict.fromkeys(keeps.meta.root_names())
        known = tuple(name for name in roots if name in self.columns)
        return known or tuple(self.columns)


def _together(selected: Sequence[Any]) -> pl.Expr:
    import polars as pl

    parts = [part for some in selected for part in (some if isinstance(some, list | tuple) else [some])]
    alone = parts[0] if len(parts) == 1 and isinstance(parts[0], pl.Expr) else None
    return alone if alone is not None and not alone.meta.has_multiple_outputs() else pl.all_horizontal(*parts)


def _recording(lazyframe: type[pl.LazyFrame]) -> Any:
    class Recording(lazyframe):  # type: ignore[misc,valid-type]
        selected: tuple[Any, ...] = ()
        answer: Any = None

        def select(self, *exprs: Any, **named_exprs: Any) -> Any:
            self.selected = (*exprs, *named_exprs.values())
            self.answer = super().select(*exprs, **named_exprs)
            return self.answer

    return Recording


def row_by_row(function: Callable[[Any], Any], columns: Sequence[str]) -> pl.Expr:
    """An expression that asks a Python function about every value, a batch at a time; nulls are not asked."""
    import polars as pl

    def ask(values: pl.Series) -> pl.Series:
        answers = [None if value is None else bool(function(value)) for value in values]
        return pl.Series(values.name, answers, dtype=pl.Boolean)

    asked = [pl.col(name).map_batches(ask, return_dtype=pl.Boolean, is_elementwise=True) for name in columns]
    return asked[0] if len(asked) == 1 else pl.all_horizontal(*asked)


def whole_batches(column: str, dtype: Any) -> pl.Expr:
    """An expression that lets pandera convert a column to a type with rules of its own, a batch at a time."""
    import polars as pl

    def ask(values: pl.Series) -> pl.Series:
        from pandera.api.polars.types import PolarsData
        from pandera.config import ValidationDepth, config_context
        from pandera.constants import CHECK_OUTPUT_KEY
        from pandera.errors import ParserError

        try:
            with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
                dtype.try_coerce(PolarsData(values.to_frame(column).lazy(), column))
        except ParserError as error:
            output = error.parser_output
            frame = output.collect() if isinstance(output, pl.LazyFrame) else output
            return pl.Series(values.name, frame[CHECK_OUTPUT_KEY], dtype=pl.Boolean)
        return pl.Series(values.name, [True], dtype=pl.Boolean).new_from_index(0, len(values))

    return pl.col(column).map_batches(ask, return_dtype=pl.Boolean, is_elementwise=True)
