"""From what a model says to what each request gets, and to what is counted."""

import numpy as np
import pytest

from taxiway.core.errors import SpecError
from taxiway.core.traffic import PREDICTION_EDGES, SECONDS_EDGES, Answer, Slot
from taxiway.engines.flavours import Prediction
from taxiway.runtime.serving import named, tensors
from taxiway.runtime.serving.answers import Asked, Speaker, checked, edge_index, tally
from taxiway.runtime.serving.comparing import differs, outputs
from taxiway.runtime.serving.frames import OTHER, Batch, Form, Told
from taxiway.runtime.serving.ledger import Ledgers

SPEAKER = Speaker("m", 3, ("a", "b", "c"))
NUMBERS = Prediction(np.array([1.5, np.nan, -2.0]))
SEVERAL = Prediction(np.array(["a", "c"]), np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), ("a", "b", "c"))
TWO = Prediction(np.array([True, False]), np.array([0.9, 0.2]), (False, True))


def test_few_and_many_numbers_are_counted_alike():
    random = np.random.default_rng(0)
    numbers = np.concatenate([random.normal(0, 1000, 60), [np.nan, np.inf, 0.0, 1e12]])
    few, many = tally(Prediction(numbers)), tally(Prediction(np.concatenate([numbers, numbers])))
    assert many.invalid == 2 * few.invalid == 4
    assert dict(many.bins) == {place: 2 * count for place, count in few.bins.items()}
    assert sum(few.bins.values()) == 62
    assert few.bins[len(PREDICTION_EDGES)] == 1


@pytest.mark.parametrize(("value", "edge"), [(0.0, 0.0), (0.05, 0.05), (0.051, 0.1), (-1.0, -1.0), (-0.99, -0.95)])
def test_a_number_falls_under_the_next_edge(value, edge):
    assert PREDICTION_EDGES[edge_index(value)] == edge


def test_of_a_classifier_labels_are_counted_and_the_second_or_likeliest_score():
    assert tally(TWO).labels == {"True": 1, "False": 1}
    assert {PREDICTION_EDGES[place] for place in tally(TWO).bins} == {0.9, 0.2}
    assert tally(SEVERAL).labels == {"a": 1, "c": 1}
    assert {PREDICTION_EDGES[place] for place in tally(SEVERAL).bins} == {0.7, 0.8}


def test_labels_without_scores_are_no_numbers():
    found = tally(Prediction(np.array([1, 2]), None, (1, 2)))
    assert (found.bins, found.labels) == ({}, {"1": 1, "2": 1})


def test_a_model_must_answer_every_row():
    assert checked(TWO, 2) is TWO
    with pytest.raises(SpecError, match="one answer per row"):
        checked(TWO, 3)


@pytest.mark.parametrize("said", [NUMBERS, SEVERAL, TWO])
@pytest.mark.parametrize("wanted", [None, {"prediction": True}, {"prediction": False}])
def test_what_is_written_can_be_read_again(said, wanted):
    asked = Asked(None, len(said.values), "x", wanted)
    header, body = tensors.write(SPEAKER, asked, said)
    found = outputs(Form.TENSORS, body, header)
    expected = [None if value != value and not header else value for value in said.values.tolist()]  # noqa: PLR0124
    np.testing.assert_equal(found["prediction"], expected)
    if wanted is None and said.scores is not None:
        assert found["score"] == said.scores.tolist()
    assert not differs(said, Form.TENSORS, body, header)
    body = named.write(SPEAKER, asked, said)
    assert outputs(Form.NAMED, body, 0).get("score") == (None if said.scores is None else said.scores.tolist())
    assert not differs(said, Form.NAMED, body, 0)


def test_another_prediction_differs_and_rounding_does_not():
    body = named.write(SPEAKER, Asked(None, 2), Prediction(np.array([1.0, 2.0])))
    assert not differs(Prediction(np.array([1.0001, 2.0])), Form.NAMED, body, 0)
    assert differs(Prediction(np.array([1.1, 2.0])), Form.NAMED, body, 0)
    assert differs(Prediction(np.array([1.0])), Form.NAMED, body, 0)
    assert differs(Prediction(np.array([np.nan, 2.0])), Form.NAMED, body, 0)
    assert not differs(TWO, Form.NAMED, b"{}", 0)


def test_a_ledger_never_forgets_and_has_a_bounded_number_of_labels():
    ledgers = Ledgers()
    ledger = ledgers.of(3, Slot.LIVE)
    assert ledgers.of(3, Slot.LIVE) is ledger
    assert ledgers.of(3, Slot.SHADOW) is not ledger
    for status, answer in ((200, Answer.OK), (400, Answer.REFUSED), (429, Answer.OVERLOADED), (504, Answer.FAILED)):
        ledger.answered(Told(status, 0, 1, b""), 1e9)
        assert ledger.outcomes[answer] == 1
    assert ledger.seconds[len(SECONDS_EDGES)] == 4
    classes = [str(number) for number in range(150)]
    labels = dict.fromkeys(range(150), 1) | {OTHER: 2}
    ledger.predicted(Batch([], rows=3, invalid=1, bins={7: 3}, labels=labels), classes)
    assert (ledger.rows, ledger.invalid, ledger.bins, len(ledger.labels)) == (3, 1, {7: 3}, 101)
    assert ledger.labels["other"] == 52
