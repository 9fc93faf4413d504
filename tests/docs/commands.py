"""The reference of the command line, made from the commands themselves."""

import inspect
from collections.abc import Iterator
from typing import Any

HEAD = """# taxiway, the command

`pip install 'taxiway[cli]'`, where Airflow's parts or its jobs run, or on your own machine.

`--json`, which every command has, prints one JSON value to the standard output: of an error
`{"error": {"kind": …, "message": …, "retryable": …, "what": …, "where": …, "expected": …, "got": …, "do": …}}`.

| exit code | means |
|---|---|
| 0 | it is so, or it is done |
| 1 | something was found, failed or was refused; the last line says what |
| 2 | the command was not understood |
| 3 | another system did not answer as it should; the same command may succeed later |
| 130 | it was interrupted |

`taxiway --install-completion` makes your shell complete commands and options, and the names of the models in the store.

Where the store is: `--store`, else the variable `AIRFLOW__TAXIWAY__STORE`, else `$AIRFLOW_HOME/taxiway`.
"""


def page() -> str:
    """The text of the page."""
    import typer

    from taxiway.cli.app import app

    return "\n".join([HEAD, *_command(typer.main.get_command(app), "taxiway")]).rstrip() + "\n"


def _command(command: Any, name: str) -> Iterator[str]:
    for part in sorted(getattr(command, "commands", {})):
        yield from _command(command.commands[part], f"{name} {part}")
    if hasattr(command, "commands"):
        return
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and "--help" not in one.opts]
    words = [str(one.metavar or one.name.upper()) for one in arguments]
    yield from (f"## `{' '.join([name, *words])}`", "", inspect.cleandoc(command.help), "")
    yield from ("| | |", "|---|---|")
    for argument, word in zip(arguments, words, strict=True):
        yield f"| `{word}` | {_cell(argument.help)} |"
    for option in options:
        yield f"| `{_option(option)}` | {_cell(option.help)}{_default(option)} |"
    yield ""


def _option(option: Any) -> str:
    names = [*option.opts, *option.secondary_opts]
    value = "" if option.is_flag else f" {option.metavar or option.name.rpartition('_')[2].upper()}"
    return _cell(" / ".join(names) + value)


def _default(option: Any) -> str:
    if option.name == "python":
        return " This one by default."
    default = option.default
    return f" Default: `{default}`." if isinstance(default, str | int) and default and default is not True else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
