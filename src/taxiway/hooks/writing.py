"""The steps on a board: a message is posted once, edited, and replied to; nothing is said twice."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core import blocks
from taxiway.core.blocks import Mark, Message, marked
from taxiway.core.delivery import (
    Board,
    Letter,
    Look,
    MessageGone,
    Post,
    Receipt,
    Show,
    Standing,
    Step,
    Tell,
    Turn,
    gone_part,
)
from taxiway.core.errors import IntegrityError, TaxiwayError
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.core.words import clean

if TYPE_CHECKING:
    from taxiway.stores.blobs import Blobs
    from taxiway.stores.outbox import Outbox

_log = logging.getLogger("airflow.task.taxiway")


class _Saying(NamedTuple):
    """A message, what its receipt is called, and how it is known again."""

    part: str
    number: int
    message: Message
    wanted: Callable[[Mark], bool]


class Writer:
    """Takes the steps of one standing.

    Args:
        outbox: where receipts are noted.
        blobs: where pictures are.
        board: where to write.
        turn: whether something may have been said before that nobody noted.
        standing: how far the conversation has come.
    """

    def __init__(self, outbox: "Outbox", blobs: "Blobs", board: Board, turn: Turn, standing: Standing) -> None:
        self._outbox, self._blobs, self._board, self._turn, self._standing = outbox, blobs, board, turn, standing

    def take(self, step: Step) -> None:
        """Takes a step; when somebody deleted the message, that is what is noted."""
        try:
            if isinstance(step, Post):
                self._post(step)
            elif isinstance(step, Show):
                self._show(step)
            elif isinstance(step, Tell):
                self._tell(step)
            elif isinstance(step, Look):
                self._look(step)
        except MessageGone:
            self._note(gone_part(self._standing.parts))

    def _post(self, step: Post) -> None:
        made = self._message(step.letter)
        self._say(_Saying(step.part, step.letter.number, made, lambda mark: mark.part == step.part))

    def _show(self, step: Show) -> None:
        at = self._place()
        made = marked(self._message(step.letter), Mark(self._standing.slug, at.part, step.letter.number))
        if not self._board.show(at, made):
            _log.warning("The message of %s cannot be edited any more; its thread goes on", self._standing.slug)
        self._note(step.part, step.letter.number)

    def _tell(self, step: Tell) -> None:
        """Tells the letters; what a turn that was cut off has told already is found and not told again."""
        first = step.letters[0].number
        made = blocks.update([letter.notice for letter in step.letters])
        told = _Saying(
            step.part, step.number, made, lambda mark: mark.part.startswith("told-") and mark.number >= first
        )
        self._say(told, under=self._place())

    def _look(self, step: Look) -> None:
        at, to = self._place(), step.letter.to
        if not isinstance(to, SlackAlerts) or self._board.heard(at):
            self._note(step.answered, step.letter.number)
            return
        made = blocks.escalation(step.letter.notice, to=to.escalate_to or to.owner, waited=str(to.escalate_after))
        call = _Saying(step.escalated, step.letter.number, made, lambda mark: mark.part == step.escalated)
        self._say(call, under=at, aloud=True)

    def _say(self, saying: _Saying, *, under: Receipt | None = None, aloud: bool = False) -> None:
        """Sends a message once: if a turn before this one was cut off, it looks first whether it is there."""
        slug, sent = self._standing.slug, self._found(saying, under)
        if sent is None:
            made = marked(saying.message, Mark(slug, saying.part, saying.number))
            posted = self._board.post(made, under=under, aloud=aloud)
            sent = posted.model_copy(update={"part": saying.part, "number": saying.number})
        kept = self._outbox.note(slug, sent)
        if kept.ts != sent.ts:
            _log.warning("The same message was sent twice to %s; the second one is taken back", slug)
            self._board.remove(sent)

    def _found(self, saying: _Saying, under: Receipt | None) -> Receipt | None:
        since, slug = self._turn.unsure_since, self._standing.slug
        if since is None:
            return None
        return self._board.find(lambda mark: mark.slug == slug and saying.wanted(mark), since=since, under=under)

    def _message(self, letter: Letter) -> Message:
        return blocks.message(letter.notice, owner=letter.to.owner, file=self._file(letter))

    def _file(self, letter: Letter) -> str | None:
        """The board's id of the letter's picture, which is uploaded once; None when there is none to show."""
        picture = letter.notice.picture
        if picture is None:
            return None
        part = f"picture-{picture.digest.rpartition(':')[2][:16]}"
        kept = self._outbox.receipt(self._standing.slug, part) if part in self._standing.parts else None
        if kept is not None:
            return kept.ts
        try:
            data = self._blobs.get(picture.digest)
            uploaded = self._board.upload(data, name=f"{part}.png", alt=clean(picture.alt, 1000))
        except TaxiwayError as error:
            _log.warning("The message goes without its chart: %s", error)
            return None
        return self._outbox.note(self._standing.slug, Receipt(part=part, at=time.time(), ts=uploaded)).ts

    def _note(self, part: str, number: int = 0) -> None:
        self._outbox.note(self._standing.slug, Receipt(part=part, at=time.time(), number=number))

    def _place(self) -> Receipt:
        """Where the message is."""
        if self._standing.message is None:
            raise IntegrityError("there is no message yet", where=self._standing.slug)
        return self._standing.message
