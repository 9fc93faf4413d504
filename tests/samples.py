"""Real records for tests: small, valid, and with every field that matters set. Override what a test is about."""

from typing import Any

from taxiway.core.data import DatasetRef
from taxiway.core.evaluation import QUANTILES, Difference, EvaluationReport, Measure, Rival
from taxiway.core.gates import Verdict
from taxiway.core.jobs import JobKey
from taxiway.core.notices import Fact, Link, Notice, Severity, TopColumn
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import Author, ModelVersion
from taxiway.core.serving import Phase, Serve, ServiceState
from taxiway.core.specs.data import Format
from taxiway.core.training import Column, ModelRef, Target


def hexes(letter: str) -> str:
    return letter * 64


def dataset_ref(**changes: Any) -> DatasetRef:
    values = {
        "name": "flights",
        "uri": "file:///lake/flights/",
        "digest": f"manifest-sha256:{hexes('d')}",
        "manifest": f"sha256:{hexes('e')}",
        "format": Format.PARQUET,
        "rows": 1000,
        "size_bytes": 4096,
        "objects": 2,
    }
    return DatasetRef(**{**values, **changes})


def model_ref(letter: str = "a", **changes: Any) -> ModelRef:
    values = {
        "name": "flight-delay",
        "uri": f"blobs/folder-sha256/{letter * 2}/{hexes(letter)}",
        "digest": f"folder-sha256:{hexes(letter)}",
        "flavour": "sklearn",
        "size_bytes": 2048,
        "trained_on": dataset_ref(),
        "inputs": (Column(name="dep_delay", dtype="Float64"),),
    }
    return ModelRef(**{**values, **changes})


def verdict(model: ModelRef, outcome: Outcome = Outcome.PASS, **changes: Any) -> Verdict:
    values = {
        "subject": model.digest,
        "gate": "roc_auc >= 0.7",
        "outcome": outcome,
        "measured": 0.8,
        "limit": 0.7,
        "reason": "roc_auc is 0.8 and reaches 0.7 (1000 rows)",
        "evidence": f"sha256:{hexes('b')}",
    }
    return Verdict(**{**values, **changes})


def model_version(number: int = 1, letter: str = "a", **changes: Any) -> ModelVersion:
    model = model_ref(letter)
    values = {
        "number": number,
        "model": model,
        "run": "run-1",
        "verdicts": (verdict(model),),
        "metrics": {"roc_auc": 0.8},
    }
    return ModelVersion(**{**values, **changes})


def target(number: int = 1, letter: str = "") -> Target:
    """A version of a registry whose versions 1, 2, 3, … are made of a, b, c, …."""
    return Target(number=number, model=model_ref(letter or "abcdef0123456789"[(number - 1) % 16]))


def service_state(generation: int = 1, **changes: Any) -> ServiceState:
    values = {
        "service": "delays",
        "model": "flight-delay",
        "generation": generation,
        "live": target(1),
        "phase": Phase.LIVE,
        "rollout": "flight-delay.deployment/run-1",
        "began_at": "2026-01-01T00:00:00.000+00:00",
        "since": "2026-01-01T00:10:00.000+00:00",
        "reason": "it is as good as version 1",
    }
    return ServiceState(**{**values, **changes})


def serve(state: ServiceState) -> Serve:
    """The change to a state, with what clears all of its bytes."""
    targets = [each for each in (state.live, state.candidate) if each]
    return Serve(state=state, verdicts=tuple(verdict(each.model) for each in targets))


def author(**changes: Any) -> Author:
    return Author(**{"who": "ann", "why": "the gates let it through", **changes})


def job_key(**changes: Any) -> JobKey:
    return JobKey(**{"dag_id": "flight-delay.training", "run_id": "manual__2026-01-01", "task_id": "train", **changes})


def report(value: float = 0.8, **changes: Any) -> EvaluationReport:
    measure = Measure(metric="roc_auc", value=value, low=value - 0.01, high=value + 0.01, rows=1000)
    values = {
        "model": model_ref(),
        "champion": None,
        "evaluated_on": dataset_ref(),
        "holdout": "",
        "rows": 1000,
        "measures": (measure,),
    }
    return EvaluationReport(**{**values, **changes})


def report_against_champion(gain: float, spread: float = 0.01, metric: str = "roc_auc") -> EvaluationReport:
    """The candidate exceeds the champion by `gain`, give or take `spread` at the far ends."""
    width = 2 * spread / (QUANTILES[-1] - QUANTILES[0])
    quantiles = tuple(gain + (p - 0.5) * width for p in QUANTILES)
    return report(
        champion=Rival(name="flight-delay", number=1, model=model_ref("c")),
        measures=(Measure(metric=metric, value=0.8, rows=1000),),
        champion_measures=(Measure(metric=metric, value=0.8 - gain, rows=1000),),
        differences=(Difference(metric=metric, value=gain, quantiles=quantiles),),
    )


def notice(number: int = 0, **changes: Any) -> Notice:
    values = {
        "thread": "incident/flight-delay/7",
        "number": number,
        "title": "flight-delay: its data drift",
        "state": "confirmed",
        "severity": Severity.CRITICAL,
        "at": "2026-01-03T04:00:00Z",
        "subject": "flight-delay",
        "text": "3 of 4 windows differ from what version 3 was trained on.",
        "facts": (Fact(label="roc_auc, estimated", value="0.71 (was 0.80)"), Fact(label="rows", value="1,204")),
        "columns": (TopColumn(name="dep_delay", effect="0.42 sd", note="p < 0.001"),),
        "links": (Link(label="The run", url="https://airflow.example/dags/flight-delay.monitoring"),),
        "asks": "confirmed",
    }
    return Notice(**{**values, **changes})
