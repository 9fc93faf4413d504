"""What the tests of incidents begin with: windows hour after hour, reports about them, and a journal in memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

from taxiway.core.drift import ColumnDrift, DriftReport
from taxiway.core.evaluation import Measure
from taxiway.core.incidents import Evidence, Mark, Observation, Severity, Signal, Watched
from taxiway.core.outcomes import Outcome
from taxiway.core.performance import PerformanceReport
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.transitions import Rules, Step, advance
from taxiway.core.windows import Window, iso, window

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour(n: int = 0) -> Window:
    return window("flight-delay", "all", START + n * HOUR, START + (n + 1) * HOUR)


def clock(n: float) -> str:
    """The time at which the window of hour `n` is looked at."""
    return iso(START + (n + 1) * HOUR)


def drift_report(**changes: Any) -> DriftReport:
    values = {
        "window": hour(),
        "number": 1,
        "reference": "the data that version 1 learned from",
        "profile": None,
        "rows": 1000,
        "reference_rows": 5000,
        "outcome": Outcome.PASS,
    }
    return DriftReport(**{**values, **changes})


def performance_report(**changes: Any) -> PerformanceReport:
    values = {
        "window": hour(),
        "number": 1,
        "rows": 1000,
        "labelled": 900,
        "coverage": 0.9,
        "outcome": Outcome.PASS,
    }
    return PerformanceReport(**{**values, **changes})


def column(name: str, *findings: Any, role: Any = "input") -> ColumnDrift:
    return ColumnDrift(name=name, role=role, outcome=Outcome.FAIL, findings=findings)


def measured(value: float | None, metric: str = "roc_auc", **changes: Any) -> Measure:
    return Measure(metric=metric, value=value, rows=1000, **changes)


def signal(evidence: Evidence = Evidence.ESTIMATED, size: float | None = 0.2) -> Signal:
    return Signal(evidence=evidence, subject="roc_auc", size=size, words=f"{evidence} roc_auc is worse")


def observation(n: int, mark: Mark = Mark.BAD, *kinds: Evidence, **changes: Any) -> Observation:
    """What a window of hour `n` says; a bad one by drift and by estimated performance, unless it is said otherwise."""
    bad = mark is Mark.BAD
    signals = tuple(signal(kind) for kind in kinds or ((Evidence.ESTIMATED, Evidence.VALUES) if bad else ()))
    values = {
        "key": f"drift.{changes.get('number', 1)}.{n}",
        "window": hour(n),
        "source": "drift",
        "mark": mark,
        "number": 1,
        "signals": signals,
        "severity": Severity.MAJOR,
        "drop": 0.2 if bad else 0.0,
        "rows": 1000,
    }
    return Observation(**{**values, **changes})


class Journal:
    """Plays events, and keeps every step."""

    def __init__(self, alarm: Alarm | None = None, retrain: Retrain | None = None) -> None:
        self.rules = Rules(alarm or Alarm(), retrain)
        self.watched = Watched()
        self.said: list[Step] = []

    def play(self, *events: Any, at: str | None = None) -> Step:
        for event in events:
            when = at or (iso(datetime.fromisoformat(event.window.end)) if hasattr(event, "window") else clock(0))
            self.said.append(advance(self.watched, event, self.rules, when))
            self.watched = self.said[-1].watched
        return self.said[-1]

    def hours(self, marks: str, first: int = 0, **changes: Any) -> Step:
        """Plays one window an hour: `b`ad, `g`ood, `h`eld or `u`nknown."""
        kinds = {mark.value[0]: mark for mark in Mark}
        return self.play(*(observation(first + n, kinds[mark], **changes) for n, mark in enumerate(marks)))

    @property
    def phases(self) -> list[str]:
        """Every phase that anything went to."""
        return [str(step.incident.phase) for said in self.said for step in said.steps]
