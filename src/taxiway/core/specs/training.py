"""What to train, and how."""

import dataclasses
from collections.abc import Mapping

from pydantic import JsonValue

from taxiway.core.names import EntryPoint
from taxiway.core.records import spec
from taxiway.core.specs.jobs import LocalJob, Where


@spec
class Training:
    """A plain function that makes a model.

    Attributes:
        function: `module:train`, called as `train(data, params, run) -> model`; `data` is a polars LazyFrame of the
            snapshot, `params` the dict below, `run` takes metrics, checkpoints and artefacts.
        params: the function's parameters; plain JSON data.
        flavour: how the model is saved (`sklearn`, `torch`, `xgboost`, `lightgbm`, `onnx`, `folder`, or a name that a
            package registered); found from the model's class unless it is given.
        allow_pickle: lets a scikit-learn model be saved with pickle when skops has no safe way to save it.
        seed: given to Python's, NumPy's and torch's generators before the function starts, and to `run.seed`.
        on: where it runs.
    """

    function: EntryPoint
    params: Mapping[str, JsonValue] = dataclasses.field(default_factory=dict)
    flavour: str | None = None
    allow_pickle: bool = False
    seed: int = 0
    on: Where = dataclasses.field(default_factory=LocalJob)
