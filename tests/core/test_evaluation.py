import pytest

import samples
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import QUANTILES, Difference, quantile
from taxiway.core.metrics import METRICS, Needs, metric

LINE = Difference(metric="f1", value=0.5, quantiles=QUANTILES)


@pytest.mark.parametrize("p", [0.001, 0.0017, 0.3, 0.5, 0.94, 0.999])
def test_a_quantile_between_kept_points_lies_on_a_straight_line(p):
    assert quantile(LINE, p) == pytest.approx(p)


@pytest.mark.parametrize("p", [0.0, 0.0009, 0.9991, 1.0])
def test_a_quantile_outside_the_kept_points_is_not_known(p):
    assert quantile(LINE, p) is None


def test_a_quantile_of_nothing_is_not_known():
    assert quantile(Difference(metric="f1", value=None), 0.5) is None


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_quantile_is_asked_for_between_zero_and_one(p):
    with pytest.raises(ValueError, match=str(p)):
        quantile(LINE, p)


def test_a_report_gives_what_was_measured_by_name():
    report = samples.report_against_champion(0.1)
    assert report.measure("roc_auc").value == 0.8
    assert report.difference("roc_auc").value == 0.1
    assert report.measure("f1") is None
    assert report.difference("f1") is None


def test_every_metric_of_the_table_is_found_by_its_name():
    for name, row in METRICS.items():
        assert metric(name) is row
        assert row.name == name
        assert row.higher_is_better is not (name.startswith("mean_") or name.endswith(("loss", "error", "score"))) or (
            name.startswith(("neg_", "roc", "average", "balanced"))
        )


def test_a_metric_of_ones_own_compares_values_and_more_is_better():
    own = metric("shop.metrics:profit")
    assert (own.name, own.needs, own.higher_is_better) == ("shop.metrics:profit", Needs.VALUE, True)


@pytest.mark.parametrize(("name", "hint"), [("roc_acu", "Did you mean 'roc_auc'"), ("zzz", "Check the spelling")])
def test_an_unknown_metric_is_answered_with_the_nearest_one(name, hint):
    with pytest.raises(SpecError, match=hint):
        metric(name)


def test_a_metric_of_ones_own_must_be_importable_by_name():
    with pytest.raises(SpecError, match=r"package\.module:name"):
        metric("shop metrics:profit")
