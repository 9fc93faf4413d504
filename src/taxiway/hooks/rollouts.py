"""The pilot of a rollout: looks at the log, the platform and the traffic, and does what core decides.

The order of what it does is always the same: the log first, then the world. So whoever finds a rollout half done reads
the log, makes the world so, and goes on; nothing is kept anywhere else that could be missed.
"""

import dataclasses
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from taxiway.core.counts import Counts, since, total
from taxiway.core.errors import BackendError, Conflict, SpecError
from taxiway.core.judging import Finding, Judgement, business, judge
from taxiway.core.platforms import Platform
from taxiway.core.rollouts import Action, Decision, Sight, Tally, begin, decide, given_up, rolled_back
from taxiway.core.serving import ALL, Phase, ServiceState, describe
from taxiway.core.training import Target
from taxiway.hooks.measures import measure
from taxiway.hooks.replay import replay

if TYPE_CHECKING:
    from taxiway.core.registry import Author, RegistryState
    from taxiway.core.specs.serving import Service
    from taxiway.stores.objects import ObjectStore

_TRIES = 10
_log = logging.getLogger("airflow.task.taxiway")


@dataclasses.dataclass(frozen=True)
class Course:
    """What a rollout is to do.

    Attributes:
        service: the recipe's.
        model: the model's name.
        rollout: who drives it; the same text again continues what it began.
        version: which version shall go live; the one that the service's alias points at, whichever that is by then,
            when it is None.
        candidate: the number of what it began with, where that is known already.
    """

    service: "Service"
    model: str
    rollout: str
    version: int | None = None
    candidate: int | None = None


class Pilot:
    """Drives one rollout. Whoever makes another one of the same course goes on where this one is.

    Args:
        course: what it is to do.
        store: holds the log, the models and the traffic.
        platform: where the service runs.
        by: who says so in the log, and why.
        clock: the time, with its zone.
    """

    def __init__(
        self,
        course: Course,
        store: "ObjectStore",
        platform: Platform,
        *,
        by: "Author",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        from taxiway.stores.registry import Registry
        from taxiway.stores.services import Services
        from taxiway.stores.windows import Windows

        self.course = course
        self.by = by
        self._platform = platform
        self._clock = clock
        self._store = store
        self._registry = Registry(store)
        self._services = Services(store)
        self._windows = Windows(store, course.service.name)

    def begin(self) -> ServiceState:
        """The first state of the rollout, or the one it is in already; the platform is made so.

        A version that is live already is where it should be, whoever brought it there.

        Raises:
            Conflict: another rollout of the service is under way.
            GateRefused: the version was not let through by every gate, or was yanked.
            SpecError: there is no such version, or the platform cannot do such a rollout.
        """
        course = self.course
        self._platform.check()
        known = self._services.registry_state(course.model)
        now = known.services.get(course.service.name)
        candidate = self._wanted(known)
        if candidate is None:
            raise SpecError(
                f"no version of the model is {course.service.alias!r}",
                where=f"service {course.service.name!r} of model {course.model!r}",
                do="Promote a version first, or name one.",
            )
        first = begin(course.service, now, candidate, rollout=course.rollout, model=course.model, at=self._clock())
        state = self._commit(first) if first else now
        if state is None:
            raise TypeError(now)
        self.course = dataclasses.replace(course, candidate=self._carried(state, candidate).number)
        self._platform.apply(state)
        return state

    def look(self, tally: Tally) -> Decision:
        """What is to be done next; nothing is changed by asking.

        Raises:
            Conflict: somebody else drives the service now.
        """
        known = self._services.registry_state(self.course.model)
        state = self._ours(known.services.get(self.course.service.name))
        sight = self._platform.observe(state)
        judgement, lost = self._judge(state, sight)
        if lost:
            sight = sight.model_copy(update={"unreachable": (*sight.unreachable, *lost)})
        wanted = self._wanted(known) if self.course.version is None else state.candidate
        return decide(self.course.service, state, sight, judgement, tally, wanted=wanted, at=self._clock())

    def step(self, tally: Tally) -> Decision:
        """Looks, does what is to be done, and looks again, until there is nothing to do but wait, or it is over.

        Raises:
            Conflict: somebody else drives the service now.
        """
        while True:
            decision = self.look(tally)
            tally = decision.tally
            if decision.action is Action.COMMIT:
                self._act(decision)
            elif decision.action is Action.REPLAY:
                self._replay(decision.state)
                tally = tally.model_copy(update={"replayed": True})
            else:
                return decision

    def where(self) -> dict[str, Any]:
        """The course without its service, as plain JSON."""
        course = self.course
        return {
            "model": course.model,
            "rollout": course.rollout,
            "version": course.version,
            "candidate": course.candidate,
        }

    def tend(self) -> None:
        """Makes the platform as the log says, should something of it have been lost."""
        state = self._services.state(self.course.service.name)
        if state is not None:
            self._platform.apply(state)

    def settle(self, state: ServiceState) -> None:
        """After this rollout gave its candidate up: points the alias back at the version that is live.

        So that the champion is what serves, and the next candidate is measured against that.
        """
        alias, live = self.course.service.alias, state.live
        if state.phase is not Phase.ROLLED_BACK or not state.rollout.startswith(self.course.rollout):
            return
        now = self._services.registry_state(self.course.model).aliases.get(alias)
        if self.course.version is None and live and now and now != live:
            why = f"version {now.number} was given up: {state.reason}"
            self._registry.rollback(self.course.model, alias=alias, to=live.number, by=self._because(why))

    def roll_back(self, reason: str) -> ServiceState:
        """Gives a candidate up, else goes back to the last good version; the platform is made so, traffic first.

        Once per course, however often it is tried. Nothing is asked of the candidate, the metrics or the data.

        Args:
            reason: one sentence for the log.

        Raises:
            SpecError: there is nothing to go back to, or no such service.
        """

        def back(known: "RegistryState", now: ServiceState) -> ServiceState | None:
            rollout = self.course.rollout
            return rolled_back(now, rollout=rollout, reason=reason, at=self._clock(), yanked=known.yanked)

        state = self._change(back)
        if state is None:
            raise SpecError(
                "nothing was ever served under this name",
                where=f"service {self.course.service.name!r} of model {self.course.model!r}",
                do="Check the name; `taxiway models history` shows what is there.",
            )
        return state

    def give_up(self, reason: str) -> ServiceState | None:
        """Gives the candidate of this rollout up, if it is still on its way; None when nothing was ever served.

        A rollout whose name begins with this one's is this one, too: a task's, whichever try of it.
        """

        def back(_: "RegistryState", now: ServiceState) -> ServiceState | None:
            ours = now.candidate is not None and now.rollout.startswith(self.course.rollout)
            return given_up(now, reason, self._clock()) if ours else None

        return self._change(back)

    def _change(self, decide_on: "Callable[[RegistryState, ServiceState], ServiceState | None]") -> ServiceState | None:
        """Commits what follows from the newest state, again if somebody else was faster, and reverts the platform."""
        for left in reversed(range(_TRIES)):
            known = self._services.registry_state(self.course.model)
            now = known.services.get(self.course.service.name)
            desired = decide_on(known, now) if now else None
            try:
                if desired is not None:
                    self._services.serve(desired, by=self._because(desired.reason))
            except Conflict:
                if left:
                    continue
                raise
            after = desired or now
            ours = after is not None and after.rollout.startswith(self.course.rollout)
            if after is not None and (desired or (ours and after.phase is Phase.ROLLED_BACK)):
                self._platform.revert(after)
            return after
        raise AssertionError

    def observe(self, state: ServiceState) -> Sight:
        """How much of a state is so."""
        return self._platform.observe(state)

    def _wanted(self, known: "RegistryState") -> Target | None:
        version = self.course.version
        if version is None:
            return known.aliases.get(self.course.service.alias)
        return Target(number=version, model=self._registry.version(self.course.model, version).model)

    def _carried(self, state: ServiceState, wanted: Target) -> Target:
        """What this rollout is about: one that is over has no candidate any more, and the alias has moved since."""
        if state.candidate or state.rollout != self.course.rollout:
            return state.candidate or wanted
        changes = [commit.change for commit in reversed(self._registry.history(self.course.model))]
        mine = (one.state for one in changes if one.change == "serve" and one.state.rollout == self.course.rollout)
        return next((one.candidate for one in mine if one.candidate), wanted)

    def _ours(self, state: ServiceState | None) -> ServiceState:
        alone = state.live if state and state.candidate is None else None
        there = alone is not None and alone.number == self.course.candidate
        if state is None or not (there or state.rollout == self.course.rollout):
            raise Conflict(
                "somebody else drives this service now",
                where=f"service {self.course.service.name!r}",
                expected=self.course.rollout,
                got=f"{state.rollout}: {describe(state)}; {state.reason}" if state else "a log that says nothing of it",
                do="Look at the registry's history; this rollout is over.",
            )
        return state

    def _act(self, decision: Decision) -> None:
        state = self._commit(decision.state)
        if state.phase is Phase.ROLLED_BACK:
            self._platform.revert(state)
        else:
            self._platform.apply(state)

    def _commit(self, desired: ServiceState) -> ServiceState:
        """The state that is in the log then: this one, or what the same rollout said first from elsewhere."""
        try:
            self._services.serve(desired, by=self._because(desired.reason))
        except Conflict:
            now = self._services.state(desired.service)
            if now is None or now.rollout != self.course.rollout or now.generation < desired.generation:
                raise
            return now
        _log.info("Generation %d of %s: %s. %s", desired.generation, desired.service, describe(desired), desired.reason)
        return desired

    def _because(self, why: str) -> "Author":
        return self.by.model_copy(update={"why": why})

    def _judge(self, state: ServiceState, sight: Sight) -> tuple[Judgement | None, list[str]]:
        """What the judge says of this generation's window, and which metrics did not answer; None while there is none.

        While the candidate answers everything, the live version is judged by all it answered before.
        """
        if state.candidate is None or state.live is None or state.phase is Phase.STARTING:
            return None, []
        if not sight.settled or sight.unreachable:
            return None, []
        window = self._windows.open(state.generation, sight.readings)
        counts = since(window.readings, sight.readings)
        again = self._windows.replay(state.generation)
        candidate = total([counts.get(str(state.candidate.number), Counts()), again or Counts()])
        live: Counts | None = counts.get(str(state.live.number), Counts())
        limits = self.course.service.judge
        if state.weight == ALL:
            live = total(reading.counts.get(str(state.live.number), Counts()) for reading in window.readings)
            live = live if live.requests >= limits.min_requests else None
        others, lost = self._business(state)
        shadow = state.phase is Phase.SHADOW
        return judge(limits, candidate, live, shadow=shadow, others=others), lost

    def _business(self, state: ServiceState) -> tuple[list[Finding], list[str]]:
        """What the business metrics say, and which of them did not answer."""
        findings, lost = [], []
        seconds = max(1.0, (self._clock() - datetime.fromisoformat(state.since)).total_seconds())
        for metric in self.course.service.judge.metrics:
            try:
                values = [
                    measure(metric, state.service, target.number, seconds) if target else None
                    for target in (state.candidate, state.live)
                ]
            except BackendError as error:
                _log.warning("Cannot measure %s at the moment: %s", metric.name, error)
                lost.append(metric.name)
            else:
                findings.append(business(metric, values[0], values[1]))
        return findings, lost

    def _replay(self, state: ServiceState) -> None:
        counts = replay(self._platform, self._store, state, self._clock(), self.course.service)
        self._windows.keep_replay(state.generation, counts)
        _log.info("Nobody asks anything: %d logged requests were sent again", counts.compared)
