"""Bulletins: what people are told of an incident, from its confirmation to its end, as notices of one thread.

A suspicion is told to nobody. Each step of a confirmed incident is a line of the thread; every other window that counts
only changes the numbers in the message.
"""

from collections.abc import Iterator

from taxiway.core.incidents import WORSE, Evidence, Incident, JournalEntry, Observation, Phase, Severity, Transition
from taxiway.core.notices import Fact, Notice, TopColumn
from taxiway.core.notices import Severity as Weight
from taxiway.core.windows import moment

_NUMBERS = WORSE | {Evidence.TREND}
_WORDS = {
    Phase.SUSPECTED: "is suspected",
    Phase.CONFIRMED: "is confirmed",
    Phase.MITIGATING: "is being dealt with",
    Phase.RECOVERED: "is over",
}


def bulletins(entry: JournalEntry) -> tuple[Notice, ...]:
    """The notices of an entry of a journal, oldest first; none while there is nothing but a suspicion."""
    steps = [step for step in entry.steps if step.incident.confirmed_at]
    if steps:
        return tuple(_loud(entry, number, step) for number, step in enumerate(steps, start=1))
    incident = entry.watched.incident
    if incident is None or not incident.confirmed_at or entry.note or not isinstance(entry.event, Observation):
        return ()
    return (_notice(entry, incident, key=f"{entry.number}.0", at=entry.at, text=_said(incident), quiet=True),)


def place_of(notice: Notice) -> tuple[int, int]:
    """Which entry of the journal a bulletin is about, and which step of it; 0 of another notice."""
    entry, _, step = notice.key.partition(".")
    return (int(entry), int(step)) if entry.isdecimal() and step.isdecimal() else (0, 0)


def thread_of(incident: Incident) -> str:
    """The thread of an incident."""
    return f"incident/{incident.model}/{incident.population}/{incident.number}"


def _loud(entry: JournalEntry, number: int, step: Transition) -> Notice:
    return _notice(entry, step.incident, key=f"{entry.number}.{number}", at=step.at, text=step.why, quiet=False)


def _notice(entry: JournalEntry, incident: Incident, *, key: str, at: str, text: str, quiet: bool) -> Notice:
    who = incident.model if incident.population == "all" else f"{incident.model} ({incident.population})"
    called = incident.escalated and incident.phase is Phase.CONFIRMED
    state = "escalated" if called else str(incident.phase)
    return Notice(
        thread=thread_of(incident),
        title=f"{who}: incident {incident.number} {'is escalated' if called else _WORDS[incident.phase]}",
        state=state,
        severity=_weight(incident, called=called),
        at=at,
        key=key,
        subject=incident.model,
        text=text,
        facts=tuple(_facts(entry, incident)),
        columns=tuple(_columns(incident)),
        quiet=quiet,
        asks=state if incident.phase is Phase.CONFIRMED and not incident.acknowledged_by else "",
        closes=incident.phase is Phase.RECOVERED,
    )


def _weight(incident: Incident, *, called: bool) -> Weight:
    if incident.phase is Phase.RECOVERED:
        return Weight.GOOD
    grave = incident.severity is not Severity.MINOR and incident.phase is Phase.CONFIRMED
    return Weight.CRITICAL if called or grave else Weight.WARNING


def _facts(entry: JournalEntry, incident: Incident) -> Iterator[Fact]:
    yield Fact(label="severity", value=incident.severity)
    yield Fact(label="since", value=f"{moment(incident.since):%Y-%m-%d %H:%M} UTC")
    yield Fact(label="windows", value=f"{incident.bad} bad, then {incident.good} good in a row")
    if incident.live:
        yield Fact(label="version", value=str(incident.live))
    if incident.drop is not None:
        yield Fact(label="largest drop", value=f"{incident.drop:.3g}")
    for signal in incident.signals:
        if signal.evidence in _NUMBERS:
            yield Fact(label=signal.evidence, value=signal.words)
    if isinstance(entry.event, Observation):
        yield from (Fact(label=name, value=f"{value:.4g}") for name, value in sorted(entry.event.values.items()))
    if incident.acknowledged_by:
        yield Fact(label="in the hands of", value=incident.acknowledged_by)
    ask = entry.watched.ask
    if ask is not None and incident.retraining == ask.number:
        yield Fact(label="retraining", value=f"{ask.number}, {'ended' if ask.ended else 'asked for'}: {ask.why}")


def _columns(incident: Incident) -> Iterator[TopColumn]:
    for signal in incident.signals:
        if signal.evidence not in _NUMBERS:
            yield TopColumn(name=signal.subject, effect=signal.words.removeprefix(f"{signal.subject} "))


def _said(incident: Incident) -> str:
    return "; ".join(signal.words for signal in incident.signals[:3])
