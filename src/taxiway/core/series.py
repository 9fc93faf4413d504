"""Series: the same number, window after window."""

from collections.abc import Iterable, Sequence

from taxiway.core.drift import Asks, DriftReport
from taxiway.core.metrics import METRICS
from taxiway.core.performance import PerformanceReport

Values = Sequence[float | None]


def of_drift_reports(reports: Iterable[DriftReport]) -> dict[str, list[float | None]]:
    """What drift reports count, one value a window, oldest first: the quality of the data, and estimated metrics."""
    found = list(reports)
    series: dict[str, list[float | None]] = {
        "score": [one.score for one in found],
        "rows": [float(one.rows) for one in found],
    }
    for asks, word in ((Asks.MISSING, "missing"), (Asks.LEVELS, "unknown levels")):
        for name in sorted({column.name for one in found for column in one.columns}):
            values = [_effect(one, name, asks) for one in found]
            if any(values):
                series[f"{word} {name}"] = values
    for name in sorted({measure.metric for one in found for measure in one.estimates}):
        series[name] = [next((m.value for m in one.estimates if m.metric == name), None) for one in found]
    return series


def of_performance_reports(reports: Iterable[PerformanceReport]) -> dict[str, list[float | None]]:
    """What performance reports measured, one value a window, oldest first, and how many labels there were."""
    found = list(reports)
    series: dict[str, list[float | None]] = {"coverage": [one.coverage for one in found]}
    for name in sorted({measure.metric for one in found for measure in one.measures}):
        series[name] = [next((m.value for m in one.measures if m.metric == name), None) for one in found]
    return series


def is_worse(series: str, by: float) -> bool | None:
    """Whether a change of a series in this direction is for the worse; None where that cannot be said."""
    if series in METRICS:
        return (by < 0) is METRICS[series].higher_is_better if by else False
    if series.startswith(("missing ", "unknown levels ")) or series == "score":
        return by > 0
    return by < 0 if series == "coverage" else None


def _effect(report: DriftReport, name: str, asks: Asks) -> float | None:
    column = next((one for one in report.columns if one.name == name), None)
    if column is None:
        return None
    return next((finding.effect for finding in column.findings if finding.asks is asks), None)
