"""`taxiway contract`: a first contract for a dataset."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taxiway.cli import output, places
from taxiway.core.errors import SpecError
from taxiway.core.specs.data import Dataset

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="Data contracts.", no_args_is_help=True)


@app.callback()
def contracts() -> None:
    """Data contracts."""


@app.command()
def infer(
    uri: Annotated[str, typer.Argument(help="A file, folder, glob or table: a URI or a path.")],
    *,
    name: Annotated[str, typer.Option(help="The class's name; made from the file's name by default.")] = "",
    out: Annotated[Path | None, typer.Option(help="The module to write; the standard output by default.")] = None,
    as_json: places.AsJson = False,
) -> None:
    """Write a first contract that the data keeps, for a person to read and correct."""
    if out is not None and out.exists():
        raise SpecError("this file exists", where=str(out), do="Choose another: a contract is never written over.")
    name = name or class_name(uri)
    text = source(rows(places.as_uri(uri)), name)
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    if as_json:
        output.data({"name": name, "source": text, "out": str(out) if out else None})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Wrote {out}. Read it, correct it, and name it in the recipe: checks='{out.stem}:{name}'")


def rows(uri: str) -> "pl.LazyFrame":
    """The rows of a dataset, lazily."""
    from taxiway.runtime.data import frame
    from taxiway.stores.datasets import snapshot
    from taxiway.stores.objects import open_store

    store = open_store("memory://contract")
    return frame(snapshot(Dataset("data", uri), store), store)


def source(data: "pl.LazyFrame", name: str) -> str:
    """The source of a contract that data keeps."""
    from taxiway.engines.inference import infer as inferred

    return inferred(data, name)


def class_name(uri: str) -> str:
    """`Flights2013` of `s3://lake/flights-2013/` and of `flights_2013.parquet`."""
    last = re.split(r"[/\\]", uri.split("?", maxsplit=1)[0].rstrip("/"))[-1]
    words = re.findall(r"[A-Za-z0-9]+", last.split("*")[0].partition(".")[0])
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name and not name[0].isdigit() else f"Data{name}"
