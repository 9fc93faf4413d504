import dataclasses
import json
import math
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import samples
from core import kinds, strategies
from taxiway.core import Dataset, Evaluation, Holdout, LocalJob, Threshold, Training
from taxiway.core.errors import SpecError
from taxiway.core.evaluation import Measure
from taxiway.core.jobs import JobRequest
from taxiway.core.names import canonical
from taxiway.core.records import dump_spec, load_record, load_spec
from taxiway.core.training import ModelRef

FEW = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
RECORDS = pytest.mark.parametrize("kind", kinds.records(), ids=lambda kind: kind.__name__)
SPECS = pytest.mark.parametrize("kind", kinds.specs(), ids=lambda kind: kind.__name__)


@RECORDS
@FEW
@given(data=st.data())
def test_every_record_comes_back_from_json_as_it_was(kind, data):
    record = data.draw(strategies.instances(kind))
    text = json.dumps(record.dump(), allow_nan=False)
    again = load_record(json.loads(text))
    assert again == record
    assert kind.load(json.loads(text)) == record
    assert again.fingerprint() == record.fingerprint()


@SPECS
@FEW
@given(data=st.data())
def test_every_spec_comes_back_from_json_as_it_was(kind, data):
    spec = data.draw(strategies.instances(kind))
    again = load_spec(kind, json.loads(json.dumps(dump_spec(spec), allow_nan=False)))
    assert again == spec
    assert dump_spec(again) == dump_spec(spec)


@RECORDS
def test_every_record_refuses_a_field_it_does_not_know(kind):
    with pytest.raises(SpecError, match="there is no field 'surprise'"):
        kind(surprise=1)


@RECORDS
def test_every_record_refuses_a_newer_version_of_itself(kind):
    with pytest.raises(SpecError, match="another version of Taxiway"):
        kind.load({"kind": kind.__name__, "v": kind.version + 1})


@pytest.mark.parametrize("version", [0, -1, None, "1", True, 1.0])
def test_a_version_that_never_was_is_refused(version):
    with pytest.raises(SpecError, match="Expected version 1 to 1"):
        Measure.load({**Measure(metric="f1", value=1.0).dump(), "v": version})


def test_a_record_of_another_kind_is_refused():
    with pytest.raises(SpecError, match=r"Expected 'ModelRef'\. Got 'DatasetRef'"):
        ModelRef.load(samples.dataset_ref().dump())


def test_an_unknown_kind_is_answered_with_the_nearest_one():
    with pytest.raises(SpecError, match="Did you mean 'Verdict'"):
        load_record({"kind": "Verdcit", "v": 1})


@pytest.mark.parametrize("data", [None, 3, "text", [], [{}]])
def test_what_is_not_a_json_object_is_no_record(data):
    for load in (load_record, ModelRef.load, lambda data: load_spec(Training, data)):
        with pytest.raises(SpecError, match="not a JSON object"):
            load(data)


def test_a_record_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        samples.dataset_ref().rows = 3


def test_a_spec_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Holdout().seed = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del Holdout().seed


def test_a_spec_is_a_value():
    assert repr(Holdout(0.5, by="day")) == "Holdout(fraction=0.5, by='day', seed=0)"
    assert {Holdout(0.5), Holdout(0.5, seed=0), Holdout(0.5, seed=1)} == {Holdout(0.5), Holdout(0.5, seed=1)}
    assert Holdout() != "Holdout()"


def test_a_misspelt_field_of_a_spec_is_answered_with_the_nearest_one():
    with pytest.raises(SpecError, match=r"Training: there is no field 'parms'\. .* Did you mean 'params'\?"):
        Training("a:b", parms={})


def test_a_misspelt_field_of_a_record_is_answered_with_the_nearest_one():
    with pytest.raises(SpecError, match=r"DatasetRef: there is no field 'rowz'\. .* Did you mean 'rows'\?"):
        samples.dataset_ref(rowz=3)


def test_a_field_like_no_other_is_to_be_taken_out():
    with pytest.raises(SpecError, match=r"Take it out\."):
        Holdout(qqqq=1)


def test_a_fault_in_a_nested_record_names_the_whole_way_to_it():
    broken = {**samples.dataset_ref().model_dump(), "rows": "many"}
    with pytest.raises(SpecError, match=r"^ModelRef\.trained_on\.rows: .*Got 'many'"):
        ModelRef(**{**samples.model_ref().model_dump(), "trained_on": broken})


def test_an_unknown_field_in_a_nested_record_names_the_record():
    broken = {**samples.dataset_ref().model_dump(), "rowz": 1}
    with pytest.raises(SpecError, match=r"^ModelRef\.trained_on: there is no field 'rowz'.*Did you mean 'rows'"):
        ModelRef(**{**samples.model_ref().model_dump(), "trained_on": broken})


def test_a_wrong_positional_argument_is_called_by_its_name():
    with pytest.raises(SpecError, match=r"^Dataset\.name: a name must be usable"):
        Dataset("../flights", "file:///lake/")


def test_one_positional_argument_too_many_is_refused():
    with pytest.raises(SpecError, match=r"^Holdout\.3: unexpected positional argument"):
        Holdout(0.2, None, 0, 4)


def test_a_missing_field_says_so():
    with pytest.raises(SpecError, match=r"^Measure\.value: field required"):
        Measure(metric="f1")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_everywhere(number):
    for make in (
        lambda: Measure(metric="f1", value=number),
        lambda: Threshold("f1", at_least=number),
        lambda: Training("a:b", params={"rate": number}),
        lambda: Training("a:b", params={"deep": [{"rate": number}]}),
        lambda: JobRequest(key=samples.job_key(), stage="train", work={"x": number}, store="memory://"),
        lambda: LocalJob(deadline_s=number),
    ):
        with pytest.raises(SpecError, match="finite number"):
            make()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"x": number})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Evaluation("late", ("f1",), resamples=0),
        lambda: Evaluation("late", "f1"),
        lambda: Evaluation("late", ()),
        lambda: Evaluation("late", ("f1",), min_slice_rows=-1),
        lambda: Holdout(1.0),
        lambda: Holdout(0.0),
        lambda: LocalJob(deadline_s=0),
        lambda: LocalJob(grace_s=-1),
        lambda: LocalJob(memory_bytes=0),
        lambda: Threshold("f1", at_least=0.5, min_rows=-1),
        lambda: samples.dataset_ref(digest="sha256:short"),
        lambda: samples.dataset_ref(digest=f"sha256:{'a' * 64}\n"),
        lambda: samples.dataset_ref(rows=-1),
        lambda: samples.dataset_ref(sample_rows=0),
        lambda: Dataset("flights", "file:///lake/", personal={"name": "burn"}),
    ],
)
def test_values_without_sense_are_refused(make):
    with pytest.raises(SpecError):
        make()


def test_an_unknown_metric_is_answered_with_the_nearest_one_when_the_recipe_is_written():
    with pytest.raises(SpecError, match=r"^Evaluation\.metrics: metric 'roc_acu' is not known.*Did you mean 'roc_auc'"):
        Evaluation("late", ("roc_acu",))


def test_equal_records_have_equal_fingerprints_whatever_the_order_of_their_parts():
    one = samples.model_version(metrics={"a": 1.0, "b": 2.0})
    two = samples.model_version(metrics={"b": 2.0, "a": 1.0})
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != samples.model_version(metrics={"a": 1.0, "b": 2.1}).fingerprint()


def test_records_and_specs_cross_processes():
    for value in (samples.report(), Training("a:b", params={"x": [1]}), Dataset("flights", "file:///lake/")):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes
