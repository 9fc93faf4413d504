"""The page of one training run."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from taxiway.core.errors import SpecError
from taxiway.core.history import MetricPoint
from taxiway.stores.runs import RunHistory
from taxiway.ui import render
from taxiway.ui.charts import Point, Series, lines
from taxiway.ui.shop import LibraryDep

router = APIRouter(prefix="/models/{name}/runs")
_DRAWN = 24


@router.get("/{run}")
def run(
    request: Request,
    library: LibraryDep,
    name: Annotated[str, Path(max_length=100)],
    run: Annotated[str, Path(max_length=300)],
) -> HTMLResponse:
    """Parameters, curves, artefacts, environment, and what its attempts cost."""
    view = RunHistory(library.store).read(run)
    if view.result is not None and view.result.model.name != name:
        raise SpecError(f"model {name!r} has no run {run!r}")
    version = next((one.version.number for one in library.versions(name) if one.version.run == run), None)
    curves = [(metric, curve(metric, points)) for metric, points in sorted(view.curves.items()) if len(points) > 1]
    return render.page(
        request,
        "run.html",
        name=name,
        key=run,
        view=view,
        curves=curves[:_DRAWN],
        hidden=curves[_DRAWN:],
        version=version,
    )


def curve(metric: str, points: tuple[MetricPoint, ...]) -> Markup:
    """A metric over the steps of its run."""
    return lines(f"{metric} by step", [Series(metric, [Point(one.step, one.value) for one in points])], across="step")
