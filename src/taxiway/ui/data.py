"""The pages of data: which snapshots there were, what their contracts said, and which models learned from them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from taxiway.core.data import DatasetRef
from taxiway.core.errors import SpecError
from taxiway.core.rulings import DataRuling
from taxiway.stores.log import Log
from taxiway.stores.rulings import Rulings
from taxiway.stores.runs import RunHistory
from taxiway.ui import render
from taxiway.ui.library import Library
from taxiway.ui.shop import LibraryDep

router = APIRouter(prefix="/data")
Name = Annotated[str, Path(max_length=100)]
_RULINGS = 50
_SHOWN = 200
_READERS = 16
_LEARNERS = 500


class Learner(NamedTuple):
    """A run that learned from a snapshot; `number` is the version it became, and the rest what became of that."""

    model: str
    run: str
    number: int | None
    aliases: tuple[str, ...]
    services: tuple[str, ...]
    yanked: bool


@router.get("")
def datasets(request: Request, library: LibraryDep) -> HTMLResponse:
    """All datasets, with the newest thing that was said about each."""
    rulings = Rulings(library.store, DataRuling)
    names = sorted({*rulings.names(), *library.store.folders("trained-on/")})
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda name: rulings.newest(name, 1), names[:_SHOWN])
        newest = {name: one[0] for name, one in zip(names, found, strict=False) if one}
    return render.page(request, "data.html", names=names, newest=newest)


@router.get("/{name}")
def dataset(request: Request, library: LibraryDep, name: Name) -> HTMLResponse:
    """One dataset: what its contract said about each snapshot, and the snapshots that models learned from."""
    rulings = Rulings(library.store, DataRuling).newest(name, _RULINGS)
    used = [
        f"{algorithm}:{value}"
        for algorithm in library.store.folders(f"trained-on/{name}/")
        for value in library.store.folders(f"trained-on/{name}/{algorithm}/")
    ]
    if not rulings and not used:
        raise SpecError(f"there is no dataset {name!r}")
    return render.page(request, "dataset.html", name=name, rulings=rulings, used=used)


@router.get("/{name}/{digest}")
def snapshot(
    request: Request, library: LibraryDep, name: Name, digest: Annotated[str, Path(max_length=200)]
) -> HTMLResponse:
    """One snapshot: who learned from it, and what its contract said."""
    pairs = RunHistory(library.store).learned_from(name, digest)[:_LEARNERS]
    with ThreadPoolExecutor(_READERS) as pool:
        learners = list(pool.map(lambda pair: _learner(library, *pair), pairs))
    kept = Rulings(library.store, DataRuling).newest(name, 4 * _RULINGS)
    rulings = [one for one in kept if one.report.dataset.digest == digest]
    ref = rulings[0].report.dataset if rulings else _reference(library, learners)
    if ref is None:
        raise SpecError(f"there is no such snapshot of dataset {name!r}")
    return render.page(
        request, "snapshot.html", name=name, digest=digest, ref=ref, learners=learners, rulings=rulings[:_RULINGS]
    )


def _learner(library: Library, model: str, run: str) -> Learner:
    """What became of a run, by the log of its model."""
    result = RunHistory(library.store).result(run)
    log = Log(library.store, model)
    commit = log.registration(digest=result.model.digest) if result else None
    if commit is None or commit.change.change != "register":
        return Learner(model, run, None, (), (), yanked=False)
    number, state = commit.change.entry.number, log.tip().state
    places = [(name, one.live, one.candidate) for name, one in state.services.items()]
    return Learner(
        model,
        run,
        number,
        tuple(alias for alias, target in sorted(state.aliases.items()) if target.number == number),
        tuple(name for name, *targets in places if any(target and target.number == number for target in targets)),
        yanked=number in state.yanked,
    )


def _reference(library: Library, learners: list[Learner]) -> DatasetRef | None:
    for one in learners:
        result = RunHistory(library.store).result(one.run)
        if result:
            return result.model.trained_on
    return None
