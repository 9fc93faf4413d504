"""The registry: one append-only log of commits per model, and what each commit does to the state.

A commit carries who, why, which run, the change, the digest of the commit before it, and the state after it; so the
newest commit alone says what is live, and the chain of digests shows that nobody rewrote what came before.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from taxiway.core import names
from taxiway.core.errors import Conflict, GateRefused, SpecError
from taxiway.core.gates import Verdict
from taxiway.core.names import Digest, Name
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.records import Record
from taxiway.core.serving import Serve, ServiceState, check_serve
from taxiway.core.training import ModelRef, Target

CHAMPION, CHALLENGER = names.CHAMPION, names.CHALLENGER
REMEMBERED = 10
"""How many earlier targets of an alias the state keeps for a rollback; the log keeps all of them."""


class Author(Record):
    """Who changed the registry, why, and from where.

    Attributes:
        who: the person, or the task: `airflow:flight-delay.training.promote`.
        why: one sentence.
        dag_id: the DAG, run and task it came from; empty outside Airflow.
        run_id: see `dag_id`.
        task_id: see `dag_id`.
    """

    who: str
    why: str
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""


class ModelVersion(Record):
    """A registered model: bytes that every gate let through.

    Attributes:
        number: 1, 2, 3, … per model.
        model: the bytes and where they come from.
        run: key of the training run in the run history.
        verdicts: why it was let through.
        metrics: the candidate's measured values.
        report: digest of the evaluation report's blob.
        registered_at: ISO 8601, UTC.
        profile: digest of the `Profile` of the data it learned from; none for a version of an older taxiway.
        baseline: digest of the `Baseline`: how it did on the rows it was evaluated on, and what it answered.
    """

    version = 2

    number: PositiveInt
    model: ModelRef
    run: str
    verdicts: tuple[Verdict, ...]
    metrics: dict[str, float | None] = {}
    report: Digest | None = None
    registered_at: str = ""
    profile: Digest | None = None
    baseline: Digest | None = None


class Register(Record):
    """Adds a version; its number must be the next one."""

    version = 2

    change: Literal["register"] = "register"
    entry: ModelVersion


class Point(Record):
    """Points an alias at a version.

    Attributes:
        alias: `champion`, `challenger`, or a name of your own.
        to: number of the version.
        model: that version's bytes.
        expected: the version that the alias points to now, 0 for none: the commit is refused if it is another one.
        rollback: this goes back to an earlier target.
    """

    change: Literal["point"] = "point"
    alias: Name
    to: PositiveInt
    model: ModelRef
    expected: NonNegativeInt
    rollback: bool = False


class Yank(Record):
    """Takes a version out of use: no alias may point at it again; one that does now keeps it until it is moved."""

    change: Literal["yank"] = "yank"
    number: PositiveInt


Change = Annotated[Register | Point | Yank | Serve, Field(discriminator="change")]


class RegistryState(Record):
    """What the log of one model says as a whole.

    Attributes:
        last_number: the newest version's number; 0 without any.
        aliases: what each alias points at.
        earlier: the targets each alias had before, newest first, at most `REMEMBERED`.
        yanked: numbers of the versions taken out of use, ascending.
        services: what each service of this model shall serve, by the service's name.
    """

    version = 2

    last_number: NonNegativeInt = 0
    aliases: dict[str, Target] = {}
    earlier: dict[str, tuple[Target, ...]] = {}
    yanked: tuple[int, ...] = ()
    services: dict[str, ServiceState] = {}


class Commit(Record):
    """One entry of the log.

    Attributes:
        number: 1, 2, 3, … without gaps.
        id: chosen by the writer, so that it knows its own entry again after a lost answer.
        model: the model's name.
        at: ISO 8601, UTC, by the writer's clock; order is by number alone.
        by: who and why.
        change: what was done.
        previous: digest of the entry before; none for the first.
        state: what holds after it.
    """

    version = 2

    number: PositiveInt
    id: str
    model: Name
    at: str
    by: Author
    change: Change
    previous: Digest | None
    state: RegistryState


def advance(state: RegistryState, change: Register | Point | Yank | Serve, *, model: str) -> RegistryState:
    """The state after a change.

    Raises:
        Conflict: somebody else changed the same thing first.
        GateRefused: a version that no gate let through, or that was yanked, would go live.
        SpecError: the version does not exist.
    """
    if isinstance(change, Register):
        return _register(state, change.entry, model)
    if isinstance(change, Point):
        return _point(state, change, model)
    if isinstance(change, Serve):
        return _serve(state, change, model)
    return _yank(state, change, model)


def _register(state: RegistryState, entry: ModelVersion, model: str) -> RegistryState:
    if entry.number != state.last_number + 1:
        raise Conflict(
            "another version was registered first",
            where=f"model {model!r}",
            expected=f"version {state.last_number + 1}",
            got=f"version {entry.number}",
            do="Read the newest state and take the next number.",
        )
    if any(v.subject != entry.model.digest for v in entry.verdicts):
        raise GateRefused("a verdict is about other bytes", where=f"model {model!r}", expected=entry.model.digest)
    if worst(v.outcome for v in entry.verdicts) is not Outcome.PASS:
        refused = "; ".join(
            f"{v.gate}: {v.outcome}, {v.reason}" for v in entry.verdicts if v.outcome is not Outcome.PASS
        )
        raise GateRefused(
            "only models that every gate let through get a number",
            where=f"model {model!r}, {entry.model.digest}",
            expected="at least one verdict, and every one a pass",
            got=refused or "no verdict at all",
        )
    return state.model_copy(update={"last_number": entry.number})


def _point(state: RegistryState, change: Point, model: str) -> RegistryState:
    where = f"model {model!r}, alias {change.alias!r}"
    if change.to > state.last_number:
        raise SpecError("there is no such version", where=where, expected=f"1 to {state.last_number}", got=change.to)
    if change.to in state.yanked:
        raise GateRefused(f"version {change.to} was yanked", where=where, do="Choose a version that is in use.")
    now = state.aliases.get(change.alias)
    if (now.number if now else 0) != change.expected:
        raise Conflict(
            "the alias was moved by somebody else",
            where=where,
            expected=f"version {change.expected}" if change.expected else "no version",
            got=f"version {now.number}" if now else "no version",
            do="Look at the registry's history and decide again.",
        )
    target = Target(number=change.to, model=change.model)
    if now == target:
        return state
    kept = state.earlier.get(change.alias, ())
    if change.rollback:
        kept = kept[next((i for i, t in enumerate(kept) if t.number == change.to), -1) + 1 :]
    elif now:
        kept = (now, *kept)[:REMEMBERED]
    return state.model_copy(
        update={
            "aliases": {**state.aliases, change.alias: target},
            "earlier": {**state.earlier, change.alias: kept},
        }
    )


def _yank(state: RegistryState, change: Yank, model: str) -> RegistryState:
    if change.number > state.last_number:
        raise SpecError(
            "there is no such version",
            where=f"model {model!r}",
            expected=f"1 to {state.last_number}",
            got=change.number,
        )
    return state.model_copy(update={"yanked": tuple(sorted({*state.yanked, change.number}))})


def _serve(state: RegistryState, change: Serve, model: str) -> RegistryState:
    desired = change.state
    now = state.services.get(desired.service)
    check_serve(now, change, model=model, last=state.last_number, yanked=state.yanked)
    return state.model_copy(update={"services": {**state.services, desired.service: desired}})


def rollback_target(state: RegistryState, alias: str, *, model: str) -> Target:
    """The newest earlier target of an alias that was not yanked.

    Raises:
        SpecError: there is none to go back to.
    """
    now = state.aliases.get(alias)
    for target in state.earlier.get(alias, ()):
        if target.number not in state.yanked and (now is None or target.number != now.number):
            return target
    raise SpecError(
        "there is no earlier version to go back to",
        where=f"model {model!r}, alias {alias!r}",
        got=f"version {now.number} now, nothing usable before it" if now else "an alias that was never set",
        do="Promote a version by its number instead.",
    )
