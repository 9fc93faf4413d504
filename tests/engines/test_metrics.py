import warnings

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.preprocessing import label_binarize

from taxiway.core.metrics import METRICS, Needs
from taxiway.engines.metrics import Answers, Truth, statistic

ROWS = 400
VALUE = sorted(name for name, metric in METRICS.items() if metric.needs is Needs.VALUE)
LABEL = sorted(name for name, metric in METRICS.items() if metric.needs is Needs.LABEL)
SCORE = sorted(name for name, metric in METRICS.items() if metric.needs is Needs.SCORE)
PLAIN, COUNTS = "all rows alike", "resampling counts"


def weights(kind, seed=1):
    random = np.random.default_rng(seed)
    return {
        PLAIN: np.ones(ROWS),
        COUNTS: random.poisson(1, ROWS).astype(np.uint8),
        "fractions": random.random(ROWS),
    }[kind]


def ours(name, truth, answers, weight):
    found = statistic(name, truth, answers)
    assert not isinstance(found, str), found
    return found.of(weight[None, :])[0]


def theirs(name, *arguments, weight, **options):
    metric = METRICS[name]
    sign = -1 if name.startswith("neg_") else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = np.asarray(weight, dtype=float)
        return sign * getattr(reference, metric.sklearn)(*arguments, sample_weight=weight, **options)


def classes(count, *, ties=False, seed=2):
    random = np.random.default_rng(seed)
    true = random.integers(0, count, ROWS).astype(np.int32)
    raw = random.random((ROWS, count)) + 0.7 * (true[:, None] == np.arange(count))
    scores = raw / raw.sum(axis=1, keepdims=True)
    if ties:
        scores[:, 1] = scores[:, 1].round(1)
        scores[:, 0] = 1 - scores[:, 1]
    truth = Truth(true.astype(float), true, tuple(range(count)))
    codes = scores.argmax(axis=1).astype(np.int32)
    return truth, Answers(codes.astype(float), codes, scores)


@pytest.mark.parametrize("kind", [PLAIN, COUNTS, "fractions"])
@pytest.mark.parametrize("name", VALUE)
def test_metrics_of_numbers_agree_with_sklearn(name, kind):
    random = np.random.default_rng(3)
    true = random.normal(1000, 2, ROWS)
    said = true + random.normal(0, 1, ROWS).round(1)
    found = ours(name, Truth(true), Answers(said), weights(kind))
    expected = theirs(name, true, said, weight=weights(kind))
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", [PLAIN, COUNTS, "fractions"])
@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("name", LABEL)
def test_metrics_of_labels_agree_with_sklearn(name, count, kind):
    truth, answers = classes(count)
    options = {"average": "macro"} if count > 2 and name in ("precision", "recall", "f1") else {}
    expected = theirs(name, truth.codes, answers.codes, weight=weights(kind), **options)
    assert ours(name, truth, answers, weights(kind)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", [PLAIN, COUNTS, "fractions"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", SCORE)
def test_metrics_of_probabilities_agree_with_sklearn(name, ties, kind):
    truth, answers = classes(2, ties=ties)
    expected = theirs(name, truth.codes, answers.scores[:, 1], weight=weights(kind))
    assert ours(name, truth, answers, weights(kind)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", [PLAIN, COUNTS, "fractions"])
@pytest.mark.parametrize("name", SCORE)
def test_metrics_of_probabilities_of_several_classes_agree_with_sklearn(name, kind):
    truth, answers = classes(4)
    options = {"multi_class": "ovr"} if name == "roc_auc" else {}
    true = label_binarize(truth.codes, classes=range(4)) if name == "average_precision" else truth.codes
    expected = theirs(name, true, answers.scores, weight=weights(kind), **options)
    assert ours(name, truth, answers, weights(kind)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "precision", "recall", "f1"])
def test_the_positive_class_may_be_the_smaller_one(name):
    truth, answers = classes(2)
    other = Truth(truth.values, truth.codes, truth.classes, positive=0)
    said = answers.scores[:, 0] if METRICS[name].needs is Needs.SCORE else answers.codes
    true = truth.codes == 0 if METRICS[name].needs is Needs.SCORE else truth.codes
    options = {} if METRICS[name].needs is Needs.SCORE else {"pos_label": 0}
    expected = theirs(name, true, said, weight=np.ones(ROWS), **options)
    assert ours(name, other, answers, np.ones(ROWS)) == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_many_weightings_at_once_give_what_they_give_one_by_one(name):
    truth, answers = classes(3)
    many = np.stack([weights(COUNTS, seed) for seed in range(5)])
    found = statistic(name, truth, answers)
    np.testing.assert_allclose(found.of(many), [found.of(one[None, :])[0] for one in many])


@pytest.mark.parametrize("name", sorted({*SCORE, *LABEL} - {"accuracy"}))
def test_one_class_alone_is_not_measured(name):
    truth = Truth(np.ones(9), np.ones(9, dtype=np.int32), (0, 1))
    answers = Answers(np.ones(9), np.ones(9, dtype=np.int32), np.full((9, 2), 0.5))
    assert "9 rows are of one class, 1" in statistic(name, truth, answers)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_nan_predictions_are_counted_and_not_measured(name):
    truth, answers = classes(2)
    answers.scores[3] = np.nan
    answers.values[3] = np.nan
    found = statistic(name, truth, answers)
    if METRICS[name].needs is not Needs.LABEL:
        assert found == "the model gave NaN or infinity for 1 of 400 rows"


@pytest.mark.parametrize("name", sorted({*SCORE, *LABEL}))
def test_a_regressor_has_no_classes_to_measure(name):
    assert "not classes" in statistic(name, Truth(np.ones(3)), Answers(np.ones(3)))


def test_a_classifier_without_probabilities_is_not_ranked():
    truth, answers = classes(2)
    assert "no probabilities" in statistic("roc_auc", truth, Answers(answers.values, answers.codes))


@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_a_constant_target_explains_nothing(name):
    found = statistic(name, Truth(np.full(9, 1e6 + 0.1)), Answers(np.arange(9.0)))
    assert np.isnan(found.of(np.ones((1, 9)))[0])


def test_precision_without_a_positive_prediction_is_undefined_not_zero():
    truth, _ = classes(2)
    never = Answers(np.zeros(ROWS), np.zeros(ROWS, dtype=np.int32))
    assert np.isnan(ours("precision", truth, never, np.ones(ROWS)))
    assert ours("recall", truth, never, np.ones(ROWS)) == 0


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_resample_without_any_row_is_undefined(name):
    truth, answers = classes(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(ours(name, truth, answers, np.zeros(ROWS, dtype=np.uint8)))
