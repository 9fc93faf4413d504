"""Which store, which version and which data a command means."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taxiway.core.errors import SpecError, TaxiwayError

if TYPE_CHECKING:
    from taxiway.core.registry import Author, ModelVersion
    from taxiway.stores.objects import ObjectStore
    from taxiway.stores.registry import Registry

Store = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="AIRFLOW__TAXIWAY__STORE",
        help="file:///folder, s3://bucket/prefix, gs://… or az://…; a plain path is a folder.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, errors included.")]


def models_like(context: typer.Context, incomplete: str) -> list[str]:
    """The models in the store whose names begin so, for the shell to offer; none where the store does not answer."""
    try:
        found = registry(str(context.params.get("store") or "")).models()
    except TaxiwayError:
        return []
    return [name for name in found if name.startswith(incomplete)]


Model = Annotated[str, typer.Argument(help="The model's name.", autocompletion=models_like)]
Version = Annotated[
    str,
    typer.Argument(
        metavar="MODEL:VERSION",
        help="A model and the number of a version, or an alias.",
        autocompletion=models_like,
    ),
]
Why = Annotated[str, typer.Option("--why", help="One sentence for the log.")]
Alias = Annotated[str, typer.Option("--alias", help="Which alias.")]


def default_store() -> str:
    """Where Airflow keeps it when nothing is configured: `$AIRFLOW_HOME/taxiway`."""
    return as_uri(str(Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser() / "taxiway"))


def as_uri(place: str) -> str:
    """A URI, of a URI or a path; a folder that exists ends with a slash. What only looks like a URI stays as it is."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", place):
        return place
    path = Path(place).expanduser().absolute()
    return f"{path.as_uri()}/" if path.is_dir() or place.endswith("/") else path.as_uri()


def opened(store: str) -> "ObjectStore":
    """The store at a URI or path."""
    from taxiway.stores.objects import open_store

    return open_store(as_uri(store or default_store()))


def registry(store: str) -> "Registry":
    """The registry of a store."""
    from taxiway.stores.registry import Registry

    return Registry(opened(store))


def version(registry: "Registry", text: str) -> "ModelVersion":
    """The version that `model:3`, `model:champion` or, shorter for that, `model` names.

    Raises:
        SpecError: there is none.
    """
    from taxiway.core.names import CHAMPION, unknown

    name, _, which = text.partition(":")
    state = registry.state(known(registry, name))
    if which.isdecimal():
        return registry.version(name, int(which))
    target = state.aliases.get(which or CHAMPION)
    if target is None and not state.aliases:
        raise SpecError("no version of it was promoted", where=f"model {name!r}", do=f"Say which: {name}:1")
    if target is None:
        raise unknown("alias", which or CHAMPION, state.aliases, where=f"model {name!r}")
    return registry.version(name, target.number)


def known(registry: "Registry", name: str) -> str:
    """The name of a model, if it has versions.

    Raises:
        SpecError: it has none; the nearest name that has is offered.
    """
    from taxiway.core.names import unknown

    if not registry.state(name).last_number:
        raise unknown("model", name, registry.models(), where="the registry")
    return name


def author(why: str) -> "Author":
    """Whoever runs this command, as this machine knows them."""
    import getpass
    import socket

    from taxiway.core.registry import Author

    return Author(who=f"{getpass.getuser()}@{socket.gethostname()}", why=why)
