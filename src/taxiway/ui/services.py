"""The pages of services: what each shall serve, and how its last rollouts went, step by step."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from taxiway.core.errors import SpecError
from taxiway.core.generations import counted, generations
from taxiway.stores.services import Services
from taxiway.stores.traffic import TrafficLog
from taxiway.stores.windows import Windows
from taxiway.ui import render
from taxiway.ui.charts import Point, Series, lines
from taxiway.ui.library import Library
from taxiway.ui.shop import LibraryDep

router = APIRouter(prefix="/services")
_STEPS, _HOURS, _READERS = 60, 24, 16


@router.get("")
def services(request: Request, library: LibraryDep) -> HTMLResponse:
    """All services, those with a rollout under way first."""
    found = sorted(library.shelf.services(), key=lambda state: (state.candidate is None, state.service))
    return render.page(request, "services.html", services=found)


@router.get("/{name}")
def service(request: Request, library: LibraryDep, name: Annotated[str, Path(max_length=100)]) -> HTMLResponse:
    """One service: its state, the steps that led there with what was counted in each, and its sampled traffic."""
    model = Services(library.store).model(name)
    if model is None:
        raise SpecError(f"there is no service {name!r}")
    commits = library.commits(model)
    state = commits[-1].state.services[name]
    steps = generations(commits, name)[-_STEPS:]
    windows = Windows(library.store, name)
    with ThreadPoolExecutor(_READERS) as pool:
        origins = pool.map(windows.origin, (one.state.generation for one in steps))
        told = counted(steps, {origin.generation: origin for origin in origins if origin})
    return render.page(
        request,
        "service.html",
        name=name,
        state=state,
        steps=told[::-1],
        rollout=[one for one in told if one.state.rollout == state.rollout],
        traffic=traffic(library, name),
        yanked=commits[-1].state.yanked,
    )


def traffic(library: Library, name: str) -> Markup:
    """The sampled traffic of the last day, per hour and version."""
    until = render.utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    began = until - timedelta(hours=_HOURS)
    kept: dict[int, dict[int, float]] = {}
    for file in TrafficLog(library.store, name).files(began, until):
        hour = int((file.hour - began) / timedelta(hours=1)) - _HOURS + 1
        by_hour = kept.setdefault(file.version, dict.fromkeys(range(1 - _HOURS, 1), 0.0))
        by_hour[hour] += file.size_bytes / 1024
    series = [
        Series(f"version {version}", [Point(hour, size, f"{-hour} hours ago") for hour, size in sorted(sizes.items())])
        for version, sizes in sorted(kept.items())
    ]
    return lines("KiB of sampled traffic per hour", series, across="hours from now")
