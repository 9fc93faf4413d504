"""What an event does to an incident: `watch -> suspected -> confirmed -> mitigating -> recovered`, and back.

A window counts unless it is late, about an earlier version, or falls into a quiet time. Covariate drift alone makes no
window bad. The clock of the windows decides about incidents, that of whoever writes about retraining and escalation.
"""

from datetime import timedelta
from typing import NamedTuple

from taxiway.core.incidents import (
    SEEN,
    Acknowledged,
    Ask,
    Declared,
    Event,
    Evidence,
    Incident,
    Mark,
    Observation,
    Phase,
    Retrained,
    Severity,
    Transition,
    Watched,
)
from taxiway.core.retraining import ask_for, expired
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.windows import iso, moment

_ORDER = tuple(Severity)


class Rules(NamedTuple):
    """What an event is judged by."""

    alarm: Alarm
    retrain: Retrain | None


class Step(NamedTuple):
    """What an event led to.

    Attributes:
        watched: what is known then.
        steps: what became of the incident.
        ask: the retraining that it asked for.
        note: why the event did not count.
    """

    watched: Watched
    steps: tuple[Transition, ...] = ()
    ask: Ask | None = None
    note: str = ""


def advance(watched: Watched, event: Event, rules: Rules, at: str) -> Step:
    """What is known after an event; an event that was seen before changes nothing.

    Args:
        watched: what was known.
        event: what happened.
        rules: what it is judged by.
        at: the time of the writer, ISO 8601.
    """
    if event.key in watched.seen:
        return Step(watched, note="it was seen before")
    watched = watched.model_copy(update={"seen": (*watched.seen, event.key)[-SEEN:]})
    if isinstance(event, Observation):
        return _observed(watched, event, rules, at)
    if isinstance(event, Declared):
        return _declared(watched, event, rules.alarm, at)
    if isinstance(event, Acknowledged):
        return _acknowledged(watched, event, at)
    return _retrained(watched, event, at)


def _observed(watched: Watched, seen: Observation, rules: Rules, at: str) -> Step:
    first = _new_version(watched, seen, rules.alarm, at)
    watched = first.watched
    note = _why_not(watched, seen)
    second = Step(watched, note=note) if note else _judged(watched, seen, rules.alarm, at)
    third = _overdue(second.watched, rules.alarm, at)
    steps = (*first.steps, *second.steps, *third.steps)
    note = second.note
    watched, asked = (third.watched, None) if note else ask_for(third.watched, seen, rules.retrain, at)
    if asked and watched.incident and watched.incident.phase is Phase.CONFIRMED:
        incident = watched.incident.model_copy(update={"retraining": asked.number})
        last = _moved(watched, incident, Phase.MITIGATING, at, f"retraining {asked.number} was asked for: {asked.why}")
        return Step(last.watched, (*steps, *last.steps), asked, note)
    return Step(watched, steps, asked, note)


def _new_version(watched: Watched, seen: Observation, alarm: Alarm, at: str) -> Step:
    """A version that was not seen before is a deployment: its windows begin quietly, and the marks begin anew."""
    if (seen.live_since, seen.number) <= (watched.live_since, watched.number):
        return Step(watched)
    ask = watched.ask.model_copy(update={"ended": True}) if watched.ask else None
    new: dict[str, object] = {"number": seen.number, "live_since": seen.live_since, "rows": 0, "marks": {}, "ask": ask}
    if seen.live_since:
        new |= _quiet(watched, seen.live_since, alarm.quiet)
    watched = watched.model_copy(update=new)
    if watched.incident and watched.incident.phase is Phase.CONFIRMED:
        return _moved(watched, watched.incident, Phase.MITIGATING, at, f"version {seen.number} went live")
    return Step(watched)


def _quiet(watched: Watched, at: str, around: timedelta) -> dict[str, str]:
    """The quiet time with one more around `at`; what came long before or after it is no part of it."""
    start, end = iso(moment(at) - around), iso(moment(at) + around)
    if start <= watched.quiet_until and end >= watched.quiet_from:
        return {"quiet_from": min(start, watched.quiet_from), "quiet_until": max(end, watched.quiet_until)}
    return {"quiet_from": start, "quiet_until": end}


def _why_not(watched: Watched, seen: Observation) -> str:
    if seen.number != watched.number:
        return f"version {seen.number} is not live any more"
    if seen.window.end <= watched.ends.get(seen.source, ""):
        return "a later window counted already"
    if seen.window.start < watched.quiet_until and seen.window.end > watched.quiet_from:
        return f"it is quiet until {watched.quiet_until}"
    return ""


def _judged(watched: Watched, seen: Observation, alarm: Alarm, at: str) -> Step:
    marks = watched.marks
    if seen.mark is not Mark.UNKNOWN:
        newest = (*marks.get(seen.source, ()), seen.mark)[-max(alarm.among, alarm.clear) :]
        marks = {**marks, seen.source: newest}
    counted = {"marks": marks, "ends": {**watched.ends, seen.source: seen.window.end}}
    rows = watched.rows + (seen.rows if seen.source == "drift" else 0)
    watched = watched.model_copy(update={**counted, "rows": rows})
    if seen.mark is Mark.BAD:
        return _bad(watched, seen, alarm, at)
    return _good(watched, alarm, at) if seen.mark is Mark.GOOD else Step(watched)


def _bad(watched: Watched, seen: Observation, alarm: Alarm, at: str) -> Step:
    before = watched.incident
    if before is None and seen.window.start < watched.cool_until:
        return Step(watched, note=f"no incident is opened until {watched.cool_until}")
    incident = _worse(before, seen) if before else _opened(watched, seen, at)
    number = incident.number
    watched = watched.model_copy(update={"incident": incident, "incidents": number})
    opened = (Transition(incident=incident, before=Phase.WATCH, at=at, why=_words(seen)),) if before is None else ()
    bad = sum(mark is Mark.BAD for marks in watched.marks.values() for mark in marks[-alarm.among :])
    if bad < alarm.confirm:
        return Step(watched, opened)
    last = _insisting(watched, incident, at, f"{bad} of the last {alarm.among} windows were bad: {_words(seen)}")
    return Step(last.watched, (*opened, *last.steps))


def _insisting(watched: Watched, incident: Incident, at: str, why: str) -> Step:
    """So many bad windows confirm a suspicion, and say of what was done against the incident that it did not help."""
    if incident.phase is Phase.SUSPECTED:
        return _moved(watched, incident.model_copy(update={"confirmed_at": at}), Phase.CONFIRMED, at, why)
    going_on = watched.ask is not None and not watched.ask.ended
    if incident.phase is Phase.CONFIRMED or going_on:
        return Step(watched)
    return _escalated(watched, incident, at, f"what was done did not help: {why}")


def _good(watched: Watched, alarm: Alarm, at: str) -> Step:
    incident = watched.incident
    if incident is None:
        return Step(watched)
    incident = incident.model_copy(update={"good": incident.good + 1})
    watched = watched.model_copy(update={"incident": incident})
    still = any(marks[-1] is Mark.BAD for marks in watched.marks.values())
    if incident.good < alarm.clear or still:
        return Step(watched)
    if incident.phase is Phase.SUSPECTED:
        return _over(watched, incident, Phase.WATCH, at, "it did not happen again")
    return _over(watched, incident, Phase.RECOVERED, at, f"{incident.good} windows in a row were good", alarm.cool_down)


def _overdue(watched: Watched, alarm: Alarm, at: str) -> Step:
    """Escalates what nobody reacted to, and what a retraining did not bring to an end in its time."""
    incident = watched.incident
    if watched.ask and expired(watched.ask, at):
        why = f"retraining {watched.ask.number} brought no new version in its time"
        watched = watched.model_copy(update={"ask": watched.ask.model_copy(update={"ended": True})})
        if incident and incident.phase is Phase.MITIGATING:
            return _escalated(watched, incident, at, why)
    if incident is None or incident.escalated or incident.phase not in (Phase.CONFIRMED, Phase.MITIGATING):
        return Step(watched)
    since = max(incident.changed_at, incident.acknowledged_at or incident.changed_at, key=moment)
    if moment(at) - moment(since) < alarm.escalate_after:
        return Step(watched)
    return _escalated(watched, incident, at, f"nothing has changed since {since}")


def _declared(watched: Watched, event: Declared, alarm: Alarm, at: str) -> Step:
    watched = watched.model_copy(update=_quiet(watched, event.at, alarm.quiet))
    incident = watched.incident
    if incident and incident.phase is Phase.CONFIRMED and event.what == "deployment":
        watched = watched.model_copy(update={"marks": {}})
        return _moved(watched, incident, Phase.MITIGATING, at, f"{event.who}: {event.why}")
    return Step(watched)


def _acknowledged(watched: Watched, event: Acknowledged, at: str) -> Step:
    incident = watched.incident
    if incident is None or incident.number != event.incident:
        return Step(watched, note=f"incident {event.incident} is over")
    known = incident.model_copy(update={"acknowledged_by": event.who, "acknowledged_at": at})
    return Step(watched.model_copy(update={"incident": known}))


def _retrained(watched: Watched, event: Retrained, at: str) -> Step:
    ask = watched.ask
    if ask is None or ask.ended or event.ask != ask.number:
        return Step(watched, note="no such retraining is going on")
    watched = watched.model_copy(update={"ask": ask.model_copy(update={"ended": True})})
    incident = watched.incident
    new = event.number is not None and event.number != watched.number
    if new or incident is None or incident.retraining != ask.number:
        return Step(watched)
    return _escalated(watched, incident, at, f"retraining {ask.number} brought no new version: {event.why}")


def _opened(watched: Watched, seen: Observation, at: str) -> Incident:
    return Incident(
        model=seen.window.model,
        population=seen.window.population,
        number=watched.incidents + 1,
        phase=Phase.SUSPECTED,
        severity=seen.severity,
        since=seen.window.start,
        changed_at=at,
        until=seen.window.end,
        signals=seen.signals,
        seen=_kinds((), seen),
        drop=seen.drop,
        live=seen.number,
    )


def _worse(incident: Incident, seen: Observation) -> Incident:
    drops = [drop for drop in (incident.drop, seen.drop) if drop is not None]
    return incident.model_copy(
        update={
            "severity": max(incident.severity, seen.severity, key=_ORDER.index),
            "until": max(incident.until, seen.window.end),
            "bad": incident.bad + 1,
            "good": 0,
            "signals": seen.signals,
            "seen": _kinds(incident.seen, seen),
            "drop": max(drops, default=None),
        }
    )


def _kinds(before: tuple[Evidence, ...], seen: Observation) -> tuple[Evidence, ...]:
    return tuple(sorted({*before, *(signal.evidence for signal in seen.signals)}))


def _moved(watched: Watched, incident: Incident, phase: Phase, at: str, why: str) -> Step:
    moved = incident.model_copy(update={"phase": phase, "changed_at": at, "step": incident.step + 1})
    step = Transition(incident=moved, before=incident.phase, at=at, why=why)
    return Step(watched.model_copy(update={"incident": moved}), (step,))


def _escalated(watched: Watched, incident: Incident, at: str, why: str) -> Step:
    return _moved(watched, incident.model_copy(update={"escalated": True}), Phase.CONFIRMED, at, why)


def _over(
    watched: Watched, incident: Incident, phase: Phase, at: str, why: str, cool_down: timedelta = timedelta(0)
) -> Step:
    done = _moved(watched, incident, phase, at, why)
    ended = done.steps[0].incident
    update: dict[str, object] = {"incident": None, "last": ended, "marks": {}}
    if cool_down:
        newest = max(watched.ends.values())
        update["cool_until"] = iso(moment(newest) + cool_down)
    return Step(done.watched.model_copy(update=update), done.steps)


def _words(seen: Observation) -> str:
    return "; ".join(signal.words for signal in seen.signals[:3]) or "the window is bad"
