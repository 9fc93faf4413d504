"""The pages of production: incidents, how far the data have moved, and how well the model does."""

from typing import Annotated, NamedTuple

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from taxiway.core.drift import ColumnDrift, DriftReport
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import Measure
from taxiway.core.overview import worst_drift
from taxiway.core.performance import PerformanceReport, track_record
from taxiway.core.profiles import Profile
from taxiway.core.windows import moment
from taxiway.stores.journal import Journal
from taxiway.stores.monitoring import Reports
from taxiway.ui import render
from taxiway.ui.charts import Bar, Point, Series, bars, lines
from taxiway.ui.library import Library
from taxiway.ui.shop import LibraryDep

router = APIRouter()
Name = Annotated[str, Path(max_length=100)]
_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
_WINDOWS, _ENTRIES, _PICTURES = 48, 200, 12


class Picture(NamedTuple):
    """A column, what was found about it, and its distributions side by side where both are in the store."""

    column: ColumnDrift
    drawn: Markup


@router.get("/drift")
def watched(request: Request, library: LibraryDep) -> HTMLResponse:
    """Every population of every model that is watched, the worst first."""
    found = [
        (model, worst_drift({population: one}), one)
        for model, populations in library.shelf.watched().items()
        for population, one in populations.items()
    ]
    found.sort(key=lambda each: (each[2].incident is None, each[0]))
    return render.page(request, "drift.html", watched=found)


@router.get("/drift/{name}/{population}")
def population(
    request: Request,
    library: LibraryDep,
    name: Name,
    population: Name,
    window: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """One population: its incident, the windows one after the other, and the columns of one of them."""
    return _population(request, library, name, population, window)


@router.get("/drift/{name}/{population}/evidently/{window}")
def evidently(
    library: LibraryDep, name: Name, population: Name, window: Annotated[str, Path(max_length=60)]
) -> HTMLResponse:
    """The report that Evidently drew of a window, shut up in a sandbox: its scripts may draw, and reach nothing."""
    page = Reports(library.store, name, population).page(window)
    if page is None:
        raise SpecError(f"Evidently drew no window {window!r} of model {name!r}")
    return HTMLResponse(page, headers={"Content-Security-Policy": _SANDBOX})


@router.get("/dags/{dag_id}/drift", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])
def of_dag(request: Request, library: LibraryDep, dag_id: Annotated[str, Path(max_length=250)]) -> HTMLResponse:
    """The tab on the page of a DAG: the population it is named after, else the one of its model that does worst."""
    watched = library.shelf.watched()
    model = max((name for name in watched if f"{dag_id}.".startswith(f"{name}.")), key=len, default="")
    worst = worst_drift(watched.get(model, {}))
    if worst is None:
        return render.page(request, "unwatched.html", dag_id=dag_id)
    named = dag_id.removeprefix(f"{model}.").partition(".")[2]
    return _population(request, library, model, named if named in watched[model] else worst.population, "")


def _population(request: Request, library: Library, name: str, population: str, window: str) -> HTMLResponse:
    tip = Journal(library.store, name, population).tip()
    reports = Reports(library.store, name, population)
    drifts = reports.newest(DriftReport, _WINDOWS)
    performances = reports.newest(PerformanceReport, _WINDOWS)
    if tip is None and not drifts and not performances:
        raise SpecError(f"nobody watches {population!r} of model {name!r}")
    shown = next((one for one in drifts if one.window.slug == window), drifts[-1] if drifts else None)
    entries = Journal(library.store, name, population).entries(_ENTRIES) if tip else []
    return render.page(
        request,
        "population.html",
        name=name,
        population=population,
        watched=tip.watched if tip else None,
        note=worst_drift({population: tip.watched}) if tip else None,
        entries=[one for one in entries if one.steps or one.ask or one.event.event != "observation"][::-1],
        drifts=drifts,
        performances=performances,
        shown=shown,
        pictures=pictures(library, name, shown) if shown else [],
        score=_scores(drifts),
        metrics=metrics(drifts, performances),
        track=track_record(performances),
    )


def pictures(library: Library, name: str, report: DriftReport) -> list[Picture]:
    """The columns of a report, the most remarkable first, beside the data that the live version learned from."""
    from taxiway.engines.pictures import distributions

    before, now = _reference(library, name, report.number), library.record(report.profile)
    names = [one.name for one in report.columns[:_PICTURES]]
    drawn = {}
    if isinstance(before, Profile) and isinstance(now, Profile):
        for one in distributions(before, now, names):
            places = [Bar(*each) for each in zip(one.labels, one.reference, one.window, strict=True)]
            drawn[one.title] = bars(f"{one.title}, reference and window", places)
    return [Picture(one, drawn.get(one.name, Markup(""))) for one in report.columns[:_PICTURES]]


def _reference(library: Library, name: str, number: int | None) -> object:
    if not number:
        return None
    try:
        return library.record(library.version(name, number).version.profile)
    except SpecError:
        return None


def _scores(drifts: list[DriftReport]) -> Markup:
    points = [Point(each, one.score, one.window.start[:16]) for each, one in enumerate(drifts, 1 - len(drifts))]
    return lines("drift score by window", [Series("drift score", points)], across="windows before the newest")


def metrics(drifts: list[DriftReport], performances: list[PerformanceReport]) -> list[tuple[str, Markup]]:
    """Each metric over the windows: as it was estimated, as it was measured, and as it was expected."""
    windows = [*(one.window for one in drifts), *(one.window for one in performances)]
    starts = sorted({one.start for one in windows}, key=moment)
    place = {start: number for number, start in enumerate(starts, 1 - len(starts))}
    told: dict[str, dict[str, list[Point]]] = {}
    for one in drifts:
        _add(told, "estimated", one.estimates, place[one.window.start], one.window.start)
        _add(told, "expected", one.expected, place[one.window.start], one.window.start)
    for each in performances:
        _add(told, "measured", each.measures, place[each.window.start], each.window.start)
    return [
        (metric, lines(f"{metric} by window", _ordered(kinds), across="windows before the newest"))
        for metric, kinds in sorted(told.items())
    ]


def _add(told: dict[str, dict[str, list[Point]]], kind: str, found: tuple[Measure, ...], x: int, start: str) -> None:
    for one in found:
        told.setdefault(one.metric, {}).setdefault(kind, []).append(Point(x, one.value, start[:16]))


def _ordered(kinds: dict[str, list[Point]]) -> list[Series]:
    return [Series(kind, kinds.get(kind, [])) for kind in ("estimated", "measured", "expected")]
