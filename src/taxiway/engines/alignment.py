"""Truth and answers in one language: the target and what each model says about it, over the same list of classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import SpecError
from taxiway.engines.flavours.base import Prediction
from taxiway.engines.metrics import Answers, Truth

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_BINARY = 2
_MOST_STRANGERS = 100


class Gathered:
    """What one model said, batch by batch, kept as small as it can be: codes of labels instead of labels."""

    def __init__(self) -> None:
        self.classes: tuple[Any, ...] = ()
        self._values: list[NDArray[Any]] = []
        self._scores: list[NDArray[np.float64] | None] = []

    def add(self, prediction: Prediction, rows: int) -> None:
        """Takes the answers about one batch.

        Raises:
            SpecError: they are not one per row, or the model's classes have changed.
        """
        if len(prediction.values) != rows or (prediction.scores is not None and len(prediction.scores) != rows):
            raise SpecError("the model did not give one answer per row", expected=rows, got=len(prediction.values))
        if self._values and prediction.classes != self.classes:
            raise SpecError("the model changed its classes", expected=self.classes, got=prediction.classes)
        self.classes = prediction.classes
        self._values.append(_codes(prediction.values, self.classes) if self.classes else prediction.values)
        self._scores.append(prediction.scores)

    def answers(self, universe: tuple[Any, ...]) -> Answers:
        """All of them, over a list of classes that holds the model's own; over none, as numbers."""
        import numpy as np

        values = np.concatenate(self._values)
        if not self.classes:
            return Answers(_numbers(values))
        place = np.array([universe.index(label) for label in self.classes], dtype=np.int32)
        codes = place[values]
        numeric = all(isinstance(label, int | float) for label in universe)
        numbers = np.array(universe, dtype=np.float64)[codes] if numeric else None
        return Answers(numbers, codes, self._spread(place, len(universe)))

    def _spread(self, place: "NDArray[np.int32]", classes: int) -> "NDArray[np.float64] | None":
        import numpy as np

        known = [scores for scores in self._scores if scores is not None]
        if len(known) != len(self._scores):
            return None
        scores = np.concatenate(known).astype(np.float64, copy=False)
        if scores.ndim == 1:
            scores = np.column_stack([1.0 - scores, scores])
        spread = np.zeros((len(scores), classes))
        spread[:, place] = scores
        return spread


def align(target: "pl.Series", gathered: Sequence[Gathered], positive: Any) -> tuple[Truth, list[Answers]]:
    """The truth and each model's answers, over every class that occurs or that a model knows, in ascending order.

    Raises:
        SpecError: the target holds nothing that the models know, or no such positive class.
    """
    import polars as pl

    numeric = target.dtype.is_numeric() or target.dtype == pl.Boolean
    values = target.cast(pl.Float64).to_numpy() if numeric else None
    known = {label for one in gathered for label in one.classes}
    if not known:
        return Truth(values), [one.answers(()) for one in gathered]
    levels = target.unique().to_list()
    _check_levels(target.name, levels, known)
    universe = tuple(sorted({*known, *levels}, key=lambda label: (isinstance(label, str), label)))
    codes = target.replace_strict(levels, [universe.index(level) for level in levels], return_dtype=pl.Int32).to_numpy()
    truth = Truth(values, codes, universe, _positive(universe, positive))
    return truth, [one.answers(universe) for one in gathered]


def _check_levels(name: str, levels: list[Any], known: set[Any]) -> None:
    strangers = [level for level in levels if level not in known]
    if not strangers or (len(strangers) < len(levels) and len(strangers) <= _MOST_STRANGERS):
        return
    raise SpecError(
        "the target does not hold what the model predicts",
        where=f"Evaluation.target {name!r}",
        expected=f"some of {', '.join(repr(label) for label in sorted(known, key=repr)[:10])}",
        got=", ".join(repr(level) for level in strangers[:10]),
        do="Name the column that the model was trained to predict, with the same labels.",
    )


def _positive(universe: tuple[Any, ...], positive: Any) -> int:
    if positive is None:
        return 1
    if positive not in universe:
        raise SpecError(
            "there is no such class",
            where="Evaluation.positive",
            expected=f"one of {', '.join(repr(label) for label in universe[:20])}",
            got=repr(positive),
            do="Name one of the target's values.",
        )
    return universe.index(positive)


def _codes(labels: "NDArray[Any]", classes: tuple[Any, ...]) -> "NDArray[np.int32]":
    import numpy as np

    order = np.argsort(np.asarray(classes), kind="stable")
    found = np.searchsorted(np.asarray(classes)[order], labels)
    codes = order[np.minimum(found, len(classes) - 1)]
    if not np.array_equal(np.asarray(classes)[codes], labels):
        got = sorted({str(label) for label in labels.tolist()} - {str(label) for label in classes})
        raise SpecError("the model gave a label that is none of its classes", expected=classes, got=", ".join(got[:10]))
    return codes.astype(np.int32)


def _numbers(values: "NDArray[Any]") -> "NDArray[np.float64] | None":
    return values.astype("float64") if values.dtype.kind in "biuf" else None
