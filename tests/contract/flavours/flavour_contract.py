"""What every flavour promises. A new one is one file, and one subclass of this."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.training import Column
from taxiway.engines.flavours import flavour, flavour_of
from taxiway.runtime.models import Model


def rows(count: int = 200) -> pl.DataFrame:
    random = np.random.default_rng(7)
    return pl.DataFrame(random.normal(size=(count, 3)).astype(np.float32), schema=["delay", "distance", "hour"])


def is_late(data: pl.DataFrame) -> np.ndarray:
    return (data["delay"].to_numpy() - 0.5 * data["hour"].to_numpy() > 0).astype(int)


class FlavourContract:
    """Subclasses say which flavour it is, make a fitted model, and say what it should predict."""

    name: str
    classes: tuple[Any, ...] = (0, 1)

    def model(self) -> Any:
        raise NotImplementedError

    def expected(self, model: Any, data: pl.DataFrame) -> np.ndarray:
        """The scores the model gives by its own means; the values if it has no scores."""
        raise NotImplementedError

    @pytest.fixture
    def fitted(self):
        return self.model()

    @pytest.fixture
    def saved(self, fitted, tmp_path):
        folder = tmp_path / "saved"
        folder.mkdir()
        assert flavour(self.name).save(fitted, folder, allow_pickle=False) is False
        return folder

    def load(self, folder) -> Model:
        inputs = tuple(Column(name=name, dtype="Float32") for name in rows(1).columns)
        return Model(inputs, flavour(self.name).load(folder, allow_pickle=False))

    def test_its_models_are_recognised_by_their_class(self, fitted):
        assert flavour_of(fitted) == self.name

    @pytest.mark.parametrize("thing", [None, object(), "text", 3, dict, [1]])
    def test_it_recognises_nothing_else(self, thing):
        assert not flavour(self.name).recognises(thing)

    def test_a_loaded_model_predicts_what_the_saved_one_did(self, fitted, saved):
        data = rows()
        prediction = self.load(saved).predict(data)
        told = prediction.values if prediction.scores is None else prediction.scores
        np.testing.assert_allclose(told, self.expected(fitted, data), rtol=1e-5, atol=1e-6)

    def test_a_prediction_is_one_label_and_one_probability_per_row(self, saved):
        prediction = self.load(saved).predict(rows(17))
        assert prediction.values.shape == (17,)
        assert prediction.classes == self.classes
        if self.classes:
            assert set(prediction.values.tolist()) <= set(self.classes)
            assert prediction.scores.shape == (17,)
            assert ((prediction.scores >= 0) & (prediction.scores <= 1)).all()
            likely = np.asarray(self.classes)[(prediction.scores > 0.5).astype(int)]
            assert (prediction.values == likely).all()

    def test_a_bare_matrix_gets_the_same_answers_as_rows(self, saved):
        model, data = self.load(saved), rows(50)
        if not model.takes_arrays:
            pytest.skip("this flavour is asked with rows only")
        one, other = model.predict(data), model.predict_array(data.to_numpy())
        np.testing.assert_array_equal(one.values, other.values)
        assert one.classes == other.classes
        if one.scores is not None:
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-6)

    def test_columns_are_found_by_name_in_whatever_order_they_come(self, saved):
        data = rows(50)
        shuffled = data.select("hour", pl.lit("x").alias("extra"), "delay", "distance")
        model = self.load(saved)
        np.testing.assert_array_equal(model.predict(shuffled).values, model.predict(data).values)

    def test_a_missing_column_is_named_with_the_nearest_one(self, saved):
        with pytest.raises(SpecError, match=r"'delay' is missing.*Did you mean 'delays'"):
            self.load(saved).predict(rows(5).rename({"delay": "delays"}))

    def test_text_where_numbers_were_is_refused(self, saved):
        with pytest.raises(SpecError, match=r"'hour' is of another type"):
            self.load(saved).predict(rows(5).with_columns(pl.col("hour").cast(pl.String)))

    def test_a_missing_or_damaged_file_is_refused(self, saved):
        for path in [path for path in saved.rglob("*") if path.is_file()]:
            whole = path.read_bytes()
            path.unlink()
            with pytest.raises(IntegrityError):
                self.load(saved)
            path.write_bytes(b"\x00damaged")
            with pytest.raises(IntegrityError):
                self.load(saved)
            path.write_bytes(whole)

    def test_it_knows_what_its_model_reads(self, fitted):
        knows = flavour(self.name).inputs(fitted)
        assert knows in (("delay", "distance", "hour"), 3, (), None)
