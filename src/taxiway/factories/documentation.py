"""What a DAG says about itself on its page."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.specs.gates import Approval, BeatsChampion, MaxRegression, Threshold, describe
from taxiway.core.specs.scoring import Scoring
from taxiway.core.specs.training import Training

if TYPE_CHECKING:
    from taxiway.core.specs.monitoring import Monitoring
    from taxiway.core.specs.serving import Rollout, Service


def training_doc(
    model: str,
    dataset: Dataset,
    training: Training,
    evaluation: Evaluation,
    gates: Iterable[Threshold | BeatsChampion | MaxRegression | Approval],
) -> str:
    """The training DAG in words, as Markdown."""
    return "\n".join(_training(model, dataset, training, evaluation, gates))


def _training(
    model: str,
    dataset: Dataset,
    training: Training,
    evaluation: Evaluation,
    gates: Iterable[Threshold | BeatsChampion | MaxRegression | Approval],
) -> Iterator[str]:
    yield f"## May {model} go live?"
    yield ""
    yield f"1. **data**: `{dataset.name}` at `{dataset.uri}`{_contract(dataset)}."
    yield f"2. **candidate**: `{training.function}` trains it; {', '.join(evaluation.metrics)} of "
    yield f"   `{evaluation.target}` are measured {_rows(evaluation)}, for the candidate and the champion alike."
    yield "3. **decision**: every one of these has to hold:"
    yield from (f"   - {describe(gate)}" for gate in gates)
    yield "4. **registry**: a model that passes gets the next number and becomes the champion."
    yield ""
    yield "A missing or undecided measurement never passes. In a backfill, and for a sample, nothing is promoted."


def scoring_doc(model: str, scoring: Scoring) -> str:
    """The scoring DAG in words, as Markdown."""
    when = f"at `{scoring.schedule}`" if scoring.schedule else "whenever it changes"
    return (
        f"## Predictions of {model}\n\nThe `{scoring.alias}` scores `{scoring.dataset.name}` at "
        f"`{scoring.dataset.uri}`{_contract(scoring.dataset)}, {when}, into `{scoring.output}`. "
        "Readers see all predictions of a run or none."
    )


def deployment_doc(model: str, service: "Service") -> str:
    """The deployment DAG in words, as Markdown."""
    return "\n".join(
        [
            f"## How a new version of {model} goes live",
            "",
            f"When the `{service.alias}` of `{model}` moves, the service `{service.name}` takes it live:",
            "",
            *(f"{number}. {step}." for number, step in enumerate(_steps(service.rollout), start=1)),
            "",
            f"A version that is worse, or was not shown to be good within {service.deadline}, is given up: the version",
            "before answers everything, and is the champion again. With too few requests, without metrics, or while",
            "the live version itself is ill, nothing is decided.",
        ]
    )


def rollback_doc(model: str, service: "Service") -> str:
    """The rollback DAG in words, as Markdown."""
    return (
        f"## Back to the last good version of {model}\n\nA candidate of the service `{service.name}` is given up; "
        "without one, the version that was live before is live again. Say why: it is written into the registry's log."
    )


def _steps(rollout: "Rollout") -> Iterator[str]:
    from taxiway.core.specs.serving import BlueGreen, Canary, Shadow

    yield "it is loaded beside the live version, and answers its golden requests"
    if isinstance(rollout, Shadow):
        much = [f"for {rollout.duration}"] if rollout.duration else []
        much += [f"for {rollout.requests} requests"] if rollout.requests else []
        yield f"it gets copies of the traffic {' and '.join(much)}, and its answers are compared with those given"
        yield from list(_steps(rollout.then))[1:]
        return
    if isinstance(rollout, Canary):
        weights = " %, ".join(str(weight) for weight in rollout.weights)
        yield f"it gets {weights} % of the traffic, for {rollout.bake} each, while it is as good as the live version"
    if isinstance(rollout, BlueGreen):
        yield f"it gets all traffic at once, and is watched for {rollout.bake}"
    yield "it is live, and what was live before is remembered"


def _contract(dataset: Dataset) -> str:
    return f", held to the contract `{dataset.checks}`" if dataset.checks else ", without a contract"


def _rows(evaluation: Evaluation) -> str:
    if not isinstance(evaluation.on, Holdout):
        return f"on `{evaluation.on.name}`"
    by = f", by `{evaluation.on.by}`" if evaluation.on.by else ""
    return f"on {evaluation.on.fraction:.0%} of the rows, held out from training{by}"


def monitoring_doc(model: str, asked: "Monitoring") -> str:
    """The monitoring DAG in words, as Markdown."""
    return "\n".join(_monitoring(model, asked))


def _monitoring(model: str, asked: "Monitoring") -> Iterator[str]:
    alarm, drift = asked.alarm, asked.drift
    yield f"## Is {model} still what it was?"
    yield ""
    yield f"1. **window**: {_source(asked)}, in at most {asked.partitions} parts side by side."
    yield "2. **drift**: beside the data that the live version learned from. A column drifts when that is unlikely "
    yield f"   ({drift.alpha:.0%} for all columns together) and moves by {drift.min_effect:g} deviations or more."
    yield f"3. **incident**: {alarm.confirm} bad windows of {alarm.among} confirm one. A window is bad when the model "
    yield f"   does worse by {alarm.max_drop:g}, or when the data is broken; drift alone wakes nobody."
    yield f"   {_retraining(asked)}"


def performance_doc(model: str, asked: "Monitoring") -> str:
    """The performance DAG in words, as Markdown."""
    labels = asked.labels
    where = f"`{labels.dataset.uri}`, by `{labels.key}`" if labels else "nowhere"
    least, patience = (labels.min_coverage, labels.patience) if labels else (0.0, None)
    return (
        f"## How well does {model} do?\n\nThe labels of a window arrive at {where}. When {least:.0%} of its "
        f"predictions have one, or after {patience}, its metrics are measured, beside what had been estimated for "
        "the same rows."
    )


def drift_doc(name: str, reference: Dataset, asked: "Monitoring") -> str:
    """The drift DAG in words, as Markdown."""
    return (
        f"## Is {name} still what it was?\n\n{_source(asked).capitalize()}, beside `{reference.name}` at "
        f"`{reference.uri}`. {asked.alarm.confirm} windows of {asked.alarm.among} with broken data confirm an incident."
    )


def _source(asked: "Monitoring") -> str:
    if asked.window is not None:
        return f"the rows of `{asked.window.uri}`"
    return f"the traffic of service `{asked.service}`" if asked.service else "the partition that was scored"


def _retraining(asked: "Monitoring") -> str:
    if asked.retrain is None:
        return "Nothing is retrained."
    return f"A retraining starts when it is worth it, at most once in {asked.retrain.cool_down}, never two at once."
