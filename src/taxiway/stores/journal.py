"""Journals: what was observed of a population of a model, and what became of its incidents; replayable.

`monitoring/<model>/<population>/journal/<20 digits>.json` are put-if-absent and never changed.
`heads/monitoring/<model>/<population>.json` is a copy of a recent entry, from which readers look what follows; it may
be lost. An event has a key and is in the
journal once, however often it is told: so a task that was killed after it wrote finds its own entry.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from taxiway.core.errors import DeadlineExceeded, IntegrityError
from taxiway.core.incidents import Event, JournalEntry, Watched
from taxiway.core.names import check_name
from taxiway.core.transitions import Rules, advance
from taxiway.core.windows import iso, moment
from taxiway.stores.chance import CHANCE
from taxiway.stores.entries import decode, encode
from taxiway.stores.heads import head_path
from taxiway.stores.objects import ObjectStore

_LONGEST_PAUSE_S = 0.5


class Journal:
    """The journal of one population of one model.

    Every method raises `IntegrityError` when an entry is broken or missing, and `BackendError` when the store fails.

    Args:
        store: where it lies.
        model: the model's name.
        population: which part of the production.
        deadline_s: how long an event may wait for other writers.
    """

    def __init__(self, store: ObjectStore, model: str, population: str, *, deadline_s: float = 60.0) -> None:
        self._store = store
        self._root = f"monitoring/{check_name(model)}/{check_name(population)}/journal/"
        self._head = head_path("monitoring", model, population)
        self._deadline_s = deadline_s

    def record(self, event: Event, rules: Rules, *, at: str | None = None) -> JournalEntry:
        """Writes an event down with what it led to, once: told again, the entry of the first time is given.

        Args:
            event: what happened.
            rules: what it is judged by.
            at: the time, ISO 8601; this machine's clock by default.

        Raises:
            DeadlineExceeded: other writers were always faster.
        """
        deadline = time.monotonic() + self._deadline_s
        losses = 0
        while True:
            tip = self.tip()
            if tip and event.key in tip.watched.seen and (known := self._find(event.key, tip)):
                return known
            entry = _following(tip, event, rules, at or iso(datetime.now(UTC)))
            if self._append(entry):
                return entry
            losses += 1
            if time.monotonic() > deadline:
                raise DeadlineExceeded(
                    "other writers were always faster",
                    where=f"the journal at {self._store.uri}{self._root}",
                    expected=f"a turn within {self._deadline_s:g} s",
                    do="Try again when fewer write at once.",
                )
            time.sleep(CHANCE.uniform(0, min(0.01 * 2**losses, _LONGEST_PAUSE_S)))

    def tip(self) -> JournalEntry | None:
        """The newest entry; none while there is none."""
        hint = self._hint()
        if self._store.remote or hint is None:
            return self._last_listed(hint)
        while (after := self._read(hint.number + 1)) is not None:
            hint = after
        return hint

    def watched(self) -> Watched:
        """What is known now."""
        tip = self.tip()
        return tip.watched if tip else Watched()

    def entries(self, last: int | None = None) -> list[JournalEntry]:
        """The newest `last` entries, or all of them, oldest first."""
        tip = self.tip()
        number = tip.number if tip else 0
        first = 1 if last is None else max(1, number - last + 1)
        return [self._require(each) for each in range(first, number + 1)]

    def after(self, number: int) -> list[JournalEntry]:
        """The entries behind a number, oldest first."""
        tip = self.tip()
        return [self._require(each) for each in range(number + 1, (tip.number if tip else 0) + 1)]

    def replayed(self) -> list[JournalEntry]:
        """All entries, proved: what each says follows from the one before it.

        Raises:
            IntegrityError: one does not.
        """
        entries = self.entries()
        watched = Watched()
        for number, entry in enumerate(entries, start=1):
            step = advance(watched, entry.event, Rules(entry.alarm, entry.retrain), entry.at)
            same = (step.watched, step.steps, step.ask, step.note) == (
                entry.watched,
                entry.steps,
                entry.ask,
                entry.note,
            )
            if entry.number != number or not same:
                raise IntegrityError(
                    f"entry {number} does not follow from what came before it",
                    where=f"the journal at {self._store.uri}{self._root}",
                    do="Somebody rewrote the journal; restore it from a backup of the store.",
                )
            watched = entry.watched
        return entries

    def _append(self, entry: JournalEntry) -> bool:
        """Whether the entry is in the journal; it is not when another writer's has its number."""
        path, data = self._path(entry.number), encode(entry)
        if not self._store.create(path, data) and self._store.get(path) != data:
            return False
        self._store.replace(self._head, data)
        return True

    def _find(self, key: str, tip: JournalEntry) -> JournalEntry | None:
        for entry in self._backwards(tip):
            if entry.event.key == key:
                return entry
        return None

    def _backwards(self, tip: JournalEntry) -> Iterator[JournalEntry]:
        yield tip
        for number in range(tip.number - 1, max(0, tip.number - len(tip.watched.seen)), -1):
            yield self._require(number)

    def _hint(self) -> JournalEntry | None:
        data = self._store.read(self._head)
        if data is None:
            return None
        try:
            hint = decode(JournalEntry, data, self._store.uri + self._head)
        except IntegrityError:
            return None
        return hint if self._read(hint.number) == hint else None

    def _last_listed(self, hint: JournalEntry | None) -> JournalEntry | None:
        """The entry behind the hint that a listing shows last."""
        after = self._path(hint.number) if hint else None
        numbers = [_number(info.path) for info in self._store.list(self._root, after=after)]
        last = max((number for number in numbers if number is not None), default=0)
        return self._require(last) if last else hint

    def _read(self, number: int) -> JournalEntry | None:
        data = self._store.read(self._path(number))
        return None if data is None else decode(JournalEntry, data, f"{self._store.uri}{self._path(number)}")

    def _require(self, number: int) -> JournalEntry:
        entry = self._read(number)
        if entry is None or entry.number != number:
            raise IntegrityError(
                f"entry {number} is missing",
                where=f"the journal at {self._store.uri}{self._root}",
                do="Restore it from a backup of the store.",
            )
        return entry

    def _path(self, number: int) -> str:
        return f"{self._root}{number:020}.json"


def _number(path: str) -> int | None:
    name = path.rpartition("/")[2].removesuffix(".json")
    return int(name) if name.isdecimal() else None


def _following(tip: JournalEntry | None, event: Event, rules: Rules, at: str) -> JournalEntry:
    watched = tip.watched if tip else Watched()
    at = max(at, tip.at, key=moment) if tip else at
    step = advance(watched, event, rules, at)
    return JournalEntry(
        number=tip.number + 1 if tip else 1,
        id=uuid.uuid4().hex,
        at=at,
        event=event,
        alarm=rules.alarm,
        retrain=rules.retrain,
        watched=step.watched,
        steps=step.steps,
        ask=step.ask,
        note=step.note,
    )
