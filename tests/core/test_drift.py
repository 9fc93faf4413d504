import pytest

from taxiway.core.drift import SHOWN, Asks, ColumnDrift, DriftTest, Fault, judge, judge_column, ranked, score
from taxiway.core.outcomes import Outcome

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def column(name="delay", outcome=FAIL, effect=0.5, **changes):
    found = DriftTest(asks=Asks.VALUES, p=0.001, effect=effect, outcome=outcome)
    return ColumnDrift(**{"name": name, "role": "input", "outcome": outcome, "findings": (found,), **changes})


@pytest.mark.parametrize(
    ("found", "said"),
    [([PASS, FAIL], FAIL), ([PASS, INCONCLUSIVE], PASS), ([INCONCLUSIVE], INCONCLUSIVE), ([], INCONCLUSIVE)],
)
def test_a_column_drifts_if_any_test_says_so(found, said):
    assert judge_column(DriftTest(asks=Asks.VALUES, outcome=one) for one in found) is said


def test_a_report_fails_for_drift_and_for_broken_data_but_not_for_a_new_column():
    fine, drifted = column(outcome=PASS), column()
    assert judge([fine, drifted], []) is FAIL
    assert judge([fine], [Fault(column="x", what="type")]) is FAIL
    assert judge([fine], [Fault(column="x", what="new")]) is PASS
    assert judge([], []) is INCONCLUSIVE


def test_the_score_weighs_what_drifted_by_importance():
    moved, still = column(effect=3.0, weight=3.0), column("hour", PASS, 0.01, weight=1.0)
    answer = column("prediction", role="prediction", weight=100.0)
    assert score([moved, still, answer]) == 0.75
    assert score([answer]) is None


def test_the_most_remarkable_columns_come_first_and_there_is_an_end_of_them():
    columns = [column(f"c{n:03}", effect=n / 1000) for n in range(SHOWN + 9)]
    shown = ranked([column("still", PASS, 9.0), *columns])
    assert len(shown) == SHOWN
    assert shown[0].name == f"c{SHOWN + 8:03}"
    assert "still" not in {one.name for one in shown}
