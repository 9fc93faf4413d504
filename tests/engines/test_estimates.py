"""What is told about a model before the truth arrives, held against the truth."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy import special

from taxiway.core.evaluation import Measure
from taxiway.core.performance import Baseline
from taxiway.core.profiles import Profile, merge
from taxiway.engines.baselines import answered, baseline, text
from taxiway.engines.estimates import estimate
from taxiway.engines.evaluation import measure
from taxiway.engines.metrics import Answers, Truth
from taxiway.engines.profiles import profile

BINARY = ("roc_auc", "log_loss", "accuracy", "f1", "precision", "recall", "brier_score", "average_precision")
NUMBERS = ("mean_absolute_error", "neg_mean_absolute_error", "mean_squared_error", "root_mean_squared_error")


def binary(rows=20_000, seed=0, centre=0.0, honesty=1.0):
    """A classifier that is as sure as it should be, on rows around `centre`; the further away, the easier they are."""
    random = np.random.default_rng(seed)
    x = random.normal(centre, 1.0, rows)
    true = special.expit(1.5 * x)
    truth = Truth(None, (random.random(rows) < true).astype(np.int32), (False, True))
    score = special.expit(1.5 * honesty * x)
    codes = (score > 0.5).astype(np.int32)
    return truth, Answers(None, codes, np.column_stack([1 - score, score]))


def several(rows=20_000, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    logits = random.normal(0, scale, (rows, 3))
    odds = special.softmax(logits, axis=1)
    truth = (odds.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1).astype(np.int32)
    return Truth(None, truth, ("a", "b", "c")), Answers(None, odds.argmax(axis=1).astype(np.int32), odds)


def numbers(rows=20_000, seed=0, centre=0.0):
    """A regressor whose error grows with its answer."""
    random = np.random.default_rng(seed)
    answer = np.exp(random.normal(centre, 0.5, rows))
    return Truth(answer + answer * random.normal(0, 0.3, rows)), Answers(answer)


def base(made, metrics):
    truth, answers = made
    found = measure(truth, [answers], metrics, resamples=0, seed=0).candidate
    return baseline(truth, answers, found, classes=truth.classes)


def seen(at: Baseline, made) -> Profile:
    truth, answers = made
    said = answered(truth.classes, truth.classes, answers)
    return profile(said.lazy(), at.answers, outputs={role: role for role in said.columns})


def real(made, name):
    return measure(made[0], [made[1]], (name,), resamples=0, seed=0).candidate[0].value


def told(at, made, metrics):
    return {one.metric: one for one in estimate(at, seen(at, made), metrics)}


@pytest.mark.parametrize("centre", [0.0, 0.7, -1.0])
@pytest.mark.parametrize("honesty", [1.0, 2.5], ids=["calibrated", "too sure"])
def test_a_classifier_is_estimated_where_its_rows_have_moved(centre, honesty):
    at = base(binary(honesty=honesty), BINARY)
    window = binary(5000, 1, centre, honesty)
    for name, one in told(at, window, BINARY).items():
        assert one.low <= real(window, name) <= one.high, name
        assert one.high - one.low < 0.25
        assert one.rows == 5000


def test_it_does_not_matter_which_of_two_classes_is_the_positive_one():
    truth, answers = binary()
    at = base((dataclasses.replace(truth, positive=0), answers), BINARY)
    moved, said = binary(5000, 1, 0.7)
    window = (dataclasses.replace(moved, positive=0), said)
    assert (at.positive, at.scored) == ("false", "true")
    for name, one in told(at, window, BINARY).items():
        assert one.low <= real(window, name) <= one.high, name


def test_harder_rows_are_told_from_easier_ones():
    at = base(binary(), ("accuracy",))
    easy, same = (told(at, binary(5000, 2, centre), ("accuracy",))["accuracy"].value for centre in (2.0, 0.0))
    assert same == pytest.approx(real(binary(), "accuracy"), abs=0.01)
    assert easy > same + 0.08


def test_the_estimate_for_the_very_rows_it_was_evaluated_on_is_what_was_measured():
    made = binary()
    at = base(made, BINARY)
    for name, one in told(at, made, BINARY).items():
        assert one.value == pytest.approx(real(made, name), abs=1e-9)


def test_the_accuracy_among_several_classes_is_estimated_and_nothing_else():
    at = base(several(), ("accuracy", "log_loss"))
    window = several(5000, 1, scale=2.0)
    found = told(at, window, ("accuracy", "log_loss"))
    assert found["accuracy"].low <= real(window, "accuracy") <= found["accuracy"].high
    assert found["log_loss"].value is None
    assert found["log_loss"].note == "of several classes only accuracy can be estimated"


@pytest.mark.parametrize("centre", [0.0, 0.5])
def test_a_regressor_is_estimated_where_its_answers_have_moved(centre):
    at = base(numbers(), NUMBERS)
    window = numbers(5000, 1, centre)
    for name, one in told(at, window, NUMBERS).items():
        assert one.value == pytest.approx(real(window, name), rel=0.35), name
    mean = told(at, window, NUMBERS)["mean_absolute_error"]
    assert mean.low <= real(window, "mean_absolute_error") <= mean.high


@pytest.mark.parametrize(
    ("made", "metric", "note"),
    [
        (binary(), "r2", "the model gives classes"),
        (binary(), "my.code:metric", "a metric of your own cannot be estimated"),
        (numbers(), "accuracy", "the model gives numbers"),
        (numbers(), "r2", "of numbers only means of errors can be estimated"),
        (binary(300), "roc_auc", "it was evaluated on 300 rows, it takes 500"),
    ],
)
def test_what_cannot_be_estimated_says_why(made, metric, note):
    at = baseline(*made, (Measure(metric=metric, value=0.5),), classes=made[0].classes)
    found = estimate(at, seen(at, binary(500) if made[0].classes else numbers(500)), (metric,))
    assert (found[0].value, found[0].note) == (None, note)


def test_a_model_without_probabilities_is_not_estimated():
    truth, answers = binary(1000)
    at = baseline(truth, Answers(None, answers.codes), (Measure(metric="accuracy", value=0.7),))
    assert estimate(at, Profile(rows=0, columns=()), ("accuracy",))[0].note == "the model gives no probabilities"


def test_few_answers_are_not_estimated():
    at = base(binary(), ("roc_auc",))
    assert told(at, binary(50), ("roc_auc",))["roc_auc"].note == "there are 50 answers, it takes 100"


def test_answers_that_are_all_alike_and_sure_are_nearly_all_right():
    at = base(binary(), ("accuracy",))
    window = binary(2000, 1, centre=9.0)
    assert told(at, window, ("accuracy",))["accuracy"].value == pytest.approx(real(window, "accuracy"), abs=0.05)


def test_a_metric_that_was_not_measured_is_not_estimated():
    at = base(binary(), ("f1",))
    assert told(at, binary(500), ("roc_auc",))["roc_auc"].note == "it is not defined for these answers"


def test_windows_that_are_added_are_estimated_like_one():
    at = base(binary(), ("roc_auc",))
    parts = [seen(at, binary(2000, seed)) for seed in (1, 2)]
    assert estimate(at, merge(parts), ("roc_auc",))[0].rows == 4000


def test_a_baseline_says_how_sure_it_was_and_how_often_it_was_right():
    truth, answers = binary(2000)
    at = base((truth, answers), ("accuracy",))
    assert [one.label for one in at.hits] == ["false", "true"]
    assert sum(map(sum, (one.rows for one in at.hits))) == 2000
    assert sum(map(sum, (one.hits for one in at.hits))) == int(truth.codes.sum())
    assert at.positive == "true"
    assert [(one.role, one.name) for one in at.answers.columns] == [("prediction", "prediction"), ("score", "score")]
    assert not at.answers.whole


def test_a_baseline_of_numbers_says_how_far_off_it_was():
    truth, answers = numbers(2000)
    at = base((truth, answers), NUMBERS)
    assert sum(at.misses.rows) == 2000
    assert sum(at.misses.absolute) / 2000 == pytest.approx(real((truth, answers), "mean_absolute_error"))
    assert at.hits == ()


def test_labels_are_written_as_polars_writes_them():
    for labels in ([True, False], [1, 2], [1.5, 2.0], ["a", "b"]):
        assert [text(label) for label in labels] == pl.Series(labels).cast(pl.String).to_list()
