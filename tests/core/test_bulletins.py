"""What people are told of an incident: nothing of a suspicion, each step of a confirmed one, and its numbers."""

from core.journal import Journal, clock, observation, signal
from taxiway.core.bulletins import bulletins, place_of, thread_of
from taxiway.core.incidents import Acknowledged, Declared, Evidence, JournalEntry, Severity
from taxiway.core.notices import Notice
from taxiway.core.notices import Severity as Weight
from taxiway.core.specs.monitoring import Alarm, Retrain


def told(hours, **changes):
    """What is told of windows, one letter a window: `b`ad, `g`ood, `h`eld."""
    return [notice for entry in entries(hours, **changes) for notice in bulletins(entry)]


def entries(hours, *, retrain=None, **changes):
    played = Journal(Alarm(), retrain)
    return [written(played, played.hours(mark, n, **changes), n) for n, mark in enumerate(hours)]


def written(played, step, n, event=None):
    return JournalEntry(
        number=n + 1,
        id="x",
        at=clock(n),
        event=event or observation(n),
        alarm=played.rules.alarm,
        retrain=played.rules.retrain,
        watched=step.watched,
        steps=step.steps,
        ask=step.ask,
        note=step.note,
    )


def test_a_suspicion_is_told_to_nobody():
    assert told("gbg") == told("gbggg") == []


def test_a_confirmed_incident_is_one_thread_from_its_first_word_to_its_last():
    found = told("gbbbgg")
    assert {notice.thread for notice in found} == {"incident/flight-delay/all/1"}
    assert [(notice.state, notice.quiet) for notice in found] == [
        ("confirmed", False), ("confirmed", True), ("confirmed", True), ("recovered", False),
    ]  # fmt: skip
    assert [notice.title for notice in found][:: len(found) - 1] == [
        "flight-delay: incident 1 is confirmed", "flight-delay: incident 1 is over",
    ]  # fmt: skip
    assert [notice.closes for notice in found] == [False, False, False, True]
    assert [notice.severity for notice in found] == [Weight.CRITICAL] * 3 + [Weight.GOOD]
    assert len({notice.key for notice in found}) == len(found)


def test_a_thread_shows_the_numbers_and_the_columns_that_stand_out():
    first = told("bb", signals=(signal(), moved("delay", "moved by 1.2")))[0]
    facts = {fact.label: fact.value for fact in first.facts}
    assert facts["severity"] == "major"
    assert facts["since"] == "2026-01-05 00:00 UTC"
    assert facts["windows"] == "2 bad, then 0 good in a row"
    assert facts["version"] == "1"
    assert facts["largest drop"] == "0.2"
    assert facts["estimated"] == "estimated roc_auc is worse"
    assert [(column.name, column.effect) for column in first.columns] == [("delay", "moved by 1.2")]
    assert first.asks == "confirmed"


def moved(name, how):
    return signal(Evidence.VALUES).model_copy(update={"subject": name, "words": f"{name} {how}"})


def test_what_was_measured_is_among_the_numbers():
    played = Journal()
    event = observation(1, source="performance", values={"roc_auc": 0.61234})
    found = bulletins(written(played, played.hours("bb"), 1, event))[0]
    assert {fact.label: fact.value for fact in found.facts}["roc_auc"] == "0.6123"


def test_a_retraining_is_told_and_nobody_is_asked_while_it_goes_on():
    confirmed, mitigating = told("bb", retrain=Retrain())
    assert (confirmed.state, mitigating.state) == ("confirmed", "mitigating")
    assert (confirmed.asks, mitigating.asks) == ("confirmed", "")
    assert mitigating.severity is Weight.WARNING
    assert mitigating.title == "flight-delay: incident 1 is being dealt with"
    facts = {fact.label: fact.value for fact in mitigating.facts}
    assert facts["retraining"].startswith("1, asked for: incident 1 is confirmed by")


def test_an_incident_that_stays_is_escalated_and_asks_anew():
    played = Journal()
    played.hours("bb")
    last = bulletins(written(played, played.play(observation(2), at=clock(48)), 2))[-1]
    assert (last.state, last.asks, last.severity) == ("escalated", "escalated", Weight.CRITICAL)
    assert last.title == "flight-delay: incident 1 is escalated"


def test_who_has_it_in_hand_is_shown_and_nobody_is_called():
    entry = entries("bb")[-1]
    known = entry.watched.incident.model_copy(update={"acknowledged_by": "ann"})
    steps = tuple(step.model_copy(update={"incident": known}) for step in entry.steps)
    found = bulletins(entry.model_copy(update={"steps": steps}))[0]
    assert {fact.label: fact.value for fact in found.facts}["in the hands of"] == "ann"
    assert found.asks == ""


def test_a_step_that_no_window_caused_tells_no_numbers_of_one():
    entry = entries("bb")[-1]
    measured = entry.event.model_copy(update={"values": {"drift score": 0.7}})
    assert "drift score" in labels(entry.model_copy(update={"event": measured}))
    hand = Acknowledged(key="acknowledged/1/ann/0", incident=1, who="ann", why="the sensor is being mended")
    assert labels(entry.model_copy(update={"event": hand})) == labels(entry)


def labels(entry):
    return {fact.label for fact in bulletins(entry)[0].facts}


def test_what_hurts_nothing_yet_is_a_warning_and_a_part_of_production_is_named():
    found = told("bb", severity=Severity.MINOR, number=0, drop=None)[0]
    assert found.severity is Weight.WARNING
    assert {"version", "largest drop"}.isdisjoint(fact.label for fact in found.facts)
    incident = entries("bb")[-1].watched.incident
    other = incident.model_copy(update={"population": "night"})
    assert thread_of(other) == "incident/flight-delay/night/1"
    entry = entries("bb")[-1]
    steps = tuple(step.model_copy(update={"incident": other}) for step in entry.steps)
    assert bulletins(entry.model_copy(update={"steps": steps}))[0].title.startswith("flight-delay (night): ")


def test_an_event_that_changed_nothing_is_not_told():
    entry = entries("bbb")[-1]
    assert len(bulletins(entry)) == 1
    assert bulletins(entry.model_copy(update={"note": "a later window counted already"})) == ()
    change = Declared(key="d", what="schema", at=entry.at, who="ann", why="a new sensor")
    assert bulletins(entry.model_copy(update={"event": change})) == ()


def test_a_bulletin_says_which_step_of_which_entry_it_is_about():
    assert [place_of(notice) for notice in told("bbb", retrain=Retrain())] == [(2, 1), (2, 2), (3, 0)]
    other = Notice(thread="t", title="t", state="s", severity=Weight.INFO, at="2026-01-05", key="failed x 1 1")
    assert place_of(other) == (0, 0)
