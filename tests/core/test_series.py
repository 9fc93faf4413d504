import pytest

from core.journal import column, drift_report, hour, measured, performance_report
from taxiway.core.drift import Asks, DriftTest
from taxiway.core.series import is_worse, of_drift_reports, of_performance_reports


def missing(effect):
    return DriftTest(asks=Asks.MISSING, p=0.1, effect=effect, outcome="pass")


def test_what_reports_count_becomes_series():
    reports = [
        drift_report(
            window=hour(n),
            rows=100 * n,
            score=n / 10,
            columns=(column("delay", missing(n / 10)), column("hour", missing(0.0))) if n else (),
            estimates=(measured(0.8 - n / 10),) if n < 2 else (),
        )
        for n in range(3)
    ]
    assert of_drift_reports(reports) == {
        "score": [0.0, 0.1, 0.2],
        "rows": [0.0, 100.0, 200.0],
        "missing delay": [None, 0.1, 0.2],
        "roc_auc": [0.8, pytest.approx(0.7), None],
    }


def test_a_column_that_was_not_asked_has_no_value():
    values = DriftTest(asks=Asks.VALUES, p=0.1, effect=0.5, outcome="pass")
    reports = [drift_report(columns=(column("delay", values),)), drift_report(columns=(column("delay", missing(0.3)),))]
    assert of_drift_reports(reports)["missing delay"] == [None, 0.3]


def test_what_was_measured_becomes_series():
    reports = [performance_report(coverage=0.5 + n / 10, measures=(measured(0.7),) * n) for n in range(2)]
    assert of_performance_reports(reports) == {"coverage": [0.5, 0.6], "roc_auc": [None, 0.7]}


@pytest.mark.parametrize(
    ("series", "by", "worse"),
    [
        ("roc_auc", -0.1, True),
        ("roc_auc", 0.1, False),
        ("roc_auc", 0.0, False),
        ("log_loss", 0.1, True),
        ("log_loss", -0.1, False),
        ("missing delay", 0.1, True),
        ("unknown levels carrier", -0.1, False),
        ("score", 0.1, True),
        ("coverage", -0.1, True),
        ("rows", 5, None),
        ("my.code:metric", 0.1, None),
    ],
)
def test_some_changes_are_for_the_worse(series, by, worse):
    assert is_worse(series, by) is worse
