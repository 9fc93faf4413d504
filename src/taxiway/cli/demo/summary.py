"""What came of the demo, for a person and as JSON."""

from typing import TYPE_CHECKING, Any

from taxiway.cli.demo import watching
from taxiway.cli.demo.production import Watched
from taxiway.cli.demo.service import Endpoint, check_answer
from taxiway.cli.demo.story import Told
from taxiway.core.evaluation import Measure
from taxiway.core.gates import Verdict
from taxiway.core.outcomes import Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.INCONCLUSIVE: "yellow"}


_NUMBERS, _LIVE, _CHAMPION = [1, 2, None, 3], [True, True, False, False], 2
"""The versions that the acts have to make, which of them have to go live, and which has to be the champion then."""


def summarize(
    told: list[Told], watched: Watched, champion: int | None, served: dict[str, Any], places: dict[str, Any]
) -> dict[str, Any]:
    """The whole summary as plain JSON data; `outcome` is `ok` when everything came as it had to."""
    scored = [act.scores.rows for act in told if act.scores]
    right = (
        [act.version.number if act.version else None for act in told] == _NUMBERS
        and [act.live for act in told] == _LIVE
        and (champion, served["live"], served["failed"]) == (_CHAMPION, _CHAMPION, 0)
        and watching.is_right(watched)
    )
    return {
        "outcome": "ok" if right and scored else "failed",
        "versions": [_version(act) for act in told if act.version],
        "champion": champion,
        "verdicts": [_verdict(act, verdict) for act in told for verdict in act.clearance.verdicts],
        "refused": [_refused(act) for act in told if not act.version],
        "scored_rows": scored[-1] if scored else 0,
        "service": served,
        "monitoring": watching.as_data(watched),
        **places,
    }


def serving(told: list[Told], endpoint: Endpoint) -> dict[str, Any]:
    """What the endpoint says now, and what became of each version that should go live.

    Raises:
        BackendError: it does not answer.
    """
    said, passengers = endpoint.answer(), endpoint.passengers
    rollouts = [
        {"version": act.version.number, "live": act.live, "reason": act.service.reason}
        for act in told
        if act.version and act.service
    ]
    return {
        "url": endpoint.url,
        "curl": endpoint.curl(),
        "late": check_answer(said),
        "live": said.get("version"),
        "rollouts": rollouts,
        "requests": passengers.asked,
        "failed": passengers.failed,
    }


def failed(error: str, places: dict[str, Any]) -> dict[str, Any]:
    """The summary of a demo that did not get to its end."""
    empty: dict[str, Any] = {"versions": [], "champion": None, "verdicts": [], "refused": [], "scored_rows": 0}
    empty["service"] = {"live": None, "rollouts": [], "requests": 0, "failed": 0}
    empty["monitoring"] = watching.NOTHING
    return {"outcome": "failed", "error": error, **empty, **places}


def _version(act: Told) -> dict[str, Any]:
    model = act.report.model
    return {
        "number": act.version.number if act.version else None,
        "model": model.digest,
        "trained_on": model.trained_on.digest,
        "trained_on_rows": model.trained_on.rows,
        "evaluated_on": act.report.evaluated_on.digest,
        "metrics": {m.metric: {"value": m.value, "low": m.low, "high": m.high} for m in act.report.measures},
        "run": act.link,
    }


def _verdict(act: Told, verdict: Verdict) -> dict[str, Any]:
    return {"run": act.title, "gate": verdict.gate, "outcome": str(verdict.outcome), "reason": verdict.reason}


def _refused(act: Told) -> dict[str, Any]:
    against = [verdict for verdict in act.clearance.verdicts if verdict.outcome is not Outcome.PASS]
    return {"model": act.report.model.digest, "why": [f"{v.gate}: {v.reason}" for v in against], "run": act.link}


def show(console: "Console", told: list[Told], summary: dict[str, Any]) -> None:
    """Prints the summary for a person."""
    console.print("\n[bold]What came of it[/bold]")
    console.print(_measures(told))
    for act in told:
        _decision(console, act)
    newest = next((act.scores for act in reversed(told) if act.scores), None)
    if newest:
        console.print(f"Version {newest.number} is the champion; it scored {newest.rows:,} flights of December:")
        console.print(f"  {newest.manifest}", soft_wrap=True, highlight=False)
    watching.show(console, summary["monitoring"], told=summary["told"], ui=summary["ui"])
    _endpoint(console, summary["service"])
    for label, key in (("Airflow", "ui"), ("Store", "store"), ("Logs", "logs")):
        console.print(f"{label:<8} {summary[key]}", soft_wrap=True, highlight=False)
    console.print(f"{'Time':<8} {summary['seconds']:.0f} s")


def _endpoint(console: "Console", served: dict[str, Any]) -> None:
    """What went live, what did not, and how to ask."""
    lost = f"{served['failed']} of {served['requests']:,} requests failed"
    console.print(f"Version {served['live']} answers at {served['url']}; {lost} meanwhile. Ask it:", highlight=False)
    console.print(f"  {served['curl']}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"  [dim]The flight will {'' if served['late'] else 'not '}be late.", highlight=False)


def _measures(told: list[Told]) -> "Table":
    from rich.table import Table

    names = [measure.metric for measure in told[0].report.measures]
    table = Table(
        title="Measured on the same flights of November", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    for column in ("Run", *names, "Version"):
        table.add_column(column, no_wrap=True)
    for act in told:
        numbers = [_interval(act.report.measure(name)) for name in names]
        table.add_row(act.title, *numbers, f"[green]{act.version.number}" if act.version else "[red]refused")
    return table


def _interval(measure: Measure | None) -> str:
    if measure is None or measure.value is None:
        return "not measured"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.4f}"
    return f"{measure.value:.4f}\n[dim]{measure.low:.3f} to {measure.high:.3f}"


def _decision(console: "Console", act: Told) -> None:
    """What the gates said about one candidate, and why."""
    from rich.table import Table
    from rich.text import Text

    data = act.report.model.trained_on
    rows = f"{data.rows:,} flights" if data.rows is not None else f"{data.objects} files"
    outcome = f"[green]version {act.version.number}" if act.version else "[red]refused"
    outcome += ", live" if act.live else ", [red]rolled back" if act.service else ""
    console.print(f"[bold]{act.title}[/bold]: {outcome}", highlight=False)
    console.print(f"  [dim]learned from {rows}, {data.digest[:32]}…", highlight=False)
    verdicts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for verdict in act.clearance.verdicts:
        verdicts.add_row("", Text(verdict.outcome, _COLOURS[verdict.outcome]), Text(verdict.reason))
    console.print(verdicts)
    if act.service:
        console.print(f"  {act.service.reason}", style="dim", markup=False, highlight=False)
    console.print()
