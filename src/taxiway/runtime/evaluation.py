"""Evaluation: asks the candidate and the champion about the same rows, batch by batch, and measures their answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taxiway.core.errors import SpecError
from taxiway.core.evaluation import EvaluationReport
from taxiway.core.names import nearest
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.stages import EvaluateWork
from taxiway.engines.alignment import Gathered, align
from taxiway.engines.baselines import baseline
from taxiway.engines.evaluation import measure, slices
from taxiway.engines.importance import ROWS, importance
from taxiway.runtime.context import Job
from taxiway.runtime.models import Model, load_model
from taxiway.stores.blobs import Blobs

if TYPE_CHECKING:
    import polars as pl

_BATCH_ROWS = 65_536


def evaluate(work: EvaluateWork, job: Job) -> EvaluationReport:
    """Measures the candidate and, if there is one, the champion on exactly the same rows.

    Rows whose target is missing are left out. Memory holds one batch of rows, and of all rows the target, the slice
    columns and the answers.

    Raises:
        SpecError: there are no rows, a column is missing, or the target is not what the models predict.
    """
    from taxiway.runtime.data import frame, split

    asked = work.evaluation
    rows = frame(work.dataset, job.store)
    rows = split(rows, asked.on)[1] if isinstance(asked.on, Holdout) else rows
    refs = [work.model] if work.champion is None else [work.model, work.champion.model]
    models = [load_model(ref, job.store, job.scratch) for ref in refs]
    facts, gathered, some = _ask(rows, models, asked, where=f"dataset {work.dataset.name!r}")
    truth, answers = align(facts[asked.target], gathered, asked.positive)
    measured = measure(truth, answers, asked.metrics, resamples=asked.resamples, seed=asked.seed)
    depends = importance(models[0].predict, some, _inputs(models[0], some), seed=asked.seed)
    classes = gathered[0].classes
    known = baseline(truth, answers[0], measured.candidate, classes=classes, importance=depends)
    return EvaluationReport(
        model=work.model,
        champion=work.champion,
        evaluated_on=work.dataset,
        holdout=_words(asked.on),
        rows=truth.rows,
        measures=measured.candidate,
        champion_measures=measured.champion,
        differences=measured.differences,
        slices=tuple(one for name in asked.slices for one in slices(truth, answers, facts[name], asked)),
        baseline=Blobs(job.store).put_record(known),
    )


def _ask(
    rows: "pl.LazyFrame", models: Sequence[Model], asked: Evaluation, *, where: str
) -> "tuple[pl.DataFrame, list[Gathered], pl.DataFrame]":
    """The target and the slice columns of all rows that have a target, what each model says, and some of the rows."""
    import polars as pl

    wanted = _columns(rows, models, asked, where=where)
    gathered, kept, some = [Gathered() for _ in models], [], None
    for batch in rows.select(wanted).collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
        known = batch.filter(_has_target(batch, asked.target))
        if not known.height:
            continue
        kept.append(known.select(list(dict.fromkeys((asked.target, *asked.slices)))))
        inputs = known.drop(asked.target)
        some = inputs.head(ROWS) if some is None else some
        for model, answers in zip(models, gathered, strict=True):
            answers.add(model.predict(inputs), known.height)
    if not kept or some is None:
        raise SpecError(
            "there are no rows to evaluate on",
            where=where,
            expected=f"rows that have a value in {asked.target!r}",
            got="none",
            do="Look at the dataset, at the holdout's fraction, and at the name of the target.",
        )
    return pl.concat(kept), gathered, some


def _inputs(model: Model, rows: "pl.DataFrame") -> list[str]:
    return [column.name for column in model.inputs] or rows.columns


def _has_target(batch: "pl.DataFrame", target: str) -> "pl.Series":
    values = batch[target]
    return values.is_not_null() & values.is_not_nan() if values.dtype.is_float() else values.is_not_null()


def _columns(rows: "pl.LazyFrame", models: Sequence[Model], asked: Evaluation, *, where: str) -> list[str]:
    schema = rows.collect_schema()
    have = schema.names()
    for name in (asked.target, *asked.slices):
        if name not in have:
            raise SpecError(
                f"there is no column {name!r}",
                where=f"{where}, Evaluation.{'target' if name == asked.target else 'slices'}",
                expected=f"one of {', '.join(have)}",
                do=nearest(name, have) or "Name a column of the dataset.",
            )
    for model in models:
        model.check(schema)
    if any(not model.inputs for model in models):
        return have
    inputs = {column.name for model in models for column in model.inputs}
    if asked.target in inputs:
        raise SpecError(
            "a model reads the very column it should predict",
            where=f"{where}, Evaluation.target",
            got=repr(asked.target),
            do="Drop the target from the model's inputs and train again.",
        )
    wanted = {asked.target, *asked.slices} | inputs
    return [name for name in have if name in wanted]


def _words(on: object) -> str:
    if not isinstance(on, Holdout):
        return ""
    return f"{on.fraction:.0%} of the rows, chosen by {on.by or 'their position'} with seed {on.seed}"
