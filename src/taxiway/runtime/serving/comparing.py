"""Comparing: whether a shadow says the same as the answer that was given."""

import math
from typing import Any

from pydantic_core import from_json

from taxiway.engines.flavours import Prediction
from taxiway.runtime.serving.answers import SCORES, VALUES
from taxiway.runtime.serving.frames import Form
from taxiway.runtime.serving.tensors import DATATYPES, texts_of

RELATIVE, ABSOLUTE = 1e-3, 1e-5
"""Numbers closer than this differ by rounding."""


def differs(said: Prediction, form: int, given: bytes, header: int) -> bool:
    """Whether the predictions, not the scores, are other ones than those in a response.

    A response that holds no predictions, because the request wanted other outputs, differs from nothing.
    """
    values = outputs(form, given, header).get(VALUES)
    if values is None:
        return False
    ours = said.values.tolist()
    return len(ours) != len(values) or not all(map(_same, ours, values))


def outputs(form: int, given: bytes, header: int) -> dict[str, list[Any]]:
    """What a response says: the predictions and, row by row, the scores, as far as they were asked for."""
    if form == Form.NAMED:
        said = from_json(given)
        named = {VALUES: said.get("predictions"), SCORES: said.get("scores")}
        return {name: values for name, values in named.items() if isinstance(values, list)}
    found, at = {}, header
    for output in from_json(given[:header] if header else given).get("outputs", []):
        size = output.get("parameters", {}).get("binary_data_size")
        values = output["data"] if size is None else _numbers(output, given[at : at + size])
        width = math.prod(output["shape"][1:])
        found[output["name"]] = values if width == 1 else [values[i : i + width] for i in range(0, len(values), width)]
        at += size or 0
    return found


def _same(ours: Any, given: Any) -> bool:
    if given is None or given != given:  # noqa: PLR0124 - NaN is not itself, and in JSON it is null
        return ours is None or ours != ours  # noqa: PLR0124
    if isinstance(ours, float) and isinstance(given, float | int):
        return math.isclose(ours, given, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(ours == given or (isinstance(given, str) and str(ours) == given))


def _numbers(output: dict[str, Any], data: bytes) -> list[Any]:
    import numpy as np

    if output["datatype"] == "BYTES":
        return list(texts_of(data, math.prod(output["shape"]), VALUES))
    return list(np.frombuffer(data, DATATYPES[output["datatype"]]).tolist())
