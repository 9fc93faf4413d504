"""From a report to an observation, and the time by this machine's clock."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from taxiway.core.specs.monitoring import Monitoring

if TYPE_CHECKING:
    from taxiway.core.drift import DriftReport
    from taxiway.core.incidents import Observation
    from taxiway.core.performance import PerformanceReport


def load_report(report: Mapping[str, Any]) -> "DriftReport | PerformanceReport":
    """A dumped report about a window.

    Raises:
        SpecError: it is another kind of record.
    """
    from taxiway.core.drift import DriftReport
    from taxiway.core.performance import PerformanceReport

    truth = report.get("kind") == PerformanceReport.__name__
    return PerformanceReport.load(report) if truth else DriftReport.load(report)


def deciding(report: "DriftReport | PerformanceReport", asked: Monitoring) -> str | None:
    """The metric that decides: the one that the monitoring names, else the first that was measured before."""
    return asked.metric or next((measure.metric for measure in report.expected), None)


def observed(report: Mapping[str, Any], asked: Monitoring) -> "Observation":
    """What a dumped report says, by the rules of a monitoring.

    Raises:
        SpecError: it is another kind of record.
    """
    from taxiway.core.observations import of_drift, of_performance
    from taxiway.core.performance import PerformanceReport

    found = load_report(report)
    if isinstance(found, PerformanceReport):
        return of_performance(found, asked.alarm, deciding(found, asked))
    return of_drift(found, asked.alarm, deciding(found, asked))


def now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
