"""The page of all models."""

from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import ReadableDagsFilterDep
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from taxiway.core.overview import SORTS, Asked, listed
from taxiway.ui import render
from taxiway.ui.schedule import trainings
from taxiway.ui.shop import LibraryDep

router = APIRouter()
Text = Annotated[str, Query(max_length=300)]


@router.get("/")
def first() -> RedirectResponse:
    """The root leads to the models."""
    return RedirectResponse("models", status_code=307)


@router.get("/models")
def models(
    request: Request,
    library: LibraryDep,
    session: SessionDep,
    readable: ReadableDagsFilterDep,
    q: Text = "",
    only: Text = "",
    sort: Text = "name",
    page: int = 1,
) -> HTMLResponse:
    """Every model, found, filtered and sorted as asked."""
    asked = Asked(q, only, sort.removeprefix("-"), sort.startswith("-"), page)
    shown = listed(library.shelf.rows(), asked)
    return render.page(
        request,
        "models.html",
        shown=shown,
        asked=asked,
        sorts=SORTS,
        trainings=trainings(session, [one.name for one in shown.rows], readable.value or (), render.utc_now()),
        store=library.store.uri,
    )
