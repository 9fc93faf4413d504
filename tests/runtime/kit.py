"""A lake with flights, a store, and jobs that run in this process: what the tests of the stages begin with."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import samples
from taxiway.core.data import DatasetRef
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.core.training import TrainingRun
from taxiway.runtime.context import Job
from taxiway.runtime.training import train
from taxiway.stores.datasets import snapshot
from taxiway.stores.objects import ObjectStore, open_store


def flights(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    delay, hour = random.normal(size=rows), random.integers(0, 24, rows)
    late = delay + 0.1 * (hour - 12) + random.normal(size=rows) > 0
    carrier = random.choice(["UA", "AA", "DL"], rows)
    return pl.DataFrame({"id": np.arange(rows), "carrier": carrier, "delay": delay, "hour": hour, "late": late})


@dataclasses.dataclass
class Workplace:
    folder: Path
    store: ObjectStore
    jobs: int = 0

    @classmethod
    def at(cls, folder: Path) -> "Workplace":
        return cls(folder, open_store((folder / "store").as_uri()))

    def job(self, **changes: Any) -> Job:
        self.jobs += 1
        scratch = self.folder / f"scratch-{self.jobs}"
        scratch.mkdir()
        return Job(samples.job_key(**{"run_id": f"run-{self.jobs}", **changes}), self.store, scratch)

    def dataset(self, data: pl.DataFrame | None = None, *, sample_rows: int | None = None) -> DatasetRef:
        data = flights() if data is None else data
        place = self.folder / "lake" / f"{abs(hash(data.write_csv()))}.parquet"
        place.parent.mkdir(exist_ok=True)
        data.write_parquet(place, row_group_size=100)
        return snapshot(Dataset("flights", place.as_uri()), self.store, sample_rows=sample_rows)

    def train(self, function: str = "train", dataset: DatasetRef | None = None, **options: Any) -> TrainingRun:
        holdout = options.pop("holdout", None)
        job = options.pop("job", None) or self.job()
        work = TrainWork(
            model="flight-delay",
            training=Training(f"own_code:{function}", **options),
            dataset=dataset or self.dataset(),
            holdout=holdout,
        )
        return train(work, job)
