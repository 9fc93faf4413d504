"""The log of one model: commits 1, 2, 3, …, each made by one put-if-absent, none ever changed.

`models/<name>/log/<20 digits>.json` is the truth. Beside it lie things that can be lost, and made again from it:

* `heads/models/<name>.json`, the hint: a copy of a recent entry. Readers start from it and look what follows, so that
  finding the newest entry costs two small requests however long the log is. It is believed only after a comparison
  with the log. The hints of all models lie in one folder, so that one listing shows which logs have grown.
* `versions/<n>.json` and `digests/<algorithm>/<hex>.json`, pointers: the number of the commit that registered this
  version, these bytes. What they say is checked against the entry they name.

Law: when the hint is at entry N, the pointers of all entries up to N exist. Whoever wants to write first makes the
pointers of the entries behind the hint, and whoever has written moves the hint last. So a writer killed anywhere
between leaves a log that the next one completes, and an old hint that overwrites a newer one does no harm.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from itertools import pairwise
from typing import NamedTuple

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import canonical, check_name, sha256
from taxiway.core.registry import Commit, Register, RegistryState
from taxiway.stores.entries import decode, encode, parse
from taxiway.stores.heads import head_path
from taxiway.stores.objects import ObjectStore

_ENTRY = re.compile(r"(\d{20})\.json")
_READERS = 16


class Entry(NamedTuple):
    """A commit and the very bytes it was written as, whose digest the next one carries."""

    commit: Commit
    data: bytes


class Tip(NamedTuple):
    """Where a log ends.

    Attributes:
        entry: the newest one; none while there is none.
        settled: the pointers of the entries up to this number exist.
    """

    entry: Entry | None
    settled: int

    @property
    def number(self) -> int:
        """Of the newest entry; 0 without any."""
        return self.entry.commit.number if self.entry else 0

    @property
    def digest(self) -> str | None:
        """What the next commit names as the one before it."""
        return sha256(self.entry.data) if self.entry else None

    @property
    def state(self) -> RegistryState:
        """What holds now."""
        return self.entry.commit.state if self.entry else RegistryState()


class Log:
    """The log of the model `name`.

    Raises:
        SpecError: this cannot be a model's name.
    """

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = check_name(name)
        self._root = f"models/{name}/"
        self._head = head_path("models", name)

    def tip(self) -> Tip:
        """The end of the log.

        Raises:
            IntegrityError: an entry is broken or missing.
        """
        hint = self._hint()
        entry = self._newest_after(hint) if hint else None
        if hint and entry:
            return Tip(entry, min(hint.commit.number, entry.commit.number))
        last = self._last_listed()
        return Tip(self._require(last) if last else None, 0)

    def after(self, number: int) -> Commit | None:
        """The entry that follows the one of a number, or None while there is none: one request, for those who follow.

        Raises:
            IntegrityError: it is broken.
        """
        entry = self._read(number + 1)
        return entry.commit if entry else None

    def settle(self, tip: Tip) -> Tip:
        """Makes the pointers of the entries behind the hint: writers do so before they decide."""
        for entry in self._unsettled(tip):
            self._point(entry)
        return Tip(tip.entry, tip.number)

    def append(self, commit: Commit) -> bool:
        """Makes a commit; False when another writer's has its number already.

        An answer lost on the way is found out: what is there is our own entry, whose `id` nobody else's has.

        Raises:
            BackendError: the store failed; the commit may have been made, and making the same change again finds out.
        """
        entry = Entry(commit, encode(commit))
        path = self._path(commit.number)
        if not self._store.create(path, entry.data) and self._store.get(path) != entry.data:
            return False
        self._point(entry)
        self._store.replace(self._head, entry.data)
        return True

    def registration(
        self, *, number: int | None = None, digest: str | None = None, tip: Tip | None = None
    ) -> Commit | None:
        """The commit that registered a version, or these bytes; None when there is none up to `tip`.

        Raises:
            IntegrityError: its pointer points at something else.
        """
        path = self._version(number) if number is not None else self._bytes(str(digest))
        data = self._store.read(path)
        if data is not None:
            return self._pointed(path, data, number, digest)
        found = (entry.commit for entry in self._unsettled(tip or self.tip()))
        return next((commit for commit in found if _registers(commit, number, digest)), None)

    def backwards(self, tip: Tip) -> Iterator[Commit]:
        """The commits from the newest to the first."""
        return (entry.commit for entry in self._down(tip, 0))

    def entries(self) -> list[Entry]:
        """All entries, oldest first, after checking their numbers and the chain of digests.

        Raises:
            IntegrityError: one is missing, broken, or does not follow the one before it.
        """
        with ThreadPoolExecutor(_READERS) as pool:
            found = list(pool.map(self._require, range(1, self._last_listed() + 1)))
        for before, entry in pairwise(found):
            if entry.commit.previous != sha256(before.data):
                raise self._broken_chain(entry, sha256(before.data))
        if found and found[0].commit.previous is not None:
            raise self._broken_chain(found[0], None)
        return found

    def repair(self) -> None:
        """Makes everything again that can be lost.

        Raises:
            IntegrityError: the log itself is broken.
        """
        entries = self.entries()
        for entry in entries:
            self._point(entry)
        if entries:
            self._store.replace(self._head, entries[-1].data)

    def _newest_after(self, hint: Entry) -> Entry | None:
        """The newest entry, looked for from a hint; None when the log does not hold this very entry."""
        return self._by_listing(hint) if self._store.remote else self._by_reading(hint)

    def _by_reading(self, hint: Entry) -> Entry | None:
        """Reads on from the hint: many small requests, where they cost nothing."""
        if self._store.read(self._path(hint.commit.number)) != hint.data:
            return None
        newest = hint
        while following := self._read(newest.commit.number + 1):
            newest = following
        return newest

    def _by_listing(self, hint: Entry) -> Entry | None:
        """Lists from the hint on: one request, where each is a round trip.

        The listing shows that the hint's entry exists and, where the store's tag is the MD5 of the content, that the
        hint is a true copy of it; elsewhere the entry is read.
        """
        number = hint.commit.number
        found = self._listed(after=self._path(number - 1))
        if number not in found:
            return None
        last = self._without_gap(found, number)
        same = (found[number] or "").strip('"') == md5(hint.data, usedforsecurity=False).hexdigest()
        if not same and self._store.read(self._path(number)) != hint.data:
            return None
        return hint if last == number else self._require(last)

    def _last_listed(self) -> int:
        return self._without_gap(self._listed(after=None), 1)

    def _listed(self, *, after: str | None) -> dict[int, str | None]:
        """The numbers of the entries in the store, and its tags for them."""
        found: dict[int, str | None] = {}
        for info in self._store.list(f"{self._root}log/", after=after):
            match = _ENTRY.fullmatch(info.path.rpartition("/")[2])
            if match:
                found[int(match[1])] = info.etag
        return found

    def _without_gap(self, found: dict[int, str | None], first: int) -> int:
        """The last of the numbers found; 0 without any."""
        last = max(found, default=0)
        missing = next((number for number in range(first, last + 1) if number not in found), None)
        if missing is not None:
            raise self._missing(missing)
        return last

    def _hint(self) -> Entry | None:
        """What the hint says, if it can be read at all."""
        data = self._store.read(self._head)
        try:
            return None if data is None else self._entry(data, self._head)
        except (IntegrityError, SpecError):
            return None

    def _unsettled(self, tip: Tip) -> Iterator[Entry]:
        return self._down(tip, tip.settled)

    def _down(self, tip: Tip, to: int) -> Iterator[Entry]:
        """The entries from the newest one down to, but without, a number."""
        if tip.entry and tip.number > to:
            yield tip.entry
        for number in range(tip.number - 1, to, -1):
            yield self._require(number)

    def _point(self, entry: Entry) -> None:
        change = entry.commit.change
        if isinstance(change, Register):
            pointer = canonical({"commit": entry.commit.number})
            self._store.create(self._version(change.entry.number), pointer)
            self._store.create(self._bytes(change.entry.model.digest), pointer)

    def _pointed(self, path: str, data: bytes, number: int | None, digest: str | None) -> Commit:
        where = self._store.uri + path
        pointer = parse(data, where)
        at = pointer.get("commit") if isinstance(pointer, dict) else None
        entry = self._read(at) if isinstance(at, int) and at > 0 else None
        if entry is None or not _registers(entry.commit, number, digest):
            raise IntegrityError(
                "this pointer does not point at what it is named after",
                where=where,
                got=repr(pointer),
                do=f"Delete this object and repair the registry of {self._name!r}.",
            )
        return entry.commit

    def _read(self, number: int) -> Entry | None:
        data = self._store.read(self._path(number))
        if data is None:
            return None
        entry = self._entry(data, self._path(number))
        if entry.commit.number != number:
            raise self._misplaced(self._path(number), entry.commit)
        return entry

    def _require(self, number: int) -> Entry:
        entry = self._read(number)
        if entry is None:
            raise self._missing(number)
        return entry

    def _entry(self, data: bytes, path: str) -> Entry:
        commit = decode(Commit, data, self._store.uri + path)
        if commit.model != self._name:
            raise self._misplaced(path, commit)
        return Entry(commit, data)

    def _missing(self, number: int) -> IntegrityError:
        return IntegrityError(
            f"entry {number} of the registry's log is missing",
            where=self._store.uri + self._path(number),
            do="Restore it from a backup of the store; without it nothing can be decided safely.",
        )

    def _misplaced(self, path: str, commit: Commit) -> IntegrityError:
        return IntegrityError(
            "this entry of the registry's log belongs elsewhere",
            where=self._store.uri + path,
            got=f"entry {commit.number} of model {commit.model!r}",
            do="Restore the log from a backup of the store.",
        )

    def _broken_chain(self, entry: Entry, before: str | None) -> IntegrityError:
        return IntegrityError(
            "the chain of the registry's log is broken: this entry does not follow the one before it",
            where=self._store.uri + self._path(entry.commit.number),
            expected=f"previous {before}",
            got=f"previous {entry.commit.previous}",
            do="Somebody rewrote the log; restore it from a backup of the store.",
        )

    def _path(self, number: int) -> str:
        return f"{self._root}log/{number:020}.json"

    def _version(self, number: int) -> str:
        return f"{self._root}versions/{number}.json"

    def _bytes(self, digest: str) -> str:
        return f"{self._root}digests/{digest.replace(':', '/')}.json"


def _registers(commit: Commit, number: int | None, digest: str | None) -> bool:
    change = commit.change
    return isinstance(change, Register) and (change.entry.number == number or change.entry.model.digest == digest)
