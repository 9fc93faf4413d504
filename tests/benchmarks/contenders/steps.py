"""What the plain script and the plain Airflow tasks do in each step; Taxiway does the same by its own means."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl

TRAINED_ON = tuple(range(1, 12))
MEASURED_ON = 12
METRICS = ("roc_auc", "log_loss", "accuracy")
LIMIT = 0.7
PARAMS = {"max_iter": 200, "max_leaf_nodes": 63}
RESAMPLES = 1000


class PlainRun:
    """What the training function needs of a run when nobody records it."""

    seed = 0

    def log(self, step: int | None = None, **metrics: float) -> None:
        """Forgets."""


def validate(lake: Path) -> None:
    from flight_delay.checks import Flights

    Flights.validate(_months(lake, TRAINED_ON).collect(), lazy=True)
    Flights.validate(_months(lake, (MEASURED_ON,)).collect(), lazy=True)


def train(lake: Path) -> object:
    from flight_delay.train import train as function

    return function(_months(lake, TRAINED_ON), PARAMS, PlainRun())


def evaluate(model: object, lake: Path) -> dict[str, tuple[float, float, float]]:
    """Each metric with its 95 % bootstrap interval, as a careful script would: sort once, weigh the rows anew."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    rows = _months(lake, (MEASURED_ON,)).collect()
    truth = rows["late"].to_numpy()
    scores = model.predict_proba(rows.drop("late"))[:, 1]
    values = (roc_auc_score(truth, scores), log_loss(truth, scores), accuracy_score(truth, scores > 0.5))
    draws = _bootstrap(truth, scores)
    return {
        name: (float(value), *map(float, np.quantile(draw, [0.025, 0.975])))
        for name, value, draw in zip(METRICS, values, draws, strict=True)
    }


def gate(measured: dict[str, tuple[float, float, float]]) -> None:
    if not measured["roc_auc"][0] >= LIMIT:
        raise SystemExit(f"roc_auc {measured['roc_auc'][0]} misses {LIMIT}")


def register(model: object, measured: dict[str, tuple[float, float, float]], registry: Path) -> Path:
    import joblib

    folder = registry / "1"
    folder.mkdir(parents=True)
    joblib.dump(model, folder / "model.joblib")
    digest = hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    (folder / "version.json").write_text(json.dumps({"digest": digest, "metrics": measured}))
    return folder


def _months(lake: Path, months: tuple[int, ...]) -> pl.LazyFrame:
    return pl.scan_parquet([lake / "flights" / f"2013-{month:02}.parquet" for month in months])


def _bootstrap(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    truth, scores = truth[order].astype(float), np.clip(scores[order], 1e-15, 1 - 1e-15)
    losses = -(truth * np.log(scores) + (1 - truth) * np.log(1 - scores))
    right = ((scores > 0.5) == (truth > 0.5)).astype(float)
    generator, draws = np.random.default_rng(0), np.empty((3, RESAMPLES))
    for i in range(RESAMPLES):
        weights = generator.poisson(1.0, len(truth)).astype(float)
        negatives = np.cumsum(weights * (1 - truth))
        positives = weights @ truth
        auc = (weights * truth) @ negatives / (positives * negatives[-1])
        draws[:, i] = auc, weights @ losses / weights.sum(), weights @ right / weights.sum()
    return draws
