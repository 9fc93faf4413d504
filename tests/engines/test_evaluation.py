import numpy as np
import polars as pl
import pytest

from taxiway.core.errors import SpecError
from taxiway.core.evaluation import QUANTILES
from taxiway.core.specs.evaluation import Evaluation
from taxiway.engines.alignment import Gathered, align
from taxiway.engines.evaluation import measure, slices
from taxiway.engines.flavours import Prediction

METRICS = ("roc_auc", "log_loss", "accuracy")
ASKED = Evaluation("late", metrics=METRICS, min_slice_rows=20)


def said(values, scores=None, classes=()):
    return Prediction(np.asarray(values), None if scores is None else np.asarray(scores, dtype=float), classes)


def gathered(*predictions):
    one = Gathered()
    for prediction in predictions:
        one.add(prediction, len(prediction.values))
    return one


def flights(rows=300, seed=0):
    """A target, and two models' answers about it."""
    random = np.random.default_rng(seed)
    late = random.random(rows) < 0.4
    scores = [np.clip(late * gain + random.random(rows) * (1 - gain), 0, 1) for gain in (0.3, 0.2)]
    models = [gathered(said(score > 0.5, score, (False, True))) for score in scores]
    return pl.Series("late", late), models


def test_a_first_model_has_measures_with_intervals_and_no_differences():
    target, models = flights()
    truth, answers = align(target, models[:1], None)
    found = measure(truth, answers, METRICS, resamples=60)
    assert [one.metric for one in found.candidate] == ["roc_auc", "log_loss", "accuracy"]
    for one in found.candidate:
        assert one.low < one.value < one.high
        assert one.rows == 300
    assert found.champion == found.differences == ()


def test_a_candidate_and_its_champion_are_compared_on_the_same_resamples():
    target, models = flights()
    found = measure(*align(target, models, None), METRICS, resamples=60)
    for ours, theirs, difference in zip(found.candidate, found.champion, found.differences, strict=True):
        assert difference.value == pytest.approx(ours.value - theirs.value)
        assert len(difference.quantiles) == len(QUANTILES)
        assert list(difference.quantiles) == sorted(difference.quantiles)


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    truth, answers = align(*flights(), None)
    again = align(*flights(), None)
    assert measure(truth, answers, METRICS, resamples=60) == measure(*again, METRICS, resamples=60)
    assert (
        measure(truth, answers, METRICS, resamples=60).differences
        != measure(truth, answers, METRICS, resamples=60, seed=9).differences
    )


def test_batches_give_what_all_rows_at_once_give():
    target, _ = flights()
    score = np.linspace(0, 1, 300)
    whole = gathered(said(score > 0.5, score, (False, True)))
    parts = gathered(*(said(part > 0.5, part, (False, True)) for part in np.array_split(score, 7)))
    assert measure(*align(target, [whole], None), METRICS, resamples=60) == measure(
        *align(target, [parts], None), METRICS, resamples=60
    )


def test_models_may_list_their_classes_in_different_orders():
    target = pl.Series("late", ["no", "yes", "no", "yes"] * 20)
    score = np.tile([0.1, 0.9, 0.4, 0.8], 20)
    one = gathered(said(np.where(score > 0.5, "yes", "no"), score, ("no", "yes")))
    two = gathered(said(np.where(score > 0.5, "yes", "no"), 1 - score, ("yes", "no")))
    found = measure(*align(target, [one, two], "yes"), METRICS, resamples=60)
    assert [difference.value for difference in found.differences] == [0, 0, 0]
    assert found.candidate[0].value == 1


def test_labels_of_numbers_and_of_booleans_are_the_same_labels():
    target, _ = flights()
    score = np.linspace(0, 1, 300)
    booleans = gathered(said(score > 0.5, score, (False, True)))
    numbers = gathered(said((score > 0.5).astype(int), score, (0, 1)))
    found = measure(*align(target, [booleans, numbers], None), METRICS, resamples=60)
    assert [difference.value for difference in found.differences] == [0, 0, 0]


def test_a_class_the_model_never_saw_counts_against_it():
    target = pl.Series("size", ["s", "m", "xl", "s", "m"] * 10)
    known = gathered(said(["s", "m", "s", "s", "m"] * 10, np.tile([0.2, 0.8, 0.1, 0.1, 0.9], 10), ("m", "s")))
    asked, resamples = ("accuracy",), 0
    truth, answers = align(target, [known], None)
    assert truth.classes == ("m", "s", "xl")
    assert measure(truth, answers, asked, resamples=resamples).candidate[0].value == pytest.approx(0.8)


def test_a_target_the_model_knows_nothing_of_is_refused():
    with pytest.raises(SpecError, match=r"does not hold what the model predicts.*Expected some of 0, 1.*'no'"):
        align(pl.Series("late", ["yes", "no"]), [gathered(said([0, 1], [0.1, 0.9], (0, 1)))], None)


def test_a_positive_class_that_does_not_exist_is_refused():
    target, models = flights()
    with pytest.raises(SpecError, match=r"no such class.*one of False, True.*'yes'"):
        align(target, models, "yes")


def test_answers_that_are_not_one_per_row_are_refused():
    with pytest.raises(SpecError, match="one answer per row"):
        Gathered().add(said([1, 2]), 3)


def test_one_class_alone_is_said_and_the_rest_is_still_measured():
    score = np.linspace(0, 1, 50)
    model = gathered(said(score > 0.5, score, (False, True)))
    found = measure(*align(pl.Series("late", [True] * 50), [model, model], None), METRICS, resamples=60)
    auc, loss, accuracy = found.candidate
    assert auc.value is loss.value is None
    assert "one class, True" in auc.note
    assert accuracy.value == 0.5
    assert found.differences[0].value is None
    assert found.differences[0].quantiles == ()


def test_nan_scores_are_never_a_number():
    target, _ = flights()
    score = np.linspace(0, 1, 300)
    score[7] = np.nan
    found = measure(*align(target, [gathered(said(score > 0.5, score, (False, True)))], None), METRICS, resamples=60)
    assert found.candidate[0].value is None
    assert found.candidate[0].note == "the model gave NaN or infinity for 1 of 300 rows"


def test_a_single_row_has_no_interval():
    model = gathered(said([2.0]))
    asked, resamples = ("mean_absolute_error",), 1000
    found = measure(*align(pl.Series("delay", [1.0]), [model], None), asked, resamples=resamples).candidate[0]
    assert (found.value, found.low, found.high, found.rows) == (1.0, None, None, 1)


def test_a_metric_of_ones_own_is_resampled_on_the_same_rows():
    asked, resamples = ("accuracy", "own_code:mean_agreement"), 60
    truth, answers = align(*flights(), None)
    accuracy, own = measure(truth, answers, asked, resamples=resamples).candidate
    assert (own.value, own.low, own.high) == pytest.approx((accuracy.value, accuracy.low, accuracy.high))


def test_a_metric_of_ones_own_over_many_rows_takes_fewer_resamples_and_says_so():
    rows = 250_000
    late = np.arange(rows) % 2
    model = gathered(said(late, late, (0, 1)))
    asked, resamples = ("own_code:mean_agreement",), 100
    found = measure(*align(pl.Series("late", late), [model], None), asked, resamples=resamples).candidate[0]
    assert found.note == "the interval is from 80 resamples"


def test_a_metric_of_ones_own_must_give_a_number():
    asked, resamples = ("own_code:words",), 1000
    with pytest.raises(SpecError, match=r"must give one number.*'good'"):
        measure(*align(*flights(), None), asked, resamples=resamples)


def test_slices_are_measured_level_by_level_the_largest_first():
    target, models = flights(300)
    carrier = pl.Series("carrier", ["UA"] * 150 + ["AA"] * 100 + [None] * 40 + ["ZZ"] * 10)
    truth, answers = align(target, models, None)
    found = list(slices(truth, answers, carrier, ASKED))
    assert [(one.level, one.rows) for one in found] == [("UA", 150), ("AA", 100), ("(missing)", 40)]
    alone = measure(*align(target[:150], flights_of(models, 150), None), METRICS, resamples=60)
    assert [one.value for one in found[0].measures] == pytest.approx([one.value for one in alone.candidate])
    assert len(found[0].champion) == 3


def flights_of(models, rows):
    whole = [one.answers((False, True)) for one in models]
    return [gathered(said(one.codes[:rows] == 1, one.scores[:rows, 1], (False, True))) for one in whole]


def test_a_slice_with_too_many_levels_is_refused():
    target, models = flights(6_000)
    truth, answers = align(target, models, None)
    column = pl.Series("flight", np.arange(6_000) // 20)
    with pytest.raises(SpecError, match="too many levels"):
        list(slices(truth, answers, column, ASKED))
