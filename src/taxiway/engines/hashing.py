"""Hashing: numbers and pseudonyms made of values alone, the same in every process, release and machine.

Nothing here uses the hashes of polars, which may change from one release to the next. Numbers go through SplitMix64,
written as polars expressions; everything else through BLAKE2b, once per distinct value and batch.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    import polars as pl

_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(numbers: pl.Expr, seed: int) -> pl.Expr:
    """SplitMix64 of 64-bit numbers: UInt64, spread evenly, null where the number is."""
    import polars as pl

    def word(value: int) -> pl.Expr:
        return pl.lit(value & _MASK, dtype=pl.UInt64)

    def shifted(value: pl.Expr, bits: int) -> pl.Expr:
        return value ^ (value // word(2**bits))

    start = numbers.cast(pl.UInt64) + word(_offset(seed) + _STEP)
    return shifted(shifted(shifted(start, 30) * word(_FIRST), 27) * word(_SECOND), 31)


def mixed_number(number: int, seed: int) -> int:
    """What `mixed` gives for one number."""
    value = (number + _offset(seed) + _STEP) & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def _offset(seed: int) -> int:
    return mixed_number(seed, 0) if seed else 0


def hashed(column: str, dtype: pl.DataType, seed: int) -> pl.Expr:
    """A UInt64 for every value of a column; equal values have equal ones, and nulls are equal to each other.

    The width of a number and the unit of a time do not matter: 5 hashes alike as Int8 and as Int64.

    Raises:
        SpecError: the column holds lists, structs or objects.
    """
    import polars as pl

    _require_plain(column, dtype)
    numbers = _numbers(column, dtype)
    found = mixed(numbers, seed) if numbers is not None else _per_value(column, _digester(seed), pl.UInt64())
    return found.fill_null(pl.lit(mixed_number(_STEP, seed), dtype=pl.UInt64))


def pseudonyms(column: str, dtype: pl.DataType, key: bytes) -> pl.Expr:
    """32 hexadecimal digits in the place of every value, which nobody without the key can link to it; nulls stay.

    Equal values have equal pseudonyms, so a column can still be counted, grouped and joined by.

    Raises:
        SpecError: the column holds lists, structs or objects.
    """
    import polars as pl

    _require_plain(column, dtype)
    return _per_value(column, lambda value: _pseudonym(value, key), pl.String())


def pseudonym(value: object, key: bytes) -> str | None:
    """What `pseudonyms` puts in the place of one value, which is text, a number, a truth value or None."""
    return None if value is None else _pseudonym(_bytes(value), key)


def _pseudonym(value: bytes, key: bytes) -> str:
    return hashlib.blake2b(value, key=key, digest_size=16).hexdigest()


def _numbers(column: str, dtype: pl.DataType) -> pl.Expr | None:
    """The column as 64-bit numbers, where its type has an obvious one."""
    import polars as pl

    value = pl.col(column)
    if (dtype.is_unsigned_integer() and dtype != pl.UInt128) or dtype == pl.Boolean:
        return value.cast(pl.UInt64)
    if dtype.is_signed_integer() and dtype != pl.Int128:
        return value.cast(pl.Int64).reinterpret(signed=False)
    if dtype == pl.Date:
        return value.cast(pl.Int64).reinterpret(signed=False)
    if isinstance(dtype, pl.Datetime):
        return value.dt.epoch("us").reinterpret(signed=False)
    return None


def _digester(seed: int) -> Callable[[bytes], int]:
    key = mixed_number(seed, 0).to_bytes(8, "big")
    return lambda value: int.from_bytes(hashlib.blake2b(value, key=key, digest_size=8).digest(), "big")


def _per_value(column: str, give: Callable[[bytes], Any], dtype: pl.DataType) -> pl.Expr:
    import polars as pl

    def ask(values: pl.Series) -> pl.Series:
        known = values.unique().drop_nulls()
        given = pl.Series([give(_bytes(value)) for value in known.to_list()], dtype=dtype)
        return values.replace_strict(known, given, default=None, return_dtype=dtype)

    return pl.col(column).map_batches(ask, return_dtype=dtype, is_elementwise=True)


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return struct.pack(">d", float("nan") if value != value else value + 0.0)  # noqa: PLR0124 - NaN is not itself
    if isinstance(value, Decimal):
        return f"{value.normalize():f}".encode()
    return str(value).encode("utf-8", "surrogatepass")


def _require_plain(column: str, dtype: pl.DataType) -> None:
    import polars as pl

    if dtype.is_nested() or dtype == pl.Object:
        raise SpecError(
            "only plain values can be hashed",
            where=f"column {column!r}",
            expected="numbers, text, times or bytes",
            got=str(dtype),
            do="Name a field of it as a column of its own, or drop the column.",
        )
