"""Distinct: how many different whole numbers a column has, with one byte per number of its range.

A hash set costs about 40 bytes and 100 ns per value. Ids are mostly numbers from a range that is not much larger than
their count; for those a flag per number of the range costs a tenth of both. Where the range is too large this gives up
and says so.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

WIDEST_RANGE = 2**27
_LOOK_AT_ROWS = 4096


class Seen:
    """The different values of one column of whole numbers, over batches that come in any order from several threads.

    Attributes:
        given_up: the values lie too far apart; nothing is known.
    """

    def __init__(self) -> None:
        self.given_up = False
        self._low = 0
        self._flags: Any = None
        self._lock = threading.Lock()

    def expression(self, column: str) -> pl.Expr:
        """An aggregation to put into a pass over the column; its own value means nothing."""
        import polars as pl

        return pl.col(column).map_batches(self._add, return_dtype=pl.Boolean, is_elementwise=True).sum()

    def count(self) -> int:
        """How many different values there were, nulls not counted."""
        return int(self._flags.sum()) if self._flags is not None else 0

    def _add(self, values: pl.Series) -> pl.Series:
        import polars as pl

        if not self.given_up and values.len() > values.null_count():
            numbers = values.drop_nulls().cast(pl.Int64).to_numpy()
            with self._lock:
                self._make_room(int(numbers.min()), int(numbers.max()))
                if not self.given_up:
                    self._flags[numbers - self._low] = True
        return pl.repeat(value=False, n=values.len(), dtype=pl.Boolean, eager=True)

    def _make_room(self, low: int, high: int) -> None:
        import numpy as np

        if self._flags is not None:
            if self._low <= low and high < self._low + len(self._flags):
                return
            low, high = min(low, self._low), max(high, self._low + len(self._flags) - 1)
        width = high - low + 1
        if width > WIDEST_RANGE:
            self.given_up, self._flags = True, None
            return
        slack = min(width, (WIDEST_RANGE - width) // 2)
        low -= slack
        flags = np.zeros(width + 2 * slack, dtype=np.bool_)
        if self._flags is not None:
            start = self._low - low
            flags[start : start + len(self._flags)] = self._flags
        self._low, self._flags = low, flags


def narrow(data: pl.LazyFrame, columns: list[str]) -> set[str]:
    """Those of the columns whose first values are whole numbers close enough together for `Seen`."""
    import polars as pl

    types = data.collect_schema()
    whole = [
        name for name in columns if types[name].is_integer() and types[name] not in (pl.UInt64, pl.Int128, pl.UInt128)
    ]
    if not whole or not _has_numpy():
        return set()
    first = data.select(whole).head(_LOOK_AT_ROWS).collect(engine="streaming")
    return {name for name in whole if _range(first[name]) <= WIDEST_RANGE}


def _range(values: pl.Series) -> int:
    low, high = values.min(), values.max()
    return int(high) - int(low) if isinstance(low, int) and isinstance(high, int) else 0


def _has_numpy() -> bool:
    import importlib.util

    return importlib.util.find_spec("numpy") is not None
