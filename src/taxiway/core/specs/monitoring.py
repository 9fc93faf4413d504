"""What to watch of a model in production, and what has to happen before anybody is told, as an author writes it."""

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from taxiway.core.errors import SpecError
from taxiway.core.metrics import metric
from taxiway.core.names import Name
from taxiway.core.records import spec
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.jobs import LocalJob, Where

Share = Annotated[float, Field(gt=0, lt=1)]
Coverage = Annotated[float, Field(gt=0, le=1)]
Season = Literal["none", "hour", "weekday"]


@spec
class Drift:
    """When a column counts as drifted: it must be both unlikely to be chance, and large enough to matter.

    Attributes:
        alpha: how often a window without any drift may be called drifted, all its columns and tests together.
        min_effect: the smallest distance that counts, in the distance of a normal column that moves by so many of its
            standard deviations; what chance alone contributes at the window's size is taken off before.
        min_rows: with fewer rows the answer is INCONCLUSIVE.
        columns: which columns are compared; the inputs of the model, or all there are, when none are named.
        ignore: columns that are not.
        weights: how much a column counts in the score; the model's own dependence on it where that is known, else 1.
        season: compare with earlier windows of the same hour of the day, or of the same hour and weekday, as soon as
            there are enough of them; else with the training data.
    """

    alpha: Share = 0.05
    min_effect: NonNegativeFloat = 0.08
    min_rows: PositiveInt = 200
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    weights: Mapping[str, NonNegativeFloat] = dataclasses.field(default_factory=dict)
    season: Season = "weekday"


@spec
class Labels:
    """Where the truth about earlier predictions arrives.

    Attributes:
        dataset: the rows that carry it; its URI may hold Jinja.
        key: the column that both the predictions and the labels have, one value per row.
        target: the column with the truth; the evaluation's target by default.
        at: a column that says when the truth was known, from which the delay is measured.
        min_coverage: the share of the window's predictions that must have a label before it is measured.
        patience: how long to wait for that; then what is there is measured, and its coverage is shown.
        schedule: a cron expression or preset; each run measures the window it ends.
    """

    dataset: Dataset
    key: str
    target: str | None = None
    at: str | None = None
    min_coverage: Coverage = 0.8
    patience: timedelta = timedelta(days=7)
    schedule: str = "@daily"


@spec
class Alarm:
    """What has to happen before an incident is confirmed, and before it is over.

    Attributes:
        max_drop: how much worse than on the data it was evaluated on the model may be, in the metric's unit.
        confirm: so many bad windows …
        among: … of so many latest ones confirm an incident.
        clear: so many good windows in a row end it.
        clear_drop: a window is good when the drop is at most this share of `max_drop`; between the two it is neither.
        trends: a metric that jumps or drifts for the worse makes a window bad, even while it falls by less than that;
            else it only keeps the window from being good.
        max_missing: how much the share of missing or unknown values of a column may rise before the data is broken.
        cool_down: after an incident, how long no other one is opened.
        quiet: windows within this time before and after a deployment or a declared change do not count.
        escalate_after: an incident that is confirmed for so long without a change is escalated.
    """

    max_drop: NonNegativeFloat = 0.05
    confirm: PositiveInt = 2
    among: PositiveInt = 3
    clear: PositiveInt = 2
    clear_drop: Coverage = 0.5
    trends: bool = False
    max_missing: Share = 0.2
    cool_down: timedelta = timedelta(hours=6)
    quiet: timedelta = timedelta(hours=1)
    escalate_after: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        """Refuses to wait for more bad windows than it looks at."""
        if self.confirm > self.among:
            raise SpecError(
                "an incident could never be confirmed",
                where="Alarm.confirm",
                expected=f"at most {self.among}, of as many windows",
                got=self.confirm,
                do="Raise among, or lower confirm.",
            )


@spec
class Retrain:
    """What makes a retraining worth it, and the brakes on it.

    Attributes:
        on_incident: when an incident is confirmed by both drift and performance.
        below: a metric whose realised value falls below this limit (for an error: exceeds it).
        older_than: the live model was registered longer ago than this.
        new_rows: so many rows were seen since it was registered.
        cool_down: between two retrainings.
        patience: a retraining that brought no new version within this time has failed.
    """

    on_incident: bool = True
    below: Mapping[str, float] = dataclasses.field(default_factory=dict)
    older_than: timedelta | None = None
    new_rows: PositiveInt | None = None
    cool_down: timedelta = timedelta(days=1)
    patience: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        """Refuses metrics that nobody knows."""
        for name in self.below:
            metric(name)


@spec
class Monitoring:
    """What to watch of a model in production.

    Attributes:
        schedule: a cron expression or preset: each run looks at the window it ends; without one, whenever a partition
            was scored.
        window: the rows of a window: a table whose URI names the window by Jinja, such as `{{ data_interval_start }}`;
            none where the rows come from the traffic log of `service`, or from the scored partition.
        service: the service whose traffic is watched.
        population: which part of the production this is; every population has incidents of its own.
        labels: where the truth arrives, if it does.
        metric: the one that decides; the evaluation's first by default.
        drift: when a column counts as drifted.
        alarm: what has to happen before anybody is told.
        retrain: what starts a retraining; none for never.
        time: the column with a row's time; rows outside of the window are counted.
        prediction: the column with the model's answer, where the rows have it; else the model is asked.
        score: the column with the probability of the positive class.
        partitions: a window is profiled by at most so many jobs side by side.
        owner: who is responsible.
        evidently: let Evidently draw each window that drifted or is broken, from some rows of it, as a page to look at;
            takes `taxiway[evidently]` where jobs run.
        on: where the jobs run.
    """

    schedule: str | None = "@hourly"
    window: Dataset | None = None
    service: Name | None = None
    population: Name = "all"
    labels: Labels | None = None
    metric: str | None = None
    drift: Drift = dataclasses.field(default_factory=Drift)
    alarm: Alarm = dataclasses.field(default_factory=Alarm)
    retrain: Retrain | None = dataclasses.field(default_factory=Retrain)
    time: str | None = None
    prediction: str = "prediction"
    score: str = "score"
    partitions: PositiveInt = 8
    owner: str = ""
    evidently: bool = False
    on: Where = dataclasses.field(default_factory=LocalJob)

    def __post_init__(self) -> None:
        """Refuses a window of two sources."""
        if self.window is not None and self.service is not None:
            raise SpecError(
                "a window has one source",
                where="Monitoring",
                expected="window=… or service=…",
                got="both",
                do="Give one of them, or two Monitorings with a population each.",
            )
        if self.metric is not None:
            metric(self.metric)
