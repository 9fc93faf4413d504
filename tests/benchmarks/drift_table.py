"""How often a window without drift is called drifted, and one with drift is seen; ours beside Evidently's defaults.

The reference has as many rows as the window, which is the hardest case. A window is called drifted when any of its
columns is. Everything goes the whole way: a table, its profile, and the comparison.
"""

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import polars as pl

from taxiway.core.outcomes import Outcome
from taxiway.core.specs.monitoring import Drift
from taxiway.engines.drift import compare
from taxiway.engines.profiles import profile, reference

SIZES = (200, 1_000, 5_000, 100_000)
COLUMNS = (5, 50)
SHIFTS = (0.1, 0.2, 0.5)
_ASKED = Drift()
_LARGE = 100_000
_THEIRS = 1_000
"""So many columns are enough to see how often Evidently calls one drifted."""

Draw = Callable[[np.random.Generator, int], np.ndarray | pl.Series]


class Rates(NamedTuple):
    """Of windows, how many are called drifted; `each` is of Evidently's columns, one by one."""

    ours: float
    theirs: float
    each: float = math.nan


def _levels(count: int) -> Draw:
    weights = np.arange(1, count + 1) ** -0.7
    names = pl.Series([f"level {n}" for n in range(count)])
    return lambda random, rows: names.gather(random.choice(count, rows, p=weights / weights.sum()))


KINDS: dict[str, Draw] = {
    "normal": lambda random, rows: random.normal(size=rows),
    "lognormal": lambda random, rows: random.lognormal(size=rows),
    "heavy tail": lambda random, rows: random.standard_t(2, rows),
    "10 levels": _levels(10),
    "50 levels": _levels(50),
    "200 levels": _levels(200),
}
_DEVIATIONS = {"normal": 1.0, "lognormal": math.sqrt((math.e - 1) * math.e), "heavy tail": 1.0}
"""The heavy tail has no deviation: it is moved by shares of its scale."""


def cell(kind: str, rows: int, columns: int, repetitions: int) -> Rates:
    """The rates of false alarms."""
    random = np.random.default_rng([rows, columns, len(kind)])
    count = _enough(rows * columns, repetitions)
    pairs = (_tables(random, KINDS[kind], rows, columns) for _ in range(count))
    found = [(_drifted(*pair), _evidently(*pair) if n * columns < _THEIRS else []) for n, pair in enumerate(pairs)]
    ours = [any(one) for one, _ in found]
    theirs = [one for _, one in found if one]
    return Rates(float(np.mean(ours)), float(np.mean([any(one) for one in theirs])), float(np.mean(theirs)))


def power(kind: str, rows: int, shift: float | None, repetitions: int) -> Rates:
    """How often a shift of one of five columns is seen; without a number, its two most frequent levels are swapped."""
    random = np.random.default_rng([rows, 7, len(kind)])
    found = []
    for _ in range(_enough(rows * 5, repetitions)):
        before, now = _tables(random, KINDS[kind], rows, 5)
        now = _moved(now, kind, shift)
        found.append((_drifted(before, now)[0], _evidently(before.select("c0"), now.select("c0"))[0]))
    return Rates(*np.mean(found, axis=0))


def markdown(repetitions: int, workers: int) -> str:
    """Both tables."""
    alarms = list(itertools.product(KINDS, SIZES))
    powers = [(kind, rows, shift) for kind, rows in alarms for shift in (SHIFTS if kind in _DEVIATIONS else (None,))]
    with ProcessPoolExecutor(workers) as pool:
        moved = pool.map(_power_line, powers, itertools.repeat(repetitions))
        still = list(pool.map(_alarm_line, alarms, itertools.repeat(repetitions)))
    lines = [
        "| columns | rows | ours: 5 columns | 50 columns | Evidently: each column | 5 columns | 50 columns |",
        "|---|---|---|---|---|---|---|",
        *still,
        "",
        "| columns | rows | change | ours | Evidently |",
        "|---|---|---|---|---|",
        *moved,
    ]
    return "\n".join(lines) + "\n"


def _alarm_line(of: tuple[str, int], repetitions: int) -> str:
    kind, rows = of
    few, many = (cell(kind, rows, columns, repetitions) for columns in COLUMNS)
    rates = few.ours, many.ours, many.each, few.theirs, many.theirs
    shown = " | ".join(f"{100 * rate:.1f} %" for rate in rates)
    return _said(f"| {kind} | {rows:,} | {shown} |")


def _power_line(of: tuple[str, int, float | None], repetitions: int) -> str:
    kind, rows, shift = of
    rates = power(kind, rows, shift, repetitions)
    change = f"+ {shift:g} deviations" if shift else "two levels swapped"
    return _said(f"| {kind} | {rows:,} | {change} | {100 * rates.ours:.0f} % | {100 * rates.theirs:.0f} % |")


def _said(line: str) -> str:
    print(line, flush=True)
    return line


def _enough(cells: int, repetitions: int) -> int:
    """Fewer repetitions, but 100, of what takes long."""
    return repetitions if cells < _LARGE else max(100, repetitions // 4)


def _tables(random: np.random.Generator, draw: Draw, rows: int, columns: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    return tuple(pl.DataFrame({f"c{n}": draw(random, rows) for n in range(columns)}) for _ in range(2))


def _moved(data: pl.DataFrame, kind: str, shift: float | None, column: str = "c0") -> pl.DataFrame:
    if shift is None:
        return data.with_columns(pl.col(column).replace({"level 0": "level 1", "level 1": "level 0"}))
    return data.with_columns(pl.col(column) + shift * _DEVIATIONS[kind])


def _drifted(before: pl.DataFrame, now: pl.DataFrame) -> list[bool]:
    at = reference(before.lazy())
    return [one.outcome is Outcome.FAIL for one in compare(at, profile(now.lazy(), at), _ASKED).columns]


def _evidently(before: pl.DataFrame, now: pl.DataFrame) -> list[bool]:
    """What Evidently's default tests say; its preset gives the same answers, and takes a hundred times as long.

    Text counts as categories, whatever the number of levels.
    """
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    found = []
    for name, dtype in before.schema.items():
        sides = before[name].to_pandas(), now[name].to_pandas()
        kind = ColumnType.Numerical if dtype.is_numeric() else ColumnType.Categorical
        found.append(bool(get_stattest(*sides, kind, None)(*sides, kind, None).drifted))
    return found
