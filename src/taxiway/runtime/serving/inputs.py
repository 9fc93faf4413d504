"""Inputs: what a request says, as the rows that a model is asked about, or a sentence about what is wrong with it."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.core.names import nearest
from taxiway.core.training import Column

if TYPE_CHECKING:
    import numpy as np

_NUMBERS = ("Int", "UInt", "Float", "Decimal")
_TEXTS = ("String", "Categorical", "Enum")
_TIMES = {"Date": "to_date", "Datetime": "to_datetime", "Time": "to_time"}
_NOTHING = type(None)
_WHERE = "the request"
Rows = Any
"""What a model is asked about: a matrix of numbers, a matrix of objects, or a polars DataFrame."""


def refused(what: str, *, where: str = _WHERE, expected: object = "", got: object = "", do: str = "") -> SpecError:
    """The error for a request that does not fit the model; it is answered with 400 and this sentence."""
    return SpecError(what, where=where, expected=expected, got=got, do=do)


class Inputs:
    """What one version reads, and how requests become its rows.

    Attributes:
        columns: the model's inputs, in its order; empty when it takes whole rows.
        arrays: rows are matrices; else they are polars DataFrames.

    Args:
        columns: see above.
        arrays: whether the model takes matrices.
        personal: the column policy of the data it was trained on: hashed columns are hashed here, too.
        key: of the pseudonyms.

    Raises:
        SpecError: the model needs DataFrames and polars is not installed.
    """

    def __init__(
        self, columns: Sequence[Column], *, arrays: bool, personal: Mapping[str, str] | None = None, key: bytes = b""
    ) -> None:
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in columns)
        kinds = [kind_of(column.dtype) for column in columns]
        self._hashed = {name for name, action in (personal or {}).items() if action == "hash" and key}
        self._dropped = {name for name, action in (personal or {}).items() if action == "drop"}
        self._key = key
        self.arrays = arrays and bool(columns) and all(kind in ("number", "truth", "text") for kind in kinds)
        self.numeric = self.arrays and "text" not in kinds and self._hashed.isdisjoint(self.names)
        self._readers = [_reader(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        if not self.arrays:
            _require_polars()
        self._dtype = self._matrix_dtype() if self.numeric else None

    def from_columns(self, given: Mapping[str, Sequence[Any]]) -> Rows:
        """The rows of columns of plain values; columns that the model does not read are ignored.

        Raises:
            SpecError: a column is missing, of another length, or holds what the model cannot read.
        """
        lengths = {name: len(given[name]) for name in self.names or given if name in given}
        if not lengths and not self.names:
            raise refused("there are no columns in it", do="Name the columns and their values.")
        for name in self.names:
            if name not in given:
                raise self._missing(name, given)
        height = next(iter(lengths.values()))
        odd = next((name for name, length in lengths.items() if length != height), None)
        if odd is not None:
            raise refused(f"column {odd!r} is of another length", expected=height, got=lengths[odd])
        if self.arrays:
            return self._matrix(given, height)
        return self._frame(given)

    def from_matrix(self, values: "np.ndarray[Any, Any]") -> Rows:
        """The rows of a matrix of numbers whose columns are the model's, in its order.

        Raises:
            SpecError: the model does not read numbers alone, or reads another number of columns.
        """
        if not self.names:
            raise refused("this model names no inputs, so it cannot read a bare matrix", do="Send named columns.")
        if values.shape[1] != len(self.names):
            raise refused(
                "the matrix has another width than the model has inputs",
                expected=f"{len(self.names)} columns: {', '.join(self.names)}",
                got=f"{values.shape[1]} columns",
            )
        if self.numeric:
            return values.astype(self._dtype, copy=False)
        return self.from_columns({name: values[:, place].tolist() for place, name in enumerate(self.names)})

    def gather(self, several: Sequence[Rows]) -> Rows:
        """The rows of several requests as one."""
        if len(several) == 1:
            return several[0]
        if self.arrays:
            import numpy as np

            return np.concatenate(several)
        import polars as pl

        return pl.concat(several, how="vertical_relaxed")

    def _matrix(self, given: Mapping[str, Sequence[Any]], height: int) -> "np.ndarray[Any, Any]":
        import numpy as np

        matrix = np.empty((height, len(self.names)), dtype=self._dtype or object)
        for place, (name, read) in enumerate(zip(self.names, self._readers, strict=True)):
            matrix[:, place] = self._hidden(name, given[name]) if name in self._hashed else read(given[name])
        return matrix

    def _frame(self, given: Mapping[str, Sequence[Any]]) -> Rows:
        import polars as pl

        if not self.names:
            kept = {name: values for name, values in given.items() if name not in self._dropped}
            hidden = {name: self._hidden(name, values) for name, values in kept.items() if name in self._hashed}
            return _whole_rows(kept | hidden)
        made = []
        for column, read in zip(self.columns, self._readers, strict=True):
            if column.name in self._hashed:
                made.append(pl.Series(column.name, self._hidden(column.name, given[column.name]), dtype=pl.String))
            else:
                made.append(_series(column, read(given[column.name])))
        return pl.DataFrame(made)

    def _hidden(self, name: str, values: Sequence[Any]) -> list[str | None]:
        from taxiway.engines.hashing import pseudonym

        odd = next((value for value in values if not isinstance(value, str | int | float | None)), None)
        if odd is not None:
            raise refused("this is no plain value", where=f"column {name!r}", got=repr(odd)[:80])
        return [pseudonym(value, self._key) for value in values]

    def _matrix_dtype(self) -> "np.dtype[Any]":
        """What polars would make of these columns: the narrowest type that holds all of them."""
        import numpy as np

        found = np.result_type(*(_numpy_dtype(column.dtype) for column in self.columns))
        return found if found.kind == "f" else np.dtype(np.float64)

    def _missing(self, name: str, given: Mapping[str, Any]) -> SpecError:
        return refused(
            f"column {name!r} is missing",
            expected=f"the {len(self.names)} columns the model was trained on: {', '.join(self.names)}",
            got=", ".join(map(str, given)) or "none",
            do=nearest(name, [str(one) for one in given]),
        )


def kind_of(dtype: str) -> str:
    """What a polars type is to a request: `number`, `truth`, `text`, `time` or `other`."""
    name = dtype.partition("(")[0]
    if name.startswith(_NUMBERS):
        return "number"
    if name == "Boolean":
        return "truth"
    if name in _TEXTS:
        return "text"
    return "time" if name in _TIMES else "other"


def numbers(values: Sequence[Any], where: str, *, truths: bool = False) -> "np.ndarray[Any, Any]":
    """Plain numbers as 64-bit floats; None becomes NaN.

    Raises:
        SpecError: there are other things among them, or an infinity.
    """
    import numpy as np

    kinds = set(map(type, values))
    odd = kinds - ({float, int, _NOTHING, bool} if truths else {float, int, _NOTHING})
    if odd:
        wrong = next(value for value in values if type(value) in odd)
        raise refused("this is not a number", where=where, expected="a number, or null", got=repr(wrong)[:80])
    try:
        found = np.asarray(values, dtype=np.float64)
    except OverflowError:
        raise refused("a number is too large", where=where) from None
    if not np.isfinite(found).all() and (_NOTHING not in kinds or not all(map(_finite, values))):
        raise refused("NaN and infinity are not numbers", where=where, do="Send null for a missing value.")
    return found


def _finite(value: Any) -> bool:
    return value is None or math.isfinite(value)


def _texts(values: Sequence[Any], where: str) -> Sequence[Any]:
    odd = set(map(type, values)) - {str, _NOTHING}
    if odd:
        wrong = next(value for value in values if type(value) in odd)
        raise refused("this is not text", where=where, expected="text, or null", got=repr(wrong)[:80])
    return values


def _reader(column: Column, kind: str) -> Callable[[Sequence[Any]], Any]:
    where = f"column {column.name!r}"
    if kind in ("number", "truth"):
        return lambda values: numbers(values, where, truths=kind == "truth")
    if kind in ("text", "time"):
        return lambda values: _texts(values, where)
    return lambda values: values


def _numpy_dtype(dtype: str) -> Any:
    import numpy as np

    name = dtype.partition("(")[0].lower()
    return np.dtype({"boolean": "bool", "decimal": "float64", "int128": "float64"}.get(name, name))


def _series(column: Column, values: Any) -> Any:
    """A column of the type it had in training."""
    import polars as pl

    name = column.dtype.partition("(")[0]
    method = _TIMES.get(name)
    try:
        if method is not None:
            text = pl.Series(column.name, list(values), dtype=pl.String)
            return getattr(text.str, method)(strict=True)
        if kind_of(column.dtype) == "number":
            found = pl.Series(column.name, values, nan_to_null=True)
            return found.cast(pl.Float64 if name == "Decimal" else getattr(pl, name), strict=False)
        if name == "Boolean":
            return pl.Series(column.name, values, nan_to_null=True).cast(pl.Boolean)
        return pl.Series(column.name, list(values), dtype=pl.String if name in _TEXTS else None)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise refused(
            "this cannot be read", where=f"column {column.name!r}", expected=column.dtype, got=str(error)
        ) from None


def _whole_rows(given: Mapping[str, Sequence[Any]]) -> Any:
    import polars as pl

    try:
        return pl.DataFrame({name: list(values) for name, values in given.items()}, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise refused("these columns cannot be read", got=str(error)) from None


def _require_polars() -> None:
    try:
        import_module("polars")
    except ImportError as error:
        raise SpecError(
            "models of this kind are asked with DataFrames, and polars is not installed",
            where="the server",
            got=str(error),
            do="Run: pip install 'taxiway[data]', or build the image with --build-arg EXTRAS=serve,sklearn,data",
        ) from error


def flat(data: Any, size: int, where: str) -> list[Any]:
    """The values of a tensor, in row-major order, however deep they are nested.

    Raises:
        SpecError: there are more or fewer than its shape says.
    """
    while isinstance(data, list) and data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise refused("the values are nested unevenly", where=where)
        data = list(itertools.chain.from_iterable(data))
    if not isinstance(data, list) or len(data) != size:
        got = f"{len(data)} values" if isinstance(data, list) else type(data).__name__
        raise refused("the data does not fit the shape", where=where, expected=f"{size} values", got=got)
    return data
