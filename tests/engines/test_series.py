"""Jumps and trends are seen, and chance is not taken for either."""

import numpy as np
import pytest

from taxiway.core.anomalies import Change
from taxiway.engines.series import anomalies

RANDOM = np.random.default_rng(0)


def noise(count, sd=0.01, alike=0.0, seed=0):
    random = np.random.default_rng(seed)
    values, last = [], 0.0
    for step in random.normal(0, sd * np.sqrt(1 - alike**2), count):
        last = alike * last + step
        values.append(last)
    return np.array(values)


def found(values, name="roc_auc"):
    (one,) = anomalies({name: list(values)}) or (None,)
    return one


def test_a_jump_is_seen_at_once():
    one = found([*(0.8 + noise(20)), 0.6])
    assert (one.change, one.worse) == (Change.SUDDEN, True)
    assert one.by == pytest.approx(-0.2, abs=0.01)
    assert one.usual == pytest.approx(0.8, abs=0.01)


def test_a_jump_from_what_never_changed_is_seen():
    assert found([0.0] * 10 + [0.3], "missing delay").worse
    assert found([0.0] * 10 + [0.001], "missing delay") is None, "too small to be told"


def test_a_slow_change_is_seen_though_no_step_is_large():
    one = found(0.8 + noise(40) - np.linspace(0, 0.06, 40))
    assert (one.change, one.worse) == (Change.GRADUAL, True)
    assert one.by == pytest.approx(-0.06, abs=0.02)


@pytest.mark.parametrize("alike", [0.0, 0.5], ids=["independent", "each like the one before"])
def test_chance_is_seldom_taken_for_a_change(alike):
    cries = sum(found(0.8 + noise(48, alike=alike, seed=seed)) is not None for seed in range(400))
    assert cries <= 12, "3 %"


def test_a_metric_that_rises_is_a_change_for_the_better():
    assert found(0.8 + noise(40) + np.linspace(0, 0.06, 40)).worse is False


def test_few_values_say_nothing():
    assert found([0.8] * 7 + [0.1]) is None
    assert found([0.8] * 8 + [0.1]) is not None, "a jump needs eight before it"
    assert anomalies({}) == ()
    assert found([]) is None


def test_values_that_are_not_known_are_left_out():
    assert found([None] * 20) is None
    assert found([*([0.8, None] * 10), 0.5]).change is Change.SUDDEN
    assert found([*(0.8 + noise(20)), None]) is None


def test_rows_are_judged_by_shares_of_what_is_usual():
    assert found([1000.0] * 10 + [1100.0], "rows") is None
    assert found([1000.0] * 10 + [100.0], "rows").by == -900


def test_what_never_changes_has_no_trend():
    assert found([0.8] * 30) is None
