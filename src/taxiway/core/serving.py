"""Serving: what a service shall serve, committed to the log of its model, and when such a commit is refused.

The log says what shall be; servers and targets follow it. So promotion, a step of a canary and rollback are one commit
each, and whoever died on the way is continued by whoever reads the log next.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.gates import Verdict
from taxiway.core.names import Name
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.records import Record
from taxiway.core.training import Target

ALL = 100
"""The weight at which the candidate answers every request."""
REMEMBERED = 10
"""How many earlier targets a state keeps for a rollback; the log keeps all of them."""


class Phase(StrEnum):
    """Where a service is on the way from one version to the next."""

    STARTING = "starting"
    """The candidate is made ready and gets no traffic."""
    SHADOW = "shadow"
    """The candidate gets copies of requests, and nobody gets its answers."""
    TRIAL = "trial"
    """The candidate answers `weight` percent of the requests."""
    LIVE = "live"
    """One version serves; it came there by promotion."""
    ROLLED_BACK = "rolled_back"
    """One version serves, or none; what was tried after it was taken away again."""


class ServiceState(Record):
    """What a service shall serve.

    Attributes:
        service: its name.
        model: the model whose log says so.
        generation: 1, 2, 3, …: one more with each commit about the service.
        live: the version that answers; none before the first promotion.
        candidate: the version on its way; none when there is no rollout.
        weight: percent of the requests that the candidate answers, 0 to 100.
        shadow: the candidate gets a copy of each request that the live version answers.
        phase: see `Phase`.
        earlier: the versions that were live before, newest first, at most `REMEMBERED`.
        rollout: who drives the rollout, or drove the last one: the same text again is the same rollout again.
        began_at: when that rollout began; ISO 8601, UTC.
        since: when this generation was decided; ISO 8601, UTC.
        reason: why it was decided, in one sentence.
    """

    service: Name
    model: Name
    generation: PositiveInt
    live: Target | None = None
    candidate: Target | None = None
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    shadow: bool = False
    phase: Phase
    earlier: tuple[Target, ...] = ()
    rollout: str = ""
    began_at: str = ""
    since: str = ""
    reason: str = ""

    @property
    def last_good(self) -> Target | None:
        """The version that was live before this one."""
        return self.earlier[0] if self.earlier else None


class Serve(Record):
    """Says what a service shall serve from now on.

    Attributes:
        state: all of it; its generation is one more than the one it replaces.
        verdicts: why the gates let the bytes through that this service did not serve before.
    """

    change: Literal["serve"] = "serve"
    state: ServiceState
    verdicts: tuple[Verdict, ...] = ()


def check_serve(now: ServiceState | None, change: Serve, *, model: str, last: int, yanked: Collection[int]) -> None:
    """Refuses a change that must not be made.

    Args:
        now: what the service shall serve so far.
        change: the change.
        model: whose log it is for.
        last: the newest version's number.
        yanked: the numbers of the versions taken out of use.

    Raises:
        Conflict: somebody else changed the service first.
        GateRefused: bytes would be served that no gate let through, or a version that was yanked.
        SpecError: the state makes no sense.
    """
    desired = change.state
    where = f"service {desired.service!r} of model {model!r}"
    _require_sense(desired, where, model)
    generation = (now.generation if now else 0) + 1
    if desired.generation != generation:
        raise Conflict(
            "somebody else changed the service first",
            where=where,
            expected=f"generation {generation}",
            got=f"generation {desired.generation}{f'; the last change is by {now.rollout}' if now else ''}",
            do="Look at the registry's history; only one rollout at a time goes on.",
        )
    for target in arriving(now, desired):
        if target.number > last:
            raise SpecError("there is no such version", where=where, expected=f"1 to {last}", got=target.number)
        if target.number in yanked:
            raise GateRefused(f"version {target.number} was yanked", where=where, do="Choose a version in use.")
    for target in newcomers(now, desired):
        _require_cleared(target, change.verdicts, where)


def arriving(now: ServiceState | None, desired: ServiceState) -> tuple[Target, ...]:
    """The versions that get a place in the new state that they do not have in the old one."""
    places = ((now and now.live, desired.live), (now and now.candidate, desired.candidate))
    return tuple(after for before, after in places if after is not None and after != before)


def newcomers(now: ServiceState | None, desired: ServiceState) -> tuple[Target, ...]:
    """Those of them that the old state does not know at all."""
    known = (now.live, now.candidate, *now.earlier) if now else ()
    return tuple(target for target in arriving(now, desired) if target not in known)


def _require_sense(desired: ServiceState, where: str, model: str) -> None:
    faults = {
        f"it is about model {desired.model!r}": desired.model != model,
        "there is no candidate that could get traffic": desired.candidate is None
        and (desired.weight > 0 or desired.shadow),
        "there is no live version that could answer the rest": desired.live is None and 0 < desired.weight < ALL,
        "a shadow answers nothing, so it has no weight": desired.shadow and desired.weight > 0,
    }
    fault = next((fault for fault, found in faults.items() if found), None)
    if fault:
        raise SpecError(f"this cannot be served: {fault}", where=where, do="Make the state with taxiway.core.rollouts.")


def _require_cleared(target: Target, verdicts: tuple[Verdict, ...], where: str) -> None:
    about = [verdict for verdict in verdicts if verdict.subject == target.model.digest]
    if worst(verdict.outcome for verdict in about) is not Outcome.PASS:
        raise GateRefused(
            "only bytes that every gate let through are served",
            where=f"{where}, {target.model.digest}",
            expected="at least one verdict about these bytes, and every one a pass",
            got="; ".join(f"{verdict.gate}: {verdict.outcome}" for verdict in about) or "no verdict about them",
            do="Register the model; its version carries the verdicts.",
        )


def describe(state: ServiceState) -> str:
    """The state in words: `version 3 serves; version 4 answers 25 % (trial)`."""
    live = f"version {state.live.number} serves" if state.live else "nothing serves"
    if state.candidate is None:
        return f"{live} ({state.phase.replace('_', ' ')})"
    part = "is asked in its shadow" if state.shadow else f"answers {state.weight} %"
    return f"{live}; version {state.candidate.number} {part} ({state.phase})"
