"""How each kind of model is saved, recognised and loaded: one flavour per kind, found by name or by the model's class.

A package adds a flavour of its own through the entry-point group `taxiway.flavours`: a name, and a class without
arguments that fulfils `Flavour`.
"""

import functools
from importlib.metadata import EntryPoint, entry_points

from taxiway.core.errors import SpecError
from taxiway.core.names import unknown
from taxiway.engines.flavours.base import ArrayPredictor, Flavour, Prediction, Predictor, select

__all__ = ["GROUP", "ArrayPredictor", "Flavour", "Prediction", "Predictor", "flavour", "flavour_of", "select"]

GROUP = "taxiway.flavours"
_BUILT_IN = tuple(
    EntryPoint(name, f"taxiway.engines.flavours.{name}:{kind}", GROUP)
    for name, kind in (
        ("torch", "Torch"),
        ("xgboost", "XGBoost"),
        ("lightgbm", "LightGBM"),
        ("onnx", "Onnx"),
        ("folder", "Folder"),
        ("sklearn", "Sklearn"),
    )
)
"""In the order they are asked: the boosters' scikit-learn classes are estimators, too."""


def flavour(name: str) -> Flavour:
    """The flavour of a name.

    Raises:
        SpecError: no such flavour is built in or registered by an installed package.
    """
    found = _known()
    if name not in found:
        raise unknown("flavour", name, found, where="Training.flavour")
    made: Flavour = found[name].load()()
    return made


def flavour_of(model: object) -> str:
    """The name of the flavour that recognises a model's class; flavours of other packages are asked first.

    Raises:
        SpecError: none does.
    """
    for name in _known():
        if flavour(name).recognises(model):
            return name
    kind = type(model)
    raise SpecError(
        "no flavour knows how to save this model",
        where="the result of the train function",
        expected=f"a model of one of {', '.join(sorted(_known()))}",
        got=f"{kind.__module__}.{kind.__qualname__}",
        do="Return a folder (pathlib.Path) with a file 'loader' that names 'module:function', or register a flavour.",
    )


@functools.cache
def _known() -> dict[str, EntryPoint]:
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    return {**added, **{entry.name: entry for entry in _BUILT_IN if entry.name not in added}}
