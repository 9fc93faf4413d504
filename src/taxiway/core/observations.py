"""Observations: what a report says about a window, in the words that incidents are made of."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from taxiway.core.anomalies import Anomaly, Change
from taxiway.core.drift import Asks, ColumnDrift, DriftReport, DriftTest
from taxiway.core.evaluation import Measure
from taxiway.core.incidents import BROKEN, Evidence, Mark, Observation, Severity, Signal
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import PerformanceReport, drop, values
from taxiway.core.specs.monitoring import Alarm
from taxiway.core.windows import iso, moment

_SHOWN = 8
_KINDS = {Asks.VALUES: Evidence.VALUES, Asks.MISSING: Evidence.MISSING, Asks.LEVELS: Evidence.LEVELS}
_IS = {"missing": "missing", "type": "of another type", "stuck": "stuck at one value"}


def of_drift(report: DriftReport, alarm: Alarm, metric: str | None) -> Observation:
    """What a drift report says. Values that moved are told, and make no window bad by themselves."""
    told = [*_faults(report), *_columns(report.columns, alarm)]
    worse = _worse(metric, report.estimates, report.expected, Evidence.ESTIMATED, alarm)
    trend = _trend(metric, report.trends)
    signals = [*worse.signals, *trend, *sorted(told, key=lambda one: (one.evidence not in BROKEN, -(one.size or 0.0)))]
    broken = any(signal.evidence in BROKEN for signal in signals)
    unknown = report.outcome is Outcome.INCONCLUSIVE and worse.mark is Mark.UNKNOWN
    return Observation(
        key=f"drift.{report.number or 0}.{report.window.slug}",
        window=report.window,
        source="drift",
        mark=_with_trend(_mark(broken=broken, unknown=unknown, worse=worse.mark), trend, alarm),
        number=report.number or 0,
        live_since=_since(report.live_since),
        signals=tuple(signals[:_SHOWN]),
        severity=worse.severity,
        drop=worse.drop,
        rows=report.rows,
    )


def of_performance(report: PerformanceReport, alarm: Alarm, metric: str | None) -> Observation:
    """What the truth says."""
    worse = _worse(metric, report.measures, report.expected, Evidence.REALISED, alarm)
    told = report.outcome is not Outcome.INCONCLUSIVE
    trend = _trend(metric, report.trends) if told else ()
    return Observation(
        key=f"performance.{report.number or 0}.{report.window.slug}",
        window=report.window,
        source="performance",
        mark=_with_trend(worse.mark if told else Mark.UNKNOWN, trend, alarm),
        number=report.number or 0,
        live_since=_since(report.live_since),
        signals=(*worse.signals, *trend) if told else (),
        severity=worse.severity,
        drop=worse.drop,
        values=values(report.measures) if told else {},
        rows=report.rows,
    )


def _since(text: str) -> str:
    return iso(moment(text)) if text else ""


class _Worse(NamedTuple):
    mark: Mark = Mark.UNKNOWN
    signals: tuple[Signal, ...] = ()
    severity: Severity = Severity.MINOR
    drop: float | None = None


def _worse(
    name: str | None, found: Iterable[Measure], expected: Iterable[Measure], evidence: Evidence, alarm: Alarm
) -> _Worse:
    now = next((one for one in found if one.metric == name), None)
    fallen = drop(name, now, values(expected)) if name is not None else None
    if fallen is None:
        return _Worse()
    by, surely = fallen
    if by < alarm.max_drop or surely <= 0:
        return _Worse(Mark.GOOD if by <= alarm.clear_drop * alarm.max_drop else Mark.HELD, drop=by)
    grave = evidence is Evidence.REALISED and by >= 2 * alarm.max_drop
    words = f"{evidence} {name} is worse by {by:.3g} than when it was evaluated"
    signal = Signal(evidence=evidence, subject=str(name), size=by, words=words)
    return _Worse(Mark.BAD, (signal,), Severity.CRITICAL if grave else Severity.MAJOR, by)


def _mark(*, broken: bool, unknown: bool, worse: Mark) -> Mark:
    if broken or worse is Mark.BAD:
        return Mark.BAD
    if unknown:
        return Mark.UNKNOWN
    return Mark.HELD if worse is Mark.HELD else Mark.GOOD


def _trend(metric: str | None, trends: Iterable[Anomaly]) -> tuple[Signal, ...]:
    """What the deciding metric did since earlier windows, if it was for the worse."""
    found = [one for one in trends if one.series == metric and one.worse]
    words = "{} changed by {:+.3g} from {:.3g}, {}"
    return tuple(
        Signal(
            evidence=Evidence.TREND,
            subject=one.series,
            size=abs(one.by),
            words=words.format(one.series, one.by, one.usual, "at once" if one.change is Change.SUDDEN else "slowly"),
        )
        for one in found
    )


def _with_trend(mark: Mark, trend: tuple[Signal, ...], alarm: Alarm) -> Mark:
    if not trend or mark in (Mark.BAD, Mark.UNKNOWN):
        return mark
    return Mark.BAD if alarm.trends else Mark.HELD


def _faults(report: DriftReport) -> Iterator[Signal]:
    for fault in report.faults:
        if fault.breaks:
            words = f"{fault.column} is {_IS[fault.what]}"
            yield Signal(evidence=Evidence.FAULT, subject=fault.column, size=None, words=words)


def _columns(columns: Iterable[ColumnDrift], alarm: Alarm) -> Iterator[Signal]:
    for column in columns:
        for finding in column.findings:
            if finding.outcome is Outcome.FAIL:
                yield _signal(column, finding, alarm)


def _signal(column: ColumnDrift, finding: DriftTest, alarm: Alarm) -> Signal:
    size = finding.effect or 0.0
    kind = _KINDS[finding.asks]
    if kind in BROKEN and size < alarm.max_missing:
        kind = Evidence.VALUES
    if column.role != "input":
        kind = Evidence.PREDICTIONS
    how = f"{size:+.1%} {finding.asks}" if finding.asks is not Asks.VALUES else f"moved by {size:.2g}"
    return Signal(evidence=kind, subject=column.name, size=size, words=f"{column.name} {how}")
