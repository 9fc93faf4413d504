"""Rollouts: what to do next with a candidate, from what is wanted, what is so, what the judge says, and the time.

Nothing here acts. A rollout is a row of generations in the log; whoever finds one under way reads the newest state and
decides what follows it, so it does not matter who began it or where they died.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import NonNegativeInt

from taxiway.core.counts import Reading
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.judging import Judgement
from taxiway.core.outcomes import Outcome
from taxiway.core.records import Record
from taxiway.core.serving import ALL, REMEMBERED, Phase, ServiceState
from taxiway.core.specs.serving import BlueGreen, Canary, Rollout, Service, Shadow
from taxiway.core.training import Target

STEADY = 2
"""At how many looks in a row a replica's candidate must be ready before it gets traffic."""
FLAPS = 3
"""How many times a candidate that was ready may be found not ready before it is given up."""


QUIET_LOOKS = 3
"""For how many looks a shadow waits for somebody to ask something."""
SETTLING = timedelta(minutes=10)
"""How long the end of a rollout waits for the replicas to follow it."""


class Stage(NamedTuple):
    """One stop on the way: how much traffic the candidate gets there, and for how long at least."""

    phase: Phase
    weight: int
    bake: timedelta
    requests: int = 0


class Sight(Record):
    """What a target sees of a service.

    Attributes:
        settled: everything the state asks for is so: the bytes are ready wherever they should be, and the traffic goes
            where it should.
        detail: what is still missing.
        failed: why the candidate can never be made ready; empty while it may.
        readings: what the replicas say.
        unreachable: the replicas, or other sources of metrics, that did not answer.
    """

    settled: bool
    detail: str = ""
    failed: str = ""
    readings: tuple[Reading, ...] = ()
    unreachable: tuple[str, ...] = ()


class Tally(Record):
    """What a rollout has seen so far in its present stage; what it needs to remember between two looks.

    Attributes:
        looks: how often it looked.
        steady: at how many looks in a row everything was settled.
        ready: the replicas whose candidate was ready, and when their processes began.
        flaps: how often a replica whose candidate was ready had it no longer, or had started again.
        failures: at how many looks in a row a limit was broken.
        undecided: how often nothing could be decided.
        unreachable: how often metrics did not answer; nothing is decided then, and no check has failed.
        replayed: logged requests were sent again.
    """

    looks: NonNegativeInt = 0
    steady: NonNegativeInt = 0
    ready: dict[str, float] = {}
    flaps: NonNegativeInt = 0
    failures: NonNegativeInt = 0
    undecided: NonNegativeInt = 0
    unreachable: NonNegativeInt = 0
    replayed: bool = False


class Action(StrEnum):
    """What to do."""

    HOLD = "hold"
    """Look again later."""
    COMMIT = "commit"
    """Put the next state into the log, and make it so."""
    REPLAY = "replay"
    """Nobody asks anything: send logged requests again, so that there is something to compare."""
    DONE = "done"
    """Nothing: the rollout is over."""


class Decision(Record):
    """What to do next, and why.

    Attributes:
        action: see `Action`.
        state: what to commit, for COMMIT; else the present state.
        reason: one sentence.
        tally: what to remember for the next look.
    """

    action: Action
    state: ServiceState
    reason: str
    tally: Tally = Tally()


def stages(rollout: Rollout) -> tuple[Stage, ...]:
    """The stops between a candidate that is ready and its promotion."""
    if isinstance(rollout, Shadow):
        return (Stage(Phase.SHADOW, 0, rollout.duration, rollout.requests), *stages(rollout.then))
    if isinstance(rollout, Canary):
        return tuple(Stage(Phase.TRIAL, weight, rollout.bake) for weight in rollout.weights)
    if isinstance(rollout, BlueGreen):
        return (Stage(Phase.TRIAL, ALL, rollout.bake),)
    return ()


def begin(
    service: Service, now: ServiceState | None, candidate: Target, *, rollout: str, model: str, at: datetime
) -> ServiceState | None:
    """The first state of a rollout; None when there is nothing to begin: this one is under way or over, or it is live.

    Args:
        service: the recipe's.
        now: what the service shall serve so far.
        candidate: what shall go live.
        rollout: who drives it; the same text again continues, and does not begin.
        model: the model's name.
        at: the time, with its zone.

    Raises:
        Conflict: another rollout is under way and has time left.
        GateRefused: it was trained on a sample, for a trial.
    """
    if candidate.model.trained_on.sample_rows is not None:
        raise GateRefused(
            "a model that was trained on a sample does not go live",
            where=f"version {candidate.number} of model {model!r}",
            got=f"{candidate.model.trained_on.sample_rows} rows",
            do="Train it on all of the data.",
        )
    if now is None:
        return ServiceState(
            service=service.name,
            model=model,
            generation=1,
            candidate=candidate,
            phase=Phase.STARTING,
            rollout=rollout,
            began_at=at.isoformat(),
            since=at.isoformat(),
            reason=f"version {candidate.number} is the first",
        )
    if now.rollout == rollout or (now.live == candidate and now.candidate is None):
        return None
    if now.candidate is not None and at < _time(now.began_at, at) + service.deadline:
        raise Conflict(
            "another rollout of this service is under way",
            where=f"service {service.name!r}",
            expected="one rollout at a time",
            got=f"version {now.candidate.number} on its way since {now.began_at}, driven by {now.rollout}",
            do="Wait for its end, or roll the service back first.",
        )
    place = {"rollout": rollout, "began_at": at.isoformat()}
    if now.live == candidate:
        return _next(now, at, f"version {candidate.number} is live already", phase=Phase.LIVE, **_ALONE, **place)
    reason = f"version {candidate.number} shall go live"
    return _next(now, at, reason, phase=Phase.STARTING, **_ALONE | {"candidate": candidate}, **place)


def decide(
    service: Service,
    state: ServiceState,
    sight: Sight,
    judgement: Judgement | None,
    tally: Tally,
    *,
    wanted: Target | None,
    at: datetime,
) -> Decision:
    """What to do next with the rollout that `state` is of.

    Args:
        service: the recipe's.
        state: the newest one in the log.
        sight: what the target sees.
        judgement: what the judge says of this stage's window; None when there is no window yet or it cannot be read.
        tally: what was remembered at the last look in this stage.
        wanted: the version that shall be live now, by the alias; the candidate itself when nobody asks the alias.
        at: the time, with its zone.
    """
    candidate = state.candidate
    tally = _seen(tally, sight, candidate)
    if candidate is None:
        return _ending(service, state, sight, tally, at)
    lost = _lost(service, state, sight, tally, wanted, at)
    if lost:
        return Decision(action=Action.COMMIT, state=given_up(state, lost, at), reason=lost)
    if not sight.settled or (state.phase is Phase.STARTING and tally.steady < STEADY):
        return _hold(state, sight.detail or f"version {candidate.number} has only just become ready", tally)
    if state.phase is Phase.STARTING:
        return _advance(service, state, "it is ready and answers its golden requests", at)
    return _weigh(service, state, sight, judgement, tally, at)


def promoted(state: ServiceState, reason: str, at: datetime) -> ServiceState:
    """The candidate is live, and what was live is remembered.

    Raises:
        SpecError: there is no candidate.
    """
    if state.candidate is None:
        raise SpecError("there is no candidate to promote", where=f"service {state.service!r}")
    earlier = [target for target in (state.live, *state.earlier) if target not in (None, state.candidate)]
    changes = {"live": state.candidate, "earlier": tuple(earlier[:REMEMBERED]), "phase": Phase.LIVE}
    return _next(state, at, reason, **_ALONE, **changes)


def given_up(state: ServiceState, reason: str, at: datetime) -> ServiceState:
    """The live version answers everything, and the candidate is gone."""
    return _next(state, at, reason, phase=Phase.ROLLED_BACK, **_ALONE)


def rolled_back(
    state: ServiceState, *, rollout: str, reason: str, at: datetime, yanked: tuple[int, ...] = ()
) -> ServiceState | None:
    """One step back: a candidate is given up; without one the last good version is live again.

    None when the same `rollout` did so already. Nothing is asked of the candidate, of metrics or of the data.

    Raises:
        SpecError: there is no earlier version in use.
    """
    place = {"rollout": rollout, "began_at": at.isoformat(), "phase": Phase.ROLLED_BACK, **_ALONE}
    if state.rollout == rollout and state.phase is Phase.ROLLED_BACK:
        return None
    if state.candidate is not None:
        return _next(state, at, reason, **place)
    usable = [index for index, target in enumerate(state.earlier) if target.number not in yanked]
    if not usable:
        raise SpecError(
            "there is no earlier version to go back to",
            where=f"service {state.service!r}",
            got=f"version {state.live.number} live, nothing usable before it" if state.live else "nothing live",
            do="Promote a version by its number instead.",
        )
    back, rest = state.earlier[usable[0]], state.earlier[usable[0] + 1 :]
    return _next(state, at, reason, live=back, earlier=rest, **place)


_ALONE = {"candidate": None, "weight": 0, "shadow": False}


def _next(state: ServiceState, at: datetime, reason: str, **changes: object) -> ServiceState:
    update = {"generation": state.generation + 1, "since": at.isoformat(), "reason": reason, **changes}
    return state.model_copy(update=update)


def _time(text: str, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else otherwise


def _seen(tally: Tally, sight: Sight, candidate: Target | None) -> Tally:
    digest = candidate.model.digest if candidate else ""
    ready = {reading.replica: reading.started for reading in sight.readings if digest in reading.ready.values()}
    there = {reading.replica for reading in sight.readings}
    flapped = [name for name, at in tally.ready.items() if name in there and ready.get(name) != at]
    changes = {
        "looks": tally.looks + 1,
        "steady": tally.steady + 1 if sight.settled else 0,
        "ready": ready,
        "flaps": tally.flaps + len(flapped),
    }
    return tally.model_copy(update=changes)


def _ending(service: Service, state: ServiceState, sight: Sight, tally: Tally, at: datetime) -> Decision:
    """No candidate any more: wait until the traffic is where it should be, but not for ever."""
    late = at >= _time(state.since, at) + min(service.deadline, SETTLING)
    if sight.settled or late:
        said = state.reason if sight.settled else f"{state.reason}; the replicas did not follow in time: {sight.detail}"
        return Decision(action=Action.DONE, state=state, reason=said, tally=tally)
    return _hold(state, sight.detail, tally)


def _lost(
    service: Service, state: ServiceState, sight: Sight, tally: Tally, wanted: Target | None, at: datetime
) -> str:
    """Why the candidate is given up whatever the judge says; empty when it is not."""
    if wanted != state.candidate:
        now = f"version {wanted.number}" if wanted else "no version"
        return f"{now} shall be live now"
    if sight.failed:
        return f"it cannot be made ready: {sight.failed}"
    if tally.flaps >= FLAPS:
        return f"its readiness flaps: it was lost {tally.flaps} times. {sight.detail}".strip()
    if at >= _time(state.began_at, at) + service.deadline:
        held = f"{tally.undecided} looks decided nothing, at {tally.unreachable} the metrics did not answer"
        return f"it was not shown to be good within {service.deadline}: {sight.detail or held}"
    return ""


def _advance(service: Service, state: ServiceState, reason: str, at: datetime) -> Decision:
    """On to the next stage, or to promotion behind the last one; the first version of all goes live at once."""
    rest = stages(service.rollout)[_index(service, state) + 1 :] if state.live else ()
    if not rest:
        return Decision(action=Action.COMMIT, state=promoted(state, reason, at), reason=reason)
    stage = rest[0]
    changes = {"phase": stage.phase, "weight": stage.weight, "shadow": stage.phase is Phase.SHADOW}
    return Decision(action=Action.COMMIT, state=_next(state, at, reason, **changes), reason=reason)


def _index(service: Service, state: ServiceState) -> int:
    """Which stage a state is in, -1 before the first: the last one not beyond it, should the recipe have changed."""
    order = {Phase.STARTING: 0, Phase.SHADOW: 1, Phase.TRIAL: 2}
    here = (order.get(state.phase, 0), state.weight)
    passed = [stage for stage in stages(service.rollout) if (order[stage.phase], stage.weight) <= here]
    return len(passed) - 1


def _weigh(
    service: Service, state: ServiceState, sight: Sight, judgement: Judgement | None, tally: Tally, at: datetime
) -> Decision:
    if judgement is None or sight.unreachable:
        who = ", ".join(sight.unreachable) or "the window"
        tally = tally.model_copy(update={"unreachable": tally.unreachable + 1})
        return _hold(state, f"no metrics from {who}", tally)
    if judgement.outcome is Outcome.FAIL:
        return _worse(service, state, judgement, tally, at)
    tally = tally.model_copy(update={"failures": 0})
    if judgement.outcome is Outcome.INCONCLUSIVE:
        return _undecided(service, state, judgement, tally, at)
    known = stages(service.rollout)
    stage = known[max(0, _index(service, state))] if known else Stage(state.phase, state.weight, timedelta(0))
    ends = _time(state.since, at) + stage.bake
    if at < ends or judgement.requests < stage.requests:
        what = f"until {ends.isoformat(timespec='seconds')}" if at < ends else f"for {stage.requests} requests"
        return _hold(state, f"{judgement.reason}; watched {what}", tally)
    return _advance(service, state, judgement.reason, at)


def _worse(service: Service, state: ServiceState, judgement: Judgement, tally: Tally, at: datetime) -> Decision:
    tally = tally.model_copy(update={"failures": tally.failures + 1})
    if tally.failures <= service.judge.failures:
        return _hold(state, judgement.reason, tally)
    lost = given_up(state, judgement.reason, at)
    return Decision(action=Action.COMMIT, state=lost, reason=judgement.reason, tally=tally)


def _undecided(service: Service, state: ServiceState, judgement: Judgement, tally: Tally, at: datetime) -> Decision:
    tally = tally.model_copy(update={"undecided": tally.undecided + 1})
    silent = state.phase is Phase.SHADOW and not (judgement.live_requests or tally.replayed)
    if silent and at >= _time(state.since, at) + QUIET_LOOKS * service.every:
        return Decision(action=Action.REPLAY, state=state, reason="nobody asks anything", tally=tally)
    return _hold(state, judgement.reason, tally)


def _hold(state: ServiceState, reason: str, tally: Tally) -> Decision:
    return Decision(action=Action.HOLD, state=state, reason=reason, tally=tally)
