"""Named columns: the bodies of `POST /predict`, for people without a tensor in hand.

`{"rows": [{"hour": 7, "carrier": "UA"}, …]}` or `{"columns": {"hour": [7], "carrier": ["UA"]}}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from taxiway.engines.flavours import Prediction
from taxiway.runtime.serving.answers import Asked, Speaker
from taxiway.runtime.serving.inputs import Inputs, refused
from taxiway.runtime.serving.tensors import from_text

_EXPECTED = '{"rows": [{"column": value, …}, …]} or {"columns": {"column": [value, …], …}}'


def read(inputs: Inputs, body: bytes) -> Asked:
    """The request in a body.

    Raises:
        SpecError: it is none, or does not fit the model.
    """
    values, count, name = columns(inputs.names, body)
    return Asked(inputs.from_columns(values), count, name)


def columns(names: Sequence[str], body: bytes) -> tuple[dict[str, Sequence[Any]], int, str]:
    """The columns in a body as they were sent, how many rows there are, and the request's own name.

    Raises:
        SpecError: it is no request.
    """
    said = from_text(body)
    if not isinstance(said, dict) or ("rows" in said) == ("columns" in said):
        raise refused("this is not a request", expected=_EXPECTED)
    name = said.get("id", "")
    if not isinstance(name, str):
        raise refused("'id' is not text", got=repr(name)[:80])
    return (*_columns(names, said), name)


def write(speaker: Speaker, asked: Asked, said: Prediction) -> bytes:
    """The response: what the model said, row by row, and which version said it."""
    values = said.values.tolist()
    told: dict[str, Any] = {"id": asked.id} if asked.id else {}
    told |= {"model": speaker.model, "version": speaker.version, "predictions": values}
    if said.scores is not None:
        told["scores"] = said.scores.tolist()
        if said.scores.ndim > 1:
            told["classes"] = list(speaker.classes)
    return to_json(told, inf_nan_mode="null")


def _columns(names: Sequence[str], said: Mapping[str, Any]) -> tuple[dict[str, Sequence[Any]], int]:
    if "columns" in said:
        columns = said["columns"]
        if not isinstance(columns, dict) or not all(isinstance(values, list) for values in columns.values()):
            raise refused("'columns' does not name lists of values", expected=_EXPECTED)
        count = len(next((columns[name] for name in names or columns if name in columns), ()))
        if columns and not count:
            raise refused("there are no rows in it", expected=_EXPECTED)
        return columns, count
    rows = said["rows"]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise refused("'rows' is not a list of objects", expected=_EXPECTED)
    wanted = names or tuple(rows[0])
    if not all(any(name in row for row in rows) for name in wanted):
        return dict.fromkeys(rows[0], ()), len(rows)  # enough to say what is missing, and what there is
    return {name: _column(rows, name) for name in wanted}, len(rows)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        odd = next(number for number, row in enumerate(rows) if name not in row)
        raise refused(f"column {name!r} is missing in a row", got=f"row {odd + 1}") from None
