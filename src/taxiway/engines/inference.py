"""Inference: a first contract for data, as source that a person reads, corrects and keeps."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from taxiway.core.errors import SpecError
from taxiway.engines.columns import read_columns, unreadable

if TYPE_CHECKING:
    import polars as pl

_MOST_LEVELS = 20
_ROWS_PER_LEVEL = 50
_LONGEST_LEVEL = 60
_FEWEST_FOR_UNIQUE = 100
_DIGITS = 2
_RESERVED = ("Config", "pa", "pl")


class _Facts(NamedTuple):
    """What the data says about one column; `nulls` are the missing values, NaN among them."""

    name: str
    dtype: pl.DataType
    rows: int
    nulls: int
    nans: int
    distinct: int
    low: Any
    high: Any
    levels: tuple[Any, ...]

    @property
    def values(self) -> int:
        return self.rows - self.nulls


def infer(data: pl.LazyFrame, name: str) -> str:
    """Python source of a pandera `DataFrameModel` called `name` that holds on this data.

    Says for each column its type, whether it may be null, the range of a number (rounded outward to two digits), the
    values of a small set of text, and whether values are unique; each only as far as the data supports it. Personal
    values never get into it as long as they are not one of a small set: read it before you share it.

    Raises:
        SpecError: the data is empty or cannot be read, or `name` cannot be the name of a class.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(
            "a contract is a class", where="infer", expected="a Python name, such as Flights", got=repr(name)
        )
    columns = read_columns(data)
    pattern = next((one for one in columns if one.startswith("^") and one.endswith("$")), None)
    if pattern is not None:
        raise SpecError("pandera reads this column's name as a pattern", where=f"column {pattern!r}", do="Rename it.")
    facts = list(_facts(data, columns))
    if not facts or not facts[0].rows:
        raise SpecError("a contract cannot be inferred from no rows", where=name, do="Point it at data that has some.")
    fields = [_field(one, attribute) for one, attribute in zip(facts, _attributes(columns), strict=True)]
    return "\n".join([*_header(name, facts), *fields, "", *_config()])


def _facts(data: pl.LazyFrame, columns: pl.Schema) -> Iterator[_Facts]:
    import polars as pl

    exprs: list[pl.Expr] = [pl.len().alias("rows")]
    for number, (name, dtype) in enumerate(columns.items()):
        nans = pl.col(name).is_nan().sum() if dtype.is_float() else pl.lit(0)
        exprs += [pl.col(name).null_count().alias(f"{number} nulls"), nans.alias(f"{number} nans")]
        exprs.append(_distinct(name, dtype).alias(f"{number} distinct"))
        if _ordered(dtype):
            value = pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)
            exprs += [value.min().alias(f"{number} low"), value.max().alias(f"{number} high")]
    try:
        found = data.select(exprs).collect(engine="streaming").row(0, named=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(error) from error
    small = [name for number, name in enumerate(columns) if _is_small(found, number, columns[name])]
    levels = _levels(data, small)
    for number, (name, dtype) in enumerate(columns.items()):
        yield _Facts(
            name,
            dtype,
            found["rows"],
            found[f"{number} nulls"] + found[f"{number} nans"],
            found[f"{number} nans"],
            found[f"{number} distinct"],
            found.get(f"{number} low"),
            found.get(f"{number} high"),
            levels.get(name, ()),
        )


def _distinct(name: str, dtype: pl.DataType) -> pl.Expr:
    """How many distinct values there are; 0 where that is not asked."""
    import polars as pl

    return pl.col(name).n_unique() if dtype.is_integer() or dtype == pl.String else pl.lit(0)


def _ordered(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype.is_float()


def _is_small(found: Mapping[str, Any], number: int, dtype: pl.DataType) -> bool:
    import polars as pl

    distinct = found[f"{number} distinct"]
    return dtype == pl.String and 0 < distinct <= _MOST_LEVELS and found["rows"] >= distinct * _ROWS_PER_LEVEL


def _levels(data: pl.LazyFrame, names: list[str]) -> dict[str, tuple[Any, ...]]:
    import polars as pl

    frames = pl.collect_all([data.select(pl.col(name).drop_nulls().unique()) for name in names], engine="streaming")
    found = {name: tuple(sorted(frame.to_series().to_list())) for name, frame in zip(names, frames, strict=True)}
    return {name: levels for name, levels in found.items() if all(len(level) <= _LONGEST_LEVEL for level in levels)}


def _attributes(columns: pl.Schema) -> Iterator[str]:
    """A Python name for each column: its own where it can be one."""
    import pandera.polars as pa

    taken = {*columns, *_RESERVED, *dir(pa.DataFrameModel)}
    for number, name in enumerate(columns):
        free = name not in _RESERVED and not hasattr(pa.DataFrameModel, name)
        if free and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_"):
            yield name
            continue
        wanted = f"column_{number}"
        while wanted in taken:
            wanted += "_"
        taken.add(wanted)
        yield wanted


def _field(facts: _Facts, attribute: str) -> str:
    said = []
    if attribute != facts.name:
        said.append(f"alias={facts.name!r}")
    if facts.nulls:
        said.append("nullable=True")
    if facts.values and facts.distinct == facts.rows >= _FEWEST_FOR_UNIQUE and not facts.nulls:
        said.append("unique=True")
    elif facts.levels:
        said.append(f"isin={list(facts.levels)!r}")
    elif facts.low is not None:
        said += _range(facts)
    field = f" = pa.Field({', '.join(said)})" if said else ""
    return f"    {attribute}: {_type(facts.dtype)}{field}{_remark(facts)}"


def _range(facts: _Facts) -> Iterator[str]:
    low = outward(facts.low, up=False)
    high = math.inf if facts.nans else outward(facts.high, up=True)  # a NaN is above every limit
    for word, value in (("ge", low), ("le", high)):
        if math.isfinite(value):
            yield f"{word}={value!r}"


def outward(value: float, *, up: bool) -> float:
    """`value` rounded to two digits away from the data: up for the largest, down for the smallest.

    Law: `outward(x, up=False) <= x <= outward(x, up=True)`; a whole number gives a whole number, and infinities and
    zero are given back.
    """
    if value == 0 or not math.isfinite(value):
        return value
    exact = Decimal(value)
    last = Decimal(1).scaleb(exact.adjusted() - _DIGITS + 1)
    rounded = exact.quantize(last, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    if isinstance(value, int):
        return int(rounded) if rounded == rounded.to_integral_value() else value
    return float(rounded)


def _type(dtype: pl.DataType) -> str:
    """A type as it is written in Python."""
    import polars as pl

    if isinstance(dtype, pl.List):
        return f"pl.List({_type(_instance(dtype.inner))})"
    if isinstance(dtype, pl.Array):
        return f"pl.Array({_type(_instance(dtype.inner))}, shape={dtype.size})"
    if isinstance(dtype, pl.Struct):
        fields = (f"{field.name!r}: {_type(_instance(field.dtype))}" for field in dtype.fields)
        return f"pl.Struct({{{', '.join(fields)}}})"
    return f"pl.{dtype!r}"


def _instance(dtype: Any) -> Any:
    return dtype() if isinstance(dtype, type) else dtype


def _remark(facts: _Facts) -> str:
    if not facts.values:
        return "  # every value is missing: is this the right type?"
    share = facts.nulls / facts.rows
    return f"  # {share:.1%} missing" if share else ""


def _header(name: str, facts: list[_Facts]) -> list[str]:
    return [
        f'"""A first contract, inferred from {facts[0].rows} rows: read it, correct it, keep it."""',
        "",
        "import pandera.polars as pa",
        "import polars as pl",
        "",
        "",
        f"class {name}(pa.DataFrameModel):",
        f'    """What {name} must look like."""',
        "",
    ]


def _config() -> list[str]:
    return [
        "    class Config:",
        '        """A column that is not named above is an error."""',
        "",
        "        strict = True",
        "",
    ]
