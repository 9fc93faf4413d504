"""A turn in a conversation: one step after the other, each noted as it arrives."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from taxiway.core.delivery import STEP_S, Ask, Channel, Receipt, Rest, Standing, Step, Tell, Turn, next_step
from taxiway.core.errors import BackendError, IntegrityError
from taxiway.hooks.writing import Writer

if TYPE_CHECKING:
    from taxiway.stores.blobs import Blobs
    from taxiway.stores.outbox import Outbox


class Talk:
    """Whoever has a turn speaks through this.

    Args:
        outbox: where receipts are noted.
        blobs: where pictures are.
        channel: where to speak.
        turn: until when, and whether something may have been said that nobody noted.
        clock: seconds since 1970.
    """

    def __init__(
        self, outbox: "Outbox", blobs: "Blobs", channel: Channel, turn: Turn, clock: Callable[[], float]
    ) -> None:
        self._outbox, self._blobs, self._channel, self._turn, self._clock = outbox, blobs, channel, turn, clock

    def until_nothing_is_left(self, name: str) -> tuple[Standing, Rest]:
        """Says everything; gives how the conversation stands then, and for how long there is nothing more to say.

        Raises:
            TaxiwayError: something could not be said, or not before the end of the turn.
        """
        while True:
            standing = self._outbox.standing(name)
            if standing is None:
                raise IntegrityError("the letters of a conversation are gone", where=name, do="Restore them.")
            step = next_step(standing, edits=self._channel.edits, now=self._clock())
            if isinstance(step, Rest):
                return standing, step
            if self._clock() + STEP_S > self._turn.until:
                raise BackendError("there is more to tell than fits a turn", where=name, do="The next one goes on.")
            self._take(standing, step)

    def _take(self, standing: Standing, step: Step) -> None:
        if isinstance(step, Ask) or (isinstance(step, Tell) and not step.letters):
            self._note(standing, step)
        elif self._channel.edits:
            Writer(self._outbox, self._blobs, self._channel, self._turn, standing).take(step)
        elif isinstance(step, Tell):
            self._channel.send(step.letters, again=self._turn.unsure_since is not None)
            self._note(standing, step)

    def _note(self, standing: Standing, step: Ask | Tell) -> None:
        self._outbox.note(standing.slug, Receipt(part=step.part, at=self._clock(), number=step.number))
