import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core import BusinessMetric, Judge
from taxiway.core.counts import Counts
from taxiway.core.errors import SpecError
from taxiway.core.judging import (
    Finding,
    business,
    difference_interval,
    distance,
    judge,
    quantile_interval,
    share_interval,
)
from taxiway.core.outcomes import Outcome
from taxiway.core.traffic import SECONDS_EDGES

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def edge(seconds):
    return str(next(edge for edge in SECONDS_EDGES if seconds <= edge))


def counts(requests=1000, *, errors=0, refused=0, slow_s=0.02, invalid=0, predictions=None, **more):
    """A version that answered so many requests, half of them in half the time."""
    answers = {"ok": requests - errors - refused, "failed": errors, "refused": refused}
    half = requests // 2
    seconds = {edge(slow_s / 2): half, edge(slow_s): requests - half} if requests else {}
    predictions = {"0.3": half, "0.7": requests - half - invalid} if predictions is None else predictions
    return Counts(answers=answers, seconds=seconds, predictions=predictions, invalid=invalid, **more)


LIVE = counts()


def found(judgement, check):
    return next(finding for finding in judgement.findings if finding.check == check)


def test_a_candidate_like_the_live_version_passes():
    judgement = judge(Judge(), counts(), LIVE)
    assert judgement.outcome is PASS
    assert judgement.reason == "it is as good as the live version"
    assert (judgement.requests, judgement.live_requests) == (1000, 1000)
    assert [finding.check for finding in judgement.findings] == [
        "requests",
        "errors",
        "invalid",
        "live",
        "p95",
        "p99",
        "distance",
    ]


@pytest.mark.parametrize("name", ["errors", "refused"])
def test_a_candidate_that_fails_more_requests_fails(name):
    judgement = judge(Judge(), counts(**{name: 100}), LIVE)
    assert judgement.outcome is FAIL
    assert "10.00% of its requests failed, 0.00% of the live version's: more than 0.02" in judgement.reason


def test_errors_that_both_have_are_nobodys_fault():
    both = counts(refused=300)
    assert found(judge(Judge(max_error_increase=0.05), both, both), "errors").outcome is PASS


def test_a_candidate_that_is_ten_times_slower_fails():
    judgement = judge(Judge(), counts(slow_s=0.2), LIVE)
    assert judgement.outcome is FAIL
    assert "p95 is" in judgement.reason
    assert "p99" in judgement.reason


def test_a_few_milliseconds_more_are_not_slow():
    assert judge(Judge(), counts(slow_s=0.004), counts(slow_s=0.0005)).outcome is PASS


def test_the_99th_percentile_is_asked_from_1000_requests_on():
    checks = [finding.check for finding in judge(Judge(), counts(999), LIVE).findings]
    assert "p95" in checks
    assert "p99" not in checks


def test_a_latency_that_was_not_measured_decides_nothing():
    silent = counts().model_copy(update={"seconds": {}})
    assert found(judge(Judge(), silent, LIVE), "p95").outcome is INCONCLUSIVE


def test_a_candidate_that_predicts_nan_fails():
    judgement = judge(Judge(), counts(invalid=100), LIVE)
    assert judgement.outcome is FAIL
    assert "10.00% of its predictions make no sense" in judgement.reason


def test_a_single_nan_is_not_rounded_away():
    assert found(judge(Judge(max_invalid_increase=0.0), counts(invalid=1), LIVE), "invalid").measured > 0


def test_predictions_out_of_range_make_no_sense_either():
    odd = counts(predictions={"0.0": 50, "0.3": 900, "2.1": 50})
    live = counts(predictions={"0.3": 1000})
    assert judge(Judge(), odd, live).outcome is PASS
    judgement = judge(Judge(out_of_range=(0.1, 1.0)), odd, live)
    assert found(judgement, "invalid").measured == pytest.approx(0.1)
    assert judgement.outcome is FAIL


def test_many_rows_of_one_request_are_one_observation():
    one_request = Counts(answers={"ok": 1}, seconds={edge(0.01): 1}, predictions={"0.9": 10_000})
    finding = found(judge(Judge(min_requests=1), one_request, LIVE), "distance")
    assert finding.outcome is INCONCLUSIVE
    assert finding.high > 0.5


def test_predictions_that_moved_fail():
    judgement = judge(Judge(), counts(predictions={"0.95": 1000}), LIVE)
    assert judgement.outcome is FAIL
    assert "distributed otherwise by" in judgement.reason
    assert judge(Judge(max_distance=None), counts(predictions={"0.95": 1000}), LIVE).outcome is PASS


def test_labels_are_compared_where_there_are_labels():
    live = counts(predictions={}, labels={"late": 500, "on time": 500})
    assert judge(Judge(), live, live).outcome is PASS
    assert judge(Judge(), counts(predictions={}, labels={"late": 1000}), live).outcome is FAIL


def test_predictions_that_nobody_counted_decide_nothing():
    silent = counts(predictions={})
    judgement = judge(Judge(), silent, silent)
    assert judgement.outcome is INCONCLUSIVE
    assert judgement.reason.endswith("the distribution of the predictions was not measured")


@pytest.mark.parametrize(("candidate", "live"), [(99, 1000), (1000, 99), (0, 0), (0, 1000)])
def test_too_few_requests_decide_nothing(candidate, live):
    judgement = judge(Judge(), counts(candidate), counts(live))
    assert judgement.outcome is INCONCLUSIVE
    assert "too few requests" in judgement.reason


def test_few_requests_that_all_fail_are_enough_to_fail():
    assert judge(Judge(), counts(20, errors=20), LIVE).outcome is FAIL


def test_between_the_limits_nothing_is_decided():
    judgement = judge(Judge(), counts(150), counts(150))
    assert judgement.outcome is INCONCLUSIVE
    assert "perhaps more than 0.02" in judgement.reason


def test_a_live_version_that_is_ill_itself_decides_nothing():
    judgement = judge(Judge(), counts(errors=300), counts(errors=300))
    assert judgement.outcome is INCONCLUSIVE
    assert "the live version itself fails: 30.0% of 1000 requests" in judgement.reason


def test_bad_requests_do_not_make_the_live_version_ill():
    assert found(judge(Judge(), LIVE, counts(refused=500)), "live").outcome is PASS


def test_a_candidate_that_is_worse_than_an_ill_live_version_fails():
    assert judge(Judge(), counts(errors=900), counts(errors=300)).outcome is FAIL


def test_without_any_live_traffic_a_candidate_must_not_fail_at_all():
    assert judge(Judge(), counts(), None).outcome is PASS
    assert judge(Judge(), counts(errors=50), None).outcome is FAIL
    assert judge(Judge(), counts(50), None).outcome is INCONCLUSIVE


@pytest.mark.parametrize(("differ", "outcome"), [(0, PASS), (50, INCONCLUSIVE), (200, FAIL)])
def test_a_shadow_is_asked_how_often_it_disagrees(differ, outcome):
    candidate = counts(compared=1000, disagreements=differ)
    judgement = judge(Judge(max_disagreement=0.05), candidate, LIVE, shadow=True)
    assert found(judgement, "disagreement").outcome is outcome
    checks = [finding.check for finding in judge(Judge(max_disagreement=0.05), candidate, LIVE).findings]
    assert "disagreement" not in checks
    assert judge(Judge(), candidate, LIVE, shadow=True).outcome is PASS


def test_what_was_found_elsewhere_counts():
    worse = Finding(check="bookings", outcome=FAIL, reason="bookings fell")
    judgement = judge(Judge(), counts(), LIVE, others=(worse,))
    assert (judgement.outcome, judgement.reason) == (FAIL, "bookings fell")


BOOKINGS = "shop:bookings"


@pytest.mark.parametrize(
    ("limits", "candidate", "live", "outcome"),
    [
        ({"at_least": 10}, 10.0, None, PASS),
        ({"at_least": 10}, 9.0, None, FAIL),
        ({"at_most": 10}, 10.0, None, PASS),
        ({"at_most": 10}, 11.0, None, FAIL),
        ({"max_drop": 0.1}, 90.0, 100.0, PASS),
        ({"max_drop": 0.1}, 89.0, 100.0, FAIL),
        ({"max_drop": 0.1}, -112.0, -100.0, FAIL),
        ({"max_drop": 0.1, "at_least": 95}, 94.0, 100.0, FAIL),
        ({"max_drop": 0.1}, 90.0, None, INCONCLUSIVE),
        ({"max_drop": 0.1}, 90.0, math.nan, INCONCLUSIVE),
        ({"at_least": 10}, None, 100.0, INCONCLUSIVE),
        ({"at_least": 10}, math.nan, 100.0, INCONCLUSIVE),
        ({"at_most": 10}, math.inf, 100.0, INCONCLUSIVE),
    ],
)
def test_a_business_metric_is_held_against_its_limits(limits, candidate, live, outcome):
    finding = business(BusinessMetric("bookings", BOOKINGS, **limits), candidate, live)
    assert finding.outcome is outcome
    assert finding.reason.startswith("bookings ")


def test_a_business_metric_without_a_limit_or_a_source_is_refused():
    with pytest.raises(SpecError, match=r"BusinessMetric\('bookings'\): a metric without a limit decides nothing"):
        BusinessMetric("bookings", BOOKINGS)
    with pytest.raises(SpecError, match=r"Expected 'package.module:name'"):
        BusinessMetric("bookings", "sum(bookings)", at_least=1)
    assert BusinessMetric("bookings", "sum(bookings)", "http://prometheus:9090", at_least=1)


def test_the_interval_of_a_share_of_nothing_is_everything():
    assert share_interval(0, 0, 0.95) == (0.0, 0.0, 1.0)


def test_the_intervals_are_those_of_the_literature():
    """Newcombe (1998), the table of examples, method 10: 56/70 and 48/80."""
    span = difference_interval(share_interval(56, 70, 0.95), share_interval(48, 80, 0.95))
    assert [round(value, 4) for value in span] == [0.2, 0.0524, 0.3339]


@given(part=st.integers(0, 500), more=st.integers(0, 500), confidence=st.floats(0.5, 0.999))
def test_a_share_lies_in_its_interval(part, more, confidence):
    share, low, high = share_interval(part, part + more, confidence)
    assert 0 <= low <= share + 1e-12
    assert share <= high + 1e-12 <= 1 + 1e-9


def test_a_quantile_is_somewhere_in_its_bin():
    value, low, high = quantile_interval({edge(0.02): 1000}, 0.5, 0.95)
    below = SECONDS_EDGES[SECONDS_EDGES.index(float(edge(0.02))) - 1]
    assert below < low < value < high <= float(edge(0.02))
    assert quantile_interval({}, 0.5, 0.95) is None


def test_a_quantile_above_all_edges_and_one_of_too_few_values_are_infinite():
    assert quantile_interval({"+Inf": 100}, 0.5, 0.95)[0] == math.inf
    assert quantile_interval({edge(0.02): 10}, 0.95, 0.95)[2] == math.inf
    assert quantile_interval({str(SECONDS_EDGES[0]): 10}, 0.5, 0.95)[0] == pytest.approx(SECONDS_EDGES[0] / 2)


def test_answers_slower_than_every_bin_are_too_slow():
    stuck = counts().model_copy(update={"seconds": {"+Inf": 1000}})
    judgement = judge(Judge(), stuck, LIVE)
    assert found(judgement, "p95").outcome is FAIL
    assert found(judgement, "p95").measured is None


def test_distances_of_the_same_and_of_disjoint_histograms():
    assert distance({"0.1": 500}, {"0.1": 100}) == 0.0
    assert distance({"0.1": 500}, {"0.9": 500}) > 0.9
    assert distance({}, {"0.1": 5}) == distance({"0.1": 5}, {}) == 0.0
    assert distance({"nan": 500, "a": 3}, {"a": 500}) > 0.8


def test_chance_alone_is_no_distance():
    """Two samples of the same distribution are called distant less often than one time in a hundred."""
    rng = random.Random(7)
    alarms = 0
    for _ in range(300):
        a, b = ([f"{rng.betavariate(2, 5):.2f}" for _ in range(200)] for _ in range(2))
        alarms += distance(histogram(a), histogram(b)) > 0.1
    assert alarms <= 3


def histogram(values):
    return {value: values.count(value) for value in set(values)}


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300))
def test_no_false_pass_a_version_that_failed_more_than_the_limit_never_passes(errors, live_errors, requests):
    errors, live_errors = min(errors, requests), min(live_errors, requests)
    judgement = judge(Judge(min_requests=1), counts(requests, errors=errors), counts(requests, errors=live_errors))
    if (errors - live_errors) / requests > 0.02:
        assert found(judgement, "errors").outcome is not PASS


def test_the_judge_seldom_errs():
    """Windows as they happen: equal versions seldom fail, ones with 8 % more errors seldom pass."""
    rng = random.Random(3)

    def errors(rate, n=400):
        return sum(rng.random() < rate for _ in range(n))

    wrongly_failed = wrongly_passed = 0
    for _ in range(200):
        good = judge(Judge(), counts(400, errors=errors(0.01)), counts(400, errors=errors(0.01)))
        bad = judge(Judge(), counts(400, errors=errors(0.09)), counts(400, errors=errors(0.01)))
        wrongly_failed += found(good, "errors").outcome is FAIL
        wrongly_passed += found(bad, "errors").outcome is PASS
    assert wrongly_failed <= 2
    assert wrongly_passed == 0
