import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from runtime.kit import Workplace, flights
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.data import Dataset
from taxiway.engines.flavours import Prediction
from taxiway.runtime import golden
from taxiway.runtime.models import load_model
from taxiway.stores.datasets import snapshot


class Stub:
    """A model that answers by a function of the rows."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, rows):
        answer = self.answer(rows)
        return answer if isinstance(answer, Prediction) else Prediction(np.asarray(answer))


ROWS = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"], "day": [date(2026, 1, 1)] * 3})
DOUBLE = Stub(lambda rows: rows["a"].to_numpy() * 2)


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


def test_a_model_that_answers_as_at_training_is_good(tmp_path):
    assert golden.keep(DOUBLE, ROWS, tmp_path)
    assert golden.replay(DOUBLE, tmp_path) == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda rows: rows["a"].to_numpy() * 2.1, r"request 1: 2\.1 instead of 2\.0; .*; request 3"),
        (lambda rows: np.full(rows.height, np.nan), r"nan instead of 2\.0"),
        (lambda rows: np.full(rows.height, np.inf), r"inf instead of 2\.0"),
        (lambda rows: rows["a"].cast(pl.Int64).to_numpy() * 2, r"2 instead of 2\.0"),
        (lambda rows: rows["b"].to_numpy(), r"'\w' instead of 2\.0"),
        (lambda rows: rows["a"].to_numpy()[:1] * 2, r"Expected 3 answers\. Got 1"),
        (lambda rows: Prediction(rows["b"].to_numpy(), rows["a"].to_numpy()), "columns of 3 answers instead of"),
        (lambda _: 1 / 0, r"Expected it does not answer them at all\. Got ZeroDivisionError"),
    ],
)
def test_a_model_that_answers_otherwise_is_refused(tmp_path, answer, said):
    golden.keep(DOUBLE, ROWS, tmp_path)
    with pytest.raises(IntegrityError, match=rf"does not answer its golden requests.*{said}"):
        golden.replay(Stub(answer), tmp_path)


def test_rounding_is_no_difference(tmp_path):
    golden.keep(DOUBLE, ROWS, tmp_path)
    nearly = Stub(lambda rows: rows["a"].to_numpy().astype(np.float32) * np.float32(2.0001))
    assert golden.replay(nearly, tmp_path) == 3


def test_what_was_nan_at_training_may_be_nan_again(tmp_path):
    broken = Stub(lambda _: np.array([math.nan, 1.0, 2.0]))
    golden.keep(broken, ROWS, tmp_path)
    assert golden.replay(broken, tmp_path) == 3


def test_of_a_classifier_the_scores_are_compared(tmp_path):
    def classifier(labels, scores):
        return Stub(lambda _: Prediction(np.array(labels), np.array(scores), ("no", "yes")))

    golden.keep(classifier(["no", "no", "yes"], [0.1, 0.499999, 0.9]), ROWS, tmp_path)
    assert golden.replay(classifier(["no", "yes", "yes"], [0.1, 0.500001, 0.9]), tmp_path) == 3
    with pytest.raises(IntegrityError, match=r"request 3: 0\.8 instead of 0\.9"):
        golden.replay(classifier(["no", "no", "yes"], [0.1, 0.5, 0.8]), tmp_path)


def test_scores_of_several_classes_are_compared_too(tmp_path):
    scores = np.array([[0.1, 0.2, 0.7]] * 3)
    model = Stub(lambda _: Prediction(np.array(["c"] * 3), scores, ("a", "b", "c")))
    golden.keep(model, ROWS, tmp_path)
    assert golden.replay(model, tmp_path) == 3


def test_a_model_that_never_answers_the_same_twice_is_only_asked_whether_it_answers(tmp_path):
    random = np.random.default_rng(0)
    golden.keep(Stub(lambda rows: random.random(rows.height)), ROWS, tmp_path)
    assert golden.replay(Stub(lambda rows: random.random(rows.height)), tmp_path) == 3
    with pytest.raises(IntegrityError, match="does not answer them at all"):
        golden.replay(Stub(lambda _: 1 / 0), tmp_path)


def test_no_golden_row_is_a_row_of_the_data(tmp_path):
    golden.keep(DOUBLE, ROWS, tmp_path)
    kept = pl.read_ipc(tmp_path / "golden" / "requests.arrow")
    assert kept.schema == ROWS.schema
    assert not {*kept.select("a", "b").iter_rows()} & {*ROWS.select("a", "b").iter_rows()}


def test_hidden_columns_hold_no_values(tmp_path):
    golden.keep(DOUBLE, ROWS, tmp_path, hidden=frozenset({"b"}))
    assert pl.read_ipc(tmp_path / "golden" / "requests.arrow")["b"].to_list() == [None] * 3


def test_a_model_that_cannot_answer_rows_that_never_were_keeps_no_requests(tmp_path):
    assert not golden.keep(Stub(lambda _: 1 / 0), ROWS, tmp_path)
    assert golden.replay(DOUBLE, tmp_path) == 0


def test_every_trained_model_has_golden_requests_under_its_digest(place):
    run = place.train()
    model = load_model(run.model, place.store, place.job().scratch)
    assert model.replay() == 10
    (model.folder / "golden" / "answers.json").write_bytes(b"")
    with pytest.raises(SpecError, match="holds something else"):
        load_model(run.model, place.store, model.folder.parents[1])


def test_values_that_reports_may_not_show_are_not_in_the_golden_requests_either(place):
    path = place.folder / "lake" / "people.parquet"
    path.parent.mkdir(exist_ok=True)
    flights(50).write_parquet(path)
    masked = snapshot(Dataset("flights", path.as_uri(), personal={"carrier": "mask"}), place.store)
    run = place.train("train_a_folder", dataset=masked)
    folder = load_model(run.model, place.store, place.job().scratch).folder
    assert golden.columns(folder)["carrier"] == [None] * 10


def test_plain_rows_are_kept_as_json_that_needs_no_data_library(tmp_path):
    rows = pl.DataFrame({"a": [1.0, None], "n": [1, 2], "b": ["x", None], "t": [True, False]})
    plain = Stub(lambda asked: asked["n"].to_numpy() * (asked.schema == rows.schema))
    golden.keep(plain, rows, tmp_path)
    assert golden.columns(tmp_path) == {"a": [1.0, None], "n": [2, 1], "b": ["x", None], "t": [False, True]}
    assert golden.replay(plain, tmp_path) == 2


def test_rows_that_json_cannot_say_are_kept_as_arrow(tmp_path):
    golden.keep(DOUBLE, ROWS.with_columns(pl.lit(math.inf).alias("far")), tmp_path)
    assert golden.columns(tmp_path) is None
    assert golden.replay(DOUBLE, tmp_path) == 3
