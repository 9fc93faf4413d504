"""Rulings in a store: about candidates per model, about data per dataset, the newest easily found.

`rulings/<kind>/<name>/<time>-<12 digits>.json` are put-if-absent. The digits are of who asked about what, so a task
that is tried again adds at most an entry that readers drop. `heads/rulings/<kind>/<name>.json` is a copy of the newest
one.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from taxiway.core.names import check_name, digest_of
from taxiway.core.rulings import DataRuling, Ruling
from taxiway.core.windows import moment
from taxiway.stores.entries import decode, encode
from taxiway.stores.heads import head_path
from taxiway.stores.objects import ObjectStore

R = TypeVar("R", bound=Ruling | DataRuling)
_KINDS: dict[type, str] = {Ruling: "models", DataRuling: "datasets"}
_READERS = 16
_ENTRY = re.compile(r"\d{8}T\d{12}-(?P<about>[0-9a-f]{12})\.json")


class Rulings(Generic[R]):
    """The rulings of one kind.

    Every method raises `SpecError` for a name that nothing can have, `IntegrityError` when an entry is broken, and
    `BackendError` when the store fails.
    """

    def __init__(self, store: ObjectStore, kind: type[R]) -> None:
        self._store = store
        self._kind = kind
        self._root = f"rulings/{_KINDS[kind]}/"

    def keep(self, ruling: R) -> R:
        """Keeps a ruling."""
        name, data = _name(ruling), encode(ruling)
        self._store.create(f"{self._folder(name)}{moment(ruling.at):%Y%m%dT%H%M%S%f}-{_about(ruling)}.json", data)
        self._store.replace(head_path("rulings", _KINDS[self._kind], name), data)
        return ruling

    def names(self) -> list[str]:
        """What there are rulings about, ordered."""
        return self._store.folders(self._root)

    def newest(self, name: str, last: int) -> list[R]:
        """The `last` newest rulings about a model or dataset, the newest first; what was asked twice is there once."""
        found: dict[str, str] = {}
        for info in self._store.list(self._folder(name)):
            if entry := _ENTRY.fullmatch(info.path.rpartition("/")[2]):
                found[entry["about"]] = info.path
        paths = sorted(found.values(), reverse=True)[:last]
        with ThreadPoolExecutor(_READERS) as pool:
            return list(pool.map(self._read, paths))

    def _read(self, path: str) -> R:
        return decode(self._kind, self._store.get(path), self._store.uri + path)

    def _folder(self, name: str) -> str:
        return f"{self._root}{check_name(name)}/"


def _name(ruling: Ruling | DataRuling) -> str:
    return check_name(ruling.model if isinstance(ruling, Ruling) else ruling.report.dataset.name)


def _about(ruling: Ruling | DataRuling) -> str:
    """Who asked about what, and what came back: the same for the same question, however often it is asked."""
    what = ruling.dump()
    del what["at"]
    return digest_of(what).removeprefix("sha256:")[:12]
