"""One change of a model's log at a time: read the newest state, decide, put the next commit if nobody else did.

Else read and decide again. So any number of writers, killed anywhere, see one history; each change is in it once or not
at all.
"""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from taxiway.core.errors import DeadlineExceeded
from taxiway.core.registry import Author, Commit, Point, Register, Yank, advance
from taxiway.core.serving import Serve
from taxiway.stores.chance import CHANCE
from taxiway.stores.log import Log, Tip
from taxiway.stores.objects import ObjectStore

_LONGEST_PAUSE_S = 0.5
_TURN_S = 0.5

Change = Register | Point | Yank | Serve
D = TypeVar("D", Commit, None)
"""What a change gives when there is nothing to do: the commit that made it already, or None."""


def write_commit(
    store: ObjectStore, name: str, by: Author, decide: Callable[[Log, Tip], Change | D], *, deadline_s: float
) -> Commit | D:
    """The commit of what `decide` makes of the newest state of the model `name`; what it gives if that is no change.

    Raises:
        DeadlineExceeded: other writers were always faster.
    """
    log = Log(store, name)
    deadline = time.monotonic() + deadline_s
    losses = 0
    while True:
        began = time.monotonic()
        with store.turn(f"models/{name}", _TURN_S):
            tip = log.settle(log.tip())
            decision = decide(log, tip)
            if not isinstance(decision, Change):
                return decision
            made = _following(tip, decision, name, by)
            if log.append(made):
                return made
        losses += 1
        ended = time.monotonic()
        if ended > deadline:
            raise DeadlineExceeded(
                "other writers were always faster",
                where=f"model {name!r} in {store.uri}",
                expected=f"a turn within {deadline_s:g} s",
                do="Try again when fewer write at once.",
            )
        pause_s = (ended - began) * 2 ** min(losses, 4)
        time.sleep(CHANCE.uniform(0, min(pause_s, _LONGEST_PAUSE_S)))


def now() -> str:
    """The time by this machine's clock: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _following(tip: Tip, change: Change, name: str, by: Author) -> Commit:
    return Commit(
        number=tip.number + 1,
        id=uuid.uuid4().hex,
        model=name,
        at=now(),
        by=by,
        change=change,
        previous=tip.digest,
        state=advance(tip.state, change, model=name),
    )
