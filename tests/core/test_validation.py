import pytest

import samples
from taxiway.core.errors import SpecError
from taxiway.core.outcomes import Outcome
from taxiway.core.validation import CheckResult, ValidationReport, judge, require_valid

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def check(outcome, severity="error", **changes):
    failed = 3 if outcome is FAIL else 0
    values = {"check": "hour: in_range(0, 23)", "column": "hour", "severity": severity, "outcome": outcome}
    return CheckResult(**{**values, "failed": failed, "rate": failed / 100, **changes})


def report(*checks, rows=100):
    outcome = judge(checks, rows)
    return ValidationReport(dataset=samples.dataset_ref(), outcome=outcome, rows=rows, columns={}, checks=checks)


@pytest.mark.parametrize(
    ("checks", "rows", "outcome"),
    [
        ((), 100, PASS),
        ((), 0, INCONCLUSIVE),
        ((check(PASS),), 0, INCONCLUSIVE),
        ((check(PASS), check(PASS)), 100, PASS),
        ((check(PASS), check(FAIL, "warning")), 100, PASS),
        ((check(FAIL, "warning"),), 100, PASS),
        ((check(PASS), check(INCONCLUSIVE)), 100, INCONCLUSIVE),
        ((check(INCONCLUSIVE), check(FAIL)), 100, FAIL),
    ],
)
def test_a_report_is_as_good_as_its_worst_error(checks, rows, outcome):
    assert judge(checks, rows) is outcome


def test_valid_data_is_given_back():
    assert require_valid(report(check(PASS))) == samples.dataset_ref()


def test_broken_data_is_refused_with_counts_and_samples():
    with pytest.raises(SpecError) as caught:
        require_valid(report(check(FAIL, samples=("24", "25", "26", "27"))))
    assert str(caught.value) == (
        "dataset 'flights' at file:///lake/flights/: the data contract is broken. "
        "Got hour: in_range(0, 23): 3 of 100 rows (3.00%), e.g. 24, 25, 26. "
        "Mend the data, or change the contract if the data is right."
    )


def test_a_check_that_could_not_be_asked_says_why():
    with pytest.raises(SpecError, match=r"hour: in_range\(0, 23\): the column is gone"):
        require_valid(report(check(INCONCLUSIVE, note="the column is gone")))
    with pytest.raises(SpecError, match=r"in_range\(0, 23\): inconclusive"):
        require_valid(report(check(INCONCLUSIVE)))


def test_failures_without_samples_still_have_counts():
    with pytest.raises(SpecError, match=r"3 of 100 rows \(3\.00%\)\. Mend"):
        require_valid(report(check(FAIL)))


def test_of_many_broken_checks_the_first_five_are_told():
    with pytest.raises(SpecError, match="; and 4 more"):
        require_valid(report(*(check(FAIL, check=f"c{i}") for i in range(9))))


def test_data_without_rows_is_not_valid():
    with pytest.raises(SpecError, match=r"the dataset has no rows\. Got 0 rows"):
        require_valid(report(rows=0))


def test_warnings_are_not_told_as_errors():
    with pytest.raises(SpecError) as caught:
        require_valid(report(check(FAIL, "warning", check="only odd"), check(FAIL, check="broken")))
    assert "only odd" not in str(caught.value)
