"""Heads: copies of the newest entries of logs, all in one folder, so that one listing says which logs have grown.

`heads/<kind>/<name>[/<part>].json` may be late or lost: the log that it is of is the truth, and makes it again.
"""

from typing import NamedTuple

from taxiway.stores.objects import ObjectStore


class Head(NamedTuple):
    """A head as a listing shows it.

    Attributes:
        kind: which kind of log it is of: `models`, `monitoring`, `rulings`.
        name: of what: `flight-delay`, or `flight-delay/europe`.
        path: where it lies.
        mark: changes when the head does.
    """

    kind: str
    name: str
    path: str
    mark: str


def head_path(kind: str, *names: str) -> str:
    """Where a head lies; the names are checked by whoever calls."""
    return f"heads/{kind}/{'/'.join(names)}.json"


def heads(store: ObjectStore) -> list[Head]:
    """All heads: one listing, whose pages have a thousand each.

    Raises:
        BackendError: the store failed.
    """
    found = []
    for info in store.list("heads/"):
        kind, _, name = info.path.removeprefix("heads/").removesuffix(".json").partition("/")
        found.append(Head(kind, name, info.path, f"{info.etag}/{info.size_bytes}"))
    return found
