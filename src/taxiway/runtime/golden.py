"""Golden requests: a few rows and the answers to them, kept inside a model's folder when it is trained.

A server asks the loaded model again before it gets traffic: other libraries, another processor or a half-broken
machine show here, and not in the answers to customers. The folder's digest covers them like the model itself.

No golden row is a row of the data: each column is turned by another number of rows, and columns whose values may not
be shown hold none. `golden/answers.json` holds the answers, column by column. `golden/requests.json` holds the rows in
the same way, so that a server without a data library can ask them; rows that JSON cannot say are `requests.arrow`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from taxiway.core.errors import IntegrityError

if TYPE_CHECKING:
    import polars as pl

    from taxiway.engines.flavours import Prediction

FOLDER = "golden"
"""Where they lie in a model's folder."""
RELATIVE, ABSOLUTE = 1e-3, 1e-5
"""How far a number may be from the one that was kept: other processors and batch sizes round otherwise."""
Columns = Mapping[str, Sequence[Any]]
_ANSWERS, _REQUESTS, _ARROW = "answers.json", "requests.json", "requests.arrow"
_VALUE = "value"
_MOST_SAID = 3


class Asked(Protocol):
    """Whatever answers rows."""

    def predict(self, rows: "pl.DataFrame") -> "Prediction":
        """One answer per row."""


def keep(model: Asked, rows: "pl.DataFrame", folder: Path, *, hidden: frozenset[str] = frozenset()) -> bool:
    """Writes golden requests made from `rows` into a model's folder; False when the model cannot answer such rows.

    A model that answers the same rows otherwise the second time keeps its requests without answers: it is only asked
    whether it answers at all.

    Args:
        model: the model, loaded from that folder.
        rows: a few rows it can be asked about, of the columns it reads.
        folder: of the model.
        hidden: columns whose values may not be shown.
    """
    requests = _turned(rows, hidden)
    try:
        first, again = _answers(model.predict(requests)), _answers(model.predict(requests))
    except Exception:  # noqa: BLE001 - any model may raise anything on rows that never were
        return False
    place = folder / FOLDER
    place.mkdir()
    said = _said(requests)
    if said is None:
        requests.write_ipc(place / _ARROW, compression="uncompressed")
    else:
        _write(place / _REQUESTS, said)
    _write(place / _ANSWERS, {} if _differences(first, again) else first)
    return True


def replay(model: Asked, folder: Path) -> int:
    """Asks a model its golden requests; gives how many there are, 0 when its folder has none.

    Raises:
        IntegrityError: it answers otherwise than at training, or not at all.
    """
    if not (folder / FOLDER).is_dir():
        return 0
    requests = _frame(folder / FOLDER)
    check(folder, lambda: model.predict(requests), requests.height)
    return requests.height


def columns(folder: Path) -> Columns | None:
    """The golden rows in a model's folder as columns of plain values; None when there are none that JSON can say."""
    path = folder / FOLDER / _REQUESTS
    return _read(path)["columns"] if path.is_file() else None


def check(folder: Path, ask: "Callable[[], Prediction]", count: int) -> None:
    """Refuses a model whose answers to its golden requests, which `ask` gives, are not the ones that were kept.

    Raises:
        IntegrityError: they are other ones, or there are none.
    """
    kept = _read(folder / FOLDER / _ANSWERS)
    try:
        given = _answers(ask())
    except Exception as error:
        raise _refused("it does not answer them at all", f"{type(error).__name__}: {error}") from error
    heights = {len(values) for values in given.values()}
    if heights != {count}:
        raise _refused(f"{count} answers", ", ".join(map(str, heights)))
    differ = _differences(kept, given) if kept else []
    if differ:
        raise _refused("the answers that were kept at training", "; ".join(differ[:_MOST_SAID]))


def _refused(expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        "the model does not answer its golden requests as it did when it was trained",
        where=f"{FOLDER}/ in the model's folder",
        expected=expected,
        got=got,
        do="Compare the libraries here with those it was trained with; do not serve it.",
    )


def _turned(rows: "pl.DataFrame", hidden: frozenset[str]) -> "pl.DataFrame":
    """The rows with every column moved down by another number of rows, and nothing in the hidden ones."""
    import polars as pl

    height = max(1, rows.height)
    return pl.DataFrame(
        [
            pl.Series(name, [None] * rows.height, dtype=rows.schema[name])
            if name in hidden
            else rows[name].gather([(row + number) % height for row in range(rows.height)])
            for number, name in enumerate(rows.columns)
        ]
    )


def _said(rows: "pl.DataFrame") -> dict[str, Any] | None:
    """The rows as JSON data; None when they hold something else than finite numbers, truth values and text."""
    held = rows.to_dict(as_series=False)
    if not all(_is_plain(value) for values in held.values() for value in values):
        return None
    return {"columns": held, "types": {name: str(dtype).partition("(")[0] for name, dtype in rows.schema.items()}}


def _is_plain(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float) else value is None or type(value) in (int, str, bool)


def _frame(place: Path) -> "pl.DataFrame":
    import polars as pl

    if (place / _ARROW).is_file():
        return pl.read_ipc(place / _ARROW)
    said = _read(place / _REQUESTS)
    known = {name: getattr(pl, kind) for name, kind in said["types"].items() if kind not in ("Categorical", "Enum")}
    return pl.DataFrame(said["columns"], schema_overrides=known)


def _answers(prediction: "Prediction") -> dict[str, list[Any]]:
    """The scores where there are any, else the values: a score close to one half may fall to either label."""
    import numpy as np

    if prediction.scores is None:
        return {_VALUE: np.asarray(prediction.values).tolist()}
    scores = np.asarray(prediction.scores, dtype=np.float64).reshape(len(prediction.values), -1)
    return {f"score {number}": column.tolist() for number, column in enumerate(scores.T)}


def _differences(kept: Columns, given: Columns) -> list[str]:
    """What is not the same in two sets of answers, in words."""
    if list(kept) != list(given):
        return [f"{len(given)} columns of {_height(given)} answers instead of {len(kept)} of {_height(kept)}"]
    pairs = (
        (row, *both) for name in kept for row, both in enumerate(zip(kept[name], given[name], strict=True), start=1)
    )
    return [f"request {row}: {b!r} instead of {a!r}" for row, a, b in pairs if not _same(a, b)]


def _height(answers: Columns) -> int:
    return max(map(len, answers.values()), default=0)


def _same(kept: Any, given: Any) -> bool:
    kept, given = _known(kept), _known(given)
    if isinstance(kept, float) and isinstance(given, float):
        return math.isclose(given, kept, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return isinstance(kept, float) == isinstance(given, float) and bool(kept == given)


def _known(value: Any) -> Any:
    """An answer as JSON says it: NaN is None, and what JSON cannot say is text."""
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, int | str) else str(value)


def _write(path: Path, data: Mapping[str, Any]) -> None:
    if path.name == _ANSWERS:
        data = {name: [_known(value) for value in values] for name, values in data.items()}
    path.write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(f"a file {path.name}", str(error)) from error
