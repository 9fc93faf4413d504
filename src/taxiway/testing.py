"""Runs a train function in a test or a notebook as a job would, without Airflow and without a store of one's own."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.specs.training import Training
from taxiway.runtime.checkpoints import Checkpoints
from taxiway.runtime.environment import imports_torch, seed_all
from taxiway.runtime.run import Run, Silent

if TYPE_CHECKING:
    import polars as pl


def run_training(
    train: Callable[[Any, dict[str, Any], Any], Any],
    frame: "pl.DataFrame | pl.LazyFrame",
    params: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
) -> tuple[Any, dict[str, float | None]]:
    """What `train(data, params, run)` returns for these rows, and the last value of each metric it logged.

    Checkpoints and scratch files live in a temporary folder, which stays only if the model is a path.
    """
    from taxiway.stores.objects import open_store

    folder = Path(tempfile.mkdtemp(prefix="taxiway-"))
    training = Training("tests:train", params=dict(params or {}), seed=seed)
    checkpoints = Checkpoints(open_store((folder / "store").as_uri()), "test", folder / "checkpoints")
    run = Run(Silent(), checkpoints, folder, training)
    seed_all(seed, torch=imports_torch(train))
    model = None
    try:
        model = train(frame.lazy(), dict(training.params), run)
    finally:
        if not isinstance(model, Path):
            shutil.rmtree(folder, ignore_errors=True)
    return model, run.metrics
