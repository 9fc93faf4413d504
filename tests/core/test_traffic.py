import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core import traffic
from taxiway.core.traffic import PREDICTION_EDGES, SECONDS_EDGES, prediction_edge


def test_the_bins_of_the_latency_are_fine_enough_to_see_a_third_more():
    assert all(1 < after / before < 1.27 for before, after in pairwise(SECONDS_EDGES))
    assert (SECONDS_EDGES[0], round(SECONDS_EDGES[-1])) == (0.0005, 28)


def test_the_bins_of_predictions_rise_and_are_the_same_below_zero():
    assert list(PREDICTION_EDGES) == sorted(set(PREDICTION_EDGES))
    assert tuple(-edge for edge in reversed(PREDICTION_EDGES)) == PREDICTION_EDGES
    assert PREDICTION_EDGES[-1] > 1e9


@pytest.mark.parametrize(("value", "edge"), [(0.0, 0.0), (0.01, 0.05), (0.05, 0.05), (-0.01, 0.0), (1.05, 1.1)])
def test_a_prediction_belongs_to_the_bin_below_its_edge(value, edge):
    assert prediction_edge(value) == edge


def test_what_is_larger_than_all_edges_has_infinity_above_it():
    assert prediction_edge(1e12) == math.inf


@given(st.floats(-1e9, 1e9))
def test_every_prediction_lies_at_or_below_the_edge_of_its_bin_and_above_the_one_before(value):
    at = PREDICTION_EDGES.index(prediction_edge(value))
    assert value <= PREDICTION_EDGES[at]
    assert at == 0 or value > PREDICTION_EDGES[at - 1]


def test_a_key_has_its_place_and_another_service_gives_it_another():
    places = [traffic.place_of(f"customer-{number}", "flights") for number in range(2000)]
    assert places == [traffic.place_of(f"customer-{number}", "flights") for number in range(2000)]
    assert all(0 <= place < 100 for place in places)
    assert 400 < sum(place < 25 for place in places) < 600
    others = [traffic.place_of(f"customer-{number}", "hotels") for number in range(2000)]
    assert 80 < sum(place < 25 and other < 25 for place, other in zip(places, others, strict=True)) < 170
    assert traffic.place_of("\ud800", "flights") != traffic.place_of("", "flights")
