"""LightGBM: its own text format; the classes beside it."""

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

_FILE = "model.txt"


class LightGBM:
    """Boosters of LightGBM and its scikit-learn classes."""

    def recognises(self, model: object) -> bool:
        """Whether it is a booster or one of the scikit-learn classes."""
        return derives_from(model, "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMModel")

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:
        """The names it was fitted with; their number where LightGBM made them up."""
        names = tuple(str(name) for name in _booster(model).feature_name())
        invented = all(name == f"Column_{number}" for number, name in enumerate(names))
        return len(names) if invented else names

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:  # noqa: ARG002 - never needed
        """Writes LightGBM's text format."""
        booster = _booster(model)
        classes = as_classes(getattr(model, "classes_", None))
        describe(folder, {"classes": classes, "best_iteration": int(booster.best_iteration)})
        booster.save_model(str(folder / _FILE))
        return False

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:  # noqa: ARG002 - never needed
        """Reads it back."""
        lightgbm, about = needs("lightgbm", "lightgbm"), described(folder)
        try:
            booster = lightgbm.Booster(model_file=str(folder / _FILE))
        except lightgbm.basic.LightGBMError as error:
            raise IntegrityError("this is not a LightGBM model", where=_FILE, got=str(error)) from error
        objective = str(booster.dump_model(num_iteration=1).get("objective", ""))
        return _Booster(booster, about.get("classes"), objective)


class _Booster:
    def __init__(self, booster: Any, classes: list[Any] | None, objective: str) -> None:
        self.booster = booster
        self.classes = classes
        self.objective = objective

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        return self.predict_array(matrix(rows))

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        answers = self.booster.predict(floats(rows))
        if not has_probabilities(self.objective):
            return Prediction(answers)
        probabilities = both_classes(answers)
        return classified(None, probabilities, self.classes or list(range(probabilities.shape[1])))


def _booster(model: Any) -> Any:
    if derives_from(model, "lightgbm.basic.Booster"):
        return model
    try:
        return model.booster_
    except Exception as error:
        raise SpecError(
            "this model was never fitted",
            where="the result of the train function",
            got=type(model).__name__,
            do="Call fit before you return it.",
        ) from error
