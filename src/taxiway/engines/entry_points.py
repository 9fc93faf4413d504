"""The user's own functions and classes, found by `module:name`."""

import importlib
from typing import Any

from taxiway.core.errors import SpecError
from taxiway.core.names import check_entry_point, nearest


def load_entry_point(path: str, *, where: str) -> Any:
    """What `module:name` names; `where` says in an error who asked for it.

    A fault inside the module, other than that it does not exist, is the user's own and comes through as it is.

    Raises:
        SpecError: the module does not exist, or has no such name; the nearest one is offered.
    """
    module_name, _, names = check_entry_point(path).partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise SpecError(
            f"there is no module {error.name!r}",
            where=where,
            expected=f"{path!r} to be importable",
            do="Install the package that holds it, or put its folder on the path of the job.",
        ) from error
    for name in names.split("."):
        if not hasattr(found, name):
            public = [known for known in vars(found) if not known.startswith("_")]
            raise SpecError(
                f"there is no {name!r} in {module_name!r}",
                where=where,
                expected=f"{path!r} to be importable",
                got=", ".join(sorted(public)[:20]),
                do=nearest(name, public) or "Check the spelling.",
            )
        found = getattr(found, name)
    return found
