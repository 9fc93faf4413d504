"""`taxiway reproduce`: a version, trained again from what was recorded."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taxiway.cli import output, places

if TYPE_CHECKING:
    from taxiway.core.reproduction import Reproduction

Code = Annotated[
    list[Path] | None,
    typer.Option("--code", help="A clone or folder with the training code; this folder by default. Repeatable."),
]
Python = Annotated[str, typer.Option("--python", help="The interpreter to train with.")]
Requirements = Annotated[bool, typer.Option("--requirements", help="Only print the packages that it was trained with.")]


def reproduce(
    version: places.Version,
    *,
    code: Code = None,
    python: Python = sys.executable,
    requirements: Requirements = False,
    store: places.Store = "",
    as_json: places.AsJson = False,
) -> None:
    """Train a version again from its recorded code, data, parameters and seed. Exit code 1 if another model comes out.

    It runs here, with nothing written to the store. What is not as it was is named, the cause before its effect.
    """
    from taxiway.runtime import reproduction

    opened = places.opened(store)
    chosen = places.version(places.registry(store), version)
    if requirements:
        lines = reproduction.requirements(reproduction.recorded(opened, chosen).run)
        output.data(lines) if as_json else typer.echo("\n".join(lines))
        return
    with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
        found = reproduction.reproduce(opened, chosen, Path(scratch), code=code or [Path.cwd()], python=python)
    if as_json:
        output.data({**found.dump(), "exact": found.exact, "same": found.same})
    else:
        _say(found)
    raise typer.Exit(0 if found.same else 1)


def _say(found: "Reproduction") -> None:
    then, now = found.seconds
    typer.echo(f"Version {found.number} of {found.model}, trained from {found.code}")
    typer.echo(f"  registered  {found.digest}  in {then:.1f} s")
    typer.echo(f"  again       {found.again}  in {now:.1f} s" if now is not None else "  again       not trained")
    for one in found.differences:
        typer.echo(f"  {one.what}: {one.then or 'nothing'} then, {one.now or 'nothing'} now")
    typer.echo(_verdict(found))


def _verdict(found: "Reproduction") -> str:
    if found.exact:
        return "The same bytes came out."
    if found.same:
        return "The same model came out; this processor only rounds its golden answers otherwise."
    if not found.differences:
        return "Another model came out, and nothing that was recorded differs."
    return f"It was not reproduced. The first difference: {found.differences[0].what}."
