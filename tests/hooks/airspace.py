"""A service in memory: replicas that follow the log and count made-up traffic, a clock, and a hand that kills."""

import dataclasses
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import samples
from taxiway.core import Service
from taxiway.core.counts import Counts, Reading, total
from taxiway.core.errors import BackendError
from taxiway.core.platforms import followers
from taxiway.core.rollouts import Action, Decision, Sight, Tally
from taxiway.core.serving import ServiceState
from taxiway.hooks.rollouts import Course, Pilot
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.registry import Registry

MODEL = "flight-delay"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Killed(BaseException):
    """What kill -9 does: nothing of the process runs on."""


@dataclasses.dataclass
class Hand:
    """Kills whoever makes the `at`-th change, before or after it is made."""

    at: int = 0
    after: bool = False
    changes: int = 0

    def around(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            self.changes += 1
            kill = self.changes == self.at
            if kill and not self.after:
                raise Killed
            result = change(*args, **kwargs)
            if kill:
                raise Killed
            return result

        return changed


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def answers(requests: int = 400, failed: int = 0, **more: Any) -> Counts:
    """What a version answers in one round of traffic."""
    half = requests // 2
    values = {
        "answers": {"ok": requests - failed, "failed": failed},
        "seconds": {"0.0142": half, "0.0178": requests - half},
        "predictions": {"0.3": half, "0.7": requests - half},
    }
    return Counts(**{**values, **more})


class Replicas:
    """A platform whose replicas have always taken up what was applied last."""

    def __init__(self, replicas: int = 2) -> None:
        self.replicas = replicas
        self.applied: list[ServiceState] = []
        self.reverted: list[ServiceState] = []
        self.counts: dict[str, Counts] = {}
        self.failed = ""
        self.deaf = False
        self.unready = False
        self.answers: Callable[[str, bytes | None], bytes] = lambda *_: b"{}"
        self.refuses: Exception | None = None

    def check(self) -> None:
        if self.refuses:
            raise self.refuses

    def plan(self, state: ServiceState) -> dict[str, Any]:
        return {"replicas": self.replicas, "generation": state.generation}

    def apply(self, state: ServiceState) -> None:
        self.applied.append(state)

    def revert(self, state: ServiceState) -> None:
        self.reverted.append(state)
        self.applied.append(state)

    def remove(self) -> None:
        self.applied.clear()

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        return self.answers(path, body)

    def observe(self, state: ServiceState) -> Sight:
        if self.deaf:
            names = tuple(f"pod-{number}" for number in range(self.replicas))
            return Sight(settled=False, detail="no replica answers", unreachable=names)
        held = self.applied[-1] if self.applied else None
        readings = [self._reading(number, held) for number in range(self.replicas)] if held else []
        return followers(state, readings, expected=self.replicas)

    def serve(self, **versions: Counts) -> None:
        """One round of traffic: `v1=answers()` is what each replica's version 1 answered."""
        for name, counts in versions.items():
            number = name.removeprefix("v")
            self.counts[number] = total([self.counts.get(number, Counts()), counts])

    def _reading(self, number: int, held: ServiceState) -> Reading:
        targets = {"live": held.live, "candidate": held.candidate}
        return Reading(
            replica=f"pod-{number}",
            started=1.0,
            generation=0 if self.unready else held.generation,
            ready={slot: target.model.digest for slot, target in targets.items() if target and not self.unready},
            failed=self.failed,
            counts=self.counts,
        )


class Airspace:
    """A registry with three versions, and everything that a pilot needs to fly in it."""

    def __init__(self, service: Service, *, live: bool = True, store: ObjectStore | None = None) -> None:
        self.service = service
        self.store = store or open_store(f"memory://{uuid.uuid4().hex}")
        self.registry = Registry(self.store)
        self.platform = Replicas()
        self.clock = Clock()
        for number in (1, 2, 3):
            model = samples.target(number).model
            self.registry.register(
                model, run="r", verdicts=(samples.verdict(model),), metrics={}, report=None, by=samples.author()
            )
        self.promote(1)
        if live:
            self.fly("run-0")
            self.promote(2)

    def promote(self, number: int) -> None:
        self.registry.promote(MODEL, number, by=samples.author())

    def pilot(self, rollout: str = "run-1", *, store: ObjectStore | None = None, version: int | None = None) -> Pilot:
        course = Course(self.service, MODEL, rollout, version)
        return Pilot(course, store or self.store, self.platform, by=samples.author(), clock=self.clock)

    def fly(self, rollout: str = "run-1", pilot: Pilot | None = None, **traffic: Counts) -> ServiceState:
        """Flies to the end; between two looks there is a round of traffic and half a minute."""
        pilot = pilot or self.pilot(rollout)
        pilot.begin()
        tally, traffic = Tally(), traffic or {"v1": answers(), "v2": answers()}
        for _ in range(200):
            decision: Decision = pilot.step(tally)
            tally = decision.tally
            if decision.action is Action.DONE:
                pilot.settle(decision.state)
                return decision.state
            self.platform.serve(**traffic)
            self.clock.go(30)
        raise AssertionError(decision)

    def champion(self) -> int:
        return self.registry.resolve(MODEL).number

    def history(self) -> list[ServiceState]:
        changes = [commit.change for commit in self.registry.history(MODEL)]
        return [change.state for change in changes if change.change == "serve"]


class Doomed:
    """A store, or a platform, whose changes a hand may kill; asking it is safe."""

    def __init__(self, inner: Any, hand: Hand, changes: tuple[str, ...]) -> None:
        self._inner, self._hand, self._changes = inner, hand, changes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._hand.around(found) if name in self._changes else found


def doomed_pilot(space: Airspace, hand: Hand) -> Pilot:
    store = Doomed(space.store, hand, ("create", "replace"))
    pilot = space.pilot(store=store)
    pilot._platform = Doomed(space.platform, hand, ("apply", "revert"))
    return pilot


def unreachable(*_: Any) -> Any:
    raise BackendError("it does not answer", where="somewhere")
