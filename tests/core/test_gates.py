from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import samples
from taxiway.core import Approval, BeatsChampion, MaxRegression, Threshold
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import Difference, Measure, Slice
from taxiway.core.gates import clear, decide
from taxiway.core.outcomes import Outcome, worst
from taxiway.core.specs.gates import describe

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def measured(value, rows=1000, note="", metric="roc_auc"):
    return samples.report(measures=(Measure(metric=metric, value=value, rows=rows, note=note),))


def level(name, value, rows=500):
    return Slice(
        column="carrier",
        level=name,
        rows=rows,
        measures=(Measure(metric="log_loss", value=1.0, rows=rows), Measure(metric="roc_auc", value=value, rows=rows)),
    )


@pytest.mark.parametrize(
    ("value", "gate", "outcome"),
    [
        (0.71, Threshold("roc_auc", at_least=0.7), PASS),
        (0.70, Threshold("roc_auc", at_least=0.7), PASS),
        (0.69, Threshold("roc_auc", at_least=0.7), FAIL),
        (0.69, Threshold("roc_auc", at_most=0.7), PASS),
        (0.70, Threshold("roc_auc", at_most=0.7), PASS),
        (0.71, Threshold("roc_auc", at_most=0.7), FAIL),
        (0.00, Threshold("roc_auc", at_most=0.0), PASS),
        (0.10, Threshold("roc_auc", at_most=0.0), FAIL),
        (-0.1, Threshold("roc_auc", at_least=0.0), FAIL),
        (None, Threshold("roc_auc", at_least=0.0), INCONCLUSIVE),
        (None, Threshold("roc_auc", at_most=9.0), INCONCLUSIVE),
    ],
)
def test_a_threshold_is_reached_or_missed_or_not_known(value, gate, outcome):
    verdict = decide(measured(value), gate)
    assert verdict.outcome is outcome
    assert verdict.measured == value
    assert verdict.limit == (gate.at_least if gate.at_least is not None else gate.at_most)


def test_a_verdict_names_the_bytes_and_the_evidence():
    report = measured(0.8)
    verdict = decide(report, Threshold("roc_auc", at_least=0.7))
    assert verdict.subject == report.model.digest
    assert verdict.evidence == report.fingerprint()
    assert verdict.decided_by == "taxiway"
    assert verdict.reason == "roc_auc is 0.8 and reaches 0.7 (1000 rows)"


def test_too_few_rows_never_pass_however_good_they_are():
    gate = Threshold("roc_auc", at_least=0.7, min_rows=100)
    verdict = decide(measured(1.0, rows=99), gate)
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.reason == "roc_auc: only 99 rows, 100 are needed"
    assert decide(measured(1.0, rows=100), gate).outcome is PASS


def test_what_could_not_be_measured_says_why():
    verdict = decide(measured(None, note="only one class"), Threshold("roc_auc", at_least=0.7))
    assert verdict.reason == "roc_auc: only one class"
    assert decide(measured(None), Threshold("roc_auc", at_least=0.7)).reason == "roc_auc: not a number"


def test_a_metric_that_was_not_asked_for_is_inconclusive_and_says_what_there_is():
    verdict = decide(measured(0.8), Threshold("f1", at_least=0.1))
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.reason == "f1 was not measured; the report has roc_auc. Add it to Evaluation.metrics."


def test_a_report_without_measures_has_none():
    verdict = decide(samples.report(measures=()), Threshold("f1", at_least=0.1))
    assert "the report has none" in verdict.reason


@pytest.mark.parametrize("limits", [{}, {"at_least": 0.1, "at_most": 0.2}])
def test_a_threshold_has_exactly_one_limit(limits):
    with pytest.raises(SpecError, match="a threshold has one limit"):
        Threshold("f1", **limits)


def test_a_threshold_per_slice_names_the_worst_level():
    report = samples.report(slices=(level("AA", 0.9), level("YV", 0.61), level("OO", 0.65)))
    verdict = decide(report, Threshold("roc_auc", at_least=0.7, slice="carrier"))
    assert verdict.outcome is FAIL
    assert verdict.measured == 0.61
    assert verdict.reason == "roc_auc for carrier=YV is 0.61 and misses 0.7 (500 rows)"


def test_a_threshold_from_above_names_the_highest_level():
    report = samples.report(slices=(level("AA", 0.9), level("YV", 0.61)))
    verdict = decide(report, Threshold("roc_auc", at_most=0.5, slice="carrier"))
    assert (verdict.outcome, verdict.measured) == (FAIL, 0.9)


def test_a_threshold_that_every_level_reaches_names_the_nearest_one():
    report = samples.report(slices=(level("AA", 0.9), level("YV", 0.71)))
    verdict = decide(report, Threshold("roc_auc", at_least=0.7, slice="carrier"))
    assert (verdict.outcome, verdict.measured) == (PASS, 0.71)


def test_one_unmeasured_level_makes_a_threshold_inconclusive_but_does_not_hide_a_failure():
    gate = Threshold("roc_auc", at_least=0.7, slice="carrier")
    unknown = decide(samples.report(slices=(level("AA", 0.9), level("YV", None))), gate)
    assert unknown.outcome is INCONCLUSIVE
    assert "carrier=YV" in unknown.reason
    small = decide(samples.report(slices=(level("AA", 0.9), level("OO", 0.95, rows=10))), gate)
    assert small.reason == "roc_auc for carrier=OO: only 10 rows, 30 are needed"
    assert decide(samples.report(slices=(level("AA", 0.1), level("YV", None))), gate).outcome is FAIL


def test_a_slice_that_was_not_measured_is_inconclusive():
    verdict = decide(samples.report(), Threshold("roc_auc", at_least=0.7, slice="carrier"))
    assert (verdict.outcome, verdict.reason) == (INCONCLUSIVE, "no level of 'carrier' was measured")


@pytest.mark.parametrize(
    ("gate", "gain", "outcome"),
    [
        (BeatsChampion("roc_auc"), 0.02, PASS),
        (BeatsChampion("roc_auc"), 0.005, INCONCLUSIVE),
        (BeatsChampion("roc_auc"), 0.0, INCONCLUSIVE),
        (BeatsChampion("roc_auc"), -0.02, FAIL),
        (BeatsChampion("roc_auc", by=0.05), 0.02, FAIL),
        (BeatsChampion("roc_auc", by=0.05), 0.055, INCONCLUSIVE),
        (BeatsChampion("roc_auc", by=0.05), 0.07, PASS),
        (MaxRegression("roc_auc"), 0.02, PASS),
        (MaxRegression("roc_auc"), -0.005, INCONCLUSIVE),
        (MaxRegression("roc_auc"), -0.02, FAIL),
        (MaxRegression("roc_auc", by=0.05), -0.02, PASS),
        (MaxRegression("roc_auc", by=0.05), -0.055, INCONCLUSIVE),
        (MaxRegression("roc_auc", by=0.05), -0.09, FAIL),
    ],
)
def test_a_candidate_is_held_against_the_champion(gate, gain, outcome):
    verdict = decide(samples.report_against_champion(gain), gate)
    assert verdict.outcome is outcome
    assert verdict.measured == pytest.approx(gain)


@pytest.mark.parametrize("gate", [BeatsChampion, MaxRegression])
@pytest.mark.parametrize(("gain", "outcome"), [(-0.05, PASS), (0.05, FAIL), (0.001, INCONCLUSIVE)])
def test_less_is_better_where_the_metric_says_so(gate, gain, outcome):
    verdict = decide(samples.report_against_champion(gain, metric="log_loss"), gate("log_loss"))
    assert verdict.outcome is outcome
    assert verdict.measured == pytest.approx(-gain)


def test_the_reason_names_the_champion_the_gain_and_its_interval():
    better = decide(samples.report_against_champion(0.02), BeatsChampion("roc_auc"))
    assert better.reason == "roc_auc is better than version 1 by 0.02 [0.01048, 0.02952]; any better is enough"
    worse = decide(samples.report_against_champion(-0.02), BeatsChampion("roc_auc", by=0.01))
    assert worse.reason == "roc_auc is worse than version 1 by 0.02 [0.01048, 0.02952]; at least 0.01 better is needed"
    guard = decide(samples.report_against_champion(-0.02), MaxRegression("roc_auc", by=0.01))
    assert guard.reason.endswith("; at most 0.01 worse is allowed")
    unsure = decide(samples.report_against_champion(0.001), BeatsChampion("roc_auc"))
    assert unsure.reason.endswith("not enough evidence either way")


@pytest.mark.parametrize(("gate", "outcome"), [(BeatsChampion("roc_auc"), FAIL), (MaxRegression("roc_auc"), PASS)])
def test_the_very_same_model_does_not_beat_itself_and_is_not_worse_than_itself(gate, outcome):
    assert decide(samples.report_against_champion(0.0, spread=0.0), gate).outcome is outcome


def test_a_gain_of_exactly_the_margin_is_enough():
    gate = BeatsChampion("roc_auc", by=0.5)
    assert decide(samples.report_against_champion(0.5, spread=0.0), gate).outcome is PASS


def test_a_loss_of_nothing_has_the_limit_zero_and_not_minus_zero():
    verdict = decide(samples.report_against_champion(0.02), MaxRegression("roc_auc"))
    assert str(verdict.limit) == "0.0"


@pytest.mark.parametrize("gate", [BeatsChampion, MaxRegression])
def test_without_a_champion_the_recipe_says_what_holds_for_the_first_model(gate):
    assert decide(samples.report(), gate("roc_auc")).outcome is PASS
    refused = decide(samples.report(), gate("roc_auc", first_model="refuse"))
    assert refused.outcome is FAIL
    assert refused.reason == "there is no champion yet and first_model='refuse'"


@pytest.mark.parametrize("gate", [BeatsChampion, MaxRegression])
@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (measured(None, note="all 900 rows are of one class, False"), "roc_auc: all 900 rows are of one class, False"),
        (measured(None), "roc_auc: not a number"),
        (measured(0.9, rows=29), "only 29 rows, 30 are needed"),
        (measured(0.9, metric="f1"), "roc_auc was not measured; the report has f1. Add it to Evaluation.metrics."),
    ],
)
def test_a_first_model_that_was_not_measured_never_passes(gate, report, reason):
    verdict = decide(report, gate("roc_auc", first_model="pass"))
    assert (verdict.outcome, verdict.reason) == (INCONCLUSIVE, reason)


@pytest.mark.parametrize("gate", [BeatsChampion("f1"), MaxRegression("f1")])
def test_a_comparison_on_an_unmeasured_metric_is_inconclusive(gate):
    assert decide(samples.report_against_champion(0.1), gate).outcome is INCONCLUSIVE


@pytest.mark.parametrize(
    "difference",
    [
        Difference(metric="roc_auc", value=None),
        Difference(metric="roc_auc", value=0.1),
        Difference(metric="roc_auc", value=0.1, quantiles=(0.1, 0.2)),
    ],
)
def test_a_difference_without_an_interval_is_inconclusive(difference):
    report = samples.report_against_champion(0.1).model_copy(update={"differences": (difference,)})
    verdict = decide(report, BeatsChampion("roc_auc"))
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.reason == "roc_auc: the difference to the champion could not be measured"


@pytest.mark.parametrize("gate", [BeatsChampion, MaxRegression])
def test_a_comparison_on_too_few_rows_is_inconclusive(gate):
    verdict = decide(samples.report_against_champion(0.5), gate("roc_auc", min_rows=1001))
    assert (verdict.outcome, verdict.reason) == (INCONCLUSIVE, "only 1000 rows, 1001 are needed")


@given(gain=st.floats(-1, 1), spread=st.floats(0, 1), confidence=st.floats(0.5, 0.998), by=st.floats(0, 1))
def test_every_confidence_that_a_gate_takes_can_be_answered(gain, spread, confidence, by):
    report = samples.report_against_champion(gain, spread)
    for gate in (BeatsChampion("roc_auc", by, confidence), MaxRegression("roc_auc", by, confidence)):
        assert "could not be measured" not in decide(report, gate).reason


@given(gain=st.floats(-1, 1), spread=st.floats(0, 1), low=st.floats(0.5, 0.998), high=st.floats(0.5, 0.998))
def test_more_confidence_never_turns_doubt_into_an_answer(gain, spread, low, high):
    low, high = sorted((low, high))
    report = samples.report_against_champion(gain, spread)
    doubtful = decide(report, BeatsChampion("roc_auc", confidence=low)).outcome is INCONCLUSIVE
    assert not doubtful or decide(report, BeatsChampion("roc_auc", confidence=high)).outcome is INCONCLUSIVE


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Threshold("f1", at_least=0.7), "f1 >= 0.7"),
        (Threshold("f1", at_most=0.7, slice="carrier"), "f1 <= 0.7 in every carrier"),
        (BeatsChampion("f1", by=0.01), "f1 beats the champion by 0.01 at 95% confidence"),
        (BeatsChampion("f1", confidence=0.995), "f1 beats the champion at 99.5% confidence"),
        (MaxRegression("f1"), "f1 not worse than the champion at 95% confidence"),
        (MaxRegression("f1", by=0.02), "f1 not worse than the champion by more than 0.02 at 95% confidence"),
        (Approval(), "approved by a person"),
        (Approval(("ann", "bob")), "approved by ann or bob"),
    ],
)
def test_a_gate_is_said_in_words(gate, words):
    assert describe(gate) == words


def test_an_approval_waits_a_day_by_default():
    assert Approval().timeout == timedelta(days=1)


@pytest.mark.parametrize(
    ("outcomes", "together"),
    [
        ([], INCONCLUSIVE),
        ([PASS], PASS),
        ([PASS, PASS], PASS),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([INCONCLUSIVE, FAIL], FAIL),
        ([FAIL, PASS], FAIL),
    ],
)
def test_several_outcomes_are_as_good_as_the_worst_and_none_is_not_a_pass(outcomes, together):
    model = samples.model_ref()
    assert worst(outcomes) is together
    assert clear(model.digest, (samples.verdict(model, outcome) for outcome in outcomes)).outcome is together


def test_a_verdict_about_other_bytes_clears_nothing():
    with pytest.raises(SpecError, match="a verdict is about another model"):
        clear(samples.model_ref("a").digest, [samples.verdict(samples.model_ref("b"))])
