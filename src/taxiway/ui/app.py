"""The application that Airflow's web server mounts: nothing in it answers anybody who may not read assets."""

from importlib.resources import files
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import auth_manager_from_app
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as RoutingError

from taxiway.core.errors import BackendError, SpecError, TaxiwayError
from taxiway.ui import actions, data, drift, guard, model, models, pack, render, runs, services

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
_STATIC = {"taxiway.css": "text/css", "taxiway.js": "text/javascript"}
_WORDS = {
    401: ("Sign in first", "These pages are for people who are signed in to this Airflow."),
    403: ("This is not for you", "Your role may not do this: reading takes the right to read assets, acting to edit."),
    404: ("There is nothing here", "The page has moved, or never was."),
    405: ("There is nothing here", "This page cannot be asked in this way."),
    422: ("This cannot be asked", "The address or the form has a value that makes no sense."),
}

assets = APIRouter()


@assets.get("/static/{name}")
def static(name: str) -> Response:
    """The style sheet and the little JavaScript that there is."""
    if name not in _STATIC:
        raise HTTPException(404)
    data = files("taxiway.ui").joinpath("static", name).read_bytes()
    return Response(data, media_type=_STATIC[name], headers={"Cache-Control": "private, max-age=300"})


def build() -> FastAPI:
    """The application, guarded as a whole; it describes itself to nobody."""
    app = FastAPI(title="Taxiway", dependencies=list(guard.MAY_READ), openapi_url=None, docs_url=None, redoc_url=None)
    app.dependency_overrides[auth_manager_from_app] = _auth_manager
    for part in (models, model, runs, pack, services, drift, data, actions):
        app.include_router(part.router)
    app.include_router(assets)
    app.add_exception_handler(RoutingError, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(TaxiwayError, _broken)
    app.middleware("http")(_with_headers)
    return app


def _auth_manager() -> Any:
    """Airflow looks for it in the state of the application, and a mounted one has a state of its own."""
    return get_auth_manager()


async def _with_headers(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refused(request: Request, error: Exception) -> HTMLResponse:
    code = getattr(error, "status_code", 422)
    title, words = _WORDS.get(code, ("This went wrong", "Try again."))
    said = getattr(error, "detail", "")
    ours = isinstance(said, str) and said.endswith(".")
    return render.page(request, "error.html", status=code, title=title, words=said if ours else words)


def _broken(request: Request, error: Exception) -> HTMLResponse:
    """An error of ours: what is not there, what cannot be read now, or what is broken."""
    status = 404 if isinstance(error, SpecError) else 503 if isinstance(error, BackendError) else 500
    status = 409 if request.method == "POST" else status
    return render.page(request, "error.html", status=status, title="This cannot be shown", words=str(error))
