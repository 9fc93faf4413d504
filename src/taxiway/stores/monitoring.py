"""Reports about windows: each kept once per state of the data, and found by its window.

`monitoring/<model>/<population>/<kind>/<window>/<4 digits>.json` are put-if-absent. A window that is looked at again,
because data arrived late, gets another report beside the first; the newest counts.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from taxiway.core.drift import DriftReport
from taxiway.core.names import check_name
from taxiway.core.performance import PerformanceReport
from taxiway.core.windows import Window
from taxiway.stores.entries import decode, encode
from taxiway.stores.objects import ObjectStore

R = TypeVar("R", DriftReport, PerformanceReport)
Kind = Literal["drift", "performance"]
_KINDS: dict[type, Kind] = {DriftReport: "drift", PerformanceReport: "performance"}
_READERS = 16
_SLUG = re.compile(r"[0-9T]+--[0-9T]+")


class Reports:
    """The reports about one population of one model.

    Every method raises `IntegrityError` when a report is broken, and `BackendError` when the store fails.
    """

    def __init__(self, store: ObjectStore, model: str, population: str) -> None:
        self._store = store
        self._root = f"monitoring/{check_name(model)}/{check_name(population)}/"

    def keep(self, report: R) -> R:
        """Keeps a report, if it is not what is kept of its window already."""
        data = encode(report)
        folder = self._folder(type(report), report.window.slug)
        number = len(self._revisions(folder))
        while True:
            newest = self._store.read(f"{folder}{number:04}.json") if number else None
            if newest == data or self._store.create(f"{folder}{number + 1:04}.json", data):
                return report
            number += 1

    def find(self, kind: type[R], window: Window) -> R | None:
        """The newest report about a window, or None."""
        return self._newest_of(kind, window.slug)

    def newest(self, kind: type[R], last: int) -> list[R]:
        """The newest report about each of the `last` newest windows, oldest first."""
        slugs = self._store.folders(f"{self._root}{_KINDS[kind]}/")[-last:] if last > 0 else []
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(lambda slug: self._newest_of(kind, slug), slugs)
            return [report for report in found if report is not None]

    def keep_page(self, window: Window, page: str) -> str:
        """Keeps a page that was drawn of a window, the first one, and gives its path in the store."""
        path = self._page(window.slug)
        self._store.create(path, page.encode())
        return path

    def page(self, slug: str) -> str | None:
        """The page that was drawn of a window, by the window's slug; None when there is none."""
        data = self._store.read(self._page(slug)) if _SLUG.fullmatch(slug) else None
        return None if data is None else data.decode()

    def _page(self, slug: str) -> str:
        return f"{self._root}evidently/{slug}.html"

    def _newest_of(self, kind: type[R], slug: str) -> R | None:
        revisions = self._revisions(self._folder(kind, slug))
        return self._read(kind, revisions[-1]) if revisions else None

    def _read(self, kind: type[R], path: str) -> R:
        return decode(kind, self._store.get(path), self._store.uri + path)

    def _revisions(self, folder: str) -> list[str]:
        return [info.path for info in self._store.list(folder)]

    def _folder(self, kind: type, slug: str) -> str:
        return f"{self._root}{_KINDS[kind]}/{slug}/"


def populations(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """Every model and population that anything was reported about, in order."""
    for model in store.folders("monitoring/"):
        for population in store.folders(f"monitoring/{model}/"):
            yield model, population
