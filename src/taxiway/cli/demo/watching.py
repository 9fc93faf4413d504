"""What came of watching, for a person and as JSON."""

from typing import TYPE_CHECKING, Any

from taxiway.cli.demo.production import POPULATION, Look, Watched
from taxiway.cli.demo.story import MODEL
from taxiway.cli.demo.watch import DRAW
from taxiway.core.incidents import Incident, Mark, Observation, Phase
from taxiway.core.outcomes import Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NOTHING: dict[str, Any] = {"windows": [], "incidents": [], "threads": [], "retrainings": []}
_SHOWN = 2
_PAGE = f"/plugin/models/taxiway/drift/{MODEL}/{POPULATION}"
_COLOURS = {Mark.GOOD: "green", Mark.HELD: "yellow", Mark.BAD: "red", Mark.UNKNOWN: "yellow"}


def is_right(watched: Watched) -> bool:
    """Whether all came as it had to: no alarm but that of the broken sensor, one thread, one retraining."""
    alarms = [_mark(look) is Mark.BAD for look in watched.looks]
    pages = [look.drawn is not None and bool(look.drawn.page) for look in watched.looks]
    one, again = watched.incident, watched.retraining
    return (
        alarms == pages == [look.days.broken for look in watched.looks]
        and (watched.incidents, len(watched.threads)) == (1, 1)
        and one is not None
        and (one.phase, one.escalated, one.retraining) == (Phase.CONFIRMED, True, 1)
        and again is not None
        and again.clearance.outcome is not Outcome.PASS
    )


def as_data(watched: Watched) -> dict[str, Any]:
    """All of it as plain JSON data."""
    one, again = watched.incident, watched.retraining
    refused = [verdict for verdict in again.clearance.verdicts if verdict.outcome is not Outcome.PASS] if again else []
    return {
        "windows": [_window(look) for look in watched.looks],
        "incidents": [_incident(one)] if one else [],
        "threads": [[{"title": notice.title, "text": notice.text} for notice in thread] for thread in watched.threads],
        "retrainings": [
            {"refused": bool(refused), "why": [f"{v.gate}: {v.reason}" for v in refused], "run": again.link}
        ]
        if again
        else [],
    }


def show(console: "Console", monitoring: dict[str, Any], *, told: str, ui: str) -> None:
    """Prints it for a person; `told` is where the notices are, `ui` where Airflow is."""
    console.print("[bold]Watched in production")
    console.print(_table(monitoring["windows"]))
    for one in monitoring["incidents"]:
        state = "escalated" if one["escalated"] else one["phase"]
        console.print(f"Incident {one['number']} is [red]{state}[/red], since {one['since'][:10]}:", highlight=False)
        console.print(f"  {'; '.join(one['why'])}", style="dim", markup=False, highlight=False)
    for one in monitoring["retrainings"]:
        console.print(f"The retraining was {'[red]refused' if one['refused'] else 'let through'}:", highlight=False)
        console.print(f"  {'; '.join(one['why'])}", style="dim", markup=False, highlight=False)
    for thread in monitoring["threads"]:
        console.print(f"People were told in one thread, {told}:", soft_wrap=True, markup=False, highlight=False)
        for notice in thread:
            console.print(f"  {notice['title']}", style="dim", markup=False, highlight=False)
    drawn = [window["evidently"] for window in monitoring["windows"] if window["evidently"]]
    if drawn:
        console.print("Evidently's report: the button on the page of this task.", highlight=False)
        console.print(f"  {drawn[-1]}", soft_wrap=True, highlight=False)
    console.print(f"All of it, as a page: {ui}{_PAGE}\n", soft_wrap=True, highlight=False)


def _table(windows: list[dict[str, Any]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for one in windows:
        mark = Text(one["mark"], _COLOURS[Mark(one["mark"])])
        table.add_row("", one["days"], f"{one['flights']:,} flights", mark, Text(one["why"], "dim"))
    return table


def _window(look: Look) -> dict[str, Any]:
    return {
        "days": look.days.label,
        "start": look.report.window.start,
        "end": look.report.window.end,
        "flights": look.report.rows,
        "mark": str(_mark(look)),
        "why": _why(look),
        "run": look.link,
        "evidently": f"{look.link}/tasks/{DRAW}" if look.drawn and look.drawn.page else "",
    }


def _incident(one: Incident) -> dict[str, Any]:
    return {
        "number": one.number,
        "phase": str(one.phase),
        "escalated": one.escalated,
        "severity": str(one.severity),
        "since": one.since,
        "why": [signal.words for signal in one.signals],
    }


def _mark(look: Look) -> Mark:
    return look.entry.event.mark if isinstance(look.entry.event, Observation) else Mark.UNKNOWN


def _why(look: Look) -> str:
    """What stands out in the window; where nothing does, what moved most."""
    signals = look.entry.event.signals if isinstance(look.entry.event, Observation) else ()
    if look.entry.note or signals:
        return look.entry.note or "; ".join(signal.words for signal in signals[:_SHOWN])
    moved = [(abs(test.effect or 0.0), column.name) for column in look.report.columns for test in column.findings]
    size, name = max(moved, default=(0.0, ""))
    return f"{name} moved by {size:.2g}, and nothing by more" if size else "nothing moved"
