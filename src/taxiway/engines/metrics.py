"""The metrics, vectorised over many weightings of the same rows at once.

Each metric becomes a statistic: a function of a matrix of weights, one weighting per line, to one number per line. All
ones gives the metric itself, counts of a resample give its bootstrap. Values agree with scikit-learn's functions of the
same name with `sample_weight`; where scikit-learn would make a number up, the statistic is NaN.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from taxiway.core.metrics import METRICS, Needs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int32]

_FEW = 4
"""Up to so many classes the confusion matrix is a matrix product, beyond it is counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What the rows really are.

    Attributes:
        values: as numbers; none when they are not numbers.
        codes: as positions in `classes`; none for a regression.
        classes: every label that occurs in the data or that a model can give.
        positive: the position of the positive one of two classes.
    """

    values: "Floats | None"
    codes: "Codes | None" = None
    classes: tuple[Any, ...] = ()
    positive: int = 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.codes if self.codes is not None else self.values if self.values is not None else ())

    def take(self, rows: "NDArray[np.int64]") -> "Truth":
        """The same of some rows only."""
        return dataclasses.replace(self, values=_take(self.values, rows), codes=_take(self.codes, rows))


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """What one model says about the rows; `scores` has one column per class, in the order of `Truth.classes`."""

    values: "Floats | None"
    codes: "Codes | None" = None
    scores: "Floats | None" = None

    def take(self, rows: "NDArray[np.int64]") -> "Answers":
        """The same of some rows only."""
        return Answers(_take(self.values, rows), _take(self.codes, rows), _take(self.scores, rows))


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """A statistic that depends on the rows only through weighted sums of `columns`, shape (rows, sums)."""

    columns: "Floats"
    finish: "Callable[[Floats], Floats]"
    note: str = ""

    def of(self, weights: "NDArray[Any]") -> "Floats":
        """One value per line of weights."""
        return self.finish(weights.astype("float64", copy=False) @ self.columns)


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """A statistic that needs all rows at once."""

    function: "Callable[[NDArray[Any]], Floats]"
    note: str = ""

    def of(self, weights: "NDArray[Any]") -> "Floats":
        """One value per line of weights."""
        return self.function(weights)


Statistic: TypeAlias = Sums | Whole
"""One metric of one model on fixed rows."""


def statistic(name: str, truth: Truth, answers: Answers) -> Statistic | str:
    """A metric of the table, ready for any weights; or the sentence why it cannot be measured."""
    metric = METRICS[name]
    sign = -1.0 if name.startswith("neg_") else 1.0
    if metric.needs is Needs.VALUE:
        return _of_values(metric.sklearn, truth, answers, sign)
    if truth.codes is None or answers.codes is None:
        return "the model gives numbers, not classes"
    if metric.needs is Needs.LABEL:
        return _of_labels(metric.sklearn, truth, answers.codes)
    if answers.scores is None:
        return "the model gives no probabilities"
    return _of_scores(metric.sklearn, truth, answers.scores, sign)


def _of_values(name: str, truth: Truth, answers: Answers, sign: float) -> Statistic | str:
    import numpy as np

    if truth.values is None or answers.values is None:
        return "the target or the answers are not numbers"
    if bad := int(np.count_nonzero(~np.isfinite(answers.values))):
        return f"the model gave NaN or infinity for {bad} of {len(answers.values)} rows"
    error = truth.values - answers.values
    if name == "median_absolute_error":
        return Whole(_median(np.abs(error), sign))
    centred = truth.values - truth.values.mean()
    table: dict[str, tuple[tuple[Floats, ...], Callable[[Floats], Floats]]] = {
        "mean_absolute_error": ((np.abs(error),), lambda s: sign * _ratio(s[:, 0], s[:, -1])),
        "mean_squared_error": ((error**2,), lambda s: sign * _ratio(s[:, 0], s[:, -1])),
        "root_mean_squared_error": ((error**2,), lambda s: sign * np.sqrt(_ratio(s[:, 0], s[:, -1]))),
        "r2_score": ((error**2, centred, centred**2), _r2),
        "explained_variance_score": ((error, error**2, centred, centred**2), _explained),
    }
    columns, finish = table[name]
    return Sums(np.column_stack([*columns, np.ones(len(error))]), finish)


def _ratio(above: "Floats", below: "Floats") -> "Floats":
    import numpy as np

    quotient: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return quotient


def _spread(first: "Floats", second: "Floats", weight: "Floats") -> "Floats":
    """Weighted sum of squares around the mean; 0 where it is nothing but rounding."""
    import numpy as np

    spread = second - _ratio(first**2, weight)
    return np.where(spread > 1e-12 * second, spread, 0.0)


def _r2(sums: "Floats") -> "Floats":
    error, first, second, weight = sums.T
    return 1.0 - _ratio(error, _spread(first, second, weight))


def _explained(sums: "Floats") -> "Floats":
    e1, e2, y1, y2, weight = sums.T
    return 1.0 - _ratio(_spread(e1, e2, weight), _spread(y1, y2, weight))


def _median(error: "Floats", sign: float) -> "Callable[[NDArray[Any]], Floats]":
    import numpy as np

    order = np.argsort(error, kind="stable")
    ordered = error[order]

    def median(weights: "NDArray[Any]") -> "Floats":
        sums = np.cumsum(weights.take(order, axis=1), axis=1, dtype=np.float64)
        half = sums[:, -1:] / 2
        low = np.minimum((sums < half).sum(axis=1), len(ordered) - 1)
        high = np.minimum((sums <= half).sum(axis=1), len(ordered) - 1)
        middle = (ordered[low] + ordered[high]) / 2
        return sign * np.where(sums[:, -1] > 0, middle, np.nan)

    return median


def _of_labels(name: str, truth: Truth, codes: "Codes") -> Statistic | str:
    import numpy as np

    true, count = truth.codes, len(truth.classes)
    if true is None:
        return "the target has no classes"
    if name != "accuracy_score" and true.min() == true.max():
        return f"all {len(true)} rows are of one class, {truth.classes[true[0]]!r}"
    if name == "accuracy_score":
        return Sums(np.column_stack([true == codes, np.ones(len(true))]), lambda s: _ratio(s[:, 0], s[:, 1]))
    pair = true * count + codes
    finish = _CONFUSION[name]
    macro = count > 2 and name in ("precision_score", "recall_score", "f1_score")  # noqa: PLR2004
    note = f"the mean over {count} classes" if macro else ""

    def decide(sums: "Floats") -> "Floats":
        return finish(sums.reshape(len(sums), count, count), None if count > 2 else truth.positive)  # noqa: PLR2004

    if count <= _FEW:
        return Sums((pair[:, None] == np.arange(count * count)).astype(np.float64), decide, note)

    def counted(weights: "NDArray[Any]") -> "Floats":
        return decide(np.array([np.bincount(pair, weights=line, minlength=count * count) for line in weights]))

    return Whole(counted, note)


def _hits(table: "Floats", positive: int | None) -> "tuple[Floats, Floats, Floats]":
    """Per class: rows of it that were found, rows said to be of it, rows of it."""
    import numpy as np

    found, said, real = np.einsum("bii->bi", table), table.sum(axis=1), table.sum(axis=2)
    if positive is None:
        return found, said, real
    return found[:, [positive]], said[:, [positive]], real[:, [positive]]


def _share(above: "Floats", below: "Floats") -> "Floats":
    """The mean share per class; a class of several that nothing is known about counts 0, as in scikit-learn."""
    import numpy as np

    share = _ratio(above, below)
    return share[:, 0] if share.shape[1] == 1 else np.nan_to_num(share).mean(axis=1)


def _precision(table: "Floats", positive: int | None) -> "Floats":
    found, said, _ = _hits(table, positive)
    return _share(found, said)


def _recall(table: "Floats", positive: int | None) -> "Floats":
    found, _, real = _hits(table, positive)
    return _share(found, real)


def _f1(table: "Floats", positive: int | None) -> "Floats":
    found, said, real = _hits(table, positive)
    return _share(2 * found, said + real)


def _balanced(table: "Floats", positive: int | None) -> "Floats":  # noqa: ARG001 - every class counts
    import numpy as np

    recall = _ratio(np.einsum("bii->bi", table), table.sum(axis=2))
    known = np.isfinite(recall).sum(axis=1)
    return _ratio(np.nansum(recall, axis=1), np.where(known > 1, known, 0).astype(np.float64))


def _matthews(table: "Floats", positive: int | None) -> "Floats":  # noqa: ARG001 - every class counts
    import numpy as np

    found, said, real = np.einsum("bii->b", table), table.sum(axis=1), table.sum(axis=2)
    total = table.sum(axis=(1, 2))
    above = found * total - (said * real).sum(axis=1)
    below = (total**2 - (said**2).sum(axis=1)) * (total**2 - (real**2).sum(axis=1))
    answer = np.divide(above, np.sqrt(below), out=np.zeros_like(above), where=below > 0)
    return np.where((real > 0).sum(axis=1) > 1, answer, np.nan)


_CONFUSION: "dict[str, Callable[[Floats, int | None], Floats]]" = {
    "balanced_accuracy_score": _balanced,
    "precision_score": _precision,
    "recall_score": _recall,
    "f1_score": _f1,
    "matthews_corrcoef": _matthews,
}


def _of_scores(name: str, truth: Truth, scores: "Floats", sign: float) -> Statistic | str:
    import numpy as np

    from taxiway.engines.ranking import average_precision, roc_auc

    true = truth.codes
    if true is None:
        return "the target has no classes"
    if bad := int(np.count_nonzero(~np.isfinite(scores).all(axis=1))):
        return f"the model gave NaN or infinity for {bad} of {len(true)} rows"
    if true.min() == true.max():
        return f"all {len(true)} rows are of one class, {truth.classes[true[0]]!r}"
    if name in ("log_loss", "brier_score_loss"):
        loss = _surprise(true, scores) if name == "log_loss" else _distance(true, scores)
        return Sums(np.column_stack([loss, np.ones(len(loss))]), lambda s: sign * _ratio(s[:, 0], s[:, 1]))
    ranking = {"roc_auc_score": roc_auc, "average_precision_score": average_precision}[name]
    if len(truth.classes) == 2:  # noqa: PLR2004
        return Whole(ranking(true == truth.positive, scores[:, truth.positive]))
    present = np.unique(true)
    each = [ranking(true == code, scores[:, code]) for code in present]
    note = f"the mean over {len(present)} classes, each against the rest"
    return Whole(lambda weights: np.mean([one(weights) for one in each], axis=0), note)


def _surprise(true: "Codes", scores: "Floats") -> "Floats":
    import numpy as np

    tiny = np.finfo(np.float64).eps
    return -np.log(np.clip(scores[np.arange(len(true)), true], tiny, 1 - tiny))


def _distance(true: "Codes", scores: "Floats") -> "Floats":
    """The squared distance to the truth; of two classes that of one of them, of more the sum, as in scikit-learn."""
    import numpy as np

    squares = (scores - (true[:, None] == np.arange(scores.shape[1]))) ** 2
    distance: Floats = squares[:, 1] if scores.shape[1] == 2 else squares.sum(axis=1)  # noqa: PLR2004
    return distance


def _take(array: Any, rows: "NDArray[np.int64]") -> Any:
    return None if array is None else array[rows]
