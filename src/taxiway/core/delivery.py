"""Delivery: what has been told to whom, and what is to be told next. Pure decisions; the outbox remembers.

A *conversation* is a thread at one address. Its letters lie in the store before anybody tries to deliver them. Whoever
delivers takes a *turn*, which ends by the clock, so that one speaks at a time; and notes a *receipt* for each part that
arrived. A turn without an end may have said something that nobody noted: whoever speaks next is *unsure*, and looks for
what it is about to say before it says it.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from pydantic import NonNegativeInt, PositiveInt

from taxiway.core.blocks import Mark, Message
from taxiway.core.errors import BackendError
from taxiway.core.names import sha256
from taxiway.core.notices import Notice
from taxiway.core.records import Record
from taxiway.core.specs.alerts import Alerts, AnyAlerts, SlackAlerts, address

TURN_S = 180.0
"""How long a turn lasts, in seconds; no step begins in the last `STEP_S` of it."""
STEP_S = 120.0
"""The longest that one step may take, in seconds: a picture is uploaded, a message is looked for and sent."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 600.0
_NUMBERED = re.compile(r"(shown|told|gone)-(\d+)")


class Letter(Record):
    """A notice and whom it is for."""

    notice: Notice
    to: Alerts

    @property
    def number(self) -> int:
        """Its place in the conversation."""
        return self.notice.number


class Receipt(Record):
    """A part that arrived.

    Attributes:
        part: which; see `next_step`.
        at: when, in seconds since 1970.
        number: of the newest notice in it.
        channel: id of the channel it is in; empty where that says nothing.
        ts: Slack's name for the message, or the id of a file.
    """

    part: str
    at: float
    number: NonNegativeInt = 0
    channel: str = ""
    ts: str = ""


class Turn(Record):
    """Somebody's time to speak.

    Attributes:
        number: 1, 2, 3, … per conversation.
        by: who: host and process.
        at: since when, in seconds since 1970.
        until: by when it is over, whatever became of it.
        unsure_since: the first moment at which something may have been said that nobody noted; none when all is known.
        failures: how many turns before it ended in a failure, one after the other.
    """

    number: PositiveInt
    by: str
    at: float
    until: float
    unsure_since: float | None = None
    failures: NonNegativeInt = 0


class TurnEnd(Record):
    """How a turn ended.

    Attributes:
        number: the turn's.
        at: when, in seconds since 1970.
        error: why not everything was said; empty when it was.
        retry_at: before that nobody takes another turn.
        unsure_since: as in `Turn`, for the next one.
        failures: as in `Turn`, for the next one.
    """

    number: PositiveInt
    at: float
    error: str = ""
    retry_at: float = 0.0
    unsure_since: float | None = None
    failures: NonNegativeInt = 0


class Standing(NamedTuple):
    """How far a conversation has come.

    Attributes:
        slug: its name in the store.
        first: number of its first letter.
        letters: those not told yet and, last, the newest one.
        parts: the names of all receipts.
        message: the receipt of the message; none while there is none.
        asked_at: since when the newest letter's question is asked.
    """

    slug: str
    first: int
    letters: tuple[Letter, ...]
    parts: frozenset[str]
    message: Receipt | None = None
    asked_at: float | None = None

    @property
    def newest(self) -> Letter:
        """The newest letter."""
        return self.letters[-1]


class Post(NamedTuple):
    """Send the message itself."""

    part: str
    letter: Letter


class Show(NamedTuple):
    """Edit the message, so that it shows this letter."""

    part: str
    letter: Letter


class Tell(NamedTuple):
    """Add these letters to the thread, or send them where there are no threads; none when all of them are quiet."""

    part: str
    letters: tuple[Letter, ...]
    number: int


class Ask(NamedTuple):
    """Note that people are asked something from now on."""

    part: str
    number: int


class Look(NamedTuple):
    """See whether anybody has reacted, and call somebody if not."""

    answered: str
    escalated: str
    letter: Letter


class Rest(NamedTuple):
    """Nothing is to be said before `until`, or ever when that is none."""

    until: float | None = None


Step = Post | Show | Tell | Ask | Look | Rest


def next_step(standing: Standing, *, edits: bool, now: float) -> Step:
    """What to say next.

    Parts: `message` is the message, `message-2` the one after somebody deleted it (`gone-1`); `shown-7` that it shows
    letter 7; `told-7` that the thread has all up to letter 7; `asked-…`, `answered-…` and `escalated-…` a question.

    Args:
        standing: how far it has come.
        edits: whether the channel can edit and read what it was sent.
        now: seconds since 1970.
    """
    newest = standing.newest
    if edits and standing.message is None:
        return Post(message_part(standing.parts), newest)
    if edits and _shown(standing) < newest.number:
        return Show(f"shown-{newest.number}", newest)
    told = told_up_to(standing.parts, standing.message, standing.first)
    if told < newest.number:
        loud = tuple(one for one in standing.letters if one.number > told and not one.notice.quiet)
        return Tell(f"told-{newest.number}", loud, newest.number)
    return _question(standing, now) if edits else Rest()


def message_part(parts: frozenset[str]) -> str:
    """The name of the message's receipt: another one after each time that somebody deleted the message."""
    gone = _highest(parts, "gone")
    return f"message-{gone + 1}" if gone else "message"


def gone_part(parts: frozenset[str]) -> str:
    """The name of the receipt that says that the message was deleted."""
    return f"gone-{_highest(parts, 'gone') + 1}"


def told_up_to(parts: frozenset[str], message: Receipt | None, first: int) -> int:
    """The number of the last letter that people were told; the first one is told by the message itself."""
    by_message = first if message is not None and message.number == first else 0
    return max(_highest(parts, "told"), by_message)


def asked_part(word: str) -> str:
    """The name of the receipt that says since when something is asked."""
    return f"asked-{_word(word)}"


def next_turn(last: Turn | None, end: TurnEnd | None, *, by: str, now: float) -> Turn | None:
    """The next turn; None while somebody else has one, or while it is too early to try again.

    Args:
        last: the newest turn, if there is any.
        end: how that one ended, if it did.
        by: who wants to speak.
        now: seconds since 1970.
    """
    if last is None:
        return Turn(number=1, by=by, at=now, until=now + TURN_S)
    if now < (end.retry_at if end else last.until):
        return None
    since = end.unsure_since if end else (last.at if last.unsure_since is None else last.unsure_since)
    failures = end.failures if end else last.failures + 1
    return Turn(number=last.number + 1, by=by, at=now, until=now + TURN_S, unsure_since=since, failures=failures)


def end_turn(turn: Turn, *, now: float, error: str = "", wait_s: float = 0.0, lost: bool = False) -> TurnEnd:
    """How a turn ends.

    Args:
        turn: which.
        now: seconds since 1970.
        error: why not everything was said.
        wait_s: how long the other side asked to be left alone, in seconds.
        lost: an answer was lost: something may have been said that is not noted.
    """
    if not error:
        return TurnEnd(number=turn.number, at=now)
    since = turn.unsure_since if turn.unsure_since is not None or not lost else turn.at
    pause_s = min(_FIRST_PAUSE_S * 2 ** min(turn.failures, 20), _LONGEST_PAUSE_S)
    retry_at = now + max(pause_s, wait_s)
    return TurnEnd(
        number=turn.number, at=now, error=error, retry_at=retry_at, unsure_since=since, failures=turn.failures + 1
    )


def slug(thread: str, to: AnyAlerts) -> str:
    """The name of a conversation in the store: what can be read of the thread, and a hash of thread and address."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", ".", thread).strip(".")[:60] or "thread"
    return f"{readable}-{sha256(f'{thread} {address(to)}'.encode())[7:23]}"


class AnswerLost(BackendError):  # noqa: N818 - named for what happened
    """The channel did not answer to the end: what was asked may have been done or not."""


class LeftAlone(BackendError):  # noqa: N818 - named for what is asked
    """The channel asks to be left alone for `wait_s` seconds; nothing was done."""

    def __init__(self, what: str, *, wait_s: float, where: str = "") -> None:
        self.wait_s = wait_s
        super().__init__(what, where=where, expected=f"nothing more for {wait_s:g} s", do="It is tried again then.")


class MessageGone(BackendError):  # noqa: N818 - named for what happened
    """Somebody deleted the message."""


class OneWay(Protocol):
    """Where letters go that can neither be edited nor read again: a webhook, an e-mail.

    Every method of a channel ends by the clock: an upload, a search and a message together within `STEP_S`. It raises
    `SpecError` when a person has to change something, `AnswerLost` when it is not known whether it was done,
    `MessageGone` when what it is about was deleted, and any other `BackendError` when it was not done.
    """

    edits: Literal[False]

    def check(self) -> None:
        """Sees whether anything can be sent at all."""

    def send(self, letters: tuple[Letter, ...], *, again: bool) -> None:
        """Sends one message about all of these; `again` when it may have been sent before."""


class Board(Protocol):
    """Where letters go that are edited and read again; its methods raise what those of `OneWay` do."""

    edits: Literal[True]

    def check(self) -> None:
        """Sees whether anything can be sent at all."""

    def post(self, message: Message, *, under: Receipt | None = None, aloud: bool = False) -> Receipt:
        """Sends a message, or adds it to the thread of another; `aloud` shows it in the channel, too."""

    def find(self, wanted: Callable[[Mark], bool], *, since: float, under: Receipt | None = None) -> Receipt | None:
        """The first message whose mark is wanted, sent after `since` or under another one.

        The part and the number of the receipt are those of the mark.
        """

    def show(self, at: Receipt, message: Message) -> bool:
        """Edits a message; False when the settings of the team forbid it."""

    def heard(self, at: Receipt) -> bool:
        """Whether a person has reacted or replied."""

    def upload(self, data: bytes, *, name: str, alt: str) -> str:
        """Keeps a PNG with the channel's files and gives its id."""

    def remove(self, at: Receipt) -> None:
        """Takes back a message that was sent twice."""


Channel = OneWay | Board


def _question(standing: Standing, now: float) -> Step:
    newest = standing.newest
    word = _word(newest.notice.asks)
    patience = newest.to.escalate_after if isinstance(newest.to, SlackAlerts) else None
    if not word or newest.notice.closes or patience is None:
        return Rest()
    if standing.asked_at is None:
        return Ask(f"asked-{word}", newest.number)
    if standing.parts & {f"answered-{word}", f"escalated-{word}"}:
        return Rest()
    due = standing.asked_at + patience.total_seconds()
    return Look(f"answered-{word}", f"escalated-{word}", newest) if now >= due else Rest(due)


def _shown(standing: Standing) -> int:
    first = standing.message.number if standing.message else 0
    return max(_highest(standing.parts, "shown"), first)


def _highest(parts: frozenset[str], what: str) -> int:
    found = (_NUMBERED.fullmatch(part) for part in parts)
    return max((int(one[2]) for one in found if one and one[1] == what), default=0)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
