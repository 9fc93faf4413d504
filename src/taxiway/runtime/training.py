"""Training: calls the user's function on the snapshot less the holdout, and keeps what it returns."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError
from taxiway.core.history import run_key
from taxiway.core.stages import TrainWork
from taxiway.core.training import TrainingRun
from taxiway.engines.entry_points import load_entry_point
from taxiway.runtime.checkpoints import Checkpoints, scope
from taxiway.runtime.context import Job
from taxiway.runtime.environment import environment, imports_torch, peak_memory_bytes, seed_all
from taxiway.runtime.parallel import Parallel
from taxiway.runtime.run import Run, Silent, Writer
from taxiway.runtime.stopping import Stopped

if TYPE_CHECKING:
    import polars as pl

_HEAD_ROWS = 10


def train(work: TrainWork, job: Job) -> TrainingRun:
    """Trains on the snapshot less the holdout, and saves the model; curves and artefacts are written while it runs.

    An exception of the user's function comes through as it is.

    Raises:
        SpecError: the function is not importable, there are no rows, or what it returned is no model that can be
            saved, loaded and asked.
    """
    from taxiway.stores.runs import RunHistory

    training = work.training
    function = load_entry_point(training.function, where="Training.function")
    data, head = _rows(work, job)
    key = run_key(work.model, job.key)
    writer = RunHistory(job.store).writer(key)
    writer.log_params(dict(training.params))
    with _run(writer, work, job) as run:
        seed_all(training.seed, torch=training.flavour == "torch" or imports_torch(function))
        started = time.monotonic()
        try:
            model = function(data, dict(training.params), run)
        finally:
            seconds = time.monotonic() - started
            writer.flush()
    from taxiway.runtime.models import save_model  # not before: the function need not wait for what comes after it
    from taxiway.runtime.profiles import keep_profile

    ref = save_model(model, work, head, job.store, job.scratch, named_inputs=run.named_inputs)
    profile = keep_profile(data, ref, job.store)
    done = TrainingRun(
        run=key,
        model=ref,
        params=dict(training.params),
        metrics=run.metrics,
        environment=environment(function),
        seed=training.seed,
        seconds=seconds,
        peak_memory_bytes=peak_memory_bytes(),
        profile=profile,
    )
    return writer.finish(done)


def assist(work: TrainWork, job: Job) -> TrainWork:
    """Trains beside the first process of the job, which alone writes the history and saves the model."""
    training = work.training
    function = load_entry_point(training.function, where="Training.function")
    data, _ = _rows(work, job)
    with _run(Silent(), work, job) as run:
        seed_all(training.seed, torch=training.flavour == "torch" or imports_torch(function))
        function(data, dict(training.params), run)
    return work


@contextlib.contextmanager
def _run(writer: Writer, work: TrainWork, job: Job) -> Iterator[Run]:
    """What the function is given besides its data; it parts from its fellows at the end.

    Raises:
        Stopped: one of them is gone, so there is nothing to say; the job begins again.
    """
    parallel = Parallel(job.world, seed=work.training.seed)
    folder = job.scratch / "checkpoints"
    checkpoints = Checkpoints(job.store, scope(job.key, work), folder, stop=job.stop, parallel=parallel)
    key = run_key(work.model, job.key)
    try:
        yield Run(writer, checkpoints, job.scratch, work.training, key=key, dataset=work.dataset)
    except Exception as error:
        if not parallel.bereft(error):
            raise
        sys.stderr.write(f"Another process of this training is gone: {error}\n")
        raise Stopped from error
    finally:
        parallel.leave()


def _rows(work: TrainWork, job: Job) -> "tuple[pl.LazyFrame, pl.DataFrame]":
    """The training rows, and the first few of them."""
    from taxiway.runtime.data import frame, split

    data = frame(work.dataset, job.store)
    data = split(data, work.holdout)[0] if work.holdout else data
    head = data.head(_HEAD_ROWS).collect(engine="streaming")
    if not head.height:
        raise SpecError(
            "there are no rows to train on",
            where=f"dataset {work.dataset.name!r} at {work.dataset.uri}",
            expected="rows besides the holdout" if work.holdout else "rows",
            got="none",
            do="Look at the dataset, and at the holdout's fraction.",
        )
    return data, head
