"""When a retraining is worth it, and when it has to wait."""

from datetime import timedelta

import pytest

from core.journal import START, Journal, clock, observation
from taxiway.core.incidents import Evidence, Mark, Phase
from taxiway.core.specs.monitoring import Alarm, Retrain
from taxiway.core.windows import iso

ALARM = Alarm(quiet=timedelta(0), escalate_after=timedelta(days=9))


def asked(retrain, *observations):
    journal = Journal(ALARM, retrain)
    journal.play(*observations)
    return [said.ask for said in journal.said if said.ask]


@pytest.mark.parametrize(
    ("kinds", "worth_it"),
    [
        ((Evidence.REALISED,), True),
        ((Evidence.ESTIMATED, Evidence.VALUES), True),
        ((Evidence.ESTIMATED,), False),
        ((Evidence.MISSING, Evidence.VALUES), False),
    ],
)
def test_an_incident_is_worth_it_when_drift_and_performance_say_so(kinds, worth_it):
    found = asked(Retrain(), observation(0, Mark.BAD, *kinds), observation(1, Mark.BAD, *kinds))
    assert bool(found) is worth_it


def test_nobody_who_does_not_want_it_is_asked():
    assert asked(None, observation(0), observation(1)) == []
    assert asked(Retrain(on_incident=False), observation(0), observation(1)) == []


@pytest.mark.parametrize(
    ("below", "values", "why"),
    [
        ({"roc_auc": 0.7}, {"roc_auc": 0.69}, "roc_auc is 0.69, beyond its limit 0.7"),
        ({"log_loss": 0.5}, {"log_loss": 0.6}, "log_loss is 0.6, beyond its limit 0.5"),
        ({"roc_auc": 0.7, "log_loss": 0.5}, {"roc_auc": 0.71, "log_loss": 0.4}, None),
        ({"roc_auc": 0.7}, {}, None),
    ],
)
def test_a_metric_beyond_its_limit_is_a_reason(below, values, why):
    found = asked(Retrain(below=below), observation(0, Mark.GOOD, values=values))
    assert [ask.why for ask in found] == ([why] if why else [])


def test_the_age_of_the_model_is_a_reason():
    since = iso(START - timedelta(days=30))
    old = observation(0, Mark.GOOD, live_since=since)
    assert asked(Retrain(older_than=timedelta(days=29)), old)[0].why == f"version 1 is live since {since}"
    assert asked(Retrain(older_than=timedelta(days=31)), old) == []
    assert asked(Retrain(older_than=timedelta(days=1)), observation(0, Mark.GOOD)) == [], "nobody knows its age"


def test_enough_new_rows_are_a_reason():
    windows = [observation(n, Mark.GOOD) for n in range(4)]
    found = asked(Retrain(new_rows=3000), *windows)
    assert [ask.why for ask in found] == ["3,000 rows were seen since version 1 went live"]


def test_there_are_never_two_at_once_and_there_is_a_cool_down_between():
    journal = Journal(ALARM, Retrain(new_rows=1, cool_down=timedelta(hours=4), patience=timedelta(hours=2)))
    journal.hours("g" * 8)
    asks = [n for n, said in enumerate(journal.said) if said.ask]
    assert asks == [0, 4]


def test_a_window_that_does_not_count_asks_for_nothing():
    journal = Journal(Alarm(quiet=timedelta(hours=5)), Retrain(new_rows=1))
    assert journal.hours("g", live_since=clock(0)).ask is None


def test_an_incident_that_was_escalated_asks_for_no_second_one():
    journal = Journal(ALARM, Retrain(cool_down=timedelta(0), patience=timedelta(hours=2)))
    journal.hours("b" * 9)
    assert [said.ask.number for said in journal.said if said.ask] == [1]
    assert journal.watched.phase is Phase.CONFIRMED
