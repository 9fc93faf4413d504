"""The desk: which slot answers a request, who steps in when a candidate cannot, and what the shadow gets to see."""

import asyncio
import time

from taxiway.core.traffic import Slot as Place
from taxiway.core.traffic import place_of
from taxiway.runtime.serving.fleet import Fleet, Routes
from taxiway.runtime.serving.frames import DIFFERS, Ask, Told, refusal
from taxiway.runtime.serving.ledger import Ledger, Ledgers
from taxiway.runtime.serving.slot import Slot

_GOLDEN_ANGLE = 61.803398875
_OVERLOADED, _LATE = 429, 504
_SHADOW_S = 30.0
"""How long a copy may wait for the shadow."""


class Desk:
    """Answers the requests of one service."""

    def __init__(self, service: str, fleet: Fleet, ledgers: Ledgers) -> None:
        self._service = service
        self._fleet = fleet
        self._ledgers = ledgers
        self._turn = 0.0
        self._shadows: set[asyncio.Future[Told]] = set()

    async def ask(self, ask: Ask, *, key: str | None, deadline: float, version: int | None) -> tuple[Told, Slot | None]:
        """The response, and whose it is.

        Args:
            ask: the request.
            key: requests of the same key go to the same version as long as the weight does not fall.
            deadline: by the loop's clock.
            version: the version asked for, if not whichever answers.
        """
        routes = self._fleet.routes
        slot = self._chosen(routes, key) if version is None else self._named(routes, version)
        if slot is None:
            known = ", ".join(str(one.target.number) for one, _ in routes.slots())
            if version is not None and known:
                return refusal(404, f"version {version} is not served here; there is {known}"), None
            return refusal(503, "no version is served yet"), None
        spare = routes.live if slot is routes.candidate and version is None else None
        told = await self._one(slot, ask, _half_way(deadline) if spare else deadline)
        if spare is not None and told.status >= _OVERLOADED:
            slot = spare  # what goes wrong with a candidate is counted against it, and hurts nobody
            told = await self._one(slot, ask, deadline)
        if routes.shadow and slot is routes.live and routes.candidate is not None:
            self._shadow(routes.candidate, ask, told)
        return told, slot

    def _chosen(self, routes: Routes, key: str | None) -> Slot | None:
        if routes.candidate is None or not routes.weight:
            return routes.live
        self._turn = (self._turn + _GOLDEN_ANGLE) % 100
        place = self._turn if key is None else place_of(key, self._service)
        return routes.candidate if place < routes.weight or routes.live is None else routes.live

    def _named(self, routes: Routes, version: int) -> Slot | None:
        return next((slot for slot, place in routes.slots() if slot.target.number == version), None)

    async def _one(self, slot: Slot, ask: Ask, deadline: float) -> Told:
        began, ledger = time.perf_counter(), slot.ledger
        told = await slot.offer(ask, deadline)
        ledger.answered(told, time.perf_counter() - began)
        return told

    def _shadow(self, slot: Slot, ask: Ask, told: Told) -> None:
        """Hands the shadow a copy, with the answer that was given, and forgets about it."""
        if told.status not in (200, 500):
            return
        began, ledger = time.perf_counter(), self._ledgers.of(slot.target.number, Place.SHADOW)
        given = told.body if told.status == 200 else b"{}"  # noqa: PLR2004
        copy = slot.offer(
            ask._replace(given=given, given_header=told.header), asyncio.get_running_loop().time() + _SHADOW_S
        )
        self._shadows.add(copy)

        def compared(future: "asyncio.Future[Told]") -> None:
            self._shadows.discard(future)
            if not future.cancelled():
                _count(ledger, future.result(), time.perf_counter() - began, answered=told.status == 200)  # noqa: PLR2004

        copy.add_done_callback(compared)


def _half_way(deadline: float) -> float:
    """Half of the time that is left, so that the live version has the other half."""
    now = asyncio.get_running_loop().time()
    return now + (deadline - now) / 2


def _count(ledger: Ledger, told: Told, seconds: float, *, answered: bool) -> None:
    if told.status in (_OVERLOADED, _LATE, 503):
        ledger.dropped += 1
        return
    ledger.answered(told, seconds)
    ledger.compared += 1
    alike = (told.status == 200 and told.header != DIFFERS) if answered else told.status != 200  # noqa: PLR2004
    ledger.disagreements += 0 if alike else 1
