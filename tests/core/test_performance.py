import pytest

from core import journal
from taxiway.core.evaluation import Measure
from taxiway.core.performance import drop, track_record


def measure(metric="roc_auc", value=0.8, **changes):
    return Measure(**{"metric": metric, "value": value, "rows": 100, **changes})


def report(truth, estimate, low=None, high=None):
    return journal.performance_report(
        measures=(measure(value=truth),), estimates=(measure(value=estimate, low=low, high=high),)
    )


def test_the_record_says_how_good_the_estimates_turned_out():
    reports = [report(0.8, 0.7, 0.6, 0.9), report(0.6, 0.8, 0.7, 0.9), report(None, 0.8), report(0.5, None)]
    (track,) = track_record(reports)
    assert (track.metric, track.windows, track.inside) == ("roc_auc", 2, 1)
    assert (track.error, track.bias) == (pytest.approx(0.15), pytest.approx(-0.05))


def test_an_estimate_without_a_band_has_nothing_inside_it():
    assert track_record([report(0.8, 0.8)])[0].inside == 0


@pytest.mark.parametrize(
    ("name", "now", "fallen"),
    [
        ("roc_auc", measure(value=0.7, high=0.75), (0.1, 0.05)),
        ("roc_auc", measure(value=0.7), (0.1, 0.1)),
        ("log_loss", measure("log_loss", 0.9, low=0.85), (0.1, 0.05)),
        ("log_loss", measure("log_loss", 0.9), (0.1, 0.1)),
    ],
)
def test_a_drop_is_in_the_direction_that_is_worse_and_has_a_least(name, now, fallen):
    assert drop(name, now, {"roc_auc": 0.8, "log_loss": 0.8}) == pytest.approx(fallen)


def test_what_was_not_measured_did_not_drop():
    assert drop("roc_auc", None, {"roc_auc": 0.8}) is None
    assert drop("roc_auc", measure(value=None), {"roc_auc": 0.8}) is None
    assert drop("roc_auc", measure(), {}) is None
