"""The pages of one model: its versions, one of them, and two of anything side by side."""

from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from taxiway.core.changes import VersionRow
from taxiway.core.dossier import Side, contrast, way
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import EvaluationReport, Measure
from taxiway.core.rulings import Ruling
from taxiway.stores.rulings import Rulings
from taxiway.stores.runs import RunHistory
from taxiway.ui import render
from taxiway.ui.charts import Point, Series, lines
from taxiway.ui.library import Library
from taxiway.ui.shop import LibraryDep

router = APIRouter(prefix="/models/{name}")
Name = Annotated[str, Path(max_length=100)]
Number = Annotated[int, Path(ge=1)]
_RULINGS, _RUNS, _COMMITS, _DRAWN = 10, 50, 100, 6


class _Choice(NamedTuple):
    """One thing that can be compared."""

    value: str
    label: str


@router.get("")
def model(request: Request, library: LibraryDep, name: Name) -> HTMLResponse:
    """Versions, their metrics over time, rulings, runs, and the whole log."""
    commits = library.commits(name)
    rows = library.versions(name)
    runs = RunHistory(library.store).runs(name)
    return render.page(
        request,
        "model.html",
        name=name,
        row=library.shelf.row(name),
        state=commits[-1].state,
        rows=rows,
        chart=history(rows),
        rulings=Rulings(library.store, Ruling).newest(name, _RULINGS),
        runs=runs[-_RUNS:][::-1],
        of_runs=len(runs),
        commits=commits[: -_COMMITS - 1 : -1],
        of_commits=len(commits),
        by_run={one.version.run: one.version.number for one in rows},
    )


@router.get("/versions/{number}")
def version(request: Request, library: LibraryDep, name: Name, number: Number) -> HTMLResponse:
    """One version: where it comes from, why it was let through, and what became of it."""
    return render.page(request, "version.html", name=name, **told(library, name, number))


@router.get("/versions/{number}/card")
def card(request: Request, library: LibraryDep, name: Name, number: Number) -> HTMLResponse:
    """The model card."""
    return render.page(request, "card.html", name=name, **told(library, name, number))


@router.get("/compare")
def compare(
    request: Request,
    library: LibraryDep,
    name: Name,
    a: Annotated[str, Query(max_length=300)] = "",
    b: Annotated[str, Query(max_length=300)] = "",
) -> HTMLResponse:
    """Two versions or runs side by side; the two newest versions where nothing is named."""
    rows = library.versions(name)
    numbers = [f"version {one.version.number}" for one in rows]
    first = a or (numbers[1] if len(numbers) > 1 else numbers[0])
    second = b or numbers[0]
    sides = [_side(library, name, rows, each) for each in (first, second)]
    runs = RunHistory(library.store).runs(name)
    choices = [_Choice(each, each) for each in numbers] + [_Choice(f"run {run}", f"run {run}") for run in runs[::-1]]
    return render.page(
        request,
        "compare.html",
        name=name,
        sides=sides,
        chosen=(first, second),
        choices=choices[:500],
        contrast=contrast(*sides),
    )


def told(library: Library, name: str, number: int) -> dict[str, Any]:
    """All that there is to say about a version."""
    one = library.version(name, number)
    report = library.evaluation(one.version.report)
    commits = library.commits(name)
    return {
        "one": one,
        "version": one.version,
        "report": report,
        "run": RunHistory(library.store).result(one.version.run),
        "stops": way(one, commits, report),
        "state": commits[-1].state,
        "champion": _rival(report),
    }


def _rival(report: EvaluationReport | None) -> dict[str, Measure]:
    return {measure.metric: measure for measure in report.champion_measures} if report else {}


def history(rows: tuple[VersionRow, ...]) -> list[tuple[str, Markup]]:
    """Each metric over all versions as a chart; those that most versions have come first."""
    by_metric: dict[str, list[Point]] = {}
    for one in reversed(rows):
        for metric, value in one.version.metrics.items():
            point = Point(one.version.number, value, f"version {one.version.number}")
            by_metric.setdefault(metric, []).append(point)
    chosen = sorted(by_metric, key=lambda metric: -len(by_metric[metric]))[:_DRAWN]
    return [(metric, _chart(metric, by_metric[metric])) for metric in chosen]


def _chart(metric: str, points: list[Point]) -> Markup:
    return lines(f"{metric} by version", [Series(metric, points)], across="version")


def _side(library: Library, name: str, rows: tuple[VersionRow, ...], chosen: str) -> Side:
    kind, _, key = chosen.partition(" ")
    if kind == "run":
        run = RunHistory(library.store).result(key)
        if run is None or run.model.name != name:
            raise SpecError(f"model {name!r} has no finished run {key!r}")
        return Side(f"run {key}", run, run.metrics, data=run.model.trained_on)
    found = next((one.version for one in rows if chosen == f"version {one.version.number}"), None)
    if found is None:
        raise SpecError(f"model {name!r} has no {chosen!r}", expected="`version 3`, or `run` and its key")
    report = library.evaluation(found.report)
    slices = report.slices if report else ()
    return Side(chosen, RunHistory(library.store).result(found.run), found.metrics, slices, found.model.trained_on)
