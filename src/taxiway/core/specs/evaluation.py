"""What to measure, and on which rows."""

import dataclasses
from typing import Annotated

from pydantic import Field, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.metrics import metric
from taxiway.core.records import spec
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.jobs import LocalJob, Where

Fraction = Annotated[float, Field(gt=0, lt=1)]


@spec
class Holdout:
    """Rows kept away from training, the same ones in every run over the same rows.

    Attributes:
        fraction: how much of the rows, 0 to 1.
        by: a column whose value decides, so that all rows of one customer, flight or day stay together and a row stays
            on its side when the data grows; without it the row's position in the snapshot decides.
        seed: another seed gives another choice.
    """

    fraction: Fraction = 0.2
    by: str | None = None
    seed: int = 0


@spec
class Evaluation:
    """What to measure and on which rows.

    Attributes:
        target: the column to predict.
        metrics: scikit-learn's names (`roc_auc`, `log_loss`, `neg_mean_absolute_error`, …) or `module:function`, called
            as `function(y_true, y_predicted) -> float`, higher is better.
        on: the rows: a dataset of its own, or a holdout of the training data.
        slices: columns whose levels are measured one by one.
        positive: which value of the target is the positive class of a binary classifier; the larger one by default.
        resamples: paired bootstrap resamples per metric.
        min_slice_rows: smaller levels are not measured.
        seed: of the resampling.
        where: where it runs.
    """

    target: str
    metrics: tuple[str, ...]
    on: Dataset | Holdout = dataclasses.field(default_factory=Holdout)
    slices: tuple[str, ...] = ()
    positive: str | int | bool | None = None
    resamples: PositiveInt = 1000
    min_slice_rows: PositiveInt = 100
    seed: int = 0
    where: Where = dataclasses.field(default_factory=LocalJob)

    def __post_init__(self) -> None:
        """Refuses metrics that nobody knows, and an evaluation that measures nothing."""
        for name in self.metrics:
            metric(name)
        if not self.metrics:
            raise SpecError("an evaluation measures something", where="Evaluation.metrics", do="Name a metric.")
