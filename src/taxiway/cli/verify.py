"""`taxiway verify`: whether a version is what the registry says."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from taxiway.cli import output, places

Data = Annotated[bool, typer.Option(help="Read the data it learned from, all of it.")]
Replay = Annotated[bool, typer.Option(help="Load the model and ask it its golden requests.")]


def verify(
    version: places.Version,
    *,
    data: Data = True,
    replay: Replay = True,
    store: places.Store = "",
    as_json: places.AsJson = False,
) -> None:
    """Check every byte that a version rests on: log, verdicts, model, evidence, data. Exit code 1 if one is wrong."""
    from taxiway.runtime.verification import verify as asked

    opened = places.opened(store)
    chosen = places.version(places.registry(store), version)
    with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
        findings = asked(opened, chosen, Path(scratch), data=data, replay=replay)
    what = {"model": chosen.model.name, "version": chosen.number, "digest": chosen.model.digest}
    output.findings(findings, about=what, as_json=as_json, sound="It is what the registry says.", unsound="It is not.")
