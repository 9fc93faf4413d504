"""PyTorch: weights as safetensors, class by import path, its arguments as JSON. Never torch.load."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.engines.entry_points import load_entry_point
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
from taxiway.engines.flavours.boosters import both_classes

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_FILE = "model.safetensors"


class Torch:
    """Modules of PyTorch that can be built again: an importable class, and its constructor's arguments.

    A module says in its attribute `config`, a dict of JSON data, which keyword arguments its constructor was given
    (none without it). In `classes` a classifier says its labels; its forward then gives logits, one column for two
    classes, else one per class. Without `classes`, forward gives one number per row. It is given a float32 tensor.
    """

    def recognises(self, model: object) -> bool:
        """Whether it is a module."""
        return derives_from(model, "torch.nn.modules.module.Module")

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:  # noqa: ARG002 - the protocol's
        """A module knows no names: the run must name them."""
        return None

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:  # noqa: ARG002 - never needed
        """Writes weights and class path; the module must be the same when it is built again from these."""
        safetensors = needs("safetensors.torch", "torch")
        kind, classes = type(model), getattr(model, "classes", None)
        about: dict[str, Any] = {
            "class": f"{kind.__module__}:{kind.__qualname__}",
            "config": dict(getattr(model, "config", {})),
            "classes": list(classes) if classes is not None else None,
        }
        try:
            json.dumps(about, allow_nan=False)
            again = _build(about)
        except (TypeError, ValueError, IntegrityError) as error:
            raise _cannot_rebuild(about["class"], str(error)) from error
        if {k: v.shape for k, v in again.state_dict().items()} != {k: v.shape for k, v in model.state_dict().items()}:
            raise _cannot_rebuild(about["class"], "a module with other weights")
        describe(folder, about)
        safetensors.save_model(model, str(folder / _FILE))
        return False

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:  # noqa: ARG002 - never needed
        """Builds the module and fills in its weights."""
        safetensors, about = needs("safetensors.torch", "torch"), described(folder)
        model = _build(about)
        try:
            safetensors.load_model(model, str(folder / _FILE), strict=True)
        except Exception as error:
            raise IntegrityError("the weights do not fit the class", where=_FILE, got=str(error)) from error
        return _Module(model.eval(), about.get("classes"))


class _Module:
    def __init__(self, model: Any, classes: list[Any] | None) -> None:
        self.model = model
        self.classes = classes

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        return self.predict_array(matrix(rows))

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        torch = needs("torch", "torch")
        with torch.inference_mode():
            answers = self.model(torch.tensor(floats(rows), dtype=torch.float32)).reshape(len(rows), -1)
            if self.classes is None:
                return Prediction(answers[:, 0].cpu().double().numpy())
            single = answers.shape[1] == 1
            probabilities = (
                (torch.sigmoid(answers[:, 0]) if single else torch.softmax(answers, 1)).cpu().double().numpy()
            )
        return classified(None, both_classes(probabilities), self.classes)


def _build(about: dict[str, Any]) -> Any:
    try:
        kind = load_entry_point(str(about["class"]), where="the class of a torch model")
        return kind(**about.get("config", {}))
    except (SpecError, TypeError, KeyError) as error:
        raise IntegrityError("the model's class cannot be built", where="model.json", got=str(error)) from error


def _cannot_rebuild(name: str, got: str) -> SpecError:
    return SpecError(
        "this module cannot be built again from its class and arguments",
        where="the result of the train function",
        expected=f"{name} to be importable, and its attribute 'config' to hold its constructor's keyword arguments",
        got=got,
        do="Define the class in a module and set self.config = {...} in its __init__.",
    )
