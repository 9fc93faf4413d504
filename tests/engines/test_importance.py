import numpy as np
import polars as pl
import pytest

from taxiway.engines.flavours.base import Prediction
from taxiway.engines.importance import ROWS, importance

RANDOM = np.random.default_rng(0)
ROWS_OF = pl.DataFrame({"a": RANDOM.normal(size=ROWS), "b": RANDOM.normal(size=ROWS), "c": RANDOM.normal(size=ROWS)})


def found(answer, columns=("a", "b", "c")):
    return importance(answer, ROWS_OF, columns)


def test_what_the_answers_depend_on_is_important():
    shares = found(lambda rows: Prediction((3 * rows["a"] + rows["b"]).to_numpy()))
    assert shares == {"a": pytest.approx(0.75, abs=0.03), "b": pytest.approx(0.25, abs=0.03), "c": 0.0}


def test_probabilities_count_before_labels():
    def answer(rows):
        score = (rows["a"] > 0).cast(float).to_numpy()
        return Prediction(np.array(["x"] * len(rows)), score, ("w", "x"))

    assert found(answer)["a"] == 1.0


def test_labels_count_where_there_is_nothing_else():
    assert found(lambda rows: Prediction(np.where(rows["b"] > 0, "x", "y"), None, ("x", "y")))["b"] == 1.0


def test_nothing_matters_to_a_model_that_does_not_look():
    assert found(lambda rows: Prediction(np.zeros(len(rows)))) == {}


def test_answers_that_are_no_numbers_count_nothing():
    assert found(lambda rows: Prediction(np.full(len(rows), np.nan))) == {}


def test_many_columns_are_tried_on_fewer_rows():
    asked = []

    def answer(rows):
        asked.append(len(rows))
        return Prediction(np.zeros(len(rows)))

    importance(answer, ROWS_OF.with_columns(pl.lit(n).alias(f"x{n}") for n in range(500)), ["a", "b"] * 250)
    assert max(asked) == 400
