"""The tests keep their word: how often they cry wolf, and what they see."""

import numpy as np
import pytest
from scipy import stats

from taxiway.engines.twosample import Answer, adjusted, in_order, rise, share, without_order

ALIKE = Answer(1.0, 0.0)


def binned(values, edges):
    return tuple(np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).tolist())


def two(random, shift=0.0, rows=1000, scale=1.0):
    a, b = random.normal(size=rows), random.normal(shift, scale, rows)
    edges = np.quantile(a, np.arange(1, 20) / 20)
    return binned(a, edges), binned(b, edges)


def test_without_a_difference_it_is_called_one_as_often_as_it_says():
    random = np.random.default_rng(0)
    chances = [in_order(*two(random)).p for _ in range(1500)]
    for alpha in (0.01, 0.05, 0.2):
        assert np.mean([p < alpha for p in chances]) < alpha + 3 * np.sqrt(alpha * (1 - alpha) / 1500)
    assert np.mean([p < 0.05 for p in chances]) > 0.02, "it is not merely silent"


@pytest.mark.parametrize("rows", [500, 5000, 50_000])
@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
def test_the_distance_of_a_shift_is_the_shift_at_any_number_of_rows(rows, shift):
    random = np.random.default_rng(1)
    found = np.mean([in_order(*two(random, shift, rows)).effect for _ in range(30)])
    assert found == pytest.approx(shift, abs=0.04 if rows > 500 else 0.06)


def test_a_change_of_spread_and_a_heap_at_one_value_are_seen():
    random = np.random.default_rng(2)
    assert in_order(*two(random, scale=1.3)).p < 1e-3
    a, b = two(random)
    heaped = list(b)
    heaped[10] += 150
    assert in_order(a, tuple(heaped)).p < 1e-3


def test_the_first_component_is_the_test_of_kruskal_and_wallis(monkeypatch):
    from taxiway.engines import twosample

    monkeypatch.setattr(twosample, "_COMPONENTS", 1)
    random = np.random.default_rng(3)
    a, b = two(random, 0.1)
    ranks = np.arange(len(a))
    theirs = stats.kruskal(np.repeat(ranks, a), np.repeat(ranks, b))
    assert twosample._smooth(np.array([a, b])).p == pytest.approx(theirs.pvalue, rel=0.02)


def test_levels_are_compared_by_the_contingency_test_of_scipy():
    table = [[50, 30, 20], [30, 40, 30]]
    assert without_order(*table).p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)


def test_rare_levels_are_joined():
    before, now = [500, 490, *[1] * 10], [500, 500, *[0] * 10]
    joined = stats.chi2_contingency([[500, 490, 10], [500, 500, 0]], correction=False)
    assert without_order(before, now).p == pytest.approx(joined.pvalue)


@pytest.mark.parametrize(
    ("before", "now"),
    [((0, 0), (0, 0)), ((5, 0), (0, 0)), ((0, 0), (9, 1)), ((10,), (20,)), ((10, 0), (99, 0)), ((0,) * 24, (0,) * 24)],
)
def test_nothing_to_compare_is_no_difference(before, now):
    assert in_order(before, now) == ALIKE
    assert without_order(before, now) == ALIKE


def test_a_few_are_compared_exactly():
    assert share((0, 1000), (3, 1000)).p == pytest.approx(stats.fisher_exact([[0, 1000], [3, 997]]).pvalue)
    assert share((100, 1000), (200, 1000)).p < 1e-9
    assert share((0, 1000), (0, 500)) == ALIKE
    assert share((7, 7), (9, 9)) == ALIKE


def test_only_a_rise_is_a_rise():
    assert rise((10, 1000), (40, 1000)).p < 1e-4
    assert rise((40, 1000), (10, 1000)).p > 0.99
    assert rise((0, 0), (5, 10)).p == 1.0


def test_many_questions_make_each_answer_less_sure():
    assert adjusted([0.01, 0.02, 0.5]) == pytest.approx([0.03, 0.03, 0.5])
    assert adjusted([]) == []


def test_hundreds_of_millions_of_rows_are_no_trouble():
    big = [10**8] * 20
    assert in_order(big, [10**8 + 10] * 20).effect < 1e-3
