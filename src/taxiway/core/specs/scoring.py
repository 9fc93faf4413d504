"""Which rows to score, and where the predictions go."""

import dataclasses

from pydantic import PositiveInt

from taxiway.core.names import CHAMPION
from taxiway.core.records import spec
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.jobs import LocalJob, Where


@spec
class Scoring:
    """Which rows to score and where the predictions go.

    Attributes:
        dataset: the rows; its URI may hold Jinja, to name the partition of the run.
        output: URI of the folder that takes the predictions.
        keep: columns of the input to write beside the prediction, such as an id.
        alias: which version scores.
        schedule: a cron expression or preset; without one, whenever the alias moves.
        batch_rows: how many rows are held in memory at a time.
        on: where it runs.
    """

    dataset: Dataset
    output: str
    keep: tuple[str, ...] = ()
    alias: str = CHAMPION
    schedule: str | None = None
    batch_rows: PositiveInt = 131_072
    on: Where = dataclasses.field(default_factory=LocalJob)
