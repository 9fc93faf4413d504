"""The outbox: what is to be told lies here before anybody tries to tell it, and what arrived is noted here.

```
notices/<conversation>/letters/<20 digits>.json       put-if-absent: a notice and whom it is for
notices/<conversation>/turns/<20 digits>.json         put-if-absent: somebody's time to speak
notices/<conversation>/turns/<20 digits>.end.json     put-if-absent: how it ended
notices/<conversation>/receipts/<part>.json           put-if-absent: what arrived, and where
notices-waiting/<conversation>/<20 digits>            a slip: this letter is not done with
```

Law: a letter that is not done with has a slip. So the slip is laid down before the letter is, and taken away after the
last receipt; one that was laid down for a letter that never came does no harm and is swept up after a day.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from taxiway.core.delivery import (
    Letter,
    Receipt,
    Standing,
    Turn,
    TurnEnd,
    asked_part,
    message_part,
    next_turn,
    slug,
    told_up_to,
)
from taxiway.core.names import canonical
from taxiway.core.notices import Notice
from taxiway.core.specs.alerts import AnyAlerts
from taxiway.stores.entries import R, decode, encode, parse
from taxiway.stores.objects import ObjectStore

_SLIPS = "notices-waiting/"
_ORPHAN_S = 24 * 3600.0
_READERS = 16
_SLIP = re.compile(rf"{_SLIPS}([^/]+)/(\d{{20}})")
_ENTRY = re.compile(r"(letters|turns)/(\d{20}(?:\.end)?)\.json|(receipts)/([^/]+)\.json")


class Found(NamedTuple):
    """The names of what lies in a conversation."""

    letters: tuple[int, ...]
    turns: tuple[int, ...]
    ended: frozenset[int]
    parts: frozenset[str]


class Outbox:
    """The outbox in a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def queue(self, notice: Notice, to: AnyAlerts, *, now: float) -> Letter:
        """The letter as it lies in the outbox: a notice that was queued before is there once, as it was first.

        Args:
            notice: what to tell.
            to: whom.
            now: seconds since 1970.

        Raises:
            BackendError: the store failed; queueing it again finds out how far it came.
        """
        name = slug(notice.thread, to)
        if notice.number:
            return self._place(name, Letter(notice=notice, to=to), now)
        while True:
            numbers = self._found(name).letters
            same = next((one for one in self._letters(name, reversed(numbers)) if _is_same(one, notice)), None)
            if same is not None:
                self._slip(name, same.number, now)
                return same
            number = numbers[-1] + 1 if numbers else 1
            letter = Letter(notice=notice.model_copy(update={"number": number}), to=to)
            placed = self._place(name, letter, now)
            if placed == letter:
                return placed

    def waiting(self) -> dict[str, tuple[int, ...]]:
        """The conversations that are not done with, and the numbers of their slips."""
        found: dict[str, list[int]] = {}
        for info in self._store.list(_SLIPS):
            slip = _SLIP.fullmatch(info.path)
            if slip:
                found.setdefault(slip[1], []).append(int(slip[2]))
        return {name: tuple(numbers) for name, numbers in found.items()}

    def conversations(self) -> list[str]:
        """The names of all conversations, ordered."""
        return self._store.folders("notices/")

    def letters(self, name: str) -> tuple[Letter, ...]:
        """All letters of a conversation, oldest first.

        Raises:
            IntegrityError: one is broken.
        """
        return tuple(self._letters(name, self._found(name).letters))

    def standing(self, name: str) -> Standing | None:
        """How far a conversation has come; None when it has no letter.

        Raises:
            IntegrityError: something in it is broken.
        """
        found = self._found(name)
        if not found.letters:
            return None
        message = self.receipt(name, message_part(found.parts)) if message_part(found.parts) in found.parts else None
        told = told_up_to(found.parts, message, found.letters[0])
        wanted = [number for number in found.letters if number > told] or [found.letters[-1]]
        letters = tuple(self._letters(name, wanted))
        asked = asked_part(letters[-1].notice.asks)
        asked_at = self._require(Receipt, f"{_root(name)}receipts/{asked}.json").at if asked in found.parts else None
        return Standing(name, found.letters[0], letters, found.parts, message, asked_at)

    def receipt(self, name: str, part: str) -> Receipt | None:
        """The receipt of a part; None while there is none."""
        return self._read(Receipt, f"{_root(name)}receipts/{part}.json")

    def note(self, name: str, receipt: Receipt) -> Receipt:
        """Keeps a receipt, and gives what is there: the first one of a part stays."""
        path = f"{_root(name)}receipts/{receipt.part}.json"
        return receipt if self._store.create(path, encode(receipt)) else self._require(Receipt, path)

    def take_turn(self, name: str, *, by: str, now: float) -> Turn | None:
        """A turn of our own; None while somebody else has one, or while it is too early to try again."""
        turn = next_turn(*self._last_turn(name), by=by, now=now)
        path = f"{_root(name)}turns/{turn.number:020}.json" if turn else ""
        made = turn is not None and (self._store.create(path, encode(turn)) or self._store.get(path) == encode(turn))
        return turn if made else None

    def end_turn(self, name: str, end: TurnEnd) -> None:
        """Notes how a turn of ours ended."""
        self._store.create(f"{_root(name)}turns/{end.number:020}.end.json", encode(end))

    def trouble(self, name: str) -> TurnEnd | None:
        """How the last turn of a conversation ended, if that was not well."""
        _, end = self._last_turn(name)
        return end if end is not None and end.error else None

    def settle(self, name: str, numbers: Collection[int], *, upto: int, now: float) -> None:
        """Takes the slips of a conversation away, up to a letter's, and those that no letter came for in a day."""
        for number in numbers:
            path = f"{_SLIPS}{name}/{number:020}"
            if number <= upto or self._is_orphan(path, now):
                self._store.delete(path)

    def _place(self, name: str, letter: Letter, now: float) -> Letter:
        path = f"{_root(name)}letters/{letter.number:020}.json"
        self._slip(name, letter.number, now)
        return letter if self._store.create(path, encode(letter)) else self._require(Letter, path)

    def _slip(self, name: str, number: int, now: float) -> None:
        self._store.create(f"{_SLIPS}{name}/{number:020}", canonical({"at": now}))

    def _is_orphan(self, path: str, now: float) -> bool:
        data = self._store.read(path)
        return data is not None and now - float(parse(data, self._store.uri + path)["at"]) > _ORPHAN_S

    def _found(self, name: str) -> Found:
        names: dict[str, list[str]] = {"letters": [], "turns": [], "receipts": []}
        for info in self._store.list(_root(name)):
            entry = _ENTRY.fullmatch(info.path.removeprefix(_root(name)))
            if entry:
                names[entry[1] or entry[3]].append(entry[2] or entry[4])
        ended = frozenset(int(one.removesuffix(".end")) for one in names["turns"] if one.endswith(".end"))
        turns = tuple(int(one) for one in names["turns"] if not one.endswith(".end"))
        return Found(tuple(int(one) for one in names["letters"]), turns, ended, frozenset(names["receipts"]))

    def _last_turn(self, name: str) -> tuple[Turn | None, TurnEnd | None]:
        found = self._found(name)
        if not found.turns:
            return None, None
        path = f"{_root(name)}turns/{found.turns[-1]:020}"
        return self._require(Turn, f"{path}.json"), self._read(TurnEnd, f"{path}.end.json")

    def _letters(self, name: str, numbers: Iterable[int]) -> Iterator[Letter]:
        paths = [f"{_root(name)}letters/{number:020}.json" for number in numbers]
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(lambda path: self._require(Letter, path), paths)

    def _read(self, cls: type[R], path: str) -> R | None:
        data = self._store.read(path)
        return None if data is None else decode(cls, data, self._store.uri + path)

    def _require(self, cls: type[R], path: str) -> R:
        return decode(cls, self._store.get(path), self._store.uri + path)


def _root(name: str) -> str:
    return f"notices/{name}/"


def _is_same(letter: Letter, notice: Notice) -> bool:
    return bool(notice.key) and letter.notice.key == notice.key
