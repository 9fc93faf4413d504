"""Models in a store for pages to show, through the real writers of it."""

from typing import Any

import samples
from taxiway.core.gates import clear
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import ModelVersion
from taxiway.core.rulings import DataRuling, Ruling
from taxiway.core.serving import ServiceState
from taxiway.core.training import Environment, TrainingRun
from taxiway.core.validation import CheckResult, ValidationReport
from taxiway.stores.blobs import Blobs
from taxiway.stores.commits import now
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.stores.rulings import Rulings
from taxiway.stores.runs import RunHistory
from taxiway.stores.services import Services


def register(store: ObjectStore, name: str = "flight-delay", letter: str = "a", **changes: Any) -> ModelVersion:
    """A version of a model, with its evaluation report in the store."""
    model = samples.model_ref(letter, name=name, **changes.pop("model", {}))
    report = Blobs(store).put_record(samples.report(model=model))
    values = {
        "run": f"{name}.{letter}",
        "verdicts": (samples.verdict(model),),
        "metrics": {"roc_auc": 0.8},
        "report": report,
        "by": samples.author(why="every gate let it through"),
    }
    return Registry(store).register(model, **{**values, **changes})


def promote(store: ObjectStore, number: int, name: str = "flight-delay", **changes: Any) -> None:
    Registry(store).promote(name, number, by=samples.author(**changes))


def serve(store: ObjectStore, **changes: Any) -> ServiceState:
    state = samples.service_state(**changes)
    Services(store).serve(state, by=samples.author(who="airflow:flight-delay.deployment.roll"))
    return state


def refuse(store: ObjectStore, name: str = "flight-delay", letter: str = "f") -> Ruling:
    """What the gates said about a candidate that they did not let through."""
    model = samples.model_ref(letter, name=name)
    report = Blobs(store).put_record(samples.report(0.6, model=model))
    said = samples.verdict(
        model, Outcome.FAIL, measured=0.6, reason="roc_auc is 0.6 and misses 0.7 (1000 rows)", evidence=report
    )
    ruling = Ruling(
        model=name,
        at=now(),
        by=samples.author(
            who="airflow:flight-delay.training.decision.gate",
            dag_id="flight-delay.training",
            run_id="manual__2",
            task_id="decision.gate",
        ),
        clearance=clear(model.digest, [said]),
        report=report,
    )
    return Rulings(store, Ruling).keep(ruling)


def train(store: ObjectStore, name: str = "flight-delay", letter: str = "a", **changes: Any) -> TrainingRun:
    """The history of a run that is over, with a curve."""
    values = {
        "run": f"{name}.{letter}",
        "model": samples.model_ref(letter, name=name),
        "params": {"depth": 3},
        "metrics": {"loss": 0.25},
        "environment": Environment(python="3.11.7", platform="linux-x86_64", packages={"numpy": "2.3.0"}),
        "seed": 7,
        "seconds": 12.5,
        "peak_memory_bytes": 2**28,
    }
    run = TrainingRun(**{**values, **changes})
    writer = RunHistory(store).writer(run.run)
    writer.log_params(run.params)
    for step in range(20):
        writer.log_metric("loss", 1 / (step + 1), step, float(step))
    return writer.finish(run)


def validate(store: ObjectStore, outcome: Outcome = Outcome.PASS, **changes: Any) -> DataRuling:
    """What a contract said about a snapshot."""
    check = CheckResult(
        check="hour: in_range(0, 23)", column="hour", severity="error", outcome=outcome, failed=3, rate=0.003
    )
    report = ValidationReport(
        dataset=samples.dataset_ref(**changes),
        outcome=outcome,
        rows=1000,
        columns={"hour": "Int64"},
        checks=(check,),
        contract=f"sha256:{samples.hexes('c')}",
    )
    return Rulings(store, DataRuling).keep(DataRuling(at=now(), by=samples.author(), report=report))
