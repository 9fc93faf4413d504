"""Retraining: when it is worth it, and the brakes on it."""

from collections.abc import Iterator
from datetime import timedelta

from taxiway.core.incidents import MOVED, Ask, Evidence, Incident, Observation, Phase, Watched
from taxiway.core.metrics import metric
from taxiway.core.specs.monitoring import Retrain
from taxiway.core.windows import iso, moment


def expired(ask: Ask, at: str) -> bool:
    """Whether a retraining that nothing came of has had its time."""
    return not ask.ended and moment(at) >= moment(ask.until)


def ask_for(watched: Watched, seen: Observation, rules: Retrain | None, at: str) -> tuple[Watched, Ask | None]:
    """The retraining that is worth it now, if any: never two at once, and at most one per cool-down."""
    if rules is None or _braked(watched, rules, at):
        return watched, None
    why = next(_reasons(watched, seen, rules, at), None)
    if why is None:
        return watched, None
    ask = Ask(
        model=seen.window.model,
        population=seen.window.population,
        number=watched.asks + 1,
        at=at,
        until=iso(moment(at) + rules.patience),
        why=why,
    )
    return watched.model_copy(update={"asks": ask.number, "ask": ask}), ask


def _braked(watched: Watched, rules: Retrain, at: str) -> bool:
    last = watched.ask
    return last is not None and (not last.ended or moment(at) < moment(last.at) + rules.cool_down)


def _reasons(watched: Watched, seen: Observation, rules: Retrain, at: str) -> Iterator[str]:
    incident = watched.incident
    if rules.on_incident and incident and (told := _worth_it(incident)):
        yield f"incident {incident.number} is confirmed by {told}"
    for name, limit in sorted(rules.below.items()):
        value = seen.values.get(name)
        if value is not None and (value < limit if metric(name).higher_is_better else value > limit):
            yield f"{name} is {value:.4g}, beyond its limit {limit:.4g}"
    if rules.older_than is not None and seen.live_since and _age(seen.live_since, at) > rules.older_than:
        yield f"version {seen.number} is live since {seen.live_since}"
    if rules.new_rows is not None and watched.rows >= rules.new_rows:
        yield f"{watched.rows:,} rows were seen since version {watched.number} went live"


def _worth_it(incident: Incident) -> str:
    """What confirms an incident twice over: the truth itself, or an estimate together with data that moved."""
    if incident.phase is not Phase.CONFIRMED or incident.retraining:
        return ""
    if Evidence.REALISED in incident.seen:
        return "the truth about its predictions"
    if Evidence.ESTIMATED in incident.seen and MOVED & {*incident.seen}:
        return "both drift and estimated performance"
    return ""


def _age(since: str, at: str) -> timedelta:
    return moment(at) - moment(since)
