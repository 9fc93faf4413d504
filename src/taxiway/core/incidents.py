"""Incidents: what is wrong with a model in production, from the first suspicion to the recovery.

Records alone: `core.transitions` says what an event does to them. So the history, replayed, gives the same incidents.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from taxiway.core.names import Name
from taxiway.core.records import Record
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.windows import Window

SEEN = 100
"""How many keys of events are remembered, so that none counts twice."""


class Phase(StrEnum):
    """Where an incident is."""

    WATCH = "watch"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    MITIGATING = "mitigating"
    RECOVERED = "recovered"


class Severity(StrEnum):
    """How bad it is, told from performance: MINOR when that is not known."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Mark(StrEnum):
    """What a window says: HELD is neither good nor bad, UNKNOWN that it could not be told."""

    GOOD = "good"
    HELD = "held"
    BAD = "bad"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """What kind of evidence a signal is."""

    FAULT = "fault"
    MISSING = "missing"
    LEVELS = "levels"
    VALUES = "values"
    PREDICTIONS = "predictions"
    ESTIMATED = "estimated"
    REALISED = "realised"
    TREND = "trend"


BROKEN = frozenset({Evidence.FAULT, Evidence.MISSING, Evidence.LEVELS})
"""The data is broken."""
WORSE = frozenset({Evidence.ESTIMATED, Evidence.REALISED})
"""The model does worse."""
MOVED = frozenset({Evidence.VALUES, Evidence.PREDICTIONS, Evidence.LEVELS, Evidence.MISSING, Evidence.FAULT})
"""The data is another one."""


class Signal(Record):
    """One piece of evidence.

    Attributes:
        evidence: of what kind.
        subject: the column or metric.
        size: how large, in the unit of its kind.
        words: one short sentence, without values of columns with personal data.
    """

    evidence: Evidence
    subject: str
    size: float | None
    words: str


class Observation(Record):
    """What one report says about a window.

    Attributes:
        key: the same for the same report, so that it counts once.
        window: which one.
        source: which kind of report.
        mark: good, bad, or neither.
        number: the version that was live, 0 where there is no model.
        live_since: ISO 8601, UTC: when it went live; empty when nobody knows.
        signals: the evidence, the heaviest first.
        severity: how bad it is, if it is bad.
        drop: how much worse the metric is than expected; none when it is not known.
        values: the metrics that were measured by labels.
        rows: how many rows the window had.
    """

    event: Literal["observation"] = "observation"
    key: str
    window: Window
    source: Literal["drift", "performance"]
    mark: Mark
    number: NonNegativeInt = 0
    live_since: str = ""
    signals: tuple[Signal, ...] = ()
    severity: Severity = Severity.MINOR
    drop: float | None = None
    values: dict[str, float] = {}
    rows: NonNegativeInt = 0


class Declared(Record):
    """Somebody said that something changes on purpose: windows are quiet for a while.

    Attributes:
        key: the same for the same declaration.
        what: a deployment, a change of the schema, or something else.
        at: ISO 8601, UTC: when.
        who: the person or the task.
        why: one sentence.
    """

    event: Literal["declared"] = "declared"
    key: str
    what: Literal["deployment", "schema", "other"]
    at: str
    who: str
    why: str


class Retrained(Record):
    """What came of a retraining.

    Attributes:
        key: the same for the same retraining's end.
        ask: number of the retraining.
        number: the version that went live; none when none did.
        why: what happened, in a sentence.
    """

    event: Literal["retrained"] = "retrained"
    key: str
    ask: PositiveInt
    number: int | None
    why: str


class Acknowledged(Record):
    """A person has an incident in hand.

    Attributes:
        key: the same for the same acknowledgement.
        incident: its number.
        who: the person.
        why: one sentence: what they do about it.
    """

    event: Literal["acknowledged"] = "acknowledged"
    key: str
    incident: PositiveInt
    who: str
    why: str


Event = Annotated[Observation | Declared | Retrained | Acknowledged, Field(discriminator="event")]


class Ask(Record):
    """A retraining that was asked for.

    Attributes:
        model: which model.
        population: whose incident or windows asked.
        number: 1, 2, 3, … per model and population.
        at: ISO 8601, UTC.
        until: when it counts as failed if nothing came of it.
        why: one sentence.
        ended: whether something came of it, or its time is over.
    """

    model: Name
    population: Name
    number: PositiveInt
    at: str
    until: str
    why: str
    ended: bool = False


class Incident(Record):
    """What is wrong.

    Attributes:
        model: the model's name.
        population: which part of the production.
        number: 1, 2, 3, … per model and population.
        step: how many steps it has taken.
        phase: where it is.
        severity: the worst it has been.
        since: the start of the first bad window.
        changed_at: when the phase changed last, by the clock of whoever saw it.
        confirmed_at: when it was confirmed; empty before.
        until: the end of the last bad window.
        bad: how many windows were bad.
        good: how many were good in a row since the last bad one.
        signals: the evidence of the last bad window.
        seen: every kind of evidence there was.
        drop: the largest drop of the metric.
        live: the version that was live when it began.
        retraining: number of the retraining it started, if any.
        escalated: nobody reacted in time, or the retraining did not help.
        acknowledged_by: the person who has it in hand; empty while nobody said so.
        acknowledged_at: when they said so: from then on nobody counts as silent for another while.
    """

    model: Name
    population: Name
    number: PositiveInt
    step: PositiveInt = 1
    phase: Phase
    severity: Severity
    since: str
    changed_at: str
    confirmed_at: str = ""
    until: str
    bad: NonNegativeInt = 1
    good: NonNegativeInt = 0
    signals: tuple[Signal, ...] = ()
    seen: tuple[Evidence, ...] = ()
    drop: float | None = None
    live: NonNegativeInt = 0
    retraining: int | None = None
    escalated: bool = False
    acknowledged_by: str = ""
    acknowledged_at: str = ""


class Transition(Record):
    """A step of an incident: what a person may want to hear of.

    Attributes:
        incident: the incident after it.
        before: the phase before it.
        at: ISO 8601, UTC.
        why: one sentence.
    """

    incident: Incident
    before: Phase
    at: str
    why: str

    @property
    def key(self) -> str:
        """The same for the same step: what a message about it is known by."""
        one = self.incident
        return f"{one.model}.{one.population}.{one.number}.{one.step}"


class Watched(Record):
    """Everything that is known of one population of one model.

    Attributes:
        incidents: how many incidents there were.
        incident: the one that is not over.
        last: the one before it.
        marks: the newest windows that counted, the newest last, by kind of report.
        ends: the end of the newest window that counted, by kind of report.
        seen: the keys of the newest events.
        quiet_from: windows that end behind it …
        quiet_until: … and begin before this do not count.
        cool_until: windows that begin before open no incident.
        number: the live version.
        live_since: when it went live.
        rows: how many rows were seen since it went live.
        asks: how many retrainings were asked for.
        ask: the last one.
    """

    incidents: NonNegativeInt = 0
    incident: Incident | None = None
    last: Incident | None = None
    marks: dict[str, tuple[Mark, ...]] = {}
    ends: dict[str, str] = {}
    seen: tuple[str, ...] = ()
    quiet_from: str = ""
    quiet_until: str = ""
    cool_until: str = ""
    number: NonNegativeInt = 0
    live_since: str = ""
    rows: NonNegativeInt = 0
    asks: NonNegativeInt = 0
    ask: Ask | None = None

    @property
    def phase(self) -> Phase:
        """Where it is: WATCH while nothing is wrong."""
        return self.incident.phase if self.incident else Phase.WATCH


class JournalEntry(Record):
    """One entry of a journal: an event, and what it led to.

    Attributes:
        number: 1, 2, 3, … without gaps.
        id: chosen by the writer, so that it knows its own entry again after a lost answer.
        at: ISO 8601, UTC, by the writer's clock.
        event: what happened.
        alarm: the rules it was judged by.
        retrain: the rules of retraining; none for never.
        watched: what is known then.
        steps: what became of the incident; usually nothing.
        ask: the retraining that it asked for, if any.
        note: why a window did not count.
    """

    number: PositiveInt
    id: str
    at: str
    event: Event
    alarm: Alarm
    retrain: Retrain | None
    watched: Watched
    steps: tuple[Transition, ...] = ()
    ask: Ask | None = None
    note: str = ""
