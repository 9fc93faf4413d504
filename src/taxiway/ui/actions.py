"""What people may do here: each a commit with their name and their reason, by the same code as everybody else's."""

from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse

from taxiway.core.errors import Conflict, SpecError
from taxiway.core.incidents import Acknowledged
from taxiway.core.registry import CHAMPION, Author
from taxiway.core.rollouts import rolled_back
from taxiway.core.serving import ServiceState
from taxiway.core.transitions import Rules
from taxiway.stores.commits import now
from taxiway.stores.journal import Journal
from taxiway.stores.services import Services
from taxiway.ui import guard, render
from taxiway.ui.library import Library
from taxiway.ui.news import tell_of_champion
from taxiway.ui.shop import LibraryDep

router = APIRouter(dependencies=[guard.MAY_ACT, guard.SIGNED])
Name = Annotated[str, Path(max_length=100)]
Number = Annotated[int, Path(ge=1)]
Expected = Annotated[int, Form(ge=0)]
Incident = Annotated[int, Form(ge=1)]


def _author(user: GetUserDep, reason: Annotated[str, Form(min_length=3, max_length=500)]) -> Author:
    return Author(who=str(user.get_name()), why=" ".join(reason.split()))


AuthorDep = Annotated[Author, Depends(_author)]


@router.post("/models/{name}/versions/{number}/promote")
def promote(
    request: Request,
    library: LibraryDep,
    session: SessionDep,
    by: AuthorDep,
    name: Name,
    number: Number,
    expected: Expected,
) -> RedirectResponse:
    """Makes a version the champion, if the champion is still the one that the page showed."""
    version = library.version(name, number).version
    library.registry.promote(name, number, by=by, expected=expected)
    heard = tell_of_champion(session, version)
    return _back(request, f"models/{name}", f"Version {number} is the champion now. {heard}")


@router.post("/models/{name}/rollback")
def roll_back(
    request: Request, library: LibraryDep, session: SessionDep, by: AuthorDep, name: Name, expected: Expected
) -> RedirectResponse:
    """Points the champion back at the version before it, if it is still the one that the page showed."""
    _require_same(library.registry.resolve(name), expected)
    library.registry.rollback(name, by=by)
    target = library.registry.resolve(name)
    number = target.number if target else 0
    heard = tell_of_champion(session, library.version(name, number).version)
    return _back(request, f"models/{name}", f"Version {number} is the champion again. {heard}")


@router.post("/models/{name}/versions/{number}/yank")
def yank(request: Request, library: LibraryDep, by: AuthorDep, name: Name, number: Number) -> RedirectResponse:
    """Takes a version out of use."""
    library.registry.yank(name, number, by=by)
    return _back(request, f"models/{name}", f"Version {number} is out of use.")


@router.post("/services/{name}/rollback")
def roll_back_service(
    request: Request, library: LibraryDep, by: AuthorDep, name: Name, expected: Expected
) -> RedirectResponse:
    """Gives a candidate up, or brings the last good version back, if the service is as the page showed."""
    services = Services(library.store)
    state = services.state(name)
    if state is None or state.generation != expected:
        raise _moved_on(f"service {name!r}", state.generation if state else 0, expected)
    yanked = services.registry_state(state.model).yanked
    back = rolled_back(
        state, rollout=f"pages/{by.who}/{expected}", reason=f"{by.who}: {by.why}", at=render.utc_now(), yanked=yanked
    )
    if back is not None:
        services.serve(back, by=by)
        _let_champion_follow(library, state, back, by)
    return _back(request, f"services/{name}", "The log says so now; servers that follow it are changing over.")


@router.post("/drift/{name}/{population}/acknowledge")
def acknowledge(
    request: Request,
    library: LibraryDep,
    by: AuthorDep,
    name: Name,
    population: Name,
    incident: Incident,
) -> RedirectResponse:
    """Says that a person has an incident in hand: nobody counts as silent for another while."""
    journal = Journal(library.store, name, population, deadline_s=20.0)
    tip = journal.tip()
    if tip is None or tip.watched.incident is None or tip.watched.incident.number != incident:
        raise SpecError(f"incident {incident} is over", do="Load the page again.")
    event = Acknowledged(key=f"acknowledged/{incident}/{by.who}/{now()}", incident=incident, who=by.who, why=by.why)
    journal.record(event, Rules(tip.alarm, tip.retrain))
    return _back(request, f"drift/{name}/{population}", f"Incident {incident} is in your hands.")


def _let_champion_follow(library: Library, before: ServiceState, after: ServiceState, by: Author) -> None:
    """Points the champion back where the service has just left it: else the next rollout brings it again."""
    champion = library.registry.resolve(after.model)
    left = [target for target in (before.candidate, before.live) if target not in (None, after.live)]
    if champion in left and after.live:
        library.registry.rollback(after.model, by=by, to=after.live.number)


def _require_same(target: object, expected: int) -> None:
    got = getattr(target, "number", 0)
    if got != expected:
        raise _moved_on(f"alias {CHAMPION!r}", got, expected)


def _moved_on(where: str, got: int, expected: int) -> Conflict:
    return Conflict(
        "somebody else was faster",
        where=where,
        expected=expected,
        got=got,
        do="Look at the page again, and decide again.",
    )


def _back(request: Request, to: str, done: str) -> RedirectResponse:
    """To the page that shows what was done, and says so."""
    return RedirectResponse(f"{render.root(request)}{to}?done={quote(guard.sealed(done))}", status_code=303)
