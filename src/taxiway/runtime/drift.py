"""Drift in jobs: a window beside the data that its model learned from, or beside earlier windows of the same hour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taxiway.core.anomalies import Anomaly
from taxiway.core.drift import DriftReport, judge, ranked, score
from taxiway.core.evaluation import Measure
from taxiway.core.incidents import Mark
from taxiway.core.monitoring import CompareWork, Live
from taxiway.core.observations import of_drift
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import Baseline
from taxiway.core.profiles import ColumnProfile, Profile, merge
from taxiway.core.series import of_drift_reports
from taxiway.core.specs.monitoring import Drift
from taxiway.core.windows import same_slot
from taxiway.runtime.context import Job
from taxiway.runtime.profiles import NO_REFERENCE, reference_of, stored

if TYPE_CHECKING:
    from taxiway.stores.monitoring import Reports
    from taxiway.stores.objects import ObjectStore

HISTORY = 72
"""So many earlier windows tell what is usual."""
SEASONS, FEWEST_SEASONS = 8, 3
"""So many earlier windows of the same slot are looked for, and so many of them make a reference."""


def compare(work: CompareWork, job: Job) -> DriftReport:
    """Holds the parts of a window, added up, against the reference, estimates how well the model does, and keeps it.

    Raises:
        IntegrityError: the profile of a part is broken.
    """
    from taxiway.stores.monitoring import Reports

    reports = Reports(job.store, work.window.model, work.window.population)
    report = _report(work, job.store, reports)
    return reports.keep(report.model_copy(update={"trends": _trends(report, reports)}))


def _trends(report: DriftReport, reports: "Reports") -> tuple[Anomaly, ...]:
    """What is remarkable since the windows before this one."""
    from taxiway.engines.series import anomalies

    earlier = [one for one in reports.newest(DriftReport, HISTORY) if one.window.end <= report.window.start]
    same = [one for one in earlier if one.number == report.number]
    return anomalies(of_drift_reports([*same, report])) if report.outcome is not Outcome.INCONCLUSIVE else ()


def _report(work: CompareWork, store: "ObjectStore", reports: "Reports") -> DriftReport:
    from taxiway.stores.blobs import Blobs

    reference, note = reference_of(work.live, work.reference, store)
    profiles = [stored(Profile, part.profile, store)[0] for part in work.parts if part.profile]
    found = [one for one in profiles if one is not None]
    rows = sum(part.rows for part in work.parts)
    if reference is None or len(found) < len(work.parts):
        why = note or next((part.note for part in work.parts if part.note), NO_REFERENCE)
        return _nothing(work, rows, why)
    window = merge(found)
    if not window.rows:
        return _nothing(work, 0, "the window has no rows", reference.rows)
    kept = Blobs(store).put_record(window)
    return _compared(work, reference, window, kept, (store, reports))


def _compared(
    work: CompareWork, reference: Profile, window: Profile, kept: str, at: "tuple[ObjectStore, Reports]"
) -> DriftReport:
    from taxiway.engines import drift

    store, reports = at
    baseline = stored(Baseline, work.live.baseline, store)[0] if work.live and work.live.baseline else None
    before, words = _in_season(work, reference, store, reports)
    found = drift.compare(before, window, _asked(work))
    outcome = judge(found.columns, found.faults)
    few = min(window.rows, before.rows)
    return DriftReport(
        window=work.window,
        number=work.live.number if work.live else None,
        live_since=work.live.since if work.live else "",
        reference=words,
        profile=kept,
        rows=window.rows,
        reference_rows=before.rows,
        outcome=outcome,
        score=score(found.columns),
        tested=sum(column.outcome is not Outcome.INCONCLUSIVE for column in found.columns),
        drifted=sum(column.outcome is Outcome.FAIL for column in found.columns),
        columns=ranked(found.columns),
        faults=found.faults,
        estimates=_estimates(work, baseline, window),
        expected=baseline.measures if baseline else (),
        outside=window.outside,
        note=_note(work, few if outcome is Outcome.INCONCLUSIVE else None),
    )


def _note(work: CompareWork, few: int | None) -> str:
    told = dict.fromkeys(part.note for part in work.parts if part.note)
    return "; ".join(([f"{few} rows are too few to tell"] if few is not None else []) + list(told))


def _asked(work: CompareWork) -> Drift:
    """What is asked; of traffic not what is masked in it."""
    import dataclasses

    asked = work.monitoring.drift
    if work.monitoring.service is None or work.live is None:
        return asked
    personal = work.live.model.trained_on.personal
    hidden = tuple(name for name, action in personal.items() if action == "mask")
    return dataclasses.replace(asked, ignore=(*asked.ignore, *hidden))


def _estimates(work: CompareWork, baseline: Baseline | None, window: Profile) -> tuple[Measure, ...]:
    from taxiway.engines.estimates import estimate

    if baseline is None:
        return ()
    metrics = work.metrics or tuple(measure.metric for measure in baseline.measures)
    return estimate(baseline, window, metrics)


def _in_season(work: CompareWork, reference: Profile, store: "ObjectStore", reports: "Reports") -> tuple[Profile, str]:
    """Earlier windows of the same slot, if enough of them were good; else the reference itself; and what it is."""
    earlier = [one for one in _earlier(work, reports) if one.profile is not None]
    found = [stored(Profile, str(one.profile), store)[0] for one in earlier]
    alike = [one for one in found if one is not None and _same_places(one, reference)]
    if len(alike) < FEWEST_SEASONS:
        return reference, _words(work.live)
    season = merge(alike)
    by_name = {(one.role, one.name): one for one in season.columns}
    columns = tuple(_as_reference(one, by_name.get((one.role, one.name))) for one in reference.columns)
    update = {"rows": season.rows, "columns": columns}
    return reference.model_copy(update=update), f"{len(alike)} earlier windows of the same hour"


def _earlier(work: CompareWork, reports: "Reports") -> Sequence[DriftReport]:
    slots = same_slot(work.window, work.monitoring.drift.season, SEASONS)
    found = [reports.find(DriftReport, one) for one in slots]
    number = work.live.number if work.live else None
    same = [one for one in found if one is not None and one.number == number]
    return [one for one in same if of_drift(one, work.monitoring.alarm, _metric(work, one)).mark is Mark.GOOD]


def _metric(work: CompareWork, report: DriftReport) -> str | None:
    return work.monitoring.metric or next((measure.metric for measure in report.expected), None)


def _same_places(window: Profile, reference: Profile) -> bool:
    known = {(one.role, one.name): one for one in reference.columns}
    pairs = [(one, known[one.role, one.name]) for one in window.columns if (one.role, one.name) in known]
    return all(_edges(a) == _edges(b) and _names(a) == _names(b) for a, b in pairs)


def _edges(column: ColumnProfile) -> tuple[float, ...]:
    return column.bins.edges if column.bins else ()


def _names(column: ColumnProfile) -> set[str]:
    return {*column.levels.counts} if column.levels else set()


def _as_reference(column: ColumnProfile, season: ColumnProfile | None) -> ColumnProfile:
    """What a season counted, as a reference; its levels were named by other rows, so chance had no part in it."""
    if season is None or not season.rows:
        return column
    levels = season.levels.model_copy(update={"sure": 0, "fresh": {}}) if season.levels else None
    return season.model_copy(update={"dtypes": column.dtypes, "levels": levels, "distinct": column.distinct})


def _words(live: Live | None) -> str:
    return f"the data that version {live.number} learned from" if live else "the reference"


def _nothing(work: CompareWork, rows: int, note: str, reference_rows: int = 0) -> DriftReport:
    return DriftReport(
        window=work.window,
        number=work.live.number if work.live else None,
        live_since=work.live.since if work.live else "",
        reference=_words(work.live),
        profile=None,
        rows=rows,
        reference_rows=reference_rows,
        outcome=Outcome.INCONCLUSIVE,
        note=note,
    )
