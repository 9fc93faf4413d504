"""Whether a store can be trusted with a registry: asked of the store itself, before anybody relies on it."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from taxiway.core.errors import TaxiwayError
from taxiway.stores.objects import ObjectStore

_WRITERS = 8
_ROUNDS = 5
_ELSE = "Look at what it says, mend it, and ask again."
_ANOTHER = (
    "Keep the registry in another store: S3, Google, Azure, or a version of this one that has conditional writes."
)
_CREDENTIALS = "Check the URI and the credentials: they need to create, read, list and delete."


class Finding(NamedTuple):
    """One question and its answer.

    Attributes:
        check: what was asked.
        ok: whether it is as Taxiway needs it; also when it could not be asked, and `asked` is False.
        detail: what is so instead; empty when it is well.
        remedy: what to do about that; empty when it is well.
        asked: whether there was an answer.
    """

    check: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    asked: bool = True

    @classmethod
    def of(cls, check: str, error: TaxiwayError, *, remedy: str = "") -> "Finding":
        """What an error says about a question."""
        detail = str(error)
        if error.do:
            detail = detail[: detail.rindex(error.do)].rstrip()
        return cls(check, ok=False, detail=detail, remedy=remedy or error.do or _ELSE)


def skew(who: str, theirs: float, asked: tuple[float, float], *, limit_s: float = 30.0) -> Finding:
    """Whether another clock agrees with this machine's.

    Args:
        who: whose clock it is.
        theirs: what it said, in seconds since 1970, perhaps cut to the second.
        asked: when it was asked and when it had answered, by this machine's clock.
        limit_s: how far they may be apart.
    """
    check = f"the clocks of this machine and of {who} agree"
    off = theirs - asked[1] if theirs > asked[1] else min(0.0, theirs + 1 - asked[0])
    if abs(off) <= limit_s:
        return Finding(check, ok=True)
    way = "ahead of" if off > 0 else "behind"
    detail = f"{who} is {abs(off):.0f} s {way} this machine; waits and turns end by the clock."
    return Finding(check, ok=False, detail=detail, remedy="Set both by NTP: timedatectl set-ntp true, or chrony.")


def probe(store: ObjectStore, *, clock: Callable[[], float] = time.time) -> list[Finding]:
    """Asks a store everything that the registry relies on; it needs the right to create, read, list and delete.

    Its clock is compared with this machine's. All objects lie under `probes/<random>/` and are deleted again. After the
    first question that the store cannot answer at all, the rest are not asked.
    """
    place = f"probes/{uuid.uuid4().hex}/"
    findings: list[Finding] = []
    try:
        for check, ask in _QUESTIONS:
            findings.append(_answer(check, ask, store, place))
        findings += _clock(store, place, clock)
    except TaxiwayError as error:
        _clean(store, place)
        asked = _QUESTIONS[len(findings)][0] if len(findings) < len(_QUESTIONS) else "the store says when it is written"
        return [*findings, Finding.of(asked, error, remedy=error.do or _CREDENTIALS)]
    return findings + _clean(store, place)


def _answer(check: str, ask: Callable[[ObjectStore, str], str], store: ObjectStore, place: str) -> Finding:
    detail = ask(store, place)
    return Finding(check, ok=not detail, detail=detail, remedy=_ANOTHER if detail else "")


def _clock(store: ObjectStore, place: str, clock: Callable[[], float]) -> list[Finding]:
    path, began = f"{place}clock", clock()
    store.create(path, b"")
    written = store.head(path)
    if written is None or written.modified_at is None:
        return []
    return [skew(f"the store {store.uri}", written.modified_at, (began, clock()))]


def _reads_back(store: ObjectStore, place: str) -> str:
    path = f"{place}first"
    if not store.create(path, b"one"):
        return "It says that an object exists which nobody made."
    got = store.read(path)
    return "" if got == b"one" else f"It gave back {got!r} instead of what was just written."


def _refuses_the_second(store: ObjectStore, place: str) -> str:
    path = f"{place}second"
    store.create(path, b"one")
    if store.create(path, b"two") or store.read(path) != b"one":
        return (
            "It accepts 'create if absent' (If-None-Match: *) and overwrites all the same. Two writers would destroy "
            "each other's commits: do not use this store for a registry."
        )
    return ""


def _one_winner(store: ObjectStore, place: str) -> str:
    for number in range(_ROUNDS):
        path = f"{place}race-{number}"
        winners = _race(store, path)
        if len(winners) != 1 or store.read(path) != winners[0]:
            return (
                f"{len(winners)} of {_WRITERS} writers at once were told that they made the same object: "
                "do not use this store for a registry."
            )
    return ""


def _race(store: ObjectStore, path: str) -> list[bytes]:
    start = threading.Barrier(_WRITERS)

    def write(number: int) -> bytes | None:
        data = f"writer {number}".encode()
        start.wait(timeout=60)
        return data if store.create(path, data) else None

    with ThreadPoolExecutor(_WRITERS) as pool:
        return [data for data in pool.map(write, range(_WRITERS)) if data is not None]


def _replaces(store: ObjectStore, place: str) -> str:
    path = f"{place}hint"
    for data in (b"one", b"two"):
        store.replace(path, data)
        if store.read(path) != data:
            return "It gives back what an object was before it was replaced."
    return ""


def _lists(store: ObjectStore, place: str) -> str:
    names = [f"{place}list/{number}" for number in range(3)]
    for name in names:
        store.create(name, b"")
    everything = [info.path for info in store.list(f"{place}list/")]
    rest = [info.path for info in store.list(f"{place}list/", after=names[0])]
    if everything != names or rest != names[1:]:
        return f"It lists {everything} and, behind the first, {rest}, where {names} were just written."
    return ""


_QUESTIONS = (
    ("an object can be created and read back at once", _reads_back),
    ("an object that exists is not created again", _refuses_the_second),
    (f"of {_WRITERS} writers at once exactly one creates an object", _one_winner),
    ("an object that is replaced is read as its new self", _replaces),
    ("a listing shows at once what was written, in order, and from a name on", _lists),
)


def _clean(store: ObjectStore, place: str) -> list[Finding]:
    try:
        for info in store.list(place):
            store.delete(info.path)
    except TaxiwayError as error:
        return [Finding.of("what a probe wrote can be deleted", error, remedy=f"Delete {place} by hand.")]
    return []
