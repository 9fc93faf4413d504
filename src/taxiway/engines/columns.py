"""What is asked of any table before its rows are: which columns it has, and which names are free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    import polars as pl


def read_columns(data: pl.LazyFrame) -> pl.Schema:
    """The columns of a table and their types.

    Raises:
        SpecError: the data cannot be read.
    """
    import polars as pl

    try:
        return data.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> SpecError:
    """The error for data that polars cannot read."""
    return SpecError(
        "the data cannot be read",
        got=f"{type(error).__name__}: {error}",
        do="Check that every file is whole, of the same format, and has the same columns.",
    )


def unused(wanted: str, taken: Iterable[str]) -> str:
    """A name for a column that is not taken: `wanted`, with as many `_` behind it as it needs."""
    names = set(taken)
    while wanted in names:
        wanted += "_"
    return wanted
