"""Answers: what a model said about a batch, cut into what each request gets, and counted for the metrics."""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.core.traffic import PREDICTION_EDGES, prediction_edge
from taxiway.engines.flavours import Prediction

if TYPE_CHECKING:
    import numpy as np

_MOST_ONE_BY_ONE = 64
VALUES, SCORES = "prediction", "score"
"""The names of a model's outputs."""


@dataclasses.dataclass(slots=True)
class Asked:
    """One request, read.

    Attributes:
        rows: what the model is asked about.
        count: how many rows.
        id: the request's own name, given back with the answer.
        wanted: the outputs it wants, and whether as bytes; all of them, as JSON, when it is None.
    """

    rows: Any
    count: int
    id: str = ""
    wanted: dict[str, bool] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers: the model's name, the version's number, and the labels it can give."""

    model: str
    version: int
    classes: tuple[Any, ...] = ()


def part(prediction: Prediction, start: int, count: int) -> Prediction:
    """The answers to some of the rows."""
    scores = None if prediction.scores is None else prediction.scores[start : start + count]
    return Prediction(prediction.values[start : start + count], scores, prediction.classes)


def checked(prediction: Prediction, rows: int) -> Prediction:
    """The prediction, if it has one answer per row.

    Raises:
        SpecError: it has not.
    """
    if len(prediction.values) != rows or (prediction.scores is not None and len(prediction.scores) != rows):
        raise SpecError(
            "the model did not give one answer per row",
            where="the model's predict",
            expected=rows,
            got=len(prediction.values),
        )
    return prediction


@dataclasses.dataclass(slots=True)
class Tally:
    """What the answers to a batch were.

    Attributes:
        invalid: rows whose prediction is NaN or infinite.
        bins: how many predicted numbers fell into each bin, by the index of its upper edge.
        labels: how often each label was given.
    """

    invalid: int = 0
    bins: Mapping[int, int] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)


def tally(prediction: Prediction) -> Tally:
    """What the answers were; numbers are a regressor's values, or of a classifier the second or the likeliest score."""
    labels = _labels(prediction)
    figures = _figures(prediction)
    if figures is None:
        return Tally(labels=labels)
    if len(figures) <= _MOST_ONE_BY_ONE:
        return _few(figures.tolist(), labels)
    return _many(figures, labels)


def _figures(prediction: Prediction) -> "np.ndarray[Any, Any] | None":
    import numpy as np

    scores = prediction.scores
    if scores is not None:
        return scores if scores.ndim == 1 else scores.max(axis=1)
    values = np.asarray(prediction.values)
    return values if values.dtype.kind in "fiu" and not prediction.classes else None


def _labels(prediction: Prediction) -> dict[str, int]:
    if not prediction.classes:
        return {}
    found: dict[str, int] = {}
    for label in prediction.values.tolist():
        name = str(label)
        found[name] = found.get(name, 0) + 1
    return found


def _few(figures: list[float], labels: Mapping[str, int]) -> Tally:
    bins: dict[int, int] = {}
    invalid = 0
    for figure in figures:
        if math.isfinite(figure):
            place = edge_index(figure)
            bins[place] = bins.get(place, 0) + 1
        else:
            invalid += 1
    return Tally(invalid, bins, labels)


def _many(figures: "np.ndarray[Any, Any]", labels: Mapping[str, int]) -> Tally:
    import numpy as np

    finite = np.isfinite(figures)
    places, counts = np.unique(np.searchsorted(PREDICTION_EDGES, figures[finite]), return_counts=True)
    bins = dict(zip(places.tolist(), counts.tolist(), strict=True))
    return Tally(int(len(figures) - finite.sum()), bins, labels)


_PLACES = {edge: place for place, edge in enumerate((*PREDICTION_EDGES, math.inf))}


def edge_index(value: float) -> int:
    """Which of `PREDICTION_EDGES` a number falls under; their number when it is above all of them."""
    return _PLACES[prediction_edge(value)]
