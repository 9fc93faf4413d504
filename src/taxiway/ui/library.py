"""What the pages read of one store."""

import threading
from functools import cached_property

from taxiway.core.changes import VersionRow, version_rows
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.evaluation import EvaluationReport
from taxiway.core.names import nearest
from taxiway.core.records import Record
from taxiway.core.registry import Commit
from taxiway.stores.blobs import Blobs
from taxiway.stores.faults import NotFound
from taxiway.stores.log import Log
from taxiway.stores.objects import ObjectStore
from taxiway.stores.registry import Registry
from taxiway.ui.shelf import Shelf

_KEPT = 64
"""How many logs are kept in memory."""


class Library:
    """Everything that the pages read from one store; nothing in it is true longer than the logs say so."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.shelf = Shelf(store)
        self._commits: dict[str, tuple[str | None, list[Commit]]] = {}
        self._lock = threading.Lock()

    @cached_property
    def registry(self) -> Registry:
        """The registry."""
        return Registry(self.store, deadline_s=20.0)

    def commits(self, name: str) -> list[Commit]:
        """The whole log of a model, oldest first and proved; read again only when it has grown.

        Raises:
            SpecError: there is no such model.
        """
        digest = Log(self.store, name).tip().digest
        if digest is None:
            known = [one.name for one in self.shelf.rows()]
            raise SpecError(f"there is no model {name!r}", do=nearest(name, known) or "It has no version yet.")
        with self._lock:
            before, commits = self._commits.get(name, (None, []))
        if before != digest:
            commits = self.registry.history(name)
            with self._lock:
                self._commits.pop(name, None)
                self._commits[name] = (digest, commits)
                while len(self._commits) > _KEPT:
                    del self._commits[next(iter(self._commits))]
        return commits

    def versions(self, name: str) -> tuple[VersionRow, ...]:
        """The versions of a model, the newest first."""
        return version_rows(self.commits(name))

    def version(self, name: str, number: int) -> VersionRow:
        """One of them.

        Raises:
            SpecError: there is no such version.
        """
        rows = self.versions(name)
        for one in rows:
            if one.version.number == number:
                return one
        raise SpecError(f"model {name!r} has no version {number}", expected=f"1 to {len(rows)}")

    def record(self, digest: str | None) -> Record | None:
        """The record of a blob; None when it is not there or cannot be read."""
        try:
            return Blobs(self.store).get_record(digest) if digest else None
        except (NotFound, IntegrityError, SpecError):
            return None

    def evaluation(self, digest: str | None) -> EvaluationReport | None:
        """The evaluation report of a blob; None when there is none."""
        found = self.record(digest)
        return found if isinstance(found, EvaluationReport) else None
