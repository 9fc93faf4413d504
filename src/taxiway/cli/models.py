"""`taxiway models`: what the registry says."""

from typing import Annotated, Any

import typer

from taxiway.cli import output, places
from taxiway.core.changes import in_words
from taxiway.core.registry import Commit, ModelVersion, RegistryState

app = typer.Typer(help="Read the registry.", no_args_is_help=True)


@app.command(name="list")
def list_models(*, store: places.Store = "", as_json: places.AsJson = False) -> None:
    """Which models there are, and which version of each is live."""
    registry = places.registry(store)
    states = {name: registry.state(name) for name in registry.models()}
    rows = [{"model": name, "versions": state.last_number, **_aliases(state)} for name, state in states.items()]
    output.table(rows, as_json=as_json, empty="There are no models yet.")


@app.command()
def show(model: places.Model, *, store: places.Store = "", as_json: places.AsJson = False) -> None:
    """The versions of a model: what they were trained on, what was measured, and which alias points at them."""
    registry = places.registry(store)
    state = registry.state(model)
    rows = [_version(version, state) for version in registry.versions(model)]
    output.table(rows, as_json=as_json, empty=f"There is no version of {model!r} yet.", without=("dataset", "model"))
    raise typer.Exit(0 if rows else 1)


@app.command()
def history(model: places.Model, *, store: places.Store = "", as_json: places.AsJson = False) -> None:
    """The log of a model: who did what, when and why. The chain of digests is checked on the way."""
    commits = places.registry(store).history(model)
    rows = [_commit(commit) for commit in commits]
    output.table(rows, as_json=as_json, empty=f"Nothing happened to {model!r} yet.", without=("run",))
    raise typer.Exit(0 if commits else 1)


@app.command()
def compare(
    model: places.Model,
    first: Annotated[int, typer.Argument(min=1, help="Number of a version.")],
    second: Annotated[int, typer.Argument(min=1, help="Number of another.")],
    *,
    store: places.Store = "",
    as_json: places.AsJson = False,
) -> None:
    """Two versions of a model, side by side."""
    registry = places.registry(store)
    state = registry.state(model)
    sides = [_version(registry.version(model, number), state) for number in (first, second)]
    keys = list(dict.fromkeys(key for side in sides for key in side if key != "version"))
    rows = [{"": key, str(first): sides[0].get(key), str(second): sides[1].get(key)} for key in keys]
    if as_json:
        output.data(registry.compare(model, first, second).dump())
        return
    output.table(rows, as_json=False, empty="")


def _aliases(state: RegistryState) -> dict[str, Any]:
    return {alias: target.number for alias, target in sorted(state.aliases.items())}


def _version(version: ModelVersion, state: RegistryState) -> dict[str, Any]:
    aliases = [alias for alias, target in sorted(state.aliases.items()) if target.number == version.number]
    data = version.model.trained_on
    return {
        "version": version.number,
        "aliases": ", ".join(aliases + (["yanked"] if version.number in state.yanked else [])),
        **version.metrics,
        "trained on": f"{data.name}, {_rows(data.rows)}",
        "dataset": _short(data.digest),
        "model": _short(version.model.digest),
        "registered": version.registered_at,
    }


def _commit(commit: Commit) -> dict[str, Any]:
    return {
        "commit": commit.number,
        "at": commit.at,
        "change": in_words(commit.change),
        "who": commit.by.who,
        "why": commit.by.why,
        "run": commit.by.run_id,
    }


def _rows(rows: int | None) -> str:
    return "rows not counted" if rows is None else f"{rows:,} rows"


def _short(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}"
