"""`taxiway promote` and `taxiway rollback`: what is live, moved by a person; one commit each, with who and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from taxiway.cli import output, places
from taxiway.core.names import CHAMPION

if TYPE_CHECKING:
    from taxiway.core.registry import Commit

Expected = Annotated[
    int | None,
    typer.Option(min=0, help="Refuse unless this version is live now; 0 for none. Whatever is live by default."),
]
To = Annotated[int | None, typer.Option(min=1, help="Which version; the one before by default.")]


def promote(
    version: places.Version,
    *,
    why: places.Why = "promoted by hand",
    alias: places.Alias = CHAMPION,
    expected: Expected = None,
    store: places.Store = "",
    as_json: places.AsJson = False,
) -> None:
    """Make a version the live one. Only what every gate let through has a number; what was yanked is refused."""
    registry = places.registry(store)
    chosen = places.version(registry, version)
    name, number = chosen.model.name, chosen.number
    commit = registry.promote(name, number, by=places.author(why), alias=alias, expected=expected)
    _say(name, number, alias, commit, "is", as_json=as_json)


def rollback(
    model: places.Model,
    *,
    to: To = None,
    why: places.Why = "rolled back by hand",
    alias: places.Alias = CHAMPION,
    store: places.Store = "",
    as_json: places.AsJson = False,
) -> None:
    """Go back to the version that was live before, or to one that you name."""
    registry = places.registry(store)
    commit = registry.rollback(places.known(registry, model), by=places.author(why), alias=alias, to=to)
    _say(model, commit.state.aliases[alias].number, alias, commit, "is again", as_json=as_json)


def _say(model: str, number: int, alias: str, commit: "Commit | None", verb: str, *, as_json: bool) -> None:
    if as_json:
        entry = commit.number if commit else None
        output.data({"model": model, "version": number, "alias": alias, "commit": entry, "changed": bool(commit)})
        return
    if commit is None:
        typer.echo(f"Version {number} of {model} is the {alias} already.")
        return
    typer.echo(f"Version {number} of {model} {verb} the {alias}: commit {commit.number}, by {commit.by.who}.")
