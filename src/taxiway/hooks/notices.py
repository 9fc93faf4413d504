"""Telling people: notices are queued first and delivered after, so that nothing is lost and nothing is told twice."""

import logging
import os
import socket
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from taxiway.core.delivery import (
    AnswerLost,
    Channel,
    LeftAlone,
    Letter,
    Rest,
    Standing,
    Turn,
    end_turn,
    next_step,
    slug,
)
from taxiway.core.errors import BackendError, TaxiwayError
from taxiway.core.notices import Notice, Picture
from taxiway.core.specs.alerts import AnyAlerts, address
from taxiway.hooks.talk import Talk
from taxiway.stores.blobs import Blobs
from taxiway.stores.outbox import Outbox

if TYPE_CHECKING:
    from taxiway.stores.objects import ObjectStore

_log = logging.getLogger("airflow.task.taxiway")
OpenChannel = Callable[[AnyAlerts], Channel]


class Delivery(NamedTuple):
    """What came of a round of deliveries.

    Attributes:
        done: conversations in which nothing is left to tell now.
        left: conversations in which something is.
        troubles: why, one sentence each.
    """

    done: int
    left: int
    troubles: tuple[str, ...]


class NoticeDesk:
    """Queues notices and delivers what is queued; any number of them may work on one store.

    Args:
        store: where the outbox is.
        open_channel: opens the channel of an address.
        clock: seconds since 1970.
    """

    def __init__(
        self, store: "ObjectStore", open_channel: OpenChannel, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.outbox = Outbox(store)
        self._blobs = Blobs(store)
        self._open = open_channel
        self._clock = clock
        self._by = f"{socket.gethostname()}:{os.getpid()}"
        self._channels: dict[str, Channel | TaxiwayError] = {}

    def queue(self, notice: Notice, to: AnyAlerts) -> Letter:
        """The letter as it lies in the outbox.

        Raises:
            BackendError: the store failed; queue it again.
        """
        return self.outbox.queue(notice, to, now=self._clock())

    def keep(self, png: bytes, alt: str) -> Picture:
        """Keeps a chart in the store, for a notice to show.

        Raises:
            BackendError: the store failed.
        """
        return Picture(digest=self._blobs.put(png), alt=alt)

    def last(self, thread: str, to: AnyAlerts) -> Notice | None:
        """The newest notice of a thread at an address, told or not; None when there is none.

        Raises:
            BackendError: the store failed.
        """
        standing = self.outbox.standing(slug(thread, to))
        return standing.newest.notice if standing else None

    def tell(self, notice: Notice, to: AnyAlerts, *, patience_s: float = 10.0) -> Letter:
        """Queues a notice and tries to deliver it at once; if that fails it is delivered later, and nothing is raised.

        Args:
            notice: what to tell.
            to: whom.
            patience_s: no conversation is begun after so many seconds.

        Raises:
            BackendError: the store failed, so that nothing is queued; tell it again.
        """
        letter = self.queue(notice, to)
        for trouble in self.deliver([slug(notice.thread, to)], within_s=patience_s).troubles:
            _log.warning("The notice %r is in the outbox and is delivered later: %s", notice.title, trouble)
        return letter

    def deliver(self, names: Collection[str] = (), *, within_s: float) -> Delivery:
        """Delivers what waits, in these conversations or in all; what takes longer is left for the next round.

        It raises nothing: whatever goes wrong is among the troubles.
        """
        ends, done, left, troubles = self._clock() + within_s, 0, 0, []
        self._channels.clear()
        try:
            waiting = self.outbox.waiting()
        except TaxiwayError as error:
            return Delivery(0, 0, (str(error),))
        for name in sorted(waiting.keys() & set(names) if names else waiting):
            trouble = "" if self._clock() >= ends else self._tried(name, waiting[name])
            done, left = (done + 1, left) if trouble is None else (done, left + 1)
            troubles += [trouble] if trouble else []
        return Delivery(done, left, tuple(dict.fromkeys(troubles)))

    def _tried(self, name: str, slips: Collection[int]) -> str | None:
        """Says what is to be said; None when all is said, else why not: empty when somebody else is speaking."""
        try:
            return self._converse(name, slips)
        except TaxiwayError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - one broken conversation must not keep the others from being told
            _log.exception("The conversation %s could not be delivered", name)
            return f"{type(error).__name__}: {error}"

    def _converse(self, name: str, slips: Collection[int]) -> str | None:
        standing = self.outbox.standing(name)
        if standing is None:
            self.outbox.settle(name, slips, upto=0, now=self._clock())
            return None
        channel = self._channel(standing.newest.to)
        step = next_step(standing, edits=channel.edits, now=self._clock())
        if isinstance(step, Rest):
            self._settle(standing, step, slips)
            return None
        turn = self.outbox.take_turn(name, by=self._by, now=self._clock())
        if turn is None:
            trouble = self.outbox.trouble(name)
            return trouble.error if trouble else ""
        return self._speak(turn, name, channel, slips)

    def _speak(self, turn: Turn, name: str, channel: Channel, slips: Collection[int]) -> str | None:
        """Takes a turn, step by step; what came to the outbox meanwhile is said, too."""
        error, lost, wait_s = "", False, 0.0
        talk = Talk(self.outbox, self._blobs, channel, turn, self._clock)
        try:
            self._settle(*talk.until_nothing_is_left(name), slips)
        except TaxiwayError as fault:
            error, lost = str(fault), isinstance(fault, AnswerLost)
            wait_s = fault.wait_s if isinstance(fault, LeftAlone) else 0.0
        self.outbox.end_turn(name, end_turn(turn, now=self._clock(), error=error, wait_s=wait_s, lost=lost))
        return error or None

    def _settle(self, standing: Standing, rest: Rest, slips: Collection[int]) -> None:
        """Takes the slips away; the newest stays where there is something to do later."""
        upto = standing.newest.number - (rest.until is not None)
        try:
            self.outbox.settle(standing.slug, slips, upto=upto, now=self._clock())
        except BackendError as error:
            _log.warning("All is told, and what says that it waits could not be taken away: %s", error)

    def _channel(self, to: AnyAlerts) -> Channel:
        """The channel of an address, asked once a round whether it can send at all; what it said then stays said."""
        known = self._channels.get(address(to))
        if known is None:
            try:
                known = self._open(to)
                known.check()
            except TaxiwayError as error:
                known = error
            self._channels[address(to)] = known
        if isinstance(known, TaxiwayError):
            raise known
        return known
