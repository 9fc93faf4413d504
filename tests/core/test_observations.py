"""What a report says about a window."""

import pytest

from core.journal import column, drift_report, measured, performance_report
from taxiway.core.anomalies import Anomaly
from taxiway.core.drift import Asks, DriftTest, Fault
from taxiway.core.incidents import Evidence, Mark, Severity
from taxiway.core.observations import of_drift, of_performance
from taxiway.core.outcomes import Outcome
from taxiway.core.specs.monitoring import Alarm

EXPECTED = (measured(0.8),)


def finding(asks=Asks.VALUES, effect=0.4, outcome=Outcome.FAIL):
    return DriftTest(asks=asks, p=1e-9, effect=effect, outcome=outcome)


def seen(**changes):
    return of_drift(drift_report(**{"expected": EXPECTED, **changes}), Alarm(), "roc_auc")


def test_covariate_drift_alone_makes_no_window_bad():
    found = seen(outcome=Outcome.FAIL, columns=(column("delay", finding(effect=2.0)),))
    assert found.mark is Mark.GOOD
    assert [(one.evidence, one.words) for one in found.signals] == [(Evidence.VALUES, "delay moved by 2")]


def test_predictions_that_moved_make_no_window_bad_either():
    found = seen(outcome=Outcome.FAIL, columns=(column("score", finding(), role="score"),))
    assert (found.mark, found.signals[0].evidence) == (Mark.GOOD, Evidence.PREDICTIONS)


@pytest.mark.parametrize(
    ("value", "band", "mark", "severity"),
    [
        (0.70, {"high": 0.75}, Mark.BAD, Severity.MAJOR),
        (0.60, {"high": 0.65}, Mark.BAD, Severity.MAJOR),
        (0.74, {"high": 0.81}, Mark.HELD, Severity.MINOR),
        (0.76, {}, Mark.HELD, Severity.MINOR),
        (0.79, {}, Mark.GOOD, Severity.MINOR),
        (0.90, {}, Mark.GOOD, Severity.MINOR),
        (None, {}, Mark.GOOD, Severity.MINOR),
    ],
)
def test_estimated_performance_decides(value, band, mark, severity):
    found = seen(estimates=(measured(value, **band),))
    assert (found.mark, found.severity) == (mark, severity)


@pytest.mark.parametrize(("what", "bad"), [("missing", True), ("type", True), ("stuck", True), ("new", False)])
def test_data_of_another_shape_is_broken(what, bad):
    found = seen(outcome=Outcome.FAIL, faults=(Fault(column="delay", what=what),))
    assert (found.mark is Mark.BAD) is bad
    assert bool(found.signals) is bad


@pytest.mark.parametrize("asks", [Asks.MISSING, Asks.LEVELS])
def test_many_more_missing_or_unknown_values_are_broken_data_and_a_few_are_drift(asks):
    broken = seen(outcome=Outcome.FAIL, columns=(column("delay", finding(asks, 0.5)),))
    assert (broken.mark, broken.severity) == (Mark.BAD, Severity.MINOR)
    assert broken.signals[0].words == f"delay +50.0% {asks}"
    few = seen(outcome=Outcome.FAIL, columns=(column("delay", finding(asks, 0.05), finding(outcome=Outcome.PASS)),))
    assert (few.mark, [one.evidence for one in few.signals]) == (Mark.GOOD, [Evidence.VALUES])


def test_the_heaviest_evidence_comes_first():
    columns = (
        column("a", finding(effect=0.1)),
        column("b", finding(effect=3.0)),
        column("c", finding(Asks.MISSING, 0.9)),
    )
    found = seen(outcome=Outcome.FAIL, columns=columns, estimates=(measured(0.5),))
    assert [one.subject for one in found.signals] == ["roc_auc", "c", "b", "a"]
    assert found.drop == pytest.approx(0.3)


def test_a_report_that_could_not_tell_says_nothing():
    assert seen(outcome=Outcome.INCONCLUSIVE).mark is Mark.UNKNOWN


def test_without_a_model_there_is_no_metric():
    found = of_drift(drift_report(number=None, outcome=Outcome.PASS), Alarm(), None)
    assert (found.mark, found.number) == (Mark.GOOD, 0)
    assert found.key == "drift.0.20260105T000000--20260105T010000"


def test_since_when_a_version_is_live_has_one_text():
    found = of_drift(drift_report(live_since="2026-01-01T00:00:00.123+00:00"), Alarm(), None)
    assert found.live_since == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "mark", "severity"),
    [(0.79, Mark.GOOD, Severity.MINOR), (0.73, Mark.BAD, Severity.MAJOR), (0.5, Mark.BAD, Severity.CRITICAL)],
)
def test_the_truth_decides_and_says_how_grave_it_is(value, mark, severity):
    report = performance_report(measures=(measured(value),), expected=EXPECTED)
    found = of_performance(report, Alarm(), "roc_auc")
    assert (found.mark, found.severity, found.values) == (mark, severity, {"roc_auc": value})


def trend(by=-0.03, change="sudden"):
    return Anomaly(series="roc_auc", change=change, by=by, usual=0.8, worse=by < 0)


@pytest.mark.parametrize(("trends", "mark"), [(False, Mark.HELD), (True, Mark.BAD)])
@pytest.mark.parametrize("change", ["sudden", "gradual"])
def test_a_metric_that_changes_for_the_worse_keeps_a_window_from_being_good(trends, mark, change):
    alarm = Alarm(trends=trends)
    estimated = drift_report(expected=EXPECTED, estimates=(measured(0.79),), trends=(trend(change=change),))
    real = performance_report(expected=EXPECTED, measures=(measured(0.79),), trends=(trend(change=change),))
    for found in (of_drift(estimated, alarm, "roc_auc"), of_performance(real, alarm, "roc_auc")):
        assert found.mark is mark
        how = "at once" if change == "sudden" else "slowly"
        assert [one.words for one in found.signals] == [f"roc_auc changed by -0.03 from 0.8, {how}"]


def test_a_change_for_the_better_or_of_another_metric_says_nothing():
    report = drift_report(expected=EXPECTED, estimates=(measured(0.79),), trends=(trend(0.03),))
    assert of_drift(report, Alarm(trends=True), "roc_auc").mark is Mark.GOOD
    assert of_drift(report.model_copy(update={"trends": (trend(),)}), Alarm(), "f1").mark is Mark.GOOD


def test_what_is_bad_already_stays_bad():
    found = of_drift(drift_report(expected=EXPECTED, estimates=(measured(0.5),), trends=(trend(),)), Alarm(), "roc_auc")
    assert (found.mark, [one.evidence for one in found.signals]) == (Mark.BAD, [Evidence.ESTIMATED, Evidence.TREND])


def test_too_few_labels_say_nothing():
    found = of_performance(
        performance_report(outcome=Outcome.INCONCLUSIVE, measures=(measured(0.1),), expected=EXPECTED),
        Alarm(),
        "roc_auc",
    )
    assert (found.mark, found.values) == (Mark.UNKNOWN, {})
