"""A model in production: trained, evaluated, live, and asked hour after hour about rows that may be broken."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from runtime.kit import Workplace
from taxiway.core.drift import DriftReport
from taxiway.core.monitoring import CompareWork, Live, MeasureWork, ProfileWork, WindowParts, WindowWork
from taxiway.core.performance import PerformanceReport
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.specs.monitoring import Drift, Labels, Monitoring
from taxiway.core.stages import EvaluateWork
from taxiway.core.windows import Window, window
from taxiway.runtime.drift import compare
from taxiway.runtime.evaluation import evaluate
from taxiway.runtime.performance import measure
from taxiway.runtime.profiles import profile
from taxiway.runtime.windows import window as take

START = datetime(2026, 1, 5, tzinfo=UTC)
HOLDOUT = Holdout(0.3)
METRICS = ("roc_auc", "log_loss", "accuracy")


def rows(count: int = 2_000, seed: int = 0, *, moved: float = 0.0) -> pl.DataFrame:
    """Flights whose label follows from what the model reads."""
    random = np.random.default_rng(seed)
    delay, hour = random.normal(moved, 1, count), random.integers(0, 24, count)
    late = 2 * delay + 0.1 * (hour - 12) + random.logistic(size=count) > 0
    carrier = random.choice(["UA", "AA", "DL"], count, p=[0.5, 0.3, 0.2])
    ids = np.arange(count) + seed * count
    return pl.DataFrame({"id": ids, "carrier": carrier, "delay": delay, "hour": hour, "late": late})


def hour(n: int = 0) -> Window:
    start = START + timedelta(hours=n)
    return window("flight-delay", "all", start, start + timedelta(hours=1))


@dataclasses.dataclass
class Watch:
    """What the tests of the stages ask of production."""

    place: Workplace
    live: Live | None

    @classmethod
    def over(cls, place: Workplace, training: pl.DataFrame | None = None, function: str = "train") -> "Watch":
        dataset = place.dataset(rows(6_000) if training is None else training)
        run = place.train(function, dataset, holdout=HOLDOUT)
        target = "delay" if function == "train_regression" else "late"
        metrics = ("mean_absolute_error",) if function == "train_regression" else METRICS
        asked = Evaluation(target=target, metrics=metrics, on=HOLDOUT, resamples=50)
        work = EvaluateWork(model=run.model, champion=None, evaluation=asked, dataset=dataset)
        report = evaluate(work, place.job())
        live = Live(number=1, model=run.model, profile=run.profile, baseline=report.baseline, since="2026-01-01")
        return cls(place, live)

    def write(self, data: pl.DataFrame, *names: str) -> str:
        """Writes rows as one file a name, and gives the folder."""
        folder = self.place.folder / "production" / names[0].partition("/")[0]
        size = -(-data.height // len(names))
        for n, name in enumerate(names):
            file = folder.parent / f"{name}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            data[n * size : (n + 1) * size].write_parquet(file)
        return f"{folder.as_uri()}/"

    def monitoring(self, uri: str = "", **changes: Any) -> Monitoring:
        source = {"window": Dataset("production", uri)} if uri else {}
        return Monitoring(**{**source, "drift": Drift(season="none"), **changes})

    def parts(self, asked: Monitoring, n: int = 0, **changes: Any) -> WindowParts:
        work = WindowWork(window=hour(n), live=self.live, monitoring=asked, **changes)
        return take(work, self.place.job())

    def look(self, asked: Monitoring, n: int = 0, **changes: Any) -> DriftReport:
        """Everything that the monitoring of a window does, stage by stage."""
        parts = self.parts(asked, n, **changes).parts
        found = [profile(ProfileWork(part=part, monitoring=asked), self.place.job()) for part in parts]
        work = CompareWork(window=hour(n), live=self.live, parts=tuple(found), monitoring=asked)
        return compare(work, self.place.job())

    def truth(self, asked: Monitoring, known: pl.DataFrame | None, n: int = 0, **changes: Any) -> PerformanceReport:
        """What the labels say about a window."""
        folder = self.place.folder / "labels"
        if known is not None:
            folder.mkdir(exist_ok=True)
            known.write_parquet(folder / "labels.parquet")
        given = Labels(Dataset("labels", f"{folder.as_uri()}/"), "id", "late")
        asked = dataclasses.replace(asked, labels=dataclasses.replace(given, **changes.pop("labels", {})))
        parts = changes.pop("parts", None) or self.parts(asked, n).parts
        return measure(MeasureWork(parts=parts, monitoring=asked, **changes), self.place.job())
