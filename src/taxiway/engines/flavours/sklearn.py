"""scikit-learn: saved with skops, loaded only if every type in the file is on a reviewed list.

The lists are data, one per scikit-learn version, in `allowed/`. Pickle is used only where the recipe allows it.
"""

import functools
import logging
import pickle
import re
import sys
import warnings
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.engines.flavours.base import (
    Prediction,
    Predictor,
    classified,
    derives_from,
    describe,
    described,
    needs,
)
from taxiway.engines.flavours.canonical import canonical
from taxiway.engines.flavours.forests import Forest, forest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_log = logging.getLogger(__name__)
_SAFE, _PICKLED = "model.skops", "model.pkl"
_LIKELIEST = frozenset(
    {
        "DecisionTreeClassifier",
        "ExtraTreesClassifier",
        "GaussianNB",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "LogisticRegression",
        "MLPClassifier",
        "RandomForestClassifier",
    }
)
"""Classifiers whose label is always their likeliest class, so that one pass gives both."""
_ADAPTERS = tuple(f"sklearn.externals.array_api_compat.{library}" for library in ("cupy", "dask", "torch"))
"""Packages of scikit-learn that import a large library when they are imported."""


def skops_io() -> Any:
    """`skops.io`, imported without importing all of scikit-learn, and torch, to no use.

    When skops is imported it lists scikit-learn's estimators, which are found by importing every package of
    scikit-learn that can be, the adapters to other libraries included. That costs seconds and much memory, so it gets
    the same names from a list; only where there is none for the installed version does it look for itself.

    Raises:
        SpecError: it is not installed.
    """
    if "skops.io" in sys.modules:
        return sys.modules["skops.io"]
    known = _estimators(needs("sklearn", "sklearn").__version__)
    utils = needs("sklearn.utils", "sklearn")
    hidden = [name for name in _ADAPTERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None says that there is no such module
    look = utils.all_estimators
    if known:
        utils.all_estimators = list
    try:
        found = needs("skops.io", "sklearn")
        needs("skops.io._trusted_types", "sklearn").SKLEARN_ESTIMATOR_TYPE_NAMES.extend(known)
    finally:
        utils.all_estimators = look
        for name in hidden:
            sys.modules.pop(name, None)
    return found


def _estimators(version: str) -> list[str]:
    """The names of scikit-learn's estimators; none when there is no list for this version."""
    major, minor = _number(version)
    try:
        text = (files(__package__) / "estimators" / f"sklearn-{major}.{minor}.txt").read_text(encoding="utf-8")
    except OSError:
        return []
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class Sklearn:
    """Estimators and pipelines of scikit-learn, and of libraries that derive from them."""

    def recognises(self, model: object) -> bool:
        """Whether it is an estimator."""
        return derives_from(model, "sklearn.base.BaseEstimator")

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:
        """The names it was fitted with; their number if it was fitted with a bare matrix."""
        names = getattr(model, "feature_names_in_", None)
        if names is not None:
            return tuple(str(name) for name in names)
        width = getattr(model, "n_features_in_", None)
        return int(width) if width is not None else None

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:
        """Writes it with skops; with pickle only if skops cannot and that is allowed."""
        _check_fitted(model)
        describe(folder, {"scikit-learn": needs("sklearn", "sklearn").__version__})
        data, obstacle = _safely(model)
        if data is not None:
            (folder / _SAFE).write_bytes(data)
            return False
        if not allow_pickle:
            raise SpecError(
                "this model cannot be saved without pickle",
                where="the result of the train function",
                got=obstacle,
                do="Build it from scikit-learn's own parts, or set Training(allow_pickle=True) if you trust its code.",
            )
        try:
            (folder / _PICKLED).write_bytes(pickle.dumps(model))
        except Exception as error:
            raise SpecError(
                "this model cannot be saved, not even with pickle",
                where="the result of the train function",
                got=f"{type(error).__name__}: {error}",
                do="Keep open files, connections and nested functions out of the model.",
            ) from error
        return True

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:
        """Reads it back; each type in the file must be on the reviewed list."""
        _mention_other_version(described(folder))
        if (folder / _SAFE).exists():
            return Estimator(_read_safely(folder / _SAFE))
        if not (folder / _PICKLED).exists():
            raise IntegrityError("the model's file is missing", where="flavour 'sklearn'", expected=_SAFE)
        if not allow_pickle:
            raise IntegrityError(
                "this model can run code when it is loaded, and its record does not say so",
                where=_PICKLED,
                expected=_SAFE,
                do="Train it again without allow_pickle, or use the record that says pickled=True.",
            )
        return Estimator(pickle.loads((folder / _PICKLED).read_bytes()))  # noqa: S301 - the record asks for it


class Estimator:
    """A loaded estimator, asked for labels and probabilities in one pass where that is the same."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._steps, self._forest = _steps_and_forest(model)
        self._positional = False

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        """One answer per row."""
        return self._ask(rows if hasattr(self.model, "feature_names_in_") else rows.to_numpy())

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        """One answer per row of the columns it was fitted with, in their order."""
        if not self._positional:
            by_position(self.model)
            self._positional = True
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return self._ask(rows)

    def _ask(self, data: Any) -> Prediction:
        import numpy as np

        classes = getattr(self.model, "classes_", None)
        answers = self._from_trees(data)
        if classes is None or not hasattr(self.model, "predict"):
            return Prediction(_one_column(self.model.predict(data) if answers is None else answers))
        if answers is not None:
            return classified(None, answers, classes)
        if not hasattr(self.model, "predict_proba"):
            return Prediction(_one_column(self.model.predict(data)), None, tuple(np.asarray(classes).tolist()))
        labels = None if type(_innermost(self.model)).__name__ in _LIKELIEST else self.model.predict(data)
        return classified(labels, self.model.predict_proba(data), classes)

    def _from_trees(self, data: Any) -> Any:
        """What a forest says when it is asked tree by tree; None when it is no forest or cannot be."""
        if self._forest is None:
            return None
        return self._forest.answers(self._steps.transform(data) if self._steps is not None else data)


def _steps_and_forest(model: Any) -> tuple[Any, Forest | None]:
    """The steps before the last of a pipeline that ends in a forest, and the forest."""
    if derives_from(model, "sklearn.pipeline.Pipeline"):
        found = forest(model.steps[-1][1])
        return (model[:-1] if len(model.steps) > 1 else None), found
    return None, forest(model)


def by_position(model: Any) -> None:
    """Has every ColumnTransformer in a fitted model find its columns by their place, so that it takes bare arrays."""
    seen: set[int] = set()
    front = [model]
    while front:
        part = front.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if derives_from(part, "sklearn.compose._column_transformer.ColumnTransformer"):
            _bind(part)
        if derives_from(part, "sklearn.base.BaseEstimator"):
            front += list(vars(part).values())
        elif isinstance(part, list | tuple):
            front += part
        elif isinstance(part, dict):
            front += list(part.values())


def _bind(transformer: Any) -> None:
    names = getattr(transformer, "feature_names_in_", None)
    if names is None:
        return
    place = {str(name): number for number, name in enumerate(names)}

    def places(columns: Any) -> Any:
        if isinstance(columns, str):
            return place[columns]
        if isinstance(columns, list) and columns and all(isinstance(one, str) for one in columns):
            return [place[one] for one in columns]
        return columns

    transformer.transformers_ = [(name, step, places(columns)) for name, step, columns in transformer.transformers_]


def _innermost(model: Any) -> Any:
    while derives_from(model, "sklearn.pipeline.Pipeline"):
        model = model.steps[-1][1]
    return model if type(model).__module__.startswith("sklearn.") else None


def _one_column(answers: Any) -> Any:
    import numpy as np

    values = np.asarray(answers)
    if values.ndim == 2 and values.shape[1] == 1:  # noqa: PLR2004
        return values[:, 0]
    if values.ndim != 1:
        raise SpecError(
            "this model gives several answers per row",
            where="the model's predict",
            expected="one answer per row",
            got=f"shape {values.shape}",
            do="Train one model per target.",
        )
    return values


def _check_fitted(model: Any) -> None:
    if not hasattr(model, "predict"):
        got, do = f"{type(model).__name__}, which has no predict", "Return the whole pipeline, its last step included."
    elif isinstance(getattr(model, "classes_", None), list):
        got, do = f"{type(model).__name__} with several targets", "Train one model per target."
    elif not _is_fitted(model):
        got, do = f"{type(model).__name__}, never fitted", "Call fit before you return it."
    else:
        return
    raise SpecError(
        "this is not a model that can predict",
        where="the result of the train function",
        expected="a fitted classifier or regressor with one target",
        got=got,
        do=do,
    )


def _is_fitted(model: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        return False
    return True


def _safely(model: Any) -> tuple[bytes | None, str]:
    sio = skops_io()
    try:
        data = canonical(sio.dumps(model))
        foreign = _foreign(sio.get_untrusted_types(data=data))
    except Exception as error:  # noqa: BLE001 - skops meets whatever the model holds
        return None, f"{type(error).__name__}: {error}"
    return (None, f"types that are not on the reviewed list: {', '.join(foreign)}") if foreign else (data, "")


def _read_safely(path: Path) -> Any:
    sio = skops_io()
    try:
        foreign = _foreign(sio.get_untrusted_types(file=path))
    except Exception as error:
        raise IntegrityError(
            "this is not a skops file", where=path.name, got=f"{type(error).__name__}: {error}"
        ) from error
    if foreign:
        raise IntegrityError(
            "the file holds types that are not on the reviewed list",
            where=f"{path.name}, {allowed()[0]}",
            got=", ".join(foreign),
            do="Build the model from scikit-learn's own parts; a type is added to the list only after a review.",
        )
    return sio.load(path, trusted=sorted(allowed()[1]))


def _foreign(types: list[str]) -> list[str]:
    return sorted(set(types) - allowed()[1])


@functools.cache
def allowed() -> tuple[str, frozenset[str]]:
    """Which reviewed list holds for the installed scikit-learn, in words, and the types on it."""
    version: str = needs("sklearn", "sklearn").__version__
    here = _number(version)
    lists = {
        _number(item.name): item for item in (files(__package__) / "allowed").iterdir() if item.name.endswith(".txt")
    }
    best = min(lists, key=lambda number: (abs(number[0] - here[0]), abs(number[1] - here[1])))
    name = f"the list for scikit-learn {best[0]}.{best[1]}"
    if best != here:
        name += f" (the nearest to {version}, for which there is none)"
        _log.warning("Models are checked against %s.", name)
    lines = lists[best].read_text(encoding="utf-8").splitlines()
    return name, frozenset(line for line in lines if line and not line.startswith("#"))


def _number(text: str) -> tuple[int, int]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _mention_other_version(about: dict[str, Any]) -> None:
    saved, here = str(about.get("scikit-learn")), needs("sklearn", "sklearn").__version__
    if _number(saved) != _number(here):
        _log.warning("This model was saved by scikit-learn %s and is loaded by %s: results may differ.", saved, here)
