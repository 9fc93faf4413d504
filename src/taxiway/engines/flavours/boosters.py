"""What XGBoost and LightGBM have in common: which objectives give probabilities, and of what."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_PROBABILITIES = ("binary", "binary:logistic", "multi:softprob", "multiclass", "multiclassova", "cross_entropy")


def has_probabilities(objective: str) -> bool:
    """Whether a booster of this objective answers with probabilities of classes."""
    return objective.split(" ", maxsplit=1)[0] in _PROBABILITIES


def both_classes(answers: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """One column per class, from answers that hold only the second of two."""
    import numpy as np

    return np.column_stack([1.0 - answers, answers]) if answers.ndim == 1 else answers


def as_classes(classes: Any) -> list[Any] | None:
    """The classes of a scikit-learn wrapper as plain JSON data."""
    import numpy as np

    return None if classes is None else list(np.asarray(classes).tolist())
