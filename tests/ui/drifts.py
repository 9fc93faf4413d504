"""Incidents and reports in a store, for pages to show."""

from datetime import UTC, datetime, timedelta
from typing import Any

from taxiway.core import Alarm
from taxiway.core.incidents import Evidence, JournalEntry, Mark, Observation, Severity, Signal
from taxiway.core.transitions import Rules
from taxiway.core.windows import Window, iso, window
from taxiway.stores.journal import Journal
from taxiway.stores.objects import ObjectStore

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(Alarm(confirm=2, among=3), None)


def hour(number: int, model: str = "flight-delay", population: str = "all") -> Window:
    start = BEGAN + timedelta(hours=number)
    return window(model, population, start, start + timedelta(hours=1))


def observation(number: int, mark: Mark = Mark.BAD, **changes: Any) -> Observation:
    values = {
        "key": f"drift/{number}",
        "window": hour(number),
        "source": "drift",
        "mark": mark,
        "number": 1,
        "severity": Severity.MAJOR,
        "signals": (
            Signal(evidence=Evidence.VALUES, subject="dep_delay", size=0.4, words="dep_delay moved by 0.4 sd"),
        ),
        "rows": 500,
    }
    return Observation(**{**values, **changes})


def confirm(store: ObjectStore, model: str = "flight-delay", population: str = "all") -> list[JournalEntry]:
    """Three windows: one good, two bad, so that an incident is confirmed."""
    journal = Journal(store, model, population)
    marks = (Mark.GOOD, Mark.BAD, Mark.BAD)
    return [
        journal.record(
            observation(number, mark, window=hour(number, model, population)),
            RULES,
            at=iso(BEGAN + timedelta(hours=number + 1)),
        )
        for number, mark in enumerate(marks)
    ]
