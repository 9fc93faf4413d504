"""All models at a glance: one row per model, and which rows a person asked to see."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from taxiway.core.incidents import Phase, Severity, Watched
from taxiway.core.outcomes import Outcome
from taxiway.core.registry import CHALLENGER, CHAMPION, ModelVersion, RegistryState
from taxiway.core.rulings import Ruling
from taxiway.core.serving import ServiceState, describe

PAGE = 100
"""How many rows are shown at once."""
_LATE = timedelta(minutes=10)
"""A run that is due for longer than this has not been started by anybody."""
_BADNESS = (Phase.CONFIRMED, Phase.MITIGATING, Phase.SUSPECTED, Phase.WATCH, Phase.RECOVERED)


class Known(NamedTuple):
    """What the logs say about one model.

    Attributes:
        name: the model's name.
        number: of the newest commit.
        at: when that was made, ISO 8601.
        state: what holds after it.
        champion: the version that the champion alias points at.
        newest: the version that was registered last.
        ruling: the newest one about a candidate.
        watched: what is known of each population in production.
        fault: why its log cannot be read; nothing else is known then.
    """

    name: str
    number: int = 0
    at: str = ""
    state: RegistryState = RegistryState()
    champion: ModelVersion | None = None
    newest: ModelVersion | None = None
    ruling: Ruling | None = None
    watched: Mapping[str, Watched] = {}
    fault: str = ""


class LastVerdict(NamedTuple):
    """The newest decision about a candidate: of the gates together, in the words of the first that was against it."""

    outcome: Outcome
    words: str
    at: str


class DriftNote(NamedTuple):
    """How a model does in production, told by the worst of its populations."""

    phase: Phase
    severity: Severity | None
    population: str
    since: str


class ModelRow(NamedTuple):
    """One model.

    Attributes:
        name: its name.
        versions: how many there are.
        champion: number of the live version.
        challenger: number of the version that wants to be.
        verdict: the newest decision about a candidate.
        services: what its services do, in words.
        rolling: a rollout is under way.
        drift: how it does in production; none where nobody looks.
        trained_at: when the champion was registered, ISO 8601; empty without one.
        metric: the champion's first metric, name and value.
        attention: why a person may want to look, in a few words; empty when nobody needs to.
        fault: why nothing is known.
    """

    name: str
    versions: int
    champion: int | None
    challenger: int | None
    verdict: LastVerdict | None
    services: tuple[tuple[str, str], ...]
    rolling: bool
    drift: DriftNote | None
    trained_at: str
    metric: tuple[str, float | None] | None
    attention: str
    fault: str = ""


class NextTraining(NamedTuple):
    """When a model is trained next.

    Attributes:
        at: when, ISO 8601; empty where no moment to come is known.
        words: what to say where there is none.
        do: what a person can do about it; empty where nothing is wrong.
    """

    at: str
    words: str = ""
    do: str = ""


class Asked(NamedTuple):
    """Which rows a person asked for.

    Attributes:
        text: a part of the name.
        only: `attention` for those that want to be looked at, `rolling`, `drift`, `unpromoted`; anything else for all.
        sort: by which column; the name for anything unknown.
        down: the largest first.
        page: 1, 2, 3, …
    """

    text: str = ""
    only: str = ""
    sort: str = "name"
    down: bool = False
    page: int = 1


class Listed(NamedTuple):
    """The rows that were asked for; `page` is the one that exists and `found` how many rows all pages have."""

    rows: tuple[ModelRow, ...]
    page: int
    pages: int
    found: int
    of: int


def row(known: Known) -> ModelRow:
    """One model at a glance."""
    champion, challenger = (known.state.aliases.get(alias) for alias in (CHAMPION, CHALLENGER))
    verdict, drift = last_verdict(known), worst_drift(known.watched)
    rolling = any(state.candidate for state in known.state.services.values())
    metrics = known.champion.metrics if known.champion else {}
    return ModelRow(
        name=known.name,
        versions=known.state.last_number,
        champion=champion.number if champion else None,
        challenger=challenger.number if challenger else None,
        verdict=verdict,
        services=tuple((name, describe(state)) for name, state in sorted(known.state.services.items())),
        rolling=rolling,
        drift=drift,
        trained_at=known.champion.registered_at if known.champion else "",
        metric=next(iter(metrics.items()), None),
        attention=_attention(known, verdict, drift),
        fault=known.fault,
    )


def next_training(dag_id: str, at: datetime | None, *, paused: bool, now: datetime) -> NextTraining:
    """When the DAG that trains a model runs next: never a moment that has passed.

    Args:
        dag_id: the DAG.
        at: when Airflow means to make its next run; None where its schedule names no time.
        paused: it is switched off, and then nothing happens at `at`.
        now: the time.
    """
    if paused:
        return NextTraining("", "paused", f"Switch on the DAG {dag_id} to train again.")
    if at is None:
        return NextTraining("", "by hand or by data")
    if at > now:
        return NextTraining(at.isoformat())
    if now - at < _LATE:
        return NextTraining("", "due now")
    return NextTraining("", "overdue", f"Look whether the scheduler runs, and at the runs of {dag_id}.")


def last_verdict(known: Known) -> LastVerdict | None:
    """The newest decision: the ruling that was kept, or that the newest version was let through."""
    ruling, newest = known.ruling, known.newest
    if ruling and (newest is None or ruling.at >= newest.registered_at or ruling.clearance.subject == _bytes(newest)):
        against = [v for v in ruling.clearance.verdicts if v.outcome is not Outcome.PASS]
        words = "; ".join(f"{v.gate}: {v.reason}" for v in against[:1]) or "every gate let it through"
        return LastVerdict(ruling.clearance.outcome, words, ruling.at)
    if newest is None:
        return None
    return LastVerdict(Outcome.PASS, f"version {newest.number}: every gate let it through", newest.registered_at)


def worst_drift(watched: Mapping[str, Watched]) -> DriftNote | None:
    """The population that does worst; None where nobody looks."""
    notes = [
        DriftNote(one.phase, one.incident.severity, name, one.incident.since)
        if one.incident
        else DriftNote(Phase.WATCH, None, name, "")
        for name, one in sorted(watched.items())
    ]
    return min(notes, key=_badness, default=None)


def _badness(note: DriftNote | None) -> tuple[int, int]:
    if note is None:
        return (len(_BADNESS), 0)
    return (_BADNESS.index(note.phase), -list(Severity).index(note.severity) if note.severity else 1)


def _bytes(version: ModelVersion) -> str:
    return version.model.digest


def _attention(known: Known, verdict: LastVerdict | None, drift: DriftNote | None) -> str:
    if known.fault:
        return "its log cannot be read"
    if drift and drift.phase in (Phase.CONFIRMED, Phase.MITIGATING):
        return f"an incident is {drift.phase}"
    if _serves_yanked(known.state.services.values(), known.state.yanked):
        return "a yanked version still serves"
    if verdict and verdict.outcome is not Outcome.PASS:
        return "the last candidate was refused"
    if CHAMPION not in known.state.aliases:
        return "nothing is promoted"
    return ""


def _serves_yanked(states: Iterable[ServiceState], yanked: tuple[int, ...]) -> bool:
    return any(state.live is not None and state.live.number in yanked for state in states)


def _any(one: ModelRow) -> bool:  # noqa: ARG001
    return True


_ONLY: dict[str, Callable[[ModelRow], bool]] = {
    "attention": lambda one: bool(one.attention),
    "rolling": lambda one: one.rolling,
    "drift": lambda one: one.drift is not None and one.drift.severity is not None,
    "unpromoted": lambda one: one.champion is None,
}
_OUTCOMES = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
_SORT: dict[str, Callable[[ModelRow], Any]] = {
    "versions": lambda one: one.versions,
    "champion": lambda one: one.champion or 0,
    "verdict": lambda one: (_OUTCOMES.index(one.verdict.outcome), one.verdict.at) if one.verdict else (9, ""),
    "service": lambda one: (not one.rolling, one.services == (), one.services),
    "drift": lambda one: _badness(one.drift),
    "trained": lambda one: one.trained_at,
    "attention": lambda one: (not one.attention, one.attention),
}
SORTS = ("name", *_SORT)
"""The columns that rows can be sorted by."""


def listed(rows: Iterable[ModelRow], asked: Asked) -> Listed:
    """The rows that were asked for, equal ones by name."""
    everything = sorted(rows, key=lambda one: one.name)
    text = asked.text.strip().lower()
    wanted = _ONLY.get(asked.only, _any)
    found = [one for one in everything if text in one.name.lower() and wanted(one)]
    if asked.sort in _SORT:
        found.sort(key=_SORT[asked.sort], reverse=asked.down)
    elif asked.down:
        found.reverse()
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(1, asked.page), pages)
    return Listed(tuple(found[(page - 1) * PAGE : page * PAGE]), page, pages, len(found), len(everything))
