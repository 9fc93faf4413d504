"""What every flavour does, what every loaded model can do, and what both have in common."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import nearest
from taxiway.core.training import Column

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


class Prediction(NamedTuple):
    """What a model says about some rows, in their order.

    Attributes:
        values: of a classifier the labels, of a regressor the numbers; one per row.
        scores: of a classifier with probabilities: of two classes that of the second, shape (rows,); of more classes
            one column each, shape (rows, classes); else none.
        classes: the labels a classifier can give, in the order of the scores; empty for a regressor.
    """

    values: "np.ndarray[Any, Any]"
    scores: "np.ndarray[Any, Any] | None" = None
    classes: tuple[Any, ...] = ()


class Predictor(Protocol):
    """A loaded model."""

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        """One answer per row; the columns are picked by name, others are ignored.

        Raises:
            SpecError: a column the model reads is missing or of another type.
        """


@runtime_checkable
class ArrayPredictor(Protocol):
    """A loaded model that can also be asked without a DataFrame, which a server does: it is faster and needs less."""

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        """One answer per row of a matrix whose columns are the model's inputs, in its order.

        It holds numbers, NaN where one is missing; if an input is text, it holds objects, None for missing text.
        """


class Flavour(Protocol):
    """How one kind of model becomes a folder of files, and a folder a model again."""

    def recognises(self, model: object) -> bool:
        """Whether a model is of this kind; must not import the library of the kind."""

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:
        """The names of the columns the model reads, in order; their number if it knows no names; None if neither.

        No names at all, `()`, means that it takes whole rows and picks for itself.
        """

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:
        """Writes a model into an empty folder; True if what was written can run code when it is loaded.

        Raises:
            SpecError: the model cannot be saved, or only with pickle and that was not allowed.
        """

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:
        """The model that `save` wrote; its predictor is given exactly the columns of `inputs`, in their order.

        Raises:
            IntegrityError: the files are not what a model of this kind consists of, or would run code unannounced.
        """


def select(rows: "pl.DataFrame", inputs: tuple[Column, ...]) -> "pl.DataFrame":
    """The columns of `inputs`, in that order; all of `rows` when there are none.

    Raises:
        SpecError: one is missing (the nearest name is offered) or holds numbers where there was text, or the reverse.
    """
    for column in inputs:
        if column.name not in rows.columns:
            raise SpecError(
                f"column {column.name!r} is missing",
                where="the rows to predict",
                expected=f"the {len(inputs)} columns the model was trained on",
                got=", ".join(rows.columns),
                do=nearest(column.name, rows.columns) or "Give the model the columns it was trained on.",
            )
        got = rows.schema[column.name]
        if _kind(str(got)) not in (_kind(column.dtype), "Null"):
            raise SpecError(
                f"column {column.name!r} is of another type",
                where="the rows to predict",
                expected=column.dtype,
                got=str(got),
                do="Give the model the types it was trained on.",
            )
    return rows.select(column.name for column in inputs) if inputs else rows


def _kind(dtype: str) -> str:
    name = dtype.partition("(")[0]
    if name.startswith(("Int", "UInt", "Float", "Decimal")) or name == "Boolean":
        return "number"
    return "text" if name in ("String", "Categorical", "Enum") else name


def needs(module: str, extra: str) -> Any:
    """An optional library.

    Raises:
        SpecError: it is not installed; the remedy is the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SpecError(
            f"models of this kind need {module.partition('.')[0]}, which is not installed",
            where=f"flavour {extra!r}",
            got=str(error),
            do=f"Run: pip install 'taxiway[{extra}]'",
        ) from error


def derives_from(model: object, *names: str) -> bool:
    """Whether a model's class, or one it derives from, has one of these full names; imports nothing."""
    return any(f"{base.__module__}.{base.__qualname__}" in names for base in type(model).__mro__)


def classified(labels: "np.ndarray[Any, Any] | None", probabilities: Any, classes: Any) -> Prediction:
    """A classifier's prediction from its matrix of probabilities; without labels, the likeliest class of each row."""
    import numpy as np

    known = np.asarray(classes)
    matrix = np.asarray(probabilities, dtype=np.float64)
    values = known[matrix.argmax(axis=1)] if labels is None else labels
    scores = matrix[:, 1] if matrix.shape[1] == 2 else matrix  # noqa: PLR2004
    return Prediction(values, scores, tuple(known.tolist()))


def describe(folder: Path, about: dict[str, Any]) -> None:
    """Writes what a loader must know besides the model's own file."""
    (folder / "model.json").write_text(json.dumps(about, sort_keys=True, ensure_ascii=False), encoding="utf-8")


def described(folder: Path) -> dict[str, Any]:
    """What `describe` wrote.

    Raises:
        IntegrityError: it is missing or not a JSON object.
    """
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError("the model's description is unreadable", where="model.json", got=str(error)) from error
    if not isinstance(about, dict):
        raise IntegrityError("the model's description is not an object", where="model.json", got=str(about))
    return about


def matrix(rows: "pl.DataFrame") -> "np.ndarray[Any, Any]":
    """Rows as one matrix of 64-bit floats; missing values are NaN.

    Raises:
        SpecError: a column holds no numbers.
    """
    import polars as pl

    for name, dtype in rows.schema.items():
        if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
            raise SpecError(
                f"column {name!r} holds no numbers",
                where="the rows to predict",
                expected="numbers only, for a model of this kind",
                got=str(dtype),
                do="Encode it before training, in the dataset or in the model itself.",
            )
    return rows.cast(pl.Float64).to_numpy()


def floats(rows: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """A matrix as 64-bit floats.

    Raises:
        SpecError: it holds anything but numbers.
    """
    import numpy as np

    try:
        return np.ascontiguousarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpecError(
            "there are other things than numbers",
            where="the rows to predict",
            expected="numbers only, for a model of this kind",
            got=str(error),
            do="Encode them before training, in the dataset or in the model itself.",
        ) from None
