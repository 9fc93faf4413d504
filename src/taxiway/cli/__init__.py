"""The `taxiway` command.

Exit codes: 0 it is so or it is done; 1 something was found, failed or was refused, and the last line says what; 2 the
command was not understood; 3 another system did not answer as it should, and the same command may succeed later; 130 it
was interrupted.
"""

import sys

from taxiway.core.errors import TaxiwayError

_LATER, _INTERRUPTED = 3, 130
_EXTRA = "The taxiway command needs two more packages. Run: pip install 'taxiway[cli]'"


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    try:
        import rich  # noqa: F401 - only to see whether it is there
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit(_EXTRA)
    from taxiway.cli.app import app

    try:
        app()
    except TaxiwayError as error:
        sys.exit(_said(error))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _said(error: TaxiwayError) -> int:
    """Says what went wrong: in a sentence, or as JSON where that was asked for."""
    from taxiway.cli import output

    if "--json" in sys.argv:
        output.error(error)
    else:
        sys.stderr.write(f"{error}\n")
    return _LATER if error.retryable else 1
