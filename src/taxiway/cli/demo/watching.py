"""What came of watching, for a person and as JSON."""

from typing import TYPE_CHECKING, Any

from taxiway.cli.demo.production import Look, Watched
from taxiway.cli.demo.watch import in_words, mark_of
from taxiway.core.incidents import Mark, Phase
from taxiway.core.outcomes import Outcome

if TYPE_CHECKING:
    from rich.console import Console


def is_right(watched: Watched) -> bool:
    """Whether everything came as it had to: one incident, of the broken sensor, one thread, and one retraining."""
    alarmed = [look.days.broken for look in watched.looks] == [
        mark_of(look.entry) is Mark.BAD for look in watched.looks
    ]
    drawn = [look.days.broken for look in watched.looks] == [bool(look.drawn) for look in watched.looks]
    one, again = watched.incident, watched.retraining
    return (
        alarmed
        and drawn
        and (watched.incidents, len(watched.threads)) == (1, 1)
        and one is not None
        and (one.phase, one.escalated, one.retraining) == (Phase.CONFIRMED, True, 1)
        and again is not None
        and again.clearance.outcome is not Outcome.PASS
    )


def as_data(watched: Watched) -> dict[str, Any]:
    """All of it as plain JSON data."""
    one, again = watched.incident, watched.retraining
    return {
        "windows": [_window(look) for look in watched.looks],
        "incidents": [
            {
                "number": one.number,
                "phase": str(one.phase),
                "escalated": one.escalated,
                "severity": str(one.severity),
                "since": one.since,
                "why": [signal.words for signal in one.signals],
            }
        ]
        if one
        else [],
        "threads": [[{"title": notice.title, "text": notice.text} for notice in thread] for thread in watched.threads],
        "retrainings": [
            {
                "outcome": str(again.clearance.outcome),
                "why": [verdict.reason for verdict in again.clearance.verdicts if verdict.outcome is not Outcome.PASS],
                "run": again.link,
            }
        ]
        if again
        else [],
    }


def _window(look: Look) -> dict[str, Any]:
    return {
        "days": look.days.label,
        "start": look.report.window.start,
        "end": look.report.window.end,
        "flights": look.report.rows,
        "mark": str(mark_of(look.entry)),
        "why": in_words(look.entry),
        "evidently": f"{look.link}/tasks/drift.evidently" if look.drawn and look.drawn.page else "",
        "run": look.link,
    }


def show(console: "Console", monitoring: dict[str, Any]) -> None:
    """Prints it for a person."""
    console.print(monitoring)
