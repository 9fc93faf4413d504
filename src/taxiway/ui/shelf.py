"""What the Models page knows: one row per model, kept in memory, made from the logs and at any time again.

Each look lists the heads of all logs, which is one request per thousand, and reads those that have changed. Heads may
be late or lost, so each look also lists the models, and asks a few of the logs themselves, in turn, whether they have
gone further. None of the three waits for another.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from taxiway.core.errors import BackendError, IntegrityError, SpecError, TaxiwayError
from taxiway.core.incidents import JournalEntry, Watched
from taxiway.core.names import check_name
from taxiway.core.overview import Known, ModelRow, row
from taxiway.core.records import Record
from taxiway.core.registry import CHAMPION, Commit, ModelVersion
from taxiway.core.rulings import Ruling
from taxiway.core.serving import ServiceState
from taxiway.stores.entries import decode
from taxiway.stores.heads import Head, heads
from taxiway.stores.log import Log
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry

CHECKED = 16
"""How many logs are asked per look, whatever their heads say."""
PAUSE_S = 1.0
"""Looks that follow each other faster see the same."""
_READERS = 32
_READERS_OF_A_FOLDER = 4
"""Where a read is no round trip, more threads only wait for each other."""
R = TypeVar("R", bound=Record)


class _News(NamedTuple):
    """What was read about a model: fields of `Known`, and what is known of its populations."""

    name: str
    fields: dict[str, Any] = {}
    watched: dict[str, Watched] = {}


class Shelf:
    """The rows of all models of a store; any number of threads may ask.

    Args:
        store: where the logs lie.
        clock: seconds that only grow.
    """

    def __init__(self, store: ObjectStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._registry = Registry(store)
        self._readers = ThreadPoolExecutor(_READERS if store.remote else _READERS_OF_A_FOLDER)
        self._lock = threading.Lock()
        self._looked_at: float | None = None
        self._marks: dict[str, str] = {}
        self._known: dict[str, Known] = {}
        self._rows: dict[str, ModelRow] = {}
        self._turn = 0

    def rows(self) -> list[ModelRow]:
        """One row per model, as of a second ago at the latest.

        Raises:
            BackendError: the store failed.
        """
        with self._lock:
            if self._looked_at is None or self._clock() - self._looked_at >= PAUSE_S:
                self._look()
                self._looked_at = self._clock()
            return list(self._rows.values())

    def row(self, name: str) -> ModelRow | None:
        """The row of a model, asked of its own log now; None when there is no such model."""
        with self._lock:
            self._note(self._asked(name))
        return self._rows.get(name)

    def services(self) -> list[ServiceState]:
        """What every service shall serve."""
        self.rows()
        with self._lock:
            return [state for known in self._known.values() for state in known.state.services.values()]

    def watched(self) -> dict[str, dict[str, Watched]]:
        """What is known of the populations of every model that is watched."""
        self.rows()
        with self._lock:
            return {name: dict(known.watched) for name, known in sorted(self._known.items()) if known.watched}

    def _look(self) -> None:
        listing = self._readers.submit(heads, self._store)
        folders = self._readers.submit(self._store.folders, "models/")
        checks = self._readers.map(self._asked, self._in_turn())
        found = listing.result()
        changed = [head for head in found if self._marks.get(head.path) != head.mark]
        reads = self._readers.map(self._read, changed)
        more = self._readers.map(self._asked, self._without_head(found, folders.result()))
        for each in (*reads, *checks, *more):
            self._note(each)
        self._marks.update({head.path: head.mark for head in changed})

    def _note(self, news: _News | None) -> None:
        """Takes news in, unless it is older than what is known: an old head may overwrite a newer one."""
        if news is None:
            return
        known = self._known.get(news.name, Known(news.name))
        fields = news.fields if news.fields.get("number", known.number) >= known.number else {}
        known = known._replace(**fields, watched={**known.watched, **news.watched})
        self._known[news.name], self._rows[news.name] = known, row(known)

    def _read(self, head: Head) -> _News | None:
        """What a head says; none where it says nothing about a model."""
        first, _, rest = head.name.partition("/")
        if head.kind == "models":
            commit = self._decoded(Commit, head)
            return self._of(commit) if commit else self._asked(first)
        if head.kind == "monitoring" and (entry := self._decoded(JournalEntry, head)):
            return _News(first, watched={rest: entry.watched})
        if head.kind == "rulings" and first == "models" and (ruling := self._decoded(Ruling, head)):
            return _News(rest, {"ruling": ruling})
        return None

    def _decoded(self, kind: type[R], head: Head) -> R | None:
        data = self._store.read(head.path)
        try:
            return None if data is None else decode(kind, data, self._store.uri + head.path)
        except (IntegrityError, SpecError):
            return None

    def _asked(self, name: str) -> _News | None:
        """What a log itself says; a log that cannot be read hides no other model."""
        try:
            known = self._known.get(name)
            log = Log(self._store, name)
            if known and known.number and not known.fault and log.after(known.number) is None:
                return None
            entry = log.tip().entry
            return self._of(entry.commit) if entry else None
        except BackendError:
            raise
        except TaxiwayError as error:
            return _News(name, {"fault": str(error)})

    def _of(self, commit: Commit) -> _News:
        state = commit.state
        champion = state.aliases.get(CHAMPION)
        fields = {
            "number": commit.number,
            "at": commit.at,
            "state": state,
            "champion": self._version(commit.model, champion.number if champion else 0),
            "newest": self._version(commit.model, state.last_number),
            "fault": "",
        }
        return _News(commit.model, fields)

    def _version(self, name: str, number: int) -> ModelVersion | None:
        known = self._known.get(name)
        versions = (known.champion, known.newest) if known else ()
        same = next((version for version in versions if version and version.number == number), None)
        return same or (self._registry.version(name, number) if number else None)

    def _without_head(self, found: list[Head], folders: list[str]) -> list[str]:
        """The models whose log has no head yet."""
        there = {head.name for head in found if head.kind == "models"}
        return [name for name in folders if name not in there and name not in self._known and _is_name(name)]

    def _in_turn(self) -> list[str]:
        names = sorted(self._known)
        chosen = [names[(self._turn + each) % len(names)] for each in range(min(CHECKED, len(names)))]
        self._turn += CHECKED
        return chosen


def _is_name(name: str) -> bool:
    try:
        return bool(check_name(name))
    except SpecError:
        return False
