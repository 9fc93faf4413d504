"""Performance in jobs: a window's predictions, joined with the labels that arrived, and measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from taxiway.core.anomalies import Anomaly
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import Measure, Slice
from taxiway.core.monitoring import MeasureWork, WindowPart
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import Baseline, PerformanceReport
from taxiway.core.series import of_performance_reports
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.monitoring import Labels
from taxiway.core.windows import moment
from taxiway.engines.labels import TRUTH, Joined, join

if TYPE_CHECKING:
    import polars as pl

    from taxiway.runtime.context import Job
    from taxiway.stores.monitoring import Reports

_PREDICTION, _SCORE = "prediction", "score"
_TWO = 2
HISTORY = 72
"""So many earlier windows tell what is usual."""
_RESAMPLES = 200


def measure(work: MeasureWork, job: Job) -> PerformanceReport:
    """How well the live model did in a window, by the labels there are now.

    The report is kept if the work is final. With fewer labels than are asked for its outcome is INCONCLUSIVE.

    Raises:
        SpecError: no labels were named, or a column is missing.
    """
    from taxiway.stores.monitoring import Reports

    labels = work.monitoring.labels
    if labels is None:
        raise SpecError("nobody said where the labels are", where="Monitoring.labels", do="Add Labels(…).")
    joined = _joined(work, labels, job)
    if not work.final:
        return _counted(work, joined)
    report = _measured(work, labels, joined, job)
    reports = Reports(job.store, report.window.model, report.window.population)
    return reports.keep(report.model_copy(update={"trends": _trends(report, reports)}))


def _trends(report: PerformanceReport, reports: Reports) -> tuple[Anomaly, ...]:
    """What is remarkable since the windows before this one."""
    from taxiway.engines.series import anomalies

    earlier = [one for one in reports.newest(PerformanceReport, HISTORY) if one.window.end <= report.window.start]
    same = [one for one in earlier if one.number == report.number and one.outcome is Outcome.PASS]
    return anomalies(of_performance_reports([*same, report])) if report.outcome is Outcome.PASS else ()


def _joined(work: MeasureWork, labels: Labels, job: Job) -> Joined:
    from taxiway.runtime.data import frame
    from taxiway.stores.datasets import snapshot
    from taxiway.stores.listing import NoData

    window = work.parts[0].window
    target = labels.target or (work.evaluation.target if work.evaluation else None)
    if target is None:
        raise SpecError("nobody said which column is the truth", where="Labels.target", do="Name it.")
    try:
        truth = frame(snapshot(labels.dataset, job.store), job.store)
    except NoData:
        truth = None
    return join(_predictions(work, labels, job), truth, labels.key, target, at=labels.at, since=moment(window.end))


def _predictions(work: MeasureWork, labels: Labels, job: Job) -> pl.DataFrame:
    """The answers, with the key and the slice columns, of every part that has answers."""
    import polars as pl

    found = [frame for part in work.parts for frame in _of_part(part, work, labels, job)]
    return pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame({labels.key: [], _PREDICTION: []})


def _of_part(part: WindowPart, work: MeasureWork, labels: Labels, job: Job) -> Iterator[pl.DataFrame]:
    import polars as pl

    from taxiway.runtime.production import ask, production

    found = production(part, work.monitoring, job) if part.holds != "inputs" else None
    if found is None:
        return
    keep = [labels.key, *_slices(work, part)]
    have = found.rows.collect_schema().names()
    if not found.outputs:
        if part.live is None:
            return
        said, _ = ask(found.rows, part.live, job, keep=keep)
        if said is not None:
            yield said.collect(engine="streaming")
        return
    names = {name: role for role, name in found.outputs.items()}
    wanted = [*names, *(name for name in dict.fromkeys(keep) if name in have and name not in names)]
    rows = found.rows.select(wanted).collect(engine="streaming").rename(names)
    if _SCORE in rows.columns:
        rows = rows.with_columns(pl.col(_SCORE).cast(pl.Float64))
    yield rows.filter(pl.col(_PREDICTION).is_not_null())


def _slices(work: MeasureWork, part: WindowPart) -> list[str]:
    """The slice columns, but those with personal data, whose levels would stand in the report."""
    personal = {
        *(part.live.model.trained_on.personal if part.live else ()),
        *(part.dataset.personal if part.dataset else ()),
    }
    return [name for name in (work.evaluation.slices if work.evaluation else ()) if name not in personal]


def _counted(work: MeasureWork, joined: Joined) -> PerformanceReport:
    part = work.parts[0]
    return PerformanceReport(
        window=part.window,
        number=part.live.number if part.live else None,
        live_since=part.live.since if part.live else "",
        rows=joined.rows,
        labelled=joined.known.height,
        coverage=joined.known.height / joined.rows if joined.rows else 0.0,
        delay_s=joined.delay_s,
        repeated=joined.repeated,
        contradictory=joined.contradictory,
    )


def _measured(work: MeasureWork, labels: Labels, joined: Joined, job: Job) -> PerformanceReport:
    from taxiway.runtime.profiles import stored

    report = _counted(work, joined)
    live = work.parts[0].live
    baseline = stored(Baseline, live.baseline, job.store)[0] if live and live.baseline else None
    if not joined.known.height:
        return report.model_copy(update={"note": f"there are no labels for {report.rows} predictions"})
    measures, slices = _metrics(work, joined.known, baseline)
    note = _why_not(report, labels, work.monitoring.drift.min_rows)
    return report.model_copy(
        update={
            "outcome": Outcome.INCONCLUSIVE if note else Outcome.PASS,
            "measures": measures,
            "slices": slices,
            "estimates": _estimates(joined.known, baseline, [one.metric for one in measures]),
            "expected": baseline.measures if baseline else (),
            "note": note,
        }
    )


def _why_not(report: PerformanceReport, labels: Labels, least: int) -> str:
    if report.labelled < least:
        return f"{report.labelled} labels are too few, it takes {least}"
    if report.coverage < labels.min_coverage:
        return f"{report.coverage:.1%} of the predictions have a label, it takes {labels.min_coverage:.1%}"
    return ""


def _metrics(
    work: MeasureWork, known: pl.DataFrame, baseline: Baseline | None
) -> tuple[tuple[Measure, ...], tuple[Slice, ...]]:
    from taxiway.engines import evaluation
    from taxiway.engines.alignment import align

    asked = _asked(work, baseline)
    gathered, truth = _gathered(known, baseline)
    real, answers = align(truth, [gathered], _positive(asked, baseline))
    found = evaluation.measure(real, answers, asked.metrics, resamples=asked.resamples, seed=asked.seed)
    levels = [name for name in asked.slices if name in known.columns]
    return found.candidate, tuple(
        one for name in levels for one in evaluation.slices(real, answers, known[name], asked)
    )


def _asked(work: MeasureWork, baseline: Baseline | None) -> Evaluation:
    """What to measure: what the recipe's evaluation says, else what was measured before."""
    if work.evaluation is not None:
        return dataclasses.replace(work.evaluation, resamples=_RESAMPLES)
    metrics = tuple(one.metric for one in baseline.measures) if baseline else ()
    metrics = metrics or ((work.monitoring.metric,) if work.monitoring.metric else ())
    return Evaluation(target=TRUTH, metrics=metrics, resamples=_RESAMPLES)


def _positive(asked: Evaluation, baseline: Baseline | None) -> str | None:
    from taxiway.engines.baselines import text

    if asked.positive is not None:
        return text(asked.positive).removesuffix(".0")
    return baseline.positive.removesuffix(".0") if baseline and baseline.positive else None


def _gathered(known: pl.DataFrame, baseline: Baseline | None) -> tuple[Any, pl.Series]:
    """The answers as evaluation takes them, and the truth; of a classifier both as text, whoever wrote them how."""
    import polars as pl

    from taxiway.engines.alignment import Gathered
    from taxiway.engines.flavours import Prediction

    gathered = Gathered()
    if not _classifies(known, baseline):
        gathered.add(Prediction(known[_PREDICTION].cast(pl.Float64).to_numpy()), known.height)
        return gathered, known[TRUTH].cast(pl.Float64, strict=False)
    said, truth = _text(known[_PREDICTION]), _text(known[TRUTH])
    classes = _classes(said, truth, baseline)
    scores = None
    if _SCORE in known.columns and len(classes) == _TWO:
        scores = known[_SCORE].to_numpy()
    gathered.add(Prediction(said.to_numpy(), scores, classes), known.height)
    return gathered, truth


def _classifies(known: pl.DataFrame, baseline: Baseline | None) -> bool:
    if baseline is not None:
        return baseline.misses is None
    return not known[_PREDICTION].dtype.is_numeric() or _SCORE in known.columns


def _text(labels: pl.Series) -> pl.Series:
    """Labels as text; whole numbers without a point, whoever wrote them with one."""
    import polars as pl

    whole = labels.dtype.is_float() and bool((labels == labels.round()).all())
    return labels.cast(pl.Int64).cast(pl.String) if whole else labels.cast(pl.String)


def _classes(said: pl.Series, truth: pl.Series, baseline: Baseline | None) -> tuple[str, ...]:
    """The model's classes; of two the one that is scored comes second."""
    labels = (one.label.removesuffix(".0") for one in (baseline.hits if baseline else ()))
    known = {*said.unique(), *truth.unique(), *labels}
    scored = baseline.scored.removesuffix(".0") if baseline and baseline.scored else None
    return tuple(sorted(known, key=lambda label: (label == scored, label)))


def _estimates(known: pl.DataFrame, baseline: Baseline | None, metrics: Sequence[str]) -> tuple[Measure, ...]:
    from taxiway.engines.estimates import estimate
    from taxiway.engines.profiles import profile

    if baseline is None:
        return ()
    outputs = {role: role for role in (_PREDICTION, _SCORE) if role in known.columns}
    answers = profile(known.lazy(), baseline.answers, outputs=outputs)  # type: ignore[arg-type]
    return estimate(baseline, answers, metrics)
