"""An incident, from the first suspicion to the recovery."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.journal import START, Journal, clock, hour, observation
from taxiway.core.incidents import Acknowledged, Declared, Evidence, Mark, Phase, Retrained, Severity, Watched
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.transitions import Rules, advance
from taxiway.core.windows import iso

PATIENT = Alarm(escalate_after=timedelta(days=9))


@pytest.fixture
def journal():
    return Journal(PATIENT)


def test_nothing_wrong_stays_a_watch(journal):
    journal.hours("gghug")
    assert journal.phases == []
    assert journal.watched.phase is Phase.WATCH


def test_one_bad_window_is_a_suspicion_that_passes(journal):
    journal.hours("gbgg")
    assert journal.phases == ["suspected", "watch"]
    assert journal.watched.incident is None


def test_two_of_three_bad_windows_confirm_it(journal):
    step = journal.hours("gbgb")
    assert journal.phases == ["suspected", "confirmed"]
    incident = step.watched.incident
    assert (incident.bad, incident.since, incident.confirmed_at) == (2, hour(1).start, clock(3))
    assert step.steps[0].why.startswith("2 of the last 3 windows were bad: estimated roc_auc is worse")
    assert step.steps[0].before is Phase.SUSPECTED


def test_a_day_of_windows_with_a_three_hour_fault_is_one_incident(journal):
    journal.hours("g" * 10 + "bbb" + "g" * 11)
    assert journal.phases == ["suspected", "confirmed", "recovered"]
    assert journal.watched.incidents == 1
    assert journal.watched.last.phase is Phase.RECOVERED
    assert journal.watched.last.until == hour(12).end


def test_a_window_that_is_neither_good_nor_bad_does_not_end_it(journal):
    journal.hours("bbghghgh")
    assert journal.watched.phase is Phase.WATCH
    journal = Journal(PATIENT)
    journal.hours("bbghhhh")
    assert journal.watched.phase is Phase.CONFIRMED


def test_what_cannot_be_told_changes_nothing(journal):
    journal.hours("bbuuuuuu")
    assert journal.watched.phase is Phase.CONFIRMED


def test_after_an_incident_no_other_one_is_opened_for_a_while(journal):
    journal.hours("bbgg")
    assert journal.hours("bb", first=5).note.startswith("no incident is opened until")
    journal.hours("bb", first=10)
    assert journal.watched.incident.number == 2


def test_the_same_window_counts_once(journal):
    first = journal.hours("b")
    again = journal.hours("b")
    assert again.note == "it was seen before"
    assert again.watched == first.watched


def test_a_window_that_arrives_late_does_not_count(journal):
    journal.hours("b", first=5)
    assert journal.hours("b", first=4).note == "a later window counted already"
    assert journal.watched.phase is Phase.SUSPECTED


def test_the_severity_is_the_worst_there_was(journal):
    journal.play(
        observation(0, severity=Severity.CRITICAL, drop=0.3), observation(1, severity=Severity.MINOR, drop=None)
    )
    incident = journal.watched.incident
    assert (incident.severity, incident.drop) == (Severity.CRITICAL, 0.3)
    assert incident.seen == (Evidence.ESTIMATED, Evidence.VALUES)


def test_bad_windows_of_both_kinds_of_report_confirm_it_together(journal):
    journal.play(observation(0), observation(0, source="performance", key="p"))
    assert journal.watched.phase is Phase.CONFIRMED


def test_it_is_not_over_while_the_truth_says_otherwise(journal):
    journal.play(observation(0, source="performance", key="p0"), observation(1, source="performance", key="p1"))
    journal.hours("gggg", first=2)
    assert journal.watched.phase is Phase.CONFIRMED
    journal.play(observation(9, Mark.GOOD, source="performance", key="p9"))
    assert journal.phases[-1] == "recovered"


LIVE = {"live_since": iso(START)}


def test_windows_after_a_deployment_are_quiet(journal):
    assert journal.hours("b", **LIVE).note.startswith("it is quiet until 2026-01-05T01:00:00")
    journal.hours("b", first=1, **LIVE)
    assert journal.watched.phase is Phase.SUSPECTED


def test_windows_long_before_a_deployment_count(journal):
    assert journal.hours("b", live_since=clock(9)).steps
    assert journal.hours("b", first=9, live_since=clock(9)).note.startswith("it is quiet until")


def test_quiet_times_that_touch_are_one(journal):
    for n in (0, 1, 20):
        journal.play(Declared(key=f"d{n}", what="other", at=clock(n), who="ann", why="x"))
        times = journal.watched.quiet_from, journal.watched.quiet_until
        assert times == {0: (clock(-1), clock(1)), 1: (clock(-1), clock(2)), 20: (clock(19), clock(21))}[n]


def test_windows_after_a_declared_change_are_quiet(journal):
    change = Declared(key="d", what="schema", at=clock(0), who="ann", why="a new sensor")
    journal.play(change)
    assert journal.hours("b", first=1).note.startswith("it is quiet until")
    assert journal.hours("b", first=2).steps


def test_a_new_version_mitigates_an_incident_and_the_marks_begin_anew(journal):
    journal.hours("bb")
    step = journal.hours("g", first=4, number=2, live_since=clock(1))
    assert [s.incident.phase for s in step.steps] == [Phase.MITIGATING]
    assert step.steps[0].why == "version 2 went live"
    journal.hours("g", first=5, number=2, live_since=clock(1))
    assert journal.phases[-1] == "recovered"


def test_a_new_version_during_a_suspicion_says_nothing(journal):
    journal.hours("b")
    assert journal.hours("u", first=4, number=2, live_since=clock(1)).steps == ()
    assert journal.watched.phase is Phase.SUSPECTED


def test_windows_of_an_earlier_version_do_not_count(journal):
    journal.hours("g", first=4, number=2, live_since=clock(1))
    late = observation(3, number=1, source="performance", key="late")
    assert journal.play(late).note == "version 1 is not live any more"


def test_a_rollback_is_a_deployment_too(journal):
    journal.hours("g", number=2, live_since=iso(START - timedelta(days=1)))
    journal.hours("g", first=4, number=1, live_since=clock(1))
    assert journal.watched.number == 1


def test_a_new_version_that_is_no_better_escalates_it(journal):
    journal.hours("bb")
    journal.hours("bb", first=4, number=2, live_since=clock(1))
    assert journal.phases == ["suspected", "confirmed", "mitigating", "confirmed"]
    assert journal.watched.incident.escalated
    assert journal.said[-1].steps[0].why.startswith("what was done did not help: 2 of the last 3")


def test_more_bad_windows_of_a_confirmed_incident_say_nothing_new(journal):
    journal.hours("bbbbb")
    assert journal.phases == ["suspected", "confirmed"]
    assert journal.watched.incident.bad == 5


def test_a_declared_deployment_mitigates_a_confirmed_incident(journal):
    journal.hours("bb")
    rolled_back = Declared(key="d", what="deployment", at=clock(1), who="ann", why="back to version 1")
    step = journal.play(rolled_back)
    assert step.steps[0].why == "ann: back to version 1"
    assert journal.watched.phase is Phase.MITIGATING


def test_nobody_reacting_escalates_it_once():
    journal = Journal(Alarm(escalate_after=timedelta(hours=3)))
    journal.hours("bbuuuuuuuu")
    assert journal.phases == ["suspected", "confirmed", "confirmed"]
    assert journal.watched.incident.escalated


def acknowledged(incident: int = 1) -> Acknowledged:
    return Acknowledged(key=f"ann/{incident}", incident=incident, who="ann", why="the feed is being mended")


def test_who_has_it_in_hand_is_known_and_counts_as_silent_only_later():
    journal = Journal(Alarm(escalate_after=timedelta(hours=3)))
    journal.hours("bb")
    journal.play(acknowledged(), at=clock(3))
    assert journal.watched.incident.acknowledged_by == "ann"
    journal.hours("uuu", first=2)
    assert not journal.watched.incident.escalated
    journal.hours("uuu", first=5)
    assert journal.watched.incident.escalated


def test_an_incident_that_is_over_is_in_nobodys_hands():
    journal = Journal(PATIENT)
    assert journal.play(acknowledged(), at=clock(0)).note == "incident 1 is over"
    journal.hours("bb")
    assert journal.play(acknowledged(7), at=clock(3)).note == "incident 7 is over"
    assert journal.watched.incident.acknowledged_by == ""


RETRAIN = Retrain(patience=timedelta(hours=5), cool_down=timedelta(hours=1))


@pytest.fixture
def retraining():
    journal = Journal(PATIENT, RETRAIN)
    journal.hours("bb")
    return journal


def test_a_confirmed_incident_asks_for_one_retraining(retraining):
    assert retraining.phases == ["suspected", "confirmed", "mitigating"]
    assert retraining.said[-1].ask.number == 1
    retraining.hours("bbbb", first=2)
    assert [said.ask for said in retraining.said[2:]] == [None] * 4
    assert retraining.watched.incident.retraining == 1


def test_the_incident_is_over_when_the_new_model_does_well(retraining):
    retraining.play(Retrained(key="r", ask=1, number=2, why="version 2 was promoted"))
    retraining.hours("gg", first=4, number=2, live_since=clock(1))
    assert retraining.phases[-1] == "recovered"


def test_a_retraining_that_brings_nothing_escalates_it(retraining):
    step = retraining.play(Retrained(key="r", ask=1, number=None, why="the gate refused it"))
    assert step.steps[0].incident.escalated
    assert step.steps[0].why == "retraining 1 brought no new version: the gate refused it"
    assert retraining.watched.phase is Phase.CONFIRMED


def test_a_retraining_that_brings_the_same_version_again_escalates_it(retraining):
    step = retraining.play(Retrained(key="r", ask=1, number=1, why="version 1 went live"))
    assert step.steps[0].incident.escalated


def test_a_retraining_that_never_ends_escalates_it(retraining):
    retraining.hours("b" * 6, first=2)
    assert retraining.phases[-1] == "confirmed"
    whys = [step.why for said in retraining.said for step in said.steps]
    assert whys[-1] == "retraining 1 brought no new version in its time"
    assert retraining.watched.ask.ended


def test_a_retraining_that_never_ends_after_the_incident_did_is_forgotten(retraining):
    retraining.hours("gg", first=2)
    assert retraining.hours("gggg", first=4).steps == ()
    assert retraining.watched.ask.ended


@pytest.mark.parametrize("ask", [1, 7])
def test_the_end_of_a_retraining_that_is_not_going_on_changes_nothing(journal, retraining, ask):
    end = Retrained(key="r", ask=ask, number=None, why="failed")
    assert journal.play(end).note == "no such retraining is going on"
    if ask != 1:
        assert retraining.play(end).note == "no such retraining is going on"


def test_a_retraining_for_another_reason_does_not_escalate_an_incident():
    journal = Journal(PATIENT, Retrain(on_incident=False, new_rows=500))
    journal.hours("bb")
    assert journal.said[0].ask.number == 1
    assert journal.play(Retrained(key="r", ask=1, number=None, why="failed")).steps == ()


def test_a_deployment_ends_a_retraining(retraining):
    retraining.hours("u", first=4, number=2, live_since=clock(1))
    assert retraining.watched.ask.ended


def test_a_bad_window_without_evidence_still_says_something(journal):
    step = journal.play(observation(0, signals=()))
    assert step.steps[0].why == "the window is bad"


def test_steps_have_keys_of_their_own(journal):
    journal.hours("bb")
    journal.hours("bbgg", first=4, number=2, live_since=clock(1))
    keys = [step.key for said in journal.said for step in said.steps]
    assert keys == [f"flight-delay.all.1.{n}" for n in range(1, 6)]


EVENTS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(Mark), st.integers(1, 2), st.sampled_from(("drift", "performance"))),
    max_size=30,
)


@given(EVENTS, st.booleans())
def test_whatever_happens_an_incident_goes_its_way_and_the_history_replays(events, retrains):
    rules = Rules(Alarm(), Retrain() if retrains else None)
    watched, steps, played = Watched(), [], []
    for n, mark, number, source in events:
        event = observation(n, mark, number=number, source=source, key=f"{source}.{number}.{n}")
        step = advance(watched, event, rules, clock(n))
        played.append((event, clock(n), step.watched))
        watched = step.watched
        steps += step.steps
    allowed = {
        ("watch", "suspected"), ("suspected", "confirmed"), ("suspected", "watch"), ("confirmed", "mitigating"),
        ("confirmed", "confirmed"), ("confirmed", "recovered"), ("mitigating", "recovered"),
        ("mitigating", "confirmed"),
    }  # fmt: skip
    assert {(step.before, step.incident.phase) for step in steps} <= allowed
    for _, group in itertools.groupby(steps, key=lambda step: step.incident.number):
        assert next(step.incident.step for step in group) == 1
    again = Watched()
    for event, at, after in played:
        again = advance(again, event, rules, at).watched
        assert again == after
