"""Forests of scikit-learn, asked tree by tree: the same numbers without what each tree costs in threads and checks.

scikit-learn asks the trees of a forest through a pool of threads and checks the rows again for each. For a few rows
that is nearly all of the time. Here the rows are checked once, and each tree is asked directly, in the same order.
"""

from typing import Any

MOST_ROWS = 1024
"""With more rows the trees themselves take the time, and scikit-learn's threads may help."""
_FORESTS = (
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.ExtraTreesRegressor",
)


class Forest:
    """A fitted forest with one target."""

    def __init__(self, model: Any) -> None:
        self.width = int(model.n_features_in_)
        self._ask = [tree.tree_.predict for tree in model.estimators_]
        self._columns = int(model.n_classes_) if hasattr(model, "classes_") else 1

    def answers(self, rows: Any) -> Any:
        """Probabilities, one column per class, or one column of numbers; None when scikit-learn must be asked itself.

        Law: what is given is exactly what `predict_proba` or `predict` gives in one thread.
        """
        import numpy as np

        if not isinstance(rows, np.ndarray) or rows.shape[1:] != (self.width,) or not 0 < len(rows) <= MOST_ROWS:
            return None
        with np.errstate(over="ignore"):
            exact = np.ascontiguousarray(rows, dtype=np.float32)
        if not np.isfinite(exact).all():
            return None
        total = np.zeros((len(exact), self._columns))
        for ask in self._ask:
            total += ask(exact)[:, : self._columns]
        total /= len(self._ask)
        return total


def forest(model: Any) -> Forest | None:
    """The forest that a model is; None when it is anything else, a subclass or a forest of several targets included."""
    kind = type(model)
    if f"{kind.__module__}.{kind.__qualname__}" not in _FORESTS:
        return None
    return Forest(model) if model.n_outputs_ == 1 else None
