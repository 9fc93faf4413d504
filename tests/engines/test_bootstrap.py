import numpy as np
import pytest

from taxiway.engines.bootstrap import distributions, quantiles, resamples
from taxiway.engines.evaluation import measure
from taxiway.engines.metrics import Answers, Truth, statistic


def simulated(rows, seed, *, gap=1.0, noise=1.0):
    """A binary target and a score whose true AUC is known: normal distributions `gap` apart."""
    random = np.random.default_rng(seed)
    codes = (random.random(rows) < 0.4).astype(np.int32)
    score = gap * codes + noise * random.normal(size=rows)
    probability = 1 / (1 + np.exp(-score))
    said = (probability > 0.5).astype(np.int32)
    truth = Truth(codes.astype(float), codes, (0, 1))
    return truth, Answers(said.astype(float), said, np.column_stack([1 - probability, probability]))


def test_a_resample_draws_each_row_once_on_average_as_poisson_does():
    counts = np.concatenate(list(resamples(2_000, 500, seed=1)))
    assert counts.shape == (500, 2_000)
    assert counts.mean() == pytest.approx(1, abs=0.005)
    assert counts.var() == pytest.approx(1, abs=0.01)
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.005)


def test_the_same_seed_gives_the_same_resamples_and_another_seed_others():
    first, again, other = (np.concatenate(list(resamples(300, 40, seed=seed))) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_rows_than_a_block_holds_come_in_several_blocks():
    blocks = list(resamples(3_000_000, 3, seed=0))
    assert [block.shape for block in blocks] == [(1, 3_000_000)] * 3


def test_sums_and_rankings_are_resampled_alike():
    truth, answers = simulated(500, 3)
    names = ["roc_auc", "log_loss", "accuracy", "average_precision"]
    statistics = [statistic(name, truth, answers) for name in names]
    drawn = distributions(statistics, 500, 20, seed=5)
    one_by_one = [[one.of(line[None, :])[0] for block in resamples(500, 20, 5) for line in block] for one in statistics]
    np.testing.assert_allclose(drawn, one_by_one)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    truth, answers = simulated(4_000, 8)
    accuracy = (truth.codes == answers.codes).mean()
    drawn = distributions([statistic("accuracy", truth, answers)], 4_000, 4_000, seed=0)[0]
    assert drawn.std() == pytest.approx(np.sqrt(accuracy * (1 - accuracy) / 4_000), rel=0.05)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy"])
def test_the_interval_covers_the_truth_about_95_times_in_100(metric):
    from math import erf

    real = 0.5 * (1 + erf(1 / 2)) if metric == "roc_auc" else _accuracy()
    covered = 0
    for seed in range(300):
        truth, answers = simulated(400, seed)
        found = measure(truth, [answers], [metric], resamples=400).candidate[0]
        covered += found.low <= real <= found.high
    assert 0.92 <= covered / 300 <= 0.98


def _accuracy():
    truth, answers = simulated(2_000_000, 99)
    return float((truth.codes == answers.codes).mean())


def test_the_difference_of_equal_models_is_exactly_nothing():
    truth, answers = simulated(500, 1)
    found = measure(truth, [answers, answers], ["roc_auc", "log_loss"], resamples=50)
    for difference in found.differences:
        assert difference.value == 0
        assert set(difference.quantiles) == {0.0}


def test_pairing_sees_a_small_gain_that_separate_intervals_would_hide():
    truth, champion = simulated(2_000, 4)
    probability = np.clip(champion.scores[:, 1] + 0.01 * (truth.codes - 0.5), 0, 1)
    candidate = Answers(champion.values, champion.codes, np.column_stack([1 - probability, probability]))
    found = measure(truth, [candidate, champion], ["roc_auc"])
    assert found.differences[0].quantiles[0] > 0
    assert found.candidate[0].low < found.champion[0].value < found.candidate[0].high


def test_a_distribution_with_too_many_gaps_has_no_quantiles():
    draws = np.array([1.0] * 90 + [np.nan] * 10)
    assert quantiles(draws, (0.5,)) == ()
    assert quantiles(draws[:94], (0.5,)) == (1.0,)
    assert quantiles(np.empty(0), (0.5,)) == ()
