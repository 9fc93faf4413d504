"""What a command says: JSON for programs, tables for people."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from taxiway.core.errors import TaxiwayError

if TYPE_CHECKING:
    from taxiway.stores.probe import Finding

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def data(value: Any) -> None:
    """Prints JSON, in one line."""
    typer.echo(json.dumps(value))


def error(problem: TaxiwayError) -> None:
    """Prints an error as JSON: what kind, in which sentence, and the parts of that."""
    parts = {name: getattr(problem, name) for name in ("what", "where", "expected", "got", "do")}
    told = {"kind": type(problem).__name__, "message": str(problem), "retryable": problem.retryable, **parts}
    data({"error": told})


def findings(
    found: "Sequence[Finding]", *, about: Mapping[str, Any], as_json: bool, sound: str, unsound: str
) -> NoReturn:
    """Prints what was asked and answered, and ends the command with exit code 0 if all is well, else 1.

    Args:
        found: the answers.
        about: what was asked about, for the JSON.
        as_json: whether to print JSON.
        sound: the last line if all is well.
        unsound: the last line if not.
    """
    well = all(one.ok for one in found)
    if as_json:
        data({**about, "sound": well, "findings": [one._asdict() for one in found]})
    else:
        for one in found:
            typer.echo(_finding(one))
        typer.echo(sound if well else unsound)
    raise typer.Exit(0 if well else 1)


def _finding(one: "Finding") -> str:
    if one.ok:
        return f"ok    {one.check}" if one.asked else f"?     {one.check}: {one.detail}"
    return f"FAIL  {one.check}: {one.detail}\n      Do this: {one.remedy}"


def table(rows: list[dict[str, Any]], *, as_json: bool, empty: str, without: Iterable[str] = ()) -> None:
    """Prints all of it as JSON, or as a table that has room on a terminal: `without` some columns."""
    if as_json:
        data(rows)
        return
    if not rows:
        typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, padding=(0, 2, 0, 0))
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in without]
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*_cells(row, columns))
    Console().print(shown)


def _cells(row: dict[str, Any], columns: Iterable[str]) -> list[str]:
    from rich.markup import escape

    return [escape(_cell(row.get(column))) for column in columns]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    text = "" if value is None else str(value)
    return f"{text[:10]} {text[11:16]}" if _TIME.match(text) else text
