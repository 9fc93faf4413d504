"""The fleet: the slots of a service, brought in line with what the log says while requests go on.

What answers is one value, `Routes`, that is replaced as a whole once everything it names is ready. A version that is on
its way, or that cannot be loaded, changes nothing for those who ask.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

from taxiway.core.errors import IntegrityError
from taxiway.core.serving import ALL, ServiceState
from taxiway.core.traffic import Fault
from taxiway.core.traffic import Slot as Place
from taxiway.core.training import ModelRef, Target
from taxiway.runtime.serving.follower import explain
from taxiway.runtime.serving.ledger import Ledgers
from taxiway.runtime.serving.logs import say
from taxiway.runtime.serving.nursery import Nursery
from taxiway.runtime.serving.orders import Order
from taxiway.runtime.serving.slot import Limits, Slot, State

_FIRST_RETRY_S, _LAST_RETRY_S = 2.0, 60.0
_WATCH_S = 0.5


class Source(Protocol):
    """Where bytes come from: a `Follower`."""

    def folder(self, ref: ModelRef) -> Path:
        """The verified bytes of a model."""

    def secret(self, ref: ModelRef) -> str:
        """The key of its pseudonyms."""

    def forget(self, used: Collection[str]) -> None:
        """Removes the bytes of others."""


@dataclasses.dataclass(frozen=True)
class Routes:
    """Who answers.

    Attributes:
        live: what answers, unless the candidate does.
        candidate: what answers `weight` percent, or gets copies.
        weight: percent of the requests that the candidate answers.
        shadow: the candidate gets copies.
        generation: of the desired state that this is, as far as it could be made true.
        whole: all of it is true.
    """

    live: Slot | None = None
    candidate: Slot | None = None
    weight: int = 0
    shadow: bool = False
    generation: int = 0
    whole: bool = False

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        if self.live is not None:
            return self.live.ready
        return self.candidate is not None and self.candidate.ready and self.weight == ALL

    def slots(self) -> list[tuple[Slot, Place]]:
        """The slots and what each is asked as."""
        found = [(self.live, Place.LIVE), (self.candidate, Place.SHADOW if self.shadow else Place.CANDIDATE)]
        return [(slot, place) for slot, place in found if slot is not None]


def _parts(state: ServiceState | None) -> tuple[Target | None, Target | None, bool]:
    """What a state wants loaded, whatever the share of each."""
    return (state.live, state.candidate, state.shadow) if state is not None else (None, None, False)


class Fleet:
    """The slots of this process.

    Attributes:
        routes: who answers now.
        desired: what the log says, as far as it was read.
        faults: why what is desired is not there, by version; of which kind, unless it is only late, and in words.
        taken_up: the last generation of which everything was there.
    """

    def __init__(
        self, source: Source, nursery: Nursery, limits: Limits, ledgers: Ledgers, *, patience_s: float, drain_s: float
    ) -> None:
        self.routes = Routes()
        self.desired: ServiceState | None = None
        self.faults: dict[int, tuple[Fault | None, str]] = {}
        self.taken_up = 0
        self._source = source
        self._nursery = nursery
        self._limits = limits
        self._ledgers = ledgers
        self._patience_s = patience_s
        self._drain_s = drain_s
        self._news = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    def want(self, state: ServiceState | None) -> None:
        """Says what the log says."""
        if state is not None and state != self.desired:
            say("desired state", service=state.service, generation=state.generation, phase=state.phase)
            self.desired = state
            self._nursery.needed = state.candidate is not None  # until it is decided, going back must be fast
            for target in (state.live, state.candidate):
                if target is not None and target not in [slot.target for slot, _ in self.routes.slots()]:
                    self._nursery.prepare(target.model.flavour)
            self._news.set()

    async def run(self) -> None:
        """Follows what is wanted, for ever; what failed is tried again with growing pauses."""
        pause_s = _FIRST_RETRY_S
        while True:
            if self.desired is not None and not self._is_true(self.desired):
                pause_s = _FIRST_RETRY_S if self._news.is_set() else min(2 * pause_s, _LAST_RETRY_S)
                await self._take_up_unless_moved_on(self.desired)
            whole = self.desired is None or self._is_true(self.desired)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _WATCH_S if whole else pause_s)

    async def close(self) -> None:
        """Ends all slots, after what waits was answered."""
        routes, self.routes = self.routes, Routes()
        await asyncio.gather(*(slot.close(self._patience(slot)) for slot, _ in routes.slots()), *self._leaving)

    def _patience(self, slot: Slot) -> float:
        """How long a slot may take to finish what it has: nobody waits for a shadow."""
        return 0.0 if slot.quiet else self._drain_s

    def _is_true(self, state: ServiceState) -> bool:
        """Whether everything is as the state says, and nothing of it has failed since."""
        routes = self.routes
        failed = any(slot.state in (State.FAILED, State.CLOSED) for slot, _ in routes.slots())
        return routes.whole and routes.generation == state.generation and not failed

    async def _take_up_unless_moved_on(self, state: ServiceState) -> None:
        """Takes a state up; gives up loading what it names as soon as the log asks for other versions."""
        self._news.clear()
        taking = asyncio.create_task(self._take_up(state))
        try:
            while not taking.done() and _parts(self.desired) == _parts(state):
                self._news.clear()
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait({taking, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            moved_on = taking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await taking
            if moved_on:
                self._news.set()

    async def _take_up(self, state: ServiceState) -> None:
        """Gets ready what the state names, then lets it answer; what else is there then leaves."""
        place = Place.SHADOW if state.shadow else Place.CANDIDATE
        getting = [
            asyncio.create_task(self._slot(state.live, Place.LIVE)),
            asyncio.create_task(self._slot(state.candidate, place)),
        ]
        try:
            live, candidate = await asyncio.gather(*getting)
        except asyncio.CancelledError:
            made = await asyncio.gather(*getting, return_exceptions=True)
            self._retire([slot for slot in made if isinstance(slot, Slot)])
            raise
        newest = self.desired
        self._answer(newest if newest is not None and _parts(newest) == _parts(state) else state, live, candidate)

    def _answer(self, state: ServiceState, live: Slot | None, candidate: Slot | None) -> None:
        """Lets what is ready answer, as far as it is."""
        before = self.routes
        missing = [t for t, s in ((state.live, live), (state.candidate, candidate)) if t is not None and s is None]
        if state.live is not None and live is None:
            self._retire([candidate] if candidate else [])
            return
        self.routes = Routes(
            live,
            candidate,
            state.weight if candidate else 0,
            state.shadow and candidate is not None,
            state.generation,
            whole=not missing,
        )
        for slot, place in self.routes.slots():
            slot.ledger = self._ledgers.of(slot.target.number, place)
        self._retire([slot for slot, _ in before.slots()])
        self.taken_up = self.taken_up if missing else state.generation
        wanted = {target.number for target in (state.live, state.candidate) if target is not None}
        self.faults = {number: fault for number, fault in self.faults.items() if number in wanted}
        say("taken up" if not missing else "taken up in part", generation=state.generation, **self._words())

    async def _slot(self, target: Target | None, place: Place) -> Slot | None:
        """A slot that has loaded a version; None when there is none to load, or it cannot be."""
        if target is None:
            return None
        quiet = place is Place.SHADOW
        for slot, _ in self.routes.slots():
            if slot.target == target and slot.quiet is quiet and slot.state not in (State.FAILED, State.CLOSED):
                return slot
        try:
            folder = await asyncio.to_thread(self._source.folder, target.model)
            secret = await asyncio.to_thread(self._source.secret, target.model)
        except Exception as error:  # noqa: BLE001 - whatever the store does, those who ask are answered
            self._missing(target, explain(error), Fault.INTEGRITY if isinstance(error, IntegrityError) else None)
            return None
        order = Order(target.number, target.model, str(folder), secret, self._patience_s, quiet)
        slot = Slot(order, self._nursery, self._limits, self._ledgers.of(target.number, place))
        try:
            if await slot.settled:
                self.faults.pop(target.number, None)
                return slot
        except asyncio.CancelledError:
            await slot.close(0)
            raise
        await slot.close(0)
        self._missing(target, slot.reason, slot.fault)
        return None

    def _missing(self, target: Target, reason: str, fault: Fault | None) -> None:
        if self.faults.get(target.number) != (fault, reason):
            say("a version is not served", level="error", version=target.number, fault=fault, reason=reason)
        self.faults[target.number] = (fault, reason)

    def _retire(self, slots: list[Slot]) -> None:
        """Lets slots that do not answer any more finish what they have, and end."""
        used = [slot for slot, _ in self.routes.slots()]
        for slot in slots:
            if slot not in used and slot.state is not State.CLOSED:
                task = asyncio.get_running_loop().create_task(slot.close(self._patience(slot)))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        digests = {slot.target.model.digest for slot in (*used, *slots)}
        asyncio.get_running_loop().run_in_executor(None, self._source.forget, digests)

    def _words(self) -> dict[str, Any]:
        return {str(place): slot.target.number for slot, place in self.routes.slots()} | {"weight": self.routes.weight}
