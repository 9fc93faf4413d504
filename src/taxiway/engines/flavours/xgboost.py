"""XGBoost: its own binary JSON format; the classes beside it."""

import json
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
    floats,
    matrix,
    needs,
)
from taxiway.engines.flavours.boosters import as_classes, both_classes, has_probabilities

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_FILE = "model.ubj"


class XGBoost:
    """Boosters of XGBoost and its scikit-learn classes."""

    def recognises(self, model: object) -> bool:
        """Whether it is a booster or one of the scikit-learn classes."""
        return derives_from(model, "xgboost.core.Booster", "xgboost.sklearn.XGBModel")

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:
        """The names it was fitted with, else their number."""
        booster = _booster(model)
        return tuple(booster.feature_names) if booster.feature_names else int(booster.num_features())

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:  # noqa: ARG002 - never needed
        """Writes XGBoost's binary JSON."""
        booster = _booster(model)
        describe(folder, {"classes": as_classes(getattr(model, "classes_", None))})
        booster.save_model(str(folder / _FILE))
        return False

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:  # noqa: ARG002 - never needed
        """Reads it back."""
        xgboost, about = needs("xgboost", "xgboost"), described(folder)
        booster = xgboost.Booster()
        try:
            booster.load_model(str(folder / _FILE))
        except xgboost.core.XGBoostError as error:
            raise IntegrityError("this is not an XGBoost model", where=_FILE, got=str(error)) from error
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
        return _Booster(booster, about.get("classes"), objective)


class _Booster:
    def __init__(self, booster: Any, classes: list[Any] | None, objective: str) -> None:
        self.booster = booster
        self.classes = classes
        self.objective = objective

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        return self.predict_array(matrix(rows))

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        xgboost = needs("xgboost", "xgboost")
        data = xgboost.DMatrix(floats(rows), feature_names=self.booster.feature_names)
        best = getattr(self.booster, "best_iteration", None) if "best_iteration" in self.booster.attributes() else None
        answers = self.booster.predict(data, iteration_range=(0, best + 1) if best is not None else (0, 0))
        if not has_probabilities(self.objective):
            return Prediction(answers)
        probabilities = both_classes(answers)
        return classified(None, probabilities, self.classes or list(range(probabilities.shape[1])))


def _booster(model: Any) -> Any:
    if derives_from(model, "xgboost.core.Booster"):
        return model
    try:
        return model.get_booster()
    except Exception as error:
        raise SpecError(
            "this model was never fitted",
            where="the result of the train function",
            got=type(model).__name__,
            do="Call fit before you return it.",
        ) from error
