import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import own_code
from runtime.kit import Workplace, flights
from taxiway.core.errors import SpecError
from taxiway.core.records import load_record
from taxiway.core.specs.evaluation import Holdout
from taxiway.runtime.data import frame, split
from taxiway.runtime.models import load_model
from taxiway.stores.blobs import Blobs
from taxiway.stores.runs import RunHistory


@pytest.fixture
def place(tmp_path):
    return Workplace.at(tmp_path)


def test_a_run_names_the_model_and_the_data_it_was_trained_on(place):
    dataset = place.dataset()
    run = place.train(dataset=dataset, params={"C": 0.5})
    assert run.model.trained_on == dataset
    assert run.params == {"C": 0.5}
    assert run.metrics == {"loss": pytest.approx(1 / 3)}
    assert run.seconds > 0
    assert run.peak_memory_bytes > 1_000_000
    assert load_record(run.dump()) == run


def test_a_run_keeps_the_profile_of_the_rows_its_function_was_given_and_of_no_others(place):
    dataset, holdout = place.dataset(), Holdout(0.25, seed=3)
    run = place.train(dataset=dataset, holdout=holdout)
    seen, held = split(frame(dataset, place.store), holdout)
    profile = Blobs(place.store).get_record(run.profile)
    assert profile.rows == seen.collect().height < 600
    assert [column.name for column in profile.columns] == sorted(column.name for column in run.model.inputs)
    delay = seen.select("delay").collect()["delay"]
    moments = profile.column("delay").moments
    assert (moments.count, moments.low, moments.high) == (len(delay), delay.min(), delay.max())
    assert {moments.low, moments.high}.isdisjoint(held.collect()["delay"])


def test_the_profile_holds_no_value_of_a_personal_column(place):
    dataset = place.dataset().model_copy(update={"personal": {"delay": "mask"}})
    profile = Blobs(place.store).get_record(place.train(dataset=dataset).profile)
    assert profile.column("delay").moments.low is None
    assert not {*profile.column("delay").bins.edges} & {*flights()["delay"]}
    assert profile.column("hour").moments.low == 0


def test_a_training_is_not_lost_when_its_data_cannot_be_profiled(place, monkeypatch, capsys):
    def broken(*_, **__):
        raise SpecError("the data cannot be read")

    monkeypatch.setattr("taxiway.engines.profiles.reference", broken)
    assert place.train().profile is None
    assert "There is no profile to compare later windows with: the data cannot be read" in capsys.readouterr().out


def test_the_model_of_a_run_predicts(place):
    run = place.train()
    model = load_model(run.model, place.store, place.job().scratch)
    assert ((model.predict(flights()).values == flights()["late"].to_numpy()).mean()) > 0.7


def test_the_history_keeps_parameters_curves_and_files(place):
    run = place.train(params={"C": 0.5})
    view = RunHistory(place.store).read(run.run)
    assert view.params == {"C": 0.5}
    assert [(point.step, point.value) for point in view.curves["loss"]] == [
        (0, 1.0),
        (1, 0.5),
        (2, pytest.approx(1 / 3)),
    ]
    assert set(view.artifacts) == {"note.txt"}
    assert view.result == run


def test_the_held_out_rows_are_never_seen(place):
    dataset, holdout = place.dataset(), Holdout(0.25, seed=3)
    run = place.train(dataset=dataset, holdout=holdout)
    seen, held = split(frame(dataset, place.store), holdout)
    note = RunHistory(place.store).read(run.run).artifacts["note.txt"]
    assert Blobs(place.store).get(note.digest) == f"{seen.collect().height} rows".encode()
    assert held.collect().height + seen.collect().height == 600


def test_the_same_seed_gives_the_same_model_bytes_and_another_seed_another_draw(place):
    first, again, other = (place.train("train_drawing", seed=seed) for seed in (7, 7, 8))
    assert first.model.digest == again.model.digest
    assert first.metrics == again.metrics
    assert first.metrics != other.metrics
    assert first.metrics["python"] == random.Random(7).random()
    assert first.metrics["numpy"] == np.random.RandomState(7).rand()


def test_torch_is_seeded_when_only_the_function_will_import_it(tmp_path):
    pytest.importorskip("torch", reason="Install torch to see its generator seeded: uv sync --extra torch")
    (tmp_path / "late_torch.py").write_text(
        "def train(data, params, run):\n    import torch\n    run.log(drawn=torch.rand(1).item())\n    return data\n"
    )
    code = """
import sys, polars as pl
from late_torch import train
from taxiway.testing import run_training
assert "torch" not in sys.modules
draws = [run_training(train, pl.DataFrame(), seed=seed)[1]["drawn"] for seed in (3, 3, 4)]
assert draws[0] == draws[1] != draws[2], draws
"""
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Figure:
    """What figures of matplotlib have in common."""

    def savefig(self, path):
        Path(path).write_bytes(b"a picture")


class Page:
    """What figures of plotly have in common."""

    def write_html(self, path):
        Path(path).write_text("<p>a picture</p>")


def test_figures_are_kept_as_pictures_and_pages(place, monkeypatch):
    def train(data, params, run):
        run.artifact(Figure(), "loss")
        run.artifact(Page(), "map")
        return own_code.train(data, params, run)

    monkeypatch.setattr(own_code, "train_drawing_figures", train, raising=False)
    run = place.train("train_drawing_figures")
    kept = RunHistory(place.store).read(run.run).artifacts
    assert {name: Blobs(place.store).get(kept[name].digest) for name in ("loss", "map")} == {
        "loss": b"a picture",
        "map": b"<p>a picture</p>",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.artifact(3), "cannot be kept as an artefact.*a figure.*int"),
        (lambda run: run.artifact("nowhere.txt"), "no such file.*nowhere.txt"),
        (lambda run: run.log(loss=np.array([1.0, 2.0])), "'loss' is not one number"),
        (lambda run: run.log(step=-1, loss=1.0), "a step is a whole number"),
        (lambda run: run.log(step=1.5, loss=1.0), "a step is a whole number"),
    ],
)
def test_a_run_says_what_it_cannot_keep(place, monkeypatch, call, message):
    monkeypatch.setattr(own_code, "train_badly", lambda *given: call(given[-1]), raising=False)
    with pytest.raises(SpecError, match=message):
        place.train("train_badly")


def test_labels_of_one_class_alone_are_refused_in_the_librarys_own_words(place):
    data = flights().with_columns(late=pl.lit(value=False))
    with pytest.raises(ValueError, match=r"at least 2 classes.*False"):
        place.train(dataset=place.dataset(data))


def test_the_environment_can_be_built_again(place):
    found = place.train().environment
    assert found.packages["scikit-learn"].startswith("1.")
    assert {"polars", "numpy", "skops"} <= set(found.packages)
    assert found.source.startswith("sha256:")
    assert found.python.startswith("3.")


def test_a_function_outside_git_has_no_commit(place, tmp_path, monkeypatch):
    (tmp_path / "train_far_away.py").write_text("from own_code import train\nlocal = lambda *a: train(*a)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import train_far_away

    from taxiway.runtime.environment import environment

    assert environment(train_far_away.local).code is None
    assert environment(len).source is None


def test_a_nan_metric_is_kept_as_a_gap_and_said(place, capfd):
    run = place.train("train_logging_nan")
    assert run.metrics == {"loss": None}
    points = RunHistory(place.store).read(run.run).curves["loss"]
    assert [point.value for point in points] == [0.5, None]
    assert "metric loss is nan at step 1" in capfd.readouterr().out


def test_an_exception_of_the_function_comes_through_and_its_curve_stays(place):
    with pytest.raises(ZeroDivisionError, match="the learning rate is nothing"):
        place.train("train_and_raise")
    (folder,) = place.store.folders("runs/")
    assert RunHistory(place.store).read(folder).curves["loss"][0].value == 0.5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("train_and_return_nothing", "returned nothing.*return model"),
        ("train_and_return_a_dict", r"no flavour knows.*builtins\.dict"),
        ("train_on_made_up_columns", "'delay_twice' that the dataset does not have.*Did you mean 'delay'"),
        ("train_with_own_step", r"without pickle.*own_code\.halve"),
        ("train_with_a_bare_matrix", r"not known which columns.*run\.inputs"),
        ("train_logging_words", "'loss' is not a number.*'low'"),
        ("trian", "Did you mean 'train'"),
    ],
)
def test_what_is_no_usable_model_is_said_in_a_sentence(place, function, message):
    with pytest.raises(SpecError, match=message):
        place.train(function)


def test_a_pickled_model_is_marked_as_one(place):
    assert place.train("train_with_own_step", allow_pickle=True).model.pickled


def test_inputs_that_the_run_names_are_the_models_inputs(place):
    run = place.train("train_with_a_bare_matrix", params={"inputs": ["delay", "hour"]})
    assert [column.name for column in run.model.inputs] == ["delay", "hour"]


def test_no_rows_are_refused_before_the_function_is_called(place):
    with pytest.raises(SpecError, match="no rows to train on"):
        place.train("train_and_raise", dataset=place.dataset(flights(0)))


def test_an_interrupted_training_goes_on_from_its_last_checkpoint(place):
    dataset, params = place.dataset(), {"interrupt": True}
    with pytest.raises(KeyboardInterrupt):
        place.train("train_and_be_interrupted", dataset, params=params, job=place.job(attempt=1))
    again = place.train("train_and_be_interrupted", dataset, params=params, job=place.job(attempt=2))
    assert again.metrics == {"first": 3, "seen": 5}


@pytest.mark.parametrize("change", [{"seed": 1}, {"task_id": "other"}, {"rows": 500}, {"holdout": Holdout(0.5)}])
def test_another_training_does_not_see_the_checkpoint(place, change):
    interrupted = {"function": "train_and_be_interrupted", "params": {"interrupt": True}}
    with pytest.raises(KeyboardInterrupt):
        place.train(**interrupted)
    options = {name: change[name] for name in ("seed", "holdout") if name in change}
    job = place.job(task_id=change.get("task_id", "train"))
    with pytest.raises(KeyboardInterrupt):
        place.train(**interrupted, job=job, dataset=place.dataset(flights(change.get("rows", 600))), **options)
