import pytest
from sklearn.linear_model import LogisticRegression

from runtime.kit import Workplace, flights
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.specs.training import Training
from taxiway.core.stages import TrainWork
from taxiway.runtime.models import load_model, save_model


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


def saved(place, model, *, named_inputs=(), **options):
    work = TrainWork(model="flight-delay", training=Training("own_code:train", **options), dataset=place.dataset())
    return save_model(model, work, flights(10), place.store, place.job().scratch, named_inputs=named_inputs)


def fitted():
    data = flights()
    return LogisticRegression().fit(data.select("hour", "delay"), data["late"].to_numpy())


def test_a_record_leads_to_the_model_that_was_saved(place):
    model = fitted()
    ref = saved(place, model)
    loaded = load_model(ref, place.store, place.job().scratch)
    assert (loaded.predict(flights()).scores == model.predict_proba(flights().select("hour", "delay"))[:, 1]).all()
    assert [(column.name, column.dtype) for column in ref.inputs] == [("hour", "Int64"), ("delay", "Float64")]
    assert ref.trained_on == place.dataset()
    assert not ref.pickled


def test_the_same_model_has_the_same_digest_wherever_it_is_saved(place):
    assert saved(place, fitted()).digest == saved(place, fitted()).digest


def test_a_damaged_blob_is_not_loaded(place):
    ref = saved(place, fitted())
    blob = max((place.folder / "store" / "blobs").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\xff")
    with pytest.raises(IntegrityError):
        load_model(ref, place.store, place.job().scratch)


def test_a_pickled_model_is_loaded_only_through_a_record_that_says_so(place):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from own_code import halve

    data = flights()
    model = make_pipeline(FunctionTransformer(halve), LogisticRegression())
    model.fit(data.select("hour", "delay"), data["late"].to_numpy())
    ref = saved(place, model, allow_pickle=True, named_inputs=("hour", "delay"))
    assert ref.pickled
    assert load_model(ref, place.store, place.job().scratch).predict(flights(5)).values.shape == (5,)
    with pytest.raises(IntegrityError, match="can run code"):
        load_model(ref.model_copy(update={"pickled": False}), place.store, place.job().scratch)


def test_a_model_that_names_no_columns_must_be_told_them(place):
    data = flights()
    model = LogisticRegression().fit(data.select("hour", "delay").to_numpy(), data["late"].to_numpy())
    with pytest.raises(SpecError, match=r"not known which columns.*names for its 2 inputs.*run\.inputs"):
        saved(place, model)
    assert [column.name for column in saved(place, model, named_inputs=("hour", "delay")).inputs] == ["hour", "delay"]


def test_inputs_that_the_dataset_does_not_have_are_refused(place):
    with pytest.raises(SpecError, match=r"'delays' that the dataset does not have.*Did you mean 'delay'"):
        saved(place, fitted(), named_inputs=("hour", "delays"))


def test_a_model_that_cannot_be_asked_about_its_own_columns_is_refused(place):
    with pytest.raises(SpecError, match=r"(?s)saved model cannot be used.*inside the model"):
        saved(place, fitted(), named_inputs=("hour", "carrier"))
